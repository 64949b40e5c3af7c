"""Small sparse-matrix helpers shared by the clustering modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, delayed
from sklearn.utils.validation import check_array

# Multiply-adds per block of a blocked sparse product: bounds the size of one block's result.
BLOCK_COST = 8_000_000


def canonical_csr(matrix: Any, dtype: Any = np.float32) -> sp.csr_array:
    """Copy `matrix` into a CSR array with sorted, unique, non-zero entries."""
    out = sp.csr_array(matrix, dtype=dtype, copy=True)
    out.sum_duplicates()
    out.eliminate_zeros()
    return out


def as_indicator(y: Any, name: str = "Y") -> tuple[sp.csr_array, np.ndarray | None]:
    """Turn targets into a binary CSR indicator; 1-D class vectors become one-hot.

    Returns the indicator (n, L) and, for 1-D targets, the sorted classes.
    """
    if not sp.issparse(y):
        if y is None:
            raise ValueError(f"{name} is None; pass the (n, L) label indicator matrix.")
        y = check_array(y, accept_sparse=True, ensure_2d=False, dtype=None, input_name=name)
        if y.ndim == 1:
            if y.dtype.kind == "f" and (y != np.floor(y)).any():
                raise ValueError(f"{name} is continuous; pass classes or a 0/1 label indicator.")
            classes, codes = np.unique(y, return_inverse=True)
            ones = np.ones(len(codes), dtype=np.float32)
            indptr = np.arange(len(codes) + 1)
            return sp.csr_array((ones, codes, indptr), shape=(len(codes), len(classes))), classes
        if y.ndim != 2 or y.dtype.kind not in "biuf":
            raise ValueError(
                f"{name} must be a 2-D numeric indicator or a 1-D class vector, "
                f"got {y.ndim}-D {y.dtype}."
            )
    out = canonical_csr(y)
    if out.nnz and not (np.isfinite(out.data).all() and out.data.min() > 0):
        raise ValueError(f"{name} must hold finite non-negative values; pass a 0/1 indicator.")
    out.data[:] = 1.0
    return out, None


def label_counts(indicator: sp.csr_array) -> np.ndarray:
    """Count the rows of every label of a canonical indicator."""
    return np.bincount(indicator.indices, minlength=indicator.shape[1])


def normalize_rows(matrix: sp.csr_array) -> sp.csr_array:
    """Scale the rows of a float CSR array to unit l2 norm in place; zero rows stay zero."""
    lengths = np.diff(matrix.indptr)
    filled = np.flatnonzero(lengths)
    if filled.size:
        squares = np.square(matrix.data, dtype=np.float64)
        norms = np.sqrt(np.add.reduceat(squares, matrix.indptr[filled]))
        norms[norms == 0] = 1.0
        matrix.data /= np.repeat(norms, lengths[filled]).astype(matrix.dtype)
    return matrix


def top_k_per_row(matrix: sp.csr_array, k: int | None) -> sp.csr_array:
    """Keep the `k` entries of largest magnitude of every row, lower columns first on ties."""
    lengths = np.diff(matrix.indptr)
    if k is None or lengths.size == 0 or lengths.max() <= k:
        return matrix
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.uint64), lengths)
    # The bits of non-negative floats sort like the floats, so one integer sort ranks all rows.
    bits = np.abs(matrix.data.astype(np.float32, copy=False)).view(np.uint32)
    keys = (rows << np.uint64(32)) | (np.uint64(0xFFFFFFFF) - bits)
    last = matrix.indptr[:-1] + np.minimum(lengths, k) - 1
    limit = np.sort(keys)[np.maximum(last, 0)]
    limit_of = np.repeat(limit, lengths)
    keep = keys < limit_of
    tied = np.flatnonzero(keys == limit_of)
    kept_before = np.concatenate([[0], np.cumsum(keep)])
    room = np.minimum(lengths, k) - np.diff(kept_before[matrix.indptr])
    tied_rows = rows[tied].astype(np.int64)
    first = np.searchsorted(tied_rows, tied_rows)
    keep[tied[np.arange(tied.size) - first < room[tied_rows]]] = True
    kept = np.concatenate([[0], np.cumsum(keep)])[matrix.indptr]
    return sp.csr_array((matrix.data[keep], matrix.indices[keep], kept), shape=matrix.shape)


def row_blocks(cost: np.ndarray, budget: int = BLOCK_COST) -> Iterator[tuple[int, int]]:
    """Cut rows into consecutive blocks of at most `budget` cost (one row at least)."""
    total = np.cumsum(cost, dtype=np.float64)
    start, base = 0, 0.0
    while start < len(cost):
        stop = max(start + 1, int(np.searchsorted(total, base + budget, side="right")))
        yield start, stop
        start, base = stop, float(total[stop - 1])


def product_cost(left: sp.csr_array, right: sp.csr_array) -> np.ndarray:
    """Count the multiply-adds of every row of ``left @ right``."""
    per_entry = np.diff(right.indptr)[left.indices]
    total = np.concatenate([[0], np.cumsum(per_entry)])
    return total[left.indptr[1:]] - total[left.indptr[:-1]]


def blocked_product(
    left: sp.csr_array, right: sp.csr_array, k: int | None, n_jobs: int | None = None
) -> sp.csr_array:
    """Compute ``left @ right`` block by block, keeping the `k` largest entries per row."""

    def block(start: int, stop: int) -> sp.csr_array:
        out = left[start:stop] @ right
        out.sort_indices()
        return top_k_per_row(out, k)

    bounds = list(row_blocks(product_cost(left, right)))
    parts = Parallel(n_jobs=n_jobs, require="sharedmem")(delayed(block)(*b) for b in bounds)
    if not parts:
        return sp.csr_array((left.shape[0], right.shape[1]), dtype=left.dtype)
    return sp.csr_array(sp.vstack(parts, format="csr"))
