"""Checks of user-supplied clusters."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp

_N_NAMED = 10


def _named(labels: np.ndarray) -> str:
    """List the first few labels of an error message."""
    shown = ", ".join(str(int(i)) for i in labels[:_N_NAMED])
    return shown if len(labels) <= _N_NAMED else f"{shown}, ... ({len(labels)} in all)"


def _as_ids(values: Any, name: str) -> np.ndarray:
    """Turn a sequence of integers into a 1-D int64 array."""
    ids = np.asarray(values)
    if ids.size == 0:
        return np.empty(0, dtype=np.int64)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise TypeError(f"{name} must be a 1-D sequence of integers, got {ids.ndim}-D {ids.dtype}.")
    return ids.astype(np.int64)


def _members(clusters: Any, n_labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (label, cluster) pairs of any accepted form."""
    if sp.issparse(clusters):
        if clusters.ndim != 2 or clusters.shape[1] != n_labels:
            raise ValueError(
                f"clusters must have shape (n_clusters, {n_labels}), got {clusters.shape}."
            )
        matrix = sp.csr_array(clusters, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        owner = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        return matrix.indices.astype(np.int64), owner
    if not hasattr(clusters, "__len__") or isinstance(clusters, str | bytes | dict):
        raise TypeError(
            "clusters must be meta-label ids, a list of lists of label ids or a sparse matrix, "
            f"got {type(clusters).__name__}."
        )
    if len(clusters) and all(np.ndim(c) == 0 for c in clusters):
        ids = _as_ids(clusters, "clusters")
        if len(ids) > n_labels:
            raise ValueError(f"clusters holds {len(ids)} ids but there are {n_labels} labels.")
        assigned = np.flatnonzero(ids >= 0)
        return assigned, ids[assigned]
    lists = [_as_ids(c, f"clusters[{i}]") for i, c in enumerate(clusters)]
    owner = np.repeat(np.arange(len(lists)), [len(c) for c in lists])
    return np.concatenate([np.empty(0, dtype=np.int64), *lists]), owner


def validate_clusters(clusters: Any, n_labels: int) -> np.ndarray:
    """Check that clusters hold every label exactly once and number them 0 .. C - 1.

    Parameters
    ----------
    clusters : array-like of int of shape (L,), list of lists of int or sparse matrix (C, L)
        The meta-label id of every label (negative means unassigned), the label ids of every
        cluster, or the cluster/label indicator matrix.
    n_labels : int
        Number of labels ``L``.

    Returns
    -------
    meta_labels : ndarray of shape (L,), int32
        Meta-label of every label. The order of the clusters is kept, empty ones are left out.

    Raises
    ------
    TypeError
        If `clusters` has none of the accepted forms or `n_labels` is not an integer.
    ValueError
        If a label is missing, in more than one cluster, or out of range.

    Examples
    --------
    >>> from sk_inceptionxml.clustering import validate_clusters
    >>> validate_clusters([[2, 0], [1]], n_labels=3)
    array([0, 1, 0], dtype=int32)
    >>> validate_clusters([7, 7, 3], n_labels=3)
    array([1, 1, 0], dtype=int32)
    """
    if not isinstance(n_labels, Integral) or isinstance(n_labels, bool):
        raise TypeError(f"n_labels must be an integer, got {n_labels!r}.")
    if n_labels < 1:
        raise ValueError(f"n_labels must be at least 1, got {n_labels}.")
    labels, owner = _members(clusters, int(n_labels))
    outside = labels[(labels < 0) | (labels >= n_labels)]
    if outside.size:
        raise ValueError(
            f"clusters names labels outside 0 .. {n_labels - 1}: {_named(np.unique(outside))}."
        )
    counts = np.bincount(labels, minlength=int(n_labels))
    problems = []
    if (counts == 0).any():
        problems.append(f"labels in no cluster: {_named(np.flatnonzero(counts == 0))}")
    if (counts > 1).any():
        problems.append(f"labels listed more than once: {_named(np.flatnonzero(counts > 1))}")
    if problems:
        raise ValueError(f"clusters must hold every label exactly once; {'; '.join(problems)}.")
    out = np.empty(int(n_labels), dtype=np.int32)
    out[labels] = np.unique(owner, return_inverse=True)[1]
    return out
