"""Further rows for a fitted model, and labels that join it with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from sk_inceptionxml._utils.sparse import column_counts
from sk_inceptionxml.data import Dataset
from sk_inceptionxml.data.split import MAX_VALIDATION_ROWS, MIN_VALIDATION_ROWS, answerable
from sk_inceptionxml.labels import LabelSpace
from sk_inceptionxml.network.config import NetworkConfig
from sk_inceptionxml.network.inputs import prediction_batches
from sk_inceptionxml.network.losses import prior_logit
from sk_inceptionxml.network.network import InceptionXMLNetwork
from sk_inceptionxml.ranking.batched import BATCH
from sk_inceptionxml.ranking.calibration import Calibration
from sk_inceptionxml.ranking.fusion import hits
from sk_inceptionxml.ranking.label_texts import LabelTexts
from sk_inceptionxml.ranking.ranker import Ranker
from sk_inceptionxml.text import Tokens

from .config import TrainingConfig
from .label_rows import label_rows
from .log import TrainingLog
from .net import XMCNet
from .optimizers import move_rows
from .trainer import train_pass

NO_DIRECTION = 1e-3  # features closer than this share of their length do not differ


def learn_more(
    ranker: Ranker,
    log: TrainingLog,
    data: Dataset,
    space: LabelSpace,
    texts: LabelTexts | None,
    network: NetworkConfig,
    config: TrainingConfig,
    validation_fraction: float,
    random_state: np.random.RandomState,
) -> tuple[Ranker, TrainingLog]:
    """A model that has also learned from further rows; the given one does not change.

    Parameters
    ----------
    ranker, log : Ranker, TrainingLog
        The model so far.
    data : Dataset
        Further rows, their labels in the columns of ``space``.
    space : LabelSpace
        The known labels, then new ones.
    texts : LabelTexts or None
        What these labels say from now on.
    network : NetworkConfig
        The parameters that may change while the network goes on.
    config : TrainingConfig
    validation_fraction : float
        Share of the rows that refresh the fusion before they are learned.
    random_state : RandomState
    """
    net = ranker.net.copy_to_train_on()
    net.module_.set_rates(network)
    features = ranker.features(data.rows)
    ranker = replace(ranker, net=net)
    if validation_fraction:
        ranker = refresh_fusion(ranker, data, features, validation_fraction, random_state)
    n_samples = log.n_samples + len(data)
    counts = np.zeros(space.n_labels, dtype=np.int64)
    counts[: len(ranker.label_counts)] = ranker.label_counts
    n_known = ranker.labels.n_labels
    starting = (counts == 0) & (data.label_counts > 0)
    starting[n_known:] = True
    if starting.any():
        start_labels(net, np.flatnonzero(starting), data, config.max_len, n_samples)
    further = label_rows(data, texts, ranker.reader, random_state)
    train_pass(net, data, config, random_state, further)
    memory = ranker.memory
    if memory is not None and features is not None:
        memory = memory.add(features, data.Y)
    counts = counts + data.label_counts
    changes = {"labels": space, "memory": memory, "label_counts": counts, "texts": texts}
    ranker = replace(ranker, **changes, stored_log_counts=None)
    keeps_best = config.early_stopping
    return ranker, TrainingLog.of(net.history, keeps_best, log.seed, n_samples)


def refresh_fusion(
    ranker: Ranker,
    data: Dataset,
    features: sp.csr_array | None,
    fraction: float,
    random_state: np.random.RandomState,
) -> Ranker:
    """A ranker whose fusion has seen rows that neither network nor memory has learned yet.

    A fusion fitted on an early network would distrust it for ever. As many rows are used as
    ``fit`` would hold out, 50 at least where there are so many.
    """
    n = len(data)
    n_used = max(MIN_VALIDATION_ROWS, int(n * fraction))
    used = np.sort(random_state.permutation(n)[: min(n_used, MAX_VALIDATION_ROWS)])
    known = np.zeros(data.Y.shape[1], dtype=np.int64)
    known[: len(ranker.label_counts)] = ranker.label_counts
    used = used[answerable(data.Y[used], known)]
    if not len(used):
        return ranker
    some = data.take(used)
    candidates = ranker.candidates(
        some.tokens,
        None if features is None else features[used],
        evidence=ranker.evidence(some.rows),
    )
    fusion = ranker.fusion.updated(candidates, hits(candidates.labels, some.Y), some.weight)
    if fusion.n_rows == ranker.fusion.n_rows:
        return ranker
    # the old calibration was made for another fusion
    return replace(ranker, fusion=fusion, calibration=Calibration())


def start_labels(net: XMCNet, labels: np.ndarray, data: Dataset, max_len: int, n_rows: int) -> None:
    """Start the vectors of labels without a training row so far from the rows that they have now.

    Parameters
    ----------
    net : XMCNet
        Its head and optimisers are changed in place.
    labels : ndarray of shape (m,), int
        Known labels, or numbers behind the last one, which are added.
    data : Dataset
    max_len : int
        Words read of each row.
    n_rows : int
        Training rows, these included.
    """
    network, head = net.module_, net.module_.head
    Y = sp.csr_array(data.Y[:, labels])
    means, others = label_means(network, data.tokens, Y, max_len)
    weight, bias = start_vectors(head.weight.data, means[0], others, column_counts(Y), n_rows)
    old, optimizers = network.label_parameters(), (net.optimizer_, net.optimizer_sparse_)
    chosen = torch.from_numpy(labels).to(network.device)
    source = head.start_labels(chosen, weight, bias, means)
    for before, after in zip(old, network.label_parameters(), strict=True):
        for optimizer in optimizers:
            move_rows(optimizer, before, after, source)


def label_means(
    network: InceptionXMLNetwork, tokens: Tokens, Y: sp.csr_array, max_len: int
) -> tuple[list[Tensor], Tensor]:
    """Mean of each branch of the head over the positives of every column of ``Y`` (n, m).

    Returns
    -------
    means : list of Tensor of shape (m, width)
    others : Tensor of shape (width,)
        Mean of the first branch over all rows.
    """
    branches, device = network.head.branches(), network.device
    sums: list[Tensor] = [torch.zeros((), device=device)] * (len(branches) + 1)
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        for rows, X in prediction_batches(tokens, max_len, BATCH):
            h = network(**{name: x.to(device) for name, x in X.items()})
            part = sp.coo_array(Y[rows])
            place = torch.from_numpy(np.stack([part.col, part.row]).astype(np.int64))
            ones = torch.ones(part.nnz, dtype=torch.float32)
            shape = Y.shape[1], len(rows)
            pick = torch.sparse_coo_tensor(place, ones, shape, check_invariants=False).to(device)
            features = [branch(h) for branch in branches]
            parts = [torch.sparse.mm(pick, r) for r in features] + [features[0].sum(0)]
            sums = [old + new for old, new in zip(sums, parts, strict=True)]
    counts = torch.from_numpy(np.maximum(column_counts(Y), 1)).to(device)[:, None]
    return [total / counts for total in sums[:-1]], sums[-1] / len(tokens)


def start_vectors(
    weight: Tensor, own: Tensor, others: Tensor, counts: np.ndarray, n_rows: int
) -> tuple[Tensor, Tensor]:
    """Vector (m, D) and bias (m,) at which labels of ``counts`` positives start.

    The vector points from the mean of the rows at large to that of the label's own, and is as
    long as known ones are. A label without a row, or whose rows are like all, starts from zero.
    """
    direction = own - others
    length = direction.norm(dim=1, keepdim=True)
    positives = torch.from_numpy(counts).to(weight.device)
    clear = (length > NO_DIRECTION * others.norm()) & (positives > 0)[:, None]
    scale = weight.norm(dim=1).median()
    vector = torch.where(clear, direction / length.clamp(min=1e-12) * scale, 0.0)
    # the row at large then has the frequency of the label
    return vector, prior_logit(positives, n_rows) - vector @ others
