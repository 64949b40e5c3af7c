"""What every compared system has: the interface, TF-IDF features, rankings.

Only NumPy, SciPy and scikit-learn are imported: a peer may live in an environment of its own.
"""

from __future__ import annotations

import importlib
import pickle
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

WORD = re.compile(r"(?u)\b\w+\b")


def pad(rows: list[Any], k: int) -> np.ndarray:
    """Ranking (n, k) of rows of at most k columns each, -1 for none."""
    out = np.full((len(rows), k), -1, dtype=np.int64)
    for i, row in enumerate(rows):
        found = list(row)[:k]
        out[i, : len(found)] = found
    return out


def rank_sparse(scores: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Ranking (n, k) of the stored entries of a sparse matrix, -1 for none, and their scores."""
    scores = sp.csr_matrix(scores)
    ranking = np.full((scores.shape[0], k), -1, dtype=np.int64)
    values = np.zeros((scores.shape[0], k), dtype=np.float32)
    for i in range(scores.shape[0]):
        part = slice(scores.indptr[i], scores.indptr[i + 1])
        row, columns = scores.data[part], scores.indices[part]
        if len(row) > k:  # a full sort of thousands of similarities is most of the time
            best = np.argpartition(-row, k - 1)[:k]
            row, columns = row[best], columns[best]
        order = np.lexsort((columns, -row))
        ranking[i, : len(order)], values[i, : len(order)] = columns[order], row[order]
    return ranking, values


class System:
    """What the worker calls: fit, save, load (what was saved), topk."""

    package = ""  # module that must be importable, "" for none
    env = ""  # folder of its environment under --envs
    distribution = ""
    seeded = True  # False: every run is the same, one is enough
    defaults: dict[str, Any] = {}

    def __init__(self, params: dict[str, Any], seed: int, threads: int, folder: Path) -> None:
        self.params = {**self.defaults, **params}
        self.seed, self.threads, self.folder = seed, threads, folder
        self.saved = folder / "saved"
        self.saved.mkdir(parents=True)
        self.notes: dict[str, Any] = {}

    def prepare(self) -> None:
        """Import what is needed, which is not part of the training time."""
        if self.package:
            importlib.import_module(self.package)

    def fit(self, texts: list[str], Y: sp.csr_matrix) -> None:
        """Train on raw texts."""
        raise NotImplementedError

    def save(self) -> None:
        """Write all that prediction needs to ``self.saved``."""
        raise NotImplementedError

    def load(self) -> None:
        """Replace the trained model by the saved one."""

    def topk(self, texts: list[str], k: int) -> np.ndarray:
        """Columns (n, k), best first, -1 for none."""
        raise NotImplementedError


class TfidfSystem(System):
    """TF-IDF of lower-cased words (sublinear, unit rows), then a model of sparse rows."""

    def prepare(self) -> None:
        """Import what is needed, which is not part of the training time."""
        importlib.import_module("sklearn.feature_extraction.text")
        super().prepare()

    def fit(self, texts: list[str], Y: sp.csr_matrix) -> None:
        """Train on raw texts."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        start = time.perf_counter()
        self.vectorizer = TfidfVectorizer(
            token_pattern=WORD.pattern, sublinear_tf=True, dtype=np.float32
        )
        X = self._features(self.vectorizer.fit_transform(texts))
        self.notes["feature_s"] = time.perf_counter() - start
        self._train(X, Y)

    def save(self) -> None:
        """Write vectorizer and model."""
        with open(self.saved / "vectorizer.pickle", "wb") as stream:
            pickle.dump(self.vectorizer, stream, protocol=4)
        self._save_model()

    def topk(self, texts: list[str], k: int) -> np.ndarray:
        """Columns (n, k), best first, -1 for none."""
        return self._rank(self._features(self.vectorizer.transform(texts)), k)

    def _features(self, X: Any) -> sp.csr_matrix:
        X = sp.csr_matrix(X, dtype=np.float32)  # peers want the matrix, not the array
        X.sort_indices()
        return X

    def _train(self, X: sp.csr_matrix, Y: sp.csr_matrix) -> None:
        raise NotImplementedError

    def _save_model(self) -> None:
        raise NotImplementedError

    def _rank(self, X: sp.csr_matrix, k: int) -> np.ndarray:
        raise NotImplementedError
