"""Texts or matrices to rows of token ids."""

from __future__ import annotations

import numbers
from collections import Counter
from collections.abc import Mapping
from itertools import chain, repeat
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, clone
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.utils.validation import check_is_fitted

from ._matrix import check_matrix
from ._nearest import NearestWord, is_replaceable
from ._state import copy_vectorizer, vectorizer_from_data, vectorizer_to_data
from ._text import check_text, is_text
from ._tokens import UNKNOWN, Tokens, fill_empty_rows, row_offsets
from ._words import check_vectorizer, failures_of, split_all


class TokenVectorizer(BaseEstimator):
    """Turn raw short texts, or rows of a matrix, into rows of token ids.

    Ids 0 and 1 are kept for padding and the unknown word. Words of a text keep their order;
    columns of a matrix are ordered by the absolute value in the row, largest first.

    Parameters
    ----------
    vectorizer : object with ``build_analyzer``, default=None
        A ``CountVectorizer``, ``TfidfVectorizer`` or ``HashingVectorizer``, or any object with a
        ``build_analyzer`` method, that splits the texts. It is cloned, never changed. The limits
        of the first two (``min_df``, ``max_df``, ``max_features``, ``vocabulary``,
        ``stop_words``) hold; a word they cut is the unknown word from then on. None lower-cases,
        normalises to NFC, keeps accents and words of one character, and splits scripts written
        without blanks into overlapping character bigrams. Only for raw text.
    max_len : int, default=32
        Number of tokens kept of each row.
    nearest_unknown : bool, default=True
        Whether ``transform`` reads an unseen word as the known word most like it (a misspelling,
        an inflection, a compound), if one is alike enough. Words of up to three or beyond 64
        characters and words with a digit are never replaced. No effect on hashed or
        character tokens.

    Attributes
    ----------
    kind_ : {"text", "matrix"}
        What ``fit`` has seen.
    vocabulary_ : dict of str to int
        Id of each word, from 2 on; with ``vectorizer=None`` the most frequent word comes first.
        Only for text, and not for a ``HashingVectorizer``.
    cut_words_ : frozenset of str
        Words of the training texts that the limits of ``vectorizer`` cut. Only for text.
    n_tokens_ : int
        Number of ids, padding and unknown word included.
    n_features_in_ : int
        Number of words or columns: ``n_tokens_ - 2``.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        Names of the columns, if the matrix was a DataFrame with string names.

    See Also
    --------
    Tokens : What ``fit_transform`` and ``transform`` return.

    Examples
    --------
    >>> from sk_inceptionxml.vectorize import TokenVectorizer
    >>> vectorizer = TokenVectorizer()
    >>> vectorizer.fit_transform(["red boat", "boat on a lake"]).ids.tolist()
    [6, 2, 2, 5, 3, 4]
    >>> vectorizer.transform(["a baot"]).ids.tolist()
    [3, 2]
    """

    _matcher: NearestWord | None

    def __init__(
        self, vectorizer: Any = None, max_len: int = 32, nearest_unknown: bool = True
    ) -> None:
        self.vectorizer = vectorizer
        self.max_len = max_len
        self.nearest_unknown = nearest_unknown

    def fit(self, X: Any, y: Any = None) -> TokenVectorizer:
        """Learn the tokens.

        Parameters
        ----------
        X : sequence of str of length n_samples, or matrix of shape (n_samples, n_features)
            Raw texts, or token weights as a dense array, sparse matrix or DataFrame.
        y : object, default=None
            Ignored.

        Returns
        -------
        TokenVectorizer
            The fitted instance.
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: Any = None, *, full: bool = False) -> Tokens:
        """Learn the tokens and return those of X.

        Parameters
        ----------
        X : sequence of str of length n_samples, or matrix of shape (n_samples, n_features)
            Raw texts, or token weights as a dense array, sparse matrix or DataFrame.
        y : object, default=None
            Ignored.
        full : bool, default=False
            Whether to keep the tokens beyond ``max_len``.

        Returns
        -------
        Tokens
            One row for each sample, never empty.

        Raises
        ------
        ValueError
            If a parameter is out of range, X is one string, or no text holds a word.
        TypeError
            If ``vectorizer`` has no ``build_analyzer``, or an entry of X is no string.
        """
        self._check_parameters()
        for name in ("vocabulary_", "cut_words_", "feature_names_in_", "vectorizer_"):
            self.__dict__.pop(name, None)
        self._matcher = None
        self.kind_ = "text" if is_text(X) else "matrix"
        if self.kind_ == "matrix":
            if self.vectorizer is not None:
                raise ValueError(
                    f"vectorizer={self.vectorizer!r} needs raw text, but X is "
                    f"{type(X).__name__}; pass texts, or leave vectorizer=None."
                )
            return self.from_matrix(self._check_matrix(X, reset=True), full=full)
        texts = check_text(X)
        with failures_of(self.vectorizer):
            self.vectorizer_ = copy_vectorizer(self.vectorizer)
        rows = split_all(self.vectorizer_, texts)
        self._learn_words(texts, rows)
        return self._encode(rows, full)

    def transform(self, X: Any, *, full: bool = False) -> Tokens:
        """Return the tokens of X.

        Parameters
        ----------
        X : sequence of str of length n_samples, or matrix of shape (n_samples, n_features)
            Samples of the kind that ``fit`` has seen.
        full : bool, default=False
            Whether to keep the tokens beyond ``max_len``.

        Returns
        -------
        Tokens
            One row for each sample, never empty: without a known word it is the unknown word.

        Raises
        ------
        TypeError
            If X is not of the kind that ``fit`` has seen, or an entry is no string.
        ValueError
            If the number or names of the columns differ.
        """
        check_is_fitted(self, "kind_")
        if self.kind_ == "text":
            return self._encode(split_all(self.vectorizer_, check_text(X)), full)
        if is_text(X):
            raise TypeError(
                f"X is raw text, but fit has seen a matrix of {self.n_features_in_} columns; pass "
                "a matrix with the same columns."
            )
        return self.from_matrix(self._check_matrix(X, reset=False), full=full)

    def from_matrix(self, X: Any, *, full: bool = False) -> Tokens:
        """Return the tokens of a matrix that has been checked: the non-zeros of each row.

        Parameters
        ----------
        X : sparse matrix or ndarray of shape (n_samples, n_features)
            Token weights; never changed.
        full : bool, default=False
            Whether to keep the tokens beyond ``max_len``.

        Returns
        -------
        Tokens
            Column ``j`` has id ``j + 2``. A row is ordered by absolute weight, largest first, the
            lower column first among equals; a row of zeros is the unknown word with weight 1.
        """
        matrix = sp.csr_array(X, dtype=np.float32, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        lengths = np.diff(matrix.indptr).astype(np.int64)
        row = np.repeat(np.arange(len(lengths)), lengths)
        order = np.lexsort((-np.abs(matrix.data), row))  # stable: columns are sorted already
        ids = matrix.indices[order].astype(np.int32) + np.int32(2)
        tokens = fill_empty_rows(ids, lengths, matrix.data[order])
        return tokens if full else tokens.truncate(self.max_len)

    def forget(self, tokens: Tokens, known: np.ndarray) -> Tokens:
        """Return the tokens that rows would have, had ``fit`` not seen some of them.

        Parameters
        ----------
        tokens : Tokens
            As ``transform`` gives them.
        known : ndarray of shape (n_tokens_,), bool
            False where the token is to be forgotten.

        Returns
        -------
        Tokens
            A word that is forgotten becomes the nearest one left or the unknown word, as an unseen
            one does; a column of a matrix is left out. The buckets of a ``HashingVectorizer`` are
            there whether or not anything fell into them, and stay.
        """
        lost = ~known[tokens.ids] & (tokens.ids != UNKNOWN)
        if self.kind_ == "matrix":
            keep = ~lost
            lengths = np.diff(row_offsets(keep)[tokens.offsets])
            weights = None if tokens.weights is None else tokens.weights[keep]
            return fill_empty_rows(tokens.ids[keep], lengths, weights)
        if not hasattr(self, "vocabulary_"):
            return tokens
        number = np.arange(self.n_tokens_, dtype=np.int32)
        forgotten = np.unique(tokens.ids[lost])
        number[forgotten] = UNKNOWN
        if len(forgotten) and self._matches_nearest():
            words = list(self.vocabulary_)
            left = [word for word in words if known[self.vocabulary_[word]]]
            wanted = [words[i - 2] for i in forgotten.tolist()]
            for word, near in NearestWord(left).lookup(wanted).items():
                number[self.vocabulary_[word]] = self.vocabulary_[near]
        return Tokens(number[tokens.ids], tokens.offsets, tokens.weights)

    def to_dict(self) -> dict[str, Any]:
        """Return the fitted state as data that JSON can hold.

        Returns
        -------
        dict
            To be read by ``from_dict``.

        Raises
        ------
        TypeError
            If ``vectorizer`` is of another class than the three of scikit-learn, or one of its
            parameters is a function.
        """
        check_is_fitted(self, "kind_")
        state: dict[str, Any] = {
            "format": 1,
            "kind": self.kind_,
            "max_len": int(self.max_len),
            "nearest_unknown": bool(self.nearest_unknown),
            "vectorizer": vectorizer_to_data(self.vectorizer),
            "n_features": int(self.n_features_in_),
        }
        if hasattr(self, "feature_names_in_"):
            state["feature_names"] = self.feature_names_in_.tolist()
        if self.kind_ == "text":
            state["words"] = list(self.vocabulary_) if hasattr(self, "vocabulary_") else None
            state["cut_words"] = sorted(self.cut_words_)
        return state

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> TokenVectorizer:
        """Build a fitted instance from what ``to_dict`` returned.

        Parameters
        ----------
        state : dict
            Result of ``to_dict``, as it is or after a round trip through JSON.

        Returns
        -------
        TokenVectorizer
            Gives the same tokens as the instance that was written.

        Raises
        ------
        ValueError
            If ``state`` has another format.
        """
        if state.get("format") != 1 or state.get("kind") not in ("text", "matrix"):
            raise ValueError(
                f"state has format {state.get('format')!r} and kind {state.get('kind')!r}, "
                "expected the result of to_dict (format 1)."
            )
        self = cls(
            vectorizer_from_data(state["vectorizer"]), state["max_len"], state["nearest_unknown"]
        )
        self._matcher, self.kind_ = None, state["kind"]
        self._set_size(state["n_features"])
        if "feature_names" in state:
            self.feature_names_in_ = np.array(state["feature_names"], dtype=object)
        if self.kind_ == "text":
            self.vectorizer_ = copy_vectorizer(self.vectorizer)
            self.cut_words_ = frozenset(state["cut_words"])
            if state["words"] is not None:
                self.vocabulary_ = {word: i for i, word in enumerate(state["words"], 2)}
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the index of similar words: it is built again when needed."""
        state: dict[str, Any] = dict(super().__getstate__())
        return state | {"_matcher": None} if "_matcher" in state else state

    def _check_parameters(self) -> None:
        if (
            not isinstance(self.max_len, numbers.Integral)
            or isinstance(self.max_len, bool)
            or self.max_len < 1
        ):
            raise ValueError(f"max_len must be an int of at least 1, got {self.max_len!r}.")
        if not isinstance(self.nearest_unknown, (bool, np.bool_)):
            raise TypeError(f"nearest_unknown must be a bool, got {self.nearest_unknown!r}.")
        check_vectorizer(self.vectorizer)

    def _check_matrix(self, X: Any, reset: bool) -> Any:
        # A copy must not be forced here: from_matrix makes the only one.
        checked = check_matrix(self, X, reset=reset)
        if reset:
            if self.n_features_in_ > np.iinfo(np.int32).max - 2:
                raise ValueError(f"X has {self.n_features_in_} columns, more than int32 ids hold.")
            self._set_size(self.n_features_in_)
        return checked

    def _set_size(self, n_features: int) -> None:
        self.n_features_in_ = n_features
        self.n_tokens_ = n_features + 2

    def _learn_words(self, texts: list[str], rows: list[list[str]]) -> None:
        self.cut_words_: frozenset[str] = frozenset()
        if isinstance(self.vectorizer_, HashingVectorizer):
            self._set_size(int(self.vectorizer_.n_features))
            return
        counts = Counter(chain.from_iterable(rows))
        if isinstance(self.vectorizer_, CountVectorizer):
            with failures_of(self.vectorizer_):
                learned = clone(self.vectorizer_).fit(texts).vocabulary_
            words = sorted(learned, key=learned.__getitem__)
            self.cut_words_ = frozenset(counts.keys() - learned.keys())
        else:
            words = sorted(counts, key=lambda word: (-counts[word], word))
        if not words:
            raise ValueError("X holds no word at all, so there is nothing to learn from.")
        self.vocabulary_ = {word: i for i, word in enumerate(words, 2)}
        self._set_size(len(words))

    def _encode(self, rows: list[list[str]], full: bool) -> Tokens:
        if not full:
            rows = [row[: self.max_len] for row in rows]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        words = list(chain.from_iterable(rows))
        if isinstance(self.vectorizer_, HashingVectorizer):
            known = self._hash(list(dict.fromkeys(words)))
        else:
            known = self.vocabulary_
        ids = np.fromiter(map(known.get, words, repeat(UNKNOWN)), np.int32, len(words))
        unseen = np.flatnonzero(ids == UNKNOWN).tolist()
        if unseen and self._matches_nearest():
            near = self._find_nearest([words[i] for i in unseen])
            ids[unseen] = [near.get(words[i], UNKNOWN) for i in unseen]
        return fill_empty_rows(ids, lengths)

    def _hash(self, words: list[str]) -> dict[str, int]:
        if not words:
            return {}
        hasher = FeatureHasher(self.n_features_in_, input_type="string", alternate_sign=False)
        columns = hasher.transform([word] for word in words).indices
        return dict(zip(words, (columns + 2).tolist(), strict=True))

    def _matches_nearest(self) -> bool:
        characters = getattr(self.vectorizer_, "analyzer", None) in ("char", "char_wb")
        return self.nearest_unknown and hasattr(self, "vocabulary_") and not characters

    def _find_nearest(self, words: list[str]) -> dict[str, int]:
        """Map each unseen word that has a similar known word to its id."""
        wanted = [w for w in dict.fromkeys(words) if is_replaceable(w) and w not in self.cut_words_]
        if not wanted:
            return {}
        matcher = self._matcher
        if matcher is None:  # two threads at worst build the same index twice
            matcher = self._matcher = NearestWord(self.vocabulary_)
        return {word: self.vocabulary_[near] for word, near in matcher.lookup(wanted).items()}
