"""Training through skorch: two optimisers on one backward pass, length-bucketed batches."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from torch import Tensor

from sk_inceptionxml.network.layers import runs_ahead
from sk_inceptionxml.network.network import InceptionXMLNetwork

from .batches import LengthBucketedBatches
from .optimizers import RowAdam


class FeatureLoss(torch.nn.Module):
    """Placeholder criterion: the head computes the loss from features and positives."""

    def forward(self, loss: Tensor, _: Any = None) -> Tensor:
        return loss


class XMCNet(NeuralNet):
    """A skorch net whose prediction is the encoder's feature and whose loss is the head's.

    Parameters
    ----------
    module : InceptionXMLNetwork
    label_lr : float
        Learning rate of the label vectors; ``lr`` is that of everything else.
    label_optimizer : {"adam", "adagrad"}
        Adagrad keeps one number a label instead of two a weight.
    rng : Generator
        Source of the batches.
    mixed_precision : bool
        Products of matrices in bfloat16; weights, sums and optimisers stay in float32.
    """

    postponed = False  # whether the optimisers are made when they are first used

    def __init__(
        self,
        module: InceptionXMLNetwork,
        *,
        label_lr: float = 1e-3,
        label_optimizer: str = "adam",
        rng: np.random.Generator | None = None,
        mixed_precision: bool = False,
        **kwargs: Any,
    ) -> None:
        self.label_lr = label_lr
        self.label_optimizer = label_optimizer
        self.rng = rng if rng is not None else np.random.default_rng()
        self.mixed_precision = mixed_precision
        kwargs.setdefault("criterion", FeatureLoss)
        kwargs.setdefault("callbacks__print_log", None)  # where print is replaced, it would print
        super().__init__(module, train_split=None, verbose=0, **kwargs)

    def initialize_optimizer(self, triggered_directly: Any = None) -> XMCNet:
        """Adam for the dense part, ``RowAdam`` for the tables."""
        if self.postponed:
            return self
        module = self.module_
        tables = module.row_sparse_parameters()
        labels = {id(p) for p in module.label_parameters()}
        rowwise = self.label_optimizer == "adagrad"
        dense: list[dict[str, Any]] = [{"params": [], "lr": self.lr}]
        sparse: list[dict[str, Any]] = [{"params": [], "lr": self.lr}]
        label_group = {"params": module.label_parameters(), "lr": self.label_lr}
        table_ids = {id(p) for p in tables}
        for p in module.parameters():
            if id(p) not in labels:
                (sparse if id(p) in table_ids else dense)[0]["params"].append(p)
        if labels <= table_ids or rowwise:
            sparse.append({**label_group, "rowwise": rowwise})
        else:
            dense.append(label_group)
        self.optimizer_ = torch.optim.Adam(dense, fused=True)
        self.optimizer_sparse_ = RowAdam(sparse)
        return self

    def __getattr__(self, name: str) -> Any:
        if self.postponed and name in ("optimizer_", "optimizer_sparse_"):
            self.postponed = False
            self._initialize_optimizer()
            return getattr(self, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}.")

    def copy_to_train_on(self) -> XMCNet:
        """A copy that shares nothing; without callbacks, which are not all copyable."""
        state = {k: v for k, v in self.__dict__.items() if k not in ("callbacks", "callbacks_")}
        new = type(self).__new__(type(self))
        new.__dict__ = copy.deepcopy(state) | {"callbacks": None, "callbacks_": []}
        return new

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return state | {"module": None}  # is ``module_``, of which the state would have two

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.module = self.module_

    def fit_loop(self, *args: Any, **kwargs: Any) -> XMCNet:
        """Train; ``interrupted_`` tells a Ctrl-C, of which skorch says nothing."""
        self.interrupted_ = True
        super().fit_loop(*args, **kwargs)
        self.interrupted_ = False
        return self

    def _step_optimizer(self, step_fn: Any) -> None:
        # skorch would run forward and backward once for every optimiser
        step_fn()
        self.optimizer_.step()
        self.optimizer_sparse_.step()

    def _zero_grad_optimizer(self, set_to_none: bool | None = None) -> None:
        self.module_.zero_grad(set_to_none=True)

    def get_loss(
        self, y_pred: Tensor, y_true: Any, X: Any = None, training: bool = False
    ) -> Tensor:
        """Loss of the head on features ``y_pred`` and positives ``y_true``."""
        with self._precision():
            return self.module_.head.loss(y_pred, *y_true)

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Features of a batch."""
        with self._precision():
            return super().infer(x, **fit_params)

    def _precision(self) -> torch.autocast:
        return torch.autocast(
            self.module_.device.type,
            torch.bfloat16,
            enabled=self.mixed_precision,
            cache_enabled=False,  # inside a caller's autocast, the cache would outlive the step
        )

    def get_iterator(self, dataset: Any, training: bool = False) -> LengthBucketedBatches:
        """Shuffled batches of rows of similar length."""
        return LengthBucketedBatches(dataset, self.batch_size, self.rng, self.module_.device)

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        """One epoch; skorch would wait for the loss of every batch, also on a GPU."""
        if iterator is None or not runs_ahead(self.module_.device):
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            return
        n_batches = 0
        try:
            for batch in iterator:
                self.notify("on_batch_begin", batch=batch, training=training)
                step = step_fn(batch, **fit_params)
                self.history.record_batch(f"{prefix}_loss", step["loss"].detach())
                self.history.record_batch(f"{prefix}_batch_size", len(batch[0]["ids"]))
                self.notify("on_batch_end", batch=batch, training=training, **step)
                n_batches += 1
        finally:
            self._read_losses(f"{prefix}_loss")
        self.history.record(f"{prefix}_batch_count", n_batches)

    def _read_losses(self, name: str) -> None:
        """Make numbers of the losses of the last epoch, at once."""
        batches = [batch for batch in self.history[-1]["batches"] if name in batch]
        if batches:
            losses = torch.stack([batch[name] for batch in batches]).tolist()
            for batch, loss in zip(batches, losses, strict=True):
                batch[name] = loss
