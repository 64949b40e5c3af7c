"""Build the network for some training rows and train it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from sk_inceptionxml.allocator import reused_buffers
from sk_inceptionxml.batches import TokenDataset
from sk_inceptionxml.callbacks import (
    DetachSchedule,
    NonFiniteGuard,
    OneCycle,
    Progress,
    SaveState,
    StopEarly,
    Validation,
)
from sk_inceptionxml.clustering import BalancedLabelClustering, validate_clusters
from sk_inceptionxml.embeddings import check_width, embedding_table
from sk_inceptionxml.encoder import InceptionEncoder
from sk_inceptionxml.heads import OneVsAllHead
from sk_inceptionxml.history import best_epoch
from sk_inceptionxml.inference import network_topk
from sk_inceptionxml.lexical import unit_rows
from sk_inceptionxml.metrics import ndcg_at_k
from sk_inceptionxml.net import XMCNet
from sk_inceptionxml.network import InceptionXMLNetwork
from sk_inceptionxml.parameters import check_kernel_sizes
from sk_inceptionxml.snapshots import Generators, Snapshot, restore, take_snapshot
from sk_inceptionxml.sync import SyncHead
from sk_inceptionxml.vectorize import Tokens

if TYPE_CHECKING:
    from sk_inceptionxml.classifier import InceptionXMLClassifier

MIN_STEPS = 500  # fewer optimiser steps than this leave a small data set untrained
MIN_EPOCHS, MAX_EPOCHS = 5, 60
LABEL_LR = {"adam": 1e-3, "adagrad": 3e-2}
SYNC_LABELS = 20_000  # one-vs-all takes longer from here on, and is no more accurate
CLUSTER_SIZE = 8
MAX_CLUSTERS = 16_384  # beyond, the meta-classifier would cost more than larger clusters do


class StateStore(Protocol):
    """Where the state of a training is kept."""

    snapshot: Snapshot | None

    def write(self, snapshot: Snapshot) -> None: ...

    def state_errors(self) -> AbstractContextManager[None]: ...


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


def resolve_head(head: str, n_labels: int) -> str:
    """``"sync"`` from 20,000 labels on where the head is ``"auto"``."""
    if head != "auto":
        return head
    return "sync" if n_labels >= SYNC_LABELS else "ova"


def resolve_epochs(max_epochs: int | str, n_rows: int, batch_size: int) -> int:
    """Epochs of training: 5, or as many as make 500 optimiser steps, 60 at most."""
    if max_epochs != "auto":
        return int(max_epochs)
    steps = math.ceil(n_rows / batch_size)
    return int(np.clip(math.ceil(MIN_STEPS / steps), MIN_EPOCHS, MAX_EPOCHS))


def resolve_label_optimizer(label_optimizer: str, head: OneVsAllHead | SyncHead) -> str:
    """``"adagrad"`` for the labels of a sync head where it is ``"auto"``, else ``"adam"``."""
    if label_optimizer != "auto":
        return label_optimizer
    return "adagrad" if isinstance(head, SyncHead) else "adam"


def resolve_label_lr(label_lr: float | str, label_optimizer: str) -> float:
    """Learning rate of the label vectors, that of their optimiser unless given."""
    return LABEL_LR[label_optimizer] if label_lr == "auto" else float(label_lr)


def resolve_hidden_dim(hidden_dim: int | None, n_features: int) -> int:
    """Width of the hidden layer: that of the feature unless given."""
    return n_features if hidden_dim is None else hidden_dim


def make_clusters(
    params: InceptionXMLClassifier,
    counts: sp.csr_array,
    Y: sp.csr_array,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Meta-label of every label: the user's clusters, or balanced ones."""
    n_labels = Y.shape[1]
    if params.clusters is not None:
        return np.asarray(validate_clusters(params.clusters, n_labels))
    n_clusters = params.n_clusters or min(math.ceil(n_labels / CLUSTER_SIZE), MAX_CLUSTERS)
    clustering = BalancedLabelClustering(
        n_clusters=n_clusters,
        n_jobs=params.n_jobs,
        random_state=random_state.randint(2**31 - 1),
    )
    return np.asarray(clustering.fit(unit_rows(counts), Y).labels_)


def build_network(
    params: InceptionXMLClassifier,
    tokens: Tokens,
    Y: sp.csr_array,
    n_tokens: int,
    words: list[str] | None,
    random_state: np.random.RandomState,
    snapshot: Snapshot | None = None,
) -> InceptionXMLNetwork:
    """Network with its start weights, on the CPU.

    A snapshot, whose weights are to follow, spares the word vectors and the clustering.
    """
    counts = sp.csr_array(tokens.to_csr(n_tokens)[:, 2:])
    generator = torch.Generator().manual_seed(int(random_state.randint(2**31 - 1)))
    if snapshot is None:
        table = embedding_table(
            counts,
            Y,
            source=params.embeddings,
            words=words,
            embedding_dim=params.embedding_dim,
            random_state=random_state,
        )
        check_width(table.shape[1])
    else:
        table = np.zeros((n_tokens, snapshot.table_shape[1]), dtype=np.float32)
    head_name = resolve_head(params.head, Y.shape[1])
    encoder = InceptionEncoder(
        params.max_len,
        table.shape[1],
        params.n_filters,
        check_kernel_sizes(params.kernel_sizes, table.shape[1]),
        dropout=params.dropout,
        project_dropout=params.dropout if head_name == "ova" else 0.0,
        embedding_skip=params.embedding_skip,
        generator=generator,
    )
    n_rows, label_counts = Y.shape[0], np.bincount(Y.indices, minlength=Y.shape[1])
    hidden_dim = resolve_hidden_dim(params.hidden_dim, encoder.n_features)
    head: OneVsAllHead | SyncHead
    if head_name == "ova":
        head = OneVsAllHead(
            encoder.n_features,
            hidden_dim,
            torch.from_numpy(label_counts),
            n_rows,
            params.dropout,
            params.classifier_dropout,
            generator,
        )
    else:
        if snapshot is None:
            clusters = make_clusters(params, counts, Y, random_state)
        else:
            clusters = np.asarray(validate_clusters(snapshot.clusters, Y.shape[1]))
        member = (np.ones(len(clusters)), (np.arange(len(clusters)), clusters))
        per_row = Y @ sp.csr_array(member)
        rows_of_cluster = np.bincount(per_row.indices, minlength=per_row.shape[1])
        head = SyncHead(
            encoder.n_features,
            hidden_dim,
            clusters,
            label_counts,
            n_rows,
            beam_size=params.beam_size,
            predict_beam_size=params.predict_beam_size,
            dropout=params.dropout,
            classifier_dropout=params.classifier_dropout,
            meta_dropout=params.meta_dropout,
            meta_loss_weight=params.meta_loss_weight,
            teacher_forcing=params.teacher_forcing,
            share_negatives=params.share_negatives,
            synchronized=params.synchronized,
            max_negatives=params.max_negatives,
            true_cluster_counts=rows_of_cluster,  # a row counts once in a cluster
            generator=generator,
        )
    return InceptionXMLNetwork(torch.from_numpy(table), encoder, head)


@contextmanager
def gradients() -> Iterator[None]:
    """Gradients are recorded within, whatever mode of torch the caller is in."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def train_network(
    params: InceptionXMLClassifier,
    network: InceptionXMLNetwork,
    tokens: Tokens,
    Y: sp.csr_array,
    sample_weight: np.ndarray | None,
    random_state: np.random.RandomState,
    validation: tuple[Tokens, sp.csr_array] | None = None,
    store: StateStore | None = None,
) -> XMCNet:
    """Train through skorch; the returned net's module is in evaluation mode.

    Parameters
    ----------
    params : InceptionXMLClassifier
    network : InceptionXMLNetwork
        Trained in place.
    tokens, Y, sample_weight
        Training rows.
    random_state : RandomState
    validation : pair of Tokens and csr_array, or None
        Rows that are ranked after every epoch.
    store : StateStore or None
        Where the state is saved after every epoch, and the state to go on from, if it has one.

    Raises
    ------
    DivergenceError
        If loss, gradients or weights stop being finite.
    KeyboardInterrupt
        If it comes before the first step is done; later ones end the training with a warning.
    """
    device = resolve_device(params.device)
    rng = np.random.default_rng(int(random_state.randint(2**31 - 1)))
    dropout_generator = torch.Generator(device=device)
    dropout_generator.manual_seed(int(random_state.randint(2**31 - 1)))
    generators = Generators(rng, dropout_generator, random_state)
    network = network.to(device)
    n_epochs = resolve_epochs(params.max_epochs, len(tokens), params.batch_size)
    dataset = make_dataset(params, tokens, Y, sample_weight)
    snapshot = None if store is None else store.snapshot
    n_done = 0 if snapshot is None else len(snapshot.plain["epochs"])
    before: list = [OneCycle(n_epochs, n_done), NonFiniteGuard()]
    if isinstance(network.head, SyncHead):
        before.append(DetachSchedule(min(params.warmup_epochs, n_epochs - 1)))
    if params.verbose:
        before.append(Progress(n_epochs, n_done))
    watch = Validation(None, params.early_stopping)
    if validation is not None:
        watch.measure = _quality_on(*validation, params.max_len)
        before.append(watch)
    stop, after = StopEarly(params.n_iter_no_change, n_epochs), []
    if store is not None:

        def save(net: XMCNet) -> None:
            finished = len(net.history) >= n_epochs or (params.early_stopping and stop.is_due(net))
            store.write(take_snapshot(net, generators, _other_best(net, watch), finished))

        after.append(SaveState(save))
    if params.early_stopping:
        after.append(stop)
    callbacks = [*_named(before), *(params.callbacks or []), *_named(after)]
    net = make_net(params, network, n_epochs, rng=rng, callbacks=callbacks)
    net.initialize()
    n_left = n_epochs - n_done
    with in_training(params, network, dropout_generator):
        if store is not None and snapshot is not None:
            with store.state_errors():
                watch.best = restore(net, generators, snapshot)
            if params.early_stopping and watch.best is None and best_epoch(net.history):
                watch.best = {k: v.clone() for k, v in network.state_dict().items()}
            n_left = 0 if snapshot.plain["finished"] else n_left
        net.partial_fit(dataset, epochs=n_left)
        if net.interrupted_ and not stop.stopped:
            _close_interrupted(net, n_epochs)
    return net


@contextmanager
def in_training(
    params: InceptionXMLClassifier, network: InceptionXMLNetwork, generator: torch.Generator
) -> Iterator[None]:
    """The network as training needs it, and afterwards as predictions do."""
    network.keep_labels_in(torch.float32)
    network.follow(params)
    network.set_generator(generator)
    try:
        with reused_buffers():
            yield
    finally:
        network.set_generator(None)
        network.zero_grad(set_to_none=True)
        network.eval()
        network.keep_labels_in(getattr(torch, params.label_dtype))
    network.fill_caches()


def make_dataset(
    params: InceptionXMLClassifier,
    tokens: Tokens,
    Y: sp.csr_array,
    sample_weight: np.ndarray | None,
) -> TokenDataset:
    """Rows with the augmentation that the parameters ask for."""
    return TokenDataset(
        tokens,
        Y,
        params.max_len,
        shuffle_words=params.shuffle_words,
        word_dropout=params.word_dropout,
        sample_weight=sample_weight,
    )


def make_net(
    params: InceptionXMLClassifier, network: InceptionXMLNetwork, n_epochs: int, **kwargs: Any
) -> XMCNet:
    """Net, not yet initialised, that trains the network on its device."""
    label_optimizer = resolve_label_optimizer(params.label_optimizer, network.head)
    return XMCNet(
        network,
        lr=params.lr,
        label_lr=resolve_label_lr(params.label_lr, label_optimizer),
        label_optimizer=label_optimizer,
        mixed_precision=params.mixed_precision,
        max_epochs=n_epochs,
        batch_size=params.batch_size,
        device=network.embedding.weight.device,
        **kwargs,
    )


def _named(callbacks: list[Any]) -> list[tuple[str, Any]]:
    return [(type(callback).__name__, callback) for callback in callbacks]


def _quality_on(tokens: Tokens, Y: sp.csr_array, max_len: int) -> Any:
    """Function of a network: its nDCG@5 on these rows."""
    k = min(5, Y.shape[1])

    def quality(network: InceptionXMLNetwork) -> float:
        return float(ndcg_at_k(Y, network_topk(network, tokens, max_len, k)[0], k=k))

    return quality


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


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Seed of a private stream: an instance of the caller's is advanced by one draw only."""
    if random_state is None:
        random_state = np.random.RandomState()  # numpy's global stream is left alone
    return int(check_random_state(random_state).randint(2**31 - 1))
