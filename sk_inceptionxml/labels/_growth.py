"""A y of many: the first of several, one with the same labels, one with further labels."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ._names import as_classes, check_columns, distinct_labels
from ._space import LabelSpace
from ._targets import Target, check_n_samples, make_canonical, read_target


def first_labels(
    y: Any, *, n_samples: int | None = None, classes: Any = None
) -> tuple[LabelSpace, Any]:
    """Learn labels from the first y of several, as ``LabelSpace.from_y``.

    Raises
    ------
    ValueError
        If y is 1-D and `classes` is None: one part of a 1-D y seldom holds every class.
    """
    space, Y = LabelSpace.from_y(y, n_samples=n_samples, classes=classes)
    if classes is None and space.form in ("binary", "multiclass"):
        raise ValueError(
            "classes must be passed on the first call to partial_fit where y is 1-D: the names of "
            "all classes, also of those that come later."
        )
    return space, Y


def same_labels(
    space: LabelSpace, y: Any, *, n_samples: int | None = None, named: Collection[Any] = ()
) -> tuple[LabelSpace, Any]:
    """Encode a y that holds the labels of `space`, in their columns; outputs mirror this y.

    Labels of ``named`` count as held.

    Raises
    ------
    ValueError
        If y holds other labels, or lacks one.
    """
    found, _ = LabelSpace.from_y(y, n_samples=n_samples)
    old, new = set(space.classes_.tolist()), {*found.classes_.tolist(), *named}
    if old != new:
        example = min(new - old or old - new, key=str)
        raise ValueError(
            "warm_start can only be used where y has the labels of the previous fit: "
            f"{len(new - old)} are new and {len(old - new)} are absent, such as {example!r:.80}. "
            "Use partial_fit for new labels, or warm_start=False."
        )
    grown = LabelSpace(found.form, space.classes_, container=found.container, dtype=found.dtype)
    return grown, grown.encode(y)


def grow_label_space(
    space: LabelSpace, y: Any, *, n_samples: int | None = None, classes: Any = None
) -> tuple[LabelSpace, Any]:
    """Encode a later y, and add the labels that it brings.

    Known labels keep their columns, and new ones are appended. New labels of a matrix keep the
    order of its columns; others are sorted.

    Parameters
    ----------
    space : LabelSpace
        What was learned so far; never changed.
    y : {sparse matrix, array-like, sequence of label collections}
        The target, of the kind that was learned.
    n_samples : int, default=None
        Number of samples that y must have; None skips the check.
    classes : array-like of shape (n_classes,), default=None
        Names of labels, known or new. For a matrix: of its columns, in their order. For label
        collections: those that y may hold besides the known ones; None allows any. For 1-D y:
        all labels, the known ones among them; None allows the known ones only.

    Returns
    -------
    grown : LabelSpace
        With the new labels; `space` itself if there are none.
    Y : csr_array of shape (n_samples, n_labels), dtype float32
        Indicator over the columns of `grown`.

    Raises
    ------
    ValueError
        If y is of another kind than was learned, has no sample, holds a label that is neither
        known nor allowed, or if `classes` does not fit it.
    TypeError
        If `classes` or the labels of y are not of the type of the known ones.
    """
    given = None if classes is None else as_classes(classes)
    target = read_target(y, expected=space.form, n_classes=None if given is None else len(given))
    space.check_kind(target)
    check_n_samples(n_samples, target.n_samples)
    if target.n_samples == 0:
        raise ValueError("y has 0 samples; at least one is needed.")
    if target.csr is not None:
        return _grow_matrix(space, target, given)
    return _grow_names(space, target, given)


def _grow_matrix(
    space: LabelSpace, target: Target, given: NDArray[Any] | None
) -> tuple[LabelSpace, Any]:
    n_columns = target.csr.shape[1]
    if given is None:
        if n_columns != space.n_labels:
            raise ValueError(
                f"y has {n_columns} columns, but {space.n_labels} labels are known. To add labels "
                "or leave some out, pass classes= with the name of every column of y, in order."
            )
        check_columns(target, space.classes_)
        return space, target.csr
    if len(given) != n_columns:
        raise ValueError(f"classes has {len(given)} names, but y has {n_columns} columns.")
    check_columns(target, given, "in classes")
    columns = _columns_of(space, given)
    new = columns < 0
    columns[new] = space.n_labels + np.arange(new.sum())
    grown = _with_names(space, given[new])
    Y = sp.csr_array(
        (target.csr.data, columns[target.csr.indices], target.csr.indptr),
        shape=(target.n_samples, grown.n_labels),
    )
    return grown, make_canonical(Y)


def _grow_names(
    space: LabelSpace, target: Target, given: NDArray[Any] | None
) -> tuple[LabelSpace, Any]:
    if given is None:
        new = _unknown_labels(space, target) if space.form == "lists" else space.classes_[:0]
    else:
        columns = _columns_of(space, given)
        known = np.zeros(space.n_labels, dtype=bool)
        known[columns[columns >= 0]] = True
        if space.form != "lists" and not known.all():
            absent = space.classes_[~known]
            raise ValueError(
                f"classes lacks {len(absent)} of the {space.n_labels} known labels, the first is "
                f"{absent[:1].tolist()[0]!r:.80}; name all labels, old and new."
            )
        new = np.unique(given[columns < 0])
    grown = _with_names(space, new)
    return grown, grown.encode_target(target)


def _unknown_labels(space: LabelSpace, target: Target) -> NDArray[Any]:
    """Sorted distinct labels of collections that are not known."""
    return distinct_labels(target, space.columns(target.labels) < 0)[0]


def _columns_of(space: LabelSpace, names: NDArray[Any]) -> NDArray[np.int64]:
    """Column of each of the names in `classes`, -1 for a new one."""
    if (names.dtype.kind in "UO") != (space.classes_.dtype.kind in "UO") or (
        (names.dtype.kind == "b") != (space.classes_.dtype.kind == "b")
    ):
        raise TypeError(
            f"classes has dtype {names.dtype}, but the known labels have dtype "
            f"{space.classes_.dtype}; name labels of that type."
        )
    return space.columns(names.tolist() if names.dtype.kind in "UO" else names)


def _with_names(space: LabelSpace, new: NDArray[Any]) -> LabelSpace:
    """A label space with the new names appended; the same one if there are none."""
    if len(new) == 0:
        return space
    old = space.classes_
    if old.dtype.kind not in "UO":
        kind = old.dtype if (new.astype(old.dtype) == new).all() else np.result_type(old, new)
        if any((x.astype(kind).astype(x.dtype) != x).any() for x in (old, new)):
            raise ValueError(
                f"No number type holds both the known labels ({old.dtype}) and the new ones in "
                f"classes ({new.dtype})."
            )
        classes = np.concatenate([old.astype(kind), new.astype(kind)])
    else:
        classes = np.concatenate([old, new.astype(object) if old.dtype == object else new])
    form = space.form
    if form in ("binary", "multiclass"):
        form = "binary" if len(classes) == 2 else "multiclass"
    return LabelSpace(form, classes, container=space.container, dtype=space.dtype)
