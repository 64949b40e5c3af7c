"""Logits of many labels, the largest of them, and the loss.

Losses are sums of binary cross-entropies over labels, averaged over the rows of the batch, so
that neither the step size nor Adam's epsilon depends on the number of labels.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sk_inceptionxml.network.layers import runs_ahead

# MKL takes up to half longer for the products of many rows with many thousands of labels at once,
# and several times longer for those of few
LABELS_AT_ONCE, MANY_ROWS = 1024, 64
CAST_BUDGET = 1 << 24  # numbers of half-precision label vectors cast at once, 64 MB
MANY_COLUMNS, BLOCK = 2048, 8  # from as many on, the largest are sought among blocks first
LABEL_CHUNK = 1 << 24  # logits of one chunk, at most 64 MB in float32
LABEL_CHUNK_AHEAD = 1 << 27  # on a GPU, 512 MB: few large operators instead of many


class _OneVsAllLoss(torch.autograd.Function):
    """Sum over labels of the binary cross-entropy, with its gradient formed in the forward pass.

    The gradient of the logits is ``sigmoid(z) - y`` (Renee, MLSys 2023, calls it skip-loss): no
    (B, L) target and no autograd graph over (B, L); logits exist one chunk of labels at a time.
    The second output are the ``k`` labels of the largest logits.
    """

    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx,
        h,
        weight,
        bias,
        rows,
        columns,
        row_weight,
        mask,
        k,
        column_weight,
        logits,
        positive_weight,
        dtype,
    ):
        n, n_labels = len(h), len(weight)
        kind, h = h.dtype, h.to(dtype)  # of the products of matrices; sums are in that of the bias
        ahead = runs_ahead(h.device)
        step = max(1, (LABEL_CHUNK_AHEAD if ahead else LABEL_CHUNK) // n)
        loss = bias.new_zeros(())
        grad_h = torch.zeros_like(h, dtype=bias.dtype)
        grad_w = torch.empty_like(weight)
        grad_b = torch.empty_like(bias)
        best = []
        for start in range(0, n_labels, step):
            stop = min(start + step, n_labels)
            w = weight[start:stop].to(dtype)
            z = logits_of(h, w, bias[start:stop]) if logits is None else logits[:, start:stop]
            if k:
                value, label = largest(z, k)
                best.append((value, label + start))
            r, c, y = rows, columns, positive_weight
            if step < n_labels:
                inside = (columns >= start) & (columns < stop)
                if ahead:  # the number of those inside is not known here
                    c = (columns - start).clamp(0, stop - start - 1)
                    y = inside if y is None else inside & y
                else:
                    r, c = rows[inside], columns[inside] - start
            g = torch.sigmoid(z)
            positive = z[r, c] if y is None else z[r, c] * y
            terms = F.softplus(z)
            if mask is not None:
                terms *= mask[:, start:stop]
                g *= mask[:, start:stop]
            if column_weight is not None:
                terms *= column_weight[start:stop]
                g *= column_weight[start:stop]
            loss += (terms.sum(1).index_add_(0, r, -positive) * row_weight).sum()
            if y is None:
                g[r, c] -= 1.0
            else:
                g.index_put_((r, c), -y.to(g.dtype), accumulate=True)
            g *= row_weight[:, None]
            torch.sum(g, 0, out=grad_b[start:stop])
            g = g.to(dtype)
            if dtype == grad_h.dtype:
                grad_h.addmm_(g, w)
                torch.mm(g.t(), h, out=grad_w[start:stop])
            else:
                grad_h += g @ w
                grad_w[start:stop] = g.t() @ h
        ctx.save_for_backward(grad_h.to(kind), grad_w, grad_b)
        labels = _best_labels(best, k) if k else rows.new_empty(n, 0)
        ctx.mark_non_differentiable(labels)
        return loss, labels

    @staticmethod
    def backward(ctx, grad, _):  # type: ignore[no-untyped-def]
        grad_h, grad_w, grad_b = ctx.saved_tensors
        return grad_h * grad, grad_w.mul_(grad), grad_b.mul_(grad), *[None] * 9


@torch.no_grad()
def logits_of(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``h @ weight.T + bias`` (B, M) in the precision of the bias, for features h (B, D).

    Label vectors (M, D) of another precision than h are cast, never all of them at once.
    """
    z = bias.new_empty(len(h), len(weight))
    step = max(1, len(weight))
    if weight.dtype != h.dtype:
        step = max(1, CAST_BUDGET // weight.shape[1])
    few = h.device.type == "cpu" and len(h) < MANY_ROWS
    if h.device.type == "cpu" and not few:
        step = min(step, LABELS_AT_ONCE)
    for start in range(0, len(weight), step):
        some = slice(start, start + step)
        w = weight[some].to(h.dtype)
        if few:
            torch.add(_products_of_few(h, w), bias[some], out=z[:, some])
        elif h.dtype == bias.dtype:
            torch.addmm(bias[some], h, w.t(), out=z[:, some])
        else:
            torch.add(h @ w.t(), bias[some], out=z[:, some])
    return z


def _products_of_few(h: Tensor, w: Tensor) -> Tensor:
    """``h @ w.T`` by blocks of labels: MKL reads memory several times faster than all at once."""
    n, d = len(w) // LABELS_AT_ONCE, w.shape[1]
    blocks, rest = w[: n * LABELS_AT_ONCE], w[n * LABELS_AT_ONCE :]
    products = torch.bmm(blocks.view(n, LABELS_AT_ONCE, d), h.t().expand(n, -1, -1))
    return torch.cat([products.flatten(0, 1), rest @ h.t()]).t()


def largest(z: Tensor, k: int, sort: bool = True) -> tuple[Tensor, Tensor]:
    """``z.topk(k, dim=1)``; among many columns those of the k blocks with the largest maxima.

    Without ``sort`` in any order.
    """
    n, m = z.shape
    k, n_blocks = min(k, m), m // BLOCK
    if z.device.type != "cpu" or m < MANY_COLUMNS or n_blocks < 2 * k:
        return z.topk(k, dim=1, sorted=sort)
    blocks = z[:, : BLOCK * n_blocks].view(n, BLOCK, n_blocks).amax(1)
    best = blocks.topk(k, dim=1, sorted=False).indices
    member = torch.arange(0, BLOCK * n_blocks, n_blocks, device=z.device)
    rest = torch.arange(BLOCK * n_blocks, m, device=z.device).expand(n, -1)
    columns = torch.cat([(best[:, None] + member[:, None]).view(n, -1), rest], dim=1)
    values, place = z.gather(1, columns).topk(k, dim=1, sorted=sort)
    return values, columns.gather(1, place)


def _best_labels(chunks: list[tuple[Tensor, Tensor]], k: int) -> Tensor:
    """Labels (B, k) of the largest values, from the largest of each chunk."""
    values, labels = (torch.cat(part, dim=1) for part in zip(*chunks, strict=True))
    return labels.gather(1, largest(values, k)[1])


def one_vs_all_loss(
    h: Tensor,
    weight: Tensor,
    bias: Tensor,
    rows: Tensor,
    columns: Tensor,
    row_weight: Tensor,
    mask: Tensor | None = None,
    column_weight: Tensor | None = None,
    logits: Tensor | None = None,
    positive_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of ``h @ weight.T + bias``, summed over labels, weighted over rows.

    Parameters
    ----------
    h : Tensor of shape (B, D)
    weight : Tensor of shape (M, D)
    bias : Tensor of shape (M,)
    rows, columns : Tensor of shape (n_positives,), int64
        Places of the positive entries.
    row_weight : Tensor of shape (B,)
        1 / B for the mean over the batch.
    mask : Tensor of shape (B, M), bool, optional
        Entries that take part; every positive must be one of them.
    column_weight : Tensor of shape (M,), optional
        Weight of every label's terms; 1 where a row is positive.
    logits : Tensor of shape (B, M), optional
        ``h @ weight.T + bias`` where it is known.
    positive_weight : Tensor of shape (n_positives,), bool, optional
        Which of the positive entries count; the others are none.
    """
    truth = (rows, columns, row_weight)
    rest = (mask, 0, column_weight, logits, positive_weight)
    return _loss_and_best(h, weight, bias, *truth, *rest)[0]


def _loss_and_best(h: Tensor, weight: Tensor, bias: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    dtype = product_dtype(weight)
    with torch.autocast(h.device.type, enabled=False):
        out: tuple[Tensor, Tensor] = _OneVsAllLoss.apply(h, weight, bias, *rest, dtype)
    return out


def product_dtype(weight: Tensor) -> torch.dtype:
    """Precision of the products of a table in training."""
    device = weight.device.type
    mixed = torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if mixed else weight.dtype


def one_vs_all_loss_and_best(
    h: Tensor,
    weight: Tensor,
    bias: Tensor,
    rows: Tensor,
    columns: Tensor,
    row_weight: Tensor,
    k: int,
) -> tuple[Tensor, Tensor]:
    """``one_vs_all_loss`` and, from the same logits, the k best labels of each row (B, k)."""
    return _loss_and_best(h, weight, bias, rows, columns, row_weight, None, k, None, None, None)


def prior_logit(counts: Tensor, n_rows: int) -> Tensor:
    """Logit of the smoothed frequency of every label: the bias at which training starts."""
    if counts.is_meta:  # a shape alone, for which torch would import its compiler
        return torch.empty(len(counts), device=counts.device)
    p = ((counts.float() + 0.5) / (n_rows + 1.0)).clamp_(max=0.99)
    return torch.log(p / (1 - p)).clamp_(min=-math.log(1e7))
