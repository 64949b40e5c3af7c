"""Lexical features of texts: TF-IDF of words and of character n-grams, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer

from sk_inceptionxml._utils.sparse import column_counts, row_numbers, unit_rows, unit_values

WORD_SHARE = 0.3  # of the squared length of a row; the rest is that of character n-grams
NGRAM = 4
ROWS_AT_ONCE = 1 << 15  # of which the n-grams are counted together


def ngram_vectorizer() -> TfidfVectorizer:
    """The definition of the character n-grams and of their weights; unfitted."""
    return TfidfVectorizer(
        analyzer="char_wb", ngram_range=(NGRAM, NGRAM), sublinear_tf=True, dtype=np.float32
    )


class LexicalFeatures:
    """Unit-length rows of lexical features.

    Texts give sublinear TF-IDF of their words and of character 4-grams inside words, which see
    through typing errors, inflections and compounds. Rows of a matrix are only scaled.

    Parameters
    ----------
    ngrams : bool, default=True
        Whether character n-grams take part; needs the texts themselves.

    Notes
    -----
    The transformers of scikit-learn are fitted and define the result. ``transform`` computes the
    same without their checks of every call and splits each word of the texts but once.
    """

    def __init__(self, ngrams: bool = True) -> None:
        self.ngrams = ngrams

    def fit_transform(self, counts: sp.csr_array, texts: Sequence[str] | None) -> sp.csr_array:
        """Learn the inverse document frequencies.

        Parameters
        ----------
        counts : csr_array of shape (n_rows, n_words)
            Word counts, or the token weights of a matrix.
        texts : sequence of str of length n_rows or None
            None for matrix input.

        Returns
        -------
        rows : csr_array of shape (n_rows, n_features), float32
        """
        self.fit(column_counts(counts), counts.shape[0], texts)
        return self.transform(counts, texts)

    def fit(
        self, document_frequency: np.ndarray, n_rows: int, texts: Sequence[str] | None
    ) -> LexicalFeatures:
        """Learn the inverse document frequencies, as ``fit_transform``.

        Parameters
        ----------
        document_frequency : ndarray of shape (n_words,), int
            Rows that hold each word.
        n_rows : int
        texts : sequence of str of length n_rows or None
        """
        self.words_: Any = None
        self.ngrams_: Any = None
        if texts is not None:
            self.words_ = TfidfTransformer(sublinear_tf=True)
            self.words_.n_features_in_ = len(document_frequency)
            self.words_.idf_ = _idf(document_frequency, n_rows)
            if self.ngrams:
                self.ngrams_ = _fit_ngrams(texts)
        return self

    def transform(
        self,
        counts: sp.csr_array,
        texts: Sequence[str] | None,
        known: np.ndarray | None = None,
    ) -> sp.csr_array:
        """Lexical features of other rows, as ``fit_transform``.

        With ``known`` (n_features,), bool, n-grams are those that it knows.
        """
        if self.words_ is None:
            return unit_rows(counts)
        if self.ngrams_ is None or texts is None:
            return self.weigh(counts, None)
        ngrams = self.count_ngrams(texts)
        if known is not None:
            ngrams.data *= known[counts.shape[1] :][ngrams.indices]
            ngrams.eliminate_zeros()
        return self.weigh(counts, ngrams)

    def weigh(self, counts: sp.csr_array, ngrams: sp.csr_array | None) -> sp.csr_array:
        """Lexical features of texts by their counts.

        Parameters
        ----------
        counts, ngrams : csr_array of shape (n_rows, n_words) and (n_rows, n_ngrams)
            Counts of at least 1, with sorted indices; None where n-grams take no part.

        Returns
        -------
        rows : csr_array of shape (n_rows, n_features), float32
        """
        parts = [(counts, unit_values(_tfidf(counts, self.words_.idf_), row_numbers(counts)))]
        if ngrams is not None:
            parts.append((ngrams, _tfidf(ngrams, self.ngrams_.idf_)))
            for (_, data), share in zip(parts, (WORD_SHARE, 1 - WORD_SHARE), strict=True):
                data *= np.float32(share**0.5)
        return _side_by_side(parts)

    def count_ngrams(self, texts: Sequence[str]) -> sp.csr_array:
        """Counts (n_rows, n_ngrams) of the known character n-grams, float32.

        N-grams stay inside words, so each distinct word is split once.
        """
        known = self.ngrams_.vocabulary_.get
        rows = [text.lower().split() for text in texts]
        words = list(chain.from_iterable(rows))
        number = {word: i for i, word in enumerate(dict.fromkeys(words))}
        split = [
            [column for gram in word_ngrams(word) if (column := known(gram)) is not None]
            for word in number
        ]
        lengths = np.fromiter(map(len, split), np.int64, len(split))
        grams = np.fromiter(chain.from_iterable(split), np.int32, lengths.sum())
        of_word = np.fromiter(map(number.__getitem__, words), np.int64, len(words))
        sizes, starts = lengths[of_word], (np.cumsum(lengths) - lengths)[of_word]
        ends = np.cumsum(sizes)
        columns = grams[np.arange(sizes.sum()) + np.repeat(starts - ends + sizes, sizes)]
        last_word = np.cumsum([0, *map(len, rows)])
        row = np.repeat(np.arange(len(texts)), np.diff(np.concatenate([[0], ends])[last_word]))
        shape = (len(texts), len(self.ngrams_.vocabulary_))
        keys = np.sort(row * shape[1] + columns)
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        counts = np.diff(first, append=len(keys)).astype(np.float32)
        row, column = np.divmod(keys[first], shape[1])
        starts = np.searchsorted(row, np.arange(len(texts) + 1)).astype(np.int32)
        return sp.csr_array((counts, column.astype(np.int32), starts), shape=shape)


def _fit_ngrams(texts: Sequence[str]) -> Any:
    """The vectorizer of n-grams, as its ``fit`` leaves it; None if no text holds a character.

    Texts are counted some at a time: together, their n-grams take more memory than all else.
    """
    frequency: Counter[str] = Counter()
    vectorizer = ngram_vectorizer()
    counting = CountVectorizer(analyzer=vectorizer.build_analyzer())
    for start in range(0, len(texts), ROWS_AT_ONCE):
        try:
            counts = counting.fit_transform(texts[start : start + ROWS_AT_ONCE])
        except ValueError:  # these hold none
            continue
        found = column_counts(counts).tolist()
        for gram, column in counting.vocabulary_.items():
            frequency[gram] += found[column]
    if not frequency:
        return None
    grams = sorted(frequency)
    vectorizer.vocabulary_ = {gram: i for i, gram in enumerate(grams)}
    vectorizer.fixed_vocabulary_ = False
    idf = _idf(np.array([frequency[gram] for gram in grams]), len(texts))
    vectorizer.idf_ = idf
    vectorizer._tfidf.idf_ = idf  # the setter would make it float64
    return vectorizer


def _idf(document_frequency: np.ndarray, n_rows: int) -> np.ndarray:
    """Smoothed inverse document frequency, the same bits as ``TfidfTransformer().fit``."""
    df = document_frequency.astype(np.float32) + np.float32(1)
    return np.log(np.float32(n_rows + 1) / df) + np.float32(1)


def word_ngrams(word: str) -> list[str]:
    """Character n-grams of a word."""
    padded = f" {word} "  # a word too short for an n-gram counts as one
    return [padded[i : i + NGRAM] for i in range(max(1, len(padded) - NGRAM + 1))]


def _tfidf(counts: sp.csr_array, idf: np.ndarray) -> np.ndarray:
    """Values in rows of unit length, the same bits as ``TfidfTransformer(sublinear_tf=True)``."""
    x = np.log(counts.data.astype(np.float32, copy=False))
    x += 1.0
    x *= idf[counts.indices]
    rows = row_numbers(counts)
    norm = np.sqrt(np.bincount(rows, weights=x * x, minlength=counts.shape[0]))
    return (x / np.where(norm > 0, norm, 1.0)[rows]).astype(np.float32)


def _side_by_side(parts: list[tuple[sp.csr_array, np.ndarray]]) -> sp.csr_array:
    """Matrices of equally many rows, with other values, as one; ``hstack`` takes detours."""
    if len(parts) == 1:
        ((matrix, data),) = parts
        return sp.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
    (left, left_data), (right, right_data) = parts
    at_left = np.arange(left.nnz) + np.repeat(right.indptr[:-1], np.diff(left.indptr))
    at_right = np.arange(right.nnz) + np.repeat(left.indptr[1:], np.diff(right.indptr))
    data = np.empty(left.nnz + right.nnz, dtype=np.float32)
    indices = np.empty(len(data), dtype=np.promote_types(left.indices.dtype, right.indices.dtype))
    data[at_left], data[at_right] = left_data, right_data
    indices[at_left], indices[at_right] = left.indices, right.indices + left.shape[1]
    shape = (left.shape[0], left.shape[1] + right.shape[1])
    return sp.csr_array((data, indices, left.indptr + right.indptr), shape=shape)
