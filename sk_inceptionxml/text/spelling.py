"""The known word most like an unseen one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from .tokens import row_offsets


def is_replaceable(word: str) -> bool:
    """Whether a similar word may mean the same: not for short words or words with digits."""
    return 3 < len(word) <= 64 and not any(c.isdigit() or c.isspace() for c in word)


def _one_edit_apart(a: str, b: str) -> bool:
    """Whether one insertion, deletion, substitution or swap of neighbours makes a from b."""
    if abs(len(a) - len(b)) > 1:
        return False
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return max(len(a), len(b)) <= 1 or (len(a) == 2 and a == b[::-1])


class NearestWord:
    """Find the known word most like an unseen one by shared character n-grams."""

    similarity = 0.65  # cosine from which a word that is no single edit away still counts
    n_candidates = 40
    chunk_size = 64

    def __init__(self, words: Iterable[str]) -> None:
        self.words = words = list(filter(is_replaceable, words))
        if not words:
            return
        # Postings are capped: a very common n-gram costs most and says least.
        max_df = int(min(max(50, 0.03 * len(words)), 4000))
        grams = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 4), lowercase=False, max_df=max_df, dtype=np.float32
        )
        try:
            rows = grams.fit_transform(words)
        except ValueError:  # a vocabulary of few letters: no n-gram is below the cap
            rows = grams.set_params(max_df=1.0).fit_transform(words)
        self.postings = sp.csr_array(rows.T)
        self.grams_of, self.columns, self.idf = (
            grams.build_analyzer(),
            grams.vocabulary_,
            grams.idf_,
        )

    def lookup(self, unseen: list[str]) -> dict[str, str]:
        """Return the replacement of each word that has one."""
        found: dict[str, str] = {}
        unseen = list(filter(is_replaceable, unseen)) if self.words else []
        for start in range(0, len(unseen), self.chunk_size):
            chunk = unseen[start : start + self.chunk_size]
            scores = self._query(chunk) @ self.postings
            for row, word in enumerate(chunk):
                part = slice(scores.indptr[row], scores.indptr[row + 1])
                best = self._best(word, scores.indices[part], scores.data[part])
                if best is not None:
                    found[word] = self.words[best]
        return found

    def _query(self, words: list[str]) -> sp.csr_array:
        """Tf-idf rows of unit length; ``transform`` of scikit-learn costs more than the search."""
        known = [[self.columns[g] for g in self.grams_of(w) if g in self.columns] for w in words]
        columns = np.fromiter(chain.from_iterable(known), np.int32)
        indptr = row_offsets(np.fromiter(map(len, known), np.int64, len(known))).astype(np.int32)
        shape = (len(words), self.postings.shape[0])
        query = sp.csr_array((self.idf[columns], columns, indptr), shape=shape)
        query.sum_duplicates()
        row = np.repeat(np.arange(len(words)), np.diff(query.indptr))
        query.data /= np.sqrt(np.bincount(row, query.data**2, len(words)))[row]
        return query.astype(np.float32)

    def _best(self, word: str, columns: np.ndarray, cosine: np.ndarray) -> int | None:
        if len(columns) > self.n_candidates:
            likely = np.flatnonzero(cosine > 0.15)  # cheaper to rank, and with the same result
            if len(likely) >= self.n_candidates:
                columns, cosine = columns[likely], cosine[likely]
            top = np.argpartition(cosine, -self.n_candidates)[-self.n_candidates :]
            columns, cosine = columns[top], cosine[top]
        keys = []
        for column, value in zip(columns.tolist(), cosine.tolist(), strict=True):
            near = _one_edit_apart(word, self.words[column])
            if near or value >= self.similarity:
                # Cosines that differ little are a tie; the earlier (more frequent) word wins it.
                keys.append((not near, -round(value, 1), column))
        return min(keys)[2] if keys else None
