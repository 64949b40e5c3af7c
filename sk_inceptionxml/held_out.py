"""Rows that no training step sees, for early stopping and for the fusion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml.prediction import Rows

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


def take_rows(rows: Rows, places: np.ndarray) -> Rows:
    """Some of the rows."""
    texts = None if rows.texts is None else [rows.texts[i] for i in places]
    return Rows(rows.tokens.take(places), texts)


def split_rows(
    rows: Rows,
    Y: sp.csr_array,
    weight: np.ndarray | None,
    fraction: float,
    random_state: np.random.RandomState,
) -> tuple[np.ndarray, HeldOut]:
    """Places of the rows to train on, and the rows held out: a share of all, 4,000 at most.

    None are held out where that share has fewer than 50.
    """
    n = len(rows.tokens)
    n_held_out = min(int(n * fraction), MAX_VALIDATION_ROWS)
    if n_held_out < MIN_VALIDATION_ROWS:
        n_held_out = 0
    order = random_state.permutation(n)
    place = np.sort(order[:n_held_out])
    part = None if weight is None else weight[place]
    return np.sort(order[n_held_out:]), HeldOut(take_rows(rows, place), Y[place], part, place)


def given_rows(rows: Rows, Y: sp.csr_array, random_state: np.random.RandomState) -> HeldOut:
    """Rows given beside the training rows, 10,000 of them at most."""
    place = np.arange(len(rows.tokens))
    if len(place) > MAX_GIVEN_ROWS:
        place = np.sort(random_state.permutation(len(place))[:MAX_GIVEN_ROWS])
    return HeldOut(take_rows(rows, place), Y[place], None, None)


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
        rows = estimator._rows(X)
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
) -> tuple[np.ndarray, HeldOut]:
    """Places of the rows to train on, and the rows that no step sees.

    Raises
    ------
    ValueError
        If ``early_stopping`` would have no rows to watch.
    """
    fraction = estimator.validation_fraction if given is None else 0.0
    train, held_out = split_rows(rows, Y, weight, fraction, random_state)
    if given is not None:
        return train, given_rows(*given, random_state)
    if estimator.early_stopping and len(held_out) == 0:
        raise ValueError(
            f"early_stopping=True needs held-out rows: validation_fraction={fraction} of "
            f"{len(rows.tokens)} rows is under {MIN_VALIDATION_ROWS}. Raise validation_fraction, "
            "give validation_data to fit, or set early_stopping=False."
        )
    return train, held_out
