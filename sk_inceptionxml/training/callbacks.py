"""What happens around a training step: schedule, guards, progress, validation, early stops."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import torch
from skorch.callbacks import Callback
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import tqdm

from sk_inceptionxml.exceptions import DivergenceError
from sk_inceptionxml.network.layers import runs_ahead

from .log import QUALITY, best_epoch

WARMUP_SHARE = 0.3
SELDOM = 50  # batches after which the host asks a device that it runs ahead of
START_FACTOR, END_FACTOR = 0.1, 1e-4  # of the highest learning rate


class OneCycle(Callback):
    """One-cycle learning rate on every optimiser of the net (Smith, 2018), by torch's scheduler.

    Parameters
    ----------
    n_epochs : int
        Epochs of the whole cycle.
    n_done : int, default=0
        Epochs that an earlier training has done of it.
    """

    def __init__(self, n_epochs: int, n_done: int = 0) -> None:
        self.n_epochs = n_epochs
        self.n_done = n_done

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        n_batches = len(net.get_iterator(X, training=True))
        self.groups_, self.schedulers_ = [], []
        for optimizer in (net.optimizer_, net.optimizer_sparse_):
            for group in optimizer.param_groups:
                lr = group["lr"]
                self.groups_.append((group, lr))
                # what the scheduler sets itself, unless it starts in the middle of a cycle
                group |= {"initial_lr": lr * START_FACTOR, "max_lr": lr, "min_lr": lr * END_FACTOR}
            scheduler = OneCycleLR(
                optimizer,
                [group["max_lr"] for group in optimizer.param_groups],
                total_steps=max(2, self.n_epochs * n_batches),
                pct_start=WARMUP_SHARE,
                div_factor=1 / START_FACTOR,
                final_div_factor=START_FACTOR / END_FACTOR,
                cycle_momentum=False,
                last_epoch=self.n_done * n_batches - 1,
            )
            self.schedulers_.append(scheduler)

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        for scheduler in self.schedulers_:
            if training and scheduler.last_epoch + 1 < scheduler.total_steps:
                scheduler.step()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        for group, lr in self.groups_:
            group["lr"] = lr
        self.groups_, self.schedulers_ = [], []  # a fitted estimator need not carry them


class HeadSchedule(Callback):
    """Tells the head which epoch begins."""

    def __init__(self, n_epochs: int) -> None:
        self.n_epochs = n_epochs

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        net.module_.head.begin_epoch(len(net.history), self.n_epochs)


class NonFiniteGuard(Callback):
    """Stop with a clear error where skorch would train on without a word.

    Watches the loss and, before the optimisers use them, the gradients of word vectors and of
    every layer; those of the label vectors pass through the layer below. Weights are looked at
    once an epoch. Where the host runs ahead of the device, it asks only now and then.
    """

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        self.batch_ = 0
        self.ahead_ = runs_ahead(net.module_.device)
        labels = {id(p) for p in net.module_.label_parameters()}
        self.watched_ = [(k, p) for k, p in net.module_.named_parameters() if id(p) not in labels]

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        self.batch_ = 0
        self.first_bad_ = torch.zeros((), dtype=torch.int64, device=net.module_.device)

    def on_grad_computed(self, net: Any, **kwargs: Any) -> None:
        self.batch_ += 1
        gradients = [(k, p.grad) for k, p in self.watched_ if p.grad is not None]
        with torch.no_grad():
            if self.ahead_:
                self._note(_finite_sums([g for _, g in gradients]))
                return
            bad = _not_finite(gradients)
        if bad is not None:
            self._stop(net, f"the gradient of {bad} is not finite")

    def on_batch_end(
        self, net: Any, loss: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        if training and self.ahead_:
            self._note(torch.isfinite(loss.detach()))
            if self.batch_ % SELDOM == 0:
                self._ask(net)
        elif training and not bool(torch.isfinite(loss)):
            self._stop(net, f"the loss became {loss.item()}")

    def _note(self, finite: Tensor) -> None:
        known = finite | (self.first_bad_ > 0)
        self.first_bad_ = torch.where(known, self.first_bad_, self.batch_)

    def _ask(self, net: Any) -> None:
        first = int(self.first_bad_)
        if first:
            self.batch_ = first
            self._stop(net, "the loss or a gradient is not finite")

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        if self.ahead_:
            self._ask(net)
        with torch.no_grad():
            bad = _not_finite(
                (k, v) for k, v in net.module_.state_dict().items() if v.is_floating_point()
            )
        if bad is not None:
            self._stop(net, f"{bad} is not finite any more")

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        self.watched_ = []
        self.first_bad_ = torch.zeros((), dtype=torch.int64)

    def _stop(self, net: Any, what: str) -> NoReturn:
        raise DivergenceError(
            f"{what} in epoch {len(net.history)}, batch {self.batch_}: "
            "the learning rate is too high (lower lr or label_lr) or X, sample_weight or "
            "embeddings hold extreme values."
        )


def _not_finite(tensors: Iterable[tuple[str, Tensor]]) -> str | None:
    """Name of a tensor that holds NaN or infinity, if there is one."""
    dense = [(k, t._values() if t.is_sparse else t) for k, t in tensors]
    if bool(_finite_sums([t for _, t in dense])):
        return None
    return next((k for k, t in dense if not bool(torch.isfinite(t).all())), None)


def _finite_sums(tensors: list[Tensor]) -> Tensor:
    """Whether all sums are finite: they pass NaN and infinity on, at one read and no copy.

    Sums of large numbers may also overflow.
    """
    sums = [(t._values() if t.is_sparse else t).sum() for t in tensors]
    return torch.isfinite(torch.stack(sums)).all()


class Validation(Callback):
    """nDCG@5 on held-out rows after every epoch; the best epoch's weights come back at the end.

    Parameters
    ----------
    measure : callable
        Takes the module, in evaluation mode, and gives its nDCG@5.
    keep_best : bool
        Whether the weights of the best epoch are kept and restored.
    best : dict of str to Tensor, or None
        Weights of the best epoch of an earlier training that goes on.
    """

    def __init__(
        self,
        measure: Callable[[Any], float] | None,
        keep_best: bool,
        best: dict[str, Tensor] | None = None,
    ) -> None:
        self.measure = measure
        self.keep_best = keep_best
        self.best = best

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        if self.measure is None:
            return
        net.history.record(QUALITY, self.measure(net.module_.eval()))
        found = best_epoch(net.history)
        if self.keep_best and found is not None and found[0] == len(net.history):
            self.best = {k: v.clone() for k, v in net.module_.state_dict().items()}

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        if self.best is not None:
            net.module_.load_state_dict(self.best)
        self.best = self.measure = None  # a fitted estimator need not carry them


class SaveState(Callback):
    """Save the state before the first epoch and after every one.

    Parameters
    ----------
    save : callable
        Takes the net.
    """

    def __init__(self, save: Callable[[Any], None] | None) -> None:
        self.save = save

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        if not net.history:
            self._save(net)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self._save(net)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        self.save = None

    def _save(self, net: Any) -> None:
        if self.save is not None:
            self.save(net)


class StopEarly(Callback):
    """End the training after some epochs in a row without a new best nDCG@5.

    Epochs in which the learning rate still rises do not count. With few rows, a network learns
    little more than the frequent labels in them, and its nDCG@5 only wavers. The ``EarlyStopping``
    of skorch counts them, and knows nothing of a training that goes on.

    Parameters
    ----------
    patience : int
        Epochs without improvement.
    n_epochs : int
        Epochs of the whole learning-rate cycle.
    """

    def __init__(self, patience: int, n_epochs: int) -> None:
        self.patience = patience
        self.n_rising = int(WARMUP_SHARE * n_epochs)
        self.stopped = False

    def is_due(self, net: Any) -> bool:
        """Whether the epoch that ends is the last."""
        found = best_epoch(net.history)
        if found is None:
            return False
        return len(net.history) - max(found[0], self.n_rising) >= self.patience

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        if self.is_due(net):
            self.stopped = True
            raise KeyboardInterrupt  # by which skorch ends a training


class Progress(Callback):
    """Progress bar over the whole fit with loss and throughput, on standard error."""

    def __init__(self, n_epochs: int, n_done: int = 0) -> None:
        self.n_epochs = n_epochs
        self.n_done = n_done

    def on_train_begin(self, net: Any, X: Any = None, **kwargs: Any) -> None:
        n_rows = self.n_epochs * len(X)
        seldom = 0.5 if sys.stderr.isatty() else 10.0  # seconds; a log file needs few lines
        self.bar_ = tqdm(
            total=n_rows,
            initial=self.n_done * len(X),
            unit="row",
            file=sys.stderr,
            dynamic_ncols=True,
            mininterval=seldom,
        )

    def on_batch_end(
        self, net: Any, batch: Any = None, loss: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        shown = self.bar_.update(len(batch[0]["ids"]))
        if not shown and runs_ahead(loss.device):
            return  # the host would wait for a loss that nobody sees
        epoch = f"{len(net.history)}/{self.n_epochs}"
        self.bar_.set_postfix(epoch=epoch, loss=f"{loss.item():.2f}", refresh=False)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        self.bar_.close()
