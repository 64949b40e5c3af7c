"""Texts and labels that come in chunks, kept where there is room for all of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sk_inceptionxml._utils.storage import Storage
from sk_inceptionxml.datasets import TextStream
from sk_inceptionxml.labels import TargetParts
from sk_inceptionxml.text import StoredTexts, check_text


def check_stream(X: Any, y: Any, sample_weight: Any) -> None:
    """Refuse what does not go with a stream as X.

    Raises
    ------
    ValueError
        If labels or weights are given beside it.
    """
    if not isinstance(X, TextStream):
        return
    if y is not None:
        raise ValueError(
            f"y must be left out where X is a TextStream, which holds the labels itself; got "
            f"{type(y).__name__}."
        )
    if sample_weight is not None:
        raise ValueError(
            "sample_weight does not go with a TextStream; leave rows out of the stream, or repeat "
            "them in it."
        )


def refuse_stream(X: Any) -> None:
    """Refuse a stream where rows are needed.

    Raises
    ------
    TypeError
        If it is one.
    """
    if isinstance(X, TextStream):
        raise TypeError(
            "X must hold rows, but it is a TextStream, which only fit takes; go through it in "
            "chunks: for X, y in stream."
        )


def storage_of(stream: TextStream) -> Storage:
    """Where the rows of a stream are kept.

    Raises
    ------
    ValueError
        If its directory cannot be made or written.
    """
    directory = os.fspath(stream.cache_dir or tempfile.gettempdir())
    try:
        os.makedirs(directory, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise ValueError(
            f"cache_dir: no file can be written to {directory!r} ({error.strerror})."
        ) from error
    return Storage(directory)


def read_chunks(
    chunks: Iterable[tuple[Any, Any]], clean: Callable[[list[str]], list[str]], storage: Storage
) -> tuple[StoredTexts, Any]:
    """All texts and labels of chunks, once around.

    Parameters
    ----------
    chunks : iterable of (texts, y)
    clean : callable
        Brings texts into the form in which every reader reads them.
    storage : Storage
        Where they are put.

    Returns
    -------
    texts : StoredTexts
    y : Target
        Which ``LabelSpace`` reads as a y.

    Raises
    ------
    ValueError, TypeError
        If a chunk is not as X and y must be, with its number from 0; or there is no text.
    """
    with TargetParts(storage) as target:
        stored = StoredTexts.of(_texts_of(chunks, clean, target), storage)
        if not len(stored):
            raise ValueError("the stream holds no rows; at least one is needed.")
        return stored, target.target()


def _texts_of(
    chunks: Iterable[tuple[Any, Any]], clean: Callable[[list[str]], list[str]], target: TargetParts
) -> Iterator[list[str]]:
    """Texts of each chunk, while the target reads its y."""
    for number, (X, y) in enumerate(chunks):
        try:
            texts = clean(check_text(X))
            if not texts and not _n_rows(y):
                continue
            target.add(y, len(texts))
        except (ValueError, TypeError) as error:
            kind = ValueError if isinstance(error, ValueError) else TypeError
            raise kind(f"chunk {number} of the stream: {error}") from error
        yield texts


def _n_rows(y: Any) -> int:
    return int(y.shape[0]) if hasattr(y, "shape") else len(y)
