"""Rank the columns of a score matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from ._truth import IntArray, check_2d, check_k, row_blocks, rows_of_width


def _top_k_sparse(scores: Any, k: int) -> IntArray:
    # A fresh wrapper: the caller's cached format flags may be stale, and must not change.
    csr = sp.csr_array((scores.data, scores.indices, scores.indptr), shape=scores.shape)
    if not csr.has_canonical_format:
        csr = csr.copy()
        csr.sum_duplicates()
    indptr = csr.indptr.astype(np.int64)
    top = np.full((csr.shape[0], k), -1, dtype=np.int64)
    lengths = np.diff(indptr)
    # Rows of similar length are packed together; columns are sorted, so ties keep their order.
    by_length = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(lengths) and (width := int(lengths[by_length[start]])) > 0:
        rows = by_length[start : start + rows_of_width(width)]
        start += len(rows)
        stored = np.arange(width) < lengths[rows, None]
        entry = np.where(stored, indptr[rows, None] + np.arange(width), 0)
        position = _top_k_dense(np.where(stored, csr.data[entry], -np.inf), k)
        columns = csr.indices[np.take_along_axis(entry, np.maximum(position, 0), axis=1)]
        top[rows] = np.where(position < 0, -1, columns)
    return top


def _top_k_dense(scores: Any, k: int) -> IntArray:
    n_rows, n_labels = scores.shape
    top = np.full((n_rows, k), -1, dtype=np.int64)
    width = min(k, n_labels)
    for start, stop in row_blocks(n_rows, scores.size):
        block = scores[start:stop].astype(np.float64)
        cut = np.partition(block, n_labels - width, axis=1)[:, [n_labels - width]]
        above, level = block > cut, block == cut
        # Among scores equal to the k-th, the lowest columns fill the places left.
        level &= np.cumsum(level, axis=1) <= width - above.sum(axis=1, keepdims=True)
        columns = np.nonzero(above | level)[1].reshape(stop - start, width)
        values = np.take_along_axis(block, columns, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        ranked = np.take_along_axis(np.where(values > -np.inf, columns, -1), order, axis=1)
        top[start:stop, :width] = ranked
    return top


def top_k_indices(scores: Any, k: int) -> IntArray:
    """Rank the columns of a score matrix.

    Parameters
    ----------
    scores : array-like or sparse matrix of shape (n_samples, n_labels)
        Higher is better. In a sparse matrix only stored entries are candidates, explicit zeros
        included; duplicates are summed. A score of ``-inf`` is never a candidate.
    k : int
        Number of places.

    Returns
    -------
    ndarray of shape (n_samples, k) and dtype int64
        Column indices, best first, ties by lower index; -1 where candidates ran out.

    Raises
    ------
    ValueError
        If ``scores`` is not 2-D, has no columns or holds NaN, or if ``k < 1``.
    TypeError
        If ``scores`` is not numeric, or ``k`` not an integer.

    Examples
    --------
    >>> from sk_inceptionxml.metrics import top_k_indices
    >>> top_k_indices([[0.1, 0.7, 0.7], [0.9, 0.2, 0.4]], k=2)
    array([[1, 2],
           [0, 2]])
    """
    k = check_k(k)
    scores = check_2d(scores, "scores")
    if scores.shape[1] == 0:
        raise ValueError(f"scores needs at least one column, got shape {scores.shape}.")
    sparse = sp.issparse(scores)
    if sparse:
        scores = scores.tocsr()
    if np.isnan(scores.data if sparse else scores).any():
        raise ValueError("scores must not hold NaN; use -inf for labels never to predict.")
    return _top_k_sparse(scores, k) if sparse else _top_k_dense(scores, k)
