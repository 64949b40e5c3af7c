"""Predicted probabilities beside the observed shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from ._names import by_column
from ._ranking import find_places, is_scores
from ._truth import FloatArray, check_2d, check_k


def _place_probabilities(topk: Any, probabilities: Any, ranking: Any) -> FloatArray:
    """Probabilities of the filled places of a ranking, row by row, checked."""
    given = check_2d(probabilities, "probabilities")
    asked = topk if sp.issparse(topk) else np.asarray(topk)
    if given.shape != asked.shape:
        raise ValueError(f"probabilities has shape {given.shape}, but topk has {asked.shape}.")
    rows, column = np.nonzero(ranking >= 0)
    if is_scores(asked):
        column = ranking[rows, column]
    if sp.issparse(given):
        given = given.tocsr()
    values = np.asarray(given[rows, column], dtype=np.float64).ravel()
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("probabilities must lie in [0, 1] wherever topk predicts a label.")
    return values


def first_places(
    y_true: Any, topk: Any, probabilities: Any, k: int, sample_weight: Any
) -> tuple[FloatArray, npt.NDArray[np.bool_], FloatArray, float]:
    """Probability, hit and row weight of the filled first k places; weight of all rows."""
    y_true, topk, _ = by_column(y_true, topk)
    ranking, hits, row_weight = find_places(y_true, topk, k, sample_weight)[1:4]
    values = _place_probabilities(topk, probabilities, ranking)
    filled = ranking >= 0
    weight = np.ones(len(ranking)) if row_weight is None else row_weight
    return values, hits[filled], weight[np.nonzero(filled)[0]], float(weight.sum())


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

    Predicted places are put into bins by their probability. The result is the mean over places of
    ``abs(mean hit - mean probability)`` of their bin [1]_. Places that hold -1 are left out.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_samples, n_labels), or label lists
        True labels, 0 or 1; or the names of the true labels of each row.
    topk : array-like or sparse matrix, or label lists
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels). With label lists: the names of each row, best first.
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
        If shapes disagree, ``y_true`` is not 0/1, or scores hold NaN. If an index is out of range
        or repeated in a row, or a probability is outside [0, 1]. If ``k`` or ``n_bins`` is below
        1, ``strategy`` is unknown, or no place is predicted.
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
    hit, probability, weight = _bin_means(
        y_true, topk, probabilities, k, n_bins, strategy, sample_weight
    )
    return float(np.abs(hit - probability) @ weight / weight.sum())


def reliability_curve(
    y_true: Any,
    topk: Any,
    probabilities: Any,
    *,
    k: int = 1,
    n_bins: int = 15,
    strategy: str = "uniform",
    sample_weight: npt.ArrayLike | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compute the share of hits and the mean probability in bins of the first k places.

    The bins are those of :func:`expected_calibration_error`, without the empty ones. For
    calibrated probabilities both values of a bin are the same.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_samples, n_labels), or label lists
        True labels, 0 or 1; or the names of the true labels of each row.
    topk : array-like or sparse matrix, or label lists
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels). With label lists: the names of each row, best first.
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
    prob_true : ndarray of shape (n_filled_bins,)
        Share of the places of each bin that hold a true label.
    prob_pred : ndarray of shape (n_filled_bins,)
        Mean probability of these places, rising from bin to bin.
    weight : ndarray of shape (n_filled_bins,)
        Number of these places, or the sum of their weights.

    Raises
    ------
    ValueError, TypeError
        As :func:`expected_calibration_error`.

    See Also
    --------
    sk_inceptionxml.inspection.ReliabilityDisplay : The same as a figure.

    Examples
    --------
    >>> from sk_inceptionxml.metrics import reliability_curve
    >>> y_true, ranking = [[1, 0], [0, 1], [1, 0]], [[0], [0], [0]]
    >>> reliability_curve(y_true, ranking, [[0.75], [0.75], [0.25]], n_bins=2)
    (array([1. , 0.5]), array([0.25, 0.75]), array([1., 2.]))
    """
    return _bin_means(y_true, topk, probabilities, k, n_bins, strategy, sample_weight)


def _bin_means(
    y_true: Any,
    topk: Any,
    probabilities: Any,
    k: int,
    n_bins: int,
    strategy: str,
    sample_weight: npt.ArrayLike | None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean hit, mean probability and weight of the bins that hold a place."""
    n_bins = check_k(n_bins, "n_bins")
    if strategy not in ("uniform", "quantile"):
        raise ValueError(f"strategy must be 'uniform' or 'quantile', got {strategy!r}.")
    values, hits, weight, _ = first_places(y_true, topk, probabilities, k, sample_weight)
    if not weight.any():
        raise ValueError("topk predicts no label (of positive weight) in the first k places.")
    bins = np.searchsorted(_bin_edges(values, weight, n_bins, strategy), values)
    mass = np.bincount(bins, weight).astype(np.float64)
    hit = np.bincount(bins, weight * hits) / np.where(mass > 0, mass, 1)
    probability = np.bincount(bins, weight * values) / np.where(mass > 0, mass, 1)
    filled = mass > 0
    return hit[filled], probability[filled], mass[filled]
