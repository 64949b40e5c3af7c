"""Rows repeated by weight, and an order of rows that does not depend on where they stand."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml.vectorize import Tokens

MAX_REPEATS = 4  # whole-number weights up to this mean repeat rows


def repeat_rows(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows to train on and their weights: whole numbers repeat a row, 0 leaves it out."""
    if (weight == np.round(weight)).all() and weight.sum() <= MAX_REPEATS * len(weight):
        return np.repeat(np.arange(len(weight)), weight.astype(np.int64)), None
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
