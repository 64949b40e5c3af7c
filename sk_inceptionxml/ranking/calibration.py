"""Probabilities that mean what they say: maps of log-odds, fitted on held-out rows.

The first place of a row has a map of its own: it is the best of many, so that its log-odds say
something else than those of the places after it. The maps are strictly increasing, and no later
place passes the first, so that every probability changes and no ranking.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

PLACES = 5  # best places of each row that the maps are fitted on
FOLDS = 5
LIMIT = 30.0  # of log-odds
LEAST_SLOPE = 1e-3  # keeps a map strictly increasing
LEAST_OUTCOMES = 20  # hits, and misses, of places that get a map of their own


def _log_odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Probability of log-odds, float32."""
    return (1.0 / (1.0 + np.exp(-np.clip(x, -LIMIT, LIMIT)))).astype(np.float32)


class IncreasingMap:
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

    def __call__(self, log_odds: np.ndarray) -> np.ndarray:
        """Calibrated log-odds, float64; infinite ones stay."""
        x = np.asarray(log_odds, dtype=np.float64)
        if not len(self.knots):
            return x
        inside = np.clip(x, self.knots[0], self.knots[-1])
        return np.interp(inside, self.knots, self.values) + (x - inside)

    def to_dict(self) -> dict[str, list[float]] | None:
        """State as plain data; None is the identity."""
        if not len(self.knots):
            return None
        return {"knots": self.knots.tolist(), "values": self.values.tolist()}


class Calibration:
    """Probabilities of ranked log-odds.

    Parameters
    ----------
    first : IncreasingMap, default=identity
        Of the first place of a row.
    later : IncreasingMap, default=identity
        Of the places after it.
    """

    def __init__(
        self, first: IncreasingMap | None = None, later: IncreasingMap | None = None
    ) -> None:
        self.first = IncreasingMap() if first is None else first
        self.later = IncreasingMap() if later is None else later

    def transform(self, log_odds: np.ndarray) -> np.ndarray:
        """Calibrated log-odds (n, k), float64, of ranked ones, best first; -inf stays."""
        x = np.asarray(log_odds, dtype=np.float64)
        out = self.later(x)
        if out.shape[1]:
            best = self.first(x[:, :1])
            # as far below the first as the least slope has it; a row without a label has no gap
            absent = np.isneginf(x)
            behind = np.where(absent, np.inf, x[:, :1] - np.where(absent, 0, x))
            out = np.minimum(out, best - LEAST_SLOPE * behind)
            out[:, :1] = best
        return out

    def __call__(self, log_odds: np.ndarray) -> np.ndarray:
        """Probabilities (n, k), float32, of ranked log-odds, best first; -inf gives 0."""
        return np.where(np.isneginf(log_odds), np.float32(0), sigmoid(self.transform(log_odds)))

    def to_dict(self) -> dict[str, Any] | None:
        """State as plain data; None is the identity."""
        state = {"first": self.first.to_dict(), "later": self.later.to_dict()}
        return state if any(state.values()) else None

    @classmethod
    def from_dict(cls, state: dict[str, Any] | None) -> Calibration:
        """What ``to_dict`` returned, again."""
        return cls(**{name: IncreasingMap(**(data or {})) for name, data in (state or {}).items()})


def _sigmoid_map(x: np.ndarray, hit: np.ndarray, weight: np.ndarray) -> IncreasingMap:
    model = LogisticRegression(C=1e6).fit(x[:, None], hit, sample_weight=weight)
    slope = max(float(model.coef_[0, 0]), LEAST_SLOPE)
    knots = np.array([-LIMIT, LIMIT])
    return IncreasingMap(knots, slope * knots + float(model.intercept_[0]))


def _isotonic_map(x: np.ndarray, hit: np.ndarray, weight: np.ndarray) -> IncreasingMap:
    fitted = IsotonicRegression(y_min=0, y_max=1).fit(x, hit, sample_weight=weight).predict(x)
    _, block = np.unique(fitted, return_inverse=True)
    mass = np.bincount(block, weight)
    centre = np.bincount(block, weight * x) / mass
    # half an observation of either outcome: the outer blocks hold few rows and are 0 or 1
    share = (np.bincount(block, weight * hit) + 0.5) / (mass + 1.0)
    values = np.maximum.accumulate(_log_odds(share))
    return IncreasingMap(centre, values + LEAST_SLOPE * (centre - centre[0]))


def _average(a: IncreasingMap, b: IncreasingMap) -> IncreasingMap:
    knots = np.union1d(a.knots, b.knots)
    return IncreasingMap(knots, (a(knots) + b(knots)) / 2)


def _fit_all(x: np.ndarray, hit: np.ndarray, weight: np.ndarray) -> dict[str, IncreasingMap]:
    """The maps to choose from."""
    sigmoid_map, isotonic_map = _sigmoid_map(x, hit, weight), _isotonic_map(x, hit, weight)
    return {
        "none": IncreasingMap(),
        "sigmoid": sigmoid_map,
        "isotonic": isotonic_map,
        "average": _average(sigmoid_map, isotonic_map),
    }


def _loss(fitted: IncreasingMap, x: np.ndarray, hit: np.ndarray, weight: np.ndarray) -> float:
    p = np.clip(sigmoid(fitted(x)).astype(np.float64), 1e-6, 1 - 1e-6)
    return float(-(weight * np.log(np.where(hit, p, 1 - p))).sum() / weight.sum())


def _fit_map(
    log_odds: np.ndarray, hits: np.ndarray, method: str, weight: np.ndarray
) -> IncreasingMap | None:
    """The map of some places (n, k) of all rows, None where hits or misses are too few."""
    row, place = np.nonzero(np.isfinite(log_odds))
    x, hit, weight = log_odds[row, place].astype(np.float64), hits[row, place], weight[row]
    if min(hit.sum(), (~hit).sum()) < LEAST_OUTCOMES:
        return None
    if method == "auto":
        losses: dict[str, float] = {}
        for fold in range(FOLDS):
            test = row % FOLDS == fold
            for name, fitted in _fit_all(x[~test], hit[~test], weight[~test]).items():
                loss = _loss(fitted, x[test], hit[test], weight[test])
                losses[name] = losses.get(name, 0.0) + loss
        method = min(losses, key=lambda name: losses[name])
    return _fit_all(x, hit, weight)[method]


def fit_calibration(
    log_odds: np.ndarray,
    hits: np.ndarray,
    method: str | None,
    sample_weight: np.ndarray | None = None,
) -> Calibration:
    """Fit the maps on the best places of held-out rows.

    Parameters
    ----------
    log_odds : ndarray of shape (n, k)
        Of the ranked labels, best first; -inf where there is none.
    hits : ndarray of shape (n, k), bool
        Whether each is a label of its row.
    method : {"auto", "sigmoid", "isotonic"} or None
        "auto" takes what has the least log loss in cross-validation over the rows: nothing, one of
        the two, or their average. None is the identity.
    sample_weight : ndarray of shape (n,), default=None

    Returns
    -------
    calibration : Calibration
        Where hits or misses of the first place, or of the later ones, are fewer than 20, with
        the map of all of them; the identity where those are fewer.
    """
    if method is None:
        return Calibration()
    weight = np.ones(len(log_odds)) if sample_weight is None else sample_weight
    first, later, both = slice(0, 1), slice(1, PLACES), slice(0, PLACES)
    maps = [_fit_map(log_odds[:, s], hits[:, s], method, weight) for s in (first, later)]
    if None in maps:
        pooled = _fit_map(log_odds[:, both], hits[:, both], method, weight)
        maps = [pooled if fitted is None else fitted for fitted in maps]
    return Calibration(*maps)
