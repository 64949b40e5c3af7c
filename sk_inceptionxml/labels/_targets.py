"""Read y: recognise its form, check it, and take it apart."""

from __future__ import annotations

import warnings
from collections.abc import KeysView, Mapping, Sequence, ValuesView
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets

from sk_inceptionxml._utils.sparse import check_structure

Form = Literal["binary", "multiclass", "indicator", "sparse", "lists"]

KIND_OF_FORM: dict[str, str] = {
    "binary": "a 1-D array of labels",
    "multiclass": "a 1-D array of labels",
    "indicator": "an indicator matrix",
    "sparse": "an indicator matrix",
    "lists": "a sequence of label collections",
}
_PLAIN_ROWS = (list, tuple, set, frozenset)
_MISSING_TYPES = {"NoneType", "NAType", "NaTType"}


@dataclass
class Target:
    """What was read from y: a matrix (`csr`), or flat `labels` cut into rows by `indptr`.

    Where there are `numbers`, `labels` are all different, and these are their places in the rows.
    """

    form: Form
    n_samples: int
    csr: Any = None
    labels: list[str] | NDArray[Any] | None = None
    indptr: NDArray[np.int64] | None = None
    numbers: NDArray[np.int32] | None = None
    names_dtype: Any = object  # dtype of classes_ when the labels are strings
    columns: NDArray[Any] | None = None  # names of the columns of a DataFrame
    container: str = "csr_array"
    dtype: str = "int64"


def read_target(y: Any, expected: str | None = None, n_classes: int | None = None) -> Target:
    """Recognise `y`; `expected` (a form already learned) settles what is ambiguous."""
    if y is None:
        raise ValueError("LabelSpace requires y to be passed, but the target y is None.")
    if isinstance(y, Target):
        return y
    if hasattr(y, "column_names") and hasattr(y, "to_pandas"):  # a table of Arrow
        y = y.to_pandas()
    elif hasattr(y, "to_pylist"):  # a column of Arrow
        y = y.to_pylist()
    if sp.issparse(y):
        return _read_sparse(y)
    if len(getattr(y, "columns", ())) and hasattr(getattr(y, "sparse", None), "to_coo"):
        target = _read_sparse(sp.coo_array(y.sparse.to_coo()))
        target.columns = _column_names(y)
        return target
    if hasattr(y, "__array__"):
        return _read_array(y, expected, n_classes)
    if isinstance(y, Sequence) and not isinstance(y, (str, bytes)):
        return _read_sequence(list(y), expected, n_classes)
    if isinstance(y, (KeysView, ValuesView)):
        return _read_sequence(list(y), expected, n_classes)
    raise TypeError(
        f"y must be an array, a sparse matrix or a sequence of labels, got {type(y).__name__}."
    )


def _read_array(y: Any, expected: str | None, n_classes: int | None) -> Target:
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
) -> Target:
    has_collections = any(map(_is_collection, set(map(type, rows))))
    if has_collections or expected == "lists":
        return _read_lists(rows, expected, n_classes)
    return _one_dim(plain_labels(rows, names_dtype))


def _read_sparse(y: Any) -> Target:
    if y.ndim != 2:
        raise ValueError(f"A sparse y must be 2-D (n_samples, n_labels), got shape {y.shape}.")
    check_structure("y", y)
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
    return Target("sparse", y.shape[0], csr=make_canonical(csr), container=container)


def _read_dense(array: NDArray[Any]) -> Target:
    if array.dtype.kind not in "biufO":
        raise ValueError(
            f"A 2-D y must be an indicator of 0 and 1, got dtype {array.dtype}. Pass label "
            "names as one collection per sample, for example np.asarray(y).tolist()."
        )
    if array.dtype == object:
        array = _numeric(array)
    rows, cols = np.nonzero(array)  # NaN is nonzero, so it is seen here
    values = array[rows, cols]
    wrong = np.flatnonzero(values != 1)
    if wrong.size:
        first = wrong[0]
        raise _not_indicator(values[first], int(rows[first]), int(cols[first]))
    indptr = row_bounds(np.bincount(rows, minlength=len(array)))
    csr = sp.csr_array((np.ones(len(cols), np.float32), cols, indptr), shape=array.shape)
    # bool and float indicators are answered with int64, as scikit-learn does
    dtype = array.dtype.name if array.dtype.kind in "iu" else "int64"
    return Target("indicator", len(array), csr=make_canonical(csr), dtype=dtype)


def _numeric(array: NDArray[Any]) -> NDArray[Any]:
    """Return an object matrix of numbers as floats; None would otherwise pass for 0."""
    flat = array.ravel().tolist()
    good = {kind for kind in set(map(type, flat)) if _family(kind) in ("int", "bool", "float")}
    for place, value in enumerate(flat):
        if type(value) not in good:
            raise _not_indicator(value, *divmod(place, array.shape[1]))
    return array.astype(np.float64)


def _read_lists(rows: list[Any], expected: str | None, n_classes: int | None) -> Target:
    row_types = set(map(type, rows))
    for kind in row_types:
        if not _is_collection(kind):
            raise _bad_row(rows, kind)
    if not row_types <= set(_PLAIN_ROWS):
        rows = [_unpack_row(i, row) for i, row in enumerate(rows)]
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    indptr = row_bounds(lengths)
    flat = plain_strings(list(chain.from_iterable(rows)))
    label_types = set(map(type, flat))
    families = {_family(kind) for kind in label_types}
    has_sets = any(issubclass(kind, (set, frozenset)) for kind in row_types)
    if expected != "lists" and not has_sets and families <= {"int", "bool", "float"}:
        dense = _as_indicator(flat, lengths, expected, n_classes)
        if dense is not None:
            return _read_dense(dense)
    _check_label_types(flat, label_types, indptr)
    labels = flat if families == {"str"} else _int_array(flat)
    return Target("lists", len(rows), labels=cast(Any, labels), indptr=indptr)


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


def plain_labels(values: list[Any], names_dtype: Any) -> NDArray[Any]:
    """Return plain labels as a 1-D array of one type."""
    values = plain_strings(values)
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
    # an array of fixed width would drop zeros at the end
    ends_in_zero = families.keys() == {"str"} and any(str(value)[-1:] == "\0" for value in values)
    if families.keys() == {"str"} and (names_dtype is not None or ends_in_zero):
        return np.array([str(value) for value in values], dtype=object)
    try:
        array = np.array(values)
    except OverflowError:
        array = np.array(values, dtype=object)
    numbers = families.keys() <= {"int", "bool", "float"}
    if numbers and (array.dtype.kind == "O" or _rounds(array, values)):
        if array.dtype.kind != "O" and "float" in families:
            raise ValueError("No number type holds all labels of y; pass them as strings.")
        raise ValueError("Integer labels of y must fit in int64; pass them as strings.")
    return array


def _rounds(array: NDArray[Any], values: list[Any]) -> bool:
    """Whether an array of these values has made other numbers of integers."""
    return array.dtype.kind == "f" and any(
        isinstance(value, (int, np.integer)) and int(value) != x
        for value, x in zip(values, array.tolist(), strict=True)
    )


def _one_dim(array: NDArray[Any]) -> Target:
    if array.dtype.kind not in "biufUO":
        raise TypeError(
            f"The labels of y must be strings, integers, booleans or whole numbers, got dtype "
            f"{array.dtype}. Convert them, for example with y.astype(str)."
        )
    if array.dtype.kind == "f":
        assert_all_finite(array, input_name="y")
        if (array != np.trunc(array)).any():
            try:
                check_classification_targets(array)
            except ValueError as error:
                raise ValueError(f"y holds fractions, which name no class. {error}") from None
        array = array.astype(np.float64) if array.dtype.itemsize > 8 else array
    is_text = array.dtype.kind in "UO"
    return Target(
        "multiclass",
        len(array),
        labels=array.tolist() if is_text else array,
        indptr=np.arange(len(array) + 1, dtype=np.int64),
        names_dtype=array.dtype,
    )


def hint_at_joined_labels(names: list[str]) -> None:
    """Warn of classes that look like several labels in one string.

    Warns
    -----
    UserWarning
        If most of the strings are joined by a separator, from fewer parts than there are strings.
    """
    distinct = set(names)
    for separator in (", ", ",", "; ", ";", "|", "\t"):
        joined = [name for name in distinct if separator in name]
        if len(joined) <= len(distinct) / 2:
            continue
        parts = {part for name in distinct for part in name.split(separator)}
        if len(parts) < len(distinct):
            warnings.warn(
                f"y has {len(distinct)} distinct strings, each read as one class, but "
                f"{len(joined)} of them hold {separator!r}. If a string is a list of labels, split "
                f"it: [row.split({separator!r}) for row in y].",
                UserWarning,
                stacklevel=2,
            )
            return


def make_canonical(csr: Any) -> Any:
    """Sort, merge duplicates, drop zeros and set ones, in place on an own matrix."""
    csr.sum_duplicates()
    csr.eliminate_zeros()
    csr.data[:] = 1
    return csr


def row_bounds(lengths: NDArray[Any]) -> NDArray[np.int64]:
    """Return the places where rows of the given lengths start and end."""
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
        return np.array(plain_strings(columns), dtype=object)
    return None


def plain_strings(values: list[Any]) -> list[Any]:
    """Return the values, strings of any subclass of str as the text that they are."""
    if all(kind is str or not issubclass(kind, str) for kind in set(map(type, values))):
        return values
    return [str.__str__(value) if isinstance(value, str) else value for value in values]


def _is_collection(kind: type) -> bool:
    """Whether a row of this type holds labels, rather than being one."""
    holds = hasattr(kind, "__len__") and hasattr(kind, "__iter__")
    return holds and not issubclass(kind, (str, bytes, Mapping))


def _unpack_row(i: int, row: Any) -> Any:
    """Return a row of a type of its own as a list."""
    if isinstance(row, _PLAIN_ROWS):
        return row
    if getattr(row, "ndim", 1) != 1:
        raise TypeError(f"y[{i}] is an array of shape {row.shape}; a row of labels must be 1-D.")
    for name in ("tolist", "to_list", "as_py"):  # of NumPy and pandas, polars, Arrow
        if hasattr(row, name):
            return getattr(row, name)()
    return list(row)


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
        "pass (y > 0); for label ids pass one list per sample, such as np.asarray(y).tolist()."
    )


def check_n_samples(n_samples: int | None, n_rows: int) -> None:
    """Refuse a y of another number of rows than X, in the words of scikit-learn."""
    if n_samples is not None and n_samples != n_rows:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[int(n_samples), int(n_rows)]} (of X and y)."
        )
