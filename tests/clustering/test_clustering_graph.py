"""The label graph against dense and sampled walks."""

from __future__ import annotations

import numpy as np
import pytest
from _label_topics import FEW, head_of, problems
from hypothesis import given
from hypothesis import strategies as st

from sk_inceptionxml.clustering import label_graph


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
