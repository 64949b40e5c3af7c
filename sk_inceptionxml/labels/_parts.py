"""A y that comes in parts, read as if it came at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import count
from typing import Any, cast

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml._utils.storage import MEMORY, Storage

from ._names import check_columns
from ._targets import KIND_OF_FORM, Target, check_n_samples, read_target, row_bounds


class TargetParts:
    """Parts of y, of which the labels are known only at the end; a context, as its files are.

    Parameters
    ----------
    storage : Storage, default=MEMORY
        Where the labels of the rows are put.

    Examples
    --------
    >>> from sk_inceptionxml.labels import LabelSpace, TargetParts
    >>> parts = TargetParts()
    >>> parts.add([["red"], []], n_samples=2)
    >>> parts.add([["blue", "red"]], n_samples=1)
    >>> space, Y = LabelSpace.from_y(parts.target())
    >>> space.classes_.tolist(), Y.toarray().astype(int).tolist()
    (['blue', 'red'], [[0, 1], [0, 0], [1, 1]])
    """

    def __init__(self, storage: Storage = MEMORY) -> None:
        self._first: Target | None = None
        self._lengths = [np.zeros(0, dtype=np.int64)]
        self._written = storage.writer(np.int32)  # columns, or numbers of labels as they come
        self._numbers: defaultdict[Any, int] = defaultdict(count().__next__)
        self._dtype: Any = None  # of the labels so far

    def __enter__(self) -> TargetParts:
        return self

    def __exit__(self, *error: Any) -> None:
        self._written.__exit__(*error)

    def add(self, y: Any, n_samples: int) -> None:
        """Read the y of some further samples.

        Raises
        ------
        ValueError, TypeError
            If it is of another kind than the parts before, or for the reasons of ``LabelSpace``.
        """
        first = self._first
        target = read_target(y, expected=None if first is None else first.form)
        check_n_samples(n_samples, target.n_samples)
        if first is None:
            first = self._first = target
        learned, got = KIND_OF_FORM[first.form], KIND_OF_FORM[target.form]
        if learned != got:
            raise ValueError(f"y was {learned} in the chunks before, now it is {got}.")
        if target.csr is None:
            self._lengths.append(np.diff(cast(Any, target.indptr)))
            self._add_labels(target)
        else:
            self._lengths.append(np.diff(target.csr.indptr))
            self._add_matrix(target, first)

    def target(self) -> Target:
        """All parts together; ``LabelSpace`` reads it as a y.

        Raises
        ------
        ValueError
            If there is none.
        """
        first = self._first
        if first is None:
            raise ValueError("y has 0 samples; at least one is needed.")
        indptr, written = row_bounds(np.concatenate(self._lengths)), self._written.finish()
        whole = replace(first, n_samples=len(indptr) - 1, labels=None, indptr=None)
        if first.csr is not None:
            ones = np.ones(len(written), dtype=np.float32)
            shape = (whole.n_samples, first.csr.shape[1])
            return replace(whole, csr=sp.csr_array((ones, written, indptr), shape=shape))
        names: Any = list(self._numbers)
        if self._dtype is None or self._dtype.kind not in "UO":
            names = np.array(names, dtype=self._dtype or np.int64)
        return replace(
            whole,
            labels=names,
            indptr=indptr,
            numbers=written,
            names_dtype=self._dtype or first.names_dtype,
        )

    def _add_matrix(self, target: Target, first: Target) -> None:
        n_columns, before = target.csr.shape[1], first.csr.shape[1]
        if n_columns != before:
            raise ValueError(f"y has {n_columns} columns, but {before} in the chunks before.")
        if first.columns is not None:
            check_columns(target, first.columns, "in the chunks before")
        self._written.append(target.csr.indices)

    def _add_labels(self, target: Target) -> None:
        labels: Any = target.labels
        if not len(labels):
            return
        is_text = isinstance(labels, list)
        if self._dtype is not None and (self._dtype.kind in "UO") != is_text:
            now, before = ("strings", "numbers") if is_text else ("numbers", "strings")
            raise TypeError(f"The labels of y are {now}, but {before} in the chunks before.")
        kind = np.dtype(target.names_dtype if is_text else labels.dtype)
        self._dtype = kind if self._dtype is None else np.result_type(self._dtype, kind)
        values = labels if is_text else labels.tolist()
        new = np.fromiter(map(self._numbers.__getitem__, values), np.int32, len(values))
        self._written.append(new)
