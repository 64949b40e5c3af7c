"""Hits of a ranking, and the metrics that count every label the same."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from ._names import by_column
from ._topk import top_k_indices
from ._truth import (
    FloatArray,
    IntArray,
    Truth,
    check_2d,
    check_k,
    check_truth,
    check_vector,
    row_blocks,
)


class Places(NamedTuple):
    """Validated truth, ranking (at most k places), hits of the same shape, and row weights."""

    truth: Truth
    ranking: npt.NDArray[np.signedinteger[Any]]
    hits: npt.NDArray[np.bool_]
    weight: FloatArray | None
    named: bool = False  # labels have names, and no columns that a caller knows

    def mean(self, per_row: FloatArray) -> float:
        """Weighted mean over the rows."""
        return float(np.average(per_row, weights=self.weight))


def is_scores(topk: Any) -> bool:
    """Whether the dtype says scores, rather than a ranking."""
    return sp.issparse(topk) or topk.dtype.kind == "f"


def _check_ranking(topk: Any, shape: tuple[int, int], k: int) -> Any:
    """Return the first k places of a ranking or of ranked scores, as signed integers."""
    topk = check_2d(topk, "topk")
    if is_scores(topk):
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
    _refuse_indicator(topk, shape[1])
    ranking = topk[:, :k]
    if ranking.size and (ranking.min() < -1 or ranking.max() >= shape[1]):
        raise ValueError(
            f"topk must hold column indices below {shape[1]}, or -1 for no prediction; "
            f"got values from {ranking.min()} to {ranking.max()}."
        )
    if ranking.dtype.kind == "u":
        ranking = ranking.astype(np.int64)
    for start, stop in row_blocks(ranking.shape[0], ranking.size):
        ordered = np.sort(ranking[start:stop], axis=1)
        twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
        if twice.any():
            row = start + int(np.argmax(twice))
            raise ValueError(f"topk repeats a label in row {row}: {ranking[row].tolist()}.")
    return ranking


def _refuse_indicator(topk: Any, n_labels: int) -> None:
    """Refuse a dense 0/1 matrix of predicted labels: as a ranking it would repeat labels."""
    if topk.shape[1] != n_labels or n_labels < 3 or not topk.size:
        return
    if topk.min() >= 0 and topk.max() <= 1:
        raise ValueError(
            "topk is a matrix of 0 and 1, which names the labels of each row without an order. "
            "Pass a ranking or scores, such as predict_topk or predict_proba give."
        )


def _find_hits(truth: Truth, ranking: Any) -> npt.NDArray[np.bool_]:
    hits = np.zeros(ranking.shape, dtype=bool)
    for start, stop in row_blocks(ranking.shape[0], ranking.size):
        keys = truth.keys[truth.indptr[start] : truth.indptr[stop]]
        if keys.size:
            block = ranking[start:stop]
            query = np.arange(start, stop, dtype=np.int64)[:, None] * truth.n_labels + block
            found = keys[np.minimum(np.searchsorted(keys, query), keys.size - 1)] == query
            hits[start:stop] = found & (block >= 0)
    return hits


def find_places(y_true: Any, topk: Any, k: int, sample_weight: Any) -> Places:
    """Read the truth and the first k places of a ranking or of ranked scores."""
    k = check_k(k)
    y_true, topk, named = by_column(y_true, topk)
    truth = check_truth(y_true)
    n_rows = len(truth.indptr) - 1
    ranking = _check_ranking(topk, (n_rows, truth.n_labels), k)
    weight = None
    if sample_weight is not None:
        weight = check_vector(sample_weight, n_rows, "sample_weight")
        if not weight.any():
            raise ValueError("sample_weight must have a positive sum, got zeros only.")
    return Places(truth, ranking, _find_hits(truth, ranking), weight, named)


def discount(n_places: int) -> FloatArray:
    """Return the weight of each place in a DCG."""
    return 1.0 / np.log2(np.arange(2, n_places + 2, dtype=np.float64))


def over_ideal_dcg(gain: FloatArray, counts: IntArray, k: int) -> FloatArray:
    """Divide by the DCG of a perfect ranking; 0 where there is no label to rank."""
    k = min(k, int(counts.max(initial=0)))
    ideal = np.append(0.0, np.cumsum(discount(k)))[np.minimum(counts, k)]
    return np.divide(gain, ideal, out=np.zeros_like(gain), where=ideal > 0)


def mean_precision(places: Places, k: int) -> float:
    """Precision at k of places that have been read."""
    return places.mean(places.hits[:, :k].sum(axis=1) / k)


def mean_recall(places: Places, k: int) -> float:
    """Recall at k of places that have been read."""
    return places.mean(places.hits[:, :k].sum(axis=1) / np.maximum(places.truth.counts, 1))


def mean_ndcg(places: Places, k: int) -> float:
    """Normalised DCG at k of places that have been read."""
    hits = places.hits[:, :k]
    return places.mean(over_ideal_dcg(hits @ discount(hits.shape[1]), places.truth.counts, k))


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
    y_true : array-like or sparse matrix of shape (n_samples, n_labels), or label lists
        True labels, 0 or 1; or the names of the true labels of each row.
    topk : array-like or sparse matrix, or label lists
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels). With label lists: the names of each row, best first.
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
    return mean_precision(find_places(y_true, topk, k, sample_weight), k)


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
    y_true : array-like or sparse matrix of shape (n_samples, n_labels), or label lists
        True labels, 0 or 1; or the names of the true labels of each row.
    topk : array-like or sparse matrix, or label lists
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels). With label lists: the names of each row, best first.
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
    return mean_recall(find_places(y_true, topk, k, sample_weight), k)


def coverage_at_k(
    y_true: Any,
    topk: Any,
    *,
    k: int = 5,
    sample_weight: npt.ArrayLike | None = None,
) -> float:
    """Coverage at k: the share of the labels that are found at all in the first k places.

    Of the labels that any sample has, those that are a hit in at least one sample. A system that
    only predicts frequent labels has a low coverage, however precise it is.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_samples, n_labels), or label lists
        True labels, 0 or 1; or the names of the true labels of each row.
    topk : array-like or sparse matrix, or label lists
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels). With label lists: the names of each row, best first.
    k : int, default=5
        Number of places.
    sample_weight : array-like of shape (n_samples,), default=None
        Row weights; rows of weight 0 are left out, all others count the same.

    Returns
    -------
    float
        In [0, 1], higher is better; 0 if no sample has a label.

    Raises
    ------
    ValueError
        If shapes disagree, ``y_true`` is not 0/1, an index is out of range or repeated in a row,
        scores hold NaN, or ``k < 1``.
    TypeError
        If a dtype is not numeric, or ``k`` not an integer.

    Examples
    --------
    >>> from sk_inceptionxml.metrics import coverage_at_k
    >>> coverage_at_k([[1, 0], [1, 0], [0, 1]], [[0], [0], [0]], k=1)
    0.5
    """
    truth, ranking, hits, weight = find_places(y_true, topk, k, sample_weight)[:4]
    counted = np.ones(len(ranking), dtype=bool) if weight is None else weight > 0
    wanted = np.unique(truth.columns[counted[truth.rows]])
    found = np.unique(ranking[counted][hits[counted]])
    return len(found) / max(1, len(wanted))


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
    y_true : array-like or sparse matrix of shape (n_samples, n_labels), or label lists
        True labels, 0 or 1; or the names of the true labels of each row.
    topk : array-like or sparse matrix, or label lists
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels). With label lists: the names of each row, best first.
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
    return mean_ndcg(find_places(y_true, topk, k, sample_weight), k)
