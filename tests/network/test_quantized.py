"""Label vectors of eight bits: how far they are off, and what their products do not depend on."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from sk_inceptionxml.network import one_vs_all, quantized
from sk_inceptionxml.network.losses import logits_of
from sk_inceptionxml.network.one_vs_all import OneVsAllHead
from sk_inceptionxml.network.quantized import QuantizedLabels, exactly, has_integer_products

integer_products = pytest.mark.skipif(
    not has_integer_products(), reason="this processor multiplies no integers quickly"
)


def vectors(n=300, width=48, seed=0):
    g = torch.Generator().manual_seed(seed)
    spread = torch.exp(torch.randn(n, 1, generator=g))
    return torch.randn(n, width, generator=g) * spread


def head_of(weight):
    head = OneVsAllHead(weight.shape[1], weight.shape[1], torch.ones(len(weight)), 100, 0.0, 0.0)
    head.weight.data = weight.clone()
    return head.eval()


def test_vectors_are_off_by_half_a_step_and_stay_then():
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


def test_only_finite_narrow_vectors_of_single_precision_are_rounded():
    weight = vectors(4)
    assert quantized.fits(weight)
    for other in (weight.half(), weight.double(), weight[:0], weight / 0):
        assert not quantized.fits(other)
        assert exactly(other) is None
    for width in (1, 1025):
        assert not quantized.fits(torch.zeros(2, width))


@integer_products
@pytest.mark.parametrize("width", [2, 7, 48, 1024])
def test_products_are_those_of_the_vectors_up_to_15_bits_of_the_features(width):
    labels, bias = quantized.quantize(vectors(200, width)), torch.randn(200)
    h = vectors(37, width, seed=1)
    h[5] = 0
    off = (labels.logits(h, bias) - logits_of(h, labels.values(), bias)).abs()
    unit = h.abs().amax(1, keepdim=True) / (127 * 128)
    assert (off <= 0.51 * unit * labels.values().abs().sum(1) + 1e-4 * (1 + off)).all()


@integer_products
def test_the_sum_of_the_largest_integers_is_exact():
    labels = quantized.quantize(torch.full((3, 1024), 127.0))
    z = labels.logits(torch.ones(1, 1024), torch.zeros(3))
    assert torch.equal(z, torch.full((1, 3), 1024.0 * 127))


@integer_products
def test_a_score_depends_on_no_other_row_and_no_other_label(monkeypatch):
    labels, bias = quantized.quantize(vectors(5000)), torch.randn(5000)
    h = vectors(70, seed=1)
    z = labels.logits(h, bias)
    for rows in (slice(0, 1), slice(3, 11), slice(2, 70)):
        assert torch.equal(labels.logits(h[rows], bias), z[rows])
    assert torch.equal(labels.logits(h, bias, slice(17, 3333)), z[:, 17:3333])
    monkeypatch.setattr(quantized, "PRODUCTS_AT_ONCE", 2 * 70 * 77)
    assert torch.equal(labels.logits(h, bias), z)


@integer_products
def test_rows_that_are_no_numbers_stay_so():
    labels = quantized.quantize(vectors())
    h = vectors(4)
    h[1, 3], h[2, 5] = torch.nan, torch.inf
    finite = torch.isfinite(labels.logits(h, torch.zeros(300))).all(1)
    assert finite.tolist() == [True, False, False, True]


@integer_products
def test_a_head_uses_them_until_its_vectors_change():
    rounded = quantized.quantize(vectors())
    head, h = head_of(rounded.values()), vectors(9, seed=1)
    assert isinstance(head.quantized(), QuantizedLabels)
    assert head.quantized() is head.quantized()
    with torch.no_grad():
        before = head.topk(h, 5)
        expected = rounded.logits(head.features(h), head.bias).topk(5)
    assert torch.equal(before[0], expected.values)
    with torch.no_grad():
        head.weight[7] *= 1.001  # no longer of eight bits
    assert head.quantized() is None
    head.weight.data = rounded.values()
    assert head.quantized() is not None
    head.weight = torch.nn.Parameter(vectors(seed=2))
    assert head.quantized() is None
    assert head.train().quantized() is None


@integer_products
def test_copies_make_their_own():
    head = head_of(quantized.quantize(vectors()).values())
    head.fill_caches()
    plain = len(pickle.dumps(head_of(vectors())))
    assert len(pickle.dumps(head)) < plain + 500
    for other in (copy.deepcopy(head), pickle.loads(pickle.dumps(head))):
        assert torch.equal(other.quantized().integers, head.quantized().integers)


def test_other_processors_multiply_the_same_vectors(monkeypatch):
    rounded = quantized.quantize(vectors())
    head, h = head_of(rounded.values()), vectors(9, seed=1)
    with torch.no_grad():
        score, label = head.topk(h, 5)
        monkeypatch.setattr(one_vs_all, "has_integer_products", lambda: False)
        expected = head.topk(h, 5)
    torch.testing.assert_close(score, expected[0], rtol=1e-3, atol=1e-3)
    assert (label == expected[1]).float().mean() > 0.9
