"""A y in parts is read as the y of all rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from sk_inceptionxml._utils import storage
from sk_inceptionxml._utils.storage import MEMORY, Storage
from sk_inceptionxml.labels import LabelSpace, TargetParts, same_labels

DENSE = np.array([[0, 1, 1], [0, 0, 0], [1, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 1]])
NAMES = [["red", "b"], [], ["a", "red"], ["c"], ["c", "a", "a"], ["d"]]
FORMS = {
    "lists": NAMES,
    "lists that begin with empty ones": [[], [], *NAMES],
    "sets of integers": [set(), {5}, {0, 1}, {7, 5}, {1}, set()],
    "strings": ["dog", "cat", "dog", "a longer name", "cat", "cat"],
    "two strings": ["dog", "cat"] * 3,
    "an object array": np.array(["dog", "cat", "a longer name"] * 2, dtype=object),
    "integers": np.array([7, 3, 9, 3, 3, 1]),
    "booleans": np.array([True, False, False] * 2),
    "a dense indicator": DENSE.astype(np.int8),
    "a frame": pd.DataFrame(DENSE, columns=["x", "y", "z"]),
    "a sparse indicator": sp.csr_matrix(DENSE),
}


@pytest.fixture(params=["memory", "files"])
def place(request, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "SMALL", 0)
    return MEMORY if request.param == "memory" else Storage(str(tmp_path))


def part_of(y, part):
    return y.iloc[part] if hasattr(y, "iloc") else y[part]


def in_parts(y, place=MEMORY, size=2):
    n = y.shape[0] if hasattr(y, "shape") else len(y)
    with TargetParts(place) as parts:
        for start in range(0, n, size):
            some = part_of(y, slice(start, start + size))
            parts.add(some, some.shape[0] if hasattr(some, "shape") else len(some))
        return parts.target()


@pytest.mark.parametrize("form", FORMS)
def test_parts_are_the_whole(form, place):
    space, Y = LabelSpace.from_y(FORMS[form])
    found, found_Y = LabelSpace.from_y(in_parts(FORMS[form], place))
    assert found.to_dict() == space.to_dict()
    assert found.classes_.dtype == space.classes_.dtype
    np.testing.assert_array_equal(found_Y.toarray(), Y.toarray())
    assert found_Y.has_canonical_format


def test_parts_follow_a_space_and_take_further_names():
    space, Y = LabelSpace.from_y(NAMES)
    again, found = same_labels(space, in_parts(NAMES))
    np.testing.assert_array_equal(found.toarray(), Y.toarray())
    wide, found = LabelSpace.from_y(in_parts(NAMES), classes=[*space.classes_, "b2"])
    assert wide.classes_.tolist() == ["a", "b", "b2", "c", "d", "red"]
    np.testing.assert_array_equal(found.toarray()[:, [0, 1, 3, 4, 5]], Y.toarray())


@pytest.mark.parametrize(
    ("before", "now", "error", "message"),
    [
        ([["a"]], [[1]], TypeError, "numbers, but strings in the chunks before"),
        ([["a"]], DENSE[:1], ValueError, "was a sequence of label collections"),
        (DENSE, DENSE[:, :2], ValueError, "2 columns, but 3"),
        (FORMS["a frame"], FORMS["a frame"].rename(columns={"y": "w"}), ValueError, "column 1"),
        (["a"], [["b"]], ValueError, "was a 1-D array of labels"),
    ],
)
def test_parts_of_another_kind_are_refused(before, now, error, message):
    parts = TargetParts()
    parts.add(before, len(before))
    with pytest.raises(error, match=message):
        parts.add(now, len(now))


def test_no_part_is_no_y():
    with pytest.raises(ValueError, match="0 samples"):
        TargetParts().target()
    with pytest.raises(ValueError, match="inconsistent"):
        TargetParts().add([["a"]], 2)
