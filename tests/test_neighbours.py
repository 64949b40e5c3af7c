"""Local kernel ridge regression against a dense, row-by-row formulation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from sk_inceptionxml.lexical import LexicalFeatures, unit_rows
from sk_inceptionxml.neighbours import KernelNeighbours


def make_rows(n, width, seed, density=0.3):
    rng = np.random.default_rng(seed)
    return unit_rows(sp.csr_array(sp.random(n, width, density, random_state=rng, format="csr")))


def literal_scores(memory, Y, queries, k, ridge):
    X, Y, Q = memory.toarray(), Y.toarray(), queries.toarray()
    out = np.zeros((len(Q), Y.shape[1]))
    for i, q in enumerate(Q):
        cosine = X @ q
        shares = ((X != 0) & (q != 0)).any(axis=1)
        near = np.flatnonzero(shares)
        near = near[np.argsort(-cosine[near], kind="stable")][:k]
        kernel = X[near] @ X[near].T + ridge * np.eye(len(near))
        out[i] = np.linalg.solve(kernel, cosine[near]) @ Y[near]
    return out


@pytest.mark.parametrize("k", [1, 5, 60])
def test_scores_equal_the_literal_regression(k):
    memory, queries = make_rows(40, 15, 0), make_rows(150, 15, 1)
    Y = sp.csr_array((np.random.default_rng(2).random((40, 7)) < 0.2).astype(np.float32))
    scores = KernelNeighbours(k, ridge=0.5).fit(memory, Y).score(queries)
    expected = literal_scores(memory, Y, queries, k, 0.5)
    np.testing.assert_allclose(scores.toarray(), expected, atol=2e-5)


def test_pruned_search_reads_the_rarest_features_first():
    rng = np.random.default_rng(0)
    common = sp.csr_array(np.ones((200, 1)))
    rare = sp.csr_array((np.ones(200), (np.arange(200), np.arange(200) // 2)), shape=(200, 100))
    X = unit_rows(sp.csr_array(sp.hstack([common, rare * 2])))
    Y = sp.csr_array((np.ones(200), (np.arange(200), np.arange(200) // 2)), shape=(200, 100))
    wanted = rng.permutation(200)[:20]
    scores = KernelNeighbours(3, max_postings=10).fit(X, Y).score(X[wanted])
    assert scores.toarray().argmax(1).tolist() == (wanted // 2).tolist()


def test_query_without_a_known_feature_has_no_score():
    memory = make_rows(10, 5, 0)
    Y = sp.csr_array(np.eye(10, dtype=np.float32))
    scores = KernelNeighbours(3).fit(memory, Y).score(sp.csr_array((2, 5), dtype=np.float32))
    assert scores.shape == (2, 10)
    assert np.abs(scores.toarray()).max() == 0


def test_a_query_is_scored_alone_as_in_a_batch():
    memory, queries = make_rows(40, 15, 0), make_rows(9, 15, 1)
    Y = sp.csr_array(np.eye(40, dtype=np.float32))
    neighbours = KernelNeighbours(5).fit(memory, Y)
    together = neighbours.score(queries).toarray()
    alone = np.vstack([neighbours.score(queries[[i]]).toarray() for i in range(9)])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_lexical_features_have_unit_length_and_see_through_a_typo():
    texts = ["wooden boat", "stone bridge", "", "a boat"]
    counts = sp.csr_array(
        np.array([[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 1]], np.float32)
    )
    features = LexicalFeatures()
    rows = features.fit_transform(counts, texts)
    norms = np.sqrt(rows.multiply(rows).sum(axis=1))
    np.testing.assert_allclose(norms[[0, 1, 3]], 1.0, rtol=1e-5)
    typo = features.transform(sp.csr_array((1, 5), dtype=np.float32), ["woodden"])
    cosine = (rows @ typo.T).toarray().ravel()
    assert cosine.argmax() == 0 and cosine[0] > 0.1


def test_matrix_rows_are_only_scaled():
    X = sp.csr_array(np.array([[3.0, 0, -4.0], [0, 0, 0]], np.float32))
    rows = LexicalFeatures().fit_transform(X, None).toarray()
    np.testing.assert_allclose(rows, [[0.6, 0, -0.8], [0, 0, 0]], rtol=1e-6)
    assert X.toarray()[0, 0] == 3.0


def test_rows_added_later_count_as_those_at_first():
    memory, queries = make_rows(40, 15, 0), make_rows(9, 15, 1)
    Y = sp.csr_array((np.random.default_rng(2).random((40, 7)) < 0.2).astype(np.float32))
    at_once = KernelNeighbours(5).fit(memory, Y)
    grown = KernelNeighbours(5).fit(memory[:25], Y[:25, :4]).add(memory[25:], Y[25:])
    expected = at_once.score(queries).toarray()
    unknown = KernelNeighbours(5).fit(memory, sp.csr_array(Y.multiply(1)))
    unknown.Y_ = sp.csr_array(sp.vstack([sp.hstack([Y[:25, :4], Y[:25, 4:] * 0]), Y[25:]]))
    np.testing.assert_array_equal(grown.score(queries).toarray(), unknown.score(queries).toarray())
    np.testing.assert_array_equal(grown.score(queries).toarray()[:, :4], expected[:, :4])
