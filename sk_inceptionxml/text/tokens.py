"""Rows of token ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml._utils.sparse import column_counts, stack_rows
from sk_inceptionxml._utils.storage import AT_ONCE, MEMORY, Storage, blocks, gather

PADDING = 0
"""Id that fills a row up to the common length."""
UNKNOWN = 1
"""Id of a word that training has not seen."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """Rows of token ids of varying length, stored end to end.

    Parameters
    ----------
    ids : ndarray of shape (n_entries,), dtype int32
        Token ids of all rows; 0 is never used, 1 is the unknown word.
    offsets : ndarray of shape (n_rows + 1,), dtype int64
        Row ``i`` is ``ids[offsets[i]:offsets[i + 1]]``.
    weights : ndarray of shape (n_entries,), dtype float32, default=None
        Weight of each entry, or None when every entry counts the same.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_inceptionxml.text import Tokens
    >>> tokens = Tokens(np.array([2, 3, 2], dtype="int32"), np.array([0, 2, 3]))
    >>> tokens.take([1, 0]).ids.tolist()
    [2, 2, 3]
    """

    ids: np.ndarray
    offsets: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each row, int64 of shape (n_rows,)."""
        return np.diff(self.offsets)

    def take(self, rows: Any, storage: Storage = MEMORY) -> Tokens:
        """Return the given rows in the given order, as a copy.

        Parameters
        ----------
        rows : slice, sequence of int, or boolean mask of shape (n_rows,)
            Rows to gather; may repeat, negative numbers count from the end.
        storage : Storage, default=MEMORY
            Where the copy is put.

        Returns
        -------
        Tokens
            The gathered rows.

        Raises
        ------
        IndexError
            If a row number is out of range or not an integer, or a mask has another length.
        """
        if not isinstance(rows, slice):
            rows = np.atleast_1d(np.asarray(rows))
            rows = (
                rows
                if rows.size
                else np.zeros(rows.shape, rows.dtype if rows.dtype == bool else np.intp)
            )
        starts = self.offsets[:-1][rows]
        return self._gather(starts, self.offsets[1:][rows] - starts, storage)

    def truncate(self, max_len: int) -> Tokens:
        """Return the first ``max_len`` tokens of each row."""
        if len(self) == 0 or self.lengths.max() <= max_len:
            return self
        return self._gather(self.offsets[:-1], np.minimum(self.lengths, max_len))

    def _gather(self, starts: np.ndarray, lengths: np.ndarray, storage: Storage = MEMORY) -> Tokens:
        offsets = row_offsets(lengths)
        weights = self.weights
        if weights is not None:
            weights = gather(weights, starts, offsets, storage)
        return Tokens(gather(self.ids, starts, offsets, storage), offsets, weights)

    def to_csr(self, n_tokens: int, first: int = 0, storage: Storage = MEMORY) -> sp.csr_array:
        """Return the rows as a matrix of counts, or of summed weights.

        Parameters
        ----------
        n_tokens : int
            Ids run from 0 to ``n_tokens - 1``.
        first : int, default=0
            Id of the first column; lower ids are left out.
        storage : Storage, default=MEMORY
            Where the matrix is put.

        Returns
        -------
        csr_array of shape (n_rows, n_tokens - first), dtype float32
            Sorted, without duplicates.

        Raises
        ------
        ValueError
            If an id is not below ``n_tokens``.
        """
        if len(self.ids) <= AT_ONCE:
            return self._counts(n_tokens, first)
        return stack_rows(self._counts_of_parts(n_tokens, first), n_tokens - first, storage)

    def document_frequency(self, n_tokens: int, first: int = 0) -> np.ndarray:
        """Return the number of rows that hold each id from ``first`` on, int64."""
        total = np.zeros(n_tokens - first, dtype=np.int64)
        for counts in self._counts_of_parts(n_tokens, first):
            total += column_counts(counts)
        return total

    def _counts_of_parts(self, n_tokens: int, first: int) -> Iterator[sp.csr_array]:
        for part in blocks(self.offsets):
            yield self.take(part)._counts(n_tokens, first)

    def _counts(self, n_tokens: int, first: int) -> sp.csr_array:
        if len(self.ids) and self.ids.max() >= n_tokens:
            raise ValueError(f"n_tokens={n_tokens} is too small for token id {self.ids.max()}.")
        keep = self.ids >= first
        ids, offsets = self.ids[keep] - first, row_offsets(keep)[self.offsets]
        data = np.ones(len(ids), np.float32) if self.weights is None else self.weights[keep]
        counts = sp.csr_array((data, ids, offsets), shape=(len(self), n_tokens - first))
        counts.sum_duplicates()
        return counts


def stack_tokens(parts: Sequence[Tokens], storage: Storage = MEMORY) -> Tokens:
    """Return the rows of several, one below the other; all have weights, or none."""
    with storage.writer(np.int32) as ids, storage.writer(np.float32) as weights:
        for part in parts:
            ids.append(part.ids)
            if part.weights is not None:
                weights.append(part.weights)
        offsets = row_offsets(np.concatenate([part.lengths for part in parts]))
        has_weights = parts[0].weights is not None
        return Tokens(ids.finish(), offsets, weights.finish() if has_weights else None)


def row_offsets(lengths: np.ndarray) -> np.ndarray:
    """Return where rows of the given lengths start, and the end of the last."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def fill_empty_rows(
    ids: np.ndarray, lengths: np.ndarray, weights: Any = None, storage: Storage = MEMORY
) -> Tokens:
    """Give a row without a token the unknown word, so that every row can be encoded."""
    at = row_offsets(lengths)[:-1][lengths == 0]
    if len(at):
        ids, lengths = _inserted(ids, at, UNKNOWN, storage), np.maximum(lengths, 1)
        weights = None if weights is None else _inserted(weights, at, 1, storage)
    return Tokens(ids, row_offsets(lengths), weights)


def _inserted(values: np.ndarray, at: np.ndarray, value: int, storage: Storage) -> np.ndarray:
    """``numpy.insert`` of a value at ascending places, block by block."""
    out = storage.empty(len(values) + len(at), values.dtype)
    places = at + np.arange(len(at))
    for start in range(0, len(values), AT_ONCE):
        part = values[start : start + AT_ONCE]
        before = np.searchsorted(at, np.arange(start, start + len(part)), side="right")
        out[np.arange(start, start + len(part)) + before] = part
    out[places] = value
    return out
