"""Sparse matrices: whether those from outside can be trusted, and small operations on rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp

from .storage import AT_ONCE, MEMORY, Storage, blocks, gather, ranges

TRANSPOSED_AT_ONCE = 1 << 22  # entries; each block visits every column


def check_structure(name: str, matrix: Any) -> None:
    """Refuse a sparse matrix whose indices point outside of it.

    SciPy's compiled loops do not look: a wrong index reads or writes foreign memory.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    matrix : sparse matrix or array
        Of any format; never changed.

    Raises
    ------
    ValueError
        If an index is out of range or the arrays do not fit together.
    """
    kind = matrix.format
    problem = None
    if kind == "coo":
        for axis, index in enumerate(_coordinates(matrix)):
            problem = problem or _out_of_range(index, matrix.shape[axis])
            if len(index) != len(matrix.data):
                problem = "its coordinates and values differ in number"
    elif kind in ("csr", "csc", "bsr"):
        block = matrix.blocksize if kind == "bsr" else (1, 1)
        n_rows, n_columns = (n // b for n, b in zip(matrix.shape, block, strict=True))
        major, minor = (n_columns, n_rows) if kind == "csc" else (n_rows, n_columns)
        problem = _bad_pointers(matrix.indptr, len(matrix.indices), len(matrix.data), major)
        problem = problem or _out_of_range(matrix.indices[: matrix.indptr[-1]], minor)
    if problem:
        raise ValueError(
            f"{name} is a damaged {type(matrix).__name__}: {problem}. Build it anew, for example "
            "from its coordinates."
        )


def _coordinates(matrix: Any) -> Any:
    coords = getattr(matrix, "coords", None)
    return (matrix.row, matrix.col) if coords is None else coords


def _out_of_range(index: np.ndarray, size: int) -> str | None:
    if not len(index):
        return None
    low, high = int(index.min()), int(index.max())
    if low >= 0 and high < size:
        return None
    return f"it has the index {low if low < 0 else high}, outside of [0, {size})"


def _bad_pointers(indptr: np.ndarray, n_indices: int, n_values: int, major: int) -> str | None:
    if len(indptr) != major + 1 or indptr[0] != 0:
        return f"its indptr must start at 0 and have {major + 1} entries"
    falls = (indptr[1:] < indptr[:-1]).any()  # a difference could wrap around
    if falls or indptr[-1] > min(n_indices, n_values):
        return "its indptr does not rise to at most the number of its entries"
    return None


def unit_rows(features: sp.csr_array) -> sp.csr_array:
    """Rows scaled to unit length, float32; empty rows stay empty."""
    x = sp.csr_array(features, dtype=np.float32, copy=True)
    x.data = unit_values(x.data, row_numbers(x))
    return x


def row_numbers(matrix: sp.csr_array) -> np.ndarray:
    """Row of every stored entry."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def unit_values(data: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Values (n_entries,), scaled so that those of each row have unit length."""
    norm = np.sqrt(np.bincount(rows, weights=data.astype(np.float64) ** 2))
    return data / np.maximum(norm, 1e-12).astype(np.float32)[rows]


def column_counts(matrix: sp.csr_array) -> np.ndarray:
    """Stored entries of every column, int64 of shape (n_columns,)."""
    total = np.zeros(matrix.shape[1], dtype=np.int64)
    for start in range(0, len(matrix.indices), AT_ONCE):
        total += np.bincount(matrix.indices[start : start + AT_ONCE], minlength=matrix.shape[1])
    return total


def index_type(largest: int) -> type:
    """The integers that matrices of such sizes have for indices."""
    return np.int32 if largest <= np.iinfo(np.int32).max else np.int64


def stack_rows(
    parts: Iterable[sp.csr_array], n_columns: int, storage: Storage = MEMORY
) -> sp.csr_array:
    """Rows of several matrices of ``n_columns`` columns, one below the other, float32."""
    lengths = [np.zeros(1, dtype=np.int64)]
    with storage.writer(np.float32) as data, storage.writer(index_type(n_columns)) as indices:
        for part in parts:
            data.append(part.data)
            indices.append(part.indices)
            lengths.append(np.diff(part.indptr))
        values, columns = data.finish(), indices.finish()
    indptr = np.cumsum(np.concatenate(lengths), dtype=np.int64)
    kind = index_type(max(int(indptr[-1]), n_columns))
    columns = storage.converted(columns, kind)
    shape = (len(indptr) - 1, n_columns)
    return sp.csr_array((values, columns, indptr.astype(kind)), shape=shape)


def take_rows(matrix: sp.csr_array, places: np.ndarray, storage: Storage = MEMORY) -> sp.csr_array:
    """Rows of a matrix in the given order, as a copy."""
    if storage.directory is None:
        return matrix[places]
    starts = matrix.indptr[places]
    offsets = np.concatenate([[0], np.cumsum(matrix.indptr[1:][places] - starts, dtype=np.int64)])
    kind = index_type(max(int(offsets[-1]), *matrix.shape))
    data = gather(matrix.data, starts, offsets, storage)
    indices = storage.converted(gather(matrix.indices, starts, offsets, storage), kind)
    shape = (len(places), matrix.shape[1])
    return sp.csr_array((data, indices, offsets.astype(kind)), shape=shape)


def transposed(matrix: sp.csr_array, storage: Storage = MEMORY) -> sp.csr_array:
    """The transpose of a canonical matrix, float32."""
    if storage.directory is None:
        return sp.csr_array(matrix.T)
    shape = matrix.shape[::-1]
    indptr = np.concatenate([[0], np.cumsum(column_counts(matrix))])
    kind = index_type(max(int(indptr[-1]), *shape))
    data = storage.empty(int(indptr[-1]), np.float32)
    rows = storage.empty(int(indptr[-1]), kind)
    place = indptr[:-1].copy()
    for part in blocks(matrix.indptr, TRANSPOSED_AT_ONCE):
        some = sp.csr_array(matrix[part].T)
        sizes = np.diff(some.indptr)
        places = ranges(place, sizes)
        data[places], rows[places] = some.data, some.indices + part.start
        place += sizes
    return sp.csr_array((data, rows, indptr.astype(kind)), shape=shape)
