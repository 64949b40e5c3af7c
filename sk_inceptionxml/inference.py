"""The network's ranking of labels for many rows, batch by batch."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch

from sk_inceptionxml.after_fork import fork_safe
from sk_inceptionxml.batches import prediction_batches
from sk_inceptionxml.metrics import ndcg_at_k
from sk_inceptionxml.network import InceptionXMLNetwork
from sk_inceptionxml.vectorize import Tokens

BATCH = 512
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
    n_labels = len(network.head.weight)
    n_first = n_labels if n_first is None else n_first
    width = min(k, n_first) + min(k, n_labels - n_first)
    labels = np.full((len(tokens), width), -1, dtype=np.int64)
    log_odds = np.full((len(tokens), width), -np.inf, dtype=np.float32)
    # the folded filters are not those of mixed precision
    full = torch.autocast(device.type, enabled=False)
    with torch.inference_mode(), fork_safe(), full:
        for rows, X in prediction_batches(tokens, max_len, BATCH):
            weights = X.get("weights")
            score, label = network.topk(
                X["ids"].to(device), None if weights is None else weights.to(device), k, n_first
            )
            labels[rows, : label.shape[1]] = label.cpu().numpy()
            log_odds[rows, : label.shape[1]] = score.float().cpu().numpy()
    return labels, log_odds


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
