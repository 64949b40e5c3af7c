"""A figure of each display, from fixed data."""

from __future__ import annotations

from typing import Any

import numpy as np

from sk_inceptionxml.inspection import (
    LabelClustersDisplay,
    LabelFrequencyDisplay,
    PrecisionCoverageDisplay,
    PrecisionRecallAtKDisplay,
    ReliabilityDisplay,
    ShortlistRecallDisplay,
    TrainingHistoryDisplay,
)

N_ROWS, N_LABELS = 300, 30


def problem(skill: float = 2.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Truth (n, L), ranking (n, 12), its probabilities, and training rows of the labels."""
    rng = np.random.default_rng(0)
    share = 0.5 / np.arange(1, N_LABELS + 1)
    y_true = (rng.random((N_ROWS, N_LABELS)) < share).astype(int)
    logit = np.log(share / (1 - share)) + skill * (y_true - share) + rng.normal(size=y_true.shape)
    ranking = np.argsort(-logit, axis=1)[:, :12]
    probabilities = 1 / (1 + np.exp(-np.take_along_axis(logit, ranking, axis=1)))
    return y_true, ranking, probabilities, (400 * share).astype(int) - 6


def precision_recall() -> Any:
    ax = None
    for name, skill in (("strong", 2.5), ("weak", 1.0)):
        y_true, ranking, *_ = problem(skill)
        display = PrecisionRecallAtKDisplay.from_predictions(y_true, ranking, name=name, ax=ax)
        ax = display.ax_
    return display


def label_frequency() -> Any:
    ax = None
    for name, skill in (("strong", 2.5), ("weak", 1.0)):
        y_true, ranking, _, counts = problem(skill)
        display = LabelFrequencyDisplay.from_predictions(y_true, ranking, counts, name=name, ax=ax)
        ax = display.ax_
    return display


def reliability() -> Any:
    ax = None
    for name, skill in (("strong", 2.5), ("weak", 1.0)):
        display = ReliabilityDisplay.from_predictions(
            *problem(skill)[:3], k=5, n_bins=8, strategy="quantile", name=name, ax=ax
        )
        ax = display.ax_
    return display


def precision_coverage() -> Any:
    ax = None
    for name, skill in (("strong", 2.5), ("weak", 1.0)):
        display = PrecisionCoverageDisplay.from_predictions(*problem(skill)[:3], name=name, ax=ax)
        ax = display.ax_
    return display


def shortlist_recall() -> Any:
    beams = [1, 2, 4, 8, 16, 32, 64]
    recall = np.array([0.31, 0.47, 0.61, 0.71, 0.77, 0.80, 0.81])
    seconds = np.array([0.5, 0.52, 0.55, 0.6, 0.72, 0.9, 1.3]) / 1000
    ax = ShortlistRecallDisplay(beams, recall, seconds, name="256 clusters").plot().ax_
    return ShortlistRecallDisplay(beams, recall - 0.1, seconds / 2, name="64 clusters").plot(ax)


def label_clusters() -> Any:
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(24), rng.integers(2, 30, size=24))
    centres = rng.normal(size=(24, 6))
    features = centres[clusters] + 0.2 * rng.normal(size=(len(clusters), 6))
    counts = rng.geometric(1 / (1 + 2.0 ** (clusters / 4)))
    names = [f"topic {cluster}" for cluster in clusters]
    return LabelClustersDisplay.from_clusters(clusters, features, counts, label_names=names)


def training_history() -> Any:
    logs = {
        "lr=0.003": ([25.3, 16.2, 11.9, 9.1, 7.4], [0.21, 0.48, 0.6, 0.64, 0.63]),
        "lr=0.001": ([27.0, 21.4, 17.9, 15.3, 13.8], [0.1, 0.29, 0.41, 0.47, 0.5]),
    }
    ax = None
    for name, (loss, score) in logs.items():
        history = {"epoch": [1, 2, 3, 4, 5], "train_loss": loss, "valid_ndcg@5": score}
        display = TrainingHistoryDisplay.from_history(
            history, best_epoch=int(np.argmax(score)) + 1, name=name, ax=ax
        )
        ax = display.ax_
    return display


FIGURES = {
    make.__name__: make
    for make in (
        label_clusters,
        label_frequency,
        precision_coverage,
        precision_recall,
        reliability,
        shortlist_recall,
        training_history,
    )
}
