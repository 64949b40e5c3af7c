"""The names of labels: which ones there are, and how y keeps to them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ._targets import Target, plain_labels


def as_classes(classes: Any) -> NDArray[Any]:
    """Return given names of labels as a 1-D array of distinct names of one type, in order."""
    if not isinstance(classes, np.ndarray) or classes.dtype.kind in "OT":
        array = plain_labels(list(classes), object if hasattr(classes, "dtype") else None)
    else:
        array = classes
    if array.ndim != 1 or len(array) == 0 or array.dtype.kind not in "biufUO":
        raise ValueError(
            "classes must be a non-empty 1-D array of label names, got shape "
            f"{array.shape} and dtype {array.dtype}."
        )
    names = np.unique(array)
    if len(names) < len(array):
        raise ValueError(f"classes must be distinct, got {len(array) - len(names)} repeated names.")
    return array.copy()


def matrix_names(target: Target, known: NDArray[Any] | None) -> NDArray[Any]:
    """Return the names of the columns of a matrix: known, its own, or numbers."""
    n_labels = target.csr.shape[1]
    names = target.columns if known is None else known
    if names is None:
        names = np.arange(n_labels, dtype=np.int64)
    if len(names) != n_labels:
        raise ValueError(f"classes has {len(names)} names, but y has {n_labels} columns.")
    if len(set(names.tolist())) != n_labels:
        raise ValueError("The column names of y must be distinct; rename or drop repeated ones.")
    return cast(NDArray[Any], names)


def label_names(target: Target, known: NDArray[Any] | None) -> NDArray[Any]:
    """Return the sorted distinct names of labels read from 1-D or list targets."""
    labels = target.labels
    if known is not None:
        names = np.unique(known)
        if target.form == "lists" and names.dtype.kind == "U":
            names = names.astype(object)
    elif isinstance(labels, list):
        names = np.array([str(name) for name in sorted(set(labels))], dtype=target.names_dtype)
    else:
        names = np.unique(cast(Any, labels))
    return names


def check_columns(target: Target, classes: NDArray[Any], where: str = "the known labels") -> None:
    """Refuse a matrix whose columns are not these classes, known from ``where``."""
    n_columns = target.csr.shape[1]
    if n_columns != len(classes):
        raise ValueError(f"y has {n_columns} columns, but {len(classes)} labels were learned.")
    if target.columns is None or classes.dtype.kind not in "UO":
        return
    differ = np.flatnonzero(target.columns != classes)
    if differ.size:
        j = int(differ[0])
        raise ValueError(
            f"The columns of y must be named and ordered as {where}: column "
            f"{j} is {target.columns[j]!r}, not {str(classes[j])!r}."
        )


def distinct_labels(target: Target, where: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the sorted distinct labels at some places of a target, and which each one is."""
    labels = cast(Any, target.labels)
    names = np.array(labels, dtype=object) if isinstance(labels, list) else labels
    return np.unique(names[where], return_inverse=True)


def unknown_labels_error(target: Target, missing: NDArray[np.int64], n_known: int) -> ValueError:
    """Return the error that counts the labels at the `missing` places and shows the first."""
    row = int(np.searchsorted(cast(Any, target.indptr), missing[0], side="right")) - 1
    labels = cast(Any, target.labels)
    names = {labels[i] if isinstance(labels, list) else labels[i].item() for i in missing}
    first = labels[missing[0]]
    first = first if isinstance(first, str) else first.item()
    return ValueError(
        f"y has {len(names)} label(s) that are not among the {n_known} known ones, the "
        f"first is {first!r:.80} in y[{row}]. Name all labels, also new ones, in classes when "
        "learning, or leave unknown ones out (unknown='ignore')."
    )
