"""PIFA: positive instance feature aggregation."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import check_array

from ._sparse import as_indicator, blocked_product, canonical_csr, normalize_rows


def pifa(
    Y: Any, X: Any, *, max_features: int | None = None, n_jobs: int | None = None
) -> sp.csr_array:
    """Describe every label by the summed features of its rows (PIFA).

    The feature vector of label ``l`` is the sum of the l2-normalised rows of `X` that carry
    ``l``, scaled to unit l2 norm. Labels without any row get a zero vector.

    Parameters
    ----------
    Y : {array-like, sparse matrix} of shape (n, L) or array-like of shape (n,)
        Label indicator matrix (values above zero are relevant) or one class per row.
    X : {array-like, sparse matrix} of shape (n, V)
        Row features, e.g. tf-idf weights.
    max_features : int or None, default=None
        Keep only so many entries of largest magnitude per label (before the final scaling).
    n_jobs : int or None, default=None
        Number of threads; the result does not depend on it.

    Returns
    -------
    features : csr_array of shape (L, V), float32
        Unit-length label features.

    Raises
    ------
    ValueError
        If `X` and `Y` differ in their number of rows, hold NaN or infinity, or if
        `max_features` is not a positive integer.

    References
    ----------
    .. [1] Prabhu et al., "Parabel: Partitioned label trees for extreme classification with
       application to dynamic search advertising", WWW 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_inceptionxml.clustering import pifa
    >>> Y = np.array([[1, 0], [1, 1]])
    >>> X = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> pifa(Y, X).toarray().round(3)
    array([[0.707, 0.707],
           [0.   , 1.   ]], dtype=float32)
    """
    if max_features is not None and not (isinstance(max_features, Integral) and max_features > 0):
        raise ValueError(f"max_features must be a positive integer or None, got {max_features!r}.")
    indicator, _ = as_indicator(Y)
    if not sp.issparse(X):
        X = check_array(X, dtype=(np.float64, np.float32), input_name="X")
    rows = canonical_csr(X, np.float32 if X.dtype == np.float32 else np.float64)
    if not np.isfinite(rows.data).all():
        raise ValueError("X contains NaN or infinity; pass finite features.")
    if rows.shape[0] != indicator.shape[0]:
        raise ValueError(
            f"X and Y must have the same number of rows, got {rows.shape[0]} and "
            f"{indicator.shape[0]}."
        )
    rows = normalize_rows(_single(rows))
    labels_by_row = sp.csr_array(indicator.T.tocsr())
    features = blocked_product(labels_by_row, rows, max_features, n_jobs)
    return normalize_rows(features)


def _single(rows: sp.csr_array) -> sp.csr_array:
    """Rows in single precision, whose range may be too small for them as they are."""
    if rows.dtype == np.float32:
        return rows
    lengths = np.diff(rows.indptr)
    filled = np.flatnonzero(lengths)
    if filled.size:
        largest = np.maximum.reduceat(np.abs(rows.data), rows.indptr[filled])
        rows.data /= np.repeat(largest, lengths[filled])
    return rows.astype(np.float32)
