"""Lexical evidence: kernel ridge regression on the nearest training texts.

Rare exact words and near-duplicate titles are what a trained encoder forgets and a memory of
the training rows keeps. For every query the ``n_neighbors`` rows nearest in TF-IDF cosine are
taken, and a ridge regression of their labels on the query is solved in closed form: similar
neighbours share their vote instead of repeating it, which plain nearest-neighbour voting lacks.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.linalg.lapack import dposv

from sk_inceptionxml._utils.blas import one_blas_thread

MAX_NEIGHBOURS = 10_000  # their kernel matrix has the square of it
QUERIES_AT_ONCE = 16
GRAM_BUDGET = 1 << 22  # numbers of a dense block of neighbours, 16 MB
BLOCKS_A_PLACE = 8


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
    X_ : csr_array of shape (n_rows, n_words), float32
        Training rows, of unit length.
    Y_ : csr_array of shape (n_rows, n_labels)
        Their labels.

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

    def fit(self, X: sp.csr_array, Y: sp.csr_array) -> KernelNeighbours:
        """Remember rows of unit length (n_rows, n_words) and their labels (n_rows, n_labels)."""
        self.X_, self.Y_ = _stored(X, np.float32), _stored(Y)
        self._words = sp.csr_array(self.X_.T)  # postings of each word
        row = np.repeat(np.arange(self.X_.shape[0]), np.diff(self.X_.indptr))
        squares = self.X_.data.astype(np.float64) ** 2
        self._squared_norms = np.bincount(row, squares, minlength=self.X_.shape[0])
        self._positive = bool((self.X_.data > 0).all())
        return self

    def add(self, X: sp.csr_array, Y: sp.csr_array) -> KernelNeighbours:
        """Remember more rows; ``Y`` may have further labels, in columns after the known ones."""
        Y = sp.csr_array(Y)
        before = self.Y_
        wide = sp.csr_array(
            (before.data, before.indices, before.indptr), shape=(before.shape[0], Y.shape[1])
        )
        return self.fit(
            sp.vstack([self.X_, sp.csr_array(X)], format="csr"),
            sp.vstack([wide, Y], format="csr"),
        )

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
        queries = _stored(queries, np.float32)
        n = queries.shape[0]
        tasks = [slice(i, min(i + QUERIES_AT_ONCE, n)) for i in range(0, n, QUERIES_AT_ONCE)]

        def weigh(task: slice) -> Weights:
            with one_blas_thread():  # the limit is one of the thread or one of all, by the BLAS
                return self._weights(queries, task, None if exclude is None else exclude[task])

        if n_threads > 1 and len(tasks) > 1:
            with one_blas_thread(), ThreadPoolExecutor(min(n_threads, len(tasks))) as pool:
                found = list(pool.map(weigh, tasks))
        else:
            found = list(map(weigh, tasks))
        lengths = np.concatenate([[0], *(part.lengths for part in found)])
        rows = np.concatenate([np.empty(0, np.int32), *(part.rows for part in found)])
        weights = np.concatenate([np.empty(0, np.float32), *(part.weights for part in found)])
        votes = sp.csr_array((weights, rows, np.cumsum(lengths)), shape=(n, self.X_.shape[0]))
        scores: sp.csr_array = votes @ self.Y_
        return scores.astype(np.float32, copy=False)

    def _weights(self, queries: sp.csr_array, task: slice, exclude: np.ndarray | None) -> Weights:
        starts = queries.indptr[task.start : task.stop + 1]
        entries = slice(starts[0], starts[-1])
        words, values, starts = queries.indices[entries], queries.data[entries], starts - starts[0]
        rows, lengths = self._nearest(words, values, starts, exclude)
        block = self.X_[rows]
        weights = np.empty(len(rows), dtype=np.float32)
        place = np.empty(self.X_.shape[1], dtype=np.intp)  # scratch memory of cosines
        first = 0
        for i, k in enumerate(lengths.tolist()):
            part = slice(first, first + k)
            first += k
            if k:
                bounds = block.indptr[part.start : part.stop + 1]
                old, new = slice(bounds[0], bounds[-1]), slice(starts[i], starts[i + 1])
                columns = np.concatenate([block.indices[old], words[new]], dtype=np.intp)
                data = np.concatenate([block.data[old], values[new]])
                sizes = np.append(np.diff(bounds), starts[i + 1] - starts[i])
                gram = cosines(columns, data, sizes, place)
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
        n, n_rows = len(starts) - 1, self.X_.shape[0]
        words, values, starts = self._prune(words, values, starts)
        postings = self._words[words]
        ends = postings.indptr[starts]
        # one product for all: each query has rows of its own
        places = postings.indices.astype(_index_type(n * n_rows), copy=False)
        for i in range(n):
            places[ends[i] : ends[i + 1]] += i * n_rows
        columns = (postings.data, places, postings.indptr)
        cosine = sp.csc_array(columns, shape=(n * n_rows, len(words))) @ values
        touched = None
        if not (self._positive and (values > 0).all()):  # what is shared may cancel out
            touched = np.zeros(cosine.shape, dtype=bool)
            touched[places] = True
            touched = touched.reshape(n, n_rows)
        cosine = cosine.reshape(n, n_rows)
        if exclude is not None:
            cosine[np.arange(n), exclude] = 0
            if touched is not None:
                touched[np.arange(n), exclude] = False
        row, column = largest(cosine, self.n_neighbors, touched)
        return column.astype(np.int32), np.bincount(row, minlength=n)

    def _prune(
        self, words: np.ndarray, values: np.ndarray, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The queries without the common features that exceed ``max_postings``."""
        postings = (self._words.indptr[words + 1] - self._words.indptr[words]).astype(np.int64)
        query = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        order = np.lexsort((postings, query))  # query is sorted: it is the same in this order
        total = np.cumsum(postings[order])
        before = np.concatenate([[0], total])[starts[:-1]]
        keep = np.empty(len(order), dtype=bool)
        keep[order] = total - before[query] <= self.max_postings
        keep[order[starts[:-1][np.diff(starts) > 0]]] = True
        return words[keep], values[keep], np.concatenate([[0], np.cumsum(keep)])[starts]


class Weights(NamedTuple):
    """Rows of the memory that take part for each query, query by query, and their weights."""

    rows: np.ndarray
    lengths: np.ndarray
    weights: np.ndarray


def largest(
    values: np.ndarray, k: int, among: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the k largest values of each row, in ascending order.

    Parameters
    ----------
    values : ndarray of shape (n, m), float32
    k : int
    among : ndarray of shape (n, m), bool, optional
        Where to choose from; by default where the value is positive.

    Returns
    -------
    rows, columns : ndarray of shape (at most n * k,), int
        Of equal values a sample is taken, the same for the same numbers of columns.
    """
    n, m = values.shape
    n_blocks = BLOCKS_A_PLACE * k
    depth = m // n_blocks
    if among is not None:
        row, column = np.nonzero(among)
    elif depth < 2:
        row, column = np.nonzero(values > 0)
    else:
        # k blocks hold a value of the bound or more, so the k-th largest value is no smaller
        best = values[:, : depth * n_blocks].reshape(n, depth, n_blocks).max(axis=1)
        bound = np.partition(best, n_blocks - k, axis=1)[:, n_blocks - k]
        least = np.nextafter(np.float32(0), np.float32(1))
        flat = np.flatnonzero(values >= np.maximum(bound, least)[:, None])
        row, column = np.divmod(flat, m)
    order = np.lexsort((-values[row, column], row))  # row is sorted: it is the same in this order
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(n))[row]
    first_out = np.flatnonzero(place == k)
    last_in, first_out = order[first_out - 1], order[first_out]
    if (values[row[last_in], column[last_in]] == values[row[first_out], column[first_out]]).any():
        # copies of a text stand together, in the order of their labels: the first would be those of
        # one label. Multiples of the golden ratio take some of all
        chance = (column.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
        order = np.lexsort((chance, -values[row, column], row))
    chosen = np.sort(order[place < k])
    return row[chosen], column[chosen]


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


def _stored(matrix: sp.csr_array, dtype: type | None = None) -> sp.csr_array:
    """As CSR without stored zeros, of narrow indices: products convert all where they differ."""
    out = matrix if isinstance(matrix, sp.csr_array) else sp.csr_array(matrix)
    if dtype is not None:
        out = out.astype(dtype, copy=False)
    if not out.has_canonical_format or not out.data.all():
        out = out.copy()
        out.sum_duplicates()
        out.eliminate_zeros()
    kind = _index_type(max(out.nnz, *out.shape))
    if out.indices.dtype == out.indptr.dtype == kind:
        return out
    return sp.csr_array((out.data, out.indices.astype(kind), out.indptr.astype(kind)), out.shape)


def _index_type(largest: int) -> type:
    return np.int32 if largest <= np.iinfo(np.int32).max else np.int64
