"""True labels and arguments as the metrics read them."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sk_inceptionxml._utils.sparse import check_structure

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Entries handled at once: bounds the temporaries to some tens of MB.
BLOCK = 1 << 21


class Truth(NamedTuple):
    """The positives as sorted unique keys ``row * n_labels + column``."""

    keys: IntArray
    indptr: IntArray
    n_labels: int

    @property
    def counts(self) -> IntArray:
        """Number of labels of each row."""
        return np.diff(self.indptr)

    @property
    def rows(self) -> IntArray:
        """Row of each positive."""
        return np.repeat(np.arange(len(self.indptr) - 1), self.counts)

    @property
    def columns(self) -> IntArray:
        """Column of each positive."""
        return self.keys - self.rows * self.n_labels


def row_blocks(n_rows: int, n_entries: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of blocks of rows of about ``BLOCK`` entries."""
    step = max(1, BLOCK * n_rows // max(n_entries, 1))
    for start in range(0, n_rows, step):
        yield start, min(start + step, n_rows)


def rows_of_width(width: int) -> int:
    """Return how many rows of `width` entries make one block."""
    return max(1, BLOCK // width)


def check_k(k: Any, name: str = "k") -> int:
    """Return a number of places or the like as an int of at least 1."""
    if isinstance(k, bool) or not isinstance(k, Integral):
        raise TypeError(f"{name} must be an integer, got {k!r} of type {type(k).__name__}.")
    if k < 1:
        raise ValueError(f"{name} must be at least 1, got {k}.")
    return int(k)


def _check_numeric(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind not in "biuf":
        raise TypeError(f"{name} must be bool, int or float, got dtype {dtype}; convert it first.")


def check_vector(values: Any, size: int, name: str, *, positive: bool = False) -> FloatArray:
    """Return finite, non-negative weights or counts as float64."""
    vector = np.asarray(values)
    _check_numeric(vector.dtype, name)
    if vector.shape != (size,):
        raise ValueError(f"{name} must have shape ({size},), got {vector.shape}.")
    vector = vector.astype(np.float64)
    if not np.isfinite(vector).all() or (vector < 0).any() or (positive and (vector == 0).any()):
        sign = "positive" if positive else "non-negative"
        raise ValueError(f"{name} must be finite and {sign}; check it for NaN, inf and signs.")
    return vector


def check_2d(matrix: Any, name: str) -> Any:
    """Return a sparse matrix as it came, anything else as an array; both 2-D and numeric."""
    try:
        matrix = matrix if sp.issparse(matrix) else np.asarray(matrix)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be a matrix, or label lists of str or int on both sides ({error})."
        ) from None
    _check_numeric(matrix.dtype, name)
    if sp.issparse(matrix):
        check_structure(name, matrix)
    if matrix.ndim != 2:
        raise ValueError(f"{name} must be 2-D, got shape {matrix.shape}.")
    return matrix


def check_truth(y: Any, name: str = "y_true") -> Truth:
    """Read an indicator of true labels."""
    y = check_2d(y, name)
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
    return Truth(keys, indptr.astype(np.int64), n_labels)
