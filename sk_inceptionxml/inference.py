"""The network's ranking of labels for many rows, batch by batch."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import scipy.sparse as sp
import torch

from sk_inceptionxml.after_fork import fork_safe
from sk_inceptionxml.allocator import reused_buffers
from sk_inceptionxml.batches import prediction_batches
from sk_inceptionxml.metrics import ndcg_at_k
from sk_inceptionxml.network import InceptionXMLNetwork
from sk_inceptionxml.parallel import side_by_side, torch_threads
from sk_inceptionxml.vectorize import PADDING, Tokens

BATCH = 512
MANY, SHARE = 512, 256  # rows from which processors share the work, and rows of a batch then
DISTINCT = 32768  # words whose products are held at once
CLUSTER_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)


def network_topk(
    network: InceptionXMLNetwork, tokens: Tokens, max_len: int, k: int, n_first: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Best labels of each row and their log-odds.

    Parameters
    ----------
    network : InceptionXMLNetwork
        In evaluation mode, on any device.
    tokens : Tokens
        Of n rows.
    max_len : int
        Words read of each row.
    k : int
        Labels a row, at most the number of labels.
    n_first : int, optional
        Rank the labels from this number on apart from those below it: the best k of each, the
        former last, so that they take no place of the latter.

    Returns
    -------
    labels : ndarray of shape (n, k), int64
        Best first; -1 where the shortlist holds fewer. Wider with ``n_first``.
    log_odds : ndarray of shape (n, k), float32
    """
    device = network.embedding.weight.device
    many = len(tokens) >= MANY
    n_labels = len(network.head.weight)
    n_first = n_labels if n_first is None else n_first
    width = min(k, n_first) + min(k, n_labels - n_first)
    labels = np.full((len(tokens), width), -1, dtype=np.int64)
    log_odds = np.full((len(tokens), width), -np.inf, dtype=np.float32)
    words: torch.Tensor | None = None

    @torch.inference_mode()
    def rank(batch: tuple[np.ndarray, dict[str, torch.Tensor]]) -> None:
        rows, X = batch
        inputs = X["ids"].to(device), X["weights"].to(device) if "weights" in X else None
        # the folded filters are not those of mixed precision
        with torch.autocast(device.type, enabled=False):
            score, label = network.topk(*inputs, k, n_first, words)
        labels[rows, : label.shape[1]] = label.cpu().numpy()
        log_odds[rows, : label.shape[1]] = score.float().cpu().numpy()

    torch_threads()  # the caller's, from now on
    with fork_safe(), reused_buffers() if many else nullcontext():
        if many:
            tokens, words = distinct_words(network, tokens.truncate(max_len))
        if many and device.type == "cpu":
            side_by_side(rank, prediction_batches(tokens, max_len, SHARE))
        else:
            for batch in prediction_batches(tokens, max_len, BATCH):
                rank(batch)
    return labels, log_odds


@torch.inference_mode()
def distinct_words(
    network: InceptionXMLNetwork, tokens: Tokens
) -> tuple[Tokens, torch.Tensor | None]:
    """Rows of ``network.words`` in place of the ids, and these; as it is where words abound."""
    found = np.zeros(len(network.embedding.weight), dtype=bool)
    found[PADDING] = found[tokens.ids] = True
    distinct = np.flatnonzero(found)
    if len(distinct) > DISTINCT:
        return tokens, None
    place = np.cumsum(found, dtype=np.int32) - 1
    device = network.embedding.weight.device
    with torch.autocast(device.type, enabled=False):
        words = network.words(torch.from_numpy(distinct).to(device))
    return Tokens(place[tokens.ids], tokens.offsets, tokens.weights), words


def choose_cluster_weight(
    network: InceptionXMLNetwork, tokens: Tokens, Y: sp.csr_array, max_len: int
) -> None:
    """Set the weight of the cluster's probability that ranks held-out rows best, by nDCG@5.

    Parameters
    ----------
    network : InceptionXMLNetwork
        With a ``SyncHead``, whose ``cluster_weight`` is set.
    tokens : Tokens
        Held-out rows.
    Y : csr_array of shape (n, n_labels)
        Their labels.
    max_len : int
        Words read of each row.
    """
    k = min(5, Y.shape[1])
    quality = []
    for weight in CLUSTER_WEIGHTS:
        network.head.cluster_weight = weight
        labels, _ = network_topk(network, tokens, max_len, k)
        quality.append(ndcg_at_k(Y, labels, k=k))
    network.head.cluster_weight = CLUSTER_WEIGHTS[int(np.argmax(quality))]
