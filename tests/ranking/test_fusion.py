"""Candidates are joined without loss or repetition; the fusion is a calibrated regression."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_inceptionxml.ranking.fusion import (
    Candidates,
    Fusion,
    add_further,
    hits,
    join_candidates,
    rank,
    recall,
    top_entries,
)


def sparse_scores(n, n_labels, seed):
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((n, n_labels)) < 0.4, rng.normal(size=(n, n_labels)), 0.0)
    return sp.csr_array(dense.astype(np.float32)), dense.astype(np.float32)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 12), st.integers(1, 12))
def test_joined_candidates_equal_a_literal_join(seed, n, c, n_lexical):
    n_labels = 12
    rng = np.random.default_rng(seed)
    labels = np.array([rng.permutation(n_labels)[:c] for _ in range(n)])
    labels[rng.random(labels.shape) < 0.2] = -1
    logits = np.where(labels >= 0, rng.normal(size=labels.shape), -np.inf).astype(np.float32)
    lexical, dense = sparse_scores(n, n_labels, seed)
    log_counts = rng.random(n_labels).astype(np.float32)
    joined = join_candidates(labels, logits, lexical, n_lexical, log_counts)
    for i in range(n):
        own = {j: z for j, z in zip(labels[i], logits[i], strict=True) if j >= 0}
        best = [j for j in np.argsort(-dense[i], kind="stable") if dense[i, j] > 0][:n_lexical]
        expected = set(own) | set(best)
        got = [j for j in joined.labels[i] if j >= 0]
        assert len(got) == len(set(got)) and set(got) == expected
        floor = min([*own.values(), 0.0])
        for place, j in enumerate(joined.labels[i]):
            if j >= 0:
                assert joined.network[i, place] == pytest.approx(own.get(j, floor))
                assert joined.lexical[i, place] == pytest.approx(dense[i, j])
                assert joined.observed[i, place] == (j in own)
                assert joined.log_counts[i, place] == log_counts[j]
    alone = join_candidates(labels, logits, None, n_lexical, log_counts)
    assert alone.labels is labels and alone.network is logits and not alone.lexical.any()
    np.testing.assert_array_equal(alone.observed, labels >= 0)
    np.testing.assert_array_equal(alone.log_counts[labels >= 0], log_counts[labels[labels >= 0]])


def test_top_entries_are_positive_and_best_first():
    columns, values = top_entries(sp.csr_array([[0.5, -1.0, 0.9, 0.0], [0, 0, 0, -2.0]]), 3)
    assert columns.tolist() == [[2, 0, -1], [-1, -1, -1]]
    assert values.tolist()[0] == pytest.approx([0.9, 0.5, 0.0])


def test_top_entries_of_equal_value_are_those_of_the_lower_columns():
    columns = np.array([3, 0, 2, 1], dtype=np.int32)  # as a product of matrices leaves them
    values = np.array([0.5, 0.5, 1e-38, 0.5], dtype=np.float32)
    scores = sp.csr_array((values, columns, [0, 4]), shape=(1, 5))
    best, value = top_entries(scores, 5)
    assert best.tolist() == [[0, 1, 3, 2, -1]]
    assert value.tolist() == [[0.5, 0.5, 0.5, np.float32(1e-38), 0.0]]
    assert scores.indices.tolist() == [3, 0, 2, 1]


def test_rank_breaks_ties_by_the_lower_label_and_pads():
    labels, scores = rank(np.array([[7, 3, -1]]), np.array([[1.0, 1.0, -np.inf]], np.float32), 5)
    assert labels.tolist() == [[3, 7, -1, -1, -1]]
    assert scores[0, :2].tolist() == [1.0, 1.0] and np.isneginf(scores[0, 2:]).all()


def test_fitted_fusion_recovers_a_known_probability():
    rng = np.random.default_rng(0)
    n, m = 3000, 10
    labels = np.tile(np.arange(m), (n, 1))
    z = rng.normal(-1, 1.5, (n, m)).astype(np.float32)
    s = rng.random((n, m)).astype(np.float32)
    truth = 1 / (1 + np.exp(-(0.8 * z + 3 * s - 1)))
    hit = rng.random((n, m)) < truth
    c = Candidates(labels, z, s, np.ones((n, m), bool), np.zeros((n, m), np.float32))
    fusion = Fusion(m, lexical=True).fit(c, hit, None)
    p = 1 / (1 + np.exp(-fusion.log_odds(c)))
    assert np.abs(p - truth).mean() < 0.01


def test_the_scale_of_weights_does_not_matter():
    c, hit, _ = known_probability(500, 10, 0, 1, 2)
    weight = np.random.default_rng(0).random(500)
    one, other = (Fusion(10, True).fit(c, hit, weight * s) for s in (1, 1e-6))
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-3, atol=1e-3)


def test_fusion_without_enough_examples_keeps_its_start():
    one = np.ones((1, 1), np.float32)
    c = Candidates(np.array([[0]]), one, one, one > 0, one)
    fusion = Fusion(1, lexical=True)
    before = fusion.coef_.copy()
    fusion.fit(c, np.array([[True]]), None)
    assert (fusion.coef_ == before).all()


def known_probability(n, m, seed, network, lexical):
    rng = np.random.default_rng(seed)
    z = rng.normal(-1, 1.5, (n, m)).astype(np.float32)
    s = rng.random((n, m)).astype(np.float32)
    truth = 1 / (1 + np.exp(-(network * z + lexical * s - 1)))
    labels = np.tile(np.arange(m), (n, 1))
    c = Candidates(labels, z, s, np.ones((n, m), bool), np.zeros((n, m), np.float32))
    return c, rng.random((n, m)) < truth, truth


def test_updates_follow_a_change_and_do_not_jump():
    before, hit, _ = known_probability(1000, 10, 0, 0.1, 4)
    fusion = Fusion(10, lexical=True).fit(before, hit, None)
    assert fusion.n_rows == 1000
    errors = []
    for seed in range(1, 25):
        after, hit, truth = known_probability(100, 10, seed, 1.5, 1)
        errors.append(np.abs(1 / (1 + np.exp(-fusion.log_odds(after))) - truth).mean())
        fusion = fusion.updated(after, hit, None)
    assert errors[1] > 0.7 * errors[0]
    assert errors[-1] < 0.2 * errors[0]
    assert fusion.n_rows == 1000 + 24 * 100


def test_an_update_without_enough_examples_changes_nothing():
    c, hit, _ = known_probability(1, 3, 0, 1, 1)
    fusion = Fusion(3, lexical=True)
    before = fusion.to_dict()
    assert fusion.updated(c, hit, None).to_dict() == before == fusion.to_dict()
    assert fusion.n_rows == 0


def test_an_update_leaves_the_former_fusion_as_it_was():
    before, hit, _ = known_probability(500, 10, 0, 0.1, 4)
    fusion = Fusion(10, lexical=True).fit(before, hit, None)
    state = fusion.to_dict()
    after, hit, _ = known_probability(100, 10, 1, 1.5, 1)
    updated = fusion.updated(after, hit, None)
    assert fusion.to_dict() == state
    assert updated.n_rows == 600 and updated.n_first == fusion.n_first
    assert (updated.coef_ != fusion.coef_).any()


@pytest.mark.parametrize("seed", range(5))
def test_later_labels_do_not_change_the_candidates_before_them(seed):
    rng = np.random.default_rng(seed)
    labels = np.array([rng.permutation(8)[:3] for _ in range(6)])
    logits = rng.normal(size=labels.shape).astype(np.float32)
    lexical, _ = sparse_scores(6, 8, seed)
    log_counts = rng.random(10).astype(np.float32)
    before = join_candidates(labels, logits, lexical, 8, log_counts[:8])
    wide = sp.csr_array((lexical.data, lexical.indices, lexical.indptr), shape=(6, 10))
    late = np.tile([8, 9], (6, 1))
    low = np.full(late.shape, -20, np.float32)
    labels, logits = np.hstack([labels, late]), np.hstack([logits, low])
    after = join_candidates(labels, logits, wide, 8, log_counts, 8)
    for i in range(6):
        old, new = (
            {j: (z, s, n) for j, z, s, _, n in zip(*(x[i] for x in c[:5]), strict=True) if j >= 0}
            for c in (before, after)
        )
        assert {j: x for j, x in new.items() if j < 8} == old


@pytest.mark.parametrize("seed", range(5))
def test_further_labels_stand_behind_the_candidates_as_the_network_has_them(seed):
    rng = np.random.default_rng(seed)
    n, n_labels, n_first = 4, 14, 9
    z = rng.normal(size=(n, n_labels)).astype(np.float32)
    kinds = [np.argsort(-z[:, part], axis=1) + part.start for part in (np.s_[0:9], np.s_[9:14])]
    best = np.hstack([kinds[0][:, :3], kinds[1][:, :3]])
    lexical, _ = sparse_scores(n, n_labels, seed)
    log_counts = np.zeros(n_labels, np.float32)
    c = join_candidates(best, np.take_along_axis(z, best, 1), lexical, 2, log_counts, n_first)
    scores = rng.normal(size=c.labels.shape).astype(np.float32)
    scores[c.labels < 0] = -np.inf
    for k in (4, 5, 9):
        ranking = np.hstack([kind[:, :k] for kind in kinds])
        ranking[0, -1] = -1
        labels, log_odds = add_further(c, scores, ranking, np.take_along_axis(z, ranking, 1), 9)
        m = c.labels.shape[1]
        np.testing.assert_array_equal(labels[:, :m], c.labels)
        np.testing.assert_array_equal(log_odds[:, :m], scores)
        for i in range(n):
            own = {j: x for j, x in zip(c.labels[i], scores[i], strict=True) if j >= 0}
            added = [j for j in labels[i, m:] if j >= 0]
            assert sorted([*own, *added]) == sorted({*own, *ranking[i]} - {-1})
            for j, x in zip(labels[i, m:], log_odds[i, m:], strict=True):
                if j < 0:
                    assert np.isneginf(x)
                    continue
                lowest = min(x for other, x in own.items() if (other < n_first) == (j < n_first))
                floor = min(z[i, other] for other in best[i] if (other < n_first) == (j < n_first))
                assert x < lowest
                assert x == pytest.approx(lowest + z[i, j] - floor, abs=1e-5)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(0, 5))
def test_hits_and_recall_are_those_of_a_loop(seed, n, m):
    rng = np.random.default_rng(seed)
    dense = rng.random((n, 7)) < 0.3
    labels = np.array([rng.permutation(7)[:m] for _ in range(n)], dtype=np.int64).reshape(n, m)
    labels[rng.random(labels.shape) < 0.2] = -1
    Y = sp.csr_array(dense.astype(np.float32))
    found = hits(labels, Y)
    expected = [[j >= 0 and bool(dense[i, j]) for j in row] for i, row in enumerate(labels)]
    assert found.tolist() == expected
    shares = [sum(row) / dense[i].sum() for i, row in enumerate(expected) if dense[i].any()]
    assert recall(labels, Y) == pytest.approx(np.mean(shares) if shares else 0.0)
