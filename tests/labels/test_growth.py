"""Labels of a later y: known columns stay, new names are appended, nothing is guessed."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from _label_targets import assert_canonical, quick, through_json
from hypothesis import given
from hypothesis import strategies as st

from sk_inceptionxml.labels import LabelSpace, first_labels, grow_label_space, same_labels

names = st.sampled_from([list("abcdefgh"), [5, -3, 2**40, 0, 7, 11, -8, 1]])


@quick
@given(names, st.data())
def test_lists_grow_by_the_labels_that_they_hold(pool, data):
    rows = st.lists(st.lists(st.sampled_from(pool), max_size=4), min_size=1, max_size=6)
    parts = [data.draw(rows) for _ in range(3)]
    space, _ = LabelSpace.from_y([[pool[0]], []])
    for y in parts:
        before = space.classes_.tolist()
        new = sorted(set(sum(y, [])) - set(before))
        space, Y = grow_label_space(space, y, n_samples=len(y))
        assert space.classes_.tolist() == before + new
        assert_canonical(Y, (len(y), len(before + new)))
        for row, labels in zip(Y.toarray(), y, strict=True):
            assert set(space.classes_[row > 0].tolist()) == set(labels)
    for again in (through_json(space), pickle.loads(pickle.dumps(space))):
        assert again.classes_.tolist() == space.classes_.tolist()
        assert (again.encode(parts[0]) != space.encode(parts[0])).nnz == 0


@quick
@given(st.permutations(range(6)), st.integers(2, 6), st.integers(0, 99))
def test_matrices_are_read_by_the_names_of_their_columns(order, n_columns, seed):
    space, _ = LabelSpace.from_y(np.eye(4, dtype=int))
    classes = order[:n_columns]
    y = (np.random.default_rng(seed).random((5, n_columns)) < 0.5).astype(int)
    grown, Y = grow_label_space(space, sp.csr_array(y), classes=classes)
    assert grown.classes_.tolist() == [*range(4), *(name for name in classes if name > 3)]
    for j, name in enumerate(classes):
        column = grown.classes_.tolist().index(name)
        assert (Y.toarray()[:, column] == y[:, j]).all()
    assert Y.nnz == y.sum()


def test_without_new_labels_the_space_stays():
    y = [["b"], ["a"]]
    space, Y = LabelSpace.from_y(y)
    same, Z = grow_label_space(space, y)
    assert same is space
    assert (Y != Z).nnz == 0


@pytest.mark.parametrize(
    ("old", "new", "dtype"),
    [
        (np.array(["a", "bb"]), "longer", np.dtype("<U6")),
        (np.array(["a", "bb"], dtype=object), "longer", np.dtype(object)),
        (np.array([1, 2], dtype=np.int8), 300, np.dtype(np.int64)),
        (np.array([1, 2], dtype=np.int8), 3, np.dtype(np.int8)),
        (np.array([1.0, 2.0], dtype=np.float32), 3, np.dtype(np.float32)),
    ],
)
def test_names_keep_their_type_where_it_holds_the_new_ones(old, new, dtype):
    space, _ = LabelSpace.from_y(old)
    grown, Y = grow_label_space(space, np.array([new]), classes=[*old.tolist(), new])
    assert grown.classes_.dtype == dtype
    assert grown.classes_.tolist() == [*old.tolist(), new]
    assert Y.toarray().tolist() == [[0, 0, 1]]
    assert (space.form, grown.form) == ("binary", "multiclass")


def test_numbers_that_no_type_holds_are_refused():
    space, _ = LabelSpace.from_y(np.array([2**62 + 1, 1]))
    with pytest.raises(ValueError, match="No number type"):
        grow_label_space(space, np.array([0.0]), classes=[2**62 + 1, 1, 0.5])
    with pytest.raises(ValueError, match="No number type"):
        grow_label_space(space, np.array([0.0]), classes=np.array([2.0**62, 1, 0.5]))


def test_a_frame_of_other_columns_is_refused_without_classes():
    space, _ = LabelSpace.from_y(pd.DataFrame(np.eye(2, dtype=int), columns=["a", "b"]))
    y = pd.DataFrame(np.eye(2, dtype=int), columns=["b", "c"])
    with pytest.raises(ValueError, match="column 0 is 'b'"):
        grow_label_space(space, y)
    with pytest.raises(ValueError, match="ordered as in classes: column 0 is 'b', not 'c'"):
        grow_label_space(space, y, classes=["c", "b"])
    grown, Y = grow_label_space(space, y, classes=list(y.columns))
    assert grown.classes_.tolist() == ["a", "b", "c"]
    assert Y.toarray().tolist() == [[0, 1, 0], [0, 0, 1]]


def test_first_labels_of_one_dimension_need_classes():
    with pytest.raises(ValueError, match="classes must be passed"):
        first_labels(["a", "b"])
    space, Y = first_labels(["a", "b"], classes=["c", "b", "a"])
    assert space.classes_.tolist() == ["a", "b", "c"]
    assert first_labels([["a"], ["b"]])[0].classes_.tolist() == ["a", "b"]


def test_same_labels_keep_their_columns_and_take_the_new_form():
    space, _ = grow_label_space(LabelSpace.from_y([["b"]])[0], [["a"]])
    again, Y = same_labels(space, [["a"], ["b", "a"]])
    assert again.classes_.tolist() == ["b", "a"]
    assert Y.toarray().tolist() == [[0, 1], [1, 1]]
    dense, _ = LabelSpace.from_y(np.eye(3, dtype=int))
    assert same_labels(dense, sp.csr_array(np.eye(3)))[0].form == "sparse"
    with pytest.raises(ValueError, match="1 are new and 1 are absent, such as 'c'"):
        same_labels(space, [["a", "c"]])
