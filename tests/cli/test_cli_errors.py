"""Wrong files, models and options: one line, the file, the line in it, and exit status 2."""

from __future__ import annotations

import gzip
import io
import shutil

import pandas as pd
import pytest
from _command_line import ON_SMALL, make_rows, run, write_jsonl

from sk_inceptionxml.cli import models
from sk_inceptionxml.persistence.versions import FORMAT_VERSION

GOOD = b'{"text": "red boat", "labels": ["boat", "red"]}\n'
LONG = gzip.compress(GOOD * 5000, mtime=0)
CSV = b"text,labels\nred boat,boat|red\n"


def parquet(**columns):
    stream = io.BytesIO()
    pd.DataFrame(columns).to_parquet(stream)
    return stream.getvalue()


PARQUET = parquet(text=["a", "b"], labels=[["x"], ["y"]])
XMC = b"3 4 2\n0 1:1\n1 2:1\n0,1 3:1\n"
TITLE = b'{"title": "red boat", "target_ind": [0, 1]}\n'

# name of the file, its bytes, where the error is (line or row), and whether texts alone have it
FILES = [
    ("empty.jsonl", b"", None, False),
    ("blank.jsonl", b"\n\n \n", None, False),
    ("list.jsonl", GOOD + b"[1]\n", "line 2", True),
    ("string.jsonl", GOOD + b'"a"\n', "line 2", True),
    ("number.jsonl", b"1\n", "line 1", True),
    ("null.jsonl", b"null\n", "line 1", True),
    ("open.jsonl", GOOD * 2 + b'{"text": "a", "labels": [\n', "line 3", True),
    ("words.jsonl", b"red boat\n", "line 1", True),
    ("two.jsonl", GOOD.strip() + GOOD, "line 1", True),
    ("array.jsonl", b"[" + GOOD.strip() + b"]\n", "line 1", True),
    ("deep.jsonl", b"[" * 100_000 + b"\n", "line 1", True),
    ("digits.jsonl", b'{"text": "a", "labels": [' + b"1" * 5000 + b"]}\n", "line 1", True),
    ("bytes.jsonl", GOOD + b'{"text": "\xff", "labels": []}\n', "line 2", True),
    ("utf16.jsonl", GOOD.decode().encode("utf-16"), "line 1", True),
    ("binary.jsonl", bytes(range(256)), "line 1", True),
    ("no-text.jsonl", GOOD + b'{"labels": ["a"]}\n', "line 2", True),
    ("text-null.jsonl", b'{"text": null, "labels": []}\n', "line 1", True),
    ("text-number.jsonl", b'{"text": 1, "labels": []}\n', "line 1", True),
    ("text-list.jsonl", b'{"text": ["a"], "labels": []}\n', "line 1", True),
    ("no-labels.jsonl", GOOD + b'{"text": "a"}\n', "line 2", False),
    ("labels-string.jsonl", b'{"text": "a", "labels": "b"}\n', "line 1", False),
    ("labels-null.jsonl", b'{"text": "a", "labels": null}\n', "line 1", False),
    ("labels-number.jsonl", b'{"text": "a", "labels": 3}\n', "line 1", False),
    ("labels-mixed.jsonl", GOOD + b'{"text": "a", "labels": [1]}\n', "line 2", False),
    ("labels-nested.jsonl", b'{"text": "a", "labels": [["b"]]}\n', "line 1", False),
    ("labels-float.jsonl", b'{"text": "a", "labels": [1.5]}\n', "line 1", False),
    ("labels-bool.jsonl", b'{"text": "a", "labels": [true]}\n', "line 1", False),
    ("unlabelled.jsonl", b'{"text": "a", "labels": []}\n' * 3, None, False),
    ("cut.jsonl.gz", LONG[: len(LONG) // 2], "line ", True),
    ("head.jsonl.gz", LONG[:8], "line 1", True),
    ("flipped.jsonl.gz", LONG[:-20] + b"\0" * 12 + LONG[-8:], "line ", True),
    ("sum.jsonl.gz", LONG[:-8] + b"\1\2\3\4" + LONG[-4:], "line ", True),
    ("empty.csv", b"", "line 1", True),
    ("header.csv", b"text,labels\n", None, False),
    ("other.csv", b"title,labels\na,b\n", "line 1", True),
    ("no-labels.csv", b"text,tags\na,b\n", "line 1", False),
    ("twice.csv", b"text,text,labels\na,b,c\n", "line 1", True),
    ("long.csv", CSV + b"a,b,c\n", "line 3", True),
    ("short.csv", CSV + b"a\n", "line 3", True),
    ("quote.csv", CSV + b'"a,b\nc,d\n', "line 3", True),
    ("quoted.csv", CSV + b'"a"b,c\n', "line 3", True),
    ("field.csv", CSV + b"a" * 200_000 + b",b\n", "line 3", True),
    ("bytes.csv", CSV + b"\xff,b\n", "line 3", True),
    ("semicolon.csv", b"text;labels\na;b\n", "line 1", True),
    ("multiline.csv", CSV + b'"a\nb",c\nd\n', "line 5", True),
    ("cut.csv.gz", gzip.compress(CSV + b"a,b\n" * 9999)[:40], "line ", True),
    ("unlabelled.csv", b"text,labels\na,\nb,|\n", None, False),
    ("commas.tsv", CSV, "line 1", True),
    ("short.tsv", b"text\tlabels\na b\n", "line 2", True),
    ("empty.parquet", b"", None, True),
    ("words.parquet", b"no such thing at all", None, True),
    ("cut.parquet", PARQUET[:-20], None, True),
    ("tail.parquet", PARQUET[20:], None, True),
    ("cut.parquet.gz", gzip.compress(PARQUET)[:50], None, True),
    ("other.parquet", parquet(title=["a"], labels=[["b"]]), None, True),
    ("no-labels.parquet", parquet(text=["a"]), None, False),
    ("numbers.parquet", parquet(text=[1, 2], labels=[["b"], []]), None, True),
    ("floats.parquet", parquet(text=["a"], labels=[[1.5]]), None, False),
    ("label-int.parquet", parquet(text=["a"], labels=[1]), None, False),
    ("null.parquet", parquet(text=["a", None], labels=[["b"], []]), "row 2", True),
    ("null-label.parquet", parquet(text=["a"], labels=[["b", None]]), "row 1", False),
    ("no-rows.parquet", PARQUET[:0] + parquet(text=pd.Series([], dtype=str),
     labels=pd.Series([], dtype=str)), None, False),
    ("empty.json", b"", None, False),
    ("no-title.json", TITLE + b'{"target_ind": [0]}\n', "line 2", True),
    ("no-target.json", b'{"title": "a"}\n', "line 1", False),
    ("negative.json", b'{"title": "a", "target_ind": [-1]}\n', "line 1", False),
    ("cut.json", TITLE + b'{"title": "a", "targ', "line 2", True),
]  # fmt: skip
MATRICES = [
    ("empty.txt", b"", "line 1"),
    ("header.txt", b"3 4\n", "line 1"),
    ("words.txt", b"a b c\n", "line 1"),
    ("few.txt", XMC.replace(b"3 4 2", b"4 4 2"), "line "),
    ("many.txt", XMC.replace(b"3 4 2", b"2 4 2"), "line 4"),
    ("wide.txt", XMC.replace(b"3 4 2", b"3 3 2"), "line 4"),
    ("label.txt", XMC.replace(b"3 4 2", b"3 4 1"), "line 3"),
    ("pair.txt", XMC.replace(b"2:1", b"2;1"), "line 3"),
    ("infinite.txt", XMC.replace(b"2:1", b"2:1e99"), "line 3"),
]
OPTIONS = [
    ("--epochs", "3"),
    ("--max-epochs", "many"),
    ("--max-epochs", "0"),
    ("--max-epochs", "1.5"),
    ("--max-epochs",),
    ("--batch-size", "-1"),
    ("--lr", "0"),
    ("--lr", "fast"),
    ("--lr", "nan"),
    ("--lr", "inf"),
    ("--n-neighbors", "-3"),
    ("--n-neighbors", "20000"),
    ("--head", "tree"),
    ("--seed", "-1"),
    ("--seed", "4294967296"),
    ("--seed", "today"),
    ("--device", "toaster"),
    ("--device", "cuda:99"),
    ("--embeddings", "no-such-file.vec"),
    ("--format", "xlsx"),
    ("--format", "jsonl", "--label-matrix", "no-such-file.txt"),
    ("--label-names", "no-such-file.txt"),
    ("--validation", "no-such-file.jsonl"),
    ("--label-separator", "", "--format", "csv"),
    ("--text-column", "title"),
    ("--label-column", "tags"),
    ("--early-stopping=maybe",),
    ("--set", "lr"),
    ("--set", "=3"),
    ("--set", ""),
    ("--set", "two words=3"),
    ("--set", "learning_rate=0.1"),
    ("--set", "lr=fast"),
    ("--set", "lr=[0.1]"),
    ("--set", "lr=True"),
    ("--set", "lr=0.1", "--set", "lr=0.2"),
    ("--set", "lr=0.1", "--lr", "0.2"),
    ("--set", "dropout=1.0"),
    ("--set", "dropout=none"),
    ("--set", "kernel_sizes=4"),
    ("--set", "kernel_sizes=[]"),
    ("--set", "kernel_sizes=[0]"),
    ("--set", "kernel_sizes=(4,"),
    ("--set", "embedding_dim=7"),
    ("--set", "max_len=0"),
    ("--set", "top_k=0"),
    ("--set", "threshold=2"),
    ("--set", "calibrate=always"),
    ("--set", "warm_start=perhaps"),
    ("--set", "early_stopping=3"),
    ("--set", "head=tree"),
    ("--set", "head=3"),
    ("--set", "head__beam_size=8"),
    ("--set", "head=auto", "--set", "head__beam_size=8"),
    ("--head", "ova", "--set", "head__beam_size=8"),
    ("--head", "sync", "--set", "head__beam=8"),
    ("--head", "sync", "--set", "head__beam_size=0"),
    ("--head", "sync", "--set", "head__beam_size=wide"),
    ("--head", "sync", "--set", "head__clusters=[0, 1]"),
    ("--set", "vectorizer=words"),
    ("--set", "vectorizer__min_df=2"),
    ("--set", "vectorizer=tfidf", "--set", "vectorizer__minimum=2"),
    ("--set", "vectorizer=tfidf", "--set", "vectorizer__min_df=none"),
    ("--set", "callbacks=3"),
    ("--set", "callbacks=nothing"),
    ("--set", "callbacks=no_such_module:name"),
    ("--set", "callbacks=json:no_such_name"),
    ("--set", "callbacks=json:dumps"),
    ("--set", "random_state=-1"),
    ("--set", "verbose=loud"),
    ("--set", "clf__lr=3"),
    ("--config", "no-such-file.toml"),
    ("more", "arguments"),
]
CONFIGS = [
    ("a.toml", b"lr = \n", "line 1"),
    ("b.toml", b"batch_size = 8\nlr 0.1\n", "line 2"),
    ("c.toml", b"lr = 0.1\nlr = 0.2\n", "line 2"),
    ("d.toml", b"# \xff\n", "line 1"),
    ("e.toml", b"learning_rate = 0.1\n", None),
    ("f.toml", b"lr = 'fast'\n", None),
    ("g.toml", b"[head]\nbeam_size = 8\n", None),
    ("h.toml", b"[head]\nname = 'sync'\nbeams = 8\n", None),
    ("i.toml", b"[lr]\nhighest = 1\n", None),
    ("a.yaml", b"lr: [\n", "line 2"),
    ("b.yaml", b"lr: 0.1\n\tx: 1\n", "line 2"),
    ("c.yaml", b"- lr\n- 0.1\n", None),
    ("d.yaml", b"0.1\n", None),
    ("e.yaml", b"lr: !!python/object:os.system x\n", "line 1"),
    ("f.yaml", b"rate: 1\n", None),
    ("g.yaml", b"1: 2\n", None),
    ("h.yaml", b"", None),
    ("settings.json", b"{}", None),
    ("settings", b"", None),
]
MODELS = [
    "missing",
    "a-file",
    "empty",
    "no-weights",
    "no-memory",
    "no-manifest",
    "cut-manifest",
    "empty-manifest",
    "other-manifest",
    "cut-weights",
    "flipped-weights",
    "flipped-memory",
    "more-files",
    "newer",
]
PREDICTING = [
    ("-k", "0"),
    ("-k", "many"),
    ("--threshold", "2"),
    ("--threshold", "-0.5"),
    ("--threshold", "high"),
    ("--output-format", "csv"),
    ("--batch-size", "0"),
    ("--format", "parquet"),
    ("--format", "xmc-sparse"),
    ("--format", "text", "--text-column", "text"),
    ("--label-column", "labels"),
    ("--device", "toaster"),
    ("--format", "json"),
]
EVALUATING = [
    ("--k", "0"),
    ("--k", "one"),
    ("--recall-k", "0"),
    ("--baselines",),
    ("--train", "no-such-file.jsonl"),
    ("--propensity-a", "-1"),
    ("--propensity-b", "0"),
    ("--propensity-b", "nan"),
    ("--output-format", "xml"),
    ("--label-matrix", "no-such-file.txt"),
    ("--device", "toaster"),
]


def n_cases():
    of_texts = sum(is_text for *_, is_text in FILES)
    files = 2 * len(FILES) + of_texts + 2 * len(MATRICES)
    options = len(OPTIONS) + len(PREDICTING) + len(EVALUATING)
    return files + options + len(CONFIGS) - 1 + 3 * len(MODELS)


def test_there_are_more_than_200_cases():
    assert n_cases() > 200


def check(ended, *named):
    """One line that names the file and the place, and nothing else."""
    assert ended.status == 2, ended
    assert ended.out == "", ended
    assert ended.err.startswith("error: ") and ended.err.endswith("\n"), ended
    assert len(ended.err.splitlines()) == 1, ended
    assert "Traceback" not in ended.err
    for name in named:
        assert str(name) in ended.err, ended


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Nothing of this repository is where a relative path leads."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def model(place):
    return models.load(place / "model", "cpu")


@pytest.fixture
def loaded_once(model, monkeypatch):
    """predict gets a model that is loaded already, to be quick."""
    monkeypatch.setattr("sk_inceptionxml.cli.predict.load", lambda directory, device: model)


def place_of(path, where):
    return [path] if where is None else [f"{path}, {where}"]


@pytest.mark.parametrize(("name", "content", "where", "is_text"), FILES, ids=[f[0] for f in FILES])
def test_files(place, write, tmp_path, loaded_once, name, content, where, is_text):
    path = write(name, content)
    check(run("fit", path, tmp_path / "new", *ON_SMALL), *place_of(path, where))
    assert not (tmp_path / "new").exists()
    check(run("evaluate", place / "model", path), *place_of(path, where))
    if is_text:
        check(run("predict", place / "model", path), *place_of(path, where))


@pytest.mark.parametrize(("name", "content", "where"), MATRICES, ids=[m[0] for m in MATRICES])
def test_matrices(place, write, tmp_path, name, content, where):
    path = write(name, content)
    check(run("fit", path, tmp_path / "new", *ON_SMALL), f"{path}, {where}")
    check(run("evaluate", place / "model", path), f"{path}, {where}")


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_options_of_fit(place, tmp_path, options):
    files = [word for word in options if word.startswith("no-such-file")]
    check(run("fit", place / "train.jsonl", tmp_path / "new", *options), *files)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("name", "content", "where"), CONFIGS, ids=[c[0] for c in CONFIGS])
def test_config_files(place, write, tmp_path, name, content, where):
    path = write(name, content)
    check(run("fit", place / "train.jsonl", "new", "--config", path), *place_of(path, where))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("options", PREDICTING, ids=" ".join)
def test_options_of_predict(place, options):
    check(run("predict", place / "model", *options, stdin=b"red\n"))


@pytest.mark.parametrize("options", EVALUATING, ids=" ".join)
def test_options_of_evaluate(place, options):
    files = [word for word in options if word.startswith("no-such-file")]
    check(run("evaluate", place / "model", place / "test.jsonl", *options), *files)


def damage(model, kind):
    """Make a copy of a model what its name says."""
    weights, memory, manifest = (
        model / f"{name}" for name in ("weights.safetensors", "memory.safetensors", "model.json")
    )
    if kind in ("missing", "a-file", "empty"):
        shutil.rmtree(model)
    if kind == "a-file":
        model.write_text("no model")
    elif kind == "empty":
        model.mkdir()
    elif kind.startswith("no-"):
        {"no-weights": weights, "no-memory": memory, "no-manifest": manifest}[kind].unlink()
    elif kind == "cut-manifest":
        manifest.write_bytes(manifest.read_bytes()[:-100])
    elif kind == "empty-manifest":
        manifest.write_bytes(b"")
    elif kind == "other-manifest":
        manifest.write_text("{}")
    elif kind == "cut-weights":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif kind.startswith("flipped"):
        path = weights if kind == "flipped-weights" else memory
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    elif kind == "more-files":
        (model / "notes.txt").touch()
    elif kind == "newer":
        text = manifest.read_text()
        now = f'"format_version": {FORMAT_VERSION}'
        manifest.write_text(text.replace(now, '"format_version": 99'))


@pytest.mark.parametrize("kind", MODELS)
def test_models(place, tmp_path, kind):
    model = tmp_path / kind
    shutil.copytree(place / "model", model)
    damage(model, kind)
    check(run("info", model), model)
    check(run("predict", model, stdin=b"red\n"), model)
    check(run("evaluate", model, place / "test.jsonl"), model)


def test_files_that_are_not_there(place, tmp_path):
    for path in (tmp_path / "none.jsonl", tmp_path):
        check(run("fit", path, "new"), path)
        check(run("evaluate", place / "model", path), path)
        check(run("predict", place / "model", path), path)


def test_names_that_tell_no_format(place, write):
    path = write("data.bin", GOOD)
    check(run("fit", path, "new"), path, "--format")
    check(run("predict", place / "model", path), path, "--format")


def test_places_that_cannot_be_written(place, write):
    path = write("a-file", b"")
    check(run("fit", place / "train.jsonl", path), path)
    check(run("fit", place / "train.jsonl", path, "--force"), path)
    check(run("fit", place / "train.jsonl", path / "below", *ON_SMALL), path)


def test_labels_of_another_kind(place, write):
    path = write("x.jsonl", b'{"text": "a", "labels": [1]}\n')
    check(run("evaluate", place / "model", path), path, "integers")
    more = ("--train", path)
    check(run("evaluate", place / "model", place / "test.jsonl", *more), path, "integers")


def test_matrix_and_texts_do_not_mix(place, write):
    path = write("x.txt", XMC)
    check(run("evaluate", place / "model", path), path, "matrix")
    check(run("predict", place / "model", path, "--format", "xmc-sparse"), path, "matrix")


def test_files_that_belong_together(write):
    texts = write("trn_X.txt", b"red boat\nblue kite\n")
    short = write("short.txt", b"1 2\n0:1\n")
    matrix = write("trn_X_Y.txt", b"2 2\n0:1\n1:1\n")
    names = write("Y.txt", b"boat\n")
    check(run("fit", texts, "new", "--label-matrix", short), short, texts)
    check(run("fit", texts, "new", "--label-matrix", matrix, "--label-names", names), names)
    check(run("fit", texts, "new", "--format", "text"), texts, "--label-matrix")


def test_standard_input(place):
    named = "standard input, line 2"
    check(run("predict", place / "model", stdin=b"red\n\xff\n"), named)
    more = ("--format", "jsonl")
    check(run("predict", place / "model", *more, stdin=b'{"text": "a"}\n{"text": 1}\n'), named)
    check(run("predict", place / "model", "--format", "csv", stdin=b"a\nb\n"), "line 1")


def test_the_place_is_told_once(place, write):
    path = write("x.jsonl", b'{"text": "\xff", "labels": []}\n')
    assert run("evaluate", place / "model", path).err.count(str(path)) == 1


def test_serve(place, write, tmp_path):
    check(run("serve", tmp_path / "none"), tmp_path / "none")
    check(run("serve", place / "model", place / "model"), "NAME=DIRECTORY")
    check(run("serve", place / "model", "--token-file", write("token", b"\n")), "token")
    check(run("serve", place / "model", "--token-file", tmp_path / "none"), tmp_path / "none")
    check(run("serve", place / "model", "--port", "http"))


def test_commands():
    check(run("train"))
    check(run("fit"))
    check(run("--nothing"))


def test_a_training_that_diverges(tmp_path):
    rows = write_jsonl(tmp_path / "train.jsonl", make_rows(60))
    check(run("fit", rows, "new", *ON_SMALL, "--lr", 1e30), rows, "lr")
