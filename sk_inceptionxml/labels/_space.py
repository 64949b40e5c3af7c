"""LabelSpace: any form of ``y`` to a CSR indicator, and rankings back to the form of ``y``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import pairwise, repeat
from typing import Any, Literal, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ._names import (
    as_classes,
    check_columns,
    distinct_labels,
    label_names,
    matrix_names,
    unknown_labels_error,
)
from ._rankings import check_indices, check_same_shape, first_places, to_matrix
from ._targets import (
    KIND_OF_FORM,
    Form,
    Target,
    check_n_samples,
    hint_at_joined_labels,
    make_canonical,
    read_target,
    row_bounds,
)


class LabelSpace:
    """The labels that were learned from y, and the form in which y was given.

    The recognised forms are

    * ``"sparse"``: any 2-D SciPy sparse matrix or array of 0 and 1. Repeated entries count
      once and stored zeros are dropped. A :class:`pandas.DataFrame` of sparse columns too.
    * ``"indicator"``: a dense 2-D array or DataFrame of 0 and 1 with at least two columns.
      A nested sequence is an indicator, as in scikit-learn, when all rows have one length of
      at least 2 and all values are 0 or 1. Pass sets to mean the labels 0 and 1 by it.
    * ``"lists"``: a sequence (list, tuple, object array, Series) with one list, tuple, set or
      1-D array of labels per sample, all strings or all integers. Empty rows are allowed and
      repeated labels in a row count once.
    * ``"binary"`` (two distinct labels) and ``"multiclass"`` (any other number): a 1-D
      sequence with one string, integer, boolean or whole number per sample. A dense column of
      shape (n_samples, 1) is read as 1-D, with a ``DataConversionWarning``.

    Build it with :meth:`from_y`. Inputs are never changed, and may be read-only.

    Parameters
    ----------
    form : {"binary", "multiclass", "indicator", "sparse", "lists"}
        The form of y.
    classes : ndarray of shape (n_labels,)
        Names of the columns of Y.
    container : {"csr_array", "csr_matrix"}, default="csr_array"
        Type of sparse outputs.
    dtype : str, default="int64"
        Integer dtype of dense indicator predictions.

    Attributes
    ----------
    form : str
        The form of y.
    classes_ : ndarray of shape (n_labels,)
        Names of the columns of Y. Labels from 1-D or list targets are sorted; lists of strings
        give object dtype. A DataFrame with string names gives these names, other matrices
        ``arange(n_labels)``. Labels that joined later stand last.
    n_labels : int
        Number of labels.

    Examples
    --------
    >>> from sk_inceptionxml.labels import LabelSpace
    >>> space, Y = LabelSpace.from_y([["red", "small"], [], ["blue", "red"]])
    >>> space.form, space.classes_.tolist()
    ('lists', ['blue', 'red', 'small'])
    >>> Y.toarray().astype(int)
    array([[0, 1, 1],
           [0, 0, 0],
           [1, 1, 0]])
    >>> import numpy as np
    >>> ranking = np.array([[1, 2], [0, -1]])
    >>> space.predictions(ranking, keep=np.array([[True, True], [True, False]]))
    [['red', 'small'], ['blue']]
    """

    form: Form
    classes_: NDArray[Any]

    def __init__(
        self,
        form: Form,
        classes: NDArray[Any],
        *,
        container: str = "csr_array",
        dtype: str = "int64",
    ) -> None:
        self.form = form
        self.classes_ = classes
        self.container = container
        self.dtype = dtype

    def __repr__(self) -> str:
        """Return the form and the number of labels."""
        return f"LabelSpace(form={self.form!r}, n_labels={self.n_labels})"

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the lookup tables, which are built again on demand."""
        tables = ("_column_of", "_sorted")
        return {key: value for key, value in self.__dict__.items() if key not in tables}

    @property
    def n_labels(self) -> int:
        """Number of labels, the columns of Y."""
        return len(self.classes_)

    @cached_property
    def _column_of(self) -> dict[str, int]:
        return dict(zip(self.classes_.tolist(), range(self.n_labels), strict=True))

    @cached_property
    def _sorted(self) -> NDArray[np.int64]:
        """Columns in the order of their names: labels that join later are appended."""
        return np.argsort(self.classes_, kind="stable")

    # ------------------------------------------------------------------------ y to CSR

    @classmethod
    def from_y(
        cls, y: Any, *, n_samples: int | None = None, classes: Any = None
    ) -> tuple[LabelSpace, Any]:
        """Learn the form and the labels of `y`, and encode it.

        Parameters
        ----------
        y : {sparse matrix, array-like, sequence of label collections}
            The target, in one of the forms above.
        n_samples : int, default=None
            Number of samples that y must have; None skips the check.
        classes : array-like of shape (n_labels,), default=None
            All labels, if y is only a part (``partial_fit``). For a matrix these are the names of
            its columns, in order. Otherwise they are sorted, and y must not hold any other
            label.

        Returns
        -------
        space : LabelSpace
            What was learned.
        Y : csr_array of shape (n_samples, n_labels), dtype float32
            Indicator with sorted indices, no duplicates and no stored zeros. A 1-D y gives
            one positive per row, also when it is binary.

        Raises
        ------
        ValueError
            If y is None, holds NaN, or has no sample or no positive label. If its number of
            samples is not `n_samples`. If a matrix holds other values than 0 and 1, or a 1-D y
            holds continuous values. If `classes` does not fit y.
        TypeError
            If y or a row of it is of another type, or labels are of mixed types.
        """
        known = None if classes is None else as_classes(classes)
        target = read_target(y, n_classes=None if known is None else len(known))
        check_n_samples(n_samples, target.n_samples)
        if target.n_samples == 0:
            raise ValueError("y has 0 samples; at least one is needed.")
        find_names = label_names if target.csr is None else matrix_names
        names = find_names(target, known)
        form = target.form
        if form == "multiclass" and isinstance(target.labels, list):
            hint_at_joined_labels(target.labels)
        if form == "multiclass" and len(names) == 2:
            form = "binary"
        space = cls(form, names, container=target.container, dtype=target.dtype)
        Y = space.encode_target(target)
        if Y.nnz == 0:
            raise ValueError(
                f"y has no positive label in any of its {target.n_samples} samples; at least one "
                "is needed to learn."
            )
        return space, Y

    def encode(
        self,
        y: Any,
        *,
        n_samples: int | None = None,
        unknown: Literal["raise", "ignore", "append"] = "raise",
    ) -> Any:
        """Encode further targets of the form that was learned.

        Parameters
        ----------
        y : {sparse matrix, array-like, sequence of label collections}
            The target. A matrix may be sparse or dense whichever was learned. Nested 0/1
            rows are read as what was learned.
        n_samples : int, default=None
            Number of samples that y must have; None skips the check.
        unknown : {"raise", "ignore", "append"}, default="raise"
            What to do with labels that were not learned. "ignore" leaves them out. "append" gives
            them columns after the learned ones, sorted by name.

        Returns
        -------
        Y : csr_array of shape (n_samples, n_labels), dtype float32
            Indicator with sorted indices, no duplicates and no stored zeros. Rows may be
            empty.

        Raises
        ------
        ValueError
            If y is of another form, has other columns, holds unknown labels while
            ``unknown="raise"``, or for the reasons of :meth:`from_y`.
        TypeError
            For the reasons of :meth:`from_y`.
        """
        if unknown not in ("raise", "ignore", "append"):
            raise ValueError(f"unknown must be 'raise', 'ignore' or 'append', got {unknown!r}.")
        target = read_target(y, expected=self.form)
        self.check_kind(target)
        check_n_samples(n_samples, target.n_samples)
        return self.encode_target(target, unknown)

    def check_kind(self, target: Target) -> None:
        """Refuse a target of another kind than the one that was learned."""
        learned, got = KIND_OF_FORM[self.form], KIND_OF_FORM[target.form]
        if learned != got:
            raise ValueError(f"y was {learned} when its labels were learned, now it is {got}.")

    def encode_target(self, target: Target, unknown: str = "raise") -> Any:
        """Encode a target that has been read, as :meth:`encode`."""
        if target.csr is not None:
            check_columns(target, self.classes_)
            return target.csr
        columns = self.columns(target.labels)
        if target.numbers is not None:
            columns = columns[target.numbers]
        indptr = cast(NDArray[np.int64], target.indptr).copy()  # merged labels change it in place
        missing, n_columns = columns < 0, self.n_labels
        if missing.any() and unknown == "append":
            new, place = distinct_labels(target, missing)
            columns[missing] = n_columns + place
            n_columns += len(new)
        elif missing.any():
            if unknown == "raise":
                raise unknown_labels_error(target, np.flatnonzero(missing), self.n_labels)
            rows = np.repeat(np.arange(target.n_samples), np.diff(indptr))[~missing]
            indptr = row_bounds(np.bincount(rows, minlength=target.n_samples))
            columns = columns[~missing]
        ones = np.ones(len(columns), dtype=np.float32)
        shape = (target.n_samples, n_columns)
        return make_canonical(sp.csr_array((ones, columns, indptr), shape=shape))

    def columns(self, labels: Any) -> NDArray[np.int64]:
        """Return the column of each label, a list of strings or an array; -1 for an unknown one."""
        if len(labels) == 0:
            return np.zeros(0, dtype=np.int64)
        if isinstance(labels, list) != (self.classes_.dtype.kind in "UO"):
            kind = "strings" if isinstance(labels, list) else "numbers"
            raise TypeError(
                f"The labels of y are {kind}, but the known labels have dtype "
                f"{self.classes_.dtype}; pass labels of that type."
            )
        if isinstance(labels, list):
            found = map(self._column_of.get, labels, repeat(-1))
            return np.fromiter(cast(Iterable[int], found), dtype=np.int64, count=len(labels))
        fits = np.ones(len(labels), dtype=bool)
        if {labels.dtype.kind, self.classes_.dtype.kind} == {"i", "u"}:
            # compared with each other, the two become floats, which do not tell large ones apart
            bounds = np.iinfo(self.classes_.dtype)
            fits = (labels >= bounds.min) & (labels <= bounds.max)
            labels = np.where(fits, labels, labels.dtype.type(0)).astype(self.classes_.dtype)
        place = np.searchsorted(self.classes_, labels, sorter=self._sorted)
        place[place == self.n_labels] = 0
        column = self._sorted[place]
        return np.where(fits & (self.classes_[column] == labels), column, -1)

    # ------------------------------------------------------------------------ rankings to y

    def topk_names(self, indices: NDArray[Any]) -> NDArray[Any]:
        """Return the names of ranked labels.

        Parameters
        ----------
        indices : ndarray of shape (n_samples, k), dtype int
            Columns of Y, best first, -1 for nothing.

        Returns
        -------
        names : ndarray of shape (n_samples, k)
            Names in the dtype of `classes_`, with ``""`` for nothing if they are strings and
            -1 if they are signed integers. Names of any other dtype come as objects, with
            None for nothing.

        Raises
        ------
        ValueError
            If `indices` is not 2-D or holds a column that does not exist.
        """
        indices = check_indices(indices, self.n_labels)
        kind = self.classes_.dtype.kind
        classes = self.classes_ if kind in "UOi" else self.classes_.astype(object)
        names = classes[indices]
        names[indices < 0] = {"U": "", "O": "", "i": -1}.get(kind)
        return names

    def predictions(self, indices: NDArray[Any], keep: NDArray[Any]) -> Any:
        """Return predicted labels in the form of y.

        Parameters
        ----------
        indices : ndarray of shape (n_samples, k), dtype int
            Columns of Y, best first, distinct within a row, -1 for nothing.
        keep : ndarray of shape (n_samples, k), dtype bool
            True at the places that are predicted as positive. 1-D forms do not use it: they
            get the first label of each row.

        Returns
        -------
        y : {csr_array, csr_matrix, ndarray, list}
            * "sparse": CSR of int64 ones, (n_samples, n_labels), an array or a matrix as y was;
            * "indicator": ndarray of 0 and 1, (n_samples, n_labels), in the integer dtype of y
              (int64 for bool and float);
            * "lists": list of n_samples lists of names, best first;
            * "binary", "multiclass": ndarray of names, (n_samples,).

        Raises
        ------
        ValueError
            If the arrays do not fit together, `indices` holds a column that does not exist, or
            the form is 1-D and a row has no label.
        """
        indices = check_indices(indices, self.n_labels)
        if self.form in ("binary", "multiclass"):
            return self.classes_[first_places(indices, self.form)]
        mask = check_same_shape("keep", keep, indices).astype(bool) & (indices >= 0)
        columns, indptr = indices[mask], row_bounds(mask.sum(axis=1))
        if self.form == "lists":
            names = self.classes_[columns].tolist()
            return [names[start:stop] for start, stop in pairwise(indptr.tolist())]
        ones = np.ones(len(columns), dtype=np.int64 if self.form == "sparse" else self.dtype)
        return self._to_matrix(ones, columns, indptr)

    def probabilities(self, indices: NDArray[Any], scores: NDArray[Any]) -> Any:
        """Return the probabilities of ranked labels as a matrix over all labels.

        Parameters
        ----------
        indices : ndarray of shape (n_samples, k), dtype int
            Columns of Y, distinct within a row, -1 for nothing.
        scores : ndarray of shape (n_samples, k), dtype float32
            Probability at each place.

        Returns
        -------
        proba : {csr_array, csr_matrix, ndarray} of shape (n_samples, n_labels), dtype float32
            CSR for the forms "sparse" (an array or a matrix as y was) and "lists"
            (csr_array); what is not stored was not scored, and a stored 0 was. Dense for the
            other forms, with 0 at labels that were not scored.

        Raises
        ------
        ValueError
            If the arrays do not fit together or `indices` holds a column that does not exist.
        """
        indices = check_indices(indices, self.n_labels)
        scores = check_same_shape("scores", scores, indices)
        mask = indices >= 0
        values = scores[mask].astype(np.float32)
        return self._to_matrix(values, indices[mask], row_bounds(mask.sum(axis=1)))

    def _to_matrix(self, *parts: NDArray[Any]) -> Any:
        container = self.container if self.form in ("sparse", "lists") else "ndarray"
        return to_matrix(parts, self.n_labels, container)

    # ------------------------------------------------------------------------ persistence

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description, from which :meth:`from_dict` builds an equal one.

        Returns
        -------
        state : dict
            Strings, numbers, lists and dicts only.
        """
        names = self.classes_
        is_range = names.dtype == np.int64 and np.array_equal(names, np.arange(len(names)))
        return {
            "form": self.form,
            "container": self.container,
            "dtype": self.dtype,
            "classes_dtype": "object" if names.dtype == object else names.dtype.str,
            # millions of anonymous columns need no list
            "classes": {"range": len(names)} if is_range else {"names": names.tolist()},
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> LabelSpace:
        """Build a label space from the result of :meth:`to_dict`.

        Parameters
        ----------
        state : mapping
            What :meth:`to_dict` returned, possibly through JSON.

        Returns
        -------
        space : LabelSpace
            Equal to the one that was described.

        Raises
        ------
        ValueError
            If an entry is missing or the form is not known.
        """
        absent = {"form", "container", "dtype", "classes_dtype", "classes"} - set(state)
        if absent:
            raise ValueError(
                f"state has no entry {sorted(absent)[0]!r}; pass what to_dict returned."
            )
        if state["form"] not in KIND_OF_FORM:
            raise ValueError(f"form must be one of {list(KIND_OF_FORM)}, got {state['form']!r}.")
        content: Mapping[str, Any] = state["classes"]
        dtype = np.dtype(state["classes_dtype"])
        if "range" in content:
            classes = np.arange(content["range"], dtype=dtype)
        else:
            classes = np.array(content["names"], dtype=dtype)
        return cls(state["form"], classes, container=state["container"], dtype=state["dtype"])
