"""Layers that encoder and heads share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PRETENDS = False  # that the host runs ahead of the CPU too; tests set it


def dropout_mask(
    shape: Sequence[int], p: float, generator: torch.Generator | None, like: Tensor
) -> Tensor | None:
    """What inverted dropout multiplies with, at one random byte an element instead of one double.

    The rate is rounded to a multiple of 1/256 and the survivors are scaled by the rounded rate,
    so that the expectation is exact. Elements are dropped independently. None where none is.
    """
    threshold = round(p * 256)
    if threshold <= 0:
        return None
    if threshold >= 256:
        return like.new_zeros(*shape)
    n = math.prod(shape)
    words = torch.empty((n + 7) // 8, dtype=torch.int64, device=like.device)
    words.random_(-(2**63), None, generator=generator)
    draws = words.view(torch.uint8)[:n]
    keep = torch.ge(draws, threshold, out=draws)  # into bytes: booleans are ten times slower
    return keep.view(*shape).to(like.dtype).mul_(256.0 / (256 - threshold))


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """Values times a mask of dropout, if there is one."""
    return x if mask is None else x * mask.to(x.dtype)


def runs_ahead(device: torch.device) -> bool:
    """Whether the host queues work for the device, and waits where it needs a result."""
    return PRETENDS or device.type == "cuda"


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table, index, distinct):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(index)
        ctx.size, ctx.distinct = table.shape, distinct
        return table.index_select(0, index)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        (index,) = ctx.saved_tensors
        sparse = torch.sparse_coo_tensor(
            index[None], grad, ctx.size, is_coalesced=ctx.distinct or None, check_invariants=False
        )
        return sparse, None, None


def gather_rows(table: Tensor, index: Tensor, distinct: bool = False) -> Tensor:
    """Rows (n, ...) of a table by their numbers (n,), with a row-sparse gradient.

    The numbers may repeat, unless they are said to be ``distinct``, and sorted: the gradient is
    coalesced then.
    """
    rows: Tensor = _GatherRows.apply(table, index, distinct)
    return rows


class UninitialisedLinear(nn.Linear):
    """Linear layer whose weights the caller sets: torch's own would draw from global state."""

    def reset_parameters(self) -> None:
        pass


class Dropout(nn.Module):
    """Dropout drawn from a generator that the training step sets, never from global state."""

    generator: torch.Generator | None = None

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def mask(self, shape: Sequence[int], like: Tensor) -> Tensor | None:
        """What values of this shape are to be multiplied with; None where they stay."""
        if not self.training:
            return None
        return dropout_mask(shape, self.p, self.generator, like)

    def forward(self, x: Tensor) -> Tensor:
        return masked(x, self.mask(x.shape, x))


class SpectralWeight(nn.Module):
    """A weight matrix divided by its largest singular value (Miyato et al., 2018).

    One power iteration a training step; in evaluation mode the quotient is computed once.
    """

    u: Tensor

    def __init__(self, n_out: int, n_in: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_out, n_in))
        self.register_buffer("u", torch.empty(n_out))
        self._cached: Tensor | None = None
        self.reset(generator)

    def reset(self, generator: torch.Generator | None) -> None:
        if self.weight.is_meta:  # a shape alone, for which torch would import its compiler
            return
        with torch.no_grad():
            nn.init.xavier_normal_(self.weight, generator=generator)
            self.u.normal_(generator=generator)
            for _ in range(15):
                self._iterate()

    @torch.no_grad()
    def _iterate(self) -> Tensor:
        v = F.normalize(self.weight.t() @ self.u, dim=0)
        self.u.copy_(F.normalize(self.weight @ v, dim=0))
        return v

    def train(self, mode: bool = True) -> SpectralWeight:
        self._cached = None
        return super().train(mode)

    def forward(self) -> Tensor:
        if self.training:
            with torch.autocast(self.weight.device.type, enabled=False):
                v = self._iterate()
                return self.weight / torch.dot(self.u.clone(), self.weight @ v)
        cached = self._cached
        if cached is None or cached.device != self.weight.device:
            with torch.no_grad():
                v = F.normalize(self.weight.t() @ self.u, dim=0)
                cached = self.weight / torch.dot(self.u, self.weight @ v)
            self._cached = cached
        return cached


class SpectralLinear(nn.Module):
    """Linear layer with a spectral-normed weight."""

    def __init__(self, n_in: int, n_out: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.spectral = SpectralWeight(n_out, n_in, generator)
        with torch.no_grad():
            nn.init.xavier_uniform_(self.spectral.weight, generator=generator)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.spectral(), self.bias)


class ChannelNorm(nn.Module):
    """Batch norm of the channels, which are axis 1."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(n_channels)

    def forward(self, x: Tensor) -> Tensor:
        n = self.norm
        if self.training and x.numel() == x.shape[1]:  # one value a channel has no variance
            return F.batch_norm(x, n.running_mean, n.running_var, n.weight, n.bias, False)
        normed: Tensor = n(x)
        return normed


class SkipPool(nn.Module):
    """The feature brought to the width of the hidden layer, by averaging where they differ."""

    def __init__(self, n_features: int, hidden_dim: int) -> None:
        super().__init__()
        self.pool = None if n_features == hidden_dim else nn.AdaptiveAvgPool1d(hidden_dim)

    def forward(self, h: Tensor) -> Tensor:
        return h if self.pool is None else self.pool(h.unsqueeze(1)).squeeze(1)
