"""Tests of the label space: every form of y to CSR and back."""

import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import DataConversionWarning
from sklearn.preprocessing import MultiLabelBinarizer

from sk_inceptionxml.labels import LabelSpace

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

# numpy's fixed-width strings cannot hold a trailing NUL
texts = st.text(min_size=0, max_size=5).filter(lambda s: not s.endswith("\0"))
ints = st.integers(-(2**63), 2**63 - 1)


def rows_of(labels):
    return st.lists(st.lists(labels, max_size=5), min_size=1, max_size=12).filter(any)


def zero_one_rows(y):
    """Whether nested rows read as an indicator, by an independent definition."""
    lengths = {len(row) for row in y}
    return len(lengths) == 1 and lengths.pop() >= 2 and all(v in (0, 1) for r in y for v in r)


@st.composite
def dense_indicators(draw):
    n, n_labels = draw(st.integers(1, 8)), draw(st.integers(2, 7))
    bits = draw(st.lists(st.booleans(), min_size=n * n_labels, max_size=n * n_labels))
    array = np.array(bits).reshape(n, n_labels)
    array[draw(st.integers(0, n - 1)), draw(st.integers(0, n_labels - 1))] = True
    return array.astype(draw(st.sampled_from([bool, np.int8, np.uint8, np.int64, np.float32])))


def ranking_of(Y):
    """Return the positives of each row as a padded ranking, and the mask to keep them."""
    lengths = np.diff(Y.indptr)
    indices = np.full((Y.shape[0], max(1, lengths.max())), -1)
    for i in range(Y.shape[0]):
        indices[i, : lengths[i]] = Y.indices[Y.indptr[i] : Y.indptr[i + 1]]
    return indices, np.ones(indices.shape, dtype=bool)


def assert_canonical(Y, shape):
    assert isinstance(Y, sp.csr_array)
    assert Y.dtype == np.float32 and Y.shape == shape
    assert Y.indices.dtype in (np.int32, np.int64)
    assert (Y.data == 1).all()
    for i in range(Y.shape[0]):
        assert (np.diff(Y.indices[Y.indptr[i] : Y.indptr[i + 1]]) > 0).all()


def through_json(space):
    return LabelSpace.from_dict(json.loads(json.dumps(space.to_dict())))


# ---------------------------------------------------------------------- round trips


@pytest.mark.parametrize("labels", [texts, ints], ids=["str", "int"])
@pytest.mark.parametrize("container", [list, tuple, pd.Series], ids=lambda c: c.__name__)
def test_lists_round_trip_and_agree_with_multilabelbinarizer(labels, container):
    @quick
    @given(rows_of(labels).filter(lambda y: not zero_one_rows(y)))
    def check(y):
        space, Y = LabelSpace.from_y(container(y), n_samples=len(y))
        assert space.form == "lists"
        oracle = MultiLabelBinarizer()
        expected = oracle.fit_transform(y)
        assert_canonical(Y, expected.shape)
        assert (Y.toarray() == expected).all()
        assert space.classes_.tolist() == oracle.classes_.tolist() == sorted(set(sum(y, [])))
        assert space.predictions(*ranking_of(Y)) == [sorted(set(row)) for row in y]
        assert (space.encode(container(y)) != Y).nnz == 0

    check()


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset, np.array])
def test_lists_accept_every_collection_of_labels(kind):
    y = [["b", "a", "b"], ["c"], ["a"]]
    space, Y = LabelSpace.from_y([kind(row) for row in y])
    assert space.form == "lists"
    assert space.classes_.dtype == object
    assert {type(name) for name in space.classes_} == {str}
    assert Y.toarray().tolist() == [[1, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_lists_order_predictions_best_first_and_honour_keep():
    space, _ = LabelSpace.from_y([[30, 10], [20]])
    indices = np.array([[2, 0, 1], [1, -1, -1]], dtype=np.int16)
    keep = np.array([[True, False, True], [False, True, True]])
    assert space.predictions(indices, keep) == [[30, 20], []]


@quick
@given(dense_indicators())
def test_indicator_round_trips(y):
    space, Y = LabelSpace.from_y(y)
    assert space.form == "indicator"
    assert_canonical(Y, y.shape)
    assert (Y.toarray() == y).all()
    assert space.classes_.tolist() == list(range(y.shape[1]))
    back = space.predictions(*ranking_of(Y))
    assert isinstance(back, np.ndarray) and (back == y).all()
    assert back.dtype == (y.dtype if y.dtype.kind in "iu" else np.int64)


@quick
@given(dense_indicators())
def test_nested_zero_one_rows_are_an_indicator_like_the_array(y):
    y = y.astype(int)
    arrays, Y_arrays = LabelSpace.from_y(list(y))
    lists, Y_lists = LabelSpace.from_y(y.tolist())
    assert arrays.form == lists.form == "indicator"
    assert arrays.dtype == lists.dtype == "int64"
    assert (Y_arrays.toarray() == y).all() and (Y_lists.toarray() == y).all()


@pytest.mark.parametrize("name", ["csr", "csc", "coo", "lil", "dok", "bsr"])
@pytest.mark.parametrize("family", ["array", "matrix"])
def test_sparse_round_trips_and_mirrors_the_container(name, family):
    @quick
    @given(dense_indicators())
    def check(y):
        given_y = getattr(sp, f"{name}_{family}")(y)
        space, Y = LabelSpace.from_y(given_y)
        assert space.form == "sparse"
        assert_canonical(Y, y.shape)
        assert (Y.toarray() == y).all()
        back = space.predictions(*ranking_of(Y))
        assert type(back) is getattr(sp, f"csr_{family}")
        assert back.dtype == np.int64 and (back.toarray() == y).all()

    check()


@pytest.mark.parametrize("labels", [texts, st.integers(-5, 300), st.booleans()])
@pytest.mark.parametrize("container", [list, np.array, pd.Series])
def test_one_dim_round_trips(labels, container):
    @quick
    @given(st.lists(labels, min_size=1, max_size=15))
    def check(y):
        space, Y = LabelSpace.from_y(container(y))
        names = sorted(set(y))
        assert space.form == ("binary" if len(names) == 2 else "multiclass")
        assert space.classes_.tolist() == names
        assert_canonical(Y, (len(y), len(names)))
        assert (np.diff(Y.indptr) == 1).all()
        indices, keep = ranking_of(Y)
        assert space.predictions(indices, ~keep).tolist() == y
        assert (space.encode(container(y)) != Y).nnz == 0

    check()


@pytest.mark.parametrize(
    ("y", "dtype"),
    [
        (np.array(["b", "a"]), "<U1"),
        (np.array(["b", "a"], dtype=object), object),
        (np.array([1.0, 2.0], dtype=np.float32), np.float32),
        (np.array([1, 2], dtype=np.uint8), np.uint8),
        (np.array([2, 1], dtype=object), np.int64),
        (pd.Series([2, 1], dtype="Int64"), np.int64),
        (pd.Series(["b", "a"], dtype="category"), object),
        (range(2), np.int64),
    ],
)
def test_one_dim_keeps_the_dtype_of_y(y, dtype):
    space, _ = LabelSpace.from_y(y)
    assert space.form == "binary"
    assert space.classes_.dtype == dtype
    assert space.predictions(np.array([[1], [0]]), np.ones((2, 1), bool)).dtype == dtype


def test_one_constant_label_is_learned_and_predicted():
    space, Y = LabelSpace.from_y(np.ones(10))
    assert space.form == "multiclass" and space.n_labels == 1
    back = space.predictions(*ranking_of(Y))
    assert back.dtype == float and back.tolist() == [1.0] * 10


# ---------------------------------------------------------------------- what is ambiguous


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


def test_encode_reads_nested_zero_one_rows_as_learned():
    y = [[0, 1], [1, 0]]
    lists, _ = LabelSpace.from_y([[0, 1], [1], [2]])
    assert lists.encode(y).toarray().tolist() == [[1, 1, 0]] * 2
    matrix, _ = LabelSpace.from_y(y)
    assert matrix.encode(y).toarray().tolist() == y
    with pytest.raises(ValueError, match=r"only 0 and 1, but y\[0, 1\] is 3"):
        matrix.encode([[0, 3], [1, 0]])


def test_dense_column_is_one_dim_with_a_warning_but_sparse_column_is_a_matrix():
    column = np.array([[1], [0], [1]])
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed when a 1d array"):
        space, _ = LabelSpace.from_y(column)
    assert space.form == "binary"
    space, Y = LabelSpace.from_y(sp.csr_array(column))
    assert space.form == "sparse" and Y.toarray().tolist() == column.tolist()
    assert space.encode(column).toarray().tolist() == column.tolist()


def test_matrix_forms_encode_each_other():
    dense = np.array([[1, 0, 1], [0, 1, 0]])
    for learned in (dense, sp.csr_matrix(dense)):
        space, _ = LabelSpace.from_y(learned)
        for further in (dense, sp.csc_array(dense), pd.DataFrame(dense), dense.tolist()):
            assert (space.encode(further).toarray() == dense).all()


def test_dataframe_with_string_columns_names_the_labels():
    frame = pd.DataFrame({"b": [1, 0], "a": [True, False]})
    space, Y = LabelSpace.from_y(frame)
    assert space.form == "indicator" and space.classes_.tolist() == ["b", "a"]
    assert Y.toarray().tolist() == [[1, 1], [0, 0]]
    with pytest.raises(ValueError, match="column 0 is 'a', not 'b'"):
        space.encode(frame[["a", "b"]])
    with pytest.raises(ValueError, match="column names of y must be distinct"):
        LabelSpace.from_y(pd.concat([frame, frame], axis=1))
    numbered, _ = LabelSpace.from_y(pd.DataFrame([[1, 0]], columns=[7, 8]))
    assert numbered.classes_.tolist() == [0, 1]


def test_dataframe_of_sparse_columns_stays_sparse():
    dense = np.array([[0, 1, 0], [1, 0, 0]])
    frame = pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(dense), columns=list("xyz"))
    space, Y = LabelSpace.from_y(frame)
    assert space.form == "sparse" and space.classes_.tolist() == ["x", "y", "z"]
    assert_canonical(Y, (2, 3))
    assert (Y.toarray() == dense).all()


# ---------------------------------------------------------------------- messy and read-only


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


# ---------------------------------------------------------------------- classes and unknown


@pytest.mark.parametrize(
    ("y", "classes", "expected"),
    [
        (["b", "b"], ["c", "b", "a"], [[0, 1, 0]] * 2),
        (np.array([1, 1]), np.array([0, 1]), [[0, 1]] * 2),
        ([["b"], []], ["c", "b", "a"], [[0, 1, 0], [0, 0, 0]]),
        ([[2], []], [1, 2], [[0, 1], [0, 0]]),
    ],
)
def test_classes_name_labels_that_y_lacks(y, classes, expected):
    space, Y = LabelSpace.from_y(y, classes=classes)
    assert space.classes_.tolist() == sorted(classes)
    assert Y.toarray().tolist() == expected
    if space.form != "lists":
        assert space.form == ("binary" if len(classes) == 2 else "multiclass")


def test_classes_of_matrices_name_columns_in_order():
    space, _ = LabelSpace.from_y(sp.csr_array([[1, 0, 1]]), classes=["z", "a", "m"])
    assert space.classes_.tolist() == ["z", "a", "m"]


@pytest.mark.parametrize(
    ("y", "further", "expected"),
    [
        ([["a", "b"], ["c"]], [["x", "b"], ["y"], ["c", "a"]], [[0, 1, 0], [0] * 3, [1, 0, 1]]),
        ([[1, 2], [9]], [[5, 2], [100], [9, 1]], [[0, 1, 0], [0] * 3, [1, 0, 1]]),
        (["a", "b"], ["b", "x", "a"], [[0, 1], [0, 0], [1, 0]]),
        ([3, 4], [4, 7, 3], [[0, 1], [0, 0], [1, 0]]),
    ],
)
def test_unknown_labels_raise_or_are_left_out(y, further, expected):
    space, _ = LabelSpace.from_y(y)
    Y = space.encode(further, unknown="ignore", n_samples=3)
    assert_canonical(Y, (3, space.n_labels))
    assert Y.toarray().tolist() == expected
    with pytest.raises(ValueError, match=r"label\(s\) that are not among the \d known ones"):
        space.encode(further)


def test_unknown_message_counts_and_places_labels():
    space, _ = LabelSpace.from_y([["a"], ["b"]])
    with pytest.raises(ValueError, match=r"y has 2 label\(s\).*first is 'x' in y\[1\]"):
        space.encode([[], ["a", "x"], ["y", "x"]])
    with pytest.raises(ValueError, match=r"first is 5 in y\[1\]"):
        LabelSpace.from_y([1, 5], classes=[0, 1])


# ---------------------------------------------------------------------- outputs


@pytest.mark.parametrize(
    ("y", "dtype", "expected"),
    [
        (np.array(["bb", "a"]), "<U2", [["bb", "a"], ["a", ""]]),
        ([["bb"], ["a"]], object, [["bb", "a"], ["a", ""]]),
        ([[5], [3]], np.int64, [[5, 3], [3, -1]]),
        ([5.0, 3.0], object, [[5.0, 3.0], [3.0, None]]),
        ([True, False], object, [[True, False], [False, None]]),
        (np.array([5, 3], np.uint8), object, [[5, 3], [3, None]]),
    ],
)
def test_topk_names(y, dtype, expected):
    space, _ = LabelSpace.from_y(y)
    names = space.topk_names(np.array([[1, 0], [0, -1]]))
    assert names.dtype == dtype and names.tolist() == expected
    assert "" not in space.classes_.tolist()


@pytest.mark.parametrize(
    ("y", "container"),
    [
        (sp.csr_array(np.eye(3)), sp.csr_array),
        (sp.csr_matrix(np.eye(3)), sp.csr_matrix),
        ([["a"], ["b"], ["c"]], sp.csr_array),
        (np.eye(3), np.ndarray),
        (["a", "b", "c"], np.ndarray),
    ],
)
def test_probabilities_hold_the_given_entries(y, container):
    space, _ = LabelSpace.from_y(y)
    indices = np.array([[2, 0], [1, -1]])
    scores = np.array([[0.75, 0.5], [0.0, 0.25]])
    proba = space.probabilities(indices, scores)
    assert type(proba) is container and proba.dtype == np.float32
    dense = proba if container is np.ndarray else proba.toarray()
    assert dense.tolist() == [[0.5, 0.0, 0.75], [0.0, 0.0, 0.0]]
    if container is not np.ndarray:
        assert proba.nnz == 3  # the scored 0 stays, the padding does not
        assert proba.indices.tolist() == [0, 2, 1]


def test_sparse_outputs_never_have_the_dense_shape():
    y = sp.csr_array(([1], ([0], [5])), shape=(2, 2_000_000_000))
    space = LabelSpace("sparse", np.arange(3))
    space.classes_ = range(2_000_000_000)
    indices = np.array([[5, 1_999_999_999], [0, -1]])
    assert space.predictions(indices, indices >= 0).shape == y.shape
    assert space.probabilities(indices, np.ones((2, 2))).nnz == 3


@pytest.mark.parametrize(
    ("indices", "match"),
    [
        ([0, 1], r"2-D array of integers \(n_samples, k\), got shape \(2,\)"),
        ([[0.0]], "dtype float64"),
        ([[2]], r"must lie in \[-1, 2\), got values from 2 to 2"),
        ([[-2]], r"must lie in \[-1, 2\)"),
    ],
)
def test_bad_indices_are_refused(indices, match):
    space, _ = LabelSpace.from_y([["a"], ["b"]])
    for method in (space.topk_names, lambda i: space.predictions(i, i)):
        with pytest.raises(ValueError, match=match):
            method(np.array(indices))


def test_misfitting_outputs_are_refused():
    space, _ = LabelSpace.from_y([["a"], ["b"]])
    with pytest.raises(ValueError, match=r"keep must have the shape of indices, \(1, 1\)"):
        space.predictions(np.array([[0]]), np.array([True]))
    with pytest.raises(ValueError, match="scores must have the shape of indices"):
        space.probabilities(np.array([[0]]), np.ones((1, 2)))
    one_dim, _ = LabelSpace.from_y(["a", "b"])
    for empty in (np.array([[0], [-1]]), np.zeros((2, 0), dtype=int)):
        with pytest.raises(ValueError, match=r"indices\[\d\] has no label, but a binary y"):
            one_dim.predictions(empty, empty >= 0)


# ---------------------------------------------------------------------- persistence

SPACES = [
    ["b", "a"],
    np.array(["b", "a", "c"], dtype=object),
    np.array([3, 1, 2], dtype=np.int16),
    np.array([0, 1, 2]),
    np.array([True, False]),
    np.array([0.0, 1e16, 3.0], dtype=np.float32),
    np.array([2**64 - 1, 1], dtype=np.uint64),
    [["é\ud800", "", 'quote"'], ["\0"]],
    [[-5], [2**62]],
    np.eye(3, dtype=np.uint8),
    sp.csr_matrix(np.eye(3)),
    sp.csc_array(np.eye(3)),
    pd.DataFrame({"x": [1], "y": [0]}),
]


@pytest.mark.parametrize("y", SPACES, ids=lambda y: str(type(y).__name__))
@pytest.mark.parametrize("copy", [through_json, lambda s: pickle.loads(pickle.dumps(s))])
def test_persistence_is_lossless(y, copy):
    space, Y = LabelSpace.from_y(y)
    space.encode(y)  # fills the lookup table
    back = copy(space)
    assert (back.form, back.container, back.dtype) == (space.form, space.container, space.dtype)
    assert back.classes_.dtype == space.classes_.dtype
    assert back.classes_.tolist() == space.classes_.tolist()
    assert [type(a) for a in back.classes_] == [type(a) for a in space.classes_]
    assert (back.encode(y) != Y).nnz == 0
    ranking = ranking_of(Y)
    assert type(back.predictions(*ranking)) is type(space.predictions(*ranking))


def test_pickle_leaves_the_lookup_table_out():
    y = [f"label {i}" for i in range(1000)]
    space, _ = LabelSpace.from_y(y)
    fresh = LabelSpace("multiclass", space.classes_)
    space.encode(y)
    assert len(pickle.dumps(space)) == len(pickle.dumps(fresh))


def test_anonymous_columns_are_stored_as_a_range():
    space, _ = LabelSpace.from_y(sp.csr_array(([1], ([0], [0])), shape=(1, 1_000_000)))
    assert len(json.dumps(space.to_dict())) < 200
    assert through_json(space).n_labels == 1_000_000


def test_from_dict_refuses_what_to_dict_did_not_return():
    state = LabelSpace.from_y(["a", "b"])[0].to_dict()
    with pytest.raises(ValueError, match="no entry 'classes'"):
        LabelSpace.from_dict({k: v for k, v in state.items() if k != "classes"})
    with pytest.raises(ValueError, match="form must be one of .* got 'tree'"):
        LabelSpace.from_dict({**state, "form": "tree"})


def test_repr_is_short():
    assert repr(LabelSpace.from_y(["a", "b"])[0]) == "LabelSpace(form='binary', n_labels=2)"


# ---------------------------------------------------------------------- errors

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
        (np.array([[3, 7], [1, 2]]), ValueError, r"y\[0, 0\] is 3.*y > 0.*y\.tolist\(\)"),
        (np.array([[0.5, 0]]), ValueError, r"only 0 and 1, but y\[0, 0\] is 0.5"),
        (np.array([[0, -1]]), ValueError, r"y\[0, 1\] is -1"),
        (np.array([[1, NAN]]), ValueError, r"Input y contains NaN: y\[0, 1\] is nan"),
        (np.array([["a", "b"]]), ValueError, r"got dtype <U1.*y\.tolist\(\)"),
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


@pytest.mark.parametrize(
    ("y", "further", "error", "match"),
    [
        (["a", "b"], [["a"]], ValueError, "was a 1-D array of labels when .*now it is a sequence"),
        (["a", "b"], np.eye(2), ValueError, "now it is an indicator matrix"),
        ([["a"], ["b"]], np.array(["a"]), ValueError, "now it is a 1-D array"),
        ([["a"], ["b"]], ["a", "b"], TypeError, r"y\[0\] is 'a' \(str\)"),
        ([["a"], ["b"]], sp.eye_array(2), ValueError, "now it is an indicator matrix"),
        (np.eye(2), [["a"], []], ValueError, "now it is a sequence of label collections"),
        (np.eye(2), np.eye(3), ValueError, "y has 3 columns, but 2 labels were learned"),
        ([["a"], ["b"]], [[1]], TypeError, "labels of y are numbers, but the known .* object"),
        ([1, 2], ["a", "b"], TypeError, "labels of y are strings, but the known .* int64"),
        ([1, 2], None, ValueError, "requires y to be passed, but the target y is None"),
    ],
)
def test_encode_refuses_another_form(y, further, error, match):
    space, _ = LabelSpace.from_y(y)
    with pytest.raises(error, match=match):
        space.encode(further)


def test_encode_refuses_another_word_for_unknown():
    with pytest.raises(ValueError, match="unknown must be 'raise' or 'ignore', got 'drop'"):
        LabelSpace.from_y(["a", "b"])[0].encode(["a"], unknown="drop")


@pytest.mark.parametrize(
    ("y", "classes", "error", "match"),
    [
        (np.eye(2), ["a"], ValueError, "classes has 1 names, but y has 2 columns"),
        (np.eye(2), ["a", "a"], ValueError, "classes must be distinct, got 1 repeated"),
        (["a"], [], ValueError, "classes must be a non-empty 1-D array"),
        (["a"], np.eye(2), ValueError, r"classes must be .* got shape \(2, 2\)"),
        (["a"], ["a", 1], TypeError, "all strings or all numbers"),
        (["a"], [1, 2], TypeError, "labels of y are strings, but the known labels have dtype"),
    ],
)
def test_bad_classes_are_refused(y, classes, error, match):
    with pytest.raises(error, match=match):
        LabelSpace.from_y(y, classes=classes)


def test_encode_accepts_no_positive_and_no_rows():
    space, _ = LabelSpace.from_y([["a"], ["b"]])
    assert space.encode([[], []]).nnz == 0
    assert space.encode([]).shape == (0, 2)


def test_many_distinct_labels_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert LabelSpace.from_y([f"title {i}" for i in range(50)])[0].n_labels == 50
