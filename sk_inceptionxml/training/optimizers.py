"""Optimisers of the tables that a step touches only in part: word vectors and label vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.adam import adam

from sk_inceptionxml.network.head import take_rows
from sk_inceptionxml.network.layers import runs_ahead

PLAIN: dict[str, Any] = dict(fused=True, amsgrad=False, weight_decay=0.0, maximize=False)


def move_rows(optimizer: Optimizer, old: Tensor, new: Tensor, source: Tensor) -> None:
    """Let an optimiser go on with a table that took the place of another.

    Parameters
    ----------
    optimizer : Optimizer
        Left alone if it does not hold the old table.
    old, new : Parameter
        Tables of n_old and n rows.
    source : Tensor of shape (n,), int64
        Old number of every row; -1 starts without a state.
    """
    for group in optimizer.param_groups:
        group["params"] = [new if p is old else p for p in group["params"]]
    state = optimizer.state.pop(old, None)
    if state:
        optimizer.state[new] = {
            name: take_rows(x, source) if isinstance(x, Tensor) and len(old) in x.shape[:1] else x
            for name, x in state.items()
        }


def _distinct_rows(grad: Tensor) -> tuple[Tensor | None, Tensor]:
    """Sorted rows of a row-sparse gradient and their values; None and a dense one as it is.

    Where the host runs ahead, the first row and its values repeat at the end, so that the number
    of rows is known beforehand.
    """
    if not grad.is_sparse:
        return None, grad
    rows = grad._indices()[0]
    if runs_ahead(grad.device):
        return _summed_rows(rows, grad._values())
    # autograd forgets that a gradient is coalesced, and doing it again would copy every row
    if not (rows[1:] > rows[:-1]).all():
        grad = grad.coalesce()
    return grad._indices()[0], grad._values()


def _summed_rows(rows: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (n,) and the sums of their values (n, ...); the first ones repeat at the end."""
    ordered, order = rows.sort()
    number = torch.zeros_like(ordered)  # of the row among the distinct ones
    number[1:] = (ordered[1:] != ordered[:-1]).cumsum(0)
    sums = torch.zeros_like(values).index_add_(0, number, values.index_select(0, order))
    distinct = torch.zeros_like(ordered).scatter_(0, number, ordered)
    place = torch.arange(len(ordered), device=ordered.device)
    place = torch.where(place <= number[-1:], place, 0)
    return distinct.index_select(0, place), sums.index_select(0, place)


class RowAdam(Optimizer):
    """Adam that reads and writes only the rows with a gradient (as ``SparseAdam``, faster).

    Parameters
    ----------
    params : iterable of Parameter or dict
        Tables, or one number a row. A group may set ``rowwise=True``: row-wise Adagrad, without
        first moment and with one second moment a row (4 bytes a label instead of 8 a weight).
    lr : float, default=1e-3
    betas : pair of float, default=(0.9, 0.999)
    eps : float, default=1e-8
    rowwise : bool, default=False
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        rowwise: bool = False,
    ) -> None:
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, rowwise=rowwise))

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                update = self._adagrad if group["rowwise"] else self._adam
                update(p, *_distinct_rows(p.grad), group)

    def _adagrad(self, p: Tensor, rows: Tensor | None, grad: Tensor, group: dict) -> None:
        state = self.state[p]
        dtype = torch.promote_types(p.dtype, torch.float32)
        if not state:
            state["sum"] = torch.zeros(len(p), dtype=dtype, device=p.device)
        flat = grad.flatten(1) if grad.ndim > 1 else grad[:, None]
        norm = torch.linalg.vector_norm(flat, dim=1, dtype=dtype)  # no table of squares
        power = norm.square() / flat.shape[1]
        total = state["sum"]
        ahead = runs_ahead(p.device)  # rows repeat: what is set stays, what is added would not
        if rows is None:
            total += power
        elif ahead:
            power = power + total.index_select(0, rows)
            total.index_copy_(0, rows, power)
        else:
            power = total.index_add_(0, rows, power).index_select(0, rows)
        scale = group["lr"] / ((total if rows is None else power).sqrt() + group["eps"])
        scale = scale.view(-1, *[1] * (grad.ndim - 1))
        if rows is None:
            p.addcmul_(grad, scale, value=-1)
        elif ahead:
            p.index_copy_(0, rows, p.index_select(0, rows) - (grad * scale).to(p.dtype))
        else:
            p.index_add_(0, rows, (grad * scale).to(p.dtype), alpha=-1)

    def _adam(self, p: Tensor, rows: Tensor | None, grad: Tensor, group: dict) -> None:
        state = self.state[p]
        if not state:
            state["step"] = 0
            state["exp_avg"] = torch.zeros_like(p)
            state["exp_avg_sq"] = torch.zeros_like(p)
        tables = [p, state["exp_avg"], state["exp_avg_sq"]]
        taken = tables if rows is None else [table.index_select(0, rows) for table in tables]
        weight, first, second = ([part] for part in taken)
        before = float(state["step"])
        # filled there: a copy would make the host wait
        steps = [torch.full((), before, dtype=torch.float32, device=p.device)]
        beta1, beta2 = group["betas"]
        options = PLAIN | {"beta1": beta1, "beta2": beta2, "lr": group["lr"], "eps": group["eps"]}
        adam(weight, [grad], first, second, [], steps, **options)  # one pass over the rows
        state["step"] += 1
        if rows is not None:
            for table, part in zip(tables, taken, strict=True):
                table.index_copy_(0, rows, part)
