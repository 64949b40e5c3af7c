"""Label lists in place of indicators and rankings of columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp

NOTHING = ("", None, -1)  # what rankings of names hold where there is no label


def by_column(y_true: Any, topk: Any) -> tuple[Any, Any, bool]:
    """Truth and ranking by columns, where both are given by the names of labels.

    Parameters
    ----------
    y_true, topk : object
        As a metric was given them. Label lists, one collection of labels a row, or one label a
        row; for ``topk`` also an array of names, best first.

    Returns
    -------
    y_true : csr_array of shape (n_samples, n_names), or as given
    topk : ndarray of shape (n_samples, n_places), or as given
    named : bool
        Whether they were given by name.

    Raises
    ------
    TypeError
        If only one of them is given by name, or places have no order.
    """
    true = _rows(y_true, is_truth=True)
    if true is None:
        if _rows(topk, is_truth=False) is not None:
            raise TypeError(
                "topk holds names of labels, but y_true is an indicator of columns. Pass label "
                "lists as y_true too, or columns or scores as topk, such as predict_proba gives."
            )
        return y_true, topk, False
    given = _rows(topk, is_truth=False, are_names=True)
    if given is None:
        raise TypeError(
            "y_true holds label lists, but topk is a matrix of scores. Pass the names that "
            "predict_topk or predict give, or an indicator as y_true."
        )
    if any(isinstance(row, (set, frozenset)) for row in given):
        raise TypeError("topk holds sets, which have no order; pass lists, best label first.")
    kinds = [{type(_plain(x)) for row in side for x in row} & {str, int} for side in (true, given)]
    if all(kinds) and kinds[0] != kinds[1]:
        raise TypeError(
            "y_true and topk name labels by different types, one by str and the other by numbers; "
            "pass names of one type."
        )
    if len(given) != len(true):
        raise ValueError(f"topk has {len(given)} rows, but y_true has {len(true)}.")
    column: dict[Any, int] = {}
    for name in chain.from_iterable(chain(true, given)):
        column.setdefault(_plain(name), len(column))
    sizes = [len(row) for row in true]
    flat = [column[_plain(name)] for row in true for name in row]
    indptr = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    shape = (len(true), max(1, len(column)))
    Y = sp.csr_array((np.ones(len(flat)), np.array(flat, dtype=np.int64), indptr), shape=shape)
    Y.sum_duplicates()
    Y.data[:] = 1.0
    ranking = np.full((len(given), max([1, *map(len, given)])), -1, dtype=np.int64)
    for i, row in enumerate(given):
        places = [-1 if _plain(name) in NOTHING else column[_plain(name)] for name in row]
        ranking[i, : len(places)] = places
    return Y, ranking, True


def refuse_names(named: bool) -> None:
    """Refuse label lists where a weight or a count is given by column.

    Raises
    ------
    ValueError
        If ``named``.
    """
    if named:
        raise ValueError(
            "y_true holds label lists, but label weights and counts are by column. Pass an "
            "indicator as y_true, such as MultiLabelBinarizer makes, and columns or scores as topk."
        )


def _rows(values: Any, is_truth: bool, are_names: bool = False) -> list[Any] | None:
    """One collection of labels a row, if the values are names of labels."""
    if sp.issparse(values) or hasattr(values, "columns"):
        return None
    if isinstance(values, np.ndarray) and values.ndim == 2:
        is_name = values.dtype.kind in "UO" or (are_names and values.dtype.kind in "iu")
        return values.tolist() if is_name and not is_truth else None
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        return None
    if isinstance(values, np.ndarray) and values.ndim != 1:
        return None
    rows = list(values)
    if rows and all(isinstance(row, str) for row in rows):
        return [[row] for row in rows]
    if not rows or not all(_is_collection(row) for row in rows):
        return None
    kinds = {type(_plain(x)) for row in rows for x in row}
    if kinds <= {str, type(None)} and str in kinds:
        return rows
    if not kinds <= {int}:
        return None
    sizes = {len(row) for row in rows}
    has_sets = any(isinstance(row, (set, frozenset)) for row in rows)
    # rows of numbers of one length are an indicator or a ranking, if they can be
    return rows if are_names or has_sets or len(sizes) > 1 else None


def _is_collection(row: Any) -> bool:
    return isinstance(row, Collection) and not isinstance(row, (str, bytes, Mapping))


def _plain(name: Any) -> Any:
    """The text of a string of any class, the number of a NumPy scalar."""
    if isinstance(name, str):
        return str.__str__(name)
    return name.item() if isinstance(name, np.generic) else name
