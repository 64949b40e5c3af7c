"""Texts or matrices to rows of token ids."""

from __future__ import annotations

import numbers
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain, count, repeat
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, clone
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.utils.validation import check_is_fitted

from sk_inceptionxml._utils.storage import AT_ONCE, MEMORY, Storage

from .analyzer import (
    check_vectorizer,
    copy_vectorizer,
    failures_of,
    split_all,
    vectorizer_from_data,
    vectorizer_to_data,
)
from .matrix import check_matrix
from .spelling import NearestWord, is_replaceable
from .stored import TEXTS_AT_ONCE
from .tokens import UNKNOWN, Tokens, fill_empty_rows, row_offsets
from .words import check_text, is_text, normalize

NARROW = 32  # columns of which no embedding has fewer
WIDE, MANY_COLUMNS = 4, 1024  # columns are unused if these many times, and more, are


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
    normalize : bool, default=True
        Whether texts are read in one Unicode form, NFKC without invisible characters.
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
        Id of each word, from 2 on. With ``vectorizer=None`` the most frequent word comes first.
        Only for text, and not for a ``HashingVectorizer``.
    cut_words_ : frozenset of str
        Words of the training texts that the limits of ``vectorizer`` cut. Only for text.
    columns_ : ndarray of shape (n_columns,), int64
        Columns, or buckets of a ``HashingVectorizer``, that the training rows use, in ascending
        order. Set only if most are never used. The others are unknown from then on.
    n_tokens_ : int
        Number of ids, padding and unknown word included.
    n_features_in_ : int
        Number of words or columns of X.
    feature_names_in_ : ndarray of shape (n_features,), dtype object
        Names of the columns, if the matrix was a DataFrame with string names.

    See Also
    --------
    Tokens : What ``fit_transform`` and ``transform`` return.

    Examples
    --------
    >>> from sk_inceptionxml.text import TokenVectorizer
    >>> vectorizer = TokenVectorizer()
    >>> vectorizer.fit_transform(["red boat", "boat on a lake"]).ids.tolist()
    [6, 2, 2, 5, 3, 4]
    >>> vectorizer.transform(["a baot"]).ids.tolist()
    [3, 2]
    """

    _matcher: NearestWord | None

    def __init__(
        self,
        vectorizer: Any = None,
        max_len: int = 32,
        nearest_unknown: bool = True,
        normalize: bool = True,
    ) -> None:
        self.vectorizer = vectorizer
        self.max_len = max_len
        self.nearest_unknown = nearest_unknown
        self.normalize = normalize

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
            If ``vectorizer`` has no ``build_analyzer``, or an entry of X is not a string.
        """
        if is_text(X):
            return self.fit_texts(self.clean(check_text(X)), full=full)
        self._check_parameters()
        self._check_no_vectorizer(X)
        self.__dict__.pop("feature_names_in_", None)
        checked = check_matrix(self, X, reset=True)
        return self.fit_matrix(checked, getattr(self, "feature_names_in_", None), full=full)

    def clean(self, texts: list[str]) -> list[str]:
        """Return checked texts in the form in which every reader reads them."""
        return list(map(normalize, texts)) if self.normalize else texts

    def fit_texts(
        self, texts: Sequence[str], *, full: bool = False, storage: Storage = MEMORY
    ) -> Tokens:
        """Learn the words of texts that are checked and clean, as ``fit_transform``.

        The tokens are put into ``storage``.
        """
        self._check_parameters()
        self._forget_fit("text")
        with failures_of(self.vectorizer):
            self.vectorizer_ = copy_vectorizer(self.vectorizer)
        numbers, written, lengths = self._number_words(texts, storage)
        frequency = np.zeros(len(numbers), dtype=np.int64)
        for start in range(0, len(written), AT_ONCE):
            frequency += np.bincount(written[start : start + AT_ONCE], minlength=len(numbers))
        self._learn_words(texts, dict(zip(numbers, frequency.tolist(), strict=True)))
        known = self._hash(list(numbers)) if self._hashes() else self.vocabulary_
        ids = np.fromiter(map(known.get, numbers, repeat(UNKNOWN)), np.int32, len(numbers))
        for start in range(0, len(written), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            written[part] = ids[written[part]]
        tokens = fill_empty_rows(written, lengths, storage=storage)
        return tokens if full else tokens.truncate(self.max_len)

    def fit_matrix(self, X: Any, feature_names: Any = None, *, full: bool = False) -> Tokens:
        """Learn the columns of a matrix that has been checked, as ``fit_transform``."""
        self._check_parameters()
        self._check_no_vectorizer(X)
        _refuse_embeddings(X, self.max_len)
        if X.shape[1] > np.iinfo(np.int32).max - 2:
            raise ValueError(f"X has {X.shape[1]} columns, more than int32 ids hold.")
        self._forget_fit("matrix")
        used = X.indices if sp.issparse(X) else np.flatnonzero(X.any(axis=0))
        self._set_columns(X.shape[1], np.unique(used))
        if feature_names is not None:
            self.feature_names_in_ = feature_names
        return self.from_matrix(X, full=full)

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
            If X is not of the kind that ``fit`` has seen, or an entry is not a string.
        ValueError
            If the number or names of the columns differ.
        """
        check_is_fitted(self, "kind_")
        if self.kind_ == "text":
            return self.from_texts(self.clean(check_text(X)), full=full)
        if is_text(X):
            raise TypeError(
                f"X is raw text, but fit has seen a matrix of {self.n_features_in_} columns; pass "
                "a matrix with the same columns."
            )
        return self.from_matrix(check_matrix(self, X, reset=False), full=full)

    def from_texts(self, texts: list[str], *, full: bool = False) -> Tokens:
        """Return the tokens of texts that are checked and clean, as ``transform``."""
        return self._encode(split_all(self.vectorizer_, texts), full)

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
            Column ``j`` has id ``j + 2``, or two more than its place in ``columns_``. A row is
            ordered by absolute weight, largest first, the lower column first among equals; a row
            of zeros is the unknown word with weight 1.
        """
        matrix = sp.csr_array(X, dtype=np.float32, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        if hasattr(self, "columns_"):
            matrix = self._known_columns(matrix)
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
        known : ndarray of shape (n_tokens,), bool
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
            "normalize": bool(self.normalize),
            "vectorizer": vectorizer_to_data(self.vectorizer),
            "n_features": int(self.n_features_in_),
        }
        if hasattr(self, "columns_"):
            state["columns"] = self.columns_.tolist()
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
            vectorizer_from_data(state["vectorizer"]),
            state["max_len"],
            state["nearest_unknown"],
            state.get("normalize", False),  # old states have read every form for itself
        )
        self._matcher, self.kind_ = None, state["kind"]
        self._set_size(state["n_features"])
        if state.get("columns") is not None:
            self.columns_ = np.asarray(state["columns"], dtype=np.int64)
            self.n_tokens_ = len(self.columns_) + 2
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

    def _check_no_vectorizer(self, X: Any) -> None:
        if self.vectorizer is not None:
            raise ValueError(
                f"vectorizer={self.vectorizer!r} needs raw text, but X is "
                f"{type(X).__name__}; pass texts, or leave vectorizer=None."
            )

    def _forget_fit(self, kind: str) -> None:
        for name in ("vocabulary_", "cut_words_", "feature_names_in_", "vectorizer_", "columns_"):
            self.__dict__.pop(name, None)
        self._matcher, self.kind_ = None, kind

    def _set_size(self, n_features: int) -> None:
        self.n_features_in_ = n_features
        self.n_tokens_ = n_features + 2

    def _set_columns(self, n_features: int, used: np.ndarray) -> None:
        """Set the size, of the columns in use alone where these are few."""
        self._set_size(n_features)
        if n_features > WIDE * len(used) + MANY_COLUMNS:
            self.columns_ = used.astype(np.int64)
            self.n_tokens_ = len(used) + 2

    def _known_columns(self, matrix: sp.csr_array) -> sp.csr_array:
        """The columns in use of a canonical matrix, in their order."""
        place = np.searchsorted(self.columns_, matrix.indices).clip(max=len(self.columns_) - 1)
        known = self.columns_[place] == matrix.indices
        offsets = row_offsets(known)[matrix.indptr]
        shape = matrix.shape[0], len(self.columns_)
        return sp.csr_array((matrix.data[known], place[known], offsets), shape=shape)

    def _number_words(
        self, texts: Sequence[str], storage: Storage
    ) -> tuple[dict[str, int], np.ndarray, np.ndarray]:
        """Numbers of the words as they come, those of all texts, and how many each text has."""
        numbers: defaultdict[str, int] = defaultdict(count().__next__)
        lengths = [np.zeros(0, dtype=np.int64)]
        with storage.writer(np.int32) as writer:
            for start in range(0, len(texts), TEXTS_AT_ONCE):
                rows = split_all(self.vectorizer_, texts[start : start + TEXTS_AT_ONCE], start)
                lengths.append(np.fromiter(map(len, rows), np.int64, len(rows)))
                words = chain.from_iterable(rows)
                found = map(numbers.__getitem__, words)
                writer.append(np.fromiter(found, np.int32, lengths[-1].sum()))
            return numbers, writer.finish(), np.concatenate(lengths)

    def _hashes(self) -> bool:
        return isinstance(self.vectorizer_, HashingVectorizer)

    def _learn_words(self, texts: Sequence[str], counts: dict[str, int]) -> None:
        """Learn the words of texts, from how often each occurs."""
        self.cut_words_: frozenset[str] = frozenset()
        if self._hashes():
            n_features = int(self.vectorizer_.n_features)
            self._set_size(n_features)
            buckets = self._hash(list(counts)).values()
            self._set_columns(n_features, np.unique(np.fromiter(buckets, np.int64) - 2))
            return
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
        if self._hashes():
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
        ids = columns + 2
        if hasattr(self, "columns_"):
            place = np.searchsorted(self.columns_, columns).clip(max=len(self.columns_) - 1)
            ids = np.where(self.columns_[place] == columns, place + 2, UNKNOWN)
        return dict(zip(words, ids.tolist(), strict=True))

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


def _refuse_embeddings(X: Any, max_len: int) -> None:
    """Refuse dense vectors: the encoder would read only their largest components.

    Raises
    ------
    ValueError
        If most rows have more non-zeros than are read, and some are negative.
    """
    if sp.issparse(X) or X.shape[1] < max(max_len, NARROW) or not (X < 0).any():
        return
    if np.median(np.count_nonzero(X, axis=1)) > max(max_len, NARROW / 2):
        raise ValueError(
            f"X looks like dense embeddings: most rows have more than max_len={max_len} non-zero "
            "columns, and the encoder reads a row as words, the largest alone. Pass the texts "
            "themselves or token weights, such as those of TfidfVectorizer. Word vectors belong "
            "into embeddings=."
        )
