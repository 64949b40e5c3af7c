"""Checks of what the displays are given."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

INSTEAD = "pass its ranking or scores to from_predictions"


def check_name(name: Any) -> str | None:
    """The name of a model for the legend.

    Raises
    ------
    TypeError
        If it is neither a str nor None.
    """
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name must be a str or None, got {name!r:.80}.")
    return name


def name_of(classifier: Any, name: Any) -> str:
    """The given name, or that of the classifier's class."""
    given = check_name(name)
    return type(classifier).__name__ if given is None else given


def positive(value: Any, name: str) -> int:
    """A positive integer.

    Raises
    ------
    ValueError
        If it is none.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r:.80}.")
    return int(value)


def rising_counts(values: Any, name: str) -> npt.NDArray[np.int64]:
    """Positive integers, each above the one before it, one at least.

    Raises
    ------
    ValueError, TypeError
        If they are not.
    """
    try:
        given = list(values)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of integers, got {values!r:.80}.") from None
    if any(isinstance(x, (bool, np.bool_)) or not isinstance(x, Integral) for x in given):
        raise TypeError(f"{name} must hold integers only, got {values!r:.80}.")
    if not given or given[0] < 1 or any(b <= a for a, b in zip(given, given[1:], strict=False)):
        raise ValueError(
            f"{name} must be rising integers from 1 on, one at least, got {values!r:.80}."
        )
    return np.array(given, dtype=np.int64)


def vector(values: Any, name: str, size: int | None = None) -> npt.NDArray[np.float64]:
    """Numbers as a 1-D array of float64, NaN among them where nothing is known.

    Raises
    ------
    ValueError, TypeError
        If they are not numbers, not 1-D, or not of this size.
    """
    given = np.asarray(values)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold numbers, got dtype {given.dtype}.")
    if given.ndim != 1 or size not in (None, len(given)):
        wanted = "1-D" if size is None else f"of shape ({size},)"
        raise ValueError(f"{name} must be {wanted}, got shape {given.shape}.")
    return given.astype(np.float64)


def n_places(topk: Any) -> int:
    """Places of a ranking in any form that the metrics take; for scores, the labels."""
    shape: tuple[int, ...] = getattr(topk, "shape", ())
    if len(shape) == 2:
        return int(shape[1])
    return max((1 if isinstance(row, str) else len(row) for row in topk), default=1)
