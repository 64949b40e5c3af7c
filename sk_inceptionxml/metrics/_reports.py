"""Tables of several metrics at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from ._names import by_column, refuse_names
from ._propensity import propensity_gains, psndcg_ratio, psp_ratio
from ._ranking import find_places, mean_ndcg, mean_precision, mean_recall
from ._truth import FloatArray, check_2d, check_k, check_vector

if TYPE_CHECKING:
    import pandas as pd


def _held_places(topk: Any) -> int:
    topk = check_2d(topk, "topk")
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
    y_true : array-like or sparse matrix of shape (n_samples, n_labels), or label lists
        True labels, 0 or 1; or the names of the true labels of each row.
    topk : array-like or sparse matrix, or label lists
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels). With label lists: the names of each row, best first.
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
    ks = [check_k(k, "ks") for k in ks]
    y_true, topk, named = by_column(y_true, topk)
    refuse_names(named and inverse_propensity is not None)
    held = _held_places(topk)
    recall_ks = [k for k in recall_ks if check_k(k, "recall_ks") <= held]
    widest = max([1, *ks, *recall_ks])
    places = find_places(y_true, topk, widest, sample_weight)
    report = {f"P@{k}": mean_precision(places, k) for k in ks}
    report |= {f"nDCG@{k}": mean_ndcg(places, k) for k in ks}
    if inverse_propensity is not None:
        gains = propensity_gains(places, inverse_propensity, max([1, *ks]))
        report |= {f"PSP@{k}": psp_ratio(places, gains, k) for k in ks}
        report |= {f"PSnDCG@{k}": psndcg_ratio(places, gains, k) for k in ks}
    report |= {f"R@{k}": mean_recall(places, k) for k in recall_ks}
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
    y_true : array-like or sparse matrix of shape (n_samples, n_labels), or label lists
        True labels, 0 or 1; or the names of the true labels of each row.
    topk : array-like or sparse matrix, or label lists
        Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse scores
        (n_samples, n_labels). With label lists: the names of each row, best first.
    label_counts : array-like of shape (n_labels,)
        Number of training samples of each label.
    k : int, default=5
        Number of places.
    edges : sequence of int, default=(0, 1, 5, 20, 100)
        Lowest count of each bucket, rising from 0. The default gives the buckets 0, 1-4, 5-19,
        20-99 and 100+.
    sample_weight : array-like of shape (n_samples,), default=None
        Row weights.

    Returns
    -------
    pandas.DataFrame
        A row per bucket, rarest labels first, empty buckets included. Its columns:

        * "bucket" and "n_labels";
        * "n_positives": occurrences of true labels;
        * "recall@k", with the number k: share of these that are in the first k places;
        * "n_predicted": places that hold labels of the bucket;
        * "precision": share of these places that are true.

        A share of nothing is NaN. With ``sample_weight`` the numbers of positives and places are
        sums of weights.

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

    y_true, topk, named = by_column(y_true, topk)
    refuse_names(named)
    places = find_places(y_true, topk, k, sample_weight)
    truth, ranking, hits, weight = places[:4]
    lows = _check_edges(edges)
    bucket_of = (
        np.searchsorted(
            lows, check_vector(label_counts, truth.n_labels, "label_counts"), side="right"
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
