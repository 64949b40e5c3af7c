"""What happens around a training step: schedule, guards, progress."""

from __future__ import annotations

import math
import sys
from typing import Any

import torch
from skorch.callbacks import Callback
from tqdm import tqdm

from sk_inceptionxml.exceptions import DivergenceError

WARMUP_SHARE = 0.3
START_FACTOR, END_FACTOR = 0.1, 1e-4


def one_cycle(progress: float) -> float:
    """Factor of the learning rate at ``progress`` in [0, 1]: cosine up, then cosine down."""
    if progress < WARMUP_SHARE:
        rise = 0.5 * (1 - math.cos(math.pi * progress / WARMUP_SHARE))
        return START_FACTOR + (1 - START_FACTOR) * rise
    fall = 0.5 * (1 + math.cos(math.pi * (progress - WARMUP_SHARE) / (1 - WARMUP_SHARE)))
    return END_FACTOR + (1 - END_FACTOR) * fall


class OneCycle(Callback):
    """One-cycle learning rate on every optimiser of the net (Smith, 2018).

    Parameters
    ----------
    n_epochs : int
        Epochs of the whole cycle.
    """

    def __init__(self, n_epochs: int) -> None:
        self.n_epochs = n_epochs

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        self.step_ = 0
        self.n_steps_ = self.n_epochs * len(net.get_iterator(X, training=True))
        self.groups_ = [
            (group, group["lr"])
            for optimizer in (net.optimizer_, net.optimizer_sparse_)
            for group in optimizer.param_groups
        ]

    def on_batch_begin(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        factor = one_cycle(min(1.0, self.step_ / max(1, self.n_steps_)))
        self.step_ += 1
        for group, lr in self.groups_:
            group["lr"] = lr * factor

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        for group, lr in self.groups_:
            group["lr"] = lr


class DetachSchedule(Callback):
    """The extreme classifier's gradient stays out of the encoder for the first epochs."""

    def __init__(self, n_epochs: int) -> None:
        self.n_epochs = n_epochs

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        net.module_.head.detached = len(net.history) <= self.n_epochs


class NonFiniteGuard(Callback):
    """Stop with a clear error where skorch would train on without a word."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        self.batch_ = 0

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        self.batch_ = 0

    def on_grad_computed(self, net: Any, **kwargs: Any) -> None:
        self.batch_ += 1

    def on_batch_end(
        self, net: Any, loss: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        if training and not bool(torch.isfinite(loss)):
            raise DivergenceError(
                f"the loss became {loss.item()} in epoch {len(net.history)}, batch {self.batch_}: "
                "the learning rate is too high (lower lr or label_lr) or X, sample_weight or "
                "embeddings hold extreme values."
            )

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        for name, value in net.module_.state_dict().items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                raise DivergenceError(
                    f"training left {name} with NaN or infinity: the learning rate is too high "
                    "(lower lr or label_lr) or X, sample_weight or embeddings hold extreme values."
                )


class Progress(Callback):
    """Progress bar over the whole fit with loss and throughput, on standard error."""

    def __init__(self, n_epochs: int) -> None:
        self.n_epochs = n_epochs

    def on_train_begin(self, net: Any, X: Any = None, **kwargs: Any) -> None:
        n_rows = self.n_epochs * len(X)
        seldom = 0.5 if sys.stderr.isatty() else 10.0  # seconds; a log file needs few lines
        self.bar_ = tqdm(
            total=n_rows, unit="row", file=sys.stderr, dynamic_ncols=True, mininterval=seldom
        )

    def on_batch_end(
        self, net: Any, batch: Any = None, loss: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        self.bar_.update(len(batch[0]["ids"]))
        self.bar_.set_postfix(epoch=len(net.history), loss=f"{loss.item():.2f}", refresh=False)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        self.bar_.close()
