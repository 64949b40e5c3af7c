"""Streams give the rows of the loaders in chunks, again and again."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from _dataset_files import json_lines, write

from sk_inceptionxml.datasets import TextStream, load_csv, load_jsonl, load_parquet

ROWS = [("red kite", ["kite", "toy"]), ("blue boat", []), ("a lamp", ["lamp"])] * 3


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    objects = [{"text": text, "labels": labels} for text, labels in ROWS]
    table = "text,labels\n" + "".join(f"{text},{'|'.join(found)}\n" for text, found in ROWS)
    pd.DataFrame(objects).to_parquet(folder / "rows.parquet")
    write(folder / "rows.jsonl.gz", json_lines(*objects), compress=True)
    write(folder / "rows.csv", table)
    write(folder / "rows.tsv", table.replace(",", "\t"))
    return folder


def flat(stream):
    return [row for texts, labels in stream for row in zip(texts, labels, strict=True)]


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("rows.jsonl.gz", load_jsonl),
        ("rows.csv", load_csv),
        ("rows.tsv", load_csv),
        ("rows.parquet", load_parquet),
    ],
)
def test_files_give_what_the_loaders_give(files, name, load):
    data = load(files / name)
    stream = TextStream(files / name, chunk_size=4)
    assert flat(stream) == list(zip(data.data, data.target, strict=True)) == ROWS
    assert [len(texts) for texts, _ in stream] == [4, 4, 1]
    labelled = TextStream(str(files / name), drop_unlabelled=True)
    assert flat(labelled) == [row for row in ROWS if row[1]]
    assert "rows" in repr(stream)


def test_several_files_follow_each_other(files):
    stream = TextStream([files / "rows.csv", files / "rows.parquet"])
    assert flat(stream) == ROWS * 2 and len(list(stream)) == 2


def test_numbers_are_labels_and_no_indicator(tmp_path):
    rows = [{"title": "a", "y": [0, 1]}, {"title": "b", "y": [1, 0]}]
    path = write(tmp_path / "rows.json", json_lines(*rows))
    stream = TextStream(path, format="jsonl", text_column="title", labels_column="y")
    assert list(stream) == [(["a", "b"], [{0, 1}, {0, 1}])]


def test_functions_and_lists_give_their_chunks():
    chunks = [(["a", "b"], [["x"], []]), (["c"], [["y"]])]
    for source in (chunks, lambda: iter(chunks), lambda: (chunk for chunk in chunks)):
        stream = TextStream(source)
        assert list(stream) == list(stream) == chunks


@pytest.mark.parametrize(
    ("source", "params", "error", "message"),
    [
        ((x for x in ()), {}, TypeError, "only once, as it is a generator; give a function"),
        (iter([]), {}, TypeError, "only once"),
        (3, {}, TypeError, "a path, several paths, or a function"),
        (dict, {}, TypeError, "a path, several paths, or a function"),
        ("absent.jsonl", {}, ValueError, "there is no file 'absent.jsonl'"),
        ("rows.xml", {}, ValueError, "format must be one of"),
        (["absent.csv"], {"format": "text"}, ValueError, "format must be one of"),
        ([], {"chunk_size": 0}, ValueError, "chunk_size must be an int of at least 1, got 0"),
        ([], {"chunk_size": True}, ValueError, "chunk_size"),
        ([], {"cache_dir": 3}, TypeError, "cache_dir must be a path or None, got int"),
        ([], {"label_separator": ""}, ValueError, "label_separator"),
    ],
)
def test_what_is_no_source_is_refused_at_once(source, params, error, message):
    with pytest.raises(error, match=message):
        TextStream(source, **params)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda: None, "must return an iterator of chunks (texts, y), but it returned NoneType"),
        ([(["a"], [["x"]]), ["b"]], "chunk 1 of the stream must be a pair (texts, y), got list"),
        ([("a", "b", "c")], "chunk 0 of the stream must be a pair (texts, y), got tuple of 3"),
    ],
)
def test_what_is_no_chunk_is_refused_when_it_comes(source, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        list(TextStream(source))


def test_errors_of_files_name_the_line(tmp_path):
    path = write(tmp_path / "rows.jsonl", json_lines({"text": "a", "labels": ["x"]}, {"text": "b"}))
    with pytest.raises(ValueError, match="line 2: no key 'labels'"):
        list(TextStream(path))
