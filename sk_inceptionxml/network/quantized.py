"""Label vectors in eight bits: a quarter of the memory to read, and products that are exact.

A prediction of one text reads every label vector, and waits for the memory. Integers take a quarter
of it. Their sums have no rounding, so that the score of a label for some features depends neither
on the other labels nor on the rest of the batch.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from sk_inceptionxml._utils.threads import fork_safe

MOST = 127  # the largest integer of a label vector
PARTS = 128  # a feature is PARTS times one integer of eight bits, plus another
MAX_WIDTH = 1024  # so many products of two such integers add up exactly in single precision
PRODUCTS_AT_ONCE = 1 << 19  # they stay in the cache
LABELS_AT_ONCE = 2048  # of those that are rounded
SCALE_BITS = -(1 << 13)  # ten bits after the point: a scale times an integer is exact
TINY = torch.finfo(torch.float32).tiny


class QuantizedLabels(NamedTuple):
    """Label vectors (M, D) as integers of eight bits, and the scale of every label (M,)."""

    integers: Tensor
    scale: Tensor

    def values(self) -> Tensor:
        """The vectors (M, D), float32."""
        return self.integers.float().mul_(self.scale[:, None])

    def logits(self, h: Tensor, bias: Tensor, labels: slice = slice(None)) -> Tensor:
        """``h @ vectors.T + bias`` (B, M) of some labels for features h (B, D).

        Features are rounded to 15 bits, relative to the largest of their row.
        """
        integers, scale, bias = self.integers[labels], self.scale[labels], bias[labels]
        n = len(h)
        unit = h.abs().amax(1, keepdim=True) / (MOST * PARTS)
        rounded = torch.round(h / unit.clamp(min=TINY))
        coarse = torch.round(rounded / PARTS)
        parts = torch.cat([coarse, rounded - PARTS * coarse]).to(torch.int8)
        z = h.new_empty(n, len(bias))
        step = max(1, PRODUCTS_AT_ONCE // max(1, 2 * n))
        for start in range(0, len(bias), step):
            some = slice(start, start + step)
            products = torch._int_mm(parts, integers[some].t())
            sums = products[n:].add_(products[:n], alpha=PARTS)
            out = torch.mul(sums, scale[some], out=z[:, some])
            torch.addcmul(bias[some].expand_as(out), out, unit, out=out)
        return z


def quantize(vectors: Tensor) -> QuantizedLabels:
    """The nearest vectors of eight bits, for float32 vectors."""
    # the largest of a row becomes 127 times its scale exactly: ``exactly`` finds the same scale
    bits = (vectors.abs().amax(1) / MOST).view(torch.int32)
    scale = bits.bitwise_and(SCALE_BITS).view(torch.float32)
    small = scale < TINY
    integers = torch.round(vectors / torch.where(small, torch.inf, scale)[:, None])
    integers = integers.clamp_(-MOST, MOST).to(torch.int8)
    return QuantizedLabels(integers, torch.where(small, 0.0, scale))


def fits(vectors: Tensor) -> bool:
    """Whether vectors may be rounded to eight bits."""
    # torch's product of integers is wrong for vectors of one number
    narrow = vectors.dtype == torch.float32 and 2 <= vectors.shape[1] <= MAX_WIDTH
    return narrow and len(vectors) > 0 and bool(torch.isfinite(vectors.abs().amax()))


@fork_safe()
def exactly(vectors: Tensor) -> QuantizedLabels | None:
    """Vectors of eight bits, if these are the very values of ``vectors``; otherwise None."""
    if not fits(vectors):
        return None
    parts = []
    for some in vectors.split(LABELS_AT_ONCE):  # large buffers would stay with the process
        found = quantize(some)
        if not torch.equal(found.values(), some):
            return None
        parts.append(found)
    return QuantizedLabels(*map(torch.cat, zip(*parts, strict=True)))


@cache
def has_integer_products() -> bool:
    """Whether torch multiplies integers of eight bits quickly on this processor."""
    if not torch.backends.mkldnn.is_available() or not hasattr(torch, "_int_mm"):
        return False
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        return False
    ones = torch.ones(2, 16, dtype=torch.int8, device="cpu")
    try:
        return bool((torch._int_mm(ones, ones.t()) == 16).all())
    except RuntimeError:
        return False
