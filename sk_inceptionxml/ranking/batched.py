"""The network's ranking of labels for many rows, batch by batch."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import torch

from sk_inceptionxml._utils.allocator import reused_buffers
from sk_inceptionxml._utils.threads import (
    fork_safe,
    one_thread_here,
    side_by_side,
    torch_threads,
)
from sk_inceptionxml.data import Dataset
from sk_inceptionxml.metrics import ndcg_at_k
from sk_inceptionxml.network.inputs import FEW, prediction_batches
from sk_inceptionxml.network.network import InceptionXMLNetwork
from sk_inceptionxml.text import Tokens

BATCH = 512
MANY, SHARE = 512, 128  # rows from which processors share the work, and rows of a batch then


def network_topk(
    network: InceptionXMLNetwork,
    tokens: Tokens,
    max_len: int,
    k: int,
    n_first: int | None = None,
    beam: int | None = None,
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
    beam : int, optional
        Clusters in the shortlist of a row, for heads that shortlist.

    Returns
    -------
    labels : ndarray of shape (n, k), int64
        Best first; -1 where the shortlist holds fewer. Wider with ``n_first``.
    log_odds : ndarray of shape (n, k), float32
    """
    device = network.device
    many, tokens = len(tokens) >= MANY, tokens.truncate(max_len)
    n_labels = len(network.head.weight)
    n_first = n_labels if n_first is None else n_first
    width = min(k, n_first) + min(k, n_labels - n_first)
    labels = np.full((len(tokens), width), -1, dtype=np.int64)
    log_odds = np.full((len(tokens), width), -np.inf, dtype=np.float32)

    @torch.inference_mode()
    def rank(batch: tuple[np.ndarray, dict[str, torch.Tensor]]) -> None:
        rows, X = batch
        inputs = X["ids"].to(device), X["weights"].to(device) if "weights" in X else None
        with torch.autocast(device.type, enabled=False):
            score, label = network.head.topk(network(*inputs), k, n_first, beam)
        labels[rows, : label.shape[1]] = label.cpu().numpy()
        log_odds[rows, : label.shape[1]] = score.float().cpu().numpy()

    torch_threads()  # the caller's, from now on
    care = one_thread_here() if len(tokens) <= FEW else nullcontext()
    with fork_safe(), reused_buffers() if many else care:
        if many and device.type == "cpu":
            side_by_side(rank, prediction_batches(tokens, max_len, SHARE))
        else:
            for batch in prediction_batches(tokens, max_len, BATCH):
                rank(batch)
    return labels, log_odds


def network_ndcg(network: InceptionXMLNetwork, data: Dataset, max_len: int) -> float:
    """nDCG@5 of the network alone on rows of known labels."""
    k = min(5, data.Y.shape[1])
    labels, _ = network_topk(network, data.tokens, max_len, k)
    return float(ndcg_at_k(data.Y, labels, k=k))
