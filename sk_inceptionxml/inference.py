"""The network's ranking of labels for many rows, batch by batch."""

from __future__ import annotations

import numpy as np
import torch

from sk_inceptionxml.batches import prediction_batches
from sk_inceptionxml.network import InceptionXMLNetwork
from sk_inceptionxml.vectorize import Tokens

BATCH = 512


def network_topk(
    network: InceptionXMLNetwork, tokens: Tokens, max_len: int, k: int
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

    Returns
    -------
    labels : ndarray of shape (n, k), int64
        Best first; -1 where the shortlist holds fewer.
    log_odds : ndarray of shape (n, k), float32
    """
    device = network.embedding.weight.device
    labels = np.full((len(tokens), k), -1, dtype=np.int64)
    log_odds = np.full((len(tokens), k), -np.inf, dtype=np.float32)
    with torch.inference_mode():
        for rows, X in prediction_batches(tokens, max_len, BATCH):
            weights = X.get("weights")
            score, label = network.topk(
                X["ids"].to(device), None if weights is None else weights.to(device), k
            )
            labels[rows, : label.shape[1]] = label.cpu().numpy()
            log_odds[rows, : label.shape[1]] = score.float().cpu().numpy()
    return labels, log_odds
