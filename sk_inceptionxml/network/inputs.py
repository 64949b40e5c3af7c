"""Rows of token ids as the network's arguments."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from sk_inceptionxml.text import PADDING, Tokens

FEW = 16  # rows up to which one thread, and label vectors read as integers, are the quicker way


def pad(tokens: Tokens) -> tuple[np.ndarray, np.ndarray | None]:
    """Token ids (n, longest) and weights of the same shape, zero where padded."""
    lengths = tokens.lengths
    filled = np.arange(lengths.max(initial=1)) < lengths[:, None]
    ids = np.full(filled.shape, PADDING, dtype=np.int64)
    ids[filled] = tokens.ids
    if tokens.weights is None:
        return ids, None
    weights = np.zeros(filled.shape, dtype=np.float32)
    weights[filled] = tokens.weights
    return ids, weights


def as_input(ids: np.ndarray, weights: np.ndarray | None, max_len: int) -> dict[str, Tensor]:
    """The network's arguments, cut at ``max_len`` words and at the longest row."""
    longest = max(1, int((ids != PADDING).sum(1).max(initial=1)))
    stop = min(max_len, longest)
    X = {"ids": torch.from_numpy(np.ascontiguousarray(ids[:, :stop]))}
    if weights is not None:
        X["weights"] = torch.from_numpy(np.ascontiguousarray(weights[:, :stop]))
    return X


def prediction_batches(
    tokens: Tokens, max_len: int, batch_size: int
) -> Iterator[tuple[np.ndarray, dict[str, Tensor]]]:
    """Row numbers and inputs, sorted by length so that padding is small.

    The longest come first: processors that share the batches end with short ones, together.
    """
    order = np.argsort(-np.minimum(tokens.lengths, max_len), kind="stable")
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        ids, weights = pad(tokens.take(rows))
        yield rows, as_input(ids, weights, max_len)
