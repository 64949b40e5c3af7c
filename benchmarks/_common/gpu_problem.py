"""The problems of ``gpu.py``: synthetic data of a shape, networks for it, and one training."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from sk_inceptionxml import InceptionXMLClassifier, presets
from sk_inceptionxml.data import Dataset, Rows
from sk_inceptionxml.datasets import make_short_text
from sk_inceptionxml.heads import Head, SyncXML
from sk_inceptionxml.network.inputs import prediction_batches
from sk_inceptionxml.network.network import InceptionXMLNetwork, build_network
from sk_inceptionxml.text import Tokens
from sk_inceptionxml.training.config import TrainingConfig
from sk_inceptionxml.training.net import XMCNet
from sk_inceptionxml.training.start import label_statistics, network_config
from sk_inceptionxml.training.trainer import train


@dataclass(frozen=True)
class Shape:
    """Sizes of a data set."""

    n_rows: int
    n_labels: int
    n_words: int
    labels_per_row: float
    words_per_row: float

    def smaller(self, n_rows: int, n_labels: int) -> Shape:
        """The same texts, with fewer rows and labels."""
        return replace(self, n_rows=n_rows, n_labels=n_labels, n_words=3 * n_labels)


class Problem(NamedTuple):
    """A data set and what groups its labels."""

    data: Dataset
    topics: np.ndarray  # (n_labels,)


TATE = Shape(33_000, 14_340, 27_800, 7.1, 6.2)
AMAZON_670K = Shape(485_000, 670_000, 66_000, 5.4, 5.3)
ROWS = 128  # of a batch of the paper
SMALL: dict[str, Any] = {"embedding_dim": 64, "n_filters": 8}


def make_problem(shape: Shape, seed: int = 0) -> Problem:
    """Synthetic data of a shape, as token ids: no text is ever made."""
    made = make_short_text(
        shape.n_rows,
        shape.n_labels,
        n_words=shape.n_words,
        mean_length=shape.words_per_row,
        labels_per_sample=shape.labels_per_row,
        indicator="csr",
        as_text=False,
        random_state=seed,
    )
    ids = made.data.indices.astype(np.int32) + 2  # after padding and the unknown word
    tokens = Tokens(ids, made.data.indptr.astype(np.int64))
    return Problem(Dataset(Rows(tokens), sp.csr_array(made.target)), made.label_topics)


def default(head: Head, quick: bool = False, **changes: Any) -> dict[str, Any]:
    """Parameters of the estimator with its defaults, network alone."""
    clf = InceptionXMLClassifier(head=head, n_neighbors=0, **(SMALL if quick else {}))
    return clf.set_params(**changes).get_params(deep=False)


def paper(quick: bool = False) -> dict[str, Any]:
    """Parameters of the paper for AmazonTitles-670K; in a quick run a tenth of the clusters."""
    found = presets.sync("AmazonTitles-670K")
    if quick:
        found["head"].set_params(n_clusters=400, beam_size=40, predict_beam_size=40)
        found |= SMALL
    return InceptionXMLClassifier(**found).get_params(deep=False)


def make_network(problem: Problem, parameters: dict[str, Any]) -> InceptionXMLNetwork:
    """A network with random word vectors and with clusters that follow the topics.

    Neither the vectors of the words nor the balanced clustering changes what a step costs.
    """
    head, data = parameters["head"], problem.data
    n_labels = data.Y.shape[1]
    clusters = None
    if isinstance(head, SyncXML):
        n_clusters = head.n_clusters or min(-(-n_labels // 8), 16_384)
        clusters = np.empty(n_labels, dtype=np.int64)
        order = np.argsort(problem.topics, kind="stable")
        clusters[order] = np.arange(n_labels) * n_clusters // n_labels
    generator = torch.Generator().manual_seed(0)
    n_tokens = int(data.tokens.ids.max()) + 1
    table = torch.randn(n_tokens, parameters["embedding_dim"], generator=generator) * 0.15
    table[0] = 0.0
    config = network_config(parameters, head, tuple(table.shape), n_labels)
    return build_network(config, table, label_statistics(data.Y, clusters), generator)


@torch.no_grad()
def spread_shortlists(network: InceptionXMLNetwork, data: Dataset, max_len: int) -> int | None:
    """Let rows shortlist other clusters than each other, and count those of one batch.

    At the start of a training all rows shortlist the frequent clusters, and a step costs a small
    part of what it costs later. None for a head without clusters.
    """
    head: Any = network.head
    if not head.shortlists:
        return None
    head.meta_bias.zero_()
    _, X = next(prediction_batches(data.tokens.take(slice(0, ROWS)), max_len, ROWS))
    _, clusters = head.eval().shortlist(network.eval()(**X), head.beam_size)
    return len(clusters.unique())


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Stopwatch(Callback):
    """Times the steps of a training after some that warm up, and ends it after some seconds."""

    def __init__(self, seconds: float, warm_up: int) -> None:
        self.seconds, self.warm_up = seconds, warm_up

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        self.steps = self.rows = 0
        self.took = 0.0

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        self.steps += 1
        if self.steps <= self.warm_up:
            synchronize(net.module_.device)
            self.start = time.perf_counter()
            return
        self.rows += len(batch[0]["ids"])
        if time.perf_counter() - self.start >= self.seconds:
            raise KeyboardInterrupt  # by which skorch ends a training

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        synchronize(net.module_.device)
        self.took = time.perf_counter() - self.start


def run_training(
    network: InceptionXMLNetwork,
    data: Dataset,
    parameters: dict[str, Any],
    device: torch.device,
    seed: int = 0,
    callbacks: list[Any] | None = None,
    **changes: Any,
) -> XMCNet:
    """Train as ``fit`` does, on a device; an early end by a callback is no warning."""
    head = parameters["head"]
    changes |= {"callbacks": callbacks, "device": str(device), "verbose": 0}
    config = TrainingConfig.of(parameters | changes, head)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return train(network, data, config, np.random.RandomState(seed))
