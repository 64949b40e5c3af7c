"""Labels: any form of ``y`` to a CSR indicator, and rankings back to the form of ``y``."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise, repeat
from typing import Any, Literal, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets

__all__ = ["LabelSpace"]

Form = Literal["binary", "multiclass", "indicator", "sparse", "lists"]

_KIND_OF_FORM: dict[str, str] = {
    "binary": "a 1-D array of labels",
    "multiclass": "a 1-D array of labels",
    "indicator": "an indicator matrix",
    "sparse": "an indicator matrix",
    "lists": "a sequence of label collections",
}
_COLLECTIONS = (list, tuple, set, frozenset, np.ndarray)
_MISSING_TYPES = {"NoneType", "NAType", "NaTType"}


@dataclass
class _Target:
    """What was read from y: a matrix (`csr`), or flat `labels` cut into rows by `indptr`."""

    form: Form
    n_samples: int
    csr: Any = None
    labels: list[str] | NDArray[Any] | None = None
    indptr: NDArray[np.int64] | None = None
    names_dtype: Any = object  # dtype of classes_ when the labels are strings
    columns: NDArray[Any] | None = None  # names of the columns of a DataFrame
    container: str = "csr_array"
    dtype: str = "int64"


# ---------------------------------------------------------------------------- reading y


def _read(y: Any, expected: str | None = None, n_classes: int | None = None) -> _Target:
    """Recognise `y`; `expected` (a form already learned) settles what is ambiguous."""
    if y is None:
        raise ValueError("LabelSpace requires y to be passed, but the target y is None.")
    if sp.issparse(y):
        return _read_sparse(y)
    if hasattr(y, "columns") and hasattr(getattr(y, "sparse", None), "to_coo"):
        target = _read_sparse(sp.coo_array(y.sparse.to_coo()))
        target.columns = _column_names(y)
        return target
    if hasattr(y, "__array__"):
        return _read_array(y, expected, n_classes)
    if isinstance(y, Sequence) and not isinstance(y, (str, bytes)):
        return _read_sequence(list(y), expected, n_classes)
    raise TypeError(
        f"y must be an array, a sparse matrix or a sequence of labels, got {type(y).__name__}."
    )


def _read_array(y: Any, expected: str | None, n_classes: int | None) -> _Target:
    array = np.asarray(y)
    is_matrix = expected in ("sparse", "indicator")
    if array.ndim == 2 and (array.shape[1] != 1 or is_matrix):
        target = _read_dense(array)
        target.columns = _column_names(y)
        return target
    if array.ndim == 2:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the "
            "shape of y to (n_samples,), for example using ravel().",
            DataConversionWarning,
            stacklevel=2,
        )
        array = array.ravel()
    if array.ndim != 1:
        raise ValueError(f"y must have 1 or 2 dimensions, got an array of shape {array.shape}.")
    if array.dtype.kind in "OT":
        return _read_sequence(array.tolist(), expected, n_classes, names_dtype=object)
    return _one_dim(array)


def _read_sequence(
    rows: list[Any], expected: str | None, n_classes: int | None, names_dtype: Any = None
) -> _Target:
    has_collections = any(issubclass(kind, _COLLECTIONS) for kind in set(map(type, rows)))
    if has_collections or expected == "lists":
        return _read_lists(rows, expected, n_classes)
    return _one_dim(_scalars(rows, names_dtype))


def _read_sparse(y: Any) -> _Target:
    if y.ndim != 2:
        raise ValueError(f"A sparse y must be 2-D (n_samples, n_labels), got shape {y.shape}.")
    # COO keeps duplicates apart, so that values are checked before anything sums them
    source = y if y.format == "csr" else y.tocoo()
    data = source.data
    wrong = np.flatnonzero((data != 0) & (data != 1))
    if wrong.size:
        coo = source.tocoo()
        i, j = int(coo.row[wrong[0]]), int(coo.col[wrong[0]])
        raise _not_indicator(data[wrong[0]].item(), i, j)
    flags = (data != 0).astype(np.float32)
    if y.format == "csr":
        csr = sp.csr_array((flags, source.indices.copy(), source.indptr.copy()), shape=y.shape)
    else:
        csr = sp.csr_array((flags, (source.row, source.col)), shape=y.shape)
    csr.check_format(full_check=True)
    container = "csr_array" if isinstance(y, sp.sparray) else "csr_matrix"
    return _Target("sparse", y.shape[0], csr=_canonical(csr), container=container)


def _read_dense(array: NDArray[Any]) -> _Target:
    if array.dtype.kind not in "biufO":
        raise ValueError(
            f"A 2-D y must be an indicator of 0 and 1, got dtype {array.dtype}. Pass label "
            "names as one collection per sample, for example y.tolist()."
        )
    if array.dtype == object:
        array = _numeric(array)
    rows, cols = np.nonzero(array)  # NaN is nonzero, so it is seen here
    values = array[rows, cols]
    wrong = np.flatnonzero(values != 1)
    if wrong.size:
        first = wrong[0]
        raise _not_indicator(values[first], int(rows[first]), int(cols[first]))
    indptr = _indptr(np.bincount(rows, minlength=len(array)))
    csr = sp.csr_array((np.ones(len(cols), np.float32), cols, indptr), shape=array.shape)
    # bool and float indicators are answered with int64, as scikit-learn does
    dtype = array.dtype.name if array.dtype.kind in "iu" else "int64"
    return _Target("indicator", len(array), csr=_canonical(csr), dtype=dtype)


def _numeric(array: NDArray[Any]) -> NDArray[Any]:
    """Return an object matrix of numbers as floats; None would otherwise pass for 0."""
    flat = array.ravel().tolist()
    good = {kind for kind in set(map(type, flat)) if _family(kind) in ("int", "bool", "float")}
    for place, value in enumerate(flat):
        if type(value) not in good:
            raise _not_indicator(value, *divmod(place, array.shape[1]))
    return array.astype(np.float64)


def _read_lists(rows: list[Any], expected: str | None, n_classes: int | None) -> _Target:
    row_types = set(map(type, rows))
    for kind in row_types:
        if not issubclass(kind, _COLLECTIONS):
            raise _bad_row(rows, kind)
    if any(issubclass(kind, np.ndarray) for kind in row_types):
        rows = [_unpack_row(i, row) for i, row in enumerate(rows)]
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    indptr = _indptr(lengths)
    flat = list(chain.from_iterable(rows))
    label_types = set(map(type, flat))
    families = {_family(kind) for kind in label_types}
    has_sets = any(issubclass(kind, (set, frozenset)) for kind in row_types)
    if expected != "lists" and not has_sets and families <= {"int", "bool", "float"}:
        dense = _as_indicator(flat, lengths, expected, n_classes)
        if dense is not None:
            return _read_dense(dense)
    _check_label_types(flat, label_types, indptr)
    labels = flat if families == {"str"} else _int_array(flat)
    return _Target("lists", len(rows), labels=cast(Any, labels), indptr=indptr)


def _as_indicator(
    flat: list[Any], lengths: NDArray[np.int64], expected: str | None, n_classes: int | None
) -> NDArray[Any] | None:
    """Return nested 0/1 rows of one length as an array, or None if they are label lists."""
    n_columns = int(lengths[0]) if len(lengths) else 0
    if n_columns == 0 or (lengths != n_columns).any():
        return None
    if expected not in ("sparse", "indicator"):
        # a partial_fit that names its classes tells the two readings apart
        if n_columns < 2 or n_classes not in (None, n_columns):
            return None
        if any(value not in (0, 1) for value in flat[:n_columns]) or not set(flat) <= {0, 1}:
            return None
    return np.array(flat).reshape(len(lengths), n_columns)


def _scalars(values: list[Any], names_dtype: Any) -> NDArray[Any]:
    """Return plain labels as a 1-D array of one type."""
    kinds = set(map(type, values))
    families = {_family(kind): kind for kind in kinds}
    missing = [kind for kind in kinds if kind.__name__ in _MISSING_TYPES]
    has_nan = "str" in families and "float" in families
    for i, value in enumerate(values if missing or has_nan else ()):
        if type(value) in missing or (isinstance(value, float) and value != value):
            raise ValueError(f"Input y contains NaN or None: y[{i}] is {value!r}.")
    if "other" in families or ("str" in families and len(families) > 1):
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(
            f"The labels of y must be all strings or all numbers, got {names}. Convert them to "
            "one type, or pass one collection of labels per sample."
        )
    if families.keys() == {"str"} and names_dtype is not None:
        return np.array([str(value) for value in values], dtype=object)
    return np.array(values)


def _one_dim(array: NDArray[Any]) -> _Target:
    if array.dtype.kind not in "biufUO":
        raise TypeError(
            f"The labels of y must be strings, integers, booleans or whole numbers, got dtype "
            f"{array.dtype}. Convert them, for example with y.astype(str)."
        )
    if array.dtype.kind == "f":
        assert_all_finite(array, input_name="y")
        if (array != np.trunc(array)).any():
            check_classification_targets(array)  # raises in the words of scikit-learn
        array = array.astype(np.float64) if array.dtype.itemsize > 8 else array
    is_text = array.dtype.kind in "UO"
    return _Target(
        "multiclass",
        len(array),
        labels=array.tolist() if is_text else array,
        indptr=np.arange(len(array) + 1, dtype=np.int64),
        names_dtype=array.dtype,
    )


# ---------------------------------------------------------------------------- small parts


def _canonical(csr: Any) -> Any:
    """Sort, merge duplicates, drop zeros and set ones, in place on an own matrix."""
    csr.sum_duplicates()
    csr.eliminate_zeros()
    csr.data[:] = 1
    return csr


def _indptr(lengths: NDArray[Any]) -> NDArray[np.int64]:
    indptr = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=indptr[1:])
    return indptr


def _family(kind: type) -> str:
    for name, parents in (
        ("str", (str,)),
        ("bool", (bool, np.bool_)),
        ("int", (int, np.integer)),
        ("float", (float, np.floating)),
    ):
        if issubclass(kind, cast(Any, parents)):
            return name
    return "other"


def _int_array(flat: list[Any]) -> NDArray[np.int64]:
    try:
        return np.array(flat, dtype=np.int64)
    except OverflowError as error:
        raise ValueError("Integer labels of y must fit in int64; pass them as strings.") from error


def _column_names(y: Any) -> NDArray[Any] | None:
    columns = list(getattr(y, "columns", ()))
    if columns and all(isinstance(name, str) for name in columns):
        return np.array(columns, dtype=object)
    return None


def _unpack_row(i: int, row: Any) -> Any:
    if not isinstance(row, np.ndarray):
        return row
    if row.ndim != 1:
        raise TypeError(f"y[{i}] is an array of shape {row.shape}; a row of labels must be 1-D.")
    return row.tolist()


def _bad_row(rows: list[Any], kind: type) -> TypeError:
    i = next(i for i, row in enumerate(rows) if type(row) is kind)
    got = "None" if rows[i] is None else f"{rows[i]!r:.50} ({kind.__name__})"
    return TypeError(
        f"y[{i}] is {got}; with label collections every row must be a list, tuple, set or 1-D "
        "array of labels (an empty list for a sample without labels)."
    )


def _check_label_types(flat: list[Any], kinds: set[type], indptr: NDArray[np.int64]) -> None:
    first = {kind: next(i for i, x in enumerate(flat) if type(x) is kind) for kind in kinds}
    place = {kind: int(np.searchsorted(indptr, i, side="right")) - 1 for kind, i in first.items()}
    for kind in sorted(kinds, key=lambda kind: first[kind]):
        if _family(kind) not in ("str", "int"):
            raise TypeError(
                f"Labels must be strings or integers, but y[{place[kind]}] holds "
                f"{flat[first[kind]]!r:.50} ({kind.__name__})."
            )
    if len({_family(kind) for kind in kinds}) > 1:
        where = " and ".join(f"{k.__name__} (y[{place[k]}])" for k in sorted(kinds, key=first.get))  # type: ignore[arg-type]
        raise TypeError(f"The labels of y must be of one type, got {where}; convert them to str.")


def _not_indicator(value: Any, i: int, j: int) -> ValueError:
    value = value.item() if isinstance(value, np.generic) else value
    if type(value).__name__ in _MISSING_TYPES or value != value:
        return ValueError(f"Input y contains NaN: y[{i}, {j}] is {value!r}.")
    return ValueError(
        f"A 2-D y must hold only 0 and 1, but y[{i}, {j}] is {value!r}. For counts or weights "
        "pass (y > 0); for label ids pass one collection per sample, for example y.tolist()."
    )


def _as_classes(classes: Any, *, sort: bool) -> NDArray[Any]:
    """Return given names of labels as a 1-D array of distinct names of one type."""
    if not isinstance(classes, np.ndarray) or classes.dtype.kind in "OT":
        array = _scalars(list(classes), object if hasattr(classes, "dtype") else None)
    else:
        array = classes
    if array.ndim != 1 or len(array) == 0 or array.dtype.kind not in "biufUO":
        raise ValueError(
            "classes must be a non-empty 1-D array of label names, got shape "
            f"{array.shape} and dtype {array.dtype}."
        )
    names = np.unique(array)
    if sort:
        return names
    if len(names) < len(array):
        raise ValueError(f"classes must be distinct, got {len(array) - len(names)} repeated names.")
    return array.copy()


def _check_rows(n_samples: int | None, n_rows: int) -> None:
    if n_samples is not None and n_samples != n_rows:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[int(n_samples), int(n_rows)]}"
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
        Names of the columns of Y: sorted for labels that were read from 1-D or list targets
        (object dtype for lists of strings), the names of the columns for a DataFrame whose
        columns are all strings, and ``arange(n_labels)`` for other matrices.
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
        """Return the state without the lookup table, which is built again on demand."""
        return {key: value for key, value in self.__dict__.items() if key != "_column_of"}

    @property
    def n_labels(self) -> int:
        """Number of labels, the columns of Y."""
        return len(self.classes_)

    @property
    def _has_names(self) -> bool:
        return self.classes_.dtype.kind in "UO"

    @cached_property
    def _column_of(self) -> dict[str, int]:
        return dict(zip(self.classes_.tolist(), range(self.n_labels), strict=True))

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
            All labels, where y is only a part (``partial_fit``). For matrices these are the
            names of the columns, in order; otherwise they are sorted, and y must not hold
            any other label.

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
            If y is None, has no sample or no positive label, has another number of samples
            than `n_samples`, holds NaN, values other than 0 and 1 in a matrix or continuous
            values in 1-D, or if `classes` does not fit y.
        TypeError
            If y or a row of it is of another type, or labels are of mixed types.
        """
        known = None if classes is None else _as_classes(classes, sort=False)
        target = _read(y, n_classes=None if known is None else len(known))
        _check_rows(n_samples, target.n_samples)
        if target.n_samples == 0:
            raise ValueError("y has 0 samples; at least one is needed.")
        if target.csr is not None:
            space = cls._of_matrix(target, known)
        else:
            space = cls._of_labels(target, known)
        Y = space._encode(target, unknown="raise")
        if Y.nnz == 0:
            raise ValueError(
                f"y has no positive label in any of its {target.n_samples} samples; at least one "
                "is needed to learn."
            )
        return space, Y

    @classmethod
    def _of_matrix(cls, target: _Target, known: NDArray[Any] | None) -> LabelSpace:
        n_labels = target.csr.shape[1]
        names = target.columns if known is None else known
        if names is None:
            names = np.arange(n_labels, dtype=np.int64)
        if len(names) != n_labels:
            raise ValueError(f"classes has {len(names)} names, but y has {n_labels} columns.")
        if len(set(names.tolist())) != n_labels:
            raise ValueError(
                "The column names of y must be distinct; rename or drop repeated ones."
            )
        return cls(target.form, names, container=target.container, dtype=target.dtype)

    @classmethod
    def _of_labels(cls, target: _Target, known: NDArray[Any] | None) -> LabelSpace:
        labels = target.labels
        if known is not None:
            names = np.unique(known)
            if target.form == "lists" and names.dtype.kind == "U":
                names = names.astype(object)
        elif isinstance(labels, list):
            names = np.array([str(name) for name in sorted(set(labels))], dtype=target.names_dtype)
        else:
            names = np.unique(cast(Any, labels))
        form = target.form
        if form != "lists":
            form = "binary" if len(names) == 2 else "multiclass"
        return cls(form, names)

    def encode(
        self,
        y: Any,
        *,
        n_samples: int | None = None,
        unknown: Literal["raise", "ignore"] = "raise",
    ) -> Any:
        """Encode further targets of the form that was learned.

        Parameters
        ----------
        y : {sparse matrix, array-like, sequence of label collections}
            The target. A matrix may be sparse or dense whichever was learned. Nested 0/1
            rows are read as what was learned.
        n_samples : int, default=None
            Number of samples that y must have; None skips the check.
        unknown : {"raise", "ignore"}, default="raise"
            What to do with labels that were not learned; "ignore" leaves them out.

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
        if unknown not in ("raise", "ignore"):
            raise ValueError(f"unknown must be 'raise' or 'ignore', got {unknown!r}.")
        target = _read(y, expected=self.form)
        learned, got = _KIND_OF_FORM[self.form], _KIND_OF_FORM[target.form]
        if learned != got:
            raise ValueError(f"y was {learned} when its labels were learned, now it is {got}.")
        _check_rows(n_samples, target.n_samples)
        return self._encode(target, unknown)

    def _encode(self, target: _Target, unknown: str) -> Any:
        if target.csr is not None:
            self._check_columns(target)
            return target.csr
        columns = self._columns(target.labels)
        indptr = cast(NDArray[np.int64], target.indptr)
        missing = columns < 0
        if missing.any():
            if unknown == "raise":
                raise self._unknown_labels(target, np.flatnonzero(missing))
            rows = np.repeat(np.arange(target.n_samples), np.diff(indptr))[~missing]
            indptr = _indptr(np.bincount(rows, minlength=target.n_samples))
            columns = columns[~missing]
        ones = np.ones(len(columns), dtype=np.float32)
        shape = (target.n_samples, self.n_labels)
        return _canonical(sp.csr_array((ones, columns, indptr), shape=shape))

    def _columns(self, labels: Any) -> NDArray[np.int64]:
        """Return the column of each label, -1 for an unknown one."""
        if len(labels) == 0:
            return np.zeros(0, dtype=np.int64)
        if isinstance(labels, list) != self._has_names:
            kind = "strings" if isinstance(labels, list) else "numbers"
            raise TypeError(
                f"The labels of y are {kind}, but the known labels have dtype "
                f"{self.classes_.dtype}; pass labels of that type."
            )
        if isinstance(labels, list):
            found = map(self._column_of.get, labels, repeat(-1))
            return np.fromiter(cast(Iterable[int], found), dtype=np.int64, count=len(labels))
        place = np.searchsorted(self.classes_, labels)
        place[place == self.n_labels] = 0
        return np.where(self.classes_[place] == labels, place, -1)

    def _unknown_labels(self, target: _Target, missing: NDArray[np.int64]) -> ValueError:
        row = int(np.searchsorted(cast(Any, target.indptr), missing[0], side="right")) - 1
        labels = cast(Any, target.labels)
        names = {labels[i] if isinstance(labels, list) else labels[i].item() for i in missing}
        first = labels[missing[0]]
        first = first if isinstance(first, str) else first.item()
        return ValueError(
            f"y has {len(names)} label(s) that are not among the {self.n_labels} known ones, the "
            f"first is {first!r:.80} in y[{row}]. Name all labels in classes when learning, or "
            "leave unknown ones out (unknown='ignore')."
        )

    def _check_columns(self, target: _Target) -> None:
        n_columns = target.csr.shape[1]
        if n_columns != self.n_labels:
            raise ValueError(f"y has {n_columns} columns, but {self.n_labels} labels were learned.")
        if target.columns is None or not self._has_names:
            return
        differ = np.flatnonzero(target.columns != self.classes_)
        if differ.size:
            j = int(differ[0])
            raise ValueError(
                f"The columns of y must be named and ordered as when they were learned: column "
                f"{j} is {target.columns[j]!r}, not {str(self.classes_[j])!r}."
            )

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
        indices = self._check_indices(indices)
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
        indices = self._check_indices(indices)
        if self.form in ("binary", "multiclass"):
            return self._first_names(indices)
        mask = self._same_shape("keep", keep, indices).astype(bool) & (indices >= 0)
        columns, indptr = indices[mask], _indptr(mask.sum(axis=1))
        if self.form == "lists":
            names = self.classes_[columns].tolist()
            return [names[start:stop] for start, stop in pairwise(indptr.tolist())]
        ones = np.ones(len(columns), dtype=np.int64 if self.form == "sparse" else self.dtype)
        return self._matrix(ones, columns, indptr)

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
        indices = self._check_indices(indices)
        scores = self._same_shape("scores", scores, indices)
        mask = indices >= 0
        values = scores[mask].astype(np.float32)
        return self._matrix(values, indices[mask], _indptr(mask.sum(axis=1)))

    def _matrix(self, values: NDArray[Any], columns: NDArray[Any], indptr: NDArray[Any]) -> Any:
        shape = (len(indptr) - 1, self.n_labels)
        if self.form not in ("sparse", "lists"):
            dense = np.zeros(shape, dtype=values.dtype)
            dense[np.repeat(np.arange(shape[0]), np.diff(indptr)), columns] = values
            return dense
        container = sp.csr_matrix if self.container == "csr_matrix" else sp.csr_array
        csr = container((values, columns, indptr), shape=shape)
        csr.sort_indices()
        return csr

    def _first_names(self, indices: NDArray[Any]) -> NDArray[Any]:
        first = indices[:, 0] if indices.shape[1] else np.full(len(indices), -1)
        empty = np.flatnonzero(first < 0)
        if empty.size:
            raise ValueError(
                f"indices[{int(empty[0])}] has no label, but a {self.form} y has one per sample."
            )
        return self.classes_[first]

    def _check_indices(self, indices: Any) -> NDArray[Any]:
        indices = np.asarray(indices)
        if indices.ndim != 2 or indices.dtype.kind not in "iu":
            raise ValueError(
                "indices must be a 2-D array of integers (n_samples, k), got shape "
                f"{indices.shape} and dtype {indices.dtype}."
            )
        if indices.size and (indices.min() < -1 or indices.max() >= self.n_labels):
            raise ValueError(
                f"indices must lie in [-1, {self.n_labels}), got values from {indices.min()} to "
                f"{indices.max()}."
            )
        return indices

    @staticmethod
    def _same_shape(name: str, values: Any, indices: NDArray[Any]) -> NDArray[Any]:
        values = np.asarray(values)
        if values.shape != indices.shape:
            raise ValueError(
                f"{name} must have the shape of indices, {indices.shape}, got {values.shape}."
            )
        return values

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
        if state["form"] not in _KIND_OF_FORM:
            raise ValueError(f"form must be one of {list(_KIND_OF_FORM)}, got {state['form']!r}.")
        content: Mapping[str, Any] = state["classes"]
        dtype = np.dtype(state["classes_dtype"])
        if "range" in content:
            classes = np.arange(content["range"], dtype=dtype)
        else:
            classes = np.array(content["names"], dtype=dtype)
        return cls(state["form"], classes, container=state["container"], dtype=state["dtype"])
