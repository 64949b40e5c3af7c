"""Lexical features of texts: TF-IDF of words and of character n-grams, side by side."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.utils.sparsefuncs_fast import inplace_csr_row_normalize_l2

WORD_SHARE = 0.3  # of the squared length of a row; the rest is that of character n-grams
NGRAM = 4


def unit_rows(features: sp.csr_array) -> sp.csr_array:
    """Rows scaled to unit length, float32; empty rows stay empty."""
    x = sp.csr_array(features, dtype=np.float32, copy=True)
    rows = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
    norm = np.sqrt(np.bincount(rows, weights=x.data.astype(np.float64) ** 2, minlength=x.shape[0]))
    x.data /= np.maximum(norm, 1e-12).astype(np.float32)[rows]
    return x


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

    def fit_transform(self, counts: sp.csr_array, texts: list[str] | None) -> sp.csr_array:
        """Learn the inverse document frequencies.

        Parameters
        ----------
        counts : csr_array of shape (n_rows, n_words)
            Word counts, or the token weights of a matrix.
        texts : list of str of length n_rows or None
            None for matrix input.

        Returns
        -------
        rows : csr_array of shape (n_rows, n_features), float32
        """
        self.words_: Any = None
        self.ngrams_: Any = None
        if texts is not None:
            self.words_ = TfidfTransformer(sublinear_tf=True).fit(counts)
            if self.ngrams:
                self.ngrams_ = TfidfVectorizer(
                    analyzer="char_wb",
                    ngram_range=(NGRAM, NGRAM),
                    sublinear_tf=True,
                    dtype=np.float32,
                )
                try:
                    self.ngrams_.fit(texts)
                except ValueError:  # no text holds a character to count
                    self.ngrams_ = None
        return self.transform(counts, texts)

    def transform(self, counts: sp.csr_array, texts: list[str] | None) -> sp.csr_array:
        """Lexical features of other rows, as ``fit_transform``."""
        if self.words_ is None:
            return unit_rows(counts)
        ngrams = None if self.ngrams_ is None or texts is None else self.count_ngrams(texts)
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
        words = unit_rows(_tfidf(counts, self.words_.idf_))
        if ngrams is None:
            return words
        grams = _tfidf(ngrams, self.ngrams_.idf_)
        words.data *= np.float32(WORD_SHARE**0.5)
        grams.data *= np.float32((1 - WORD_SHARE) ** 0.5)
        return _side_by_side(words, grams)

    def count_ngrams(self, texts: list[str]) -> sp.csr_array:
        """Counts (n_rows, n_ngrams) of the known character n-grams, float32.

        N-grams stay inside words, so each distinct word is split once.
        """
        analyze, known = self.ngrams_.build_analyzer(), self.ngrams_.vocabulary_.get
        rows = [text.split() for text in texts]
        words = list(chain.from_iterable(rows))
        number = {word: i for i, word in enumerate(dict.fromkeys(words))}
        split = [[c for c in map(known, analyze(word)) if c is not None] for word in number]
        lengths = np.fromiter(map(len, split), np.int64, len(split))
        grams = np.fromiter(chain.from_iterable(split), np.int32, lengths.sum())
        of_word = np.fromiter(map(number.__getitem__, words), np.int64, len(words))
        sizes, starts = lengths[of_word], (np.cumsum(lengths) - lengths)[of_word]
        ends = np.cumsum(sizes)
        columns = grams[np.arange(sizes.sum()) + np.repeat(starts - ends + sizes, sizes)]
        last_word = np.cumsum([0, *map(len, rows)])
        indptr = np.concatenate([[0], ends])[last_word].astype(np.int32)
        ones = np.ones(len(columns), dtype=np.float32)
        shape = (len(texts), len(self.ngrams_.vocabulary_))
        counts = sp.csr_array((ones, columns, indptr), shape=shape)
        counts.sum_duplicates()
        return counts


def _tfidf(counts: sp.csr_array, idf: np.ndarray) -> sp.csr_array:
    """Sublinear TF-IDF in rows of unit length, as ``TfidfTransformer(sublinear_tf=True)``."""
    x = sp.csr_array(counts, dtype=np.float32, copy=True)
    np.log(x.data, out=x.data)
    x.data += 1.0
    x.data *= idf[x.indices]
    inplace_csr_row_normalize_l2(x)
    return x


def _side_by_side(left: sp.csr_array, right: sp.csr_array) -> sp.csr_array:
    """Two matrices of equally many rows as one; ``hstack`` goes through triplets."""
    n, m = np.diff(left.indptr), np.diff(right.indptr)
    at_left = np.arange(left.nnz) + np.repeat(right.indptr[:-1], n)
    at_right = np.arange(right.nnz) + np.repeat(left.indptr[1:], m)
    data = np.empty(left.nnz + right.nnz, dtype=np.float32)
    indices = np.empty(len(data), dtype=left.indices.dtype)
    data[at_left], data[at_right] = left.data, right.data
    indices[at_left], indices[at_right] = left.indices, right.indices + left.shape[1]
    shape = (left.shape[0], left.shape[1] + right.shape[1])
    return sp.csr_array((data, indices, left.indptr + right.indptr), shape=shape)
