"""``explain`` and label texts on the command line."""

from __future__ import annotations

import json

import pytest
from _command_line import ON_SMALL, run

from sk_inceptionxml import InceptionXMLClassifier


def test_explanations_are_those_of_python(place):
    model = InceptionXMLClassifier.load(place / "model")
    for more, label in (((), None), (("--label", "boat"), "boat")):
        text = "the red boat, no. 3"
        ended = run("explain", place / "model", text, "-o", "json", *more)
        assert (ended.status, ended.err) == (0, "")
        assert json.loads(ended.out) == json.loads(json.dumps(model.explain(text, label)))
    table = run("explain", place / "model", text).out
    assert "network" in table and "boat" in table and "similarity" in table


def test_an_unknown_label_is_an_error_of_one_line(place):
    ended = run("explain", place / "model", "the red boat", "--label", "ship")
    assert ended.status == 2 and ended.err.count("\n") == 1 and "ship" in ended.err


def test_label_texts_of_a_file_are_those_of_python(place, tmp_path):
    names = {"boat": ["boat", "vessel"], "red": ["red"], "zither": ["zither"]}
    lines = [f"{label}\t{text}\n" for label, texts in names.items() for text in texts]
    (tmp_path / "names.tsv").write_text("".join(lines))
    options = ["--label-texts", tmp_path / "names.tsv", "--precision", "int8", "--seed", 0]
    ended = run("fit", place / "train.jsonl", tmp_path / "model", *options, *ON_SMALL)
    assert (ended.status, ended.err) == (0, "")
    model = InceptionXMLClassifier.load(tmp_path / "model")
    assert "zither" in model.classes_ and model.fusion_.text
    assert "zither" in model.predict_topk(["a zither"], k=5)[0]


@pytest.mark.parametrize(
    ("content", "where"),
    [(b"boat boat\n", "line 1"), (b"a\tb\n\tc\n", "line 2"), (b"", "no label"), (b"\xff", "UTF-8")],
)
def test_a_damaged_file_of_label_texts_is_an_error_of_one_line(place, tmp_path, content, where):
    (tmp_path / "names.tsv").write_bytes(content)
    options = ["--label-texts", tmp_path / "names.tsv"]
    ended = run("fit", place / "train.jsonl", tmp_path / "model", *options, *ON_SMALL)
    assert ended.status == 2 and ended.err.count("\n") == 1
    assert "names.tsv" in ended.err and where in ended.err
