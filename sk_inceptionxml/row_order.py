"""Weights of rows, and an order of rows that does not depend on where they stand."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import _check_sample_weight

from sk_inceptionxml.vectorize import Tokens

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


def content_order(tokens: Tokens, Y: sp.csr_array) -> np.ndarray:
    """An order of the rows that depends on what they hold, not on where they stand."""
    key = tokens.ids.astype(np.uint64)
    place = np.arange(len(key)) - np.repeat(tokens.offsets[:-1], tokens.lengths)
    if tokens.weights is not None:
        key += tokens.weights.view(np.uint32).astype(np.uint64) << np.uint64(32)
    text = _row_hash(_mix(key) + place.astype(np.uint64), tokens.offsets)
    return np.lexsort((_row_hash(Y.indices.astype(np.uint64), Y.indptr), text))


def _row_hash(keys: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(_mix(keys))])
    return total[bounds[1:]] - total[bounds[:-1]]  # modulo 2**64, hence exact


def _mix(x: np.ndarray) -> np.ndarray:
    """Finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
