"""Lexical features of texts: TF-IDF of words and of character n-grams, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer

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
        words = unit_rows(sp.csr_array(self.words_.transform(counts)))
        if self.ngrams_ is None:
            return words
        ngrams = sp.csr_array(self.ngrams_.transform(texts), dtype=np.float32)
        words.data *= np.float32(WORD_SHARE**0.5)
        ngrams.data *= np.float32((1 - WORD_SHARE) ** 0.5)
        return sp.csr_array(sp.hstack([words, ngrams], format="csr"))
