"""Tests of label features, the label graph and balanced label clustering."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import normalize
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_inceptionxml.clustering import (
    BalancedLabelClustering,
    label_graph,
    pifa,
    validate_clusters,
)
from sk_inceptionxml.clustering._balanced import GRAM_SIZE, balanced_clusters, two_means
from sk_inceptionxml.clustering._sparse import top_k_per_row

FEW = settings(max_examples=40, deadline=None)


@st.composite
def problems(draw, max_labels=40):
    """Draw row features X (n, V) and an indicator Y (n, L), often with unused labels."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, 40))
    n_labels = draw(st.integers(1, max_labels))
    X = sp.random(n, draw(st.integers(1, 15)), density=0.3, format="csr", random_state=rng)
    Y = sp.random(n, n_labels, density=draw(st.sampled_from([0.02, 0.1, 0.4])), random_state=rng)
    Y = Y.tocsr()
    Y.data[:] = 1.0
    return X, Y


def topics(n_labels=600, n_topics=30, rows_per_topic=60, seed=0, spread=0.1):
    """Make labels and words of separate topics with some noise; return X, Y, topic of labels."""
    rng = np.random.default_rng(seed)
    topic = rng.integers(0, n_topics, n_labels)
    rows, cols, words, word_rows = [], [], [], []
    for row in range(n_topics * rows_per_topic):
        own = np.flatnonzero(topic == row % n_topics)
        chosen = rng.choice(own, size=min(5, own.size), replace=False) if own.size else own
        chosen = np.where(rng.random(chosen.size) < spread, rng.integers(n_labels), chosen)
        rows += [row] * chosen.size
        cols += chosen.tolist()
        picked = (row % n_topics) * 10 + rng.integers(0, 10, 5)
        picked = np.where(rng.random(5) < spread, rng.integers(0, n_topics * 10, 5), picked)
        words += picked.tolist()
        word_rows += [row] * 5
    n = n_topics * rows_per_topic
    X = sp.csr_array((np.ones(len(words)), (word_rows, words)), shape=(n, n_topics * 10))
    Y = sp.csr_array((np.ones(len(rows)), (rows, cols)), shape=(n, n_labels))
    return X, Y, topic


def cohesion(features, labels):
    """Mean cosine of the labels to the centroid of their cluster."""
    picks = sp.csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))))
    return np.sqrt(np.asarray((picks @ features).power(2).sum(axis=1))).sum() / len(labels)


def head_of(Y, threshold):
    """Brute-force head mask."""
    return (Y.toarray() > 0).sum(axis=0) > threshold


# --- helpers ---------------------------------------------------------------------------------


@FEW
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.booleans())
def test_top_k_per_row_matches_sorting(seed, k, ties):
    rng = np.random.default_rng(seed)
    matrix = sp.random(12, 15, density=0.5, random_state=rng, dtype=np.float32).tocsr()
    matrix.data -= 0.5
    if ties:
        matrix.data = np.sign(matrix.data) * np.ceil(np.abs(matrix.data) * 4)
    matrix = sp.csr_array(matrix)
    matrix.sort_indices()
    expected = np.zeros(matrix.shape, dtype=np.float32)
    for i, row in enumerate(matrix.toarray()):
        best = np.argsort(-np.abs(row), kind="stable")[:k]
        expected[i, best] = row[best]
    np.testing.assert_array_equal(top_k_per_row(matrix, k).toarray(), expected)


# --- pifa ------------------------------------------------------------------------------------


@FEW
@given(problems(), st.sampled_from([None, 1, 2]), st.booleans())
def test_pifa_matches_dense_formula(problem, max_features, dense):
    X, Y = problem
    got = pifa(Y, X.toarray() if dense else X, max_features=max_features)
    sums = Y.toarray().T @ normalize(X.toarray())
    if max_features is not None:
        kept = np.argsort(-sums, axis=1, kind="stable")[:, :max_features]
        mask = np.zeros(sums.shape, dtype=bool)
        np.put_along_axis(mask, kept, True, axis=1)
        # A near-tie may be cut either way in float32: compare lengths of what is kept instead.
        assert (np.diff(got.indptr) == np.minimum((sums > 0).sum(axis=1), max_features)).all()
        np.testing.assert_allclose(
            np.sort(got.toarray(), axis=1),
            np.sort(normalize(np.where(mask, sums, 0)), axis=1),
            atol=1e-5,
        )
        return
    assert got.dtype == np.float32 and got.shape == sums.shape
    np.testing.assert_allclose(got.toarray(), normalize(sums), atol=1e-5)


def test_pifa_one_hot_classes_and_errors():
    X = np.eye(3)
    np.testing.assert_allclose(
        pifa(["b", "a", "b"], X).toarray(), [[0, 1, 0], [0.5**0.5, 0, 0.5**0.5]], atol=1e-6
    )
    with pytest.raises(ValueError, match="same number of rows, got 3 and 2"):
        pifa(np.eye(2), X)
    with pytest.raises(ValueError, match="max_features.*0"):
        pifa(np.eye(3), X, max_features=0)
    with pytest.raises(ValueError, match="NaN"):
        pifa(np.eye(3), sp.csr_array(np.diag([1.0, np.nan, 1.0])))
    with pytest.raises(ValueError, match="non-negative"):
        pifa(-np.eye(3), X)
    with pytest.raises(ValueError, match="continuous"):
        pifa([0.5, 1.5, 2.0], X)


# --- label graph -----------------------------------------------------------------------------


def dense_walk(Y, restart, threshold, n_hops=200):
    """Sum the expected visits of endless walks densely."""
    Y = (Y > 0).astype(float)
    Y[:, Y.sum(axis=0) > threshold] = 0
    labels = np.divide(1.0, Y.sum(axis=0), out=np.zeros(Y.shape[1]), where=Y.sum(axis=0) > 0)
    rows = np.divide(1.0, Y.sum(axis=1), out=np.zeros(Y.shape[0]), where=Y.sum(axis=1) > 0)
    P = labels[:, None] * (Y.T @ (rows[:, None] * Y))
    visits, step = np.zeros_like(P), P.copy()
    for k in range(n_hops):
        visits += restart * (1 - restart) ** k * step
        step = step @ P
    return visits


@FEW
@given(problems(max_labels=15), st.sampled_from([0.3, 0.8, 1.0]), st.sampled_from([3, 500]))
def test_label_graph_matches_dense_walk(problem, restart, threshold):
    _, Y = problem
    A = dense_walk(Y.toarray(), restart, threshold)
    lonely = A.diagonal() == 0
    A[lonely, lonely] = 1.0
    expected = A / np.sqrt(np.outer(A.sum(axis=1), A.sum(axis=0)))
    # So long a walk that nothing is pruned, so many neighbours that none is left out.
    got = label_graph(
        Y, restart=restart, n_steps=10**9, n_neighbors=100, verbose_threshold=threshold
    )
    assert got.dtype == np.float32
    np.testing.assert_allclose(got.toarray(), expected, atol=2e-5)


def test_label_graph_agrees_with_sampled_walks():
    rng = np.random.default_rng(0)
    Y = (rng.random((60, 12)) < 0.2).astype(float)
    Y[:, 0] = 1
    counts = np.zeros((12, 12))
    for start in range(12):
        label = start
        for _ in range(6000):
            if rng.random() < 0.8:
                label = start
            row = rng.choice(np.flatnonzero(Y[:, label]))
            label = rng.choice(np.flatnonzero(Y[row]))
            counts[start, label] += 1
    expected = counts / np.sqrt(np.outer(counts.sum(axis=1), counts.sum(axis=0)))
    got = label_graph(Y, n_steps=400, n_neighbors=12).toarray()
    assert np.abs(got - expected).max() < 0.04


@FEW
@given(problems(), st.integers(0, 4))
def test_label_graph_neighbours_and_head(problem, k):
    _, Y = problem
    graph = label_graph(Y, n_neighbors=k, verbose_threshold=4).toarray()
    off = graph - np.diag(graph.diagonal())
    assert (graph.diagonal() > 0).all()
    assert ((off > 0).sum(axis=1) <= k).all()
    alone = head_of(Y, 4) | ~head_of(Y, 0)
    assert not off[alone].any() and not off[:, alone].any()
    full = dense_walk(Y.toarray(), 0.8, 4)
    np.fill_diagonal(full, 0)
    for row, kept in zip(full, off > 0, strict=True):
        # No label left out is clearly stronger than one kept.
        if kept.sum() == k and k:
            assert row[~kept].max(initial=0) <= row[kept].min() + 5e-3


@pytest.mark.parametrize(
    "bad",
    [{"restart": 0.0}, {"restart": 1.5}, {"n_steps": 0}, {"n_neighbors": -1}]
    + [{"verbose_threshold": -1}],
)
def test_label_graph_names_bad_argument(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        label_graph(np.eye(3), **bad)


# --- clustering ------------------------------------------------------------------------------


@FEW
@given(problems(), st.integers(1, 50), st.booleans(), st.sampled_from([None, 2, 5, 500]))
def test_every_label_once_balanced_and_head_apart(problem, n_clusters, graph, threshold):
    X, Y = problem
    model = BalancedLabelClustering(
        n_clusters, graph=graph, verbose_threshold=threshold, random_state=0
    ).fit(X, Y)
    n_labels = Y.shape[1]
    assert model.n_clusters_ == min(n_clusters, n_labels)
    assert model.labels_.shape == (n_labels,) and model.labels_.dtype == np.int32
    sizes = np.bincount(model.labels_, minlength=model.n_clusters_)
    assert len(sizes) == model.n_clusters_ and sizes.min() >= 1
    np.testing.assert_array_equal(validate_clusters(model.labels_, n_labels), model.labels_)
    head = head_of(Y, np.inf if threshold is None else threshold)
    if model.n_clusters_ == 1:
        return
    head_ids, tail_ids = set(model.labels_[head]), set(model.labels_[~head])
    assert not head_ids & tail_ids
    assert len(head_ids) == model.n_head_clusters_
    for ids in (head_ids, tail_ids):
        group = sizes[sorted(ids)]
        assert group.size == 0 or group.max() - group.min() <= 1


@pytest.mark.parametrize("n_clusters", [1, 2, 3, 7, 64, 100, 599, 600, 1000])
def test_balance_above_and_below_the_dense_size(n_clusters):
    X, Y, _ = topics()
    assert Y.shape[1] > 2 * GRAM_SIZE
    model = BalancedLabelClustering(n_clusters, random_state=0).fit(X, Y)
    sizes = np.bincount(model.labels_)
    assert sizes.sum() == 600 and len(sizes) == min(n_clusters, 600)
    assert sizes.max() - sizes.min() <= 1


def test_head_clusters_in_proportion():
    Y = np.zeros((60, 100))
    Y[:, :20] = 1
    Y[np.arange(60), 20 + np.arange(60)] = 1
    X = np.random.default_rng(0).random((60, 8))
    for n_clusters, expected in [(10, 2), (2, 1), (50, 10), (100, 20), (99, 20)]:
        model = BalancedLabelClustering(n_clusters, verbose_threshold=10).fit(X, Y)
        assert model.n_head_clusters_ == expected
        assert set(model.labels_[:20]) == set(range(expected))


def test_cluster_size_sets_number():
    X, Y, _ = topics(n_labels=101, n_topics=5)
    model = BalancedLabelClustering(cluster_size=10, random_state=0).fit(X, Y)
    assert model.n_clusters_ == 11
    assert np.bincount(model.labels_).max() == 10


@pytest.mark.parametrize("graph", [True, False])
def test_same_result_for_any_n_jobs_and_input_form(graph):
    X, Y, _ = topics(n_labels=900)

    def fit(X, Y, n_jobs=None, seed=3):
        return (
            BalancedLabelClustering(90, graph=graph, n_jobs=n_jobs, random_state=seed)
            .fit(X, Y)
            .labels_
        )

    first = fit(X, Y)
    np.testing.assert_array_equal(first, fit(X, Y, n_jobs=3))
    np.testing.assert_array_equal(first, fit(X, Y.toarray()))
    np.testing.assert_array_equal(first, fit(X, Y, seed=np.random.RandomState(3)))
    assert (first != fit(X, Y, seed=4)).any()


def test_blocks_do_not_change_results(monkeypatch):
    X, Y, _ = topics(n_labels=200, n_topics=8)
    features, graph = pifa(Y, X, max_features=5), label_graph(Y)
    row_blocks = importlib.import_module("sk_inceptionxml.clustering._sparse").row_blocks
    for module in ("_sparse", "_graph"):
        monkeypatch.setattr(
            importlib.import_module(f"sk_inceptionxml.clustering.{module}"),
            "row_blocks",
            lambda cost, budget=0: row_blocks(cost, 100),
        )
    for n_jobs in (None, 2):
        assert (pifa(Y, X, max_features=5, n_jobs=n_jobs) != features).nnz == 0
        assert (label_graph(Y, n_jobs=n_jobs) != graph).nnz == 0


def test_messy_read_only_inputs_and_global_rng_untouched():
    X, Y, _ = topics(n_labels=60, n_topics=4)
    clean = BalancedLabelClustering(6, random_state=0).fit(X, Y).labels_
    # Same matrices with duplicate, zero and unsorted entries.
    messy = []
    for matrix in (X, Y):
        coo = matrix.tocoo()
        row, col = coo.coords
        data = np.concatenate([coo.data / 2, np.zeros(3), coo.data / 2])
        row = np.concatenate([row, [0, 1, 2], row])
        col = np.concatenate([col, [3, 2, 1], col])
        order = np.lexsort((-col, row))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=matrix.shape[0]))])
        messy.append(sp.csr_matrix((data[order], col[order], indptr), shape=matrix.shape))
    copies = [m.copy() for m in messy]
    for m in messy:
        for part in (m.data, m.indices, m.indptr):
            part.flags.writeable = False
    state = np.random.get_state()  # noqa: NPY002
    labels = BalancedLabelClustering(6, random_state=0).fit(*messy).labels_
    BalancedLabelClustering(6).fit(*messy)
    pifa(messy[1], messy[0])
    label_graph(messy[1])
    np.testing.assert_array_equal(state[1], np.random.get_state()[1])  # noqa: NPY002
    np.testing.assert_array_equal(labels, clean)
    for m, copy in zip(messy, copies, strict=True):
        np.testing.assert_array_equal(m.data, copy.data)
        np.testing.assert_array_equal(m.indices, copy.indices)


@pytest.mark.parametrize("graph", [True, False])
def test_clusters_are_closer_than_random(graph):
    X, Y, topic = topics(spread=0.25)
    labels = BalancedLabelClustering(30, graph=graph, random_state=0).fit(X, Y).labels_
    features = pifa(Y, X)
    random = np.random.default_rng(0).permutation(labels)
    assert cohesion(features, labels) > 1.4 * cohesion(features, random)

    def purity(ids):
        return sum(np.bincount(topic[ids == c]).max() for c in np.unique(ids)) / len(ids)

    assert purity(labels) > 3 * purity(random)


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


def test_labels_without_rows_are_spread():
    X, Y, _ = topics(n_labels=200, n_topics=10)
    Y = sp.hstack([Y, sp.csr_array((Y.shape[0], 100))], format="csr")
    for graph in (True, False):
        model = BalancedLabelClustering(30, graph=graph, random_state=0).fit(X, Y)
        sizes = np.bincount(model.labels_, minlength=30)
        assert sizes.min() == sizes.max() == 10
    empty = BalancedLabelClustering(4).fit(X, sp.csr_array((X.shape[0], 10)))
    assert sorted(np.bincount(empty.labels_)) == [2, 2, 3, 3]


def test_ties_do_not_follow_label_order():
    zeros = sp.csr_array((1000, 4), dtype=np.float32)
    found = balanced_clusters(zeros, np.arange(1000), 2, seed=0, max_iter=5, tol=0.0)
    assert 0.35 < found[:500].mean() < 0.65


def test_class_vector_and_refit():
    X = np.eye(4)
    model = BalancedLabelClustering(2).fit(X, ["b", "c", "a", "a"])
    assert model.classes_.tolist() == ["a", "b", "c"] and model.labels_.shape == (3,)
    model.fit(X, np.eye(4))
    assert not hasattr(model, "classes_") and model.labels_.shape == (4,)


@pytest.mark.parametrize(
    "bad",
    [{"n_clusters": 0}, {"n_clusters": 2.5}, {"cluster_size": 0}, {"max_iter": 0}, {"tol": -1.0}]
    + [{"tol": float("nan")}, {"verbose_threshold": -1}, {"max_features": 0}, {"restart": 0.0}]
    + [{"n_neighbors": -1}, {"n_clusters": True}],
)
def test_fit_names_bad_parameter(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        BalancedLabelClustering(**bad).fit(np.eye(3), np.eye(3))


def test_fit_rejects_bad_targets():
    with pytest.raises(ValueError, match="minimum of 1"):
        BalancedLabelClustering().fit(np.eye(3), sp.csr_array((3, 0)))
    with pytest.raises(ValueError, match="non-negative"):
        BalancedLabelClustering().fit(np.eye(3), -np.eye(3))


@parametrize_with_checks(
    [BalancedLabelClustering(random_state=0), BalancedLabelClustering(n_clusters=3, graph=False)]
)
def test_estimator_checks(estimator, check):
    check(estimator)


# --- validate_clusters -----------------------------------------------------------------------


@FEW
@given(st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_validate_clusters_forms_agree(ids):
    n_labels = len(ids)
    lists = [np.flatnonzero(np.array(ids) == c).tolist() for c in range(10)]
    matrix = sp.csr_matrix((np.ones(n_labels), (ids, np.arange(n_labels))), shape=(10, n_labels))
    expected = [sorted(set(ids)).index(i) for i in ids]
    for form in (ids, np.array(ids), lists, matrix):
        got = validate_clusters(form, n_labels)
        assert got.dtype == np.int32
        assert got.tolist() == expected


@pytest.mark.parametrize(
    ("clusters", "error", "message"),
    [
        ([[0, 1], [3]], ValueError, "labels in no cluster: 2"),
        ([[0, 1], [1, 2, 3]], ValueError, "listed more than once: 1"),
        ([[0, 0], [1, 2, 3]], ValueError, "listed more than once: 0"),
        ([[0, 1, 2, 3, 4]], ValueError, "outside 0 .. 3: 4"),
        ([[0, 1, 2, -1]], ValueError, "outside 0 .. 3: -1"),
        ([0, 0, -1, 1], ValueError, "labels in no cluster: 2"),
        ([0, 0, 1], ValueError, "labels in no cluster: 3"),
        ([0, 0, 1, 1, 1], ValueError, "5 ids but there are 4 labels"),
        (sp.csr_array(np.array([[1, 1, 0, 0], [0, 1, 0, 1]])), ValueError, "no cluster: 2;.*: 1"),
        (sp.csr_array(np.eye(3)), ValueError, r"shape \(n_clusters, 4\), got \(3, 3\)"),
        ([], ValueError, "labels in no cluster: 0, 1, 2, 3"),
        ([0.5, 1.0, 2.0, 3.0], TypeError, "integers"),
        (["a", "b", "c", "d"], TypeError, "integers"),
        ("abcd", TypeError, "got str"),
        (3, TypeError, "got int"),
    ],
)
def test_validate_clusters_errors(clusters, error, message):
    with pytest.raises(error, match=message):
        validate_clusters(clusters, 4)


def test_validate_clusters_long_messages_and_n_labels():
    with pytest.raises(ValueError, match=r"8, 9, \.\.\. \(50 in all\)"):
        validate_clusters([[]], 50)
    with pytest.raises(ValueError, match="n_labels"):
        validate_clusters([0], 0)
    with pytest.raises(TypeError, match="n_labels"):
        validate_clusters([0], 1.0)


@pytest.mark.parametrize("name", ["_features", "_graph", "_estimator", "_validation"])
def test_examples(name):
    result = doctest.testmod(importlib.import_module(f"sk_inceptionxml.clustering.{name}"))
    assert result.attempted > 0 and result.failed == 0
