"""Check rankings of labels: columns of Y, best first, -1 for nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ._targets import Form


def check_indices(indices: Any, n_labels: int) -> NDArray[Any]:
    """Return a ranking as an array, after a check of its shape, dtype and range."""
    indices = np.asarray(indices)
    if indices.ndim != 2 or indices.dtype.kind not in "iu":
        raise ValueError(
            "indices must be a 2-D array of integers (n_samples, k), got shape "
            f"{indices.shape} and dtype {indices.dtype}."
        )
    if indices.size and (indices.min() < -1 or indices.max() >= n_labels):
        raise ValueError(
            f"indices must lie in [-1, {n_labels}), got values from {indices.min()} to "
            f"{indices.max()}."
        )
    return indices


def check_same_shape(name: str, values: Any, indices: NDArray[Any]) -> NDArray[Any]:
    """Return what belongs to each place of a ranking as an array of its shape."""
    values = np.asarray(values)
    if values.shape != indices.shape:
        raise ValueError(
            f"{name} must have the shape of indices, {indices.shape}, got {values.shape}."
        )
    return values


def first_places(indices: NDArray[Any], form: Form) -> NDArray[Any]:
    """Return the first place of each row, which a 1-D form cannot do without."""
    first = indices[:, 0] if indices.shape[1] else np.full(len(indices), -1)
    empty = np.flatnonzero(first < 0)
    if empty.size:
        raise ValueError(
            f"indices[{int(empty[0])}] has no label, but a {form} y has one per sample."
        )
    return first


def to_matrix(parts: tuple[NDArray[Any], ...], n_labels: int, container: str) -> Any:
    """Return values, columns and row bounds as a matrix over all labels."""
    values, columns, indptr = parts
    shape = (len(indptr) - 1, n_labels)
    if container == "ndarray":
        dense = np.zeros(shape, dtype=values.dtype)
        dense[np.repeat(np.arange(shape[0]), np.diff(indptr)), columns] = values
        return dense
    kind = sp.csr_matrix if container == "csr_matrix" else sp.csr_array
    csr = kind((values, columns, indptr), shape=shape)
    csr.sort_indices()
    return csr
