"""Rows of the lexical memory in segments: what is added is appended, and nothing is copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml._utils.sparse import index_type, row_numbers, transposed
from sk_inceptionxml._utils.storage import MEMORY, Storage, blocks, ranges

FEW_ENTRIES = 8192


@dataclass(frozen=True, eq=False)
class Segment:
    """Rows that were added together.

    Parameters
    ----------
    first : int
        Number of the first row.
    X : csr_array of shape (n_rows, n_words), float32
    Y : csr_array of shape (n_rows, n_labels)
    postings : csr_array of shape (n_words, n_rows), float32
        The rows of each word.
    squared_norms : ndarray of shape (n_rows,), float64
    positive : bool
        Whether every value of X is above 0.
    """

    first: int
    X: sp.csr_array
    Y: sp.csr_array
    postings: sp.csr_array
    squared_norms: np.ndarray
    positive: bool

    @classmethod
    def of(cls, first: int, X: sp.csr_array, Y: sp.csr_array, storage: Storage = MEMORY) -> Segment:
        """The segment of some rows, which begins with row number ``first``."""
        X, Y = stored(X, np.float32), stored(Y)
        squares: list[np.ndarray] = [np.zeros(0)]
        for part in blocks(X.indptr):
            some = X[part]
            values = some.data.astype(np.float64) ** 2
            squares.append(np.bincount(row_numbers(some), values, minlength=some.shape[0]))
        positive = bool(X.data.min(initial=1) > 0)
        return cls(first, X, Y, transposed(X, storage), np.concatenate(squares), positive)

    @property
    def stop(self) -> int:
        """Number of the row after the last one."""
        return self.first + self.X.shape[0]


def appended(
    segments: Sequence[Segment], X: sp.csr_array, Y: sp.csr_array, storage: Storage = MEMORY
) -> tuple[Segment, ...]:
    """Segments that hold further rows; the others stay as they are.

    The last ones are merged while one has at least half as many rows as the one before it, so that
    there are few, and each row is copied a few times at most.
    """
    first = segments[-1].stop if segments else 0
    *before, last = *segments, Segment.of(first, X, Y, storage)
    while before and 2 * last.X.shape[0] >= before[-1].X.shape[0]:
        earlier = before.pop()
        last = Segment.of(
            earlier.first,
            sp.vstack([earlier.X, last.X], format="csr"),
            stack_labels([earlier.Y, last.Y]),
        )
    return *before, last


def stack_labels(parts: Sequence[sp.csr_array]) -> sp.csr_array:
    """Labels of rows, one below the other; labels that came later are columns at the end."""
    width = max(part.shape[1] for part in parts)
    wide = [
        sp.csr_array((part.data, part.indices, part.indptr), shape=(part.shape[0], width))
        for part in parts
    ]
    return sp.csr_array(sp.vstack(wide, format="csr"))


def postings_of(
    segments: Sequence[Segment], words: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows that hold each of some words, word by word, their values, and the number of each word's.

    Rows of a word ascend within each segment.
    """
    if len(segments) == 1:
        return take_rows(segments[0].postings, words)
    found = []
    for segment in segments:
        rows, data, sizes = take_rows(segment.postings, words)
        found.append((rows.astype(np.int64) + segment.first, data, sizes))
    rows, data, sizes = (np.concatenate(part) for part in zip(*found, strict=True))
    word = np.repeat(np.tile(np.arange(len(words)), len(segments)), sizes)
    order = np.argsort(word, kind="stable")
    return rows[order], data[order], sizes.reshape(len(segments), -1).sum(axis=0)


def rows_of(
    segments: Sequence[Segment], rows: np.ndarray, matrix: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns and values of rows of ``matrix``, "X" or "Y", row by row, and their numbers."""
    if len(segments) == 1:
        return take_rows(getattr(segments[0], matrix), rows)
    lengths = np.zeros(len(rows), dtype=np.int64)
    owner = np.searchsorted([segment.first for segment in segments], rows, side="right") - 1
    found = []
    for number, segment in enumerate(segments):
        own = np.flatnonzero(owner == number)
        part = take_rows(getattr(segment, matrix), rows[own] - segment.first)
        lengths[own] = part[2]
        found.append((own, part))
    columns = np.empty(lengths.sum(), dtype=np.int64)
    values = np.empty(len(columns), dtype=found[0][1][1].dtype)
    ends = np.cumsum(lengths)
    for own, (some_columns, some_values, sizes) in found:
        places = ranges((ends - lengths)[own], sizes)
        columns[places], values[places] = some_columns, some_values
    return columns, values, lengths


def take_rows(matrix: sp.csr_array, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns and values of rows of a matrix, row by row, and their numbers."""
    starts = matrix.indptr[rows]
    sizes = matrix.indptr[rows + 1] - starts
    if sizes.sum() > FEW_ENTRIES:  # SciPy lets other threads run meanwhile, and costs more at first
        part = matrix[rows]
        return part.indices, part.data, sizes
    places = ranges(starts, sizes)
    return matrix.indices[places], matrix.data[places], sizes


def stored(matrix: sp.csr_array, dtype: type | None = None) -> sp.csr_array:
    """As CSR without stored zeros, of narrow indices: products convert all where they differ."""
    out = matrix if isinstance(matrix, sp.csr_array) else sp.csr_array(matrix)
    if dtype is not None:
        out = out.astype(dtype, copy=False)
    if not out.has_canonical_format or not out.data.all():
        out = out.copy()
        out.sum_duplicates()
        out.eliminate_zeros()
    kind = index_type(max(out.nnz, *out.shape))
    if out.indices.dtype == out.indptr.dtype == kind:
        return out
    return sp.csr_array((out.data, out.indices.astype(kind), out.indptr.astype(kind)), out.shape)
