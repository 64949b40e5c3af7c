"""Lexical evidence: kernel ridge regression on the nearest training texts.

Rare exact words and near-duplicate titles are what a trained encoder forgets and a memory of
the training rows keeps. For every query the ``n_neighbors`` rows nearest in TF-IDF cosine are
taken, and a ridge regression of their labels on the query is solved in closed form: similar
neighbours share their vote instead of repeating it, which plain nearest-neighbour voting lacks.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

CHUNK_CELLS = 1 << 24  # similarities of a chunk of queries held dense at once (64 MB)


def unit_rows(features: sp.csr_array) -> sp.csr_array:
    """Rows scaled to unit length, float32; empty rows stay empty."""
    x = sp.csr_array(features, dtype=np.float32, copy=True)
    rows = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
    norm = np.sqrt(np.bincount(rows, weights=x.data.astype(np.float64) ** 2, minlength=x.shape[0]))
    x.data /= np.maximum(norm, 1e-12).astype(np.float32)[rows]
    return x


def inverse_document_frequency(counts: sp.csr_array) -> np.ndarray:
    """Smoothed idf of every word, float32 of shape (n_words,)."""
    n = counts.shape[0]
    frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    return (np.log((1 + n) / (1 + frequency)) + 1.0).astype(np.float32)


def tfidf(counts: sp.csr_array, idf: np.ndarray) -> sp.csr_array:
    """Sublinear TF-IDF of word counts, rows of unit length."""
    x = sp.csr_array(counts, dtype=np.float32, copy=True)
    x.data = (1.0 + np.log(np.maximum(x.data, 1.0))) * idf[x.indices]
    return unit_rows(x)


class KernelNeighbours:
    """Ridge regression of labels on the nearest training rows.

    Parameters
    ----------
    n_neighbors : int, default=100
        Rows that take part for each query.
    ridge : float, default=1.0
        Regularisation added to the diagonal of the kernel matrix of the neighbours.

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

    def __init__(self, n_neighbors: int = 100, ridge: float = 1.0) -> None:
        self.n_neighbors = n_neighbors
        self.ridge = ridge

    def fit(self, X: sp.csr_array, Y: sp.csr_array) -> KernelNeighbours:
        """Remember rows of unit length (n_rows, n_words) and their labels (n_rows, n_labels)."""
        self.X_, self.Y_ = sp.csr_array(X), sp.csr_array(Y)
        self._words = sp.csr_array(self.X_.T)  # postings of each word
        return self

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
        n_rows = max(1, self.X_.shape[0])
        step = int(np.clip(CHUNK_CELLS // n_rows, 1, 256))
        parts = [self._score(queries[i : i + step]) for i in range(0, queries.shape[0], step)]
        if not parts:
            return sp.csr_array((0, self.Y_.shape[1]), dtype=np.float32)
        return sp.csr_array(sp.vstack(parts, format="csr")) if len(parts) > 1 else parts[0]

    def _score(self, queries: sp.csr_array) -> sp.csr_array:
        rows, similarity = self._nearest(queries)
        n, k = rows.shape
        kernel = self._gram(rows)
        diagonal = np.arange(k)
        kernel[:, diagonal, diagonal] += self.ridge
        weights = np.linalg.solve(kernel, similarity[..., None])[..., 0].astype(np.float32)
        weights[similarity <= 0] = 0.0
        votes = sp.csr_array(
            (weights.ravel(), rows.ravel(), np.arange(0, n * k + 1, k)), shape=(n, len_(self.X_))
        )
        return sp.csr_array(votes @ self.Y_)

    def _nearest(self, queries: sp.csr_array) -> tuple[np.ndarray, np.ndarray]:
        """Rows (n, k) of the memory and their cosines; cosine 0 where there are fewer than k."""
        similarity = sp.csr_array(queries @ self._words)
        n = queries.shape[0]
        k = min(self.n_neighbors, len_(self.X_))
        rows = np.zeros((n, k), dtype=np.int64)
        cosine = np.zeros((n, k), dtype=np.float32)
        for i, (a, b) in enumerate(zip(similarity.indptr[:-1], similarity.indptr[1:], strict=True)):
            value, index = similarity.data[a:b], similarity.indices[a:b]
            if b - a > k:
                best = np.argpartition(value, b - a - k)[b - a - k :]
                value, index = value[best], index[best]
            rows[i, : len(index)], cosine[i, : len(index)] = index, value
        return rows, cosine

    def _gram(self, rows: np.ndarray) -> np.ndarray:
        """Cosines among the neighbours of each query: (n, k, k), from one sparse product.

        Columns are shifted by query, which makes the product block-diagonal.
        """
        n, k = rows.shape
        block = self.X_[rows.ravel()]
        width = self.X_.shape[1]
        query = np.repeat(np.arange(n, dtype=np.int64), k)
        shift = np.repeat(query, np.diff(block.indptr)) * width
        _, columns = np.unique(block.indices + shift, return_inverse=True)
        wide = sp.csr_array(
            (block.data, columns, block.indptr), shape=(n * k, int(columns.max(initial=0)) + 1)
        )
        product = sp.coo_array(wide @ wide.T)
        gram = np.zeros((n, k, k), dtype=np.float32)
        gram[product.row // k, product.row % k, product.col % k] = product.data
        return gram


def len_(X: sp.csr_array) -> int:
    """Rows of a sparse array, which has no ``len``."""
    return int(X.shape[0])
