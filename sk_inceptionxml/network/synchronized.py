"""SyncXML: a meta-classifier shortlists labels, an extreme classifier of equal structure ranks.

Rows of the extreme classifier are stored in the order of the clusters, so that a cluster is one
contiguous block. In training the shortlists of a batch are united, and their labels form one dense
product. Every label of the union is a hard or an in-batch negative of every row. No padding exists
that could enter the loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sk_inceptionxml.network.ahead import Positives, sync_loss
from sk_inceptionxml.network.config import NetworkConfig
from sk_inceptionxml.network.head import HeadModule, LabelStatistics, started_rows, take_rows
from sk_inceptionxml.network.layers import (
    Dropout,
    SkipPool,
    SpectralLinear,
    gather_rows,
    runs_ahead,
)
from sk_inceptionxml.network.losses import (
    largest,
    logits_of,
    one_vs_all_loss,
    one_vs_all_loss_and_best,
    prior_logit,
    product_dtype,
)

ROWS_A_CLUSTER = 1  # that shortlist it, on average, from which its labels are read once for all
EASY_SHARE = 4  # of max_negatives for clusters: the hard ones, which matter, are never sampled
CLUSTERS_TRIED = 64  # by a new label, until one has room
CLUSTER_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
GATHER_BUDGET = 1 << 19  # floats of label vectors gathered at once: 2 MB stay in the caches


def sample_others(
    kept: Tensor, n: int, most: int, dtype: torch.dtype, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Some of n columns, those kept among them, and weights under which sums over all are right.

    Parameters
    ----------
    kept : Tensor of shape (n_kept,), int64
        Sorted and distinct; they have weight 1.
    n : int
    most : int
        Columns wanted; a quarter of them is drawn from the others where the kept ones are more.
    dtype : torch.dtype
        Of the weights.
    generator : torch.Generator or None

    Returns
    -------
    columns : Tensor of shape (m,), int64
        Sorted.
    weight : Tensor of shape (m,)
        On average over the draws, ``sum(weight * x[columns])`` is ``x.sum()``.
    """
    is_other = torch.ones(n, dtype=torch.bool, device=kept.device)
    is_other[kept] = False
    others = is_other.nonzero().squeeze(1)
    n_drawn = min(len(others), max(most - len(kept), most // 4, 1))
    order = torch.randperm(len(others), generator=generator, device=kept.device)
    drawn = others[order[:n_drawn]]
    weight = torch.zeros(n, dtype=dtype, device=kept.device)
    weight[kept] = 1.0
    weight[drawn] = len(others) / max(1, n_drawn)
    columns = torch.cat([kept, drawn]).sort().values
    return columns, weight[columns]


def round_up(n: Tensor) -> Tensor:
    """The next integers of three binary digits and zeros: few values, none a quarter too large."""
    step = 1 << (torch.frexp(n.float()).exponent - 3).clamp(min=0)
    return (n + step - 1) // step * step


class SynchronizedBranch(nn.Module):
    """Hidden layer of the meta-classifier and of the extreme classifier alike."""

    def __init__(
        self,
        n_features: int,
        hidden_dim: int,
        dropout: float,
        classifier_dropout: float,
        hidden: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.pre_dropout = Dropout(dropout)
        self.hidden = SpectralLinear(n_features, hidden_dim, generator) if hidden else None
        self.skip = SkipPool(n_features, hidden_dim)
        self.dropout = Dropout(classifier_dropout)

    def forward(self, h: Tensor) -> Tensor:
        out = self.skip(h)
        if self.hidden is not None:
            out = out + F.gelu(self.hidden(self.pre_dropout(h)))
        return self.dropout(out)


class SyncHead(HeadModule):
    """Meta-classifier and extreme classifier, trained together on one encoder.

    Parameters
    ----------
    clusters : ndarray of shape (n_labels,), int
        Meta-label of every label.
    label_counts : ndarray of shape (n_labels,)
        Training rows of every label, from which the biases start.
    n_rows : int
        Training rows.
    beam_size, predict_beam_size : int
        Clusters kept in the shortlist of a row, in training and in prediction.
    teacher_forcing : bool
        The true clusters of a row join its shortlist in training, so that no positive is lost.
    share_negatives : bool
        Every label of the batch's united shortlists is a negative of every row; otherwise only
        those of the row's own shortlist.
    max_negatives : int or None
        Labels of whose losses a training step computes about as many, and of clusters a quarter
        where there are more. Labels that are positive in the batch, and clusters that are positive
        or shortlisted, are always among them. The others are sampled, a quarter of the number at
        least. They are weighted so that the loss is right on average. None takes all.
    synchronized : bool
        False leaves the hidden layer of the meta-classifier out: hard-negative mining by a
        classifier of another structure, the baseline that the paper improves on.
    """

    shortlists = True
    divisible = True
    cluster_buffers = ("starts", "label_at", "position_of", "cluster_of", "members")
    members: Tensor
    starts: Tensor
    cluster_of: Tensor
    position_of: Tensor
    label_at: Tensor

    def __init__(
        self,
        n_features: int,
        hidden_dim: int,
        clusters: np.ndarray,
        label_counts: np.ndarray,
        n_rows: int,
        *,
        beam_size: int,
        predict_beam_size: int,
        dropout: float,
        classifier_dropout: float,
        meta_dropout: float,
        meta_loss_weight: float = 1.0,
        teacher_forcing: bool = True,
        share_negatives: bool = True,
        synchronized: bool = True,
        max_negatives: int | None = None,
        true_cluster_counts: np.ndarray | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.beam_size, self.predict_beam_size = beam_size, predict_beam_size
        self.meta_loss_weight = meta_loss_weight
        self.teacher_forcing, self.share_negatives = teacher_forcing, share_negatives
        self.max_negatives = max_negatives
        self.warmup_epochs = 0
        self.generator: torch.Generator | None = None  # of the samples, set by the training
        self.detached = False  # set by the training schedule
        self.cluster_weight = 1.0  # of the meta-classifier's log-probability, set after training
        self.set_clusters(np.asarray(clusters))
        branch = (n_features, hidden_dim, dropout)
        self.meta = SynchronizedBranch(*branch, meta_dropout, synchronized, generator)
        self.extreme = SynchronizedBranch(*branch, classifier_dropout, True, generator)
        n_labels, n_clusters = len(self.cluster_of), len(self.starts) - 1
        counts = torch.as_tensor(label_counts)
        if true_cluster_counts is None:
            true_cluster_counts = np.bincount(clusters, weights=label_counts)
        self.meta_weight = nn.Parameter(torch.empty(n_clusters, hidden_dim))
        self.meta_bias = nn.Parameter(prior_logit(torch.as_tensor(true_cluster_counts), n_rows))
        self.weight = nn.Parameter(torch.empty(n_labels, hidden_dim))
        self.bias = nn.Parameter(prior_logit(counts, n_rows)[self.label_at][:, None])
        # whether there are more clusters than a step scores, so that their rows are sparse
        self.samples_clusters = n_clusters > self.clusters_a_step
        for w in (self.meta_weight, self.weight):
            nn.init.xavier_uniform_(w, generator=generator)

    def set_clusters(self, clusters: np.ndarray) -> None:
        """Set the meta-label of every label, and the order in which labels are stored."""
        order = np.argsort(clusters, kind="stable")
        sizes = np.bincount(clusters)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        members = starts[:-1, None] + np.arange(sizes.max())
        members[members >= starts[1:, None]] = -1
        position = np.empty(len(order), dtype=np.int64)
        position[order] = np.arange(len(order))
        for name, value in [
            ("label_at", order),  # label stored at each position
            ("position_of", position),
            ("cluster_of", clusters),
            ("starts", starts),
            ("members", members),  # positions of each cluster's labels, -1 where it is smaller
        ]:
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.int64))

    def set_rates(self, config: NetworkConfig) -> None:
        own: Any = config.head
        self.meta.pre_dropout.p = self.extreme.pre_dropout.p = config.dropout
        self.meta.dropout.p, self.extreme.dropout.p = own.meta_dropout, own.classifier_dropout
        names = ("beam_size", "predict_beam_size", "meta_loss_weight")
        for name in (*names, "teacher_forcing", "share_negatives"):
            setattr(self, name, getattr(own, name))
        self.warmup_epochs = own.warmup_epochs

    def clusters(self) -> np.ndarray:
        return self.cluster_of.cpu().numpy().copy()

    def label_vectors(self) -> np.ndarray:
        return super().label_vectors()[self.position_of.cpu().numpy()]

    def begin_epoch(self, epoch: int, n_epochs: int) -> None:
        self.detached = epoch <= min(self.warmup_epochs, n_epochs - 1)

    def row_sparse_parameters(self) -> list[nn.Parameter]:
        tables = [self.weight, self.bias]
        return [*tables, self.meta_weight, self.meta_bias] if self.samples_clusters else tables

    def tune(self, quality: Callable[[], float]) -> None:
        """Choose the weight of the cluster's probability."""
        found = []
        for weight in CLUSTER_WEIGHTS:
            self.cluster_weight = weight
            found.append(quality())
        self.cluster_weight = CLUSTER_WEIGHTS[int(np.argmax(found))]

    def tuned(self) -> dict[str, float]:
        return {"cluster_weight": float(self.cluster_weight)}

    def set_tuned(self, values: dict[str, float]) -> None:
        self.cluster_weight = values["cluster_weight"]

    def branches(self) -> list[Callable[[Tensor], Tensor]]:
        return [self.extreme, self.meta]

    def start_labels(self, labels: Tensor, weight: Tensor, bias: Tensor, means: Any) -> Tensor:
        clusters = self._choose_clusters(means[1], labels.cpu().numpy())
        old = started_rows(len(self.cluster_of), labels)
        all_clusters = take_rows(self.cluster_of, old)
        all_clusters[labels] = torch.as_tensor(clusters).to(all_clusters)
        position_of, device = self.position_of, self.weight.device
        self.set_clusters(all_clusters.cpu().numpy())
        for name, buffer in list(self.named_buffers(recurse=False)):
            self.register_buffer(name, buffer.to(device))
        kept = old[self.label_at]
        source = torch.where(kept < 0, -1, position_of[kept.clamp(min=0)])
        tables = []
        for table, values in ((self.weight, weight), (self.bias, bias[:, None])):
            moved = take_rows(table.data, source)
            moved[self.position_of[labels]] = values.to(moved.dtype)
            tables.append(nn.Parameter(moved))
        self.weight, self.bias = tables
        return source

    def _choose_clusters(self, features: Tensor, labels: np.ndarray) -> np.ndarray:
        """Meta-label (m,) of labels to start: the best one by the meta-classifier that has room."""
        n_clusters = len(self.meta_weight)
        cluster_of = self.cluster_of.cpu().numpy()
        known = labels < len(cluster_of)
        sizes = np.bincount(cluster_of, minlength=n_clusters)
        n_labels = max(len(cluster_of), labels.max() + 1)
        room = max(sizes.max(), 2 * -(-n_labels // n_clusters))
        chosen = np.empty(len(labels), dtype=np.int64)
        with torch.no_grad():
            for i in range(len(labels)):
                logits = torch.addmv(self.meta_bias, self.meta_weight, features[i])
                ranked = logits.topk(min(CLUSTERS_TRIED, n_clusters)).indices.cpu().numpy()
                if known[i]:
                    old = cluster_of[labels[i]]
                    if sizes[old] == 1:
                        chosen[i] = old
                        continue
                    sizes[old] -= 1
                free = ranked[sizes[ranked] < room]
                chosen[i] = free[0] if len(free) else sizes.argmin()
                sizes[chosen[i]] += 1
        return chosen

    # -- training ------------------------------------------------------------------------------

    def loss(self, h: Tensor, rows: Tensor, columns: Tensor, row_weight: Tensor) -> Tensor:
        """Sum of the losses of both classifiers over one batch."""
        if runs_ahead(h.device):
            return sync_loss(self, h, Positives(rows, columns, row_weight))
        r = self.of_all_rows(self.meta(h), len(row_weight))
        n_clusters = len(self.meta_weight)
        pairs = torch.unique(rows * n_clusters + self.cluster_of[columns])
        true_rows, true_clusters = pairs // n_clusters, pairs % n_clusters
        k = min(self.beam_size, n_clusters)
        truth = (true_rows, true_clusters, row_weight)
        if self.samples_clusters or self.peers is not None:
            meta_loss, best = self._meta_loss(r, *truth, k)
        else:
            meta = (r, self.meta_weight, self.meta_bias)
            meta_loss, best = one_vs_all_loss_and_best(*meta, *truth, k=k)
            best = self._pairs(best).flatten()
        own = self._shortlist(best, true_rows, true_clusters)
        extreme_loss = self._extreme_loss(
            h.detach() if self.detached else h, own, rows, columns, row_weight
        )
        return extreme_loss + self.meta_loss_weight * meta_loss

    @property
    def clusters_a_step(self) -> int:
        """Clusters of whose losses a step computes about as many, at most."""
        if self.max_negatives is None:
            return len(self.meta_weight)
        return max(1, self.max_negatives // EASY_SHARE)

    def _meta_loss(
        self, r: Tensor, rows: Tensor, clusters: Tensor, row_weight: Tensor, k: int
    ) -> tuple[Tensor, Tensor]:
        """Loss of the meta-classifier, on sampled clusters if so, and the best of all.

        The best are pairs row * n_clusters + cluster: k a row, or those of them that are held here.
        """
        h = r.detach().to(product_dtype(self.meta_weight))
        z = logits_of(h, self.meta_weight, self.meta_bias)
        values, best = largest(z, k)
        kept = None if self.peers is None else self.peers.among_best(values, self.beam_size)
        pairs = self._pairs(best)
        pairs = pairs.flatten() if kept is None else pairs[kept]
        truth = (rows, clusters, row_weight)
        if not self.samples_clusters:
            tables = (self.meta_weight, self.meta_bias)
            return one_vs_all_loss(r, *tables, *truth, logits=z), pairs
        hard = torch.unique(torch.cat([clusters, (best if kept is None else best[kept]).flatten()]))
        scored, weight = sample_others(
            hard,
            len(self.meta_weight),
            self.clusters_a_step,
            self.bias.dtype,
            self.generator,
        )
        loss = one_vs_all_loss(
            r,
            gather_rows(self.meta_weight, scored, distinct=True),
            gather_rows(self.meta_bias, scored, distinct=True),
            rows,
            torch.searchsorted(scored, clusters),
            row_weight,
            column_weight=weight,
            logits=z.index_select(1, scored),
        )
        return loss, pairs

    def _pairs(self, clusters: Tensor) -> Tensor:
        """Numbers row * n_clusters + cluster of the clusters (B, k) of every row."""
        row = torch.arange(len(clusters), device=clusters.device)
        return row[:, None] * len(self.meta_weight) + clusters

    def _shortlist(self, best: Tensor, true_rows: Tensor, true_clusters: Tensor) -> Tensor:
        """Pairs row * n_clusters + cluster of the shortlists, sorted and distinct.

        The best pairs and, under teacher forcing, the true ones.
        """
        if self.teacher_forcing:
            best = torch.cat([best, true_rows * len(self.meta_weight) + true_clusters])
        return torch.unique(best)

    def _extreme_loss(
        self, h: Tensor, own: Tensor, rows: Tensor, columns: Tensor, row_weight: Tensor
    ) -> Tensor:
        n_clusters = len(self.meta_weight)
        clusters = torch.unique(own % n_clusters)
        positions = self._positions(clusters)
        if not len(positions):  # the other ranks have the whole shortlist
            rows, columns = rows[:0], columns[:0]
        wanted = self.position_of[columns]
        found = torch.searchsorted(positions, wanted).clamp_(max=len(positions) - 1)
        inside = positions[found] == wanted  # all, unless teacher forcing is off
        rows, found = rows[inside], found[inside]
        mask = None
        if not self.share_negatives:
            shape = len(row_weight), len(clusters)
            chosen = torch.zeros(*shape, dtype=torch.bool, device=h.device)
            chosen[own // n_clusters, torch.searchsorted(clusters, own % n_clusters)] = True
            sizes = self.starts[clusters + 1] - self.starts[clusters]
            mask = chosen.repeat_interleave(sizes, dim=1)
            keep = mask[rows, found]
            rows, found = rows[keep], found[keep]
        column_weight = None
        if self.max_negatives is not None and len(positions) > self.max_negatives:
            scored, column_weight = sample_others(
                torch.unique(found),
                len(positions),
                self.max_negatives,
                self.bias.dtype,
                self.generator,
            )
            positions, found = positions[scored], torch.searchsorted(scored, found)
            mask = None if mask is None else mask[:, scored]
        return one_vs_all_loss(
            self.of_all_rows(self.extreme(h), len(row_weight)),
            gather_rows(self.weight, positions, distinct=True),
            gather_rows(self.bias, positions, distinct=True).squeeze(1),
            rows,
            found,
            row_weight,
            mask,
            column_weight,
        )

    def _positions(self, clusters: Tensor) -> Tensor:
        """Positions of every label of sorted clusters, ascending."""
        start = self.starts[clusters]
        sizes = self.starts[clusters + 1] - start
        first = torch.cumsum(sizes, 0) - sizes
        n = int(sizes.sum())
        return (start - first).repeat_interleave(sizes) + torch.arange(n, device=start.device)

    # -- prediction ----------------------------------------------------------------------------

    def shortlist(self, h: Tensor, beam: int | None = None) -> tuple[Tensor, Tensor]:
        """Log-probabilities (B, K) and clusters (B, K) of the shortlist, in any order."""
        z = logits_of(self.meta(h), self.meta_weight, self.meta_bias)
        z, clusters = largest(z, beam or self.predict_beam_size, sort=False)
        return F.logsigmoid(z), clusters

    def candidates(self, h: Tensor, beam: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Extreme logits, cluster log-probabilities and labels (B, K * s); -1 is no label."""
        cluster_score, clusters = self.shortlist(h, beam)
        positions = self.members[clusters].flatten(1)
        known = positions.clamp(min=0)
        shared = clusters.numel() >= ROWS_A_CLUSTER * len(self.meta_weight)
        r = self.extreme(h)
        if shared and h.device.type == "cpu":
            z = self._by_cluster(r, clusters)
        else:
            z = self._by_row(r, known)
        z = z + self.bias[:, 0].index_select(0, known.flatten()).view(z.shape)
        labels = torch.where(positions >= 0, self.label_at[known], -1)
        return z, cluster_score.repeat_interleave(self.members.shape[1], dim=1), labels

    def _by_row(self, r: Tensor, positions: Tensor) -> Tensor:
        """Products (B, K * s) of features (B, D) with the labels at positions (B, K * s)."""
        parts = []
        step = max(1, GATHER_BUDGET // (positions.shape[1] * r.shape[1]))
        for p, own in zip(positions.split(step), r.split(step), strict=True):
            # this side first: a product with one column is many times slower
            z = torch.bmm(own.unsqueeze(1), self._vectors(p, r.dtype).transpose(1, 2))
            parts.append(z.squeeze(1))
        return torch.cat(parts)

    def _by_cluster(self, r: Tensor, clusters: Tensor) -> Tensor:
        """Products (B, K * s) of features (B, D) with the labels of clusters (B, K).

        Reads the label vectors once a batch instead of once a row.
        """
        b, k = clusters.shape
        flat = clusters.flatten()
        n_rows = flat.bincount(minlength=len(self.members))
        n_slots = round_up(n_rows)
        # clusters of equally many slots stand together, for one batched product; their order is
        # that of the pairs, and slots that stay unused repeat the first row
        found = n_slots.argsort(stable=True)[int((n_rows == 0).sum()) :]
        order = (n_slots[flat] * len(n_slots) + flat).argsort(stable=True)
        unused = n_slots[found] - n_rows[found]
        before = (unused.cumsum(0) - unused).repeat_interleave(n_rows[found])
        slot = torch.arange(len(flat), device=flat.device) + before
        row = flat.new_zeros(int(n_slots.sum()))
        row[slot] = order // k
        members = self.members.clamp(min=0)
        step = max(1, GATHER_BUDGET // (members.shape[1] * r.shape[1]))
        sizes, n_alike = n_slots[found].unique_consecutive(return_counts=True)
        at, parts = 0, []
        for n, alike in zip(sizes.tolist(), found.split(n_alike.tolist()), strict=True):
            for some in alike.split(step):
                vectors = self._vectors(members[some], r.dtype)
                own = r.index_select(0, row[at : at + n * len(some)]).view(len(some), n, -1)
                at += n * len(some)
                parts.append(torch.bmm(own, vectors.transpose(1, 2)).flatten(0, 1))
        z = torch.cat(parts).index_select(0, slot)
        return torch.empty_like(z).index_copy_(0, order, z).view(b, -1)

    def _vectors(self, positions: Tensor, dtype: torch.dtype) -> Tensor:
        """Label vectors (n, m, D) at positions (n, m)."""
        gathered = self.weight.index_select(0, positions.flatten())
        return gathered.view(*positions.shape, -1).to(dtype)

    def topk(
        self, h: Tensor, k: int, n_first: int | None = None, beam: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Log-odds (B, k), best first, and labels (B, k); -1 with -inf is no label.

        The probability is ``p(label) * p(cluster) ** w``, with w = ``cluster_weight``.
        """
        score, labels = self._scores(h, beam)
        n_labels = len(self.cluster_of)
        if n_first is None or n_first == n_labels:
            score, place = largest(score, k)
            return _log_odds(score), labels.gather(1, place)
        parts = []
        for other, n in ((labels >= n_first, n_first), (labels < n_first, n_labels - n_first)):
            best, place = largest(score.masked_fill(other, -torch.inf), min(k, n))
            label = labels.gather(1, place).masked_fill(best == -torch.inf, -1)
            parts.append((_log_odds(best), label))
        return torch.cat([p[0] for p in parts], 1), torch.cat([p[1] for p in parts], 1)

    def _scores(self, h: Tensor, beam: int | None = None) -> tuple[Tensor, Tensor]:
        """Log-probabilities and labels of the shortlists; -inf with -1 is no label."""
        z, cluster_score, labels = self.candidates(h, beam)
        score = F.logsigmoid(z) + self.cluster_weight * cluster_score
        return score.masked_fill(labels < 0, -torch.inf), labels


def _log_odds(log_probability: Tensor) -> Tensor:
    return log_probability - torch.log1p(-log_probability.exp().clamp(max=1 - 1e-6))


def build(
    config: NetworkConfig, labels: LabelStatistics, generator: torch.Generator | None
) -> SyncHead:
    """The head of a network."""
    own: Any = config.head
    assert labels.clusters is not None
    return SyncHead(
        config.n_features,
        config.width,
        labels.clusters,
        labels.counts,
        labels.n_rows,
        beam_size=own.beam_size,
        predict_beam_size=own.predict_beam_size,
        dropout=config.dropout,
        classifier_dropout=own.classifier_dropout,
        meta_dropout=own.meta_dropout,
        meta_loss_weight=own.meta_loss_weight,
        teacher_forcing=own.teacher_forcing,
        share_negatives=own.share_negatives,
        synchronized=own.synchronized,
        max_negatives=own.max_negatives,
        true_cluster_counts=labels.cluster_counts,
        generator=generator,
    )
