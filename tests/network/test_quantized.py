"""Label vectors of eight bits: how far they are off, and that they stay as they are then."""

from __future__ import annotations

import pytest
import torch

from sk_inceptionxml.network import quantized
from sk_inceptionxml.network.quantized import exactly


def vectors(n=300, width=48, seed=0):
    g = torch.Generator().manual_seed(seed)
    spread = torch.exp(torch.randn(n, 1, generator=g))
    return torch.randn(n, width, generator=g) * spread


@pytest.mark.parametrize("at_once", [7, 2048])
def test_vectors_are_off_by_half_a_step_and_stay_then(at_once, monkeypatch):
    monkeypatch.setattr(quantized, "LABELS_AT_ONCE", at_once)
    weight = vectors()
    rounded = quantized.quantize(weight)
    step = weight.abs().amax(1, keepdim=True) / 127
    # the scale has ten bits: what a number of the row gains or loses by that is 127 * 2^-10 steps
    assert ((rounded.values() - weight).abs() <= (0.5 + 127 * 2**-10) * step).all()
    again = exactly(rounded.values())
    assert torch.equal(again.integers, rounded.integers)
    assert torch.equal(again.scale, rounded.scale)
    assert exactly(weight) is None


@pytest.mark.parametrize("value", [0.0, 1e-45, 1e-38, 1e-30, 1e30, 3e38])
def test_extreme_rows_stay_finite(value):
    weight = vectors(8)
    weight[3] = value
    found = quantized.quantize(weight).values()
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found[3], weight[3], rtol=0.01, atol=2e-36)
    assert exactly(found) is not None


def test_only_finite_vectors_of_single_precision_are_rounded():
    weight = vectors(4)
    assert quantized.fits(weight)
    for other in (weight.half(), weight.double(), weight[:0], weight / 0):
        assert not quantized.fits(other)
        assert exactly(other) is None
