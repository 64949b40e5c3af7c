"""Which labels each rank holds, and a network whose head holds no others.

The labels are divided into runs of the head's tables, those of a head with meta-labels at the
borders of clusters. So a rank's head is an ordinary one over fewer labels, and the tables of all
ranks, one below the other, are those of a single process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor

from sk_inceptionxml.network.config import NetworkConfig
from sk_inceptionxml.network.head import HeadModule, LabelStatistics
from sk_inceptionxml.network.network import InceptionXMLNetwork, build_network
from sk_inceptionxml.training.snapshot import Snapshot

from .ranks import Ranks


@dataclass(frozen=True)
class Shard:
    """Labels of one rank.

    Parameters
    ----------
    columns : ndarray of shape (n,), int64
        Their numbers among all labels, ascending.
    clusters : ndarray of shape (n,) or None
        Their meta-labels, counted from the rank's first one.
    """

    columns: np.ndarray
    clusters: np.ndarray | None


def cut_head(head: HeadModule, n_ranks: int) -> list[Shard]:
    """The labels of a head for every rank.

    Raises
    ------
    ValueError
        If they cannot be divided.
    """
    if not head.divisible:
        raise ValueError(
            f"{type(head).__name__} does not divide its labels among processes; use head='ova' or "
            "head='sync', or fit in one process."
        )
    return cut_labels(len(head.weight), head.clusters(), n_ranks)


def cut_labels(n_labels: int, clusters: np.ndarray | None, n_ranks: int) -> list[Shard]:
    """Shards of about equally many labels.

    Raises
    ------
    ValueError
        If there are more ranks than labels or clusters.
    """
    n_parts = n_labels if clusters is None else int(clusters.max()) + 1
    if n_parts < n_ranks:
        what = "labels" if clusters is None else "clusters of labels"
        raise ValueError(
            f"{n_parts} {what} cannot be divided among {n_ranks} processes; start fewer with "
            "--nproc-per-node."
        )
    if clusters is None:
        return [Shard(part, None) for part in np.array_split(np.arange(n_labels), n_ranks)]
    starts = np.concatenate([[0], np.cumsum(np.bincount(clusters))])
    wanted = np.arange(n_ranks + 1) * n_labels / n_ranks
    borders = np.abs(starts - wanted[:, None]).argmin(1)
    # every rank has a cluster, whatever their sizes
    borders = np.maximum(borders, np.arange(n_ranks + 1))
    borders = np.minimum(borders, n_parts - np.arange(n_ranks, -1, -1))
    for rank in range(1, n_ranks):
        borders[rank] = max(borders[rank], borders[rank - 1] + 1)
    shards = []
    for first, stop in zip(borders[:-1], borders[1:], strict=True):
        columns = np.flatnonzero((clusters >= first) & (clusters < stop))
        shards.append(Shard(columns, clusters[columns] - first))
    return shards


def table_sizes(head: HeadModule, shards: list[Shard]) -> dict[str, list[int]]:
    """Rows that every rank has of each table of labels or of clusters, by the name of the table."""
    sizes = {}
    for name, parameter in head.named_parameters(recurse=False):
        of_labels = [len(shard.columns) for shard in shards]
        of_clusters = [0 if s.clusters is None else int(s.clusters.max()) + 1 for s in shards]
        sizes[f"head.{name}"] = of_labels if len(parameter) == len(head.weight) else of_clusters
    return sizes


def build_shard(
    config: NetworkConfig, shard: Shard, n_ranks: int, state: dict[str, Tensor]
) -> InceptionXMLNetwork:
    """A network whose head knows a shard's labels alone.

    Parameters
    ----------
    config : NetworkConfig
        That of the whole network.
    shard : Shard
    n_ranks : int
    state : dict of str to Tensor
        Weights and statistics, apart from the buffers that a head makes from its clusters.
    """
    head = clone(config.head)
    if getattr(head, "max_negatives", None) is not None:
        head.set_params(max_negatives=-(-head.max_negatives // n_ranks))
    config = replace(config, n_labels=len(shard.columns), head=head, hidden_dim=config.width)
    with torch.device("meta"):
        labels = LabelStatistics(np.zeros(len(shard.columns)), 1, shard.clusters)
        network = build_network(config, torch.empty(config.n_tokens, config.embedding_dim), labels)
    if shard.clusters is not None:
        network.head.set_clusters(shard.clusters)
    made = {f"head.{name}" for name in network.head.cluster_buffers}
    own = {name: tensor for name, tensor in network.state_dict().items() if name in made}
    network.load_state_dict(own | state, strict=True, assign=True)
    return network


def divide_state(
    ranks: Ranks, network: InceptionXMLNetwork | None, sizes: dict[str, list[int]]
) -> dict[str, Tensor]:
    """This rank's part of rank 0's weights, and all of those that every rank needs.

    The tables of rank 0's network are empty afterwards: a rank holds its own labels and no more.
    """
    found: dict[str, Tensor] = {}
    names = None
    if network is not None:
        made = {f"head.{name}" for name in network.head.cluster_buffers}
        found = {k: v for k, v in network.state_dict().items() if k not in made}
        names = list(found)
    state = {}
    for name in ranks.from_first(names):
        state[name] = ranks.divide(found.pop(name, None), sizes.get(name))
    if network is not None:
        for name in sizes:
            parameter = network.get_parameter(name)
            parameter.data = parameter.data.new_empty(0, *parameter.shape[1:])
    return state


def join_snapshots(
    ranks: Ranks, own: Snapshot, sizes: dict[str, list[int]], clusters: np.ndarray | None
) -> Snapshot | None:
    """The snapshot of a single process, on rank 0 alone, from one of every rank."""
    arrays = {}
    for name, array in sorted(own.arrays.items()):
        table = _table_of(name, sizes) if array.ndim else None
        if table is None:
            arrays[name] = array
            continue
        whole = ranks.join(torch.from_numpy(array), sizes[table])
        if whole is not None:
            arrays[name] = whole.numpy()
    if clusters is not None:
        arrays["clusters"] = clusters
    return Snapshot(arrays, own.plain) if ranks.is_first else None


def divide_snapshot(
    ranks: Ranks, whole: Snapshot | None, shard: Shard, sizes: dict[str, list[int]]
) -> Snapshot | None:
    """This rank's part of rank 0's snapshot; None where that has none."""
    known = None
    if whole is not None:
        known = whole.plain, [(name, array.ndim > 0) for name, array in whole.arrays.items()]
    known = ranks.from_first(known)
    if known is None:
        return None
    plain, names = known
    arrays = {}
    for name, has_rows in names:
        array = None if whole is None else torch.from_numpy(whole.arrays[name])
        table = _table_of(name, sizes) if has_rows else None
        part = ranks.divide(array, None if table is None else sizes[table])
        arrays[name] = part.numpy()
    if shard.clusters is not None:
        arrays["clusters"] = shard.clusters
    return Snapshot(arrays, plain)


def _table_of(name: str, sizes: dict[str, list[int]]) -> str | None:
    """The table that an array of a snapshot belongs to, if it is one of labels or clusters."""
    return next((table for table in sizes if f".{table}." in f"{name}."), None)
