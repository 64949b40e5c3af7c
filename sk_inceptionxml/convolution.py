"""Convolution along the first axis by minimal filtering: 8 products of matrices for 5 outputs.

The direct way takes one product an output and a tap: 20 for the 5 outputs of a filter of 4 taps.
Toom and Cook read the taps and the inputs as polynomials, multiply their values at 8 points and
interpolate (Winograd, 1980; Lavin and Gray, 2016). The function is the same; in float32 the result
differs from the direct one by some 2e-6 of the largest output.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

POINTS = (1.0, 0.0, -1.0, 2.0, -2.0, 0.5, -0.5)  # and infinity: the most exact eight
N_POINTS = len(POINTS) + 1
ROWS = 128  # texts computed at once on a processor, so that what belongs to them stays in its cache


class _Scheme(NamedTuple):
    """``out = output @ ((filters @ taps) * (inputs @ tile))`` for each tile of inputs."""

    inputs: Tensor  # (points, points)
    filters: Tensor  # (points, taps)
    output: Tensor  # (outputs, points)


@lru_cache(maxsize=32)
def _scheme(n_taps: int, dtype: torch.dtype, device: torch.device) -> _Scheme:
    """Matrices of the minimal filtering with as many taps."""

    def values(degree: int) -> np.ndarray:
        """Values at every point of the monomials below the degree."""
        table = np.zeros((N_POINTS, degree))
        table[:-1] = np.asarray(POINTS)[:, None] ** np.arange(degree)
        table[-1, -1] = 1.0  # at infinity only the leading coefficient counts
        return table

    inputs = np.linalg.inv(values(N_POINTS)).T
    scale = 2.0 ** np.round(np.log2(np.abs(inputs).sum(axis=1, keepdims=True)))
    matrices = inputs / scale, values(n_taps) * scale, values(n_outputs(n_taps)).T
    with torch.inference_mode(False):  # they may be used in training later
        return _Scheme(*(torch.as_tensor(m, dtype=dtype, device=device) for m in matrices))


def n_outputs(n_taps: int) -> int:
    """Outputs of one tile of inputs."""
    return N_POINTS - n_taps + 1


def pays(n_taps: int, length: int) -> bool:
    """Whether minimal filtering takes clearly fewer products than the direct way."""
    if not 2 <= n_taps <= 5:  # above, neighbouring tiles would overlap by more than an output tile
        return False
    n_tiles = -(-length // n_outputs(n_taps))
    return N_POINTS * n_tiles < 0.7 * n_taps * length


def n_inputs(n_taps: int, length: int) -> int:
    """Inputs that ``convolve`` needs for ``length`` outputs; also past the last window."""
    if pays(n_taps, length):
        length = -(-length // n_outputs(n_taps)) * n_outputs(n_taps)
    return length + n_taps - 1


def filters(weight: Tensor, length: int) -> Tensor:
    """What ``convolve`` multiplies with, for ``length`` outputs and taps (n_taps, n_in, n_out)."""
    n_taps = len(weight)
    # in half precision the sums at the points 2 and -2 would lose what the products mean
    if not pays(n_taps, length) or torch.is_autocast_enabled(weight.device.type):
        return weight
    scheme = _scheme(n_taps, weight.dtype, weight.device)
    return (scheme.filters @ weight.reshape(n_taps, -1)).view(-1, *weight.shape[1:])


def convolve(x: Tensor, filters: Tensor, bias: Tensor, n_taps: int, length: int) -> Tensor:
    """Outputs ``out[t] = bias + sum_j x[t + j] @ weight[j]`` for every row.

    Parameters
    ----------
    x : Tensor of shape (n_inputs(n_taps, length), B, n_in)
        Contiguous.
    filters : Tensor
        ``filters(weight, length)``.
    bias : Tensor of shape (n_out,)
    n_taps, length : int

    Returns
    -------
    Tensor of shape (length, B, n_out)
    """
    if len(filters) == n_taps:  # the weight itself
        out: Tensor = bias
        for j in range(n_taps):
            flat = x[j : j + length].reshape(-1, x.shape[2])
            out = torch.addmm(out, flat, filters[j])
        return out.view(length, x.shape[1], -1)
    if torch.is_grad_enabled():
        out = _MinimalFiltering.apply(x, filters, bias, n_taps)
    else:
        out = _minimal_filtering(x, filters, bias, n_taps)
    return out if len(out) == length else out[:length]


def _tiles(x: Tensor, step: int, size: int, first: int = 0) -> Tensor:
    """Windows (n_tiles, size, columns) of the rows of x (T, B, C), a window every ``step`` rows."""
    length, b, c = x.shape
    stride = x.stride(0)
    n_tiles = (length - first - size) // step + 1
    return x.as_strided(
        (n_tiles, size, b * c), (step * stride, stride, 1), x.storage_offset() + first * stride
    )


def _minimal_filtering(x: Tensor, filters: Tensor, bias: Tensor, n_taps: int) -> Tensor:
    scheme, step = _scheme(n_taps, x.dtype, x.device), n_outputs(n_taps)
    length, b = len(x) - n_taps + 1, x.shape[1]
    out = x.new_empty(length, b, filters.shape[2])
    for rows in _row_chunks(x):
        transformed = _transform(scheme.inputs, _tiles(x[:, rows], step, N_POINTS))
        product = torch.bmm(transformed.view(N_POINTS, -1, x.shape[2]), filters)
        product[0] += bias  # the value at the point 1 enters every output once
        target = _tiles(out[:, rows], step, step)
        product = product.view(N_POINTS, len(target), -1).transpose(0, 1)
        torch.bmm(scheme.output.expand(len(target), -1, -1), product, out=target)
    return out


class _MinimalFiltering(torch.autograd.Function):
    """Minimal filtering of as many outputs as the inputs have tiles."""

    @staticmethod
    def forward(ctx, x, filters, bias, n_taps):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x, filters)
        ctx.n_taps = n_taps
        return _minimal_filtering(x, filters, bias, n_taps)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        x, filters = ctx.saved_tensors
        n_taps = ctx.n_taps
        scheme, step = _scheme(n_taps, x.dtype, x.device), n_outputs(n_taps)
        grad = grad.contiguous()
        grad_x, grad_filters = torch.empty_like(x), torch.zeros_like(filters)
        grad_bias = x.new_zeros(filters.shape[2])
        tail = len(x) - n_taps + 1  # the last tile has no neighbour to share these inputs with
        grad_x[tail:] = 0.0
        for rows in _row_chunks(x):
            outer = _transform(scheme.output.t(), _tiles(grad[:, rows], step, step))
            outer = outer.view(N_POINTS, -1, filters.shape[2])
            grad_bias += outer[0].sum(0)
            inner = _transform(scheme.inputs, _tiles(x[:, rows], step, N_POINTS))
            inner = inner.view(N_POINTS, -1, x.shape[2])
            grad_filters.baddbmm_(inner.transpose(1, 2), outer)
            torch.bmm(outer, filters.transpose(1, 2), out=inner)
            target = _tiles(grad_x[:tail, rows], step, step)
            inner = inner.view(N_POINTS, len(target), -1).transpose(0, 1)
            own, shared = scheme.inputs.t().split([step, n_taps - 1])
            torch.bmm(own.expand(len(target), -1, -1), inner, out=target)
            target = _tiles(grad_x[:, rows], step, n_taps - 1, first=step)
            target.baddbmm_(shared.expand(len(target), -1, -1), inner)
        return grad_x, grad_filters, grad_bias, None


def _row_chunks(x: Tensor) -> list[slice]:
    """Slices of the rows of x (T, B, C) that are computed at once."""
    n = ROWS if x.device.type == "cpu" else max(1, x.shape[1])
    return [slice(i, i + n) for i in range(0, x.shape[1], n)]


def _transform(matrix: Tensor, tiles: Tensor) -> Tensor:
    """The product of a matrix with every tile, tiles second: (points, n_tiles, columns)."""
    n, size, columns = tiles.shape
    out = tiles.new_empty(len(matrix), n, columns)
    torch.bmm(matrix.expand(n, -1, -1), tiles, out=out.transpose(0, 1))
    return out
