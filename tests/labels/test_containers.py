"""Labels and texts in whatever holds a sequence: subclasses of str, Arrow, polars, pandas."""

from __future__ import annotations

import enum
import warnings

import numpy as np
import pandas as pd
import pytest
from _models import small

from sk_inceptionxml.labels import LabelSpace
from sk_inceptionxml.metrics import precision_at_k
from sk_inceptionxml.text import check_text, is_text

ROWS = [["c", "a"], ["b"], ["a"], [], ["a", "b"]]
TEXTS = ["red boat", "blue kite", "red lamp", "old boat", "new kite"]


class Uri(str):
    """As rdflib's URIRef: prints itself otherwise than it is."""

    def __repr__(self):
        return f"Uri({str.__str__(self)})"

    def __str__(self):
        return "something else"


class Kind(str, enum.Enum):  # noqa: UP042
    """As enums of names are written."""

    A = "a"
    B = "b"
    C = "c"


SUBCLASSES = [Uri, np.str_, Kind]


@pytest.mark.parametrize("kind", SUBCLASSES)
def test_strings_of_any_class_are_the_text_that_they_are(kind):
    wrapped = [[kind(name) for name in row] for row in ROWS]
    plain, Y = LabelSpace.from_y(ROWS)
    space, Z = LabelSpace.from_y(wrapped)
    assert {type(name) for name in space.classes_} == {str}
    assert space.classes_.tolist() == plain.classes_.tolist() == ["a", "b", "c"]
    assert (Y != Z).nnz == 0
    assert (plain.encode(wrapped) != Y).nnz == 0
    one = [row[0] for row in ROWS if row]
    for values in ([kind(x) for x in one], np.array([kind(x) for x in one], dtype=object)):
        found, _ = LabelSpace.from_y(values)
        assert found.classes_.tolist() == ["a", "b", "c"]
    assert precision_at_k(wrapped, [["a"], ["b"], ["a"], ["a"], ["b"]], k=1) == 0.8


@pytest.mark.parametrize("kind", [Uri, np.str_])
def test_texts_of_any_class_are_the_text_that_they_are(kind):
    texts = check_text([kind(text) for text in TEXTS])
    assert texts == TEXTS and {type(text) for text in texts} == {str}


@pytest.mark.parametrize("kind", [Uri, Kind])
def test_a_model_of_subclasses_is_that_of_plain_strings(kind, tmp_path):
    wrapped = [[kind(name) for name in row] for row in ROWS] * 3
    plain = small().fit(TEXTS * 3, ROWS * 3)
    clf = small().fit(TEXTS * 3, wrapped)
    np.testing.assert_array_equal(clf.predict_topk(TEXTS)[1], plain.predict_topk(TEXTS)[1])
    assert clf.score(TEXTS, wrapped[:5]) == plain.score(TEXTS, ROWS) > 0
    plain.partial_fit(TEXTS, wrapped[:5])
    assert plain.n_labels_ == 3
    clf.save(tmp_path / "model")
    loaded = type(clf).load(tmp_path / "model", device="cpu")
    assert loaded.predict_topk(TEXTS)[0].tolist() == clf.predict_topk(TEXTS)[0].tolist()


def arrow():
    return pytest.importorskip("pyarrow")


def polars():
    return pytest.importorskip("polars")


TEXT_COLUMNS = {
    "array": lambda: arrow().array(TEXTS),
    "chunked array": lambda: arrow().chunked_array([TEXTS[:2], TEXTS[2:]]),
    "table": lambda: arrow().table({"title": TEXTS}),
    "polars": lambda: polars().Series(TEXTS),
    "pandas": lambda: pd.Series(TEXTS),
    "pandas on Arrow": lambda: pd.Series(TEXTS, dtype=pd.ArrowDtype(arrow().string())),
}


@pytest.mark.parametrize("name", TEXT_COLUMNS)
def test_a_column_of_texts_is_read(name):
    column = TEXT_COLUMNS[name]()
    assert is_text(column) and check_text(column) == TEXTS


LABEL_ROWS = {
    "Series": lambda: [pd.Series(row, dtype=object) for row in ROWS],
    "Index": lambda: [pd.Index(row, dtype=object) for row in ROWS],
    "keys of dicts": lambda: [dict.fromkeys(row).keys() for row in ROWS],
    "arrays": lambda: [np.array(row, dtype=object) for row in ROWS],
    "Arrow lists": lambda: arrow().array(ROWS, type=arrow().list_(arrow().string())),
    "scalars of Arrow": lambda: list(arrow().array(ROWS, type=arrow().list_(arrow().string()))),
    "polars": lambda: polars().Series(ROWS),
    "Series of lists": lambda: pd.Series(ROWS),
    "sets": lambda: [set(row) for row in ROWS],
}


@pytest.mark.parametrize("name", LABEL_ROWS)
def test_rows_of_labels_may_be_any_collection(name):
    space, Y = LabelSpace.from_y(LABEL_ROWS[name]())
    assert space.form == "lists"
    assert (Y != LabelSpace.from_y(ROWS)[1]).nnz == 0


def test_a_table_of_arrow_keeps_the_names_of_its_columns():
    table = arrow().table({"x": [0, 1, 1], "y": [1, 0, 1]})
    space, Y = LabelSpace.from_y(table)
    assert space.classes_.tolist() == ["x", "y"]
    assert Y.toarray().tolist() == [[0, 1], [1, 0], [1, 1]]


def test_a_frame_of_strings_is_told_what_to_do():
    frame = pd.DataFrame({"one": ["a", "b"], "two": ["b", "c"]})
    with pytest.raises(ValueError, match=r"np\.asarray\(y\)\.tolist\(\)"):
        LabelSpace.from_y(frame)
    assert LabelSpace.from_y(np.asarray(frame).tolist())[0].form == "lists"


def test_a_dict_is_no_row_of_labels():
    with pytest.raises(TypeError, match=r"y\[0\] is"):
        LabelSpace.from_y([{"a": 1.0}, ["b"]])


def test_joined_labels_are_a_hint_and_no_refusal():
    joined = ["a,b", "b,c", "a,c", "a,b,c", "c,b", "a"]
    with pytest.warns(UserWarning, match=r"split it: \[row.split\(','\) for row in y\]"):
        space, _ = LabelSpace.from_y(joined)
    assert space.n_labels == 6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LabelSpace.from_y(["Smith, John", "Miller, Ann", "Woods, Eve"])
