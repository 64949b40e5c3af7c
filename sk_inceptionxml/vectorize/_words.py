"""The user's vectorizer: whether it is one, and what it makes of texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ._text import split_words


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


def split_all(vectorizer: Any, texts: list[str]) -> list[list[str]]:
    """Words of every text, by the vectorizer or, where that is None, by ``split_words``."""
    if vectorizer is None:
        return list(map(split_words, texts))
    with failures_of(vectorizer):
        analyze = check_analyzer(vectorizer)
    rows: list[list[str]] = []
    try:
        rows.extend(map(list, map(analyze, texts)))  # a user's function may give an iterator
    except Exception as error:  # any class: the function is the user's
        raise ValueError(
            f"vectorizer {type(vectorizer).__name__} failed on the text in row {len(rows)} of X "
            f"({type(error).__name__}: {error})."
        ) from error
    for i, row in enumerate(rows):
        strange = [word for word in row if not isinstance(word, str)]
        if strange:
            raise TypeError(
                f"vectorizer {type(vectorizer).__name__} must split a text into str, but row {i} "
                f"of X gave {strange[0]!r:.50} ({type(strange[0]).__name__})."
            )
    return rows
