"""The encoder in evaluation mode, with its batch norms folded into the convolutions after them.

In evaluation a batch norm is a scale and a shift of each channel. The convolution that follows
pads circularly or not at all, so that scale and shift pass into its weights and bias exactly.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sk_inceptionxml.blocks import STRIDE, blocks, circular_blocks, project, with_bias

ROWS = 128  # texts at once, so that what belongs to them stays in the cache

gelu_ = torch.ops.aten.gelu_  # in place: a fresh buffer would push others out of the cache


def scale_and_shift(norm: torch.nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """The affine map of a batch norm in evaluation."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def fold(weight: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (F_out, F_in, k) and added bias (F_out,) of a convolution of ``scale * x + shift``."""
    return weight * scale[None, :, None], (weight * shift[None, :, None]).sum(dim=(1, 2))


class FoldedConvolutions:
    """Everything after the attentions, for inference.

    Parameters
    ----------
    encoder : InceptionEncoder
        In evaluation mode; its weights are copied.
    """

    @torch.no_grad()
    def __init__(self, encoder: Any) -> None:
        self.branches, self.second = encoder.branches, encoder.second
        self.project = encoder.project.clone()
        self.project_bias = encoder.project_bias.clone()
        affine = scale_and_shift(encoder.project_norm.norm)
        folded = [fold(w, *affine) for w in self.branches.weights]
        # the second convolution leaves out what its last window does not reach
        needed = (self.second.out_length - 1) * STRIDE + self.second.kernel
        self.convolve = self.branches.convolve._replace(length=needed)
        taps = self.branches.block_taps([weight for weight, _ in folded])
        self.branch_filters = self.convolve.filters(taps)
        self.branch_bias = self.branches.bias + torch.cat([bias for _, bias in folded])
        affine = scale_and_shift(encoder.branch_norm.norm)
        weight, bias = fold(self.second.weight, *affine)
        self.second_filters = self.second.convolve.filters(self.second.block_taps(weight))
        self.second_bias = self.second.bias + bias
        self.scale, self.shift = scale_and_shift(encoder.second_norm.norm)

    def __call__(self, x: Tensor, mix: Tensor) -> Tensor:
        """Features (B, n_features) of words (B, S, E) that ``mix`` (B, S, S) enhances."""
        pairs = zip(x.split(ROWS), mix.split(ROWS), strict=True)
        return torch.cat([self._features(*pair) for pair in pairs])

    def _features(self, x: Tensor, mix: Tensor) -> Tensor:
        h = with_bias(x, self.branches.first, x.shape[2])
        h = gelu_(project(h, mix, self.project, self.project_bias))
        h = circular_blocks(h, self.convolve.n_inputs)
        h = gelu_(self.convolve(h, self.branch_filters, self.branch_bias))
        h = blocks(h, self.second.convolve.n_inputs)
        h = gelu_(self.second.convolve(h, self.second_filters, self.second_bias))
        h = torch.addcmul(self.shift, h, self.scale)
        return h.permute(1, 2, 0).reshape(len(x), -1)
