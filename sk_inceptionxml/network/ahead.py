"""SyncXML's loss on a device that the host runs ahead of, in shapes that are known beforehand.

On a GPU the host only queues operators. One whose result has as many elements as the data say
(distinct numbers, places of a mask) makes it wait until the queue is empty. So here a bound takes
the place of the number, and what is beyond has weight 0. Losses and gradients are those of
``SyncHead.loss``; sampled negatives have the same expectation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from sk_inceptionxml.network.layers import gather_rows
from sk_inceptionxml.network.losses import largest, logits_of, one_vs_all_loss, product_dtype


class Positives(NamedTuple):
    """Positive labels of a batch: rows, columns and weights of the rows, as ``loss`` takes them."""

    rows: Tensor
    columns: Tensor
    row_weight: Tensor


class Slots(NamedTuple):
    """Places of labels that a step scores.

    Parameters
    ----------
    position : Tensor of shape (n,), int64
        Of the label in the table; -1 where a slot is empty.
    cluster : Tensor of shape (n,), int64
    found : Tensor of shape (n_positives,), int64
        Slot of every positive, any where it has none.
    """

    position: Tensor
    cluster: Tensor
    found: Tensor


class Sampled(NamedTuple):
    """Columns that are scored, sorted, and the weights of their losses; 0 leaves one out."""

    columns: Tensor
    weight: Tensor


def marked(n: int, index: Tensor, on: Tensor | None = None) -> Tensor:
    """Which of n numbers occur in ``index``, where ``on``."""
    ones = torch.ones_like(index, dtype=torch.float32) if on is None else on.float()
    counts = torch.zeros(n, dtype=torch.float32, device=index.device)
    return counts.index_add_(0, index.flatten(), ones.flatten()) > 0


def first_of_equals(keys: Tensor) -> Tensor:
    """True for one of each group of equal numbers."""
    ordered, order = keys.sort(stable=True)
    first = torch.ones_like(keys, dtype=torch.bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return torch.empty_like(first).scatter_(0, order, first)


def sample_marked(
    kept: Tensor,
    known: Tensor,
    most_kept: int,
    most: int,
    dtype: torch.dtype,
    generator: torch.Generator | None,
) -> Sampled:
    """Some of n columns, as ``sample_others``, of a number that does not depend on the data.

    Parameters
    ----------
    kept, known : Tensor of shape (n,), bool
        Columns that have to be among them, and those that may be.
    most_kept : int
        Bound on the number of the kept ones.
    most : int
        Columns wanted.
    """
    n = len(kept)
    n_drawn = min(n, max(most, min(most_kept, n) + max(most // 4, 1)))
    known = known | kept
    if n_drawn == n:
        return Sampled(torch.arange(n, device=kept.device), known.to(dtype))
    key = torch.rand(n, generator=generator, device=kept.device)
    key = key + 2.0 * kept - 2.0 * ~known
    columns = key.topk(n_drawn, sorted=False).indices.sort().values
    n_kept = kept.sum()
    n_others = known.sum() - n_kept
    share = n_others / torch.minimum(n_drawn - n_kept, n_others).clamp(min=1)
    weight = torch.where(kept, 1.0, share.to(dtype) * known)
    return Sampled(columns, weight.to(dtype).index_select(0, columns))


def sync_loss(head: Any, h: Tensor, y: Positives) -> Tensor:
    """Sum of the losses of both classifiers of a ``SyncHead`` over one batch."""
    n_rows, n_clusters = len(y.row_weight), len(head.meta_weight)
    own = head.cluster_of[y.columns]
    meta_loss, best, kept = _meta_loss(head, h, y, own)
    true = own if head.teacher_forcing else own[:0]
    chosen = marked(n_clusters, best, kept) | marked(n_clusters, true)
    slots = _slots(head, chosen, best.numel() + len(true), y.columns, own)
    right, mask = chosen[own], None
    if not head.share_negatives:
        base = torch.arange(n_rows, device=h.device)[:, None] * n_clusters
        pairs = torch.cat([(base + best).flatten(), (y.rows * n_clusters + own)[: len(true)]])
        on = torch.ones_like(best, dtype=torch.bool) if kept is None else kept
        on = torch.cat([on.flatten(), torch.ones_like(true, dtype=torch.bool)])
        mask = marked(n_rows * n_clusters, pairs, on).view(n_rows, n_clusters)
        right = right & mask[y.rows, own]
    known = (slots.position >= 0) & chosen[slots.cluster]
    extreme_loss = _extreme_loss(head, h, y, slots, known, right, mask)
    return extreme_loss + head.meta_loss_weight * meta_loss


def _meta_loss(
    head: Any, h: Tensor, y: Positives, own: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Loss of the meta-classifier, clusters (B, k) of each row, and which of them count if so."""
    n_clusters = len(head.meta_weight)
    r = head.of_all_rows(head.meta(h), len(y.row_weight))
    one = first_of_equals(y.rows * n_clusters + own)  # a row counts once for a cluster
    z = logits_of(r.detach().to(product_dtype(head.meta_weight)), head.meta_weight, head.meta_bias)
    values, best = largest(z, head.beam_size)
    kept = None if head.peers is None else head.peers.among_best(values, head.beam_size)
    if not head.samples_clusters:
        tables = head.meta_weight, head.meta_bias
        loss = one_vs_all_loss(r, *tables, y.rows, own, y.row_weight, logits=z, positive_weight=one)
        return loss, best, kept
    hard = marked(n_clusters, own) | marked(n_clusters, best, kept)
    scored, weight = sample_marked(
        hard,
        torch.ones_like(hard),
        len(own) + best.numel(),
        head.clusters_a_step,
        head.bias.dtype,
        head.generator,
    )
    loss = one_vs_all_loss(
        r,
        gather_rows(head.meta_weight, scored),
        gather_rows(head.meta_bias, scored),
        y.rows,
        torch.searchsorted(scored, own),
        y.row_weight,
        column_weight=weight,
        logits=z.index_select(1, scored),
        positive_weight=one,
    )
    return loss, best, kept


def _slots(head: Any, chosen: Tensor, most: int, columns: Tensor, own: Tensor) -> Slots:
    """Slots of the labels of the chosen clusters, which are ``most`` or fewer."""
    position = head.position_of[columns]
    n_clusters, size = head.members.shape
    if most * size >= len(head.label_at) or most >= n_clusters:
        every = torch.arange(len(head.label_at), device=columns.device)
        return Slots(every, head.cluster_of[head.label_at], position)
    some = chosen.float().topk(most, sorted=False).indices.sort().values
    place = torch.searchsorted(some, own).clamp(max=most - 1)
    cluster = some[:, None].expand(-1, size).flatten()
    found = place * size + position - head.starts[own]
    return Slots(head.members[some].flatten(), cluster, found)


def _extreme_loss(
    head: Any,
    h: Tensor,
    y: Positives,
    slots: Slots,
    known: Tensor,
    right: Tensor,
    mask: Tensor | None,
) -> Tensor:
    n_slots, dtype = len(known), head.bias.dtype
    positions, found, cluster = slots.position, slots.found, slots.cluster
    most = n_slots if head.max_negatives is None else head.max_negatives
    if n_slots > most:
        kept = marked(n_slots, found, right)
        sampled = sample_marked(kept, known, len(found), most, dtype, head.generator)
        scored, weight = sampled
        positions, cluster = positions[scored], cluster[scored]
        found = torch.searchsorted(scored, found).clamp(max=len(scored) - 1)
    else:
        weight = known.to(dtype)
    # slots of weight 0 share the row of another one: the rows of their own are left alone
    other = positions.index_select(0, weight.argmax().view(1)).clamp(min=0)
    positions = torch.where(weight > 0, positions, other)
    return one_vs_all_loss(
        head.of_all_rows(head.extreme(h.detach() if head.detached else h), len(y.row_weight)),
        gather_rows(head.weight, positions),
        gather_rows(head.bias, positions).squeeze(1),
        y.rows,
        found,
        y.row_weight,
        None if mask is None else mask[:, cluster],
        column_weight=weight,
        positive_weight=right,
    )
