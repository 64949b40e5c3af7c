"""The log of the training."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from sk_inceptionxml.persistence.checks import fail, list_of, object_of, optional, real, whole
from sk_inceptionxml.training.log import QUALITY, TrainingLog

_LOSSES = list_of(optional(real(-math.inf, math.inf)), 1, 1 << 20)
_COLUMN = list_of(optional(real(0, math.inf)), 1, 1 << 20)
CHECK = object_of(
    train_loss=_LOSSES,
    duration=_COLUMN,
    rows_per_second=_COLUMN,
    quality=optional(_COLUMN),
    best_epoch=optional(whole(1, 1 << 20)),
    best_score=optional(real(0, 1)),
    n_samples=whole(1),
    seed=whole(0, 1 << 31),
)


def describe(log: TrainingLog) -> dict[str, Any]:
    """The log as plain data."""
    history = log.history
    return {
        "train_loss": _column(history["train_loss"]),
        "duration": _column(history["duration"]),
        "rows_per_second": _column(history["rows_per_second"]),
        "quality": _column(history[QUALITY]) if QUALITY in history else None,
        "best_epoch": log.best_epoch,
        "best_score": log.best_score,
        "n_samples": int(log.n_samples),
        "seed": int(log.seed),
    }


def _column(values: Iterable[float]) -> list[float | None]:
    return [float(x) if math.isfinite(x) else None for x in values]


def read(state: dict[str, Any]) -> TrainingLog:
    """The log that ``describe`` described."""
    n = len(state["train_loss"])
    columns: dict[str, Any] = {"epoch": range(1, n + 1)}
    for name in ("train_loss", "duration", "rows_per_second", "quality"):
        if state[name] is None:
            continue
        if len(state[name]) != n:
            fail(f"training.{name} has {len(state[name])} entries instead of {n}.")
        values = [math.nan if x is None else x for x in state[name]]
        columns[QUALITY if name == "quality" else name] = values
    best, score = state["best_epoch"], state["best_score"]
    if (best is None) != (score is None) or (best or 0) > n:
        fail(f"training.best_epoch does not fit {n} epochs.")
    return TrainingLog(pd.DataFrame(columns), best, score, state["seed"], state["n_samples"])
