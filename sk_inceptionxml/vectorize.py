"""Turn raw short texts, or matrices of token weights, into rows of token ids."""

from __future__ import annotations

import copy
import numbers
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, clone
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["PADDING", "UNKNOWN", "TokenVectorizer", "Tokens", "check_text", "is_text"]

PADDING = 0
"""Id that fills a row up to the common length."""
UNKNOWN = 1
"""Id of a word that training has not seen."""

# Combining marks are no ``\w`` for ``re``, yet they belong to words of Indic and other scripts.
_MARKS = "".join(chr(c) for c in range(0x300, 0x3100) if unicodedata.category(chr(c))[0] == "M")
# Scripts written without blanks: Thai, Lao, Myanmar, Khmer, kana and Han.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3007\u3041-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af"
)
_WORD = re.compile(r"\w+")  # greedy, hence the same as with word boundaries around
_MARKED_WORD = re.compile(rf"\w[\w{_MARKS}\u200c\u200d]*")
_NEEDS_CARE = re.compile(f"[{_MARKS}{_UNSPACED}]")
_RUN = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]")
_CHARACTER = re.compile(f"[^{_MARKS}][{_MARKS}]*|[{_MARKS}]+")


@dataclass(frozen=True, eq=False)
class Tokens:
    """Rows of token ids of varying length, stored end to end.

    Parameters
    ----------
    ids : ndarray of shape (n_entries,), dtype int32
        Token ids of all rows; 0 is never used, 1 is the unknown word.
    offsets : ndarray of shape (n_rows + 1,), dtype int64
        Row ``i`` is ``ids[offsets[i]:offsets[i + 1]]``.
    weights : ndarray of shape (n_entries,), dtype float32, default=None
        Weight of each entry, or None when every entry counts the same.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_inceptionxml.vectorize import Tokens
    >>> tokens = Tokens(np.array([2, 3, 2], dtype="int32"), np.array([0, 2, 3]))
    >>> tokens.take([1, 0]).ids.tolist()
    [2, 2, 3]
    """

    ids: np.ndarray
    offsets: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each row, int64 of shape (n_rows,)."""
        return np.diff(self.offsets)

    def take(self, rows: Any) -> Tokens:
        """Return the given rows in the given order, as a copy.

        Parameters
        ----------
        rows : slice, sequence of int, or boolean mask of shape (n_rows,)
            Rows to gather; may repeat, negative numbers count from the end.

        Returns
        -------
        Tokens
            The gathered rows.

        Raises
        ------
        IndexError
            If a row number is out of range or not an integer, or a mask has another length.
        """
        if not isinstance(rows, slice):
            rows = np.atleast_1d(np.asarray(rows))
            rows = (
                rows
                if rows.size
                else np.zeros(rows.shape, rows.dtype if rows.dtype == bool else np.intp)
            )
        starts = self.offsets[:-1][rows]
        return self._gather(starts, self.offsets[1:][rows] - starts)

    def truncate(self, max_len: int) -> Tokens:
        """Return the first ``max_len`` tokens of each row."""
        if len(self) == 0 or self.lengths.max() <= max_len:
            return self
        return self._gather(self.offsets[:-1], np.minimum(self.lengths, max_len))

    def _gather(self, starts: np.ndarray, lengths: np.ndarray) -> Tokens:
        offsets = _offsets(lengths)
        index = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return Tokens(
            self.ids[index], offsets, None if self.weights is None else self.weights[index]
        )

    def to_csr(self, n_tokens: int) -> sp.csr_array:
        """Return the rows as a matrix of counts, or of summed weights.

        Parameters
        ----------
        n_tokens : int
            Number of columns: ids run from 0 to ``n_tokens - 1``.

        Returns
        -------
        csr_array of shape (n_rows, n_tokens), dtype float32
            Sorted, without duplicates.

        Raises
        ------
        ValueError
            If an id is not below ``n_tokens``.
        """
        if len(self.ids) and self.ids.max() >= n_tokens:
            raise ValueError(f"n_tokens={n_tokens} is too small for token id {self.ids.max()}.")
        data = np.ones(len(self.ids), np.float32) if self.weights is None else self.weights.copy()
        shape = (len(self), n_tokens)
        counts = sp.csr_array((data, self.ids.copy(), self.offsets.copy()), shape=shape)
        counts.sum_duplicates()
        return counts


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _fill_empty_rows(ids: np.ndarray, lengths: np.ndarray, weights: Any = None) -> Tokens:
    """Give a row without a token the unknown word, so that every row can be encoded."""
    at = _offsets(lengths)[:-1][lengths == 0]
    if len(at):
        ids, lengths = np.insert(ids, at, UNKNOWN), np.maximum(lengths, 1)
        weights = None if weights is None else np.insert(weights, at, 1)
    return Tokens(ids, _offsets(lengths), weights)


def _column(X: Any) -> np.ndarray | None:
    """One-dimensional view of an array, Series or one-column frame; None for anything else."""
    shape = getattr(X, "shape", None)
    if sp.issparse(X) or shape is None or len(shape) not in (1, 2) or shape[1:] not in ((), (1,)):
        return None
    values = X.to_numpy() if hasattr(X, "to_numpy") else np.asarray(X)
    return values.reshape(-1)


def is_text(X: Any) -> bool:
    """Tell raw text from a matrix.

    Parameters
    ----------
    X : object
        Anything a user may pass as samples.

    Returns
    -------
    bool
        True for a string, and for a list, tuple, set, one-dimensional or one-column array,
        Series or one-column DataFrame that holds at least one string.

    Examples
    --------
    >>> from sk_inceptionxml.vectorize import is_text
    >>> is_text(["red boat"]), is_text([[0.0, 1.0]])
    (True, False)
    """
    if isinstance(X, (str, bytes)):
        return True
    if isinstance(X, (list, tuple, set, frozenset)):
        return any(isinstance(x, (str, bytes)) for x in X)
    values = _column(X)
    if values is None:
        return False
    if values.dtype.kind == "O":
        return any(isinstance(x, (str, bytes)) for x in values)
    return values.dtype.kind in "UST"


def check_text(X: Any) -> list[str]:
    """Check that X is a sequence of titles and return them as a list.

    Parameters
    ----------
    X : sequence of str of length n_samples
        List, tuple, numpy array or Series; an array or DataFrame with one column will do.

    Returns
    -------
    list of str
        The titles; X is never changed.

    Raises
    ------
    ValueError
        If X is one string instead of a sequence of them.
    TypeError
        If X is no ordered sequence, or an entry is missing or no string.

    Examples
    --------
    >>> from sk_inceptionxml.vectorize import check_text
    >>> check_text(("red boat", "blue sky"))
    ['red boat', 'blue sky']
    """
    if isinstance(X, (str, bytes)):
        raise ValueError(
            f"X is a single {type(X).__name__} object, expected a sequence of texts; wrap it in a "
            "list: [X]."
        )
    values = X if isinstance(X, (list, tuple)) else _column(X)
    if values is None:
        shape = getattr(X, "shape", None)
        raise TypeError(
            f"X must be a list, tuple, one-dimensional array, Series or one-column DataFrame of "
            f"str, got {type(X).__name__}{'' if shape is None else f' of shape {shape}'}."
        )
    titles = values.tolist() if isinstance(values, np.ndarray) else list(values)
    if not set(map(type, titles)) <= {str}:
        row = next((i for i, x in enumerate(titles) if not isinstance(x, str)), None)
        if row is not None:
            raise TypeError(_bad_title(row, titles[row]))
        titles = list(map(str, titles))
    return titles


def _bad_title(row: int, value: Any) -> str:
    kind = type(value).__name__
    if value is None or kind == "NAType" or (isinstance(value, float) and value != value):
        what, hint = f"is missing ({value!r})", "Drop the row or put an empty string there"
    elif isinstance(value, bytes):
        what, hint = "is bytes", "Decode it first"
    else:
        what, hint = f"is of type {kind}", "Every text must be a str"
    return f"X must hold text only, but row {row} {what}. {hint}."


def _split_words(text: str) -> list[str]:
    """Lower-case words in their order; scripts without blanks as character bigrams."""
    text = text.lower()
    if text.isascii():
        return _WORD.findall(text)
    text = unicodedata.normalize("NFC", text)
    if not _NEEDS_CARE.search(text):
        return _WORD.findall(text)
    words = _MARKED_WORD.findall(text)
    return list(chain.from_iterable(map(_split_unspaced, words)))


def _split_unspaced(word: str) -> list[str]:
    if not _UNSPACED_RUN.search(word):
        return [word]
    parts: list[str] = []
    for run in _RUN.findall(word):
        units = _CHARACTER.findall(run) if _UNSPACED_RUN.match(run) else [run]
        parts += map("".join, zip(units, units[1:], strict=False)) if len(units) > 1 else units
    return parts


def _replaceable(word: str) -> bool:
    """Short words and those with digits have neighbours that mean something else."""
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


class _NearestWord:
    """Find the known word most like an unseen one by shared character n-grams."""

    similarity = 0.65  # cosine from which a word that is no single edit away still counts
    n_candidates = 40
    chunk_size = 64

    def __init__(self, words: list[str]) -> None:
        self.words = words
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
        found = {}
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
        indptr = _offsets(np.fromiter(map(len, known), np.int64, len(known))).astype(np.int32)
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


def _plain(name: str, value: Any) -> Any:
    """Write one parameter of a vectorizer as JSON data."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if name == "dtype":
        return {"dtype": np.dtype(value).name}
    if isinstance(value, Mapping):
        return {"dict": [[_plain(name, k), _plain(name, v)] for k, v in value.items()]}
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_plain(name, v) for v in value]}
    raise TypeError(
        f"vectorizer: parameter {name}={value!r} cannot be written as data. Pickle the estimator "
        "instead, or express it through token_pattern, ngram_range or stop_words."
    )


def _from_plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dtype":
        return np.dtype(content).type
    if kind == "dict":
        return {_from_plain(k): _from_plain(v) for k, v in content}
    return (tuple if kind == "tuple" else list)(map(_from_plain, content))


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

    _matcher: _NearestWord | None

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
        self.vectorizer_ = _copy_vectorizer(self.vectorizer)
        rows = list(map(self._analyzer(), texts))
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
            return self._encode(list(map(self._analyzer(), check_text(X))), full)
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
        tokens = _fill_empty_rows(ids, lengths, matrix.data[order])
        return tokens if full else tokens.truncate(self.max_len)

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
            "vectorizer": _vectorizer_to_data(self.vectorizer),
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
            _vectorizer_from_data(state["vectorizer"]), state["max_len"], state["nearest_unknown"]
        )
        self._matcher, self.kind_ = None, state["kind"]
        self._set_size(state["n_features"])
        if "feature_names" in state:
            self.feature_names_in_ = np.array(state["feature_names"], dtype=object)
        if self.kind_ == "text":
            self.vectorizer_ = _copy_vectorizer(self.vectorizer)
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
        if self.vectorizer is not None and (
            isinstance(self.vectorizer, type) or not hasattr(self.vectorizer, "build_analyzer")
        ):
            raise TypeError(
                "vectorizer must be None or an instance with a build_analyzer method, got "
                f"{self.vectorizer!r}; wrap a function as CountVectorizer(analyzer=function)."
            )

    def _check_matrix(self, X: Any, reset: bool) -> Any:
        # A copy must not be forced here: from_matrix makes the only one.
        checked = validate_data(
            self, X, reset=reset, accept_sparse=["csr", "csc", "coo"], dtype=np.float32
        )
        if reset:
            if self.n_features_in_ > np.iinfo(np.int32).max - 2:
                raise ValueError(f"X has {self.n_features_in_} columns, more than int32 ids hold.")
            self._set_size(self.n_features_in_)
        return checked

    def _set_size(self, n_features: int) -> None:
        self.n_features_in_ = n_features
        self.n_tokens_ = n_features + 2

    def _analyzer(self) -> Callable[[str], list[str]]:
        if self.vectorizer_ is None:
            return _split_words
        analyze = self.vectorizer_.build_analyzer()
        return lambda text: list(analyze(text))  # a user's function may give an iterator

    def _learn_words(self, texts: list[str], rows: list[list[str]]) -> None:
        self.cut_words_: frozenset[str] = frozenset()
        if isinstance(self.vectorizer_, HashingVectorizer):
            self._set_size(int(self.vectorizer_.n_features))
            return
        counts = Counter(chain.from_iterable(rows))
        if isinstance(self.vectorizer_, CountVectorizer):
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
        return _fill_empty_rows(ids, lengths)

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
        wanted = [w for w in dict.fromkeys(words) if _replaceable(w) and w not in self.cut_words_]
        if not wanted:
            return {}
        matcher = self._matcher
        if matcher is None:  # two threads at worst build the same index twice
            known = list(filter(_replaceable, self.vocabulary_))
            if not known:
                return {}
            matcher = self._matcher = _NearestWord(known)
        return {word: self.vocabulary_[near] for word, near in matcher.lookup(wanted).items()}


def _copy_vectorizer(vectorizer: Any) -> Any:
    return clone(vectorizer) if hasattr(vectorizer, "get_params") else copy.deepcopy(vectorizer)


_WRITABLE = {c.__name__: c for c in (CountVectorizer, TfidfVectorizer, HashingVectorizer)}


def _vectorizer_to_data(vectorizer: Any) -> dict[str, Any] | None:
    if vectorizer is None:
        return None
    kind = type(vectorizer)
    if kind not in _WRITABLE.values():
        raise TypeError(
            f"vectorizer of class {kind.__name__} cannot be written as data; only "
            f"{', '.join(_WRITABLE)} can. Pickle the estimator instead."
        )
    params = {name: _plain(name, value) for name, value in vectorizer.get_params().items()}
    return {"class": kind.__name__, "params": params}


def _vectorizer_from_data(data: Mapping[str, Any] | None) -> Any:
    if data is None:
        return None
    if data["class"] not in _WRITABLE:
        raise ValueError(f"state names the vectorizer {data['class']!r}, not {list(_WRITABLE)}.")
    params = {name: _from_plain(value) for name, value in data["params"].items()}
    return _WRITABLE[data["class"]](**params)
