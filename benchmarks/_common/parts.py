"""Parts of a fitted model on their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.data import Rows
from sk_inceptionxml.ranking.ranker import Ranker


def ranker_of(clf: InceptionXMLClassifier) -> Ranker:
    """What predictions are made of."""
    return clf._model.ranker


def read(ranker: Ranker, texts: list[str]) -> Rows:
    """Texts as the model reads them."""
    return Rows(ranker.reader.from_texts(texts, full=True), texts)


def network_ranking(ranker: Ranker, texts: list[str]) -> np.ndarray:
    """Best 100 columns of the network alone."""
    k = min(100, ranker.labels.n_labels)
    return ranker.network_topk(read(ranker, texts).tokens, k)[0]


def model_mb(module: Any) -> float:
    """Megabytes of the parameters and buffers of a torch module."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum(t.numel() * t.element_size() for t in tensors) / 1e6
