"""Label features, and the sparse helper they share with the graph."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from _label_topics import FEW, problems
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import normalize

from sk_inceptionxml.clustering import pifa
from sk_inceptionxml.clustering._sparse import top_k_per_row


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


@pytest.mark.parametrize("scale", [1e-300, 1e-60, 1e60, 1e200])
def test_pifa_reads_rows_beyond_single_precision(scale):
    rng = np.random.default_rng(0)
    X = sp.random_array((30, 12), density=0.3, rng=rng, format="csr")
    Y = rng.random((30, 8)) < 0.3
    before = (X * scale).toarray()
    found = [pifa(Y, x).toarray() for x in (X, X * scale, before)]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
    np.testing.assert_array_equal(found[2], found[1])
    with np.errstate(all="raise"), pytest.raises(ValueError, match="NaN or infinity"):
        pifa(Y, sp.csr_array(np.where(X.toarray() > 0.9, np.inf, X.toarray())))


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
