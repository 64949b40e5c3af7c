"""Layouts of the encoder: positions on a circular axis, and blocks of four of them.

A convolution of stride 4 over positions is one of stride 1 over blocks of four positions. Blocks
come first and texts second, so that a shift by a block is a shift of the first axis.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

STRIDE = 4


def block_taps(weight: Tensor) -> Tensor:
    """(F_out, F_in, 4 * blocks) filters as (blocks, 4 * F_in, F_out): one tap a block."""
    f_out, f_in, k = weight.shape
    return (
        weight.view(f_out, f_in, k // STRIDE, STRIDE)
        .permute(2, 3, 1, 0)
        .reshape(k // STRIDE, STRIDE * f_in, f_out)
    )


def wrap(x: Tensor, first: int, length: int, dim: int) -> Tensor:
    """Positions ``first``, ``first + 1``, ... of a circular axis."""
    wrapped: Tensor = _Pieces.apply(x, pieces(first, length, x.shape[dim]), dim)
    return wrapped


def pieces(first: int, length: int, size: int) -> list[tuple[int, int]]:
    """Start and length of the runs that make up ``length`` positions of a circular axis."""
    runs, start = [], first % size
    while length > 0:
        n = min(size - start, length)
        runs.append((start, n))
        start, length = 0, length - n
    return runs


class _Pieces(torch.autograd.Function):
    """Written out because autograd would fill a buffer of zeros for every piece."""

    @staticmethod
    def forward(ctx, x, pieces, dim):  # type: ignore[no-untyped-def]
        ctx.pieces, ctx.dim = pieces, dim
        ctx.like = torch.empty_like(x, device="meta")  # its strides: they suit what comes before
        return torch.cat([x.narrow(dim, *piece) for piece in pieces], dim=dim)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        grad_x = torch.zeros_like(ctx.like, device=grad.device)
        parts = grad.split([n for _, n in ctx.pieces], dim=ctx.dim)
        for piece, part in zip(ctx.pieces, parts, strict=True):
            grad_x.narrow(ctx.dim, *piece).add_(part)
        return grad_x, None, None


def circular_blocks(x: Tensor, n: int) -> Tensor:
    """Positions (B, E, F) as n blocks of four (n, B, 4 F), starting again where they end."""
    b, e, f = x.shape
    if e % STRIDE == 0:
        return wrap(x.view(b, e // STRIDE, STRIDE * f).transpose(0, 1), 0, n, dim=0)
    blocks = wrap(x, 0, n * STRIDE, dim=1).reshape(b, n, STRIDE * f)
    return blocks.transpose(0, 1).contiguous()


def with_bias(x: Tensor, first: int, length: int) -> Tensor:
    """Words (B, S, E) on a circular axis as ``wrap`` gives them, and below them a word of ones."""
    return F.pad(wrap(x, first, length, dim=2), (0, 0, 0, 1), value=1.0)


def project(x: Tensor, mix: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Filters (B, E, F), bias included, of words that ``mix`` (B, S, S) enhances.

    ``x`` (B, S + 1, E) holds the words and the ones of ``with_bias``.
    """
    b, s, _ = mix.shape
    combined = torch.matmul(mix.transpose(1, 2), weight[:, :s].t())
    combined = torch.cat([combined, bias.expand(b, 1, -1)], dim=1)
    return x.transpose(1, 2) @ combined
