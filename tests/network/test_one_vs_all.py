"""The fused loss equals torch's binary cross-entropy, value and gradients."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from sk_inceptionxml.network import losses
from sk_inceptionxml.network.layers import SkipPool
from sk_inceptionxml.network.one_vs_all import OneVsAllHead


@pytest.mark.parametrize("chunk", [1 << 24, 40])
@pytest.mark.parametrize("masked", [False, True])
def test_loss_equals_binary_cross_entropy(chunk, masked, monkeypatch):
    monkeypatch.setattr(losses, "LABEL_CHUNK", chunk)
    g = torch.Generator().manual_seed(0)
    n, m, d = 6, 23, 5
    h, w, b = (
        torch.randn(*shape, generator=g, dtype=torch.float64, requires_grad=True)
        for shape in [(n, d), (m, d), (m,)]
    )
    y = torch.rand(n, m, generator=g) < 0.2
    mask = ((torch.rand(n, m, generator=g) < 0.6) | y) if masked else None
    rows, columns = y.nonzero(as_tuple=True)
    row_weight = torch.rand(n, generator=g, dtype=torch.float64)
    fused = losses.one_vs_all_loss(h, w, b, rows, columns, row_weight, mask)
    terms = F.binary_cross_entropy_with_logits(h @ w.t() + b, y.double(), reduction="none")
    if mask is not None:
        terms = terms * mask
    literal = (terms.sum(1) * row_weight).sum()
    torch.testing.assert_close(fused, literal)
    for a, e in zip(
        torch.autograd.grad(3 * fused, [h, w, b]),
        torch.autograd.grad(3 * literal, [h, w, b]),
        strict=True,
    ):
        torch.testing.assert_close(a, e)


@pytest.mark.parametrize("chunk", [1 << 24, 40])
@pytest.mark.parametrize("k", [1, 5, 23])
def test_best_labels_come_with_the_same_loss_and_gradients(chunk, k, monkeypatch):
    monkeypatch.setattr(losses, "LABEL_CHUNK", chunk)  # 40 is six labels a chunk
    g = torch.Generator().manual_seed(0)
    parts = [
        torch.randn(*shape, generator=g, requires_grad=True) for shape in [(6, 5), (23, 5), (23,)]
    ]
    rows, columns = torch.tensor([0, 3, 5]), torch.tensor([22, 0, 7])
    row_weight = torch.rand(6, generator=g)
    loss, best = losses.one_vs_all_loss_and_best(*parts, rows, columns, row_weight, k)
    alone = losses.one_vs_all_loss(*parts, rows, columns, row_weight)
    assert torch.equal(loss, alone)
    pairs = zip(torch.autograd.grad(loss, parts), torch.autograd.grad(alone, parts), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    h, w, b = parts
    assert torch.equal(best, torch.addmm(b, h, w.t()).topk(k, dim=1).indices)


def test_bias_starts_at_the_logit_of_the_frequency():
    p = torch.sigmoid(losses.prior_logit(torch.tensor([0, 10, 999]), 1000))
    assert p.tolist() == pytest.approx([0.5 / 1001, 10.5 / 1001, 0.99], rel=1e-4)
    assert math.isfinite(losses.prior_logit(torch.tensor([5]), 5).item())


def test_topk_is_the_ranking_of_all_labels():
    g = torch.Generator().manual_seed(1)
    head = OneVsAllHead(12, 12, torch.arange(30), 40, 0.5, 0.5, g).eval()
    h = torch.randn(4, 12, generator=g)
    score, label = head.topk(h, 30)
    dense = head.features(h) @ head.weight.t() + head.bias
    torch.testing.assert_close(dense.gather(1, label), score)
    assert (score.diff(dim=1) <= 0).all()


def test_skip_pools_where_the_hidden_layer_is_narrower():
    pool = SkipPool(6, 3)
    assert pool(torch.tensor([[1.0, 3.0, 0.0, 2.0, 5.0, 5.0]])).tolist() == [[2.0, 1.0, 5.0]]


def test_first_labels_rank_bit_for_bit_as_without_those_appended():
    g = torch.Generator().manual_seed(1)
    head = OneVsAllHead(12, 12, torch.arange(30), 40, 0.5, 0.5, g).eval()
    h = torch.randn(4, 12, generator=g)
    before = head.topk(h, 7)
    vectors, biases = torch.ones(2, 12), torch.tensor([9.0, -9.0])
    source = head.start_labels(torch.tensor([30, 31]), vectors, biases, [vectors])
    assert source.tolist() == [*range(30), -1, -1]
    score, label = head.topk(h, 7, 30)
    assert torch.equal(score[:, :7], before[0]) and torch.equal(label[:, :7], before[1])
    assert label[:, 7:].tolist() == [[30, 31]] * 4
    z = head.features(h).sum(1)
    torch.testing.assert_close(score[:, 7:], torch.stack([z + 9, z - 9], 1))
    dense = head.features(h) @ head.weight.t() + head.bias
    torch.testing.assert_close(dense.gather(1, label), score)


@pytest.mark.parametrize("n", [1, 63, 64, 100])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_logits_do_not_depend_on_how_many_labels_are_computed_at_once(n, dtype, monkeypatch):
    monkeypatch.setattr(losses, "LABELS_AT_ONCE", 7)
    monkeypatch.setattr(losses, "CAST_BUDGET", 40)
    g = torch.Generator().manual_seed(n)
    h, bias = torch.randn(n, 5, generator=g), torch.randn(23, generator=g)
    weight = torch.randn(23, 5, generator=g).to(dtype)
    before = [t.clone() for t in (h, weight, bias)]
    z = losses.logits_of(h, weight, bias)
    assert z.dtype == torch.float32
    torch.testing.assert_close(z, h @ weight.float().t() + bias)
    assert all(torch.equal(a, b) for a, b in zip(before, (h, weight, bias), strict=True))


@pytest.mark.parametrize("k", [1, 5, 64, 2000])
@pytest.mark.parametrize("m", [2047, 2048, 2051, 5000])
def test_the_largest_are_those_of_topk(m, k):
    z = torch.randn(7, m, generator=torch.Generator().manual_seed(m + k))
    z[1, :] = -torch.inf
    z[2, 5:] = -torch.inf
    z[3, ::3] = 9.0  # equal ones
    z[4, -1] = z[5, 0] = torch.inf
    values, columns = losses.largest(z, k)
    assert torch.equal(values, z.topk(min(k, m), dim=1).values)
    assert torch.equal(z.gather(1, columns), values)
    assert all(len(set(row.tolist())) == min(k, m) for row in columns)
    values, columns = losses.largest(z, k, sort=False)
    assert torch.equal(values.sort(dim=1, descending=True).values, z.topk(min(k, m), dim=1).values)
    assert torch.equal(z.gather(1, columns), values)


def test_logits_that_are_no_numbers_are_among_the_largest():
    z = torch.zeros(1, 3000)
    z[0, 1234] = torch.nan
    assert losses.largest(z, 3)[1][0, 0] == 1234
