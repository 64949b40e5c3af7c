"""The reader of JSON Lines."""

import json

import pytest
from _dataset_files import NO_FIXTURE_CHECK, json_lines, write
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_inceptionxml.datasets import load_jsonl


@settings(max_examples=40, deadline=None, suppress_health_check=NO_FIXTURE_CHECK)
@given(
    rows=st.lists(st.tuples(st.text(), st.lists(st.text(max_size=4), max_size=4)), max_size=6),
    compress=st.booleans(),
    ascii_only=st.booleans(),
)
def test_jsonl_round_trip(tmp_path, rows, compress, ascii_only):
    rows = [(t.encode("utf-8", "ignore").decode(), ls) for t, ls in rows]
    text = "\n".join(
        json.dumps({"text": t, "labels": ls, "more": 1}, ensure_ascii=ascii_only) for t, ls in rows
    )
    path = write(tmp_path / "x.jsonl", text, compress)
    loaded = load_jsonl(path)
    assert loaded.data == [t for t, _ in rows]
    assert loaded.target == [ls for _, ls in rows]
    assert loaded.label_names == sorted({x for _, ls in rows for x in ls})
    labelled = load_jsonl(path, drop_unlabelled=True)
    assert labelled.data == [t for t, ls in rows if ls]
    assert labelled.target == [ls for _, ls in rows if ls]


def test_jsonl_keys_and_int_labels(tmp_path):
    path = write(tmp_path / "x.jsonl", json_lines({"q": "red kite", "tags": [10, 9]}))
    loaded = load_jsonl(path, text_key="q", labels_key="tags")
    assert (loaded.data, loaded.target, loaded.label_names) == (["red kite"], [[10, 9]], [9, 10])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b'{"text": "a", "labels": [}', "not valid JSON"),
        (b'"text"', "JSON object"),
        (b'{"text": "a", "labels": [' + b"1" * 5000 + b"]}", "not valid JSON"),
        (b'{"labels": ["a"]}', "no key 'text'"),
        (b'{"text": "a"}', "no key 'labels'"),
        (b'{"text": null, "labels": []}', "'text' must be a str"),
        (b'{"text": "a", "labels": "b"}', "'labels' must be a list"),
        (b'{"text": "a", "labels": null}', "'labels' must be a list"),
        (b'{"text": "a", "labels": [1]}', "all str or all int"),
        (b'{"text": "a", "labels": [null]}', "all str or all int"),
        (b'{"text": "a", "labels": [["b"]]}', "all str or all int"),
        (b'{"text": "\xff", "labels": []}', "not valid utf-8"),
    ],
)
def test_jsonl_errors_name_file_and_line(tmp_path, row, message):
    path = write(tmp_path / "x.jsonl", b'{"text": "a", "labels": ["b"]}\n\n' + row)
    with pytest.raises(ValueError) as caught:
        load_jsonl(path)
    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert message in str(caught.value)
