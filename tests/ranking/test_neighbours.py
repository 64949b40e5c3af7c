"""Local kernel ridge regression against a dense, row-by-row formulation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from _loops import both_loops
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_inceptionxml._utils.sparse import unit_rows
from sk_inceptionxml.ranking import neighbours
from sk_inceptionxml.ranking.neighbours import KernelNeighbours, largest

loops = both_loops(neighbours)


def make_rows(n, width, seed, density=0.3):
    rng = np.random.default_rng(seed)
    return unit_rows(sp.csr_array(sp.random(n, width, density, random_state=rng, format="csr")))


def best_first(values, columns):
    """Columns by value; of equal ones, by the fractions of their multiples of the golden ratio."""
    fraction = [int(column) * 0x9E3779B97F4A7C15 % 2**64 for column in columns]
    keys = [(-value, f >> 32, c) for value, f, c in zip(values, fraction, columns, strict=True)]
    return np.array([c for *_, c in sorted(keys)], dtype=int)


def literal_scores(memory, Y, queries, k, ridge, max_postings=50_000):
    """Ridge regression on the nearest rows, query by query, in dense float64."""
    X, Y, Q = (m.toarray().astype(np.float64) for m in (memory, Y, queries))
    out = np.zeros((len(Q), Y.shape[1]))
    postings = (X != 0).sum(axis=0)
    for i, q in enumerate(Q):
        words = np.flatnonzero(q)
        words = words[np.argsort(postings[words], kind="stable")]
        read = np.cumsum(postings[words]) <= max_postings
        read[:1] = True
        words = words[read]
        near = np.flatnonzero((X[:, words] != 0).any(axis=1))
        cosine = (X[:, words] @ q[words]).astype(np.float32)
        near = best_first(cosine[near], near)[:k]
        kernel = X[near] @ X[near].T + ridge * np.eye(len(near))
        out[i] = np.linalg.solve(kernel, X[near] @ q) @ Y[near]
    return out


def counted_rows(n, width, seed, density):
    """Rows of small whole numbers: many of them, and many cosines, are equal."""
    rng = np.random.default_rng(seed)
    counts = np.where(rng.random((n, width)) < density, rng.integers(1, 3, (n, width)), 0)
    return sp.csr_array(counts.astype(np.float32))


@pytest.mark.parametrize("max_postings", [50_000, 120, 1])
@pytest.mark.parametrize("k", [1, 5, 60])
def test_scores_equal_the_literal_regression(k, max_postings):
    memory, queries = make_rows(40, 15, 0), make_rows(150, 15, 1)
    Y = sp.csr_array((np.random.default_rng(2).random((40, 7)) < 0.2).astype(np.float32))
    scores = KernelNeighbours(k, 0.5, max_postings).fit(memory, Y).score(queries)
    assert scores.dtype == np.float32
    expected = literal_scores(memory, Y, queries, k, 0.5, max_postings)
    np.testing.assert_allclose(scores.toarray(), expected, rtol=1e-5, atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 90),
    k=st.integers(1, 8),
    density=st.floats(0.02, 0.6),
    max_postings=st.integers(1, 60),
)
def test_scores_equal_the_literal_regression_where_cosines_are_equal(
    seed, n, k, density, max_postings
):
    # sums of small whole numbers are exact, so that both formulations see the same ties
    memory = counted_rows(n, 12, seed, density)
    queries = counted_rows(5, 12, seed + 1, 0.3)
    Y = sp.csr_array(np.eye(n, dtype=np.float32))
    scores = KernelNeighbours(k, 0.5, max_postings).fit(memory, Y).score(queries)
    expected = literal_scores(memory, Y, queries, k, 0.5, max_postings)
    np.testing.assert_allclose(scores.toarray(), expected, rtol=1e-4, atol=2e-5)


def test_features_of_either_sign_share_as_others_do():
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((60, 10)) < 0.3, rng.normal(size=(60, 10)), 0.0)
    memory, queries = unit_rows(sp.csr_array(dense[:50])), unit_rows(sp.csr_array(dense[50:]))
    Y = sp.csr_array(np.eye(50, dtype=np.float32))
    scores = KernelNeighbours(4).fit(memory, Y).score(queries)
    expected = literal_scores(memory, Y, queries, 4, 0.5)
    assert (expected < 0).any()
    np.testing.assert_allclose(scores.toarray(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("signed", [False, True])
def test_a_query_may_leave_its_own_row_out(signed):
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((30, 10)) < 0.4, rng.normal(size=(30, 10)), 0.0)
    memory = unit_rows(sp.csr_array(dense if signed else abs(dense)))
    Y = sp.csr_array(np.eye(30, dtype=np.float32))
    own = np.array([7, 0, 29])
    scores = KernelNeighbours(4).fit(memory, Y).score(memory[own], exclude=own)
    for i, row in enumerate(own):
        others = np.delete(np.arange(30), row)
        alone = KernelNeighbours(4).fit(memory[others], Y[others]).score(memory[[row]])
        np.testing.assert_allclose(scores[[i]].toarray(), alone.toarray(), rtol=1e-5, atol=1e-6)


def test_equal_rows_share_one_vote_without_a_ridge():
    memory = sp.csr_array(np.ones((3, 1), dtype=np.float32))
    Y = sp.csr_array(np.eye(3, dtype=np.float32))
    scores = KernelNeighbours(3, ridge=0.0).fit(memory, Y).score(memory[[0]])
    np.testing.assert_allclose(scores.toarray(), np.full((1, 3), 1 / 3), rtol=1e-5)


def test_a_block_of_any_size_gives_the_same_scores(monkeypatch):
    memory, queries = make_rows(40, 15, 0), make_rows(20, 15, 1)
    Y = sp.csr_array(np.eye(40, dtype=np.float32))
    regression = KernelNeighbours(9).fit(memory, Y)
    whole = regression.score(queries).toarray()
    monkeypatch.setattr(neighbours, "GRAM_BUDGET", 40)
    np.testing.assert_allclose(regression.score(queries).toarray(), whole, rtol=1e-5, atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), m=st.integers(1, 400), k=st.integers(1, 10))
def test_largest_values_are_those_of_a_sort(seed, m, k):
    rng = np.random.default_rng(seed)
    rows = rng.permutation(1000)[:m]
    values = rng.integers(-1, 12, m).astype(float)
    assert largest(rows, values, k).tolist() == sorted(best_first(values, rows)[:k])
    out = rows[seed % m]
    kept = rows != out
    expected = sorted(best_first(values[kept], rows[kept])[:k])
    assert largest(rows, values, k, int(out)).tolist() == expected


@pytest.mark.parametrize("n_copies", [300, 1000])
@pytest.mark.parametrize("added", [False, True])
def test_of_many_copies_a_sample_votes(n_copies, added):
    """Rows of equal texts stand together, sorted by their labels."""
    label = np.repeat([0, 1], [n_copies // 5, n_copies - n_copies // 5])
    Y = sp.csr_array(np.eye(2, dtype=np.float32)[label])
    X = unit_rows(sp.csr_array(np.ones((n_copies, 3))))
    memory = KernelNeighbours(100)
    if added:
        memory = memory.fit(X[label == 0], Y[label == 0]).with_rows(X[label == 1], Y[label == 1])
    else:
        memory.fit(X, Y)
    scores = memory.score(X[:1]).toarray()[0]
    np.testing.assert_allclose(scores, [0.2, 0.8], atol=0.03)


@pytest.mark.parametrize("seed", [0, 1])
def test_pruned_search_reads_the_rarest_features_first(seed):
    rng = np.random.default_rng(seed)
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


@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_query_is_scored_alone_as_in_a_batch(n_threads):
    memory, queries = make_rows(90, 15, 0), make_rows(70, 15, 1)
    Y = sp.csr_array(np.eye(90, dtype=np.float32))
    regression = KernelNeighbours(5).fit(memory, Y)
    together = regression.score(queries, n_threads).toarray()
    alone = np.vstack([regression.score(queries[[i]]).toarray() for i in range(70)])
    assert np.array_equal(together, alone)


def test_rows_given_are_left_as_they_were():
    memory = sp.csr_array(np.array([[3.0, 0, 1.0], [0, 2.0, 0]], np.float32))
    memory.indices[:2] = memory.indices[:2][::-1].copy()  # unsorted
    Y = sp.csr_array(np.eye(2, dtype=np.float32))
    before = memory.indices.copy(), memory.data.copy()
    KernelNeighbours(2).fit(memory, Y).score(memory)
    assert np.array_equal(memory.indices, before[0]) and np.array_equal(memory.data, before[1])


@pytest.mark.parametrize("dense_rows", [0, 1000])
@pytest.mark.parametrize("cuts", [[25], [30, 33], [5, 20, 39], [36, 38, 39]])
def test_rows_added_later_count_as_those_at_first(cuts, dense_rows, monkeypatch):
    """However a memory came about, and however long it is, its scores have the same bits."""
    memory, queries = make_rows(40, 15, 0), make_rows(9, 15, 1)
    Y = sp.csr_array((np.random.default_rng(2).random((40, 7)) < 0.2).astype(np.float32))
    Y = sp.csr_array(sp.vstack([sp.hstack([Y[: cuts[0], :4], Y[: cuts[0], 4:] * 0]), Y[cuts[0] :]]))
    expected = KernelNeighbours(5).fit(memory, Y).score(queries)
    monkeypatch.setattr(neighbours, "DENSE_ROWS", dense_rows)
    grown = KernelNeighbours(5).fit(memory[: cuts[0]], Y[: cuts[0], :4])
    for start, stop in zip(cuts, [*cuts[1:], 40], strict=True):
        before = grown
        n_before = before.n_rows
        grown = before.with_rows(memory[start:stop], Y[start:stop])
        assert (before.n_rows, grown.n_rows) == (n_before, stop)
    np.testing.assert_array_equal(grown.score(queries).toarray(), expected.toarray())
    np.testing.assert_array_equal(grown.X_.toarray(), memory.toarray())
    np.testing.assert_array_equal(grown.Y_.toarray(), Y.toarray())
    excluded = np.arange(9)
    np.testing.assert_array_equal(
        grown.score(queries, exclude=excluded).toarray(),
        KernelNeighbours(5).fit(memory, Y).score(queries, exclude=excluded).toarray(),
    )


def both(monkeypatch, score):
    """Scores by the compiled loops and by NumPy's."""
    if neighbours.compiled() is None:
        pytest.skip("numba is not installed, or NumPy's loops run")
    compiled = score()
    with monkeypatch.context() as patch:
        patch.setattr(neighbours, "compiled", lambda: None)
        return compiled, score()


@pytest.mark.parametrize("rows_added", [0, 30])
@pytest.mark.parametrize("excluded", [False, True])
def test_compiled_loops_choose_the_rows_that_numpy_chooses(rows_added, excluded, monkeypatch):
    memory, queries = make_rows(400, 60, 0), make_rows(50, 60, 1)
    Y = sp.csr_array(np.eye(400, dtype=np.float32))
    n = 400 - rows_added
    regression = KernelNeighbours(20).fit(memory[:n], Y[:n])
    if rows_added:
        regression = regression.with_rows(memory[n:], Y[n:])
    own = np.arange(50) if excluded else None
    compiled, plain = both(monkeypatch, lambda: regression.score(queries, 2, own))
    assert np.array_equal(compiled.indices, plain.indices)
    assert np.array_equal(compiled.indptr, plain.indptr)
    np.testing.assert_allclose(compiled.data, plain.data, rtol=1e-5, atol=1e-6)


def test_compiled_loops_read_arrays_of_any_kind(monkeypatch):
    """Long indices of a very large memory, and arrays that are mapped and cannot be written."""
    memory, queries = make_rows(40, 15, 0), make_rows(9, 15, 1)
    regression = KernelNeighbours(5).fit(memory, sp.csr_array(np.eye(40, dtype=np.float32)))
    expected = regression.score(queries).toarray()
    for matrix in (regression.segments_[0].X, regression.segments_[0].postings):
        matrix.data.flags.writeable = matrix.indices.flags.writeable = False
    assert np.array_equal(regression.score(queries).toarray(), expected)
    for matrix in (regression.segments_[0].X, regression.segments_[0].postings):
        matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(int)
    assert np.array_equal(regression.score(queries).toarray(), expected)


def test_segments_are_few_however_often_rows_are_added():
    memory, Y = make_rows(200, 15, 0), sp.csr_array(np.eye(200, dtype=np.float32))
    grown = KernelNeighbours(5).fit(memory[:100], Y[:100])
    for i in range(100, 200):
        grown = grown.with_rows(memory[[i]], Y[[i]])
    assert len(grown.segments_) <= 8
    sizes = [segment.X.shape[0] for segment in grown.segments_]
    assert sum(sizes) == 200 and sizes == sorted(sizes, reverse=True)


def test_no_queries_have_no_scores():
    Y = sp.csr_array(np.eye(10, dtype=np.float32))
    scores = KernelNeighbours(3).fit(make_rows(10, 5, 0), Y).score(make_rows(10, 5, 0)[:0])
    assert scores.shape == (0, 10)
