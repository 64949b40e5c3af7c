"""Train a network through skorch: a whole training, or one pass over further rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from sk_inceptionxml._utils.allocator import reused_buffers
from sk_inceptionxml._utils.sparse import stack_rows
from sk_inceptionxml.data import Dataset
from sk_inceptionxml.heads import Head
from sk_inceptionxml.network.network import InceptionXMLNetwork
from sk_inceptionxml.ranking.batched import network_ndcg
from sk_inceptionxml.text.tokens import stack_tokens

from .batches import TokenDataset
from .callbacks import (
    HeadSchedule,
    NonFiniteGuard,
    OneCycle,
    Progress,
    SaveState,
    StopEarly,
    Validation,
)
from .compiled_encoder import compiled_encoder
from .config import TrainingConfig
from .label_rows import SHARE
from .log import best_epoch
from .net import XMCNet
from .snapshot import Generators, Snapshot, restore, take_snapshot

RATE = 0.5  # of lr and label_lr in a pass, about the mean of fit's: nobody knows the last pass


class StateStore(Protocol):
    """Where the state of a training is kept."""

    snapshot: Snapshot | None

    def write(self, snapshot: Snapshot) -> None: ...

    def state_errors(self) -> AbstractContextManager[None]: ...


def train(
    network: InceptionXMLNetwork,
    data: Dataset,
    config: TrainingConfig,
    random_state: np.random.RandomState,
    validation: Dataset | None = None,
    store: StateStore | None = None,
    further: Dataset | None = None,
) -> XMCNet:
    """Train a network; the returned net's module is in evaluation mode.

    Parameters
    ----------
    network : InceptionXMLNetwork
        Trained in place.
    data : Dataset
        Training rows.
    config : TrainingConfig
    random_state : RandomState
    validation : Dataset or None
        Rows that are ranked after every epoch.
    store : StateStore or None
        Where the state is saved after every epoch, and the state to go on from, if it has one.
    further : Dataset or None
        Rows of which each epoch takes some: texts of labels.

    Raises
    ------
    DivergenceError
        If loss, gradients or weights stop being finite.
    KeyboardInterrupt
        If it comes before the first step is done; later ones end the training with a warning.
    """
    device = resolve_device(config.device)
    measure = None
    if validation is not None:
        measure = partial(network_ndcg, data=validation, max_len=config.max_len)
    generators = draw_generators(random_state, device)
    rows = make_dataset(data, config, further)
    return run_epochs(network.to(device), rows, config, generators, measure, store)


def draw_generators(random_state: np.random.RandomState, device: torch.device) -> Generators:
    """The sources of random numbers of a training."""
    rng = np.random.default_rng(int(random_state.randint(2**31 - 1)))
    dropout = torch.Generator(device=device)
    dropout.manual_seed(int(random_state.randint(2**31 - 1)))
    return Generators(rng, dropout, random_state)


def run_epochs(
    network: InceptionXMLNetwork,
    rows: TokenDataset,
    config: TrainingConfig,
    generators: Generators,
    measure: Callable[[InceptionXMLNetwork], float] | None,
    store: StateStore | None,
    kind: Callable[..., XMCNet] = XMCNet,
    first: Sequence[Any] = (),
) -> XMCNet:
    """Train a network that is on its device, from its start or from the state of a store.

    Parameters
    ----------
    network, config, store : as in ``train``
    rows : TokenDataset
    generators : Generators
    measure : callable or None
        Takes the network after every epoch, in evaluation mode, and gives its nDCG@5.
    kind : callable
        Makes the net.
    first : sequence of callbacks
        They come before all others.
    """
    n_epochs = config.n_epochs(rows.n_always)
    snapshot = None if store is None else store.snapshot
    n_done = 0 if snapshot is None else len(snapshot.plain["epochs"])
    watch = Validation(measure, config.early_stopping)
    stop = StopEarly(config.n_iter_no_change, n_epochs)
    before: list[Any] = [*first, OneCycle(n_epochs, n_done), NonFiniteGuard()]
    before.append(HeadSchedule(n_epochs))
    after: list[Any] = []
    if config.verbose:
        before.append(Progress(n_epochs, n_done))
    if measure is not None:
        before.append(watch)
    if store is not None:

        def save(net: XMCNet) -> None:
            finished = len(net.history) >= n_epochs or (config.early_stopping and stop.is_due(net))
            store.write(take_snapshot(net, generators, _other_best(net, watch), finished))

        after.append(SaveState(save))
    if config.early_stopping:
        after.append(stop)
    callbacks = [*_named(before), *(config.callbacks or []), *_named(after)]
    net = make_net(network, config, n_epochs, kind, rng=generators.batches, callbacks=callbacks)
    net.initialize()
    with (
        in_training(network, config.head, generators.dropout),
        compiled_encoder(network.encoder, config.compile),
    ):
        n_left = n_epochs - n_done
        if store is not None and snapshot is not None:
            with store.state_errors():
                watch.best = restore(net, generators, snapshot)
            if config.early_stopping and watch.best is None and best_epoch(net.history):
                watch.best = {k: v.clone() for k, v in network.state_dict().items()}
            n_left = 0 if snapshot.plain["finished"] else n_left
        net.partial_fit(rows, epochs=n_left)
        if net.interrupted_ and not stop.stopped:
            _close_interrupted(net, n_epochs)
    return net


def train_pass(
    net: XMCNet,
    data: Dataset,
    config: TrainingConfig,
    random_state: np.random.RandomState,
    further: Dataset | None = None,
) -> XMCNet:
    """Train one pass at a constant rate, from the state of the net and its optimisers.

    The net is changed in place.
    """
    network = net.module_
    dropout = torch.Generator(device=network.device)
    # an integer random_state gives the same stream in every call
    seeds = np.random.SeedSequence([random_state.randint(2**31 - 1), len(net.history)])
    dropout.manual_seed(int(seeds.generate_state(1)[0]))
    net.rng = np.random.default_rng(seeds)
    net.batch_size = config.batch_size
    net.mixed_precision = resolve_precision(config.mixed_precision, network.device)
    _set_rates(net, config)
    callbacks: list[Any] = [NonFiniteGuard()]
    if config.verbose:
        callbacks.append(Progress(1))
    net.callbacks = [*_named(callbacks), *(config.callbacks or [])]
    net.initialize_callbacks()
    dataset = make_dataset(data, config, further)
    network.head.begin_epoch(1, 1)
    with in_training(network, config.head, dropout):
        net.notify("on_train_begin", X=dataset, y=None)
        try:
            net.fit_loop(dataset, epochs=1)  # partial_fit would swallow an interrupt
        finally:
            net.notify("on_train_end", X=dataset, y=None)
    return net


def first_pass(
    network: InceptionXMLNetwork,
    data: Dataset,
    config: TrainingConfig,
    random_state: np.random.RandomState,
    further: Dataset | None = None,
) -> XMCNet:
    """One pass of a network just built; the net goes on to the passes that follow."""
    net = make_net(network.to(resolve_device(config.device)), config, 1)
    net.initialize()
    return train_pass(net, data, config, random_state, further)


@contextmanager
def in_training(
    network: InceptionXMLNetwork, head: Head, generator: torch.Generator
) -> Iterator[None]:
    """The network as training needs it, and afterwards as predictions do."""
    network.keep_labels_in(network.embedding.weight.dtype)
    network.set_generator(generator)
    try:
        with reused_buffers():
            yield
    finally:
        network.set_generator(None)
        network.zero_grad(set_to_none=True)
        network.eval()
        network.round_weights()
        network.keep_labels_in(getattr(torch, head.label_dtype))
    network.fill_caches()


def make_dataset(
    data: Dataset, config: TrainingConfig, further: Dataset | None = None
) -> TokenDataset:
    """Rows with the augmentation that the parameters ask for, and further ones to draw from."""
    tokens, Y, weight, n_others = data.tokens, data.Y, data.weight, 0
    if further is not None:
        n_others = min(len(further), math.ceil(SHARE * len(data)))
        tokens = stack_tokens([tokens, further.tokens], data.storage)
        Y = stack_rows([Y, further.Y], Y.shape[1], data.storage)
        if weight is not None and further.weight is not None:
            weight = np.concatenate([weight, further.weight])
    return TokenDataset(
        tokens,
        Y,
        config.max_len,
        shuffle_words=config.shuffle_words,
        word_dropout=config.word_dropout,
        sample_weight=weight,
        n_always=len(data),
        n_others=n_others,
    )


def make_net(
    network: InceptionXMLNetwork,
    config: TrainingConfig,
    n_epochs: int,
    kind: Callable[..., XMCNet] = XMCNet,
    **kwargs: Any,
) -> XMCNet:
    """Net, not yet initialised, that trains the network on its device."""
    label_optimizer = config.head.resolved_label_optimizer()
    return kind(
        network,
        lr=config.lr,
        label_lr=config.head.resolved_label_lr(label_optimizer),
        label_optimizer=label_optimizer,
        mixed_precision=resolve_precision(config.mixed_precision, network.device),
        max_epochs=n_epochs,
        batch_size=config.batch_size,
        device=network.device,
        **kwargs,
    )


def resolve_device(device: str) -> torch.device:
    """The device named, or the best one where it is ``"auto"``.

    Raises
    ------
    TypeError
        If it is no str.
    ValueError
        If the device is not one that torch knows and this machine has.
    """
    if not isinstance(device, str):
        raise TypeError(f"device must be a str such as 'cpu', 'cuda' or 'auto', got {device!r}.")
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.zeros(1, device=resolved).item()  # "meta" has tensors, but no numbers
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device={device!r} is not available here ({str(error).splitlines()[0]:.150}); "
            "use 'cpu' or 'auto'."
        ) from None
    return resolved


def resolve_precision(mixed_precision: bool | str, device: torch.device) -> bool:
    """Whether products are computed in bfloat16; "auto" is on a GPU that does so natively."""
    if mixed_precision != "auto":
        return bool(mixed_precision)
    # on CPUs, bfloat16 convolutions on two threads slow down up to 50 times beside other programs
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Seed of a private stream: an instance of the caller's is advanced by one draw only."""
    if random_state is None:
        random_state = np.random.RandomState()  # numpy's global stream is left alone
    return int(check_random_state(random_state).randint(2**31 - 1))


def _set_rates(net: XMCNet, config: TrainingConfig) -> None:
    labels = {id(p) for p in net.module_.label_parameters()}
    label_lr = config.head.resolved_label_lr(net.label_optimizer)
    for optimizer in (net.optimizer_, net.optimizer_sparse_):
        for group in optimizer.param_groups:
            of_labels = any(id(p) in labels for p in group["params"])
            group["lr"] = RATE * (label_lr if of_labels else config.lr)


def _named(callbacks: list[Any]) -> list[tuple[str, Any]]:
    return [(type(callback).__name__, callback) for callback in callbacks]


def _other_best(net: XMCNet, watch: Validation) -> dict[str, torch.Tensor] | None:
    """Weights of the best epoch where that is not the last one."""
    found = best_epoch(net.history)
    return None if found is None or found[0] == len(net.history) else watch.best


def _close_interrupted(net: XMCNet, n_epochs: int) -> None:
    """Warn of a Ctrl-C; the epoch that it ended counts with the batches it had."""
    last = net.history[-1] if net.history else None
    if last is not None and "train_loss" not in last:
        last["batches"] = [batch for batch in last["batches"] if "train_batch_size" in batch]
        if last["batches"]:
            losses, sizes = zip(
                *((b["train_loss"], b["train_batch_size"]) for b in last["batches"]), strict=True
            )
            last["train_loss"] = float(np.average(losses, weights=sizes))
        else:
            del net.history[-1]
    if not net.history:
        raise KeyboardInterrupt
    warnings.warn(
        f"training was interrupted in epoch {len(net.history)} of {n_epochs}; the model is as far "
        "as it came and can be used.",
        ConvergenceWarning,
        stacklevel=2,
    )
