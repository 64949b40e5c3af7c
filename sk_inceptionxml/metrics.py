"""Ranking metrics for extreme multi-label classification, on sparse data.

All functions read the truth and the predictions the same way.

``y_true``
    Indicator matrix of shape (n_samples, n_labels), any SciPy sparse format or dense, of dtype
    bool, int or float, holding 0 and 1. Explicit zeros are not labels; an entry stored twice
    counts once.
``topk``
    Either a *ranking*, an integer array of shape (n_samples, n_places) with column indices, best
    first, and -1 where nothing is predicted; or *scores*, a floating-point array or any sparse
    matrix of shape (n_samples, n_labels), ranked by :func:`top_k_indices`. The dtype decides:
    dense integers are a ranking, dense floats and sparse matrices are scores. Only the first
    ``k`` places count; places that are not there, or hold -1, count as misses.
``sample_weight``
    Non-negative weights of shape (n_samples,); a weight of 2 equals the row given twice.

Samples without any label stay in the means with the value 0, as in the Extreme Classification
Repository [1]_. Values are fractions, except in :func:`ranking_report`, which gives percent.
No function densifies or modifies its inputs.

References
----------
.. [1] Bhatia et al., "The Extreme Classification Repository: Multi-label Datasets and Code",
   http://manikvarma.org/downloads/XC/XMLRepository.html, 2016.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "expected_calibration_error",
    "frequency_report",
    "inverse_propensity",
    "ndcg_at_k",
    "precision_at_k",
    "psndcg_at_k",
    "psp_at_k",
    "ranking_report",
    "recall_at_k",
    "top_k_indices",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Entries handled at once: bounds the temporaries to some tens of MB.
_BLOCK = 1 << 21


class _Truth(NamedTuple):
    """The positives as sorted unique keys ``row * n_labels + column``."""

    keys: IntArray
    indptr: IntArray
    n_labels: int

    @property
    def counts(self) -> IntArray:
        return np.diff(self.indptr)

    @property
    def rows(self) -> IntArray:
        return np.repeat(np.arange(len(self.indptr) - 1), self.counts)

    @property
    def columns(self) -> IntArray:
        return self.keys - self.rows * self.n_labels


class _Places(NamedTuple):
    """Validated truth, ranking (at most k places), hits of the same shape, and row weights."""

    truth: _Truth
    ranking: npt.NDArray[np.signedinteger[Any]]
    hits: npt.NDArray[np.bool_]
    weight: FloatArray | None

    def mean(self, per_row: FloatArray) -> float:
        return float(np.average(per_row, weights=self.weight))


def _row_blocks(n_rows: int, n_entries: int) -> Iterator[tuple[int, int]]:
    step = max(1, _BLOCK * n_rows // max(n_entries, 1))
    for start in range(0, n_rows, step):
        yield start, min(start + step, n_rows)


def _check_k(k: Any, name: str = "k") -> int:
    if isinstance(k, bool) or not isinstance(k, Integral):
        raise TypeError(f"{name} must be an integer, got {k!r} of type {type(k).__name__}.")
    if k < 1:
        raise ValueError(f"{name} must be at least 1, got {k}.")
    return int(k)


def _check_numeric(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind not in "biuf":
        raise TypeError(f"{name} must be bool, int or float, got dtype {dtype}; convert it first.")


def _check_vector(values: Any, size: int, name: str, *, positive: bool = False) -> FloatArray:
    vector = np.asarray(values)
    _check_numeric(vector.dtype, name)
    if vector.shape != (size,):
        raise ValueError(f"{name} must have shape ({size},), got {vector.shape}.")
    vector = vector.astype(np.float64)
    if not np.isfinite(vector).all() or (vector < 0).any() or (positive and (vector == 0).any()):
        sign = "positive" if positive else "non-negative"
        raise ValueError(f"{name} must be finite and {sign}; check it for NaN, inf and signs.")
    return vector


def _check_2d(matrix: Any, name: str) -> Any:
    """Return a sparse matrix as it came, anything else as an array; both 2-D and numeric."""
    matrix = matrix if sp.issparse(matrix) else np.asarray(matrix)
    _check_numeric(matrix.dtype, name)
    if matrix.ndim != 2:
        raise ValueError(f"{name} must be 2-D, got shape {matrix.shape}.")
    return matrix


def _check_truth(y: Any, name: str = "y_true") -> _Truth:
    y = _check_2d(y, name)
    n_rows, n_labels = y.shape
    if n_rows == 0 or n_labels == 0:
        raise ValueError(f"{name} needs at least one row and one column, got shape {y.shape}.")
    if sp.issparse(y):
        # COO keeps stored duplicates apart, so that 1 + 1 is not read as the value 2.
        coo = y.tocoo(copy=False)
        values, row, column = coo.data, coo.row, coo.col
        on = values != 0
        values, row, column = values[on], row[on], column[on]
    else:
        row, column = np.nonzero(y)
        values = y[row, column]
    if (values != 1).any():
        other = values[values != 1][0]
        raise ValueError(f"{name} must hold only 0 and 1, found {other}; binarise it first.")
    keys = row.astype(np.int64) * n_labels + column
    if (np.diff(keys) <= 0).any():
        keys = np.unique(keys)
    indptr = np.searchsorted(keys, np.arange(n_rows + 1, dtype=np.int64) * n_labels)
    return _Truth(keys, indptr.astype(np.int64), n_labels)


def _is_scores(topk: Any) -> bool:
    return sp.issparse(topk) or topk.dtype.kind == "f"


def _check_ranking(topk: Any, shape: tuple[int, int], k: int) -> Any:
    """Return the first k places of a ranking or of ranked scores, as signed integers."""
    topk = _check_2d(topk, "topk")
    if _is_scores(topk):
        if topk.shape != shape:
            raise ValueError(
                f"topk holds scores (sparse or floating point) of shape {topk.shape}, but y_true "
                f"has shape {shape}; for a ranking pass an array of integer dtype."
            )
        return top_k_indices(topk, min(k, shape[1]))
    if topk.dtype.kind == "b":
        raise TypeError("topk must hold column indices or scores, got bool; see top_k_indices.")
    if topk.shape[0] != shape[0]:
        raise ValueError(f"topk has {topk.shape[0]} rows, but y_true has {shape[0]}.")
    ranking = topk[:, :k]
    if ranking.size and (ranking.min() < -1 or ranking.max() >= shape[1]):
        raise ValueError(
            f"topk must hold column indices below {shape[1]}, or -1 for no prediction; "
            f"got values from {ranking.min()} to {ranking.max()}."
        )
    if ranking.dtype.kind == "u":
        ranking = ranking.astype(np.int64)
    for start, stop in _row_blocks(ranking.shape[0], ranking.size):
        ordered = np.sort(ranking[start:stop], axis=1)
        twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
        if twice.any():
            row = start + int(np.argmax(twice))
            raise ValueError(f"topk repeats a label in row {row}: {ranking[row].tolist()}.")
    return ranking


def _find_hits(truth: _Truth, ranking: Any) -> npt.NDArray[np.bool_]:
    hits = np.zeros(ranking.shape, dtype=bool)
    for start, stop in _row_blocks(ranking.shape[0], ranking.size):
        keys = truth.keys[truth.indptr[start] : truth.indptr[stop]]
        if keys.size:
            block = ranking[start:stop]
            query = np.arange(start, stop, dtype=np.int64)[:, None] * truth.n_labels + block
            found = keys[np.minimum(np.searchsorted(keys, query), keys.size - 1)] == query
            hits[start:stop] = found & (block >= 0)
    return hits


def _places(y_true: Any, topk: Any, k: int, sample_weight: Any) -> _Places:
    k = _check_k(k)
    truth = _check_truth(y_true)
    n_rows = len(truth.indptr) - 1
    ranking = _check_ranking(topk, (n_rows, truth.n_labels), k)
    weight = None
    if sample_weight is not None:
        weight = _check_vector(sample_weight, n_rows, "sample_weight")
        if not weight.any():
            raise ValueError("sample_weight must have a positive sum, got zeros only.")
    return _Places(truth, ranking, _find_hits(truth, ranking), weight)


def _discount(n_places: int) -> FloatArray:
    return 1.0 / np.log2(np.arange(2, n_places + 2, dtype=np.float64))


def _over_ideal_dcg(gain: FloatArray, counts: IntArray, k: int) -> FloatArray:
    """Divide by the DCG of a perfect ranking; 0 where there is no label to rank."""
    k = min(k, int(counts.max(initial=0)))
    ideal = np.append(0.0, np.cumsum(_discount(k)))[np.minimum(counts, k)]
    return np.divide(gain, ideal, out=np.zeros_like(gain), where=ideal > 0)


def _precision(places: _Places, k: int) -> float:
    return places.mean(places.hits[:, :k].sum(axis=1) / k)


def _recall(places: _Places, k: int) -> float:
    return places.mean(places.hits[:, :k].sum(axis=1) / np.maximum(places.truth.counts, 1))


def _ndcg(places: _Places, k: int) -> float:
    hits = places.hits[:, :k]
    return places.mean(_over_ideal_dcg(hits @ _discount(hits.shape[1]), places.truth.counts, k))


def _propensity_gains(places: _Places, weights: Any, k: int) -> tuple[FloatArray, FloatArray]:
    """Return the gains of the k ranked places and of the k heaviest true labels, per row."""
    truth = places.truth
    weights = _check_vector(weights, truth.n_labels, "inverse_propensity", positive=True)
    got = np.where(places.hits[:, :k], weights[places.ranking[:, :k]], 0.0)
    # One sort of integers ranks each row's labels: columns renamed from heaviest to lightest.
    heaviest = np.argsort(-weights, kind="stable")
    renamed = np.empty_like(heaviest)
    renamed[heaviest] = np.arange(truth.n_labels)
    rows = truth.rows
    base = rows * truth.n_labels
    keys = np.sort(base + renamed[truth.keys - base])
    rank = np.arange(len(keys)) - truth.indptr[rows]
    kept = rank < k
    best = np.zeros((len(got), min(k, int(truth.counts.max()))))
    best[rows[kept], rank[kept]] = weights[heaviest[keys[kept] - base[kept]]]
    return got, best


def _psp(places: _Places, gains: tuple[FloatArray, FloatArray], k: int) -> float:
    got, best = (places.mean(gain[:, :k].sum(axis=1)) for gain in gains)
    return got / best if best > 0 else 0.0


def _psndcg(places: _Places, gains: tuple[FloatArray, FloatArray], k: int) -> float:
    means = []
    for gain in gains:
        dcg = gain[:, :k] @ _discount(gain[:, :k].shape[1])
        means.append(places.mean(_over_ideal_dcg(dcg, places.truth.counts, k)))
    return means[0] / means[1] if means[1] > 0 else 0.0


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
        rows = by_length[start : start + max(1, _BLOCK // width)]
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
    for start, stop in _row_blocks(n_rows, scores.size):
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
    k = _check_k(k)
    scores = _check_2d(scores, "scores")
    if scores.shape[1] == 0:
        raise ValueError(f"scores needs at least one column, got shape {scores.shape}.")
    sparse = sp.issparse(scores)
    if sparse:
        scores = scores.tocsr()
    if np.isnan(scores.data if sparse else scores).any():
        raise ValueError("scores must not hold NaN; use -inf for labels never to predict.")
    return _top_k_sparse(scores, k) if sparse else _top_k_dense(scores, k)


def precision_at_k(
    y_true: Any,
    topk: Any,
    *,
    k: int = 5,
    sample_weight: npt.ArrayLike | None = None,
) -> float:
    """Precision at k: the share of the first k places that hold a true label.

    The mean over samples of ``hits / k``; places not predicted count as misses.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_samples, n_labels)
        True labels, 0 or 1.
    topk : array-like or sparse matrix
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels).
    k : int, default=5
        Number of places.
    sample_weight : array-like of shape (n_samples,), default=None
        Row weights.

    Returns
    -------
    float
        In [0, 1], higher is better.

    Raises
    ------
    ValueError
        If shapes disagree, ``y_true`` is not 0/1, an index is out of range or repeated in a row,
        scores hold NaN, or ``k < 1``.
    TypeError
        If a dtype is not numeric, or ``k`` not an integer.

    Examples
    --------
    >>> from sk_inceptionxml.metrics import precision_at_k
    >>> precision_at_k([[1, 0, 1], [0, 1, 0]], [[0, 1], [2, 1]], k=2)
    0.5
    """
    return _precision(_places(y_true, topk, k, sample_weight), k)


def recall_at_k(
    y_true: Any,
    topk: Any,
    *,
    k: int = 5,
    sample_weight: npt.ArrayLike | None = None,
) -> float:
    """Recall at k: the share of a sample's labels found in the first k places.

    The mean over samples of ``hits / n_true``; samples without labels count as 0.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_samples, n_labels)
        True labels, 0 or 1.
    topk : array-like or sparse matrix
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels).
    k : int, default=5
        Number of places.
    sample_weight : array-like of shape (n_samples,), default=None
        Row weights.

    Returns
    -------
    float
        In [0, 1], higher is better.

    Raises
    ------
    ValueError
        If shapes disagree, ``y_true`` is not 0/1, an index is out of range or repeated in a row,
        scores hold NaN, or ``k < 1``.
    TypeError
        If a dtype is not numeric, or ``k`` not an integer.

    Examples
    --------
    >>> from sk_inceptionxml.metrics import recall_at_k
    >>> recall_at_k([[1, 0, 1], [0, 1, 0]], [[0, 1], [2, 1]], k=2)
    0.75
    """
    return _recall(_places(y_true, topk, k, sample_weight), k)


def ndcg_at_k(
    y_true: Any,
    topk: Any,
    *,
    k: int = 5,
    sample_weight: npt.ArrayLike | None = None,
) -> float:
    """Normalised discounted cumulative gain at k, for binary relevance.

    The mean over samples of ``sum_j y_j / log2(j + 1)`` over the first k places, divided by the
    same sum of a perfect ranking, which has ``min(k, n_true)`` terms.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_samples, n_labels)
        True labels, 0 or 1.
    topk : array-like or sparse matrix
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels).
    k : int, default=5
        Number of places.
    sample_weight : array-like of shape (n_samples,), default=None
        Row weights.

    Returns
    -------
    float
        In [0, 1], higher is better; 1 for a perfect ranking.

    Raises
    ------
    ValueError
        If shapes disagree, ``y_true`` is not 0/1, an index is out of range or repeated in a row,
        scores hold NaN, or ``k < 1``.
    TypeError
        If a dtype is not numeric, or ``k`` not an integer.

    Examples
    --------
    >>> from sk_inceptionxml.metrics import ndcg_at_k
    >>> round(ndcg_at_k([[1, 0, 1], [0, 1, 0]], [[0, 1], [2, 1]], k=2), 4)
    0.622
    """
    return _ndcg(_places(y_true, topk, k, sample_weight), k)


def psp_at_k(
    y_true: Any,
    topk: Any,
    *,
    inverse_propensity: npt.ArrayLike,
    k: int = 5,
    sample_weight: npt.ArrayLike | None = None,
) -> float:
    """Propensity-scored precision at k, normalised by its best possible value.

    A hit on label l gains ``inverse_propensity[l]``; the result is the mean gain over samples
    divided by the mean gain of the best ranking: a ratio of two means, as published results
    use [1]_. It is 0 if there are no true labels at all.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_samples, n_labels)
        True labels, 0 or 1.
    topk : array-like or sparse matrix
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels).
    inverse_propensity : array-like of shape (n_labels,)
        Positive label weights, as :func:`inverse_propensity` computes from *training* labels.
    k : int, default=5
        Number of places.
    sample_weight : array-like of shape (n_samples,), default=None
        Row weights.

    Returns
    -------
    float
        In [0, 1], higher is better.

    Raises
    ------
    ValueError
        If shapes disagree, ``y_true`` is not 0/1, an index is out of range or repeated in a row,
        scores hold NaN, or ``k < 1``.
    TypeError
        If a dtype is not numeric, or ``k`` not an integer.

    References
    ----------
    .. [1] Jain, Prabhu, Varma, "Extreme Multi-label Loss Functions for Recommendation, Tagging,
       Ranking & Other Missing Label Applications", KDD 2016.

    Examples
    --------
    >>> from sk_inceptionxml.metrics import psp_at_k
    >>> psp_at_k([[1, 0, 1], [0, 1, 0]], [[0, 1], [2, 1]], inverse_propensity=[1, 3, 3], k=1)
    0.16666666666666666
    """
    places = _places(y_true, topk, k, sample_weight)
    return _psp(places, _propensity_gains(places, inverse_propensity, k), k)


def psndcg_at_k(
    y_true: Any,
    topk: Any,
    *,
    inverse_propensity: npt.ArrayLike,
    k: int = 5,
    sample_weight: npt.ArrayLike | None = None,
) -> float:
    """Propensity-scored nDCG at k, normalised by its best possible value.

    Per sample the propensity-scored DCG is divided by the unweighted ideal DCG over
    ``min(k, n_true)`` places; the mean of this is divided by the mean that the best ranking
    reaches [1]_. It is 0 if there are no true labels at all.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_samples, n_labels)
        True labels, 0 or 1.
    topk : array-like or sparse matrix
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels).
    inverse_propensity : array-like of shape (n_labels,)
        Positive label weights, as :func:`inverse_propensity` computes from *training* labels.
    k : int, default=5
        Number of places.
    sample_weight : array-like of shape (n_samples,), default=None
        Row weights.

    Returns
    -------
    float
        In [0, 1], higher is better.

    Raises
    ------
    ValueError
        If shapes disagree, ``y_true`` is not 0/1, an index is out of range or repeated in a row,
        scores hold NaN, or ``k < 1``.
    TypeError
        If a dtype is not numeric, or ``k`` not an integer.

    References
    ----------
    .. [1] Jain, Prabhu, Varma, "Extreme Multi-label Loss Functions for Recommendation, Tagging,
       Ranking & Other Missing Label Applications", KDD 2016.

    Examples
    --------
    >>> from sk_inceptionxml.metrics import psndcg_at_k
    >>> psndcg_at_k([[1, 0, 1], [0, 1, 0]], [[0, 1], [2, 1]], inverse_propensity=[1, 3, 3], k=1)
    0.16666666666666666
    """
    places = _places(y_true, topk, k, sample_weight)
    return _psndcg(places, _propensity_gains(places, inverse_propensity, k), k)


def inverse_propensity(
    y_train_or_label_counts: Any,
    *,
    n_samples: int | None = None,
    A: float = 0.55,
    B: float = 1.5,
) -> FloatArray:
    """Inverse propensity of each label, estimated from its training frequency.

    ``1 + C * (N_l + B) ** -A`` with ``C = (ln N - 1) * (B + 1) ** A``, for N training samples of
    which N_l have label l [1]_.

    Parameters
    ----------
    y_train_or_label_counts : array-like or sparse matrix
        Training labels of shape (n_samples, n_labels), or label counts of shape (n_labels,).
    n_samples : int, default=None
        Number of training samples; needed with label counts, read off ``y_train`` otherwise.
    A : float, default=0.55
        The usual values of (A, B) are (0.5, 0.4) for Wikipedia, (0.6, 2.6) for Amazon data.
    B : float, default=1.5
        See ``A``.

    Returns
    -------
    ndarray of shape (n_labels,) and dtype float64
        Values of at least 1, rarer labels higher.

    Raises
    ------
    ValueError
        If ``n_samples`` is missing, below 3 (the estimate would not be a probability) or
        contradicts the data, or if ``A < 0`` or ``B <= 0``.
    TypeError
        If the data are not numeric, or ``n_samples`` not an integer.

    References
    ----------
    .. [1] Jain, Prabhu, Varma, "Extreme Multi-label Loss Functions for Recommendation, Tagging,
       Ranking & Other Missing Label Applications", KDD 2016.

    Examples
    --------
    >>> from sk_inceptionxml.metrics import inverse_propensity
    >>> inverse_propensity([0, 1, 50], n_samples=100).round(2)
    array([5.77, 4.61, 1.68])
    """
    if not (0 <= A < np.inf and 0 < B < np.inf):
        raise ValueError(f"A must be non-negative and B positive, both finite; got A={A}, B={B}.")
    data = y_train_or_label_counts
    if not sp.issparse(data) and np.ndim(data) == 1:
        if n_samples is None:
            raise ValueError("n_samples is needed with label counts; give the training set size.")
        n = _check_k(n_samples, "n_samples")
        counts = _check_vector(data, len(data), "label counts")
        if (counts > n).any():
            raise ValueError(f"label counts go up to {counts.max():g}, above n_samples={n}.")
    else:
        truth = _check_truth(data, "y_train")
        n = len(truth.indptr) - 1
        if n_samples is not None and n_samples != n:
            raise ValueError(f"n_samples={n_samples} but y_train has {n} rows; leave it out.")
        counts = np.bincount(truth.columns, minlength=truth.n_labels).astype(np.float64)
    if n < 3:
        raise ValueError(f"n_samples must be at least 3 to estimate propensities, got {n}.")
    return 1.0 + (np.log(n) - 1.0) * (B + 1.0) ** A * (counts + B) ** -A


def _held_places(topk: Any) -> int:
    topk = _check_2d(topk, "topk")
    if sp.issparse(topk):
        return int(np.diff(topk.tocsr().indptr).max(initial=0))
    return int(topk.shape[1])


def ranking_report(
    y_true: Any,
    topk: Any,
    *,
    ks: Sequence[int] = (1, 3, 5),
    recall_ks: Sequence[int] = (10, 100),
    inverse_propensity: npt.ArrayLike | None = None,
    sample_weight: npt.ArrayLike | None = None,
) -> dict[str, float]:
    """All ranking metrics at once, in percent.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_samples, n_labels)
        True labels, 0 or 1.
    topk : array-like or sparse matrix
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels).
    ks : sequence of int, default=(1, 3, 5)
        Places for every metric but recall.
    recall_ks : sequence of int, default=(10, 100)
        Places for recall; those beyond what ``topk`` holds (its columns; in sparse scores the
        longest row) are left out.
    inverse_propensity : array-like of shape (n_labels,), default=None
        Label weights, see :func:`inverse_propensity`; adds the propensity-scored metrics.
    sample_weight : array-like of shape (n_samples,), default=None
        Row weights.

    Returns
    -------
    dict of str to float
        Percentages under the keys "P@k" and "nDCG@k", with weights also "PSP@k" and "PSnDCG@k",
        for k in ``ks``, then "R@k".

    Raises
    ------
    ValueError
        If shapes disagree, ``y_true`` is not 0/1, an index is out of range or repeated in a row,
        scores hold NaN, or ``k < 1``.
    TypeError
        If a dtype is not numeric, or ``k`` not an integer.

    Examples
    --------
    >>> from sk_inceptionxml.metrics import ranking_report
    >>> ranking_report([[1, 0, 1], [0, 1, 0]], [[0, 1], [2, 1]], ks=[1], recall_ks=[2])
    {'P@1': 50.0, 'nDCG@1': 50.0, 'R@2': 75.0}
    """
    ks = [_check_k(k, "ks") for k in ks]
    held = _held_places(topk)
    recall_ks = [k for k in recall_ks if _check_k(k, "recall_ks") <= held]
    widest = max([1, *ks, *recall_ks])
    places = _places(y_true, topk, widest, sample_weight)
    report = {f"P@{k}": _precision(places, k) for k in ks}
    report |= {f"nDCG@{k}": _ndcg(places, k) for k in ks}
    if inverse_propensity is not None:
        gains = _propensity_gains(places, inverse_propensity, max([1, *ks]))
        report |= {f"PSP@{k}": _psp(places, gains, k) for k in ks}
        report |= {f"PSnDCG@{k}": _psndcg(places, gains, k) for k in ks}
    report |= {f"R@{k}": _recall(places, k) for k in recall_ks}
    return {name: 100.0 * value for name, value in report.items()}


def _check_edges(edges: Sequence[int]) -> list[int]:
    lows = [int(edge) for edge in edges]
    rising = all(low < high for low, high in zip(lows, lows[1:], strict=False))
    if lows[:1] != [0] or lows != list(edges) or not rising:
        raise ValueError(f"edges must be integers rising from 0, got {tuple(edges)}.")
    return lows


def frequency_report(
    y_true: Any,
    topk: Any,
    label_counts: npt.ArrayLike,
    *,
    k: int = 5,
    edges: Sequence[int] = (0, 1, 5, 20, 100),
    sample_weight: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Recall and precision by the training frequency of the labels, to see head and tail apart.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_samples, n_labels)
        True labels, 0 or 1.
    topk : array-like or sparse matrix
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels).
    label_counts : array-like of shape (n_labels,)
        Number of training samples of each label.
    k : int, default=5
        Number of places.
    edges : sequence of int, default=(0, 1, 5, 20, 100)
        Lowest count of each bucket, rising from 0; the default gives the buckets 0, 1-4, 5-19,
        20-99 and 100+.
    sample_weight : array-like of shape (n_samples,), default=None
        Row weights.

    Returns
    -------
    pandas.DataFrame
        A row per bucket, rarest labels first, empty buckets included: "bucket", "n_labels",
        "n_positives" (true label occurrences), "recall@k" (with the number k: share of them
        found in the first k places), "n_predicted" (places filled with labels of the bucket) and
        "precision" (share of those places that are true). A share of nothing is NaN. With
        ``sample_weight`` the numbers of positives and places are sums of weights.

    Raises
    ------
    ValueError
        If shapes disagree, ``y_true`` is not 0/1, an index is out of range or repeated in a row,
        scores hold NaN, or ``k < 1``.
    TypeError
        If a dtype is not numeric, or ``k`` not an integer.
    ImportError
        If pandas is not installed.

    Examples
    --------
    >>> from sk_inceptionxml.metrics import frequency_report
    >>> table = frequency_report(
    ...     [[1, 0, 1], [0, 1, 0]], [[0, 1], [2, 1]], [9, 2, 0], k=2, edges=(0, 1, 5))
    >>> print(table.to_string(index=False))
    bucket  n_labels  n_positives  recall@2  n_predicted  precision
         0         1            1       0.0            1        0.0
       1-4         1            1       1.0            2        0.5
        5+         1            1       1.0            1        1.0
    """
    # Only this function needs pandas.
    import pandas as pd

    places = _places(y_true, topk, k, sample_weight)
    truth, ranking, hits, weight = places
    lows = _check_edges(edges)
    bucket_of = (
        np.searchsorted(
            lows, _check_vector(label_counts, truth.n_labels, "label_counts"), side="right"
        )
        - 1
    )

    def total(rows: Any, labels: Any) -> Any:
        share = None if weight is None else weight[rows]
        return np.bincount(bucket_of[labels], share, minlength=len(lows))

    def ratio(part: Any, whole: Any) -> FloatArray:
        return np.divide(part, whole, out=np.full(len(lows), np.nan), where=whole > 0)

    filled = ranking >= 0
    found = total(np.nonzero(hits)[0], ranking[hits])
    n_positives = total(truth.rows, truth.columns)
    n_predicted = total(np.nonzero(filled)[0], ranking[filled])
    names = [
        str(low) if high == low + 1 else f"{low}-{high - 1}"
        for low, high in zip(lows, lows[1:], strict=False)
    ]
    return pd.DataFrame(
        {
            "bucket": [*names, f"{lows[-1]}+"],
            "n_labels": np.bincount(bucket_of, minlength=len(lows)),
            "n_positives": n_positives,
            f"recall@{k}": ratio(found, n_positives),
            "n_predicted": n_predicted,
            "precision": ratio(found, n_predicted),
        }
    )


def _place_probabilities(topk: Any, probabilities: Any, ranking: Any) -> FloatArray:
    """Probabilities of the filled places of a ranking, row by row, checked."""
    given = _check_2d(probabilities, "probabilities")
    asked = topk if sp.issparse(topk) else np.asarray(topk)
    if given.shape != asked.shape:
        raise ValueError(f"probabilities has shape {given.shape}, but topk has {asked.shape}.")
    rows, column = np.nonzero(ranking >= 0)
    if _is_scores(asked):
        column = ranking[rows, column]
    if sp.issparse(given):
        given = given.tocsr()
    values = np.asarray(given[rows, column], dtype=np.float64).ravel()
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("probabilities must lie in [0, 1] wherever topk predicts a label.")
    return values


def _bin_edges(values: FloatArray, weight: FloatArray, n_bins: int, strategy: str) -> FloatArray:
    """Inner upper edges of the bins."""
    steps = np.arange(1, n_bins)
    if strategy == "uniform":
        return steps / n_bins
    order = np.argsort(values)
    mass = np.cumsum(weight[order])
    # The smallest value with at least its share of the mass at or below it.
    return values[order[np.searchsorted(mass, steps * mass[-1] / n_bins)]]


def expected_calibration_error(
    y_true: Any,
    topk: Any,
    probabilities: Any,
    *,
    k: int = 1,
    n_bins: int = 15,
    strategy: str = "uniform",
    sample_weight: npt.ArrayLike | None = None,
) -> float:
    """Compute the expected calibration error of the first k places.

    The predicted places are put into bins by probability; the result is the mean over places of
    ``abs(mean hit - mean probability)`` of their bin [1]_. Places holding -1 are left out.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_samples, n_labels)
        True labels, 0 or 1.
    topk : array-like or sparse matrix
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels).
    probabilities : array-like or sparse matrix of the same shape as ``topk``
        Probability of the label in each place of a ranking or, with scores, of each label.
    k : int, default=1
        Number of places.
    n_bins : int, default=15
        Number of bins.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width, or of equal mass (ties share a bin). Bins contain their upper edge.
    sample_weight : array-like of shape (n_samples,), default=None
        Row weights.

    Returns
    -------
    float
        In [0, 1], lower is better.

    Raises
    ------
    ValueError
        If shapes disagree, ``y_true`` is not 0/1, an index is out of range or repeated in a row,
        scores hold NaN, ``k`` or ``n_bins`` is below 1, a probability is outside [0, 1],
        ``strategy`` is unknown, or no place is predicted.
    TypeError
        If a dtype is not numeric, or ``k`` not an integer.

    References
    ----------
    .. [1] Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    >>> from sk_inceptionxml.metrics import expected_calibration_error
    >>> expected_calibration_error([[1, 0], [0, 1]], [[0], [0]], [[0.75], [0.75]])
    0.25
    """
    n_bins = _check_k(n_bins, "n_bins")
    if strategy not in ("uniform", "quantile"):
        raise ValueError(f"strategy must be 'uniform' or 'quantile', got {strategy!r}.")
    _, ranking, hits, row_weight = _places(y_true, topk, k, sample_weight)
    values = _place_probabilities(topk, probabilities, ranking)
    filled = ranking >= 0
    weight = np.ones(len(ranking)) if row_weight is None else row_weight
    weight = weight[np.nonzero(filled)[0]]
    if not weight.any():
        raise ValueError("topk predicts no label (of positive weight) in the first k places.")
    bins = np.searchsorted(_bin_edges(values, weight, n_bins, strategy), values)
    gaps = np.bincount(bins, weight * (hits[filled] - values))
    return float(np.abs(gaps).sum() / weight.sum())
