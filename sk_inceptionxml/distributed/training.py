"""The training of ``fit`` on several ranks: the same skorch net and callbacks on each.

skorch carries it, since two things keep the ranks together. Each draws the same batches from the
same generator and encodes its share of them. And after an epoch every rank does what rank 0 does:
goes on, or stops. So neither a checkpoint nor an early stop leaves a rank waiting.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import torch.distributed as dist
from skorch.callbacks import Callback
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from sk_inceptionxml.data import Dataset
from sk_inceptionxml.metrics import ndcg_at_k
from sk_inceptionxml.network.config import NetworkConfig
from sk_inceptionxml.network.network import InceptionXMLNetwork
from sk_inceptionxml.ranking.batched import network_topk
from sk_inceptionxml.text import PADDING, Tokens
from sk_inceptionxml.training.batches import TokenDataset
from sk_inceptionxml.training.config import TrainingConfig
from sk_inceptionxml.training.net import XMCNet
from sk_inceptionxml.training.snapshot import Generators, Snapshot, restore, take_snapshot
from sk_inceptionxml.training.trainer import (
    StateStore,
    draw_generators,
    make_dataset,
    make_net,
    run_epochs,
)

from .norm import share_norms
from .ranks import Ranks
from .shards import (
    Shard,
    build_shard,
    divide_snapshot,
    divide_state,
    join_snapshots,
    table_sizes,
)


@dataclass(frozen=True)
class Plan:
    """What every rank needs to know of a training, beside its labels.

    Parameters
    ----------
    config : TrainingConfig
    network : NetworkConfig
        That of the whole network.
    rows : TokenDataset
        Training rows, without their labels.
    random_state : RandomState
        From which every rank draws its generators.
    sizes : dict of str to list of int
        Rows of each table of labels or clusters on every rank.
    watched : Tokens or None
        Rows that are ranked after every epoch.
    saves : bool
        Whether the state is saved after every epoch.
    """

    config: TrainingConfig
    network: NetworkConfig
    rows: TokenDataset
    random_state: np.random.RandomState
    sizes: dict[str, list[int]]
    watched: Tokens | None
    saves: bool


def lead(
    ranks: Ranks,
    shards: list[Shard],
    network: InceptionXMLNetwork,
    data: Dataset,
    config: TrainingConfig,
    random_state: np.random.RandomState,
    validation: Dataset | None = None,
    store: StateStore | None = None,
    further: Dataset | None = None,
) -> XMCNet:
    """``train`` on rank 0, while all others ``follow``; the net is that of a single process.

    Its network stays on the CPU, since a GPU need not hold all labels.
    """
    sizes = table_sizes(network.head, shards)
    tokens = None if validation is None else validation.tokens
    n_epochs = config.n_epochs(len(data))
    rows = make_dataset(data, config, further)
    unlabelled = _with_labels(rows, sp.csr_array((rows.Y.shape[0], 0)))
    # norms over all ranks cannot be compiled; a user's callbacks watch on rank 0 alone
    config = replace(config, compile=False)
    shared = replace(config, callbacks=None, verbose=0)
    known = network.config, unlabelled, random_state, sizes, tokens, store is not None
    ranks.from_first(Plan(shared, *known))
    parts = [(shard, sp.csr_array(rows.Y[:, shard.columns])) for shard in shards]
    clusters = network.head.clusters()
    plan = Plan(config, *known)
    shard, Y = ranks.one_each(parts)
    net, generators = _train_shard(ranks, plan, shard, Y, network, store, validation)
    whole = join_snapshots(ranks, take_snapshot(net, generators, None, True), sizes, clusters)
    assert whole is not None
    for name in sizes:
        parameter = network.get_parameter(name)
        parameter.data = torch.empty(whole.arrays[f"module.{name}"].shape, dtype=parameter.dtype)
    full = make_net(network, replace(config, callbacks=None), n_epochs, rng=generators.batches)
    full.initialize()
    restore(full, generators, whole)
    network.eval()
    network.keep_labels_in(getattr(torch, config.head.label_dtype))
    network.fill_caches()
    return full


def follow(ranks: Ranks) -> None:
    """Take part in the training that rank 0 leads.

    Raises
    ------
    RuntimeError
        If rank 0 failed before it began.
    """
    plan = ranks.from_first()
    if isinstance(plan, str):
        raise RuntimeError(f"rank 0 failed before the training began: {plan}")
    shard, Y = ranks.one_each()
    net, generators = _train_shard(ranks, plan, shard, Y, None, None, None)
    join_snapshots(ranks, take_snapshot(net, generators, None, True), plan.sizes, None)


def dismiss(ranks: Ranks, error: BaseException) -> None:
    """Tell the others, which wait for a plan, that none will come."""
    ranks.from_first(f"{type(error).__name__}: {error}")


def _train_shard(
    ranks: Ranks,
    plan: Plan,
    shard: Shard,
    Y: sp.csr_array,
    network: InceptionXMLNetwork | None,
    store: StateStore | None,
    validation: Dataset | None,
) -> tuple[XMCNet, Generators]:
    """The trained net of this rank's labels; network, store and validation are rank 0's."""
    whole = None if store is None else store.snapshot
    start = divide_snapshot(ranks, whole, shard, plan.sizes)
    clusters = None if network is None else network.head.clusters()
    samples = ranks.from_first(getattr(getattr(network, "head", None), "samples_clusters", None))
    part = build_shard(
        plan.network, shard, ranks.size, divide_state(ranks, network, plan.sizes)
    ).to(ranks.device)
    if samples is not None:  # decided by the number of all clusters
        part.head.samples_clusters = samples
    part.head.peers = ranks
    share_norms(part)
    generators = draw_generators(plan.random_state, ranks.device)
    masks = OwnMasks(generators, ranks.rank)
    measure = None
    if plan.watched is not None:
        tokens, Y_true = plan.watched, None if validation is None else validation.Y

        def measure(network: InceptionXMLNetwork) -> float:
            return ranked_quality(ranks, network, tokens, shard, Y_true, plan.config.max_len)

    kept = None
    if plan.saves:
        kept = DividedStore(ranks, plan.sizes, store, start, clusters)
    net = run_epochs(
        part,
        _with_labels(plan.rows, Y),
        plan.config,
        generators,
        measure,
        kept,
        kind=lambda *args, **kwargs: RankNet(*args, ranks=ranks, **kwargs),
        first=[masks],
    )
    return net, generators


def _with_labels(rows: TokenDataset, Y: sp.csr_array) -> TokenDataset:
    """The same rows with other labels."""
    new = copy.copy(rows)
    new.Y = Y
    return new


def ranked_quality(
    ranks: Ranks,
    network: InceptionXMLNetwork,
    tokens: Tokens,
    shard: Shard,
    Y: sp.csr_array | None,
    max_len: int,
) -> float:
    """nDCG@5 of the best labels of all ranks, which rank 0 merges and judges by Y."""
    k = min(5, len(shard.columns))
    labels, log_odds = network_topk(network, tokens, max_len, k)
    labels = np.where(labels < 0, -1, shard.columns[labels])
    found = ranks.at_first((labels, log_odds))
    quality = None
    if found is not None:
        assert Y is not None
        labels, log_odds = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
        k = min(5, Y.shape[1])
        best = np.argsort(-log_odds, axis=1, kind="stable")[:, :k]
        quality = float(ndcg_at_k(Y, np.take_along_axis(labels, best, 1), k=k))
    return float(ranks.from_first(quality))


class OwnMasks(Callback):
    """Start the dropout of every epoch anew, with masks that differ between the ranks.

    So a training that goes on from a checkpoint, which knows the state of rank 0 alone, draws
    what it would have drawn.
    """

    def __init__(self, generators: Generators, rank: int) -> None:
        self.generators, self.rank = generators, rank

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        # the stream of the batches is one of the fit's own, and a checkpoint brings it back
        stream = self.generators.batches.bit_generator.state["state"]["inc"]
        seeds = np.random.SeedSequence([stream, len(net.history), self.rank])
        self.generators.dropout.manual_seed(int(seeds.generate_state(1)[0]))


class DividedStore:
    """A ``StateStore`` of every rank, which hold parts of what rank 0 reads and writes."""

    def __init__(
        self,
        ranks: Ranks,
        sizes: dict[str, list[int]],
        store: StateStore | None,
        snapshot: Snapshot | None,
        clusters: np.ndarray | None,
    ) -> None:
        self.ranks, self.sizes, self.store = ranks, sizes, store
        self.snapshot, self.clusters = snapshot, clusters

    def write(self, snapshot: Snapshot) -> None:
        whole = join_snapshots(self.ranks, snapshot, self.sizes, self.clusters)
        if self.store is not None and whole is not None:
            self.store.write(whole)

    def state_errors(self) -> AbstractContextManager[None]:
        return nullcontext() if self.store is None else self.store.state_errors()


class ReplicatedPart(nn.Module):
    """What every rank has a copy of: words of its rows in, the loss of its labels out.

    The tables of words and labels are no parameters of it, so that ``DistributedDataParallel``
    leaves them alone.
    """

    def __init__(self, network: InceptionXMLNetwork) -> None:
        super().__init__()
        self.encoder = network.encoder
        self.dense = nn.ModuleList(network.head.children())
        self.loss = network.head.loss  # a method: its module is not registered

    def forward(self, x: Tensor, lengths: Tensor, *y: Tensor) -> Tensor:
        return self.loss(self.encoder(x, lengths), *y)


def _add_up(_, bucket):  # type: ignore[no-untyped-def]  # torch refuses annotations as strings
    """Sums where DistributedDataParallel would average: losses are sums over rows and labels."""
    work = dist.all_reduce(bucket.buffer(), async_op=True)
    return work.get_future().then(lambda future: future.value()[0])


class RankNet(XMCNet):
    """A net that trains the labels of one rank on the batches of all.

    Parameters
    ----------
    module : InceptionXMLNetwork
        With the labels of this rank alone.
    ranks : Ranks
    """

    def __init__(self, module: InceptionXMLNetwork, *, ranks: Ranks, **kwargs: Any) -> None:
        self.ranks = ranks
        super().__init__(module, **kwargs)

    def initialize(self) -> RankNet:
        """Make net, optimisers and the copies of the replicated part."""
        super().initialize()
        # a plain attribute: skorch would take it for a module of its own
        parallel = DistributedDataParallel(ReplicatedPart(self.module_))
        parallel.register_comm_hook(None, _add_up)
        self.__dict__["parallel"] = parallel
        return self

    def infer(self, x: Any, **fit_params: Any) -> Tensor:
        """Word vectors of this rank's rows of a batch."""
        words = self.module_.embed(x["ids"], x.get("weights"))
        return self.ranks.own_rows(words)

    def get_loss(
        self, y_pred: Tensor, y_true: Any, X: Any = None, training: bool = False
    ) -> Tensor:
        """Loss of this rank's labels on all rows of a batch."""
        lengths = (X["ids"] != PADDING).sum(1)[self.ranks.rows(len(X["ids"]))]
        parallel: Callable[..., Tensor] = self.__dict__["parallel"]
        with self._precision():
            return parallel(y_pred, lengths, *y_true)

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """A step, whose loss is that of all labels."""
        step: dict[str, Any] = super().train_step_single(batch, **fit_params)
        return step | {"loss": self.ranks.total(step["loss"])}

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the callbacks; after an epoch, stop where rank 0 does."""
        if method_name != "on_epoch_end":
            super().notify(method_name, **cb_kwargs)
            return
        stops = False
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt:
            stops = True
        if self.ranks.from_first(stops):
            raise KeyboardInterrupt

    def run_single_epoch(self, *args: Any, **kwargs: Any) -> None:
        """Train an epoch; Ctrl-C is an error, since no rank can end alone."""
        try:
            super().run_single_epoch(*args, **kwargs)
        except KeyboardInterrupt:
            raise RuntimeError(
                "Ctrl-C ended a distributed training, which leaves no model; with checkpoint_dir, "
                "the same command goes on after the last epoch."
            ) from None
