"""(row, column) pairs as sorted keys: where one is, and the first of each row."""

from __future__ import annotations

import numpy as np


def find(sorted_keys: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place of each key among the sorted ones, and whether it is there; else the place is any."""
    if not len(sorted_keys):
        return np.zeros(keys.shape, dtype=np.intp), np.zeros(keys.shape, dtype=bool)
    place = np.searchsorted(sorted_keys, keys).clip(max=len(sorted_keys) - 1)
    return place, np.asarray(sorted_keys[place] == keys)


def best_places(row: np.ndarray, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Place of each pair in its row, by sorted rows of n, and whether it is one of the first k."""
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(n))[row]
    return place, place < k
