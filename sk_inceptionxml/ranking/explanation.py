"""Why a label is where it is: the parts of its log-odds, the words, and the nearest rows.

The parts add up. Words and rows do not: each is what its absence alone would change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml.data import Rows

from .fusion import Candidates, Fusion, rank
from .ranker import Ranker, Reading

CONSIDERED = 20  # rows, those of the largest weights, among which the decisive ones are sought
# what each feature of the fusion is credited to; products of two are shared by halves
NETWORK, MEMORY, FREQUENCY, TEXT = "network", "memory", "frequency", "label text"
CREDIT: list[tuple[str, ...]] = [
    (NETWORK,), (MEMORY,), (MEMORY,), (FREQUENCY,), (NETWORK, MEMORY), (FREQUENCY, MEMORY),
    (NETWORK,), (NETWORK, FREQUENCY), (FREQUENCY,), (FREQUENCY, MEMORY), (MEMORY,), (NETWORK,),
    (MEMORY,), (TEXT,), (TEXT,), (TEXT,), (TEXT,), (TEXT,), (TEXT, FREQUENCY), (TEXT, FREQUENCY),
    (TEXT, NETWORK), (TEXT, MEMORY), (TEXT, MEMORY), (TEXT,),
]  # fmt: skip


def parts_of(fusion: Fusion, c: Candidates, place: int) -> dict[str, float]:
    """Contributions to the log-odds of the candidate at a place of the only row.

    They add up to the log-odds, the intercept included.
    """
    if fusion.text and c.log_counts[0, place] == 0:  # of such labels the text alone tells
        return {TEXT: float(fusion.log_odds(c)[0, place])}
    out = {"intercept": fusion.intercept_}
    for weight, feature, owners in zip(fusion.coef_, fusion.features(c), CREDIT, strict=False):
        for owner in owners:
            share = float(weight * feature[0, place]) / len(owners)
            out[owner] = out.get(owner, 0.0) + share
    return out


def log_odds_of(c: Candidates, log_odds: np.ndarray, label: int) -> np.ndarray:
    """Log-odds (n,) of one label for rows; where it is no candidate, those of the last one."""
    lowest = np.where(np.isfinite(log_odds), log_odds, 0).min(axis=1, initial=0)
    own = np.where(c.labels == label, log_odds, -np.inf).max(axis=1, initial=-np.inf)
    found: np.ndarray = np.where(np.isfinite(own), own, lowest)
    return found


def log_odds_without(
    ranker: Ranker, row: Rows, numbers: np.ndarray, label: int, reading: Reading
) -> np.ndarray:
    """Log-odds (n,) of a label if the memory lacked each of n rows."""
    rows = row.take(np.zeros(len(numbers), dtype=np.int64))
    features, evidence = ranker.features(rows), ranker.evidence(rows)
    c = ranker.candidates(rows.tokens, features, numbers, reading, evidence)
    return log_odds_of(c, ranker.fusion.log_odds(c), label)


def neighbours_of(
    ranker: Ranker, row: Rows, label: int, log_odds: float, k: int, reading: Reading
) -> list[dict[str, Any]]:
    """Training rows that speak for or against a label: number, similarity, weight and labels.

    The contribution is how much lower the log-odds are without the row. The weight is no measure
    of it: similar rows take the place of the one that is missing. Rows with the label come first.
    """
    memory = ranker.memory
    if memory is None:
        return []
    features = memory.transform(row)
    numbers, weights = memory.neighbours.weights_of(features)
    if not len(numbers):
        return []
    X, Y = memory.neighbours.rows(numbers)
    cosine = (X @ features[[0]].T).toarray().ravel()
    has = np.zeros(len(numbers), dtype=bool)
    pairs = sp.coo_array(Y)
    has[pairs.row[pairs.col == label]] = True
    some = np.lexsort((-cosine, np.where(has, -weights, 0), ~has))[: max(k, CONSIDERED)]
    changes = np.zeros(len(numbers))
    changes[some] = log_odds - log_odds_without(ranker, row, numbers[some], label, reading)
    order = some[np.lexsort((-cosine[some], np.where(has, -changes, 0)[some], ~has[some]))][:k]
    names = ranker.labels.classes_
    return [
        {
            "row": int(numbers[i]),
            "similarity": float(cosine[i]),
            "weight": float(weights[i]),
            "contribution": float(changes[i]),
            "labels": names[Y.indices[Y.indptr[i] : Y.indptr[i + 1]]].tolist(),
        }
        for i in order
    ]


def explain(
    ranker: Ranker,
    row: Rows,
    words: list[str],
    without: Rows,
    label: int | None,
    n_neighbours: int,
    reading: Reading,
) -> dict[str, Any]:
    """Explanation of one label of a row, as plain data.

    Parameters
    ----------
    ranker : Ranker
    row : Rows
        One row.
    words : list of str
        Words of the row.
    without : Rows
        The row without each of them.
    label : int or None
        None is the best one.
    n_neighbours : int
    reading : Reading
    """
    c, log_odds = ranker.scored(row, reading)
    labels, ranked = rank(c.labels, log_odds, c.labels.shape[1])
    if label is None:
        label = int(labels[0, 0])
    places = np.flatnonzero(c.labels[0] == label)
    own, probability, parts = float(log_odds_of(c, log_odds, label)[0]), 0.0, {}
    if len(places):
        parts = parts_of(ranker.fusion, c, int(places[0]))
        probability = float(ranker.calibration(ranked)[0, np.flatnonzero(labels[0] == label)[0]])
    changes = own - log_odds_of(*ranker.scored(without, reading), label)
    return {
        "label": ranker.labels.classes_[[label]].tolist()[0],
        "probability": probability,
        "log_odds": own,
        "label_count": int(ranker.label_counts[label]),
        "parts": [{"name": name, "contribution": part} for name, part in parts.items()],
        "words": [
            {"word": word, "contribution": float(change)}
            for word, change in zip(words, changes, strict=True)
        ],
        "neighbours": neighbours_of(ranker, row, label, own, n_neighbours, reading),
    }
