"""Training batches of padded token ids and positive labels, made without per-row Python."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sk_inceptionxml.network.inputs import as_input, pad
from sk_inceptionxml.text import PADDING, Tokens

SORTED_TOGETHER = 50  # batches whose rows are sorted by length among themselves

Batch = tuple[dict[str, Tensor], tuple[Tensor, Tensor, Tensor]]


class TokenDataset(Dataset):
    """Token rows and their labels; a batch is formed from row numbers at once.

    Parameters
    ----------
    tokens : Tokens
    Y : csr_array of shape (n_rows, n_labels)
    max_len : int
        Largest number of words of a batch.
    shuffle_words, word_dropout : bool, float
        Augmentation: words in random order, words left out at this rate.
    sample_weight : ndarray of shape (n_rows,), optional
    n_always : int, optional
        Rows that every epoch has; it takes a sample of the others.
    n_others : int
        Size of the sample.
    """

    def __init__(
        self,
        tokens: Tokens,
        Y: sp.csr_array,
        max_len: int,
        shuffle_words: bool = False,
        word_dropout: float = 0.0,
        sample_weight: np.ndarray | None = None,
        n_always: int | None = None,
        n_others: int = 0,
    ) -> None:
        self.tokens, self.Y, self.max_len = tokens, Y, max_len
        self.shuffle_words, self.word_dropout = shuffle_words, word_dropout
        self.sample_weight = sample_weight
        self.n_always = len(tokens) if n_always is None else n_always
        self.n_others = n_others

    def __len__(self) -> int:
        """Rows of an epoch."""
        return self.n_always + self.n_others

    def draw_epoch(self, rng: np.random.Generator) -> np.ndarray:
        """Numbers of the rows of an epoch, in random order."""
        some = rng.permutation(len(self.tokens) - self.n_always)[: self.n_others]
        return rng.permutation(np.concatenate([np.arange(self.n_always), self.n_always + some]))

    def __getitems__(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        ids, weights = pad(self.tokens.take(rows))
        if self.shuffle_words or self.word_dropout:
            ids, weights = augment(ids, weights, rng, self.shuffle_words, self.word_dropout)
        X = as_input(ids, weights, self.max_len)
        start, stop = self.Y.indptr[rows], self.Y.indptr[rows + 1]
        sizes = stop - start
        place = np.arange(sizes.sum()) + np.repeat(start - np.cumsum(sizes) + sizes, sizes)
        weight = np.ones(len(rows)) if self.sample_weight is None else self.sample_weight[rows]
        y = (
            torch.from_numpy(np.repeat(np.arange(len(rows)), sizes)),
            torch.from_numpy(self.Y.indices[place].astype(np.int64)),
            torch.from_numpy((weight / len(rows)).astype(np.float32)),
        )
        return X, y


def augment(
    ids: np.ndarray,
    weights: np.ndarray | None,
    rng: np.random.Generator,
    shuffle: bool,
    dropout: float,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Words in random order and some of them left out, at least one kept; padding stays last."""
    if dropout:
        chance = rng.random(ids.shape)
        chance[np.arange(len(ids)), np.where(ids != PADDING, chance, -1.0).argmax(1)] = 1.0
        ids = np.where(chance < dropout, PADDING, ids)
    key = rng.random(ids.shape) if shuffle else np.zeros(ids.shape)
    key[ids == PADDING] = 2.0
    order = np.argsort(key, axis=1, kind="stable")
    ids = np.take_along_axis(ids, order, axis=1)
    return ids, None if weights is None else np.take_along_axis(weights, order, axis=1)


class LengthBucketedBatches:
    """Iterator over shuffled batches of rows of similar length.

    Parameters
    ----------
    dataset : TokenDataset
    batch_size : int
    rng : Generator
        Source of the order and of the augmentation.
    device : torch.device, optional
        Where the batches are wanted, instead of on the CPU.
    """

    def __init__(
        self,
        dataset: TokenDataset,
        batch_size: int,
        rng: np.random.Generator,
        device: torch.device | None = None,
    ) -> None:
        self.dataset, self.batch_size, self.rng = dataset, batch_size, rng
        self.device = device

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        order = self.dataset.draw_epoch(self.rng)
        lengths = self.dataset.tokens.lengths
        together = self.batch_size * SORTED_TOGETHER
        batches = []
        for start in range(0, len(order), together):
            part = order[start : start + together]
            part = part[np.argsort(lengths[part], kind="stable")]
            batches += [part[i : i + self.batch_size] for i in range(0, len(part), self.batch_size)]
        for i in self.rng.permutation(len(batches)):
            X, y = self.dataset.__getitems__(batches[i], self.rng)
            if self.device is not None and self.device.type != "cpu":
                X = {name: _sent(tensor, self.device) for name, tensor in X.items()}
                y = (_sent(y[0], self.device), _sent(y[1], self.device), _sent(y[2], self.device))
            yield X, y


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device, on the way to which the host does not wait for it."""
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
