"""The network before its first step: word vectors, clusters and start weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from sk_inceptionxml._utils.params import check_kernel_sizes
from sk_inceptionxml._utils.sparse import column_counts
from sk_inceptionxml.clustering import validate_clusters
from sk_inceptionxml.data import Dataset
from sk_inceptionxml.heads import Head
from sk_inceptionxml.network.config import NetworkConfig
from sk_inceptionxml.network.head import LabelStatistics
from sk_inceptionxml.network.network import InceptionXMLNetwork, build_network
from sk_inceptionxml.text.embeddings import check_width, embedding_table

from .snapshot import Snapshot


def start_network(
    data: Dataset,
    head: Head,
    parameters: dict[str, Any],
    n_tokens: int,
    words: list[str] | None,
    random_state: np.random.RandomState,
    snapshot: Snapshot | None = None,
) -> InceptionXMLNetwork:
    """A network with its start weights, on the CPU.

    Parameters
    ----------
    data : Dataset
        Training rows.
    head : Head
        Parameter object of the head.
    parameters : dict
        Those of the estimator; ``embeddings`` and the sizes are read.
    n_tokens : int
    words : list of str or None
        The vocabulary of raw text in the order of the ids.
    random_state : RandomState
    snapshot : Snapshot or None
        Whose weights are to follow, which spares the word vectors and the clustering.
    """
    counts = data.tokens.to_csr(n_tokens, first=2, storage=data.storage)
    generator = torch.Generator().manual_seed(int(random_state.randint(2**31 - 1)))
    if snapshot is None:
        table = embedding_table(
            counts,
            data.Y,
            source=parameters["embeddings"],
            words=words,
            embedding_dim=parameters["embedding_dim"],
            random_state=random_state,
        )
        check_width(table.shape[1])
        clusters = head.make_clusters(counts, data.Y, random_state)
    else:
        table = np.zeros((n_tokens, snapshot.table_shape[1]), dtype=np.float32)
        clusters = snapshot.clusters
        if clusters is not None:
            clusters = np.asarray(validate_clusters(clusters, data.Y.shape[1]))
    config = network_config(parameters, head, table.shape, data.Y.shape[1])
    labels = label_statistics(data.Y, clusters)
    return build_network(config, torch.from_numpy(table), labels, generator)


def network_config(
    parameters: dict[str, Any], head: Head, table_shape: tuple[int, ...], n_labels: int
) -> NetworkConfig:
    """The network that the estimator's parameters ask for."""
    n_tokens, width = table_shape
    names = ("max_len", "n_filters", "hidden_dim", "embedding_skip", "dropout")
    return NetworkConfig(
        n_tokens=n_tokens,
        n_labels=n_labels,
        embedding_dim=width,
        kernel_sizes=check_kernel_sizes(parameters["kernel_sizes"], width),
        head=head,
        **{name: parameters[name] for name in names},
    )


def label_statistics(Y: sp.csr_array, clusters: np.ndarray | None) -> LabelStatistics:
    """What a head knows of the labels of the training rows."""
    if clusters is None:
        return LabelStatistics(column_counts(Y), Y.shape[0])
    member = (np.ones(len(clusters)), (np.arange(len(clusters)), clusters))
    per_row = Y @ sp.csr_array(member)
    return LabelStatistics(column_counts(Y), Y.shape[0], clusters, column_counts(per_row))
