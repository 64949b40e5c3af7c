"""Label vectors in eight bits, so that a saved model is small and predicts as the fitted one."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sk_inceptionxml._utils.threads import fork_safe

MOST = 127  # the largest integer of a label vector
LABELS_AT_ONCE = 2048
SCALE_BITS = -(1 << 13)  # ten bits after the point: a scale times an integer is exact
TINY = torch.finfo(torch.float32).tiny


class QuantizedLabels(NamedTuple):
    """Label vectors (M, D) as integers of eight bits, and the scale of every label (M,)."""

    integers: Tensor
    scale: Tensor

    def values(self) -> Tensor:
        """The vectors (M, D), float32."""
        return self.integers.float().mul_(self.scale[:, None])


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
    single = vectors.dtype == torch.float32 and vectors.numel() > 0
    return single and bool(torch.isfinite(vectors.abs().amax()))


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
