"""What training has recorded of its epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

QUALITY = "valid_ndcg@5"


@dataclass(frozen=True, eq=False)
class TrainingLog:
    """What is known of the trainings of a model.

    Parameters
    ----------
    history : DataFrame
        As ``history_frame`` gives it.
    best_epoch : int or None
        Epoch whose weights were kept, counted from 1; None without early stopping.
    best_score : float or None
        Its nDCG@5.
    seed : int
        What the last ``fit`` drew from ``random_state``.
    n_samples : int
        Training rows, those of ``partial_fit`` included.
    """

    history: pd.DataFrame
    best_epoch: int | None
    best_score: float | None
    seed: int
    n_samples: int

    @classmethod
    def of(
        cls, epochs: Sequence[dict[str, Any]], keeps_best: bool, seed: int, n_samples: int
    ) -> TrainingLog:
        """The log of a skorch history; ``keeps_best`` tells whether the best epoch was kept."""
        best = best_epoch(epochs) if keeps_best else None
        epoch, score = (None, None) if best is None else best
        return cls(history_frame(epochs), epoch, score, seed, n_samples)

    @property
    def loss_curve(self) -> list[float]:
        """Training loss of every epoch."""
        losses: list[float] = self.history["train_loss"].tolist()
        return losses


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
