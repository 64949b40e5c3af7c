"""Every form of y to CSR, rankings back to the form of y, and persistence."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from _label_targets import (
    assert_canonical,
    dense_indicators,
    quick,
    ranking_of,
    texts,
    through_json,
)
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import MultiLabelBinarizer

from sk_inceptionxml.labels import LabelSpace

ints = st.integers(-(2**63), 2**63 - 1)


def rows_of(labels):
    return st.lists(st.lists(labels, max_size=5), min_size=1, max_size=12).filter(any)


def zero_one_rows(y):
    """Whether nested rows read as an indicator, by an independent definition."""
    lengths = {len(row) for row in y}
    return len(lengths) == 1 and lengths.pop() >= 2 and all(v in (0, 1) for r in y for v in r)


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


def test_encode_reads_nested_zero_one_rows_as_learned():
    y = [[0, 1], [1, 0]]
    lists, _ = LabelSpace.from_y([[0, 1], [1], [2]])
    assert lists.encode(y).toarray().tolist() == [[1, 1, 0]] * 2
    matrix, _ = LabelSpace.from_y(y)
    assert matrix.encode(y).toarray().tolist() == y
    with pytest.raises(ValueError, match=r"only 0 and 1, but y\[0, 1\] is 3"):
        matrix.encode([[0, 3], [1, 0]])


def test_matrix_forms_encode_each_other():
    dense = np.array([[1, 0, 1], [0, 1, 0]])
    for learned in (dense, sp.csr_matrix(dense)):
        space, _ = LabelSpace.from_y(learned)
        for further in (dense, sp.csc_array(dense), pd.DataFrame(dense), dense.tolist()):
            assert (space.encode(further).toarray() == dense).all()


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
    with pytest.raises(ValueError, match="'ignore' or 'append', got 'drop'"):
        LabelSpace.from_y(["a", "b"])[0].encode(["a"], unknown="drop")


@pytest.mark.parametrize(
    ("y", "further"),
    [
        ([["a"], ["c"]], [["b", "a"], ["d"], ["b"], []]),
        ([[1], [3]], [[2, 1], [4], [2], []]),
        (["a", "c"], ["b", "a", "d", "b"]),
    ],
)
def test_unknown_labels_may_be_appended(y, further):
    space, _ = LabelSpace.from_y(y)
    Y = space.encode(further, unknown="append")
    known = space.encode(further, unknown="ignore")
    assert_canonical(Y, (4, 4))
    assert (Y[:, :2] != known).nnz == 0
    expected = [[1, 0], [0, 1], [1, 0], [0, 0]] if isinstance(y[0], list) else None
    expected = expected or [[1, 0], [0, 0], [0, 1], [1, 0]]
    assert Y[:, 2:].toarray().tolist() == expected
    assert space.encode(y, unknown="append").shape == (2, 2)


@pytest.mark.parametrize("kinds", [(np.int64, np.uint64), (np.uint64, np.int64)])
def test_large_integers_are_found_whatever_their_type(kinds):
    ids = np.arange(3) + 2**60
    space, _ = LabelSpace.from_y(ids.astype(kinds[0]))
    assert space.encode(ids.astype(kinds[1])).toarray().tolist() == np.eye(3).tolist()
    odd = np.array([ids[1], ids[2] + 1]).astype(kinds[1])
    odd = np.append(odd, kinds[1](2**64 - 1) if kinds[1] is np.uint64 else kinds[1](-1))
    assert space.columns(odd).tolist() == [1, -1, -1]


def test_encode_accepts_no_positive_and_no_rows():
    space, _ = LabelSpace.from_y([["a"], ["b"]])
    assert space.encode([[], []]).nnz == 0
    assert space.encode([]).shape == (0, 2)
