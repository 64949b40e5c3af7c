"""The lexical memory: the training rows by their words and n-grams, and their labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml._utils.sparse import stack_rows
from sk_inceptionxml._utils.storage import MEMORY, Storage
from sk_inceptionxml.data import Rows
from sk_inceptionxml.text import Tokens

from .features import ROWS_AT_ONCE, LexicalFeatures
from .neighbours import KernelNeighbours


class LexicalMemory:
    """Training rows that answer for what a query says in words.

    Parameters
    ----------
    features : LexicalFeatures
        Fitted.
    neighbours : KernelNeighbours
        Of rows of these features.
    n_tokens : int
        Token ids there are, padding and unknown word included.
    """

    def __init__(
        self, features: LexicalFeatures, neighbours: KernelNeighbours, n_tokens: int
    ) -> None:
        self.features, self.neighbours, self.n_tokens = features, neighbours, n_tokens

    @classmethod
    def fit(
        cls,
        rows: Rows,
        Y: sp.csr_array,
        n_tokens: int,
        n_neighbors: int,
        storage: Storage = MEMORY,
    ) -> LexicalMemory:
        """Remember rows and their labels (n_rows, n_labels), in ``storage``."""
        frequency = rows.tokens.document_frequency(n_tokens, first=2)
        features = LexicalFeatures().fit(frequency, len(rows), rows.texts)
        n_features = len(frequency)
        if features.ngrams_ is not None:
            n_features += len(features.ngrams_.vocabulary_)

        def parts() -> Iterator[sp.csr_array]:
            for start in range(0, len(rows), ROWS_AT_ONCE):
                some = rows.take(np.arange(start, min(start + ROWS_AT_ONCE, len(rows))))
                yield features.transform(_counts(some.tokens, n_tokens), some.texts)

        X = stack_rows(parts(), n_features, storage)
        return cls(features, KernelNeighbours(n_neighbors).fit(X, Y, storage), n_tokens)

    def transform(self, rows: Rows, known: np.ndarray | None = None) -> sp.csr_array:
        """Lexical features (n_rows, n_features) of rows; n-grams that ``known`` has, if given."""
        return self.features.transform(_counts(rows.tokens, self.n_tokens), rows.texts, known)

    def add(self, X: sp.csr_array, Y: sp.csr_array) -> LexicalMemory:
        """A memory that holds further rows, by their lexical features; this one stays as it is.

        ``Y`` may have further labels, in columns after the known ones.
        """
        return LexicalMemory(self.features, self.neighbours.with_rows(X, Y), self.n_tokens)

    def score(
        self, X: sp.csr_array, n_threads: int = 1, exclude: np.ndarray | None = None
    ) -> sp.csr_array:
        """Scores (n_rows, n_labels) of labels, as ``KernelNeighbours.score``."""
        return self.neighbours.score(X, n_threads, exclude)


def _counts(tokens: Tokens, n_tokens: int) -> sp.csr_array:
    return tokens.to_csr(n_tokens, first=2)
