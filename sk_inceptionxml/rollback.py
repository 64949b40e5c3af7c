"""An estimator is after an error what it was before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def undone_by_errors(estimator: Any) -> Iterator[None]:
    """Give the attributes back that the estimator had, where the block raises; also by Ctrl-C.

    What the block changes in place stays changed: it has to work on copies.
    """
    before = estimator.__dict__.copy()
    try:
        yield
    except BaseException:
        estimator.__dict__ = before
        raise
