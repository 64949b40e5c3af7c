"""The readers of CSV, TSV and Parquet, and of texts alone."""

import csv
import io
import os
import threading

import pandas as pd
import pyarrow as pa
import pytest
from _dataset_files import NO_FIXTURE_CHECK, json_lines, write
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from sk_inceptionxml.datasets import iter_texts, load_csv, load_jsonl, load_parquet

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"))
LABELS = st.text("ab ,\t\"'é", min_size=1).map(str.strip).filter(bool)
ROWS = st.lists(st.tuples(TEXTS, st.lists(LABELS, max_size=3)), max_size=5)
rounds = settings(max_examples=40, deadline=None, suppress_health_check=NO_FIXTURE_CHECK)


@rounds
@given(rows=ROWS, compress=st.booleans(), delimiter=st.sampled_from(",\t;"))
def test_csv_round_trip(tmp_path, rows, compress, delimiter):
    stream = io.StringIO()
    table = csv.writer(stream, delimiter=delimiter)
    table.writerows([["id", "text", "labels"], *([1, t, "|".join(ls)] for t, ls in rows)])
    name = {",": "x.csv", "\t": "x.tsv", ";": "x.txt"}[delimiter]
    path = write(tmp_path / name, stream.getvalue(), compress)
    loaded = load_csv(path, delimiter=";" if delimiter == ";" else None)
    assert loaded.data == [t for t, _ in rows]
    assert loaded.target == [ls for _, ls in rows]
    assert loaded.label_names == sorted({x for _, ls in rows for x in ls})
    if delimiter != ";":
        assert list(iter_texts(path)) == loaded.data


@rounds
@given(rows=ROWS, as_lists=st.booleans(), compress=st.booleans())
def test_parquet_round_trip(tmp_path, rows, as_lists, compress):
    labels = [ls if as_lists else "|".join(ls) for _, ls in rows]
    kind = pa.list_(pa.string()) if as_lists else pa.string()  # empty lists do not tell theirs
    schema = pa.schema([("id", pa.int64()), ("text", pa.string()), ("labels", kind)])
    columns = {"id": [1] * len(rows), "text": [t for t, _ in rows], "labels": labels}
    stream = io.BytesIO()
    parquet.write_table(pa.table(columns, schema=schema), stream)
    path = write(tmp_path / "x.parquet", stream.getvalue(), compress)
    loaded = load_parquet(path)
    assert loaded.data == [t for t, _ in rows]
    assert loaded.target == [ls for _, ls in rows]
    assert list(iter_texts(path)) == loaded.data


def test_columns_separators_and_unlabelled_rows(tmp_path):
    path = write(tmp_path / "x.csv", "tags,q\nx ; y;;,red\n,blue\n")
    names = {"text_column": "q", "labels_column": "tags", "label_separator": ";"}
    loaded = load_csv(path, **names)
    assert (loaded.data, loaded.target) == (["red", "blue"], [["x", "y"], []])
    loaded = load_csv(path, **names, drop_unlabelled=True)
    assert (loaded.data, loaded.label_names) == (["red"], ["x", "y"])


def test_quotes_may_be_part_of_the_text(tmp_path):
    path = write(tmp_path / "x.tsv", 'text\tlabels\n"red" boat\tboat\n')
    with pytest.raises(ValueError, match="x.tsv, line 2: not valid CSV"):
        load_csv(path)
    assert load_csv(path, quotechar=None).data == ['"red" boat']
    assert list(iter_texts(path, quotechar=None)) == ['"red" boat']


@pytest.mark.parametrize(
    "options", [{"delimiter": ""}, {"delimiter": ";;"}, {"quotechar": "''"}, {"delimiter": 3}]
)
def test_csv_options_are_characters(tmp_path, options):
    path = write(tmp_path / "x.csv", "text,labels\n")
    with pytest.raises(ValueError, match="delimiter and quotechar must be"):
        load_csv(path, **options)


@pytest.mark.parametrize("load", [load_csv, load_parquet])
@pytest.mark.parametrize("separator", ["", None])
def test_separators_separate(tmp_path, load, separator):
    with pytest.raises(ValueError, match="label_separator must be"):
        load(tmp_path / "x", label_separator=separator)


def test_parquet_with_integers_missing_labels_and_categories(tmp_path):
    table = pd.DataFrame({"text": ["a", "b", "c"], "labels": [[1, 2], None, []]})
    table.to_parquet(tmp_path / "x.parquet")
    loaded = load_parquet(tmp_path / "x.parquet")
    assert (loaded.target, loaded.label_names) == ([[1, 2], [], []], [1, 2])
    assert load_parquet(tmp_path / "x.parquet", drop_unlabelled=True).data == ["a"]
    table = pd.DataFrame({"text": pd.Categorical(["a", "a"]), "labels": ["x|y", "x"]})
    table.to_parquet(tmp_path / "y.parquet")
    assert load_parquet(tmp_path / "y.parquet").data == ["a", "a"]


def test_parquet_names_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'sk-inceptionxml\[parquet\]'"):
        load_parquet(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    ("source", "format"),
    [("x.bin", None), ("x.jsonl", "xml"), (io.BytesIO(), "parquet"), (io.BytesIO(), "xml")],
)
def test_formats_of_texts_are_known_at_once(source, format):
    with pytest.raises(ValueError, match="format must be one of"):
        iter_texts(source, format=format)


def test_texts_of_a_stream_come_one_by_one():
    lines = iter([b'{"text": "a"}\n', b"\n", b'{"text": "b"}\n', b"broken\n"])
    texts = iter_texts(lines, format="jsonl")
    assert [next(texts), next(texts)] == ["a", "b"]
    with pytest.raises(ValueError, match="standard input, line 4: not valid JSON"):
        next(texts)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("compress", [False, True])
def test_pipes_are_files(tmp_path, compress):
    content = write(
        tmp_path / "x.jsonl", json_lines({"text": "red kite", "labels": ["kite"]}), compress
    ).read_bytes()
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
    writer.start()
    assert load_jsonl(tmp_path / "pipe").data == ["red kite"]
    writer.join()
