"""The estimator: balanced clusters, each label once, the same for any form of input."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from _label_topics import FEW, cohesion, head_of, problems, topics
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_inceptionxml.clustering import BalancedLabelClustering, label_graph, pifa, validate_clusters
from sk_inceptionxml.clustering._balanced import GRAM_SIZE


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


def test_labels_without_rows_are_spread():
    X, Y, _ = topics(n_labels=200, n_topics=10)
    Y = sp.hstack([Y, sp.csr_array((Y.shape[0], 100))], format="csr")
    for graph in (True, False):
        model = BalancedLabelClustering(30, graph=graph, random_state=0).fit(X, Y)
        sizes = np.bincount(model.labels_, minlength=30)
        assert sizes.min() == sizes.max() == 10
    empty = BalancedLabelClustering(4).fit(X, sp.csr_array((X.shape[0], 10)))
    assert sorted(np.bincount(empty.labels_)) == [2, 2, 3, 3]


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
