"""What training has recorded of its epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

QUALITY = "valid_ndcg@5"


def record_history(estimator: Any) -> None:
    """Set what a fitted estimator tells of its epochs, from the history of its net."""
    epochs = estimator.net_.history
    estimator.history_ = history_frame(epochs)
    estimator.loss_curve_ = estimator.history_["train_loss"].tolist()
    estimator.n_iter_ = len(estimator.loss_curve_)
    best = best_epoch(epochs) if estimator.early_stopping else None
    estimator.best_epoch_, estimator.best_score_ = (None, None) if best is None else best


def history_frame(epochs: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row for every epoch of a skorch history.

    Parameters
    ----------
    epochs : sequence of dict
        A skorch ``History``.

    Returns
    -------
    history : DataFrame
        Columns ``epoch``, ``train_loss``, ``duration`` in seconds, ``rows_per_second`` and,
        where held-out rows were ranked, ``valid_ndcg@5``.
    """
    columns: dict[str, list[Any]] = {
        "epoch": [int(epoch["epoch"]) for epoch in epochs],
        "train_loss": [float(epoch["train_loss"]) for epoch in epochs],
        "duration": [float(epoch.get("dur", float("nan"))) for epoch in epochs],
    }
    rows = [sum(b.get("train_batch_size", 0) for b in epoch["batches"]) for epoch in epochs]
    columns["rows_per_second"] = [
        n / max(seconds, 1e-9) if n else float("nan")
        for n, seconds in zip(rows, columns["duration"], strict=True)
    ]
    if any(QUALITY in epoch for epoch in epochs):
        columns[QUALITY] = [float(epoch.get(QUALITY, float("nan"))) for epoch in epochs]
    return pd.DataFrame(columns)


def best_epoch(epochs: Sequence[dict[str, Any]]) -> tuple[int, float] | None:
    """The first epoch of the highest nDCG@5, counted from 1, and that; None if never measured."""
    measured = [(epoch[QUALITY], -epoch["epoch"]) for epoch in epochs if QUALITY in epoch]
    if not measured:
        return None
    score, epoch = max(measured)
    return -epoch, float(score)
