"""The names of labels: those of y, those of classes, and those that were not learned."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from _label_targets import assert_canonical

from sk_inceptionxml.labels import LabelSpace


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


def test_many_distinct_labels_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert LabelSpace.from_y([f"title {i}" for i in range(50)])[0].n_labels == 50
