"""What is fitted on rows that no training step has seen: fusion, calibration, cluster weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sk_inceptionxml.data.split import HeldOut, shared_columns

from .batched import network_ndcg
from .calibration import PLACES, fit_calibration
from .fusion import hits, recall
from .ranker import Ranker


def tune(ranker: Ranker, held_out: HeldOut, method: str | None) -> Ranker:
    """A ranker whose fusion and calibration are fitted on held-out rows.

    Parameters
    ----------
    ranker : Ranker
        With all rows of ``fit`` in its memory and in its counts. What its head chooses after
        training is set in place.
    held_out : HeldOut
        Where it is empty, fusion and calibration stay as they are.
    method : {"auto", "sigmoid", "isotonic"} or None
        Of the calibration.

    Returns
    -------
    ranker : Ranker
    """
    if len(held_out) == 0:
        return ranker
    data, own, head = held_out.data, held_out.place, ranker.network.head
    head.tune(lambda: network_ndcg(ranker.network, data, ranker.reading.max_len))
    known = None
    if own is not None and ranker.memory is not None:
        known = shared_columns(ranker.memory.neighbours.X_)
    features, evidence = ranker.features(data.rows, known), ranker.evidence(data.rows)
    candidates = ranker.candidates(data.tokens, features, own, evidence=evidence)
    hit = hits(candidates.labels, data.Y)
    found = None
    if head.shortlists:
        shortlist = np.where(candidates.observed, candidates.labels, -1)
        found = recall(shortlist, data.Y)
    if own is not None:
        # a label of no other row is no candidate, be it right or wrong, that no count tells which
        shared = ranker.label_counts[candidates.labels] > 1
        candidates = candidates._replace(labels=np.where(shared, candidates.labels, -1))
        hit &= shared
    fusion = ranker.fusion.anew(ranker.labels.n_labels).fit(candidates, hit, data.weight)
    log_odds = fusion.log_odds(candidates)
    best = np.argsort(-log_odds, axis=1, kind="stable")[:, :PLACES]
    calibration = fit_calibration(
        np.take_along_axis(log_odds, best, 1),
        np.take_along_axis(hit, best, 1),
        method,
        data.weight,
    )
    return replace(ranker, fusion=fusion, calibration=calibration, shortlist_recall=found)
