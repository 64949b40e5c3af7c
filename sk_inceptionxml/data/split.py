"""Rows that no training step sees, for early stopping and for the fusion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml._utils.sparse import column_counts
from sk_inceptionxml.text import TokenVectorizer

from .dataset import Dataset, Rows

MIN_VALIDATION_ROWS, MAX_VALIDATION_ROWS = 50, 4000
MAX_GIVEN_ROWS = 10_000  # the fusion holds 200 candidates of each in memory


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows held out of the training rows, or given beside them.

    ``place`` (n_rows,) is the place of each among the training rows, None where they were given.
    """

    data: Dataset
    place: np.ndarray | None

    def __len__(self) -> int:
        return len(self.data)


def split(
    data: Dataset,
    fraction: float,
    random_state: np.random.RandomState,
    given: Dataset | None = None,
) -> tuple[Dataset, HeldOut]:
    """Rows to train on, and rows that no step sees.

    Parameters
    ----------
    data : Dataset
    fraction : float
        Share to hold out. A row is never held out if no other row shares a label with it.
    random_state : RandomState
    given : Dataset or None
        Rows to use instead; 10,000 of them at most. Then all of ``data`` is trained on.

    Returns
    -------
    train : Dataset
    held_out : HeldOut
        Empty where fewer than 50 rows could be held out.
    """
    n = len(data)
    order = random_state.permutation(n)
    may_judge = np.zeros(n, dtype=bool)
    may_judge[answerable(data.Y, data.label_counts - 1)] = True
    n_out = n_held_out(n, fraction if given is None else 0.0)
    place = np.sort(order[may_judge[order]][:n_out])
    if len(place) < MIN_VALIDATION_ROWS:
        place = place[:0]
    train = data.take(np.delete(np.arange(n), place))
    if given is None:
        return train, HeldOut(data.take(place), place)
    chosen = np.arange(len(given))
    if len(given) > MAX_GIVEN_ROWS:
        chosen = np.sort(random_state.permutation(len(given))[:MAX_GIVEN_ROWS])
    return train, HeldOut(given.take(chosen), None)


def n_held_out(n_rows: int, fraction: float) -> int:
    """Rows to hold out of as many: a share, 4,000 at most; none where that is fewer than 50."""
    n = min(int(n_rows * fraction), MAX_VALIDATION_ROWS)
    return n if n >= MIN_VALIDATION_ROWS else 0


def as_unseen(held_out: HeldOut, data: Dataset, reader: TokenVectorizer) -> HeldOut:
    """Held-out rows as ``predict`` would read them, had each not been one of the rows of ``fit``.

    A word that no other row has would be unknown.
    """
    if held_out.place is None or not len(held_out):
        return held_out
    known = data.tokens.document_frequency(reader.n_tokens_) > 1
    rows = Rows(reader.forget(held_out.data.tokens, known), held_out.data.rows.texts)
    return HeldOut(Dataset(rows, held_out.data.Y, held_out.data.weight), held_out.place)


def shared_columns(features: sp.csr_array) -> np.ndarray:
    """Columns, as bool, that more than one row has."""
    return column_counts(features) > 1


def answerable(Y: sp.csr_array, counts: np.ndarray) -> np.ndarray:
    """Numbers of the rows of which a known label may be right.

    Left out are rows all of whose labels have ``counts`` (n_labels,) of 0: as in every benchmark,
    a text is asked for labels that training has.
    """
    sizes = np.diff(Y.indptr)
    row = np.repeat(np.arange(len(sizes)), sizes)
    n_known = np.bincount(row[counts[Y.indices] > 0], minlength=len(sizes))
    return np.flatnonzero((n_known > 0) | (sizes == 0))


def check_rows_to_watch(held_out: HeldOut, n_rows: int, fraction: float) -> None:
    """Refuse early stopping without rows to watch.

    Raises
    ------
    ValueError
        If no row is held out.
    """
    if not len(held_out):
        raise ValueError(
            f"early_stopping=True needs held-out rows: validation_fraction={fraction} of "
            f"{n_rows} rows, or the rows that share a label with another one, are under "
            f"{MIN_VALIDATION_ROWS}. Raise validation_fraction, "
            "give validation_data to fit, or set early_stopping=False."
        )


def check_enough_rows(n_rows: int) -> None:
    """Refuse fewer rows than a fusion can be fitted on.

    Raises
    ------
    ValueError
        If there are.
    """
    if n_rows < MIN_VALIDATION_ROWS:
        raise ValueError(
            f"X has {n_rows} rows, but at least {MIN_VALIDATION_ROWS} are needed; give rows that "
            "fit has not seen."
        )


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


def read_pair(
    validation_data: Any, read_rows: Callable[[Any], Rows], encode: Callable[..., sp.csr_array]
) -> Dataset | None:
    """Rows and labels of ``validation_data``; None where it is None.

    Parameters
    ----------
    validation_data : pair (X_val, y_val) or None
    read_rows : callable
        Reads X_val.
    encode : callable
        ``LabelSpace.encode`` of the labels of y.

    Raises
    ------
    ValueError, TypeError
        If they are not of the kind of X and y.
    """
    if validation_data is None:
        return None
    X, y = validation_data
    try:
        rows = read_rows(X)
        Y = encode(y, n_samples=len(rows), unknown="ignore")
        if len(rows) == 0:
            raise ValueError("it has no rows.")
    except (ValueError, TypeError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"validation_data: {error}") from error
    return Dataset(rows, Y)
