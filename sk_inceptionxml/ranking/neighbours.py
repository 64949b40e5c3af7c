"""Lexical evidence: kernel ridge regression on the nearest training texts.

Rare exact words and near-duplicate titles are what a trained encoder forgets and a memory of
the training rows keeps. For every query the ``n_neighbors`` rows nearest in TF-IDF cosine are
taken. A ridge regression of their labels on the query is solved in closed form. So similar
neighbours share their vote, where plain voting of neighbours would count it again and again.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.linalg.lapack import dposv

from sk_inceptionxml._utils.blas import one_blas_thread
from sk_inceptionxml._utils.optional import module_or_none
from sk_inceptionxml._utils.sparse import index_type
from sk_inceptionxml._utils.storage import MEMORY, Storage

from .segments import Segment, appended, postings_of, rows_of, stack_labels, stored

MAX_NEIGHBOURS = 10_000  # their kernel matrix has the square of it
QUERIES_AT_ONCE = 16
GRAM_BUDGET = 1 << 22  # numbers of a dense block of neighbours, 16 MB
BLOCKS_A_PLACE = 8
DENSE_ROWS = 100_000  # rows of a memory up to which a query adds up all of them


class KernelNeighbours:
    """Ridge regression of labels on the nearest training rows.

    Parameters
    ----------
    n_neighbors : int, default=100
        Rows that take part for each query.
    ridge : float, default=0.5
        Regularisation added to the diagonal of the kernel matrix of the neighbours.
    max_postings : int, default=50000
        Entries of the memory read to find the neighbours of one query. The rarest features of
        the query come first; where all of them together exceed the bound, the commonest, which
        say least, only count in the cosines of the neighbours found. Keeps the time of a query
        independent of the size of the memory.

    Attributes
    ----------
    segments_ : tuple of Segment
        Training rows, of unit length, and their labels.

    Notes
    -----
    With ``K`` the cosines among the neighbours and ``k`` those of the query, the weights are
    ``(K + ridge I)^-1 k`` and the scores ``weights @ Y``: kernel ridge regression (Saunders et
    al., ICML 1998) made local.
    """

    def __init__(
        self, n_neighbors: int = 100, ridge: float = 0.5, max_postings: int = 50_000
    ) -> None:
        self.n_neighbors = n_neighbors
        self.ridge = ridge
        self.max_postings = max_postings

    def parameters(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {name: getattr(self, name) for name in ("n_neighbors", "ridge", "max_postings")}

    def fit(self, X: sp.csr_array, Y: sp.csr_array, storage: Storage = MEMORY) -> KernelNeighbours:
        """Remember rows of unit length (n_rows, n_words) and their labels (n_rows, n_labels)."""
        self._set(appended((), X, Y, storage))
        return self

    @classmethod
    def of_segments(cls, segments: tuple[Segment, ...], **parameters: Any) -> KernelNeighbours:
        """A memory of the parameters of the constructor that holds these segments."""
        new = cls(**parameters)
        new._set(segments)
        return new

    def with_rows(self, X: sp.csr_array, Y: sp.csr_array) -> KernelNeighbours:
        """A memory of further rows, which shares the earlier ones; this one stays as it is.

        ``Y`` may have further labels, in columns after the known ones.
        """
        return self.of_segments(appended(self.segments_, X, Y), **self.parameters())

    def _set(self, segments: tuple[Segment, ...]) -> None:
        self.segments_ = segments
        self.n_rows, self.n_words = segments[-1].stop, segments[0].X.shape[1]
        self.n_labels = max(segment.Y.shape[1] for segment in segments)
        self._squared_norms = np.concatenate([segment.squared_norms for segment in segments])
        self._positive = all(segment.positive for segment in segments)

    @property
    def X_(self) -> sp.csr_array:
        """Training rows (n_rows, n_words), float32."""
        if len(self.segments_) == 1:
            return self.segments_[0].X
        return sp.vstack([segment.X for segment in self.segments_], format="csr")

    @property
    def Y_(self) -> sp.csr_array:
        """Their labels (n_rows, n_labels)."""
        parts = [segment.Y for segment in self.segments_]
        return parts[0] if len(parts) == 1 else stack_labels(parts)

    def rows(self, numbers: np.ndarray) -> tuple[sp.csr_array, sp.csr_array]:
        """Some training rows (n, n_words) and their labels (n, n_labels)."""
        found = []
        for matrix, width in (("X", self.n_words), ("Y", self.n_labels)):
            columns, values, sizes = rows_of(self.segments_, numbers, matrix)
            starts = np.concatenate([[0], np.cumsum(sizes)])
            found.append(sp.csr_array((values, columns, starts), shape=(len(numbers), width)))
        return found[0], found[1]

    def score(
        self, queries: sp.csr_array, n_threads: int = 1, exclude: np.ndarray | None = None
    ) -> sp.csr_array:
        """Scores of the labels of the neighbours.

        Parameters
        ----------
        queries : csr_array of shape (n_queries, n_words)
            Rows of unit length.
        n_threads : int, default=1
            Threads that share the queries. The scores of a query depend on it alone, never on
            the other queries or on the threads.
        exclude : ndarray of shape (n_queries,), int, default=None
            Row of the memory that each query must not use: its own, where it is one of them.

        Returns
        -------
        scores : csr_array of shape (n_queries, n_labels), float32
            Near 1 where the neighbours agree on a label, near 0 (also below) where not. A query
            that shares no word with the memory has an empty row.
        """
        queries = stored(queries, np.float32)
        n = queries.shape[0]
        tasks = [slice(i, min(i + QUERIES_AT_ONCE, n)) for i in range(0, n, QUERIES_AT_ONCE)]
        compiled()  # here, not in a thread

        def weigh(task: slice) -> Weights:
            with one_blas_thread():  # the limit is one of the thread or one of all, by the BLAS
                return self._weights(queries, task, None if exclude is None else exclude[task])

        if n_threads > 1 and len(tasks) > 1:
            with one_blas_thread(), ThreadPoolExecutor(min(n_threads, len(tasks))) as pool:
                found = list(pool.map(weigh, tasks))
        else:
            found = list(map(weigh, tasks))
        lengths = np.concatenate([[0], *(part.lengths for part in found)])
        rows = np.concatenate([np.empty(0, np.int64), *(part.rows for part in found)])
        weights = np.concatenate([np.empty(0, np.float32), *(part.weights for part in found)])
        labels, ones, sizes = rows_of(self.segments_, rows, "Y")
        ends = np.concatenate([[0], np.cumsum(sizes)])
        kind = index_type(max(len(labels), self.n_labels))
        entries = ones * np.repeat(weights, sizes)
        starts = ends[np.cumsum(lengths)].astype(kind)
        scores = sp.csr_array((entries, labels.astype(kind), starts), shape=(n, self.n_labels))
        scores.sum_duplicates()
        return scores.astype(np.float32, copy=False)

    def weights_of(self, query: sp.csr_array) -> tuple[np.ndarray, np.ndarray]:
        """Rows that take part for one query (1, n_words), ascending, and their weights."""
        with one_blas_thread():
            found = self._weights(stored(query, np.float32), slice(0, 1), None)
        return found.rows, found.weights

    def _weights(self, queries: sp.csr_array, task: slice, exclude: np.ndarray | None) -> Weights:
        starts = queries.indptr[task.start : task.stop + 1]
        entries = slice(starts[0], starts[-1])
        words, values, starts = queries.indices[entries], queries.data[entries], starts - starts[0]
        rows, lengths = self._nearest(words, values, starts, exclude)
        if compiled() is not None:
            weights = self._compiled_weights(words, values, starts, rows, lengths)
            if not np.isnan(weights).any():
                return Weights(rows, lengths, weights)
        held, numbers, sizes = rows_of(self.segments_, rows, "X")
        ends = np.concatenate([[0], np.cumsum(sizes)])
        weights = np.empty(len(rows), dtype=np.float32)
        place = scratch("places", self.n_words, np.intp)
        first = 0
        for i, k in enumerate(lengths.tolist()):
            part = slice(first, first + k)
            first += k
            if k:
                old, new = slice(ends[part.start], ends[part.stop]), slice(starts[i], starts[i + 1])
                columns = np.concatenate([held[old], words[new]], dtype=np.intp)
                data = np.concatenate([numbers[old], values[new]])
                gram = cosines(columns, data, np.append(sizes[part], len(words[new])), place)
                diagonal = self._squared_norms[rows[part]] + self.ridge
                weights[part] = _solve(gram, diagonal)
        return Weights(rows, lengths, weights)

    def _nearest(
        self,
        words: np.ndarray,
        values: np.ndarray,
        starts: np.ndarray,
        exclude: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the memory nearest to each query, of those that share a feature.

        They come query by query, ascending, with their number for each query.
        """
        words, values, starts = self._prune(words, values, starts)
        if compiled() is not None:
            return self._compiled_nearest(words, values, starts, exclude)
        rows, data, sizes = postings_of(self.segments_, words)
        bounds = np.concatenate([[0], np.cumsum(sizes)])
        ends, n = bounds[starts], len(starts) - 1
        # what is shared may cancel out where values are negative
        if self.n_rows <= DENSE_ROWS and self._positive and bool((values > 0).all()):
            places = rows + np.repeat(np.arange(n) * self.n_rows, np.diff(ends))
            likely = self._likely(places, data, bounds, values, n, exclude)
        else:
            data = data * np.repeat(values, sizes)
            parts = [slice(ends[i], ends[i + 1]) for i in range(n)]
            likely = [self._touched(rows[part], data[part]) for part in parts]
        excluded = [-1] * n if exclude is None else exclude.tolist()
        found = [
            largest(some, cosine, self.n_neighbors, out)
            for (some, cosine), out in zip(likely, excluded, strict=True)
        ]
        return np.concatenate([np.empty(0, np.int64), *found]), np.array(list(map(len, found)))

    def _compiled_nearest(
        self,
        words: np.ndarray,
        values: np.ndarray,
        starts: np.ndarray,
        exclude: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        n = len(starts) - 1
        found: tuple[np.ndarray, np.ndarray] = compiled().nearest(
            *self._held("postings", words),
            values,
            starts.astype(np.int64),
            np.full(n, -1) if exclude is None else exclude.astype(np.int64),
            self.n_neighbors,
            scratch("sums", self.n_rows, np.float32),
            scratch("seen", self.n_rows, np.uint8),
        )
        return found

    def _compiled_weights(
        self,
        words: np.ndarray,
        values: np.ndarray,
        starts: np.ndarray,
        rows: np.ndarray,
        lengths: np.ndarray,
    ) -> np.ndarray:
        diagonal = self._squared_norms[rows] + self.ridge
        queries = words.astype(np.int32, copy=False), values, starts.astype(np.int64)
        place = scratch("numbers", self.n_words, np.int32)
        held = self._held("X", rows)
        weights: np.ndarray = compiled().regression_weights(
            *held, lengths, diagonal, *queries, place
        )
        return weights

    def _held(self, matrix: str, numbers: np.ndarray) -> tuple[np.ndarray, ...]:
        """Columns and values of rows of "X" or "postings", and where each row begins and ends.

        Rows of a single segment stay where they are; those of several are copied.
        """
        own = getattr(self.segments_[0], matrix)
        if len(self.segments_) == 1 and own.indices.dtype == np.int32:
            first, last = own.indptr[numbers], own.indptr[numbers + 1]
            return own.indices, own.data, first.astype(np.int64), last.astype(np.int64)
        if matrix == "X":
            columns, values, sizes = rows_of(self.segments_, numbers, matrix)
        else:
            columns, values, sizes = postings_of(self.segments_, numbers)
        ends = np.cumsum(sizes, dtype=np.int64)
        return columns.astype(np.int32, copy=False), values, ends - sizes, ends

    def _likely(
        self,
        places: np.ndarray,
        data: np.ndarray,
        bounds: np.ndarray,
        values: np.ndarray,
        n: int,
        exclude: np.ndarray | None,
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows that may be among the nearest of each query, and their cosines.

        One product for all queries: each has rows of its own.
        """
        m = self.n_rows
        kind = index_type(max(n * m, len(data)))
        columns: Any = (data, places.astype(kind, copy=False), bounds.astype(kind, copy=False))
        cosine = (sp.csc_array(columns, shape=(n * m, len(values))) @ values).reshape(n, m)
        if exclude is not None:
            cosine[np.arange(n), exclude] = 0
        bound = np.full(n, np.nextafter(np.float32(0), np.float32(1)))
        least = _least_of_largest(cosine, self.n_neighbors)
        bound = bound if least is None else np.maximum(bound, least)
        likely = [np.flatnonzero(row >= least) for row, least in zip(cosine, bound, strict=True)]
        return [(some, row[some]) for some, row in zip(likely, cosine, strict=True)]

    def _touched(self, rows: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distinct rows of some entries, and the sums of their values.

        Nothing is as long as the memory, but for scratch memory that stays.
        """
        sums = scratch("sums", self.n_rows, np.float32)
        last = scratch("last", self.n_rows, np.int64)
        sums[rows] = 0
        np.add.at(sums, rows, data)
        entries = np.arange(len(rows))
        last[rows] = entries
        distinct = rows[last[rows] == entries]
        return distinct, sums[distinct]

    def _prune(
        self, words: np.ndarray, values: np.ndarray, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The queries without the common features that exceed ``max_postings``."""
        postings = sum(
            (s.postings.indptr[words + 1] - s.postings.indptr[words]).astype(np.int64)
            for s in self.segments_
        )
        if postings.sum() <= self.max_postings:
            return words, values, starts
        query = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        order = np.lexsort((postings, query))  # query is sorted: it is the same in this order
        total = np.cumsum(postings[order])
        before = np.concatenate([[0], total])[starts[:-1]]
        keep = np.empty(len(order), dtype=bool)
        keep[order] = total - before[query] <= self.max_postings
        keep[order[starts[:-1][np.diff(starts) > 0]]] = True
        return words[keep], values[keep], np.concatenate([[0], np.cumsum(keep)])[starts]


def compiled() -> Any:
    """The module of compiled inner loops; None without numba."""
    return module_or_none("sk_inceptionxml.ranking.compiled")


class Weights(NamedTuple):
    """Rows of the memory that take part for each query, query by query, and their weights."""

    rows: np.ndarray
    lengths: np.ndarray
    weights: np.ndarray


def largest(rows: np.ndarray, values: np.ndarray, k: int, exclude: int = -1) -> np.ndarray:
    """The k rows of the largest values, ascending.

    Parameters
    ----------
    rows : ndarray of shape (n,), int
        All different, in any order.
    values : ndarray of shape (n,)
    k : int
    exclude : int, default=-1
        A row that is none of them.

    Returns
    -------
    chosen : ndarray of shape (at most k,), int64
        Of rows of equal values a sample is taken, which depends on their numbers alone.
    """
    if exclude >= 0:
        kept = rows != exclude
        rows, values = rows[kept], values[kept]
    if len(rows) <= k:
        return np.sort(rows).astype(np.int64)
    least = _least_of_largest(values[None], k)
    if least is not None:  # a partition of all of many values is slow where they are often equal
        likely = values >= least[0]
        rows, values = rows[likely], values[likely]
    bound = np.partition(values, len(values) - k)[len(values) - k]
    sure, tied = rows[values > bound], rows[values == bound]
    n_more = k - len(sure)
    if len(tied) > n_more:
        # copies of a text stand together, in the order of their labels: the first would be those of
        # one label. Multiples of the golden ratio take some of all
        chance = (tied.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
        tied = tied[np.argsort(chance)[:n_more]]
    return np.sort(np.concatenate([sure, tied])).astype(np.int64)


def _least_of_largest(values: np.ndarray, k: int) -> np.ndarray | None:
    """A bound (n,) that the k-th largest of each row of values (n, m) reaches; None for short rows.

    Of many blocks, k have a maximum of the bound or more.
    """
    n, m = values.shape
    n_blocks = BLOCKS_A_PLACE * k
    depth = m // n_blocks
    if depth < 2:
        return None
    best = values[:, : depth * n_blocks].reshape(n, depth, n_blocks).max(axis=1)
    bound: np.ndarray = np.partition(best, n_blocks - k, axis=1)[:, n_blocks - k]
    return bound


_memory = threading.local()


def scratch(name: str, size: int, dtype: type) -> np.ndarray:
    """Memory of this thread, as it was left; to allocate it anew costs more than a query."""
    held: np.ndarray | None = getattr(_memory, name, None)
    if held is None or len(held) < size:
        held = np.zeros(size, dtype=dtype)
        setattr(_memory, name, held)
    return held[:size]


def cosines(
    columns: np.ndarray, data: np.ndarray, lengths: np.ndarray, place: np.ndarray
) -> np.ndarray:
    """Products of k sparse rows with each other: (k, k), but for the diagonal.

    Parameters
    ----------
    columns, data : ndarray of shape (n_entries,), intp and float32
        Entries of the rows, row by row.
    lengths : ndarray of shape (k,), int
        Entries of each row.
    place : ndarray of shape (n_columns,), intp
        Scratch memory; what it holds does not matter.

    Notes
    -----
    A dense product over the columns that two rows or more share.
    """
    n, k = len(columns), len(lengths)
    entries = np.arange(n)
    place[columns] = entries
    entry = place[columns]  # the last entry of the column stands for it
    shared = np.bincount(entry, minlength=n) > 1
    width = int(np.count_nonzero(shared))
    number = np.where(shared, np.cumsum(shared) - 1, width)
    column = number[entry]  # columns of one row are the last one, which is cleared
    if k * width > GRAM_BUDGET:
        return _cosines_by_parts(column, data, lengths, width)
    dense = np.zeros((k, width + 1), dtype=np.float32)
    dense.ravel()[np.repeat(np.arange(0, dense.size, width + 1), lengths) + column] = data
    dense[:, width] = 0.0
    gram: np.ndarray = dense @ dense.T  # SciPy's ssyrk would let no other thread run meanwhile
    return gram


def _cosines_by_parts(
    column: np.ndarray, data: np.ndarray, lengths: np.ndarray, width: int
) -> np.ndarray:
    """The same in bounded memory, where rows or columns are many."""
    k = len(lengths)
    row = np.repeat(np.arange(k), lengths)
    gram = np.zeros((k, k), dtype=np.float32)
    step = max(1, GRAM_BUDGET // k)
    for start in range(0, width, step):
        dense = np.zeros((k, min(step, width - start)), dtype=np.float32)
        inside = (column >= start) & (column < start + dense.shape[1])
        dense[row[inside], column[inside] - start] = data[inside]
        gram += dense @ dense.T
    return gram


def _solve(gram: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """Weights of all rows but the last, which is the query."""
    kernel, similarity = gram[:-1, :-1].astype(np.float64, order="F"), gram[-1, :-1]
    np.fill_diagonal(kernel, diagonal)
    _, weights, info = dposv(kernel, similarity, lower=1)
    if info:  # without a ridge, equal rows are singular
        lower = np.tril(kernel, -1)
        weights = np.linalg.lstsq(lower + lower.T + np.diag(diagonal), similarity)[0]
    return weights
