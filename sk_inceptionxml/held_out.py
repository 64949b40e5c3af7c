"""Rows that no training step sees, for early stopping, and the fusion that is fitted on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml.calibration import PLACES, Calibration, fit_calibration
from sk_inceptionxml.fusion import Fusion, hits, recall
from sk_inceptionxml.inference import choose_cluster_weight
from sk_inceptionxml.prediction import Rows
from sk_inceptionxml.row_order import repeat_rows, weigh_rows
from sk_inceptionxml.sync import SyncHead
from sk_inceptionxml.vectorize import Tokens

if TYPE_CHECKING:
    from sk_inceptionxml.classifier import InceptionXMLClassifier

MIN_VALIDATION_ROWS, MAX_VALIDATION_ROWS = 50, 4000
MAX_GIVEN_ROWS = 10_000  # the fusion holds 200 candidates of each in memory


class HeldOut(NamedTuple):
    """Rows and their labels, held out of the training rows or given beside them."""

    rows: Rows
    Y: sp.csr_array
    weight: np.ndarray | None
    place: np.ndarray | None  # of each among the training rows, None where given beside them

    def __len__(self) -> int:
        return len(self.rows.tokens)

    def take(self, rows: np.ndarray) -> HeldOut:
        """The rows of these numbers."""
        weight, place = (None if x is None else x[rows] for x in (self.weight, self.place))
        return HeldOut(self.rows.take(rows), self.Y[rows], weight, place)


def split_rows(
    rows: Rows,
    Y: sp.csr_array,
    weight: np.ndarray | None,
    fraction: float,
    random_state: np.random.RandomState,
) -> tuple[np.ndarray, HeldOut]:
    """Places of the rows to train on, and the rows held out.

    Rows that no other row could answer for are trained on.
    """
    n = len(rows.tokens)
    order = random_state.permutation(n)
    may_judge = np.zeros(n, dtype=bool)
    may_judge[answerable(Y, np.bincount(Y.indices, minlength=Y.shape[1]) - 1)] = True
    n_out = n_held_out(n, fraction)
    place = np.sort(order[may_judge[order]][:n_out])
    if len(place) < MIN_VALIDATION_ROWS:
        place = place[:0]
    part = None if weight is None else weight[place]
    train = np.delete(np.arange(n), place)
    return train, HeldOut(rows.take(place), Y[place], part, place)


def n_held_out(n_rows: int, fraction: float) -> int:
    """Rows to hold out of as many: a share, 4,000 at most; none where that is fewer than 50."""
    n = min(int(n_rows * fraction), MAX_VALIDATION_ROWS)
    return n if n >= MIN_VALIDATION_ROWS else 0


def weighted_rows(weight: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows to learn from and their weights as multiples of their mean, None where all are equal.

    Rows are repeated only where none will be held out: a copy would be trained on.
    """
    few = not n_held_out(int(weight.sum()), fraction)
    rows, rest = repeat_rows(weight) if few else weigh_rows(weight)
    if rest is None or (rest == rest[0]).all():
        return rows, None
    return rows, np.maximum(rest / rest.mean(), 1e-30)  # the quotient may be 0


def given_rows(rows: Rows, Y: sp.csr_array, random_state: np.random.RandomState) -> HeldOut:
    """Rows given beside the training rows, 10,000 of them at most."""
    place = np.arange(len(rows.tokens))
    if len(place) > MAX_GIVEN_ROWS:
        place = np.sort(random_state.permutation(len(place))[:MAX_GIVEN_ROWS])
    return HeldOut(rows.take(place), Y[place], None, None)


def check_pair(validation_data: Any) -> None:
    """Refuse ``validation_data`` that is neither None nor a pair.

    Raises
    ------
    TypeError
        If it is not.
    """
    if validation_data is None:
        return
    is_sequence = isinstance(validation_data, (tuple, list))
    if not is_sequence or len(validation_data) != 2:
        size = f" of {len(validation_data)}" if is_sequence else ""
        raise TypeError(
            "validation_data must be a pair (X_val, y_val), got "
            f"{type(validation_data).__name__}{size}."
        )


def read_given(
    estimator: InceptionXMLClassifier, validation_data: Any
) -> tuple[Rows, sp.csr_array] | None:
    """Rows and labels of ``validation_data``, once words and labels of the estimator are known.

    Raises
    ------
    ValueError, TypeError
        If they are not of the kind of X and y.
    """
    if validation_data is None:
        return None
    X, y = validation_data
    try:
        rows = estimator._read_more(X)
        Y = estimator.label_space_.encode(y, n_samples=len(rows.tokens), unknown="ignore")
        if len(rows.tokens) == 0:
            raise ValueError("it has no rows.")
    except (ValueError, TypeError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"validation_data: {error}") from error
    return rows, Y


def hold_out(
    estimator: InceptionXMLClassifier,
    rows: Rows,
    Y: sp.csr_array,
    weight: np.ndarray | None,
    given: tuple[Rows, sp.csr_array] | None,
    random_state: np.random.RandomState,
    watches: bool,
) -> tuple[np.ndarray, HeldOut]:
    """Places of the rows to train on, and the rows that no step sees.

    Raises
    ------
    ValueError
        If the training watches held-out rows, and there are none.
    """
    fraction = estimator.validation_fraction if given is None else 0.0
    train, held_out = split_rows(rows, Y, weight, fraction, random_state)
    if given is not None:
        return train, given_rows(*given, random_state)
    if watches and len(held_out) == 0:
        raise ValueError(
            f"early_stopping=True needs held-out rows: validation_fraction={fraction} of "
            f"{len(rows.tokens)} rows, or the rows that share a label with another one, are under "
            f"{MIN_VALIDATION_ROWS}. Raise validation_fraction, "
            "give validation_data to fit, or set early_stopping=False."
        )
    return train, _unseen(estimator, held_out, rows.tokens)


def _unseen(estimator: InceptionXMLClassifier, held_out: HeldOut, tokens: Tokens) -> HeldOut:
    """Held-out rows as ``predict`` would read them, had each not been one of the rows of ``fit``.

    A word that no other row has would be unknown.
    """
    if len(held_out) == 0:
        return held_out
    vectorizer, (rows, *others) = estimator.vectorizer_, held_out
    known = _shared(tokens.to_csr(vectorizer.n_tokens_))
    return HeldOut(Rows(vectorizer.forget(rows.tokens, known), rows.texts), *others)


def _shared(features: sp.csr_array) -> np.ndarray:
    """Columns, as bool, that more than one row has."""
    return np.bincount(features.indices, minlength=features.shape[1]) > 1


def answerable(Y: sp.csr_array, counts: np.ndarray) -> np.ndarray:
    """Numbers of the rows of which a known label may be right.

    Left out are rows all of whose labels have ``counts`` (n_labels,) of 0: as in every benchmark,
    a text is asked for labels that training has.
    """
    sizes = np.diff(Y.indptr)
    row = np.repeat(np.arange(len(sizes)), sizes)
    n_known = np.bincount(row[counts[Y.indices] > 0], minlength=len(sizes))
    return np.flatnonzero((n_known > 0) | (sizes == 0))


def fit_fusion(
    estimator: InceptionXMLClassifier,
    held_out: HeldOut,
    counts: np.ndarray,
) -> None:
    """Set ``fusion_``, ``calibration_`` and ``shortlist_recall_`` from the held-out rows.

    Parameters
    ----------
    estimator : InceptionXMLClassifier
        With its network, and with all rows of ``fit`` in its lexical memory.
    held_out : HeldOut
        Where it is empty, fusion and calibration are fixed.
    counts : ndarray of shape (n_labels,)
        Rows of ``fit`` of every label, those held out included.
    """
    memory = estimator.neighbours_
    estimator.fusion_ = fusion = Fusion(np.log1p(counts), lexical=memory is not None)
    estimator.calibration_ = Calibration()
    estimator.shortlist_recall_ = None
    if len(held_out) == 0:
        return
    module, tokens = estimator.net_.module_, held_out.rows.tokens
    if isinstance(module.head, SyncHead):
        choose_cluster_weight(module, tokens, held_out.Y, estimator.max_len)
    own, known = held_out.place, None
    if own is not None and memory is not None:
        known = _shared(memory.X_)
    evidence = estimator._lexical(held_out.rows, known)
    candidates = estimator._candidates(tokens, evidence, own)
    hit = hits(candidates, held_out.Y)
    if isinstance(module.head, SyncHead):
        shortlist = np.where(candidates.observed, candidates.labels, -1)
        estimator.shortlist_recall_ = recall(candidates._replace(labels=shortlist), held_out.Y)
    if own is not None:
        # a label of no other row is no candidate, be it right or wrong, that no count tells which
        shared = counts[candidates.labels] > 1
        candidates = candidates._replace(labels=np.where(shared, candidates.labels, -1))
        hit &= shared
    fusion.fit(candidates, hit, held_out.weight)
    log_odds = fusion.log_odds(candidates)
    best = np.argsort(-log_odds, axis=1, kind="stable")[:, :PLACES]
    estimator.calibration_ = fit_calibration(
        np.take_along_axis(log_odds, best, 1),
        np.take_along_axis(hit, best, 1),
        estimator.calibrate,
        held_out.weight,
    )
