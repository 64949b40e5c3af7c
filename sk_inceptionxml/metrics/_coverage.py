"""Precision where only confident rows are answered."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ._calibration import first_places
from ._truth import FloatArray


def precision_coverage_curve(
    y_true: Any,
    topk: Any,
    probabilities: Any,
    *,
    sample_weight: npt.ArrayLike | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compute the precision of the answered rows against the share of rows answered.

    A row is answered where the probability of its first place reaches a threshold. Its answer is
    right where that label is true. Each distinct probability is a threshold. In the literature
    on selective prediction, one minus the precision is the risk [1]_.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_samples, n_labels), or label lists
        True labels, 0 or 1; or the names of the true labels of each row.
    topk : array-like or sparse matrix, or label lists
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels). With label lists: the names of each row, best first. A row without
        a first place is never answered.
    probabilities : array-like or sparse matrix of the same shape as ``topk``
        Probability of the label in each place of a ranking or, with scores, of each label.
    sample_weight : array-like of shape (n_samples,), default=None
        Row weights.

    Returns
    -------
    precision : ndarray of shape (n_thresholds,)
        Share of the answered rows whose answer is right.
    coverage : ndarray of shape (n_thresholds,)
        Share of the rows that are answered, rising.
    thresholds : ndarray of shape (n_thresholds,)
        Distinct probabilities of the first places, falling.

    Raises
    ------
    ValueError
        If shapes disagree, ``y_true`` is not 0/1, an index is out of range or repeated in a row,
        scores hold NaN, a probability is outside [0, 1], or no row has a first place.
    TypeError
        If a dtype is not numeric.

    See Also
    --------
    sk_inceptionxml.inspection.PrecisionCoverageDisplay : The same as a figure.

    References
    ----------
    .. [1] El-Yaniv, Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 11,
       2010.

    Examples
    --------
    >>> from sk_inceptionxml.metrics import precision_coverage_curve
    >>> y_true, ranking = [[1, 0], [0, 1], [1, 0], [1, 0]], [[0], [0], [0], [-1]]
    >>> precision_coverage_curve(y_true, ranking, [[0.9], [0.9], [0.2], [0.0]])
    (array([0.5       , 0.66666667]), array([0.5 , 0.75]), array([0.9, 0.2]))
    """
    values, hits, weight, total = first_places(y_true, topk, probabilities, 1, sample_weight)
    if not weight.any():
        raise ValueError("topk predicts no label (of positive weight) in the first place.")
    positive = weight > 0
    values, hits, weight = values[positive], hits[positive], weight[positive]
    order = np.argsort(-values, kind="stable")
    values, answered = values[order], np.cumsum(weight[order])
    right = np.cumsum((weight * hits)[order])
    last = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)  # of equal probabilities
    return right[last] / answered[last], answered[last] / total, values[last]
