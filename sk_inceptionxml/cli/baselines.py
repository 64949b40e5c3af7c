"""Systems to compare with: the most frequent labels, and nearest neighbours in TF-IDF."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from sk_inceptionxml.metrics import top_k_indices

N_NEIGHBORS = 50
QUERIES_AT_ONCE = 256  # bounds the similarities held at once


def popularity(Y_train: sp.csr_array, n_queries: int, k: int) -> np.ndarray:
    """The most frequent labels, for every query.

    Parameters
    ----------
    Y_train : csr_array of shape (n_train, n_labels)
    n_queries, k : int

    Returns
    -------
    ranking : ndarray of shape (n_queries, min(k, n_labels))
    """
    counts = np.bincount(Y_train.indices, minlength=Y_train.shape[1])
    return np.tile(np.argsort(-counts, kind="stable")[:k], (n_queries, 1))


def nearest_neighbours(X_train: Any, Y_train: sp.csr_array, X: Any, k: int) -> np.ndarray:
    """Labels of the 50 nearest training rows, which vote with the square of their cosine.

    Parameters
    ----------
    X_train, X : list of str, or matrix of shape (n_samples, n_features)
        Texts are read by their words, TF-IDF with sublinear counts. Matrices are taken as they
        are.
    Y_train : csr_array of shape (n_train, n_labels)
    k : int

    Returns
    -------
    ranking : ndarray of shape (n_samples, min(k, n_labels))
        Best first, -1 where no neighbour has a further label.
    """
    if sp.issparse(X_train):
        train, queries = (normalize(sp.csr_array(part)) for part in (X_train, X))
    else:
        vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        try:
            train = vectorizer.fit_transform(X_train)
        except ValueError:  # no text has a word
            return np.full((len(X), min(k, Y_train.shape[1])), -1)
        queries = vectorizer.transform(X)
    columns, found = sp.csc_array(train.T), []
    for start in range(0, queries.shape[0], QUERIES_AT_ONCE):
        cosine = sp.csr_array(queries[start : start + QUERIES_AT_ONCE] @ columns)
        nearest = top_k_indices(cosine, min(N_NEIGHBORS, cosine.shape[1]))
        rows, places = np.nonzero(nearest >= 0)
        neighbour = nearest[rows, places]
        votes = np.asarray(cosine[rows, neighbour]).ravel() ** 2
        weights = sp.csr_array((votes, (rows, neighbour)), shape=cosine.shape)
        found.append(top_k_indices(sp.csr_array(weights @ Y_train), min(k, Y_train.shape[1])))
    return np.concatenate(found)
