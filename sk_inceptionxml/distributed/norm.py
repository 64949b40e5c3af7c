"""Batch norm by the statistics of the rows of all ranks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sk_inceptionxml.network.layers import ChannelNorm

from .ranks import SumOverRanks


class SharedNorm(ChannelNorm):
    """``ChannelNorm`` over the rows of all ranks.

    ``torch.nn.SyncBatchNorm`` does this on GPUs alone, and fails on a rank without rows.

    Parameters
    ----------
    norm : BatchNorm1d
        Its parameters and statistics go on here.
    """

    def __init__(self, norm: nn.BatchNorm1d) -> None:
        nn.Module.__init__(self)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            return self._normed(x.to(self.norm.weight.dtype)).to(x.dtype)

    def _normed(self, x: Tensor) -> Tensor:
        n = self.norm
        means, variances = n.running_mean, n.running_var
        assert means is not None and variances is not None and n.num_batches_tracked is not None
        by_channel = (0, *range(2, x.ndim))
        shape = (1, -1, *[1] * (x.ndim - 2))
        size = x.new_full((1,), x.numel() // x.shape[1])
        total = SumOverRanks.apply(torch.cat([x.sum(by_channel), size]))
        count = total[-1].detach()
        mean = total[:-1] / count
        # two sums one after the other: a difference of squares would lose digits
        var = SumOverRanks.apply((x - mean.view(shape)).square().sum(by_channel)) / count
        several = count > 1  # one value a channel has no variance
        mean = torch.where(several, mean, means)
        spread = torch.where(several, var, variances)
        scale = n.weight * torch.rsqrt(spread + n.eps)
        with torch.no_grad():
            n.num_batches_tracked += several.to(n.num_batches_tracked.dtype)
            share = n.momentum * several.to(x.dtype)
            unbiased = var * count / (count - 1).clamp(min=1)
            means.lerp_(mean, share)
            variances.lerp_(torch.where(several, unbiased, variances), share)
        return (x - mean.view(shape)) * scale.view(shape) + n.bias.view(shape)


def share_norms(module: nn.Module) -> None:
    """Let every norm of a module take the statistics of all ranks, in place."""
    for owner in list(module.modules()):
        for name, child in list(owner.named_children()):
            if type(child) is ChannelNorm:
                setattr(owner, name, SharedNorm(child.norm))
