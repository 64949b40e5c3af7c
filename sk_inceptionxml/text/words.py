"""Raw text: what counts as text, and how it splits into words."""

from __future__ import annotations

import re
import unicodedata
from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp

MAX_CHARACTERS = 10_000  # of a text; word pairs grow with the square of what is read
# Combining marks are no ``\w`` for ``re``, yet they belong to words of Indic and other scripts.
# The variation selectors, which follow emoji, are not in these ranges.
_MARKED = (
    (0x300, 0x3100),
    (0xA600, 0xAC00),
    (0x10A00, 0x12000),
    (0x16A00, 0x17000),
    (0x1E000, 0x1E950),
)
_MARKS = "".join(
    chr(c) for part in _MARKED for c in range(*part) if unicodedata.category(chr(c))[0] == "M"
)
_JOINERS = "\u200c\u200d"  # within a word
# Scripts written without blanks: Thai, Lao, Myanmar, Khmer, kana and Han.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3007\u3041-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af"
)
# Characters that nobody sees: soft hyphens, zero-width blanks, marks of direction, selectors.
# The keycap is seen, but says nothing of the digit in it.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\u20e3\ufe00-\ufe0f\ufeff"
)
# Joiners mean something in these scripts and between emoji, elsewhere nothing.
_JOINING = "\u0600-\u08ff\u0900-\u109f\u1780-\u18af\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_UNSEEN = re.compile(f"[{_INVISIBLE}]+")
_LOST_JOINER = re.compile(f"(?<![{_JOINING}])[{_JOINERS}]+")
_WORD = re.compile(r"\w+")  # greedy, hence the same as with word boundaries around
_MARKED_WORD = re.compile(rf"\w[\w{_MARKS}{_JOINERS}]*")
_NEEDS_CARE = re.compile(f"[{_MARKS}{_JOINERS}{_UNSPACED}]")
_RUN = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]")
_CHARACTER = re.compile(f"[^{_MARKS}][{_MARKS}]*|[{_MARKS}]+")


def _column(X: Any) -> np.ndarray | None:
    """One-dimensional view of an array, Series or one-column frame; None for anything else."""
    if hasattr(X, "column_names") and len(X.column_names) == 1:  # a table of Arrow
        X = X.column(0)
    if hasattr(X, "to_pylist"):
        return np.array([*X.to_pylist(), None], dtype=object)[:-1]
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
    >>> from sk_inceptionxml.text import is_text
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
        The titles, each cut at 10,000 characters; X is never changed.

    Raises
    ------
    ValueError
        If X is one string instead of a sequence of them.
    TypeError
        If X is not an ordered sequence, or an entry is missing or not a string.

    Examples
    --------
    >>> from sk_inceptionxml.text import check_text
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
        titles = list(map(str.__str__, titles))  # subclasses may say something else of themselves
    if max(map(len, titles), default=0) > MAX_CHARACTERS:
        titles = [title[:MAX_CHARACTERS] for title in titles]
    return titles


def normalize(text: str) -> str:
    """The text in the one form in which every reader reads it.

    Compatibility forms become the usual ones by Unicode's NFKC: full-width letters, half-width
    kana, ligatures, superscripts, the micro sign, presentation forms of Arabic. Characters that
    nobody sees are left out, joiners only where they mean nothing. Case and accents stay, and so
    do HTML entities: unescape them first.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> from sk_inceptionxml.text.words import normalize
    >>> normalize("\uff35\uff33\uff22 \u00b5m m\u00b2 u\u0308ber\u200bholt")
    'USB \u03bcm m2 \xfcberholt'
    """
    if text.isascii():
        return text
    text = _LOST_JOINER.sub("", _UNSEEN.sub("", text))
    return unicodedata.normalize("NFKC", text)[:MAX_CHARACTERS]


def _bad_title(row: int, value: Any) -> str:
    kind = type(value).__name__
    if value is None or kind == "NAType" or (isinstance(value, float) and value != value):
        what, hint = f"is missing ({value!r})", "Drop the row or put an empty string there"
    elif isinstance(value, bytes):
        what, hint = "is bytes", "Decode it first"
    else:
        what, hint = f"is of type {kind}", "Every text must be a str"
    return f"X must hold text only, but row {row} {what}. {hint}."


def split_words(text: str) -> list[str]:
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
