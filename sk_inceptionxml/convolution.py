"""Convolution along the first axis by minimal filtering: 8 products for 5 outputs, or 9 for 6.

A product is one of matrices, of inputs and taps; the direct way takes one an output and a tap, 20
for the 5 outputs of a filter of 4 taps. Toom and Cook read the taps and the inputs as polynomials,
multiply their values at 8 or 9 points and interpolate (Winograd, 1980; Lavin and Gray, 2016). The
function is the same; in float32 the result differs from the direct one by some 2e-6 of the largest
output.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

# with zero and infinity the most exact eight, and nine, whose error is twice as large
POINTS = {
    8: (1.0, -1.0, 2.0, -2.0, 0.5, -0.5),
    9: (1.0, -1.0, 1.25, -1.25, 0.375, -0.375, 3.0),
}
ROWS = 384  # of a product, for each thread of a processor, so that they stay in its cache


class Filters(NamedTuple):
    """Values of the taps at the points."""

    inner: Tensor  # (points but two, n_in, n_out)
    outer: Tensor  # (2, n_in, columns with ends): at zero and infinity one end counts alone


class _Scheme(NamedTuple):
    """``out = output @ ((filters @ taps) * (inputs @ tile))`` for each tile of inputs."""

    inputs: Tensor  # (points, points)
    filters: Tensor  # (points, taps)
    output: Tensor  # (outputs, points)


@lru_cache(maxsize=32)
def _scheme(n_points: int, n_taps: int, dtype: torch.dtype, device: torch.device) -> _Scheme:
    """Matrices of the minimal filtering with as many points and taps."""

    def values(degree: int) -> np.ndarray:
        """Values at every point of the monomials below the degree; zero and infinity are last."""
        table = np.zeros((n_points, degree))
        table[:-2] = np.asarray(POINTS[n_points])[:, None] ** np.arange(degree)
        table[-2, 0] = table[-1, -1] = 1.0  # only the constant, only the leading coefficient
        return table

    inputs = np.linalg.inv(values(n_points)).T
    scale = 2.0 ** np.round(np.log2(np.abs(inputs).sum(axis=1, keepdims=True)))
    matrices = inputs / scale, values(n_taps) * scale, values(n_points - n_taps + 1).T
    with torch.inference_mode(False):  # they may be used in training later
        return _Scheme(*(torch.as_tensor(m, dtype=dtype, device=device) for m in matrices))


class Convolution(NamedTuple):
    """``out[t] = bias + sum_j x[t + j] @ weight[j]`` for every row of x.

    With a stride the inputs of an output, and of a tap, are as many that follow each other:
    ``x[stride * (t + j) : stride * (t + j + 1)]``, side by side.

    Parameters
    ----------
    n_taps : int
        Taps of the filters.
    length : int
        Outputs.
    ends : slice
        Columns of the weight whose first or last tap is not zero, all by default: where a filter
        is shorter than the others, its values at zero and infinity need no product.
    stride : int
        Inputs from an output to the next.
    """

    n_taps: int
    length: int
    ends: slice = slice(None)
    stride: int = 1

    @property
    def n_points(self) -> int:
        """Points of the minimal filtering; 0 where it takes not clearly fewer products."""
        if not 2 <= self.n_taps <= 5:  # above, tiles would overlap by more than an output tile
            return 0
        eight, nine = self._products(8), self._products(9)
        n, products = (9, nine) if nine < 0.95 * eight else (8, eight)
        return n if products < 0.7 * self.n_taps * self.length else 0

    def _products(self, n_points: int) -> int:
        return n_points * -(-self.length // (n_points - self.n_taps + 1))

    @property
    def step(self) -> int:
        """Outputs of one tile of inputs, 1 in the direct way."""
        return max(1, self.n_points - self.n_taps + 1)

    @property
    def n_tiles(self) -> int:
        """Tiles of all outputs; the last one may go past them."""
        return -(-self.length // self.step)

    @property
    def n_inputs(self) -> int:
        """Inputs that are read for all outputs; also past the last window."""
        return self.stride * (self.n_tiles * self.step + self.n_taps - 1)

    def filters(self, weight: Tensor) -> Filters | Tensor:
        """What the inputs are multiplied with, from taps (n_taps, stride * n_in, n_out)."""
        # in half precision the sums at the points 2 and -2 would lose what the products mean
        device = weight.device.type
        mixed = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
        if mixed or not self.n_points:
            return weight
        matrix = _scheme(self.n_points, self.n_taps, weight.dtype, weight.device).filters
        ends = weight[:, :, self.ends]
        inner = (matrix[:-2] @ weight.reshape(self.n_taps, -1)).view(-1, *weight.shape[1:])
        outer = (matrix[-2:] @ ends.reshape(self.n_taps, -1)).view(-1, *ends.shape[1:])
        return Filters(inner, outer)

    def __call__(self, x: Tensor, filters: Filters | Tensor, bias: Tensor) -> Tensor:
        """Outputs (length, B, n_out) of contiguous inputs (n_inputs, B, n_in).

        Where there are fewer, zeros follow; more are not read.
        """
        if len(x) < self.n_inputs:
            x = F.pad(x, (0, 0, 0, 0, 0, self.n_inputs - len(x)))
        if isinstance(filters, Tensor):
            x = x[: self.n_inputs].unflatten(0, (-1, self.stride)).transpose(1, 2).flatten(2)
            out: Tensor = bias
            for j in range(self.n_taps):
                flat = x[j : j + self.length].reshape(-1, x.shape[2])
                out = torch.addmm(out, flat, filters[j])
            return out.view(self.length, x.shape[1], -1)
        if torch.is_grad_enabled():
            out = _MinimalFiltering.apply(x, *filters, bias, self)
        else:
            out = _minimal_filtering(x, filters, bias, self)
        return out if len(out) == self.length else out[: self.length]


def _minimal_filtering(x: Tensor, filters: Filters, bias: Tensor, plan: Convolution) -> Tensor:
    n_points, step = plan.n_points, plan.step
    scheme = _scheme(n_points, plan.n_taps, x.dtype, x.device)
    phases = _phases(x, plan, step, n_points)
    inner_filters, outer_filters = (f.split(x.shape[2], dim=1) for f in filters)
    out = x.new_empty(plan.n_tiles * step, x.shape[1], filters.inner.shape[2])
    targets = _tiles(out, step, step)
    n = 0
    for some in _groups(plan.n_tiles, x):
        target = targets[some]
        if len(target) != n:  # all are alike but for the last; each call of torch takes its time
            n = len(target)
            values, value_tiles = _at_points(x, n_points, n, x.shape[2])
            product, product_tiles = _at_points(x, n_points, n, out.shape[2])
            if filters.outer.shape[2] < out.shape[2]:
                product[-2:] = 0.0
            inner, outer, at_one = product[:-2], product[-2:, :, plan.ends], product[0]
            transform, interpolation = (m.expand(n, -1, -1) for m in (scheme.inputs, scheme.output))
        for j, inputs in enumerate(phases):
            torch.bmm(transform, inputs[some], out=value_tiles)
            beta = min(j, 1)  # the first phase overwrites what is there
            inner.baddbmm_(values[:-2], inner_filters[j], beta=beta)
            outer.baddbmm_(values[-2:], outer_filters[j], beta=beta)
        at_one.add_(bias)  # the value at the point 1 enters every output once
        torch.bmm(interpolation, product_tiles, out=target)
    return out


class _MinimalFiltering(torch.autograd.Function):
    """Minimal filtering of as many outputs as the inputs have tiles."""

    @staticmethod
    def forward(ctx, x, inner, outer, bias, plan):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x, inner, outer)
        ctx.plan = plan
        return _minimal_filtering(x, Filters(inner, outer), bias, plan)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        x, inner, outer = ctx.saved_tensors
        plan = ctx.plan
        n_points, n_taps, step = plan.n_points, plan.n_taps, plan.step
        scheme = _scheme(n_points, n_taps, x.dtype, x.device)
        grad = grad.contiguous()
        grad_x, grad_bias = torch.empty_like(x), x.new_zeros(inner.shape[2])
        grad_inner, grad_outer = torch.zeros_like(inner), torch.zeros_like(outer)
        grads, phases = _tiles(grad, step, step), _phases(x, plan, step, n_points)
        own = _phases(grad_x, plan, step, step)
        shared = _phases(grad_x, plan, step, n_taps - 1, first=step)
        by_phase = [f.split(x.shape[2], dim=1) for f in (inner, outer, grad_inner, grad_outer)]
        grad_x[plan.stride * len(grad) :] = 0.0  # the last tile shares these inputs with none
        n = 0
        # a tile writes its own before others add to it
        for some in reversed(_groups(plan.n_tiles, x)):
            grad_tiles = grads[some]
            if len(grad_tiles) != n:
                n = len(grad_tiles)
                above, above_tiles = _at_points(x, n_points, n, grad.shape[2])
                below, below_tiles = _at_points(x, n_points, n, x.shape[2])
                above[:, -1] = below[:, -1] = 0.0  # the sums over rows have this row, too
                at_ends = above[-2:, :, plan.ends]
                transform, interpolation = (
                    m.expand(n, -1, -1) for m in (scheme.inputs, scheme.output.t())
                )
                own_matrix, shared_matrix = (
                    m.expand(n, -1, -1) for m in scheme.inputs.t().split([step, n_taps - 1])
                )
            torch.bmm(interpolation, grad_tiles, out=above_tiles)
            grad_bias += above[0].sum(0)
            for j, (inputs, w, w_ends, grad_w, grad_w_ends) in enumerate(
                zip(phases, *by_phase, strict=True)
            ):
                torch.bmm(transform, inputs[some], out=below_tiles)
                grad_w.baddbmm_(below[:-2].transpose(1, 2), above[:-2])
                grad_w_ends.baddbmm_(below[-2:].transpose(1, 2), at_ends)
                torch.bmm(above[:-2], w.transpose(1, 2), out=below[:-2])
                torch.bmm(at_ends, w_ends.transpose(1, 2), out=below[-2:])
                torch.bmm(own_matrix, below_tiles, out=own[j][some])
                shared[j][some].baddbmm_(shared_matrix, below_tiles)
        return grad_x, grad_inner, grad_outer, grad_bias, None


def _phases(x: Tensor, plan: Convolution, step: int, size: int, first: int = 0) -> list[Tensor]:
    """Windows, as of ``_tiles``, of every ``stride``-th input, from each of the first ones on.

    A convolution with a stride is the sum of as many without one.
    """
    return [
        _tiles(x[j :: plan.stride], step, size, first)[: plan.n_tiles] for j in range(plan.stride)
    ]


def _tiles(x: Tensor, step: int, size: int, first: int = 0) -> Tensor:
    """Windows (n_tiles, size, columns) of the rows of x (T, B, C), a window every ``step`` rows."""
    length, b, c = x.shape
    stride = x.stride(0)
    n_tiles = (length - first - size) // step + 1
    return x.as_strided(
        (n_tiles, size, b * c), (step * stride, stride, 1), x.storage_offset() + first * stride
    )


def _groups(n_tiles: int, x: Tensor) -> list[slice]:
    """Slices of the tiles of x (T, B, C) that are computed at once."""
    n = n_tiles
    if x.device.type == "cpu":
        n = torch.get_num_threads() * ROWS // max(1, x.shape[1])
    n = max(1, n)
    return [slice(i, i + n) for i in range(0, n_tiles, n)]


def _at_points(x: Tensor, n_points: int, n_tiles: int, width: int) -> tuple[Tensor, Tensor]:
    """Buffer (points, n_tiles * B + 1, width), and its rows as columns (n_tiles, points, ...).

    Without the last row, which has no meaning, points would mostly be a multiple of 4 KB apart, and
    share their places in the processor's cache.
    """
    rows = x.new_empty(n_points, n_tiles * x.shape[1] + 1, width)
    return rows, rows[:, :-1].view(n_points, n_tiles, -1).transpose(0, 1)
