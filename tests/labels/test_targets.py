"""Reading y: what is ambiguous, what is messy, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from _label_targets import assert_canonical, quick
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import DataConversionWarning

from sk_inceptionxml.labels import LabelSpace


def test_sets_mean_labels_where_lists_would_mean_an_indicator():
    space, Y = LabelSpace.from_y([{0, 1}, {1, 0}])
    assert space.form == "lists" and Y.toarray().tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("y", [[[0], [1]], [[0, 1], [1]], [[0, 1], [1, 2]], [[3, 7], [1, 2]]])
def test_nested_rows_that_are_no_indicator_are_label_lists(y):
    assert LabelSpace.from_y(y)[0].form == "lists"


def test_classes_tell_an_indicator_from_label_lists():
    y = [[0, 1], [1, 0]]
    assert LabelSpace.from_y(y, classes=["no", "yes"])[0].form == "indicator"
    space, Y = LabelSpace.from_y(y, classes=range(5))
    assert space.form == "lists" and Y.toarray().tolist() == [[1, 1, 0, 0, 0]] * 2


def test_dense_column_is_one_dim_with_a_warning_but_sparse_column_is_a_matrix():
    column = np.array([[1], [0], [1]])
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed when a 1d array"):
        space, _ = LabelSpace.from_y(column)
    assert space.form == "binary"
    space, Y = LabelSpace.from_y(sp.csr_array(column))
    assert space.form == "sparse" and Y.toarray().tolist() == column.tolist()
    assert space.encode(column).toarray().tolist() == column.tolist()


def test_dataframe_of_sparse_columns_stays_sparse():
    dense = np.array([[0, 1, 0], [1, 0, 0]])
    frame = pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(dense), columns=list("xyz"))
    space, Y = LabelSpace.from_y(frame)
    assert space.form == "sparse" and space.classes_.tolist() == ["x", "y", "z"]
    assert_canonical(Y, (2, 3))
    assert (Y.toarray() == dense).all()


@quick
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 5), st.sampled_from([0, 1])),
        min_size=1,
        max_size=40,
    ).filter(lambda entries: any(value for _, _, value in entries)),
    st.sampled_from([bool, np.int8, np.float64]),
)
def test_messy_sparse_becomes_canonical_and_stays_untouched(entries, dtype):
    expected = np.zeros((5, 6))
    for i, j, value in entries:
        expected[i, j] = max(expected[i, j], value)
    entries = sorted(entries, key=lambda entry: entry[0])
    rows, cols, data = (np.array(part) for part in zip(*entries, strict=True))
    data = data.astype(dtype)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=5))])
    csr = sp.csr_array((data, cols[::1], indptr), shape=(5, 6))
    coo = sp.coo_array((data, (rows, cols)), shape=(5, 6))
    csr.data.flags.writeable = csr.indices.flags.writeable = csr.indptr.flags.writeable = False
    for part in (coo.data, coo.row, coo.col):
        part.flags.writeable = False
    for y in (csr, coo):
        before = [part.copy() for part in (y.data, y.tocoo().row, y.tocoo().col)]
        space, Y = LabelSpace.from_y(y)
        assert_canonical(Y, (5, 6))
        assert (Y.toarray() == expected).all()
        assert space.n_labels == 6
        after = (y.data, y.tocoo().row, y.tocoo().col)
        assert all((a == b).all() for a, b in zip(before, after, strict=True))
        assert not np.shares_memory(Y.data, y.data)
    assert not np.shares_memory(Y.indices, csr.indices)


def test_many_int8_duplicates_do_not_overflow():
    zeros = np.zeros(256, dtype=int)
    y = sp.coo_array((np.ones(256, np.int8), (zeros, zeros)), shape=(1, 2))
    assert LabelSpace.from_y(y)[1].toarray().tolist() == [[1, 0]]


def test_result_does_not_share_memory_with_a_canonical_y():
    y = sp.csr_array(np.eye(3, dtype=np.float32))
    _, Y = LabelSpace.from_y(y)
    for name in ("data", "indices", "indptr"):
        assert not np.shares_memory(getattr(Y, name), getattr(y, name))


def test_read_only_dense_and_lists_are_untouched():
    dense = np.eye(3)
    dense.flags.writeable = False
    assert (LabelSpace.from_y(dense)[1].toarray() == dense).all()
    y = [["b", "a", "b"], []]
    LabelSpace.from_y(y)
    assert y == [["b", "a", "b"], []]


NAN = float("nan")
OBJECTS = np.empty((2, 2), dtype=object)
OBJECTS[:] = [[1, 0], [None, 1]]


@pytest.mark.parametrize(
    ("y", "error", "match"),
    [
        (None, ValueError, "requires y to be passed, but the target y is None"),
        ("abc", TypeError, "sequence of labels, got str"),
        ({"a": 1}, TypeError, "sequence of labels, got dict"),
        ((i for i in [1, 2]), TypeError, "got generator"),
        ([], ValueError, "0 samples"),
        (np.zeros((2, 2, 2)), ValueError, r"1 or 2 dimensions, got an array of shape \(2, 2, 2\)"),
        (np.array(3), ValueError, r"1 or 2 dimensions, got an array of shape \(\)"),
        # 1-D
        ([0.5, 1.5, 2.5], ValueError, "Unknown label type: continuous"),
        ([0.0, NAN], ValueError, "Input y contains NaN"),
        ([0.0, float("inf")], ValueError, "Input y contains infinity"),
        (["a", None], ValueError, r"contains NaN or None: y\[1\] is None"),
        (["a", NAN], ValueError, r"contains NaN or None: y\[1\] is nan"),
        (pd.Series([1, None], dtype="Int64"), ValueError, "Input y contains NaN"),
        (pd.Series(["a", None]), ValueError, r"contains NaN or None: y\[1\] is nan"),
        (["a", 1], TypeError, "all strings or all numbers, got int and str"),
        ([b"a", b"b"], TypeError, "got bytes"),
        (np.array([b"a", b"b"]), TypeError, "got dtype"),
        (np.array(["2020-01-01"], dtype="M8[D]"), TypeError, r"got dtype datetime64\[D\]"),
        # matrices
        (np.array([[3, 7], [1, 2]]), ValueError, r"y\[0, 0\] is 3.*y > 0.*np\.asarray"),
        (np.array([[0.5, 0]]), ValueError, r"only 0 and 1, but y\[0, 0\] is 0.5"),
        (np.array([[0, -1]]), ValueError, r"y\[0, 1\] is -1"),
        (np.array([[1, NAN]]), ValueError, r"Input y contains NaN: y\[0, 1\] is nan"),
        (np.array([["a", "b"]]), ValueError, r"got dtype <U1.*np\.asarray"),
        (OBJECTS, ValueError, r"Input y contains NaN: y\[1, 0\] is None"),
        (pd.DataFrame({"a": ["x"], "b": [1]}), ValueError, r"y\[0, 0\] is 'x'"),
        (sp.csr_array([[0, 1], [2, 0]]), ValueError, r"y\[1, 0\] is 2"),
        (sp.coo_matrix([[0, 0.5]]), ValueError, r"y\[0, 1\] is 0.5"),
        (sp.csc_array([[0, NAN]]), ValueError, r"Input y contains NaN: y\[0, 1\]"),
        (sp.coo_array(np.array([1, 0])), ValueError, r"must be 2-D .*got shape \(2,\)"),
        (sp.csr_array((3, 4)), ValueError, "no positive label in any of its 3 samples"),
        (np.zeros((2, 3)), ValueError, "no positive label in any of its 2 samples"),
        ([[], []], ValueError, "no positive label in any of its 2 samples"),
        # label lists
        ([["a"], None], TypeError, r"y\[1\] is None; .*empty list"),
        ([["a"], "b"], TypeError, r"y\[1\] is 'b' \(str\)"),
        ([["a"], 3], TypeError, r"y\[1\] is 3 \(int\)"),
        ([["a"], ["b", None]], TypeError, r"y\[1\] holds None \(NoneType\)"),
        ([["a"], ["b", NAN]], TypeError, r"y\[1\] holds nan \(float\)"),
        ([["a"], [["b"]]], TypeError, r"y\[1\] holds \['b'\] \(list\)"),
        ([[2.5], [1]], TypeError, r"strings or integers, but y\[0\] holds 2.5 \(float\)"),
        ([["a"], [], [1]], TypeError, r"one type, got str \(y\[0\]\) and int \(y\[2\]\)"),
        ([["a"], np.eye(2)], TypeError, r"y\[1\] is an array of shape \(2, 2\)"),
        ([[2**70]], ValueError, "must fit in int64"),
        ([2**63, 2**63 + 1, -1], ValueError, "must fit in int64"),
        ([2**53, 2**53 + 1, 1.0], ValueError, "No number type holds all labels of y"),
    ],
)
def test_bad_targets_are_refused(y, error, match):
    with pytest.raises(error, match=match):
        LabelSpace.from_y(y)


@pytest.mark.parametrize(
    "y", [["a", "b"], [["a"], ["b"]], np.eye(2), sp.csr_matrix(np.eye(2)), [[0, 1], [1, 0]]]
)
def test_row_count_mismatch_is_named_as_in_scikit_learn(y):
    match = r"Found input variables with inconsistent numbers of samples: \[3, 2\]"
    with pytest.raises(ValueError, match=match):
        LabelSpace.from_y(y, n_samples=3)
    with pytest.raises(ValueError, match=match):
        LabelSpace.from_y(y)[0].encode(y, n_samples=3)
