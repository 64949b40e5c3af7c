"""Metrics that give rare labels more weight, by their inverse propensity."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from ._names import refuse_names
from ._ranking import Places, discount, find_places, over_ideal_dcg
from ._truth import FloatArray, check_k, check_truth, check_vector


def propensity_gains(places: Places, weights: Any, k: int) -> tuple[FloatArray, FloatArray]:
    """Return the gains of the k ranked places and of the k heaviest true labels, per row."""
    truth = places.truth
    weights = check_vector(weights, truth.n_labels, "inverse_propensity", positive=True)
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


def psp_ratio(places: Places, gains: tuple[FloatArray, FloatArray], k: int) -> float:
    """Propensity-scored precision at k from the gains of :func:`propensity_gains`."""
    got, best = (places.mean(gain[:, :k].sum(axis=1)) for gain in gains)
    return got / best if best > 0 else 0.0


def psndcg_ratio(places: Places, gains: tuple[FloatArray, FloatArray], k: int) -> float:
    """Propensity-scored nDCG at k from the gains of :func:`propensity_gains`."""
    means = []
    for gain in gains:
        dcg = gain[:, :k] @ discount(gain[:, :k].shape[1])
        means.append(places.mean(over_ideal_dcg(dcg, places.truth.counts, k)))
    return means[0] / means[1] if means[1] > 0 else 0.0


def psp_at_k(
    y_true: Any,
    topk: Any,
    *,
    inverse_propensity: npt.ArrayLike,
    k: int = 5,
    sample_weight: npt.ArrayLike | None = None,
) -> float:
    """Propensity-scored precision at k, normalised by its best possible value.

    A hit on label l gains ``inverse_propensity[l]``. The result is the mean gain over samples,
    divided by the mean gain of the best ranking. Published results use this ratio of two
    means [1]_. It is 0 if there is no true label at all.

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
    places = find_places(y_true, topk, k, sample_weight)
    refuse_names(places.named)
    return psp_ratio(places, propensity_gains(places, inverse_propensity, k), k)


def psndcg_at_k(
    y_true: Any,
    topk: Any,
    *,
    inverse_propensity: npt.ArrayLike,
    k: int = 5,
    sample_weight: npt.ArrayLike | None = None,
) -> float:
    """Propensity-scored nDCG at k, normalised by its best possible value.

    For each sample, the propensity-scored DCG is divided by the unweighted ideal DCG over
    ``min(k, n_true)`` places. The mean of this is divided by the mean that the best ranking
    reaches [1]_. It is 0 if there is no true label at all.

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
    places = find_places(y_true, topk, k, sample_weight)
    refuse_names(places.named)
    return psndcg_ratio(places, propensity_gains(places, inverse_propensity, k), k)


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
        n = check_k(n_samples, "n_samples")
        counts = check_vector(data, len(data), "label counts")
        if (counts > n).any():
            raise ValueError(f"label counts go up to {counts.max():g}, above n_samples={n}.")
    else:
        truth = check_truth(data, "y_train")
        n = len(truth.indptr) - 1
        if n_samples is not None and n_samples != n:
            raise ValueError(f"n_samples={n_samples} but y_train has {n} rows; leave it out.")
        counts = np.bincount(truth.columns, minlength=truth.n_labels).astype(np.float64)
    if n < 3:
        raise ValueError(f"n_samples must be at least 3 to estimate propensities, got {n}.")
    return 1.0 + (np.log(n) - 1.0) * (B + 1.0) ** A * (counts + B) ** -A
