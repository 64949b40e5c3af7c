"""Rows of X, and rows with their labels and weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from pandas.util import hash_array

from sk_inceptionxml._utils.sparse import column_counts, take_rows
from sk_inceptionxml._utils.storage import MEMORY, Storage, blocks
from sk_inceptionxml.text import StoredTexts, Tokens


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of X: their tokens, and the texts themselves where X is raw text."""

    tokens: Tokens
    texts: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def take(self, places: np.ndarray, storage: Storage = MEMORY) -> Rows:
        """The rows at these places, in this order."""
        texts = self.texts
        if isinstance(texts, StoredTexts):
            texts = texts.take(places, storage)
        elif texts is not None:
            texts = [texts[i] for i in places]
        return Rows(self.tokens.take(places, storage), texts)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows, their labels (n_rows, n_labels) and their weights (n_rows,), None where all are 1.

    What is taken from it is put into the same storage.
    """

    rows: Rows
    Y: sp.csr_array
    weight: np.ndarray | None = None
    storage: Storage = MEMORY

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def tokens(self) -> Tokens:
        """Tokens of the rows."""
        return self.rows.tokens

    @property
    def label_counts(self) -> np.ndarray:
        """Rows of every label, int64 of shape (n_labels,)."""
        return column_counts(self.Y)

    def take(self, places: np.ndarray) -> Dataset:
        """The rows at these places, in this order."""
        weight = None if self.weight is None else self.weight[places]
        Y = take_rows(self.Y, places, self.storage)
        return Dataset(self.rows.take(places, self.storage), Y, weight, self.storage)

    def in_content_order(self) -> Dataset:
        """The rows in an order that depends on what they hold, not on where they stand."""
        return self.take(content_order(self.tokens, self.Y))


def content_order(tokens: Tokens, Y: sp.csr_array) -> np.ndarray:
    """Places of the rows, sorted by a hash of their tokens, then of their labels."""
    texts, labels = np.empty(len(tokens), np.uint64), np.empty(len(tokens), np.uint64)
    for part in blocks(tokens.offsets):
        texts[part] = _text_hash(tokens.take(part))
    for part in blocks(Y.indptr):
        bounds = Y.indptr[part.start : part.stop + 1]
        numbers = Y.indices[bounds[0] : bounds[-1]].astype(np.uint64)
        labels[part] = _row_hash(numbers + np.uint64(1), bounds - bounds[0])
    return np.lexsort((labels, texts))


def _text_hash(tokens: Tokens) -> np.ndarray:
    place = np.arange(len(tokens.ids)) - np.repeat(tokens.offsets[:-1], tokens.lengths)
    key = (tokens.ids.astype(np.uint64) << np.uint64(32)) + place.astype(np.uint64)
    if tokens.weights is None:
        return _row_hash(key, tokens.offsets)
    weight = tokens.weights.view(np.uint32).astype(np.uint64)
    return _row_hash(hash_array(key) + weight, tokens.offsets)


def _row_hash(keys: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Sum of the hashes of every row; no key is 0, whose hash is 0."""
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hash_array(keys))])
    return total[bounds[1:]] - total[bounds[:-1]]  # modulo 2**64, hence exact
