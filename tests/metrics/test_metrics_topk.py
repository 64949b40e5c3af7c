"""Ranking the columns of score matrices."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
from _ranking_problems import quick
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sk_inceptionxml.metrics import _truth, top_k_indices


def brute_top_k(candidates, k):
    ranked = sorted(candidates, key=lambda pair: (-pair[1], pair[0]))
    return ([label for label, value in ranked if value > -math.inf] + [-1] * k)[:k]


few_scores = st.sampled_from([-math.inf, -1.0, -0.5, 0.0, 0.5, 1.0, math.inf])


@pytest.mark.parametrize("block", [1, 5, 1 << 21])
@quick
@given(n_rows=st.integers(1, 4), n_labels=st.integers(1, 6), k=st.integers(1, 8), data=st.data())
def test_top_k_equals_brute_force_with_ties(block, n_rows, n_labels, k, data):
    size = n_rows * n_labels
    values = data.draw(st.lists(few_scores, min_size=size, max_size=size))
    scores = np.array(values).reshape(n_rows, n_labels)
    stored = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    rows, cols = np.nonzero(stored.reshape(scores.shape))
    order = np.array(data.draw(st.permutations(range(len(rows)))), dtype=int)
    order = order[np.argsort(rows[order], kind="stable")]
    indptr = np.searchsorted(rows[order], np.arange(n_rows + 1))
    unsorted = sp.csr_array((scores[rows, cols][order], cols[order], indptr), shape=scores.shape)
    before = unsorted.indices.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_truth, "BLOCK", block)
        dense_top, sparse_top = top_k_indices(scores, k), top_k_indices(unsorted, k)
    assert dense_top.dtype == sparse_top.dtype == np.int64
    for i, row in enumerate(scores.tolist()):
        assert dense_top[i].tolist() == brute_top_k(list(enumerate(row)), k)
        pairs = [(j, row[j]) for j in cols[rows == i].tolist()]
        assert sparse_top[i].tolist() == brute_top_k(pairs, k)
    assert_array_equal(unsorted.indices, before)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.float32, np.float64])
def test_top_k_of_any_sparse_dtype_and_stored_duplicates(dtype):
    data = np.array([1, 1, 0, 1], dtype=dtype)
    scores = sp.csr_array((data, [2, 1, 0, 2], [0, 4]), shape=(1, 4))
    # Column 2 sums to 2 (bool: True, a tie with column 1); column 0 is a stored zero.
    expected = [1, 2, 0, -1] if dtype is bool else [2, 1, 0, -1]
    assert top_k_indices(scores, 4).tolist() == [expected]
    assert scores.nnz == 4


def test_top_k_of_no_columns():
    with pytest.raises(ValueError, match="at least one column"):
        top_k_indices(np.zeros((2, 0)), 1)
