"""Lexical evidence: kernel ridge regression on the nearest training texts.

Rare exact words and near-duplicate titles are what a trained encoder forgets and a memory of
the training rows keeps. For every query the ``n_neighbors`` rows nearest in TF-IDF cosine are
taken, and a ridge regression of their labels on the query is solved in closed form: similar
neighbours share their vote instead of repeating it, which plain nearest-neighbour voting lacks.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

QUERY_CHUNK = 128


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
    X_ : csr_array of shape (n_rows, n_words)
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

    def fit(self, X: sp.csr_array, Y: sp.csr_array) -> KernelNeighbours:
        """Remember rows of unit length (n_rows, n_words) and their labels (n_rows, n_labels)."""
        self.X_, self.Y_ = sp.csr_array(X), sp.csr_array(Y)
        self._words = sp.csr_array(self.X_.T)  # postings of each word
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

    def score(self, queries: sp.csr_array) -> sp.csr_array:
        """Scores of the labels of the neighbours.

        Parameters
        ----------
        queries : csr_array of shape (n_queries, n_words)
            Rows of unit length.

        Returns
        -------
        scores : csr_array of shape (n_queries, n_labels), float32
            Near 1 where the neighbours agree on a label, near 0 (also below) where not. A query
            that shares no word with the memory has an empty row.
        """
        parts = [
            self._score(queries[i : i + QUERY_CHUNK])
            for i in range(0, queries.shape[0], QUERY_CHUNK)
        ]
        if not parts:
            return sp.csr_array((0, self.Y_.shape[1]), dtype=np.float32)
        return sp.csr_array(sp.vstack(parts, format="csr")) if len(parts) > 1 else parts[0]

    def _score(self, queries: sp.csr_array) -> sp.csr_array:
        rows, found = self._nearest(queries)
        n, k = rows.shape
        gram = self._gram(rows, queries)
        kernel, similarity = gram[:, :k, :k], np.where(found, gram[:, k, :k], 0.0)
        kernel *= found[:, :, None] & found[:, None, :]  # empty places must not take part
        diagonal = np.arange(k)
        kernel[:, diagonal, diagonal] += self.ridge
        weights = np.linalg.solve(kernel, similarity[..., None])[..., 0].astype(np.float32)
        weights[~found] = 0.0
        votes = sp.csr_array(
            (weights.ravel(), rows.ravel(), np.arange(0, n * k + 1, k)),
            shape=(n, self.X_.shape[0]),
        )
        return sp.csr_array(votes @ self.Y_)

    def _nearest(self, queries: sp.csr_array) -> tuple[np.ndarray, np.ndarray]:
        """Rows (n, k) of the memory, and whether each shares a feature with the query."""
        similarity = self._prune(queries) @ self._words
        n = queries.shape[0]
        k = min(self.n_neighbors, self.X_.shape[0])
        rows = np.zeros((n, k), dtype=np.int64)
        found = np.zeros((n, k), dtype=bool)
        for i, (a, b) in enumerate(zip(similarity.indptr[:-1], similarity.indptr[1:], strict=True)):
            value, index = similarity.data[a:b], similarity.indices[a:b]
            if b - a > k:
                index = index[np.argpartition(value, b - a - k)[b - a - k :]]
            rows[i, : len(index)] = np.sort(index)
            found[i, : len(index)] = True
        return rows, found

    def _prune(self, queries: sp.csr_array) -> sp.csr_array:
        """The queries without the common features that exceed ``max_postings``."""
        postings = np.diff(self._words.indptr)[queries.indices]
        row = np.repeat(np.arange(queries.shape[0]), np.diff(queries.indptr))
        order = np.lexsort((postings, row))
        total = np.cumsum(postings[order])
        before = np.concatenate([[0], total])[queries.indptr[:-1]]
        keep = np.empty(len(order), dtype=bool)
        first = np.arange(len(order)) == queries.indptr[:-1][row]  # row is sorted, as is order's
        keep[order] = first | (total - before[row] <= self.max_postings)
        pruned = sp.csr_array(queries, copy=True)
        pruned.data = np.where(keep, pruned.data, 0.0).astype(np.float32)
        pruned.eliminate_zeros()
        return pruned

    def _gram(self, rows: np.ndarray, queries: sp.csr_array) -> np.ndarray:
        """Cosines among the k neighbours and their query, which is the last row: (n, k+1, k+1).

        From one sparse product: columns are shifted by query, which makes it block-diagonal.
        """
        n, k = rows.shape
        m = k + 1
        block = sp.csr_array(sp.vstack([self.X_[rows.ravel()], queries], format="csr"))
        place = np.hstack([np.arange(n * k).reshape(n, k), n * k + np.arange(n)[:, None]]).ravel()
        block = block[place]
        query = np.repeat(np.arange(n, dtype=np.int64), m)
        key = np.repeat(query, np.diff(block.indptr)) * self.X_.shape[1] + block.indices
        # np.unique would do, but its hash table is many times slower than sorting
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        columns = np.empty(len(key), dtype=np.int64)
        columns[order] = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])])[: len(key)]
        wide = sp.csr_array(
            (block.data, columns, block.indptr), shape=(n * m, int(columns.max(initial=0)) + 1)
        )
        product = wide @ wide.T
        row = np.repeat(np.arange(n * m), np.diff(product.indptr))
        gram = np.zeros(n * m * m, dtype=np.float32)
        gram[row * m + product.indices % m] = product.data
        return gram.reshape(n, m, m)
