"""The vectorizer of the user: whether it is one, what it makes of texts, how it is written."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer

from .words import split_words

_WRITABLE = {c.__name__: c for c in (CountVectorizer, TfidfVectorizer, HashingVectorizer)}


def check_vectorizer(vectorizer: Any) -> None:
    """Refuse what cannot split texts, before any text is read.

    Parameters
    ----------
    vectorizer : object
        None, or an instance with a ``build_analyzer`` method.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If a parameter of it is out of range, or it would read files.
    """
    if vectorizer is None:
        return
    build = getattr(vectorizer, "build_analyzer", None)
    if isinstance(vectorizer, type) or not callable(build):
        raise TypeError(
            "vectorizer must be None or an instance with a build_analyzer method, got "
            f"{vectorizer!r:.200}; wrap a function as CountVectorizer(analyzer=function)."
        )
    source = getattr(vectorizer, "input", "content")
    if not isinstance(source, str) or source != "content":
        raise ValueError(
            f"vectorizer: input={source!r:.80} reads files, but X holds the texts "
            "themselves; set input='content'."
        )
    # a HashingVectorizer that was never fitted has checked nothing, and its hasher crashes
    validate = getattr(vectorizer, "_validate_params", None)
    with failures_of(vectorizer):
        if validate is not None:
            validate()
        check_analyzer(vectorizer)


def check_analyzer(vectorizer: Any) -> Callable[[str], Any]:
    """The analyzer of a vectorizer, if it is one."""
    analyzer = vectorizer.build_analyzer()
    if not callable(analyzer):
        raise TypeError(f"build_analyzer returned {type(analyzer).__name__}, not a function")
    found: Callable[[str], Any] = analyzer
    return found


@contextmanager
def failures_of(vectorizer: Any) -> Iterator[None]:
    """Put the name of the argument into errors that the vectorizer raises."""
    try:
        yield
    except (TypeError, ValueError, LookupError, re.error) as error:
        only_type = isinstance(error, TypeError) and not isinstance(error, ValueError)
        kind = TypeError if only_type else ValueError
        raise kind(f"vectorizer {type(vectorizer).__name__} cannot be used: {error}") from error


def split_all(vectorizer: Any, texts: Sequence[str], first: int = 0) -> list[list[str]]:
    """Words of every text, by the vectorizer or, where that is None, by ``split_words``.

    ``first`` is the row of the first text, for errors.
    """
    if vectorizer is None:
        return list(map(split_words, texts))
    with failures_of(vectorizer):
        analyze = check_analyzer(vectorizer)
    rows: list[list[str]] = []
    try:
        rows.extend(map(list, map(analyze, texts)))  # a user's function may give an iterator
    except Exception as error:  # any class: the function is the user's
        raise ValueError(
            f"vectorizer {type(vectorizer).__name__} failed on the text in row "
            f"{first + len(rows)} of X ({type(error).__name__}: {error})."
        ) from error
    for i, row in enumerate(rows):
        strange = [word for word in row if not isinstance(word, str)]
        if strange:
            raise TypeError(
                f"vectorizer {type(vectorizer).__name__} must split a text into str, but row "
                f"{first + i} of X gave {strange[0]!r:.50} ({type(strange[0]).__name__})."
            )
    return rows


def vectorizer_to_data(vectorizer: Any) -> dict[str, Any] | None:
    """Write one of the three vectorizers of scikit-learn as JSON data."""
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


def vectorizer_from_data(data: Mapping[str, Any] | None) -> Any:
    """Build the vectorizer that :func:`vectorizer_to_data` wrote."""
    if data is None:
        return None
    if data["class"] not in _WRITABLE:
        raise ValueError(f"state names the vectorizer {data['class']!r}, not {list(_WRITABLE)}.")
    params = {name: _from_plain(value) for name, value in data["params"].items()}
    return _WRITABLE[data["class"]](**params)


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


def copy_vectorizer(vectorizer: Any) -> Any:
    """Return an unfitted copy, even of an object that is not a scikit-learn estimator."""
    return clone(vectorizer) if hasattr(vectorizer, "get_params") else copy.deepcopy(vectorizer)
