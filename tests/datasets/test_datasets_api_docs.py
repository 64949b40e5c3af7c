"""The data set of API documentation: subsets, split, cache."""

import json

import pytest
from _dataset_files import write

from sk_inceptionxml.datasets import _api_docs, load_api_docs


@pytest.fixture
def data_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SK_INCEPTIONXML_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


RECORDS = [
    {"name": f"p.f{i:03d}", "text": f"text number {i}", "labels": ["all", f"l{i % 7}", f"m{i}"]}
    for i in range(200)
]


@pytest.fixture
def small_harvest(monkeypatch):
    """Replace the harvest by a small one; the list collects the calls."""
    calls = []

    def run():
        calls.append(1)
        return json.loads(json.dumps(RECORDS))

    monkeypatch.setattr(_api_docs, "_run_harvest", run)
    return calls


def test_api_docs_full(data_home, capfd, monkeypatch):
    docs = load_api_docs(subset="all")
    assert capfd.readouterr() == ("", "")
    assert len(docs.data) > 2000
    assert len(set(docs.data)) == len(docs.data) == len(docs.target) == len(docs.names)
    assert docs.names == sorted(docs.names)
    assert docs.label_names == sorted({label for labels in docs.target for label in labels})
    assert {"numpy", "scipy", "sklearn"} <= set(docs.versions)
    assert str(len(docs.data)) in docs.DESCR
    by_name = dict(zip(docs.names, docs.target, strict=True))
    assert {"a", "axis", "keepdims"} <= set(by_name["numpy.mean"])
    (cached,) = data_home.iterdir()
    monkeypatch.delattr(_api_docs, "_run_harvest")  # what follows comes from the cache
    train, test = load_api_docs(), load_api_docs(subset="test")
    assert list(data_home.iterdir()) == [cached]
    assert 0.15 < len(test.data) / len(docs.data) < 0.25
    assert not set(train.data) & set(test.data)
    assert sorted(train.data + test.data) == sorted(docs.data)


def test_api_docs_subsets_and_counts(data_home, small_harvest):
    docs = load_api_docs(subset="all")
    assert docs.data == [r["text"] for r in RECORDS]
    assert docs.target == [r["labels"] for r in RECORDS]
    data, target = load_api_docs(subset="all", return_X_y=True)
    assert (data, target) == (docs.data, docs.target)
    test = load_api_docs(subset="test")
    assert test.data == [text for text in docs.data if _api_docs.is_test_text(text)]
    assert load_api_docs().data == [text for text in docs.data if text not in test.data]
    frequent = load_api_docs(subset="test", min_label_count=28)
    kept = {"all"} | {f"l{i}" for i in range(7) if len(range(i, 200, 7)) >= 28}
    assert set(frequent.label_names) == kept
    assert {x for labels in frequent.target for x in labels} <= kept
    nothing = load_api_docs(min_label_count=201)
    assert nothing.data == [] and nothing.label_names == []


def test_api_docs_split_is_fixed():
    # Literal values: the split must not change from release to release.
    assert [i for i in range(20) if _api_docs.is_test_text(f"text number {i}")] == [
        1,
        4,
        12,
        16,
        18,
    ]


def test_api_docs_cache(data_home, small_harvest, monkeypatch):
    first = load_api_docs()
    assert load_api_docs().data == first.data and len(small_harvest) == 1
    load_api_docs(cache=False)
    assert len(small_harvest) == 2
    (path,) = data_home.iterdir()
    good = path.read_bytes()
    for damage in (b"", good[:-5], b"\xff", b"{}", b"[]", b'[{"name": 1}]', b"[" * 100_000):
        path.write_bytes(damage)
        calls = len(small_harvest)
        assert load_api_docs().data == first.data
        assert len(small_harvest) == calls + 1
        assert path.read_bytes() == good
    monkeypatch.setattr(_api_docs, "_get_versions", lambda: {"numpy": "0"})
    load_api_docs()
    assert len(list(data_home.iterdir())) == 2


def test_api_docs_unwritable_cache(tmp_path, small_harvest, monkeypatch):
    monkeypatch.setenv("SK_INCEPTIONXML_DATA_HOME", str(write(tmp_path / "file", "x") / "home"))
    assert load_api_docs(subset="all").data == [r["text"] for r in RECORDS]
    assert (tmp_path / "file").read_text() == "x"

    home = tmp_path / "home"
    monkeypatch.setenv("SK_INCEPTIONXML_DATA_HOME", str(home))

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(_api_docs.os, "replace", fail)
    assert load_api_docs(subset="all").data == [r["text"] for r in RECORDS]
    assert list(home.iterdir()) == []


def test_api_docs_failed_harvest(monkeypatch, data_home):
    monkeypatch.setattr(_api_docs, "_HARVEST_SCRIPT", data_home / "missing.py")
    with pytest.raises(RuntimeError, match="the harvest of API documentation failed"):
        load_api_docs()
    assert not data_home.exists()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"subset": "dev"}, ValueError),
        ({"min_label_count": 0}, ValueError),
        ({"min_label_count": 1.5}, TypeError),
        ({"min_label_count": True}, TypeError),
    ],
)
def test_api_docs_parameters_are_checked(options, error):
    with pytest.raises(error, match=next(iter(options))):
        load_api_docs(**options)
