"""Label vectors in eight bits, so that a saved model is small and predicts as the fitted one."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sk_inceptionxml._utils.threads import fork_safe

MOST = 127  # the largest integer of a label vector
LABELS_AT_ONCE = 256
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
    if vectors.dtype != torch.float32 or not vectors.numel():
        return False
    return all(bool(torch.isfinite(extreme)) for extreme in vectors.aminmax())


@fork_safe()
def exactly(vectors: Tensor) -> QuantizedLabels | None:
    """Vectors of eight bits, if these are the very values of ``vectors``; otherwise None."""
    if not fits(vectors):
        return None
    integers = torch.empty(vectors.shape, dtype=torch.int8, device=vectors.device)
    all_of_them = QuantizedLabels(integers, vectors.new_empty(len(vectors)))
    for start in range(0, len(vectors), LABELS_AT_ONCE):  # large buffers would stay in the process
        part = slice(start, start + LABELS_AT_ONCE)
        found = quantize(vectors[part])
        if not torch.equal(found.values(), vectors[part]):
            return None
        for whole, some in zip(all_of_them, found, strict=True):
            whole[part] = some
    return all_of_them
