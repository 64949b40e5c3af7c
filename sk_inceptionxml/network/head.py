"""What the network asks of a head, whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from sk_inceptionxml.network.config import NetworkConfig


@dataclass(frozen=True)
class LabelStatistics:
    """What a head knows of the training labels before it is trained.

    Parameters
    ----------
    counts : ndarray of shape (n_labels,)
        Training rows of every label.
    n_rows : int
        Training rows.
    clusters : ndarray of shape (n_labels,) or None
        Meta-label of every label.
    cluster_counts : ndarray of shape (n_clusters,) or None
        Training rows of every meta-label, in which a row counts once.
    """

    counts: np.ndarray
    n_rows: int
    clusters: np.ndarray | None = None
    cluster_counts: np.ndarray | None = None


class Peers(Protocol):
    """Processes that train together, each with some rows of a batch and with some labels."""

    def all_rows(self, r: Tensor, n_rows: int) -> Tensor:
        """Rows (n_rows, width) of all, in order, from one's own; gradients go back and add up."""

    def among_best(self, values: Tensor, k: int) -> Tensor:
        """Which of one's own k largest values (B, k) are among the k largest of all."""


class HeadModule(nn.Module):
    """A head: features (B, n_features) to a loss or to a ranking of labels.

    A file that defines one also has a function ``build(config, labels, generator)``, which makes
    it from a ``NetworkConfig`` and ``LabelStatistics``.
    """

    weight: nn.Parameter  # (n_labels, width), in the head's own order
    bias: nn.Parameter
    project_dropout = False  # whether the encoder drops out after its projection
    shortlists = False  # whether only some labels of a row are scored
    cluster_buffers: tuple[str, ...] = ()  # buffers that ``set_clusters`` makes
    divisible = False  # whether its loss is right on labels that are divided among ``peers``
    peers: Peers | None = None  # processes that hold the other labels, and rows, of a training

    def loss(self, h: Tensor, rows: Tensor, columns: Tensor, row_weight: Tensor) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        h : Tensor of shape (B, n_features)
        rows, columns : Tensor of shape (n_positives,), int64
            Places of the positive labels.
        row_weight : Tensor of shape (B,)

        With ``peers``, h holds the rows of this process alone, and the loss is that of its labels
        on all rows.
        """
        raise NotImplementedError

    def of_all_rows(self, r: Tensor, n_rows: int) -> Tensor:
        """What label vectors are multiplied with (n_rows, width), from that of a peer's rows."""
        return r if self.peers is None else self.peers.all_rows(r, n_rows)

    def topk(
        self, h: Tensor, k: int, n_first: int | None = None, beam: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Log-odds (B, k), best first, and labels (B, k); -inf and -1 where there are fewer.

        With ``n_first``, the best k of the labels before this number, then the best k of the
        others. ``beam`` is the number of shortlisted clusters, for heads that have them.
        """
        raise NotImplementedError

    def set_rates(self, config: NetworkConfig) -> None:
        """Take over the parameters that may change while the network goes on."""
        raise NotImplementedError

    def branches(self) -> list[Callable[[Tensor], Tensor]]:
        """Maps of features to what the label vectors, then other vectors, are multiplied with."""
        raise NotImplementedError

    def start_labels(self, labels: Tensor, weight: Tensor, bias: Tensor, means: Any) -> Tensor:
        """Set the vectors of labels that have none yet; numbers beyond the last are added.

        Parameters
        ----------
        labels : Tensor of shape (m,), int64
        weight : Tensor of shape (m, width)
        bias : Tensor of shape (m,)
        means : list of Tensor of shape (m, width)
            Mean of each branch over the labels' rows.

        Returns
        -------
        source : Tensor of shape (n_labels,), int64
            Old place of the row now at each place, -1 for those that were set.
        """
        raise NotImplementedError

    def set_clusters(self, clusters: Any) -> None:
        """Set the meta-label of every label, for heads that have them."""

    def clusters(self) -> np.ndarray | None:
        """Meta-label (n_labels,) of every label, None for a head without."""
        return None

    def label_vectors(self) -> np.ndarray:
        """Vectors (n_labels, width) of the labels, in the order of the labels, float32."""
        return self.weight.detach().float().cpu().numpy()

    def begin_epoch(self, epoch: int, n_epochs: int) -> None:
        """Called before epoch ``epoch``, counted from 1, of ``n_epochs``."""

    def row_sparse_parameters(self) -> list[nn.Parameter]:
        """Tables of which a step touches only some rows."""
        return []

    def tune(self, quality: Callable[[], float]) -> None:
        """Set what is chosen after training, by the quality of the ranking that it gives."""

    def tuned(self) -> dict[str, float]:
        """What ``tune`` has set, as plain numbers."""
        return {}

    def set_tuned(self, values: dict[str, float]) -> None:
        """Set what ``tuned`` returned."""


def take_rows(table: Tensor, source: Tensor) -> Tensor:
    """Rows of a table by their numbers (n,); -1 makes a row of zeros."""
    taken = table.index_select(0, source.clamp(min=0))
    taken[source < 0] = 0
    return taken


def set_rows(table: Tensor, rows: Tensor, values: Tensor) -> nn.Parameter:
    """A parameter of the table, in which these rows are set."""
    table[rows] = values.to(table.dtype)
    return nn.Parameter(table)


def started_rows(n_labels: int, labels: Tensor) -> Tensor:
    """Old number of every label once some have been started anew or appended; -1 for these."""
    n = max(n_labels, int(labels.max()) + 1) if len(labels) else n_labels
    source = torch.arange(n, device=labels.device)
    source[n_labels:] = -1
    source[labels] = -1
    return source
