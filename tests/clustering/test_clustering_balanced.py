"""Balanced two-means: quality of the cuts, and ties."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from _label_topics import cohesion, topics
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import normalize

from sk_inceptionxml.clustering import BalancedLabelClustering, pifa
from sk_inceptionxml.clustering._balanced import balanced_clusters, two_means


def plain_halves(F, size_left, seed, max_iter=20):
    """Balanced spherical 2-means by the book, dense float64."""
    rng = np.random.default_rng(seed)
    i, j = rng.choice(len(F), size=2, replace=False)
    right, best = np.ones(len(F), dtype=bool), -np.inf
    right[np.argsort(F @ (F[i] - F[j]), kind="stable")[:size_left]] = False
    for _ in range(max_iter):
        a, b = F[right].sum(axis=0), F[~right].sum(axis=0)
        gain = (np.linalg.norm(a) + np.linalg.norm(b)) / len(F)
        if gain <= best * (1 + 1e-4):
            break
        best = gain
        score = F @ (a / np.linalg.norm(a) - b / np.linalg.norm(b))
        right = np.ones(len(F), dtype=bool)
        right[np.argsort(score, kind="stable")[:size_left]] = False
    return right


def plain_tree(F, members, n_clusters, seed):
    """Split recursively by :func:`plain_halves`."""
    if n_clusters == 1:
        return [members]
    right = plain_halves(F[members], len(members) // 2, seed)
    halves = (members[~right], members[right])
    return [leaf for h in halves for leaf in plain_tree(F, h, n_clusters // 2, seed + 1)]


def test_as_good_as_plain_two_means():
    X, Y, _ = topics(n_labels=1024, n_topics=64, rows_per_topic=40, spread=0.3)
    features = pifa(Y, X)
    dense = features.toarray().astype(np.float64)
    ours, plain = [], []
    for seed in range(3):
        ours.append(
            cohesion(
                features,
                BalancedLabelClustering(128, graph=False, random_state=seed).fit(X, Y).labels_,
            )
        )
        leaves = plain_tree(dense, np.arange(1024), 128, seed)
        plain.append(sum(np.linalg.norm(dense[leaf].sum(axis=0)) for leaf in leaves) / 1024)
    assert np.mean(ours) > 0.98 * np.mean(plain)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 10))
def test_two_means_near_best_cut(seed, n):
    rng = np.random.default_rng(seed)
    vectors = normalize(rng.random((n, 4)))
    cosines = (vectors @ vectors.T).astype(np.float32)

    def value(right):
        return np.linalg.norm(vectors[right].sum(0)) + np.linalg.norm(vectors[~right].sum(0))

    cuts = [
        np.isin(np.arange(n), np.flatnonzero([(bits >> i) & 1 for i in range(n)]))
        for bits in range(2**n)
        if bits.bit_count() == n - n // 2
    ]
    found = [
        value(two_means(cosines.__matmul__, n, n // 2, np.random.default_rng(s), 20, 0.0))
        for s in range(5)
    ]
    values = [value(c) for c in cuts]
    assert max(found) <= max(values) + 1e-5
    assert max(found) >= np.quantile(values, 0.5)
    # A cut that is final cannot be improved by one more iteration.
    right = two_means(cosines.__matmul__, n, n // 2, np.random.default_rng(0), 100, 0.0)
    left_sum, right_sum = vectors[~right].sum(0), vectors[right].sum(0)
    score = vectors @ (right_sum / np.linalg.norm(right_sum) - left_sum / np.linalg.norm(left_sum))
    assert score[~right].max() <= score[right].min() + 1e-4


def test_ties_do_not_follow_label_order():
    zeros = sp.csr_array((1000, 4), dtype=np.float32)
    found = balanced_clusters(zeros, np.arange(1000), 2, seed=0, max_iter=5, tol=0.0)
    assert 0.35 < found[:500].mean() < 0.65
