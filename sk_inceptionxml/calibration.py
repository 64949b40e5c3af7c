"""Probabilities that mean what they say: a map of log-odds, fitted on held-out rows.

The map is strictly increasing, so that it changes every probability and no ranking.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

PLACES = 5  # best places of each row that the map is fitted on
FOLDS = 5
LIMIT = 30.0  # of log-odds
LEAST_SLOPE = 1e-3  # keeps the map strictly increasing
METHODS = ("sigmoid", "isotonic")


def _log_odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Probability of log-odds, float32."""
    return (1.0 / (1.0 + np.exp(-np.clip(x, -LIMIT, LIMIT)))).astype(np.float32)


class Calibration:
    """Piecewise linear, strictly increasing map of log-odds to log-odds.

    Parameters
    ----------
    knots : ndarray of shape (n_knots,), increasing
    values : ndarray of shape (n_knots,), increasing
        The map at the knots; beyond the outer ones it has slope 1. No knot is the identity.
    """

    def __init__(self, knots: Any = (), values: Any = ()) -> None:
        self.knots = np.asarray(knots, dtype=np.float64)
        self.values = np.asarray(values, dtype=np.float64)

    def transform(self, log_odds: np.ndarray) -> np.ndarray:
        """Calibrated log-odds, float64; infinite ones stay."""
        x = np.asarray(log_odds, dtype=np.float64)
        if not len(self.knots):
            return x
        inside = np.clip(x, self.knots[0], self.knots[-1])
        return np.interp(inside, self.knots, self.values) + (x - inside)

    def __call__(self, log_odds: np.ndarray) -> np.ndarray:
        """Probabilities, float32, of log-odds of any shape; -inf gives 0."""
        return np.where(np.isneginf(log_odds), np.float32(0), sigmoid(self.transform(log_odds)))

    def to_dict(self) -> dict[str, list[float]] | None:
        """State as plain data; None is the identity."""
        if not len(self.knots):
            return None
        return {"knots": self.knots.tolist(), "values": self.values.tolist()}


def _sigmoid_map(x: np.ndarray, hit: np.ndarray, weight: np.ndarray) -> Calibration:
    model = LogisticRegression(C=1e6).fit(x[:, None], hit, sample_weight=weight)
    slope = max(float(model.coef_[0, 0]), LEAST_SLOPE)
    knots = np.array([-LIMIT, LIMIT])
    return Calibration(knots, slope * knots + float(model.intercept_[0]))


def _isotonic_map(x: np.ndarray, hit: np.ndarray, weight: np.ndarray) -> Calibration:
    fitted = IsotonicRegression(y_min=0, y_max=1).fit_transform(x, hit, sample_weight=weight)
    _, block = np.unique(fitted, return_inverse=True)
    mass = np.bincount(block, weight)
    centre = np.bincount(block, weight * x) / mass
    # half an observation of either outcome: the outer blocks hold few rows and are 0 or 1
    share = (np.bincount(block, weight * hit) + 0.5) / (mass + 1.0)
    values = np.maximum.accumulate(_log_odds(share))
    return Calibration(centre, values + LEAST_SLOPE * (centre - centre[0]))


def _loss(calibration: Calibration, x: np.ndarray, hit: np.ndarray, weight: np.ndarray) -> float:
    p = np.clip(calibration(x).astype(np.float64), 1e-6, 1 - 1e-6)
    return float(-(weight * np.log(np.where(hit, p, 1 - p))).sum() / weight.sum())


def fit_calibration(
    log_odds: np.ndarray,
    hits: np.ndarray,
    method: str | None,
    sample_weight: np.ndarray | None = None,
) -> Calibration:
    """Fit the map on the best places of held-out rows.

    Parameters
    ----------
    log_odds : ndarray of shape (n, k)
        Of the ranked labels, best first; -inf where there is none.
    hits : ndarray of shape (n, k), bool
        Whether each is a label of its row.
    method : {"auto", "sigmoid", "isotonic"} or None
        "auto" takes what has the least log loss in cross-validation over the rows; None is the
        identity.
    sample_weight : ndarray of shape (n,), default=None

    Returns
    -------
    calibration : Calibration
        The identity where hits or misses are fewer than 20.
    """
    x, hit = log_odds[:, :PLACES], hits[:, :PLACES]
    weight = np.ones(len(x)) if sample_weight is None else sample_weight
    row, place = np.nonzero(np.isfinite(x))
    x, hit, weight = x[row, place].astype(np.float64), hit[row, place], weight[row]
    if method is None or min(hit.sum(), (~hit).sum()) < 20:
        return Calibration()
    maps = {"sigmoid": _sigmoid_map, "isotonic": _isotonic_map}
    if method != "auto":
        return maps[method](x, hit, weight)
    loss = {name: 0.0 for name in (None, *METHODS)}
    for fold in range(FOLDS):
        test = row % FOLDS == fold
        train = (x[~test], hit[~test], weight[~test])
        for name in loss:
            fitted = Calibration() if name is None else maps[name](*train)
            loss[name] += _loss(fitted, x[test], hit[test], weight[test])
    best = min(loss, key=lambda name: loss[name])
    return Calibration() if best is None else maps[best](x, hit, weight)
