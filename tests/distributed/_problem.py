"""A small training problem, the same in every process."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import scipy.sparse as sp
from _models import SMALL

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.data import Dataset, Rows
from sk_inceptionxml.heads import OneVsAll, SyncXML
from sk_inceptionxml.text import Tokens
from sk_inceptionxml.training.config import TrainingConfig
from sk_inceptionxml.training.start import start_network

N_TOKENS, N_LABELS, BATCH = 40, 23, 16
N_ROWS = 4 * BATCH + 1  # the last batch of an epoch leaves the second of two ranks without a row
N_LABEL_ROWS = 30  # of which an epoch takes ten
EPOCHS = 2  # of five steps, also with label texts

PLAIN = {"classifier_dropout": 0.0}
SYNC = {**PLAIN, "meta_dropout": 0.0, "n_clusters": 7, "beam_size": 2, "max_negatives": None}
HEADS = {
    "ova, adam": OneVsAll(**PLAIN),
    "ova, adagrad": OneVsAll(**PLAIN, label_optimizer="adagrad"),
    "sync, adagrad": SyncXML(**SYNC),
    "sync, adam": SyncXML(**SYNC, label_optimizer="adam"),
    "sync, own negatives": SyncXML(**SYNC, share_negatives=False, teacher_forcing=False),
}

TITLES = ["red wooden boat", "blue wooden boat", "red kite", "blue kite", "old house", "leaf boat"]
LABELS = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"], ["house"], ["leaf"]]
MANY = TITLES * 60, LABELS * 60


class Kept:
    """A store that keeps the last snapshot."""

    def __init__(self, snapshot=None):
        self.snapshot, self.last = snapshot, None

    def write(self, snapshot):
        arrays = {name: np.array(array) for name, array in snapshot.arrays.items()}
        self.last = snapshot._replace(arrays=arrays)

    def state_errors(self):
        return nullcontext()


def rows(n, seed):
    """Random rows with random labels."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 7, n)
    ids = rng.integers(2, N_TOKENS, lengths.sum()).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    Y = sp.csr_array((rng.random((n, N_LABELS)) < 0.12).astype(np.float32))
    return Dataset(Rows(Tokens(ids, offsets, None)), Y)


def problem(head):
    """Arguments of ``train``: everything is in double precision, and nothing is random."""
    data = rows(N_ROWS, 0)
    parameters = InceptionXMLClassifier(
        **{**SMALL, "max_epochs": EPOCHS, "batch_size": BATCH, "dropout": 0.0},
        word_dropout=0.0,
        max_len=6,
    ).get_params(deep=False)
    random_state = np.random.RandomState(0)
    network = start_network(data, head, parameters, N_TOKENS, None, random_state).double()
    return network, data, TrainingConfig.of(parameters, head), random_state


# heads, and label texts as further rows of the training
TEN_STEPS = {name: (head, None) for name, head in HEADS.items()}
for name in ("ova, adam", "sync, adagrad"):
    TEN_STEPS[f"{name}, label texts"] = HEADS[name], rows(N_LABEL_ROWS, 1)
