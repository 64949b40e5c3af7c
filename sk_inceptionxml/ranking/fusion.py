"""One calibrated probability from the network's score and the lexical evidence.

The candidates of a row are the network's best labels and the best labels of its lexical
neighbours. A logistic regression on a few features of each (row, label) pair, fitted on rows
held out of the training, turns them into probabilities that are ranked and returned.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from .label_texts import TextEvidence
from .pairs import best_places, find

LOGIT_LIMIT = 15.0
TAIL_WEIGHT = 0.05  # a hit of a label with n training rows counts (1 + n) ** -0.05
LOG_COUNT = 3  # among the features
WHOLE = 0.999  # coverage from which every word of a label's text stands in the query
FIXED = [0.1, 6.0], -2.0  # weights of the network's log-odds and of the lexical score, intercept
TEXT_CANDIDATES = 50
FEW_ROWS = 5  # training rows of labels that show what a text alone is worth
# of a label without training rows, by what its text says, where no fit is possible
UNSEEN = [2.0, 2.0, 2.0, 1.0, 0.0, 0.0], -8.0
FIXED_ROWS, REMEMBERED_ROWS = 50, 500  # what the fixed weights and all rows before count for


class Candidates(NamedTuple):
    """Labels that may be returned for each row; -1 fills the places that hold none."""

    labels: np.ndarray  # (n, m) int64
    network: np.ndarray  # (n, m) float32, log-odds of the network
    lexical: np.ndarray  # (n, m) float32, score of the lexical neighbours
    observed: np.ndarray  # (n, m) bool, the network ranked the label among its best
    log_counts: np.ndarray  # (n, m) float32, log(1 + training rows of the label)
    text: np.ndarray | None = None  # (3, n, m) float32, what the label's text says


def top_entries(scores: sp.csr_array, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns (n, k) and values (n, k) of the largest positive entries; -1 and 0 where fewer."""
    n = scores.shape[0]
    if not scores.has_sorted_indices:
        scores = scores.sorted_indices()
    keep = scores.data > 0
    row = np.repeat(np.arange(n, dtype=np.int64), np.diff(scores.indptr))[keep]
    column, value = scores.indices[keep], scores.data[keep].astype(np.float32, copy=False)
    # bits of positive floats are in the order of the floats; of equal ones the first stays first
    order = np.argsort((row << 32) - value.view(np.int32), kind="stable")
    column, value = column[order], value[order]  # row is sorted: it is the same in this order
    place, keep = best_places(row, n, k)
    columns = np.full((n, k), -1, dtype=np.int64)
    values = np.zeros((n, k), dtype=np.float32)
    columns[row[keep], place[keep]] = column[keep]
    values[row[keep], place[keep]] = value[keep]
    return columns, values


def join_candidates(
    labels: np.ndarray,
    logits: np.ndarray,
    lexical: sp.csr_array | None,
    n_lexical: int,
    log_counts: np.ndarray,
    n_first: int | None = None,
    evidence: TextEvidence | None = None,
) -> Candidates:
    """Join the network's ranking with the best labels of the lexical neighbours and of the texts.

    Parameters
    ----------
    labels, logits : ndarray of shape (n, c)
        The network's best labels, -1 for none, and their log-odds.
    lexical : csr_array of shape (n, n_labels) or None
        Scores of the neighbours' labels.
    n_lexical : int
        Lexical labels that join at most.
    log_counts : ndarray of shape (n_labels,), float32
        ``log(1 + training rows)`` of every label.
    n_first : int, optional
        Labels from this number on came later, and do not count for those before them.
    evidence : TextEvidence, optional
        Of the texts of labels.

    Returns
    -------
    candidates : Candidates of shape (n, c + n_lexical), wider with ``evidence``
        A label that the network does not know gets its lowest score of the row, which bounds it
        from above.
    """
    n, c = labels.shape
    observed = labels >= 0
    if lexical is None and evidence is not None:
        lexical, n_lexical = sp.csr_array((n, len(log_counts)), dtype=np.float32), 0
    if lexical is None:
        zero = np.zeros(labels.shape, dtype=np.float32)
        return Candidates(labels, logits, zero, observed, log_counts[np.maximum(labels, 0)])
    lexical = sp.csr_array(lexical)
    lexical.sort_indices()
    n_labels = lexical.shape[1]
    rows = np.arange(n)[:, None]
    stored = np.repeat(np.arange(n, dtype=np.int64), np.diff(lexical.indptr)) * n_labels
    known = _values_at(stored + lexical.indices, lexical.data, rows * n_labels + labels)
    extra, value = top_entries(lexical, n_lexical)
    own = np.sort(np.where(observed, rows * n_labels + labels, -1).ravel())
    extra[contains(own, rows * n_labels + extra)] = -1
    if evidence is not None:
        told = evidence.best(TEXT_CANDIDATES)
        taken = np.hstack([labels, extra])
        among = np.sort(np.where(taken >= 0, rows * n_labels + taken, -1), axis=None)
        told[contains(among, rows * n_labels + told)] = -1
        by_rows = _values_at(stored + lexical.indices, lexical.data, rows * n_labels + told)
        extra, value = np.hstack([extra, told]), np.hstack([value, np.where(told < 0, 0, by_rows)])
    floor = np.where(observed, logits, np.inf).min(axis=1, initial=0.0)[:, None]
    if n_first is not None and n_first < n_labels:
        first = np.where(observed & (labels < n_first), logits, np.inf).min(axis=1, initial=0.0)
        floor = np.where(extra < n_first, first[:, None], floor)
    labels = np.hstack([labels, extra])
    return Candidates(
        labels,
        np.hstack([logits, np.broadcast_to(floor, extra.shape)]).astype(np.float32),
        np.hstack([np.where(observed, known, 0.0), value]).astype(np.float32),
        np.hstack([observed, np.zeros(extra.shape, dtype=bool)]),
        log_counts[np.maximum(labels, 0)],
        None if evidence is None else evidence.at(labels),
    )


def contains(sorted_keys: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Whether each key is among the sorted ones."""
    return find(sorted_keys, keys)[1]


def _values_at(sorted_keys: np.ndarray, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
    if not len(sorted_keys):
        return np.zeros(keys.shape, dtype=np.float32)
    place, found = find(sorted_keys, keys)
    return np.where(found, values[place], 0.0)


def hits(labels: np.ndarray, Y: sp.csr_array) -> np.ndarray:
    """Whether each of some labels (n, m) is one of its row, by an indicator with sorted rows."""
    n, n_labels = Y.shape
    keys = np.repeat(np.arange(n, dtype=np.int64), np.diff(Y.indptr)) * n_labels + Y.indices
    return contains(keys, np.arange(n)[:, None] * n_labels + labels) & (labels >= 0)


def recall(labels: np.ndarray, Y: sp.csr_array) -> float:
    """Share of the true labels among some labels (n, m), -1 for none.

    Mean over the rows that have a true label.
    """
    n_true = np.diff(Y.indptr)
    labelled = n_true > 0
    if not labelled.any():
        return 0.0
    return float((hits(labels, Y).sum(axis=1)[labelled] / n_true[labelled]).mean())


class Fusion:
    """Logistic regression on the features of (row, label) pairs.

    Parameters
    ----------
    n_labels : int
        Labels there are.
    lexical : bool
        Whether lexical evidence takes part.
    text : bool, default=False
        Whether the texts of labels do.
    tail_weight : float, default=0.05
        A hit of a label with n training rows counts ``(1 + n) ** -tail_weight`` in the fit.

    Attributes
    ----------
    coef_ : ndarray of shape (N_FEATURES,), or N_TEXT_FEATURES more
    intercept_ : float
    unseen_ : ndarray of shape (N_UNSEEN + 1,)
        Weights and intercept for labels without training rows, of which only the text tells.
    n_rows : int
        Rows that it was fitted on; 0 where the weights are fixed.
    n_first : int
        Labels there were at first; those that came later are candidates besides them.
    """

    N_FEATURES = 13
    N_TEXT_FEATURES = 11
    N_UNSEEN = 6

    def __init__(
        self, n_labels: int, lexical: bool, text: bool = False, tail_weight: float = TAIL_WEIGHT
    ) -> None:
        self.n_rows, self.n_first = 0, n_labels
        self.lexical, self.text, self.tail_weight = lexical, text, tail_weight
        self.coef_ = np.zeros(self.N_FEATURES + self.N_TEXT_FEATURES * text)
        self.unseen_ = np.array([*UNSEEN[0], UNSEEN[1]])
        # until fitted; benchmarks/accuracy/fixed_fusion.py compares such weights
        self.coef_[:2], self.intercept_ = FIXED if lexical else ([1.0, 0.0], 0.0)

    def features(self, c: Candidates) -> list[np.ndarray]:
        """Features of every candidate, as many as weights, arrays of shape (n, m), float32."""
        valid = c.labels >= 0
        z = np.clip(c.network, -LOGIT_LIMIT, LOGIT_LIMIT).astype(np.float32)
        s = np.clip(c.lexical, -0.5, 1.5).astype(np.float32)
        root = np.sqrt(np.maximum(s, 0.0))
        count = c.log_counts
        best_z = np.where(valid, z, -LOGIT_LIMIT).max(axis=1, keepdims=True, initial=-LOGIT_LIMIT)
        best_s = np.where(valid, s, 0).max(axis=1, keepdims=True, initial=0)
        one = np.float32(1)
        known = [
            z, s, root, count, z * root, count * root, ~c.observed * one,
            z * count, count * count, count * count * root, (s > 0) * one, best_z - z, best_s - s,
        ]  # fmt: skip
        if not self.text:
            return known
        ngrams, words, query = _text_of(c)
        whole = (words > WHOLE) * one
        return [
            *known, ngrams, words, whole, query, ngrams * ngrams, ngrams * count, whole * count,
            ngrams * z, ngrams * root, words * root, ngrams * query,
        ]  # fmt: skip

    def fit(self, c: Candidates, hits: np.ndarray, sample_weight: np.ndarray | None) -> Fusion:
        """Fit on candidates and whether each is a label of its row.

        Parameters
        ----------
        c : Candidates of shape (n, m)
        hits : ndarray of shape (n, m), bool
        sample_weight : ndarray of shape (n,) or None
        """
        valid = c.labels >= 0
        hit = hits[valid]
        if hit.sum() < 20 or (~hit).sum() < 20:
            return self
        features = self.features(c)
        F = np.stack([feature[valid] for feature in features], axis=-1, dtype=np.float64)
        weight = np.ones(len(hit))
        # rare labels count for a little more: what tail recall gains, the first places do not lose
        rare = np.exp(-self.tail_weight * features[LOG_COUNT][valid][hit])
        weight[hit] = rare / rare.mean()
        if sample_weight is not None:
            relative = sample_weight / sample_weight.mean()  # the regularisation is no multiple
            weight *= np.broadcast_to(relative[:, None], valid.shape)[valid]
        mean, scale = F.mean(axis=0), F.std(axis=0) + 1e-6
        model = LogisticRegression(C=1.0, max_iter=500)
        model.fit((F - mean) / scale, hit, sample_weight=weight)
        self.coef_ = model.coef_[0] / scale
        self.intercept_ = float(model.intercept_[0] - mean @ self.coef_)
        self.n_rows = len(c.labels)
        if self.text:
            self._fit_unseen(c, hits)
        return self

    def _fit_unseen(self, c: Candidates, hits: np.ndarray) -> None:
        """Learn what the text of a label alone is worth, from labels of few training rows."""
        told = (c.labels >= 0) & (c.log_counts <= np.log1p(FEW_ROWS)) & (_text_of(c)[0] > 0)
        hit = hits[told]
        if hit.sum() < 20 or (~hit).sum() < 20:
            return
        F = np.stack([feature[told] for feature in _unseen_features(c)], axis=-1, dtype=float)
        model = LogisticRegression(C=1.0, max_iter=500).fit(F, hit)
        self.unseen_ = np.append(model.coef_[0], model.intercept_)

    def anew(self, n_labels: int) -> Fusion:
        """Not yet fitted, of the same evidence; what a text alone is worth stays until learned."""
        new = Fusion(n_labels, self.lexical, self.text, self.tail_weight)
        new.unseen_ = self.unseen_
        return new

    def updated(self, c: Candidates, hits: np.ndarray, sample_weight: np.ndarray | None) -> Fusion:
        """A fusion on the way to a fit on further rows, as far as they are more than those before.

        Network and memory change as they learn, so that at most 500 earlier rows count.
        """
        new = self.anew(self.n_first).fit(c, hits, sample_weight)
        if not new.n_rows:
            return self
        share = new.n_rows / (new.n_rows + np.clip(self.n_rows, FIXED_ROWS, REMEMBERED_ROWS))
        new.coef_ = (1 - share) * self.coef_ + share * new.coef_
        new.intercept_ = float((1 - share) * self.intercept_ + share * new.intercept_)
        new.n_rows += self.n_rows
        return new

    def log_odds(self, c: Candidates) -> np.ndarray:
        """Log-odds (n, m) that each candidate is a label of its row; -inf where there is none."""
        out = np.full(c.labels.shape, self.intercept_, dtype=np.float32)
        features = self.features(c)
        for weight, feature in zip(self.coef_.astype(np.float32), features, strict=True):
            out += weight * feature
        if self.text:
            unseen = np.full(out.shape, self.unseen_[-1], dtype=np.float32)
            for weight, feature in zip(self.unseen_, _unseen_features(c), strict=False):
                unseen += np.float32(weight) * feature
            out = np.where(c.log_counts == 0, unseen, out)
        return np.where(c.labels >= 0, out, np.float32(-np.inf))

    def to_dict(self) -> dict[str, Any]:
        """State as plain data."""
        return {
            "coef": self.coef_.tolist(),
            "intercept": self.intercept_,
            "lexical": self.lexical,
            "text": self.text,
            "tail_weight": float(self.tail_weight),
            "unseen": self.unseen_.tolist(),
            "n_rows": self.n_rows,
            "n_first": self.n_first,
        }


def _text_of(c: Candidates) -> np.ndarray:
    """Coverages (3, n, m); 0 where the texts were not asked."""
    return np.zeros((3, *c.labels.shape), dtype=np.float32) if c.text is None else c.text


def _unseen_features(c: Candidates) -> list[np.ndarray]:
    ngrams, words, query = _text_of(c)
    whole = (words > WHOLE) * np.float32(1)
    return [ngrams, words, whole, query, ngrams * ngrams, ngrams * query]


def add_further(
    c: Candidates, log_odds: np.ndarray, labels: np.ndarray, logits: np.ndarray, n_first: int
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and log-odds of the candidates, and behind them those of the network's other labels.

    However many are asked for, a label keeps its log-odds.

    Parameters
    ----------
    c : Candidates of shape (n, m)
    log_odds : ndarray of shape (n, m), float32
    labels, logits : ndarray of shape (n, r)
        Labels that the network ranks, -1 for none, and their log-odds; those that are candidates
        already are left out.
    n_first : int
        Labels from this number on came later, and do not count for those before them.

    Returns
    -------
    labels, log_odds : ndarray of shape (n, m + r)
        A label is as far below the lowest candidate as the network has it below its last one.
    """
    later = c.labels >= n_first
    kinds = (c.labels >= 0) & ~later, later
    lowest, floor = (
        np.where(labels < n_first, *(_least(values, where & kind) for kind in kinds))
        for values, where in ((log_odds, True), (c.network, c.observed))
    )
    width = 1 + max(c.labels.max(initial=0), labels.max(initial=0))
    rows = np.arange(len(labels))[:, None] * width
    known = np.sort(np.where(c.labels >= 0, rows + c.labels, -1).ravel())
    absent = (labels < 0) | contains(known, rows + labels)
    gap = np.where(absent, 0, logits) - np.where(absent, 0, floor)
    behind = np.nextafter(lowest, np.float32(-np.inf)) + gap
    return (
        np.hstack([c.labels, np.where(absent, -1, labels)]),
        np.hstack([log_odds, np.where(absent, np.float32(-np.inf), behind)]),
    )


def _least(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Least value (n, 1) of each row among some; infinite where there are none."""
    chosen = np.where(where, values, np.float32(np.inf))
    least: np.ndarray = chosen.min(axis=1, keepdims=True, initial=np.inf)
    return least


def rank(labels: np.ndarray, log_odds: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Best k labels (n, k) and log-odds (n, k), best first; ties by the lower label.

    Places without a candidate hold label -1 and -inf.
    """
    n, m = log_odds.shape
    order = np.lexsort((labels, -log_odds), axis=1)[:, :k] if m else np.empty((n, 0), int)
    best = np.take_along_axis(labels, order, axis=1)
    scores = np.take_along_axis(log_odds, order, axis=1)
    if m < k:
        best = np.pad(best, ((0, 0), (0, k - m)), constant_values=-1)
        scores = np.pad(scores, ((0, 0), (0, k - m)), constant_values=-np.inf)
    return best, scores
