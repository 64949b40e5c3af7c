"""What a worker runs. This file travels to the workers; they need the package installed."""

from __future__ import annotations

import os
from functools import cache

import pandas as pd

from sk_inceptionxml import InceptionXMLClassifier

LABELS_A_TITLE = 5


@cache  # one model a process, however many pieces it predicts
def load_model(path: str) -> InceptionXMLClassifier:
    """The saved model. The folder must be one that every worker can read.

    Workers of one machine share the arrays of a model that was saved with ``mmap=True``.
    """
    return InceptionXMLClassifier.load(path, device="cpu", mmap=True)


def predict_piece(piece: pd.DataFrame, model: str) -> pd.DataFrame:
    """Best labels of the titles of one piece, with their probabilities."""
    titles = piece["title"].tolist()
    labels, scores = load_model(model).predict_topk(titles, k=LABELS_A_TITLE)
    return pd.DataFrame(
        {
            "row": piece["row"].to_numpy(),
            "labels": labels.tolist(),
            "scores": scores.tolist(),
            "worker": f"{os.uname().nodename}:{os.getpid()}",
            "loads": load_model.cache_info().misses,
        }
    )
