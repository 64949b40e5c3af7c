"""The fused loss equals torch's binary cross-entropy, value and gradients."""

from __future__ import annotations

import math
import pickle

import pytest
import torch
import torch.nn.functional as F

from sk_inceptionxml.network import losses, one_vs_all
from sk_inceptionxml.network.layers import SkipPool
from sk_inceptionxml.network.one_vs_all import OneVsAllHead
from sk_inceptionxml.network.quantized import quantize


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


@pytest.fixture
def rounded_head():
    """A head in evaluation whose label vectors have eight bits, and rows of features."""
    if one_vs_all.compiled() is None:
        pytest.skip("numba is not installed")
    g = torch.Generator().manual_seed(0)
    head = OneVsAllHead(24, 24, torch.arange(1, 301), 1000, 0.0, 0.0, g).eval()
    with torch.no_grad():
        head.weight.copy_(quantize(torch.randn(300, 24, generator=g)).values())
    return head, torch.randn(8, 24, generator=g)


@pytest.mark.parametrize("n", [1, 3, 8])
@pytest.mark.parametrize("n_first", [None, 40])
def test_a_few_rows_score_labels_as_many_do(rounded_head, n, n_first, monkeypatch):
    head, h = rounded_head
    with torch.inference_mode():
        values, labels = head.topk(h[:n], 30, n_first)
        assert head._rounded[1] is not None
        together = head._logits(h[:n], 7, 300)
        assert torch.equal(together, torch.cat([head._logits(row[None], 7, 300) for row in h[:n]]))
        monkeypatch.setattr(one_vs_all, "compiled", lambda: None)
        expected, same = head.topk(h[:n], 30, n_first)
    torch.testing.assert_close(values, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(labels, same)


def test_integers_follow_the_label_vectors(rounded_head):
    """However the vectors change: trained further, loaded, replaced, or no more of eight bits."""
    head, h = rounded_head

    def check():
        with torch.inference_mode():
            z = head._logits(head.features(h), 0, len(head.weight))
            torch.testing.assert_close(
                z, losses.logits_of(head.features(h), head.weight, head.bias), rtol=1e-5, atol=1e-5
            )

    check()
    with torch.no_grad():
        head.weight.mul_(2)  # as a step of an optimiser
    check()
    head.load_state_dict({**head.state_dict(), "weight": quantize(torch.randn(300, 24)).values()})
    check()
    head.start_labels(torch.tensor([3, 300]), torch.ones(2, 24), torch.zeros(2), None)
    check()
    head.weight.data = torch.randn(301, 24)
    check()
    assert head._rounded[1] is None


def test_a_pickled_head_does_not_hold_its_integers(rounded_head):
    head, h = rounded_head
    before = len(pickle.dumps(head))
    with torch.inference_mode():
        expected = head.topk(h, 5)
        assert head._rounded[1] is not None
    after = pickle.dumps(head)
    assert len(after) == before
    assert torch.equal(pickle.loads(after).topk(h, 5)[0], expected[0])
