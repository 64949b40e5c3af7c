"""The processes of a distributed training, and what they tell each other.

A batch belongs to all ranks: each encodes some of its rows, and scores all of them on its labels.
What differs from a single process are sums over rows and over labels, and these are formed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

LONGEST_WAIT = timedelta(days=7)  # for rank 0, which reads and clusters while the others wait


class Ranks:
    """All processes of torch's default process group.

    Parameters
    ----------
    device : device
        Where this rank trains; the default process group must know it.
    """

    def __init__(self, device: torch.device) -> None:
        self.rank, self.size, self.device = dist.get_rank(), dist.get_world_size(), device
        # large tables, numbers and objects travel between the processors, not the GPUs
        self.talk = dist.new_group(backend="gloo", timeout=LONGEST_WAIT)

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which decides."""
        return self.rank == 0

    # -- within a step: tensors on the device --------------------------------------------------

    def rows(self, n_rows: int) -> slice:
        """The rows of a batch that this rank encodes, perhaps none."""
        share = -(-n_rows // self.size)
        return slice(min(self.rank * share, n_rows), min((self.rank + 1) * share, n_rows))

    def own_rows(self, x: Tensor) -> Tensor:
        """This rank's rows of x, which every rank has; its gradient is that of all rows."""
        own: Tensor = _OwnRows.apply(x, self)
        return own

    def all_rows(self, r: Tensor, n_rows: int) -> Tensor:
        """Rows (n_rows, ...) of all ranks; gradients of all ranks add up in one's own rows."""
        every: Tensor = _AllRows.apply(r, n_rows, self)
        return every

    def among_best(self, values: Tensor, k: int) -> Tensor:
        """Which of this rank's largest values (B, k or fewer) are among the k largest of all."""
        padded = F.pad(values, (0, k - values.shape[1]), value=-torch.inf)
        every = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(every, padded)
        best = torch.cat(every, dim=1).topk(k, dim=1).values
        return values >= best[:, -1:]

    def total(self, x: Tensor) -> Tensor:
        """Sum over the ranks, without a gradient."""
        x = x.detach().clone()
        dist.all_reduce(x)
        return x

    def gather_rows(self, own: Tensor, n_rows: int) -> Tensor:
        """Rows (n_rows, ...) of all ranks, without a gradient."""
        share = -(-n_rows // self.size)
        padded = own.new_zeros(share, *own.shape[1:])
        padded[: len(own)] = own
        every = own.new_empty(self.size * share, *own.shape[1:])
        dist.all_gather(list(every.split(share)), padded)
        return every[:n_rows]

    # -- around the training: objects and tensors of the processor -----------------------------

    def from_first(self, value: Any = None) -> Any:
        """What rank 0 gives, on every rank."""
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self.talk)
        return box[0]

    def one_each(self, values: Sequence[Any] | None = None) -> Any:
        """The item of rank 0's sequence that is this rank's."""
        box = [None]
        dist.scatter_object_list(box, values, src=0, group=self.talk)  # type: ignore[arg-type]
        return box[0]

    def at_first(self, value: Any) -> list[Any] | None:
        """What every rank gives, on rank 0 alone."""
        found = [None] * self.size if self.is_first else None
        dist.gather_object(value, found, dst=0, group=self.talk)
        return found

    def divide(self, whole: Tensor | None, sizes: Sequence[int] | None) -> Tensor:
        """Rank 0's tensor, or, with the number of rows of every rank, this rank's part of it."""
        kind = self.from_first(None if whole is None else (whole.shape, whole.dtype))
        if sizes is None:
            shape, dtype = kind
            if whole is None:
                whole = torch.empty(shape, dtype=dtype)
            whole = whole.detach().cpu().contiguous()
            dist.broadcast(_bytes(whole), src=0, group=self.talk)
            return whole
        if whole is None:
            part = torch.empty(sizes[self.rank], *kind[0][1:], dtype=kind[1])
            dist.recv(_bytes(part), src=0, group=self.talk)
            return part
        parts = whole.detach().cpu().contiguous().split(list(sizes))
        for rank in range(1, self.size):
            dist.send(_bytes(parts[rank]), dst=rank, group=self.talk)
        return parts[0].clone()  # a part would keep the whole in memory

    def join(self, part: Tensor, sizes: Sequence[int]) -> Tensor | None:
        """The parts of all ranks in one tensor, on rank 0 alone."""
        part = part.detach().cpu().contiguous()
        if not self.is_first:
            dist.send(_bytes(part), dst=0, group=self.talk)
            return None
        whole = part.new_empty(sum(sizes), *part.shape[1:])
        parts = whole.split(list(sizes))
        parts[0].copy_(part)
        for rank in range(1, self.size):
            dist.recv(_bytes(parts[rank]), src=rank, group=self.talk)
        return whole


def _bytes(tensor: Tensor) -> Tensor:
    """The memory of a tensor, whose type the transport need not know."""
    return tensor.view(-1).view(torch.uint8)


class _OwnRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, ranks):  # type: ignore[no-untyped-def]
        ctx.n_rows, ctx.ranks = len(x), ranks
        return x[ranks.rows(len(x))].clone()

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        return ctx.ranks.gather_rows(grad, ctx.n_rows), None


class _AllRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx, r, n_rows, ranks):  # type: ignore[no-untyped-def]
        ctx.ranks = ranks
        return ranks.gather_rows(r, n_rows)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        return ctx.ranks.total(grad)[ctx.ranks.rows(len(grad))], None, None


class SumOverRanks(torch.autograd.Function):
    """Sum over the ranks; so is its gradient, since every rank's loss depends on it."""

    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def]
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        total = grad.clone()
        dist.all_reduce(total)
        return total
