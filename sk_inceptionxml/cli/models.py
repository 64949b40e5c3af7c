"""Saved models, and what they predict a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from .failures import Failure, wrong_input

# a prediction in Python ranks as many at once: another number may round another way
ROWS_AT_ONCE = 8192

Pairs = list[tuple[Any, float]]


def load(directory: Path, device: str) -> Any:
    """A saved model.

    Raises
    ------
    Failure
        If the directory is none.
    """
    if not directory.is_dir():
        what = "it is not a directory" if directory.exists() else "there is no such directory"
        raise Failure(f"{directory}: {what}; name one that fit wrote")
    from sk_inceptionxml import InceptionXMLClassifier

    with wrong_input(str(directory)):
        return InceptionXMLClassifier.load(directory, device=device)


def check_kind(model: Any, X: Any, name: str, directory: Path) -> None:
    """Refuse texts for a model of matrices, and the other way round."""
    is_text = model.vectorizer_.kind_ == "text"
    if is_text != (not hasattr(X, "shape")):
        kinds = ("a matrix", "texts")
        raise Failure(
            f"{name}: it holds {kinds[not is_text]}, but {directory} was trained on "
            f"{kinds[is_text]}"
        )


def blocks(X: Any, size: int) -> Iterator[Any]:
    """Rows of a matrix, or texts, some at a time."""
    if hasattr(X, "shape"):
        yield from (X[start : start + size] for start in range(0, X.shape[0], size))
        return
    texts: Iterable[str] = iter(X)
    while block := list(islice(texts, size)):
        yield block
