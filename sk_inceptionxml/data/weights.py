"""Weights of rows: what is allowed, and which rows they repeat or leave out."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import _check_sample_weight

from .split import n_held_out

MAX_REPEATS = 4  # whole-number weights up to this mean repeat rows
MAX_WEIGHT = 1e10  # of a row; far below what a loss in float32 can hold


def check_weight(sample_weight: Any, Y: sp.csr_array) -> np.ndarray:
    """Weights as float64 of shape (n_rows,), not negative, at least one positive.

    Raises
    ------
    TypeError, ValueError
        If they are no such numbers, do not fit the rows of Y, exceed 1e10, or leave no row with a
        label.
    """
    try:
        if isinstance(sample_weight, Number):
            sample_weight = float(sample_weight)  # type: ignore[arg-type]
        weight = _check_sample_weight(sample_weight, Y, ensure_non_negative=True)
    except (TypeError, ValueError, OverflowError) as error:
        text = str(error)
        if "sample_weight" not in text:
            text = f"sample_weight: {text}"
        raise (TypeError if isinstance(error, TypeError) else ValueError)(text) from None
    if weight.max() > MAX_WEIGHT:
        raise ValueError(
            f"sample_weight must be {MAX_WEIGHT:.0e} at most, got {weight.max():.3g}; divide all "
            "weights by their mean."
        )
    if not weight.any():
        raise ValueError("sample_weight must contain at least one non-zero number.")
    labelled = np.diff(Y.indptr) > 0
    if labelled.any() and not labelled[weight > 0].any():
        raise ValueError("sample_weight is 0 in every row in which y has a positive label.")
    return np.asarray(weight)


def repeat_rows(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows to train on and their weights: whole numbers repeat a row, 0 leaves it out."""
    if (weight == np.round(weight)).all() and weight.sum() <= MAX_REPEATS * len(weight):
        return np.repeat(np.arange(len(weight)), weight.astype(np.int64)), None
    return weigh_rows(weight)


def weigh_rows(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose weight is not 0, and their weights."""
    kept = np.flatnonzero(weight)
    return kept, weight[kept]


def weighted_rows(weight: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows to learn from and their weights as multiples of their mean, None where all are equal.

    Rows are repeated only where none will be held out: a copy would be trained on.
    """
    few = not n_held_out(int(weight.sum()), fraction)
    rows, rest = repeat_rows(weight) if few else weigh_rows(weight)
    if rest is None or (rest == rest[0]).all():
        return rows, None
    return rows, np.maximum(rest / rest.mean(), 1e-30)  # the quotient may be 0
