"""fit: parameters from everywhere, overwriting, Ctrl-C and checkpoints."""

from __future__ import annotations

import json
import sys
import warnings

import pytest
from _command_line import ON_SMALL, SMALL, make_rows, run, write_jsonl

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.cli import parameters
from sk_inceptionxml.cli.failures import Failure


def load(path):
    return InceptionXMLClassifier.load(path, device="cpu")


@pytest.fixture
def rows(tmp_path):
    return write_jsonl(tmp_path / "train.jsonl", make_rows(60))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("3e-3", 0.003),
        ("true", True),
        ("False", False),
        ("none", None),
        ("null", None),
        ("[4, 8]", [4, 8]),
        ("4,8", (4, 8)),
        ("'auto'", "auto"),
        ("auto", "auto"),
        ("", ""),
        ("a=b", "a=b"),
        ("(4,", "(4,"),
        ("\\d", "\\d"),
        ("[" * 300, "[" * 300),
    ],
)
def test_values_are_literals_or_themselves(text, value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parameters.parse_value(text) == value
        assert parameters.parse_assignments([f"x={text}"]) == {"x": value}


OTHERS = {
    "vectorizer": "tfidf",
    "embeddings": "random",
    "hidden_dim": 8,
    "embedding_skip": False,
    "dropout": 0.5,
    "head": "sync",
    "n_neighbors": 3,
    "shuffle_words": False,
    "word_dropout": 0.3,
    "lr": 0.5,
    "mixed_precision": True,
    "compile": "reduce-overhead",
    "validation_fraction": 0.25,
    "early_stopping": True,
    "n_iter_no_change": 7,
    "tail_weight": 0.2,
    "calibrate": None,
    "warm_start": True,
    "checkpoint_dir": "there",
    "threshold": 0.75,
    "top_k": 4,
    "callbacks": None,
    "random_state": 5,
    "verbose": 2,
    "max_len": 9,
}


def test_every_parameter_can_be_set():
    given = SMALL | OTHERS
    known = InceptionXMLClassifier().get_params(deep=False)
    assert given.keys() == known.keys()
    assigned = parameters.parse_assignments(f"{name}={value}" for name, value in given.items())
    built = parameters.build(assigned, known)
    found = InceptionXMLClassifier(**built).get_params(deep=False)
    assert type(found.pop("vectorizer")).__name__ == "TfidfVectorizer"
    assert found == {name: value for name, value in given.items() if name != "vectorizer"}


def test_parameters_of_heads_and_vectorizers():
    known = InceptionXMLClassifier().get_params(deep=False)
    given = parameters.parse_assignments(
        ["head=sync", "head__beam_size=8", "vectorizer=count", "vectorizer__ngram_range=[1, 2]"]
    )
    built = parameters.build(given, known)
    assert (built["head"].name, built["head"].beam_size) == ("sync", 8)
    assert built["vectorizer"].ngram_range == (1, 2)


@pytest.mark.parametrize("ending", ["toml", "yaml"])
def test_the_command_line_wins_over_a_file(tmp_path, rows, ending):
    path = tmp_path / f"settings.{ending}"
    if ending == "toml":
        lines = [f"{name} = {json.dumps(value)}" for name, value in SMALL.items()]
        lines += ["lr = 0.5", "[head]", 'name = "sync"', "beam_size = 2", "n_clusters = 3"]
    else:
        lines = [f"{name}: {json.dumps(value)}" for name, value in SMALL.items()]
        lines += ["lr: 0.5", "head: {name: sync, beam_size: 2, n_clusters: 3}"]
    path.write_text("\n".join(lines), encoding="utf-8")
    more = ("--config", path, "--lr", 0.001, "--set", "head__beam_size=1", "--set=max_epochs=1")
    ended = run("fit", rows, tmp_path / "model", *more)
    assert (ended.status, ended.err) == (0, "")
    clf = load(tmp_path / "model")
    assert (clf.lr, clf.max_epochs, clf.n_filters) == (0.001, 1, 4)
    assert (clf.head.beam_size, clf.head.n_clusters) == (1, 3)
    # another head has none of the parameters in the file
    ended = run("fit", rows, tmp_path / "other", "--config", path, "--lr", 0.001, "--head", "ova")
    assert (ended.status, ended.err) == (0, "")
    assert load(tmp_path / "other").head == "ova"


def test_a_parameter_is_given_once():
    with pytest.raises(Failure, match="lr is given twice"):
        parameters.merge({}, {"lr": 1}, {"lr": 2})
    assert parameters.merge({"lr": 1}, {}, {"lr": 2}) == {"lr": 2}


def test_only_models_are_replaced_and_only_by_force(tmp_path, rows):
    target = tmp_path / "model"
    target.mkdir()
    assert run("fit", rows, target, *ON_SMALL, "--seed", 1).status == 0  # an empty directory
    before = (target / "model.json").read_bytes()
    ended = run("fit", rows, target, *ON_SMALL, "--seed", 2)
    assert ended.status == 2 and "--force" in ended.err
    assert (target / "model.json").read_bytes() == before
    assert run("fit", rows, target, *ON_SMALL, "--seed", 2, "--force").status == 0
    assert load(target).random_state == 2
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.tex").touch()
    ended = run("fit", rows, other, *ON_SMALL, "--force")
    assert ended.status == 2 and "no saved model" in ended.err
    assert [path.name for path in other.iterdir()] == ["thesis.tex"]


def test_summary_and_quiet(tmp_path, rows):
    ended = run("fit", rows, tmp_path / "a", *ON_SMALL)
    assert len(ended.out.splitlines()) == 1 and str(tmp_path / "a") in ended.out
    assert "60 rows, 8 labels, 2 epochs" in ended.out
    ended = run("fit", rows, tmp_path / "b", *ON_SMALL, "--quiet")
    assert (ended.out, ended.err) == ("", "")


def test_progress_is_for_terminals_and_no_part_of_the_model(tmp_path, rows):
    ended = run("fit", rows, tmp_path / "a", *ON_SMALL, on_terminal=True)
    assert "row/s" in ended.err
    assert load(tmp_path / "a").verbose == 0
    assert run("fit", rows, tmp_path / "b", *ON_SMALL, "-q", on_terminal=True).err == ""


def test_validation_rows_are_those_of_early_stopping(tmp_path, rows):
    held_out = write_jsonl(tmp_path / "held-out.jsonl", make_rows(30, seed=1))
    more = ("--validation", held_out, "--early-stopping", "--seed", 0)
    ended = run("fit", rows, tmp_path / "model", *ON_SMALL, *more)
    assert (ended.status, ended.err) == (0, "")
    train, test = make_rows(60), make_rows(30, seed=1)
    clf = InceptionXMLClassifier(random_state=0, early_stopping=True, **SMALL)
    clf.fit(*zip(*train, strict=True), validation_data=tuple(zip(*test, strict=True)))
    assert load(tmp_path / "model").best_score_ == clf.best_score_


CALLBACKS = """
from skorch.callbacks import Callback

class Stop(Callback):
    def on_batch_end(self, net, training=False, **kwargs):
        if len(net.history) == {epoch}:
            raise KeyboardInterrupt

callbacks = [("stop", Stop())]
"""


@pytest.fixture
def interrupting(tmp_path, monkeypatch):
    """The option by which Ctrl-C comes in an epoch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def option(epoch):
        (tmp_path / f"stop_in_{epoch}.py").write_text(CALLBACKS.format(epoch=epoch))
        sys.modules.pop(f"stop_in_{epoch}", None)
        return f"--set=callbacks=stop_in_{epoch}:callbacks"

    return option


def test_ctrl_c_leaves_a_usable_model(tmp_path, rows, interrupting):
    ended = run("fit", rows, tmp_path / "model", *ON_SMALL, interrupting(2))
    assert ended.status == 130
    assert ended.err.startswith("interrupted: ") and len(ended.err.splitlines()) == 1
    assert str(tmp_path / "model") in ended.err
    assert run("predict", tmp_path / "model", stdin=b"the red boat\n").status == 0


def test_ctrl_c_before_anything_is_learned(tmp_path, rows, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(InceptionXMLClassifier, "fit", stop)
    ended = run("fit", rows, tmp_path / "model", *ON_SMALL)
    assert ended.status == 130 and len(ended.err.splitlines()) == 1
    assert "--checkpoint-dir" in ended.err
    assert not (tmp_path / "model").exists()


def test_ctrl_c_elsewhere(place, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(InceptionXMLClassifier, "predict_topk", stop)
    ended = run("predict", place / "model", stdin=b"red\n")
    assert (ended.status, ended.err) == (130, "interrupted\n")


def test_the_same_command_goes_on_from_a_checkpoint(tmp_path, rows, interrupting):
    options = [*ON_SMALL[:3], *ON_SMALL[4:], "--max-epochs", 3, "--seed", 0]
    kept = ("--checkpoint-dir", tmp_path / "states")
    ended = run("fit", rows, tmp_path / "model", *options, *kept, interrupting(3))
    assert ended.status == 130
    assert "nothing was written" in ended.err and str(tmp_path / "states") in ended.err
    assert not (tmp_path / "model").exists()
    assert run("fit", rows, tmp_path / "model", *options, *kept).status == 0
    assert run("fit", rows, tmp_path / "straight", *options).status == 0
    for name in ("weights.safetensors", "memory.safetensors"):
        ours, straight = ((tmp_path / d / name).read_bytes() for d in ("model", "straight"))
        assert ours == straight


def test_a_stream_gives_the_same_model(tmp_path, rows):
    for name, more in (("whole", []), ("stream", ["--stream"])):
        ended = run("fit", rows, tmp_path / name, *ON_SMALL, "--seed=0", *more)
        assert ended.status == 0 and "60 rows" in ended.out, ended.err
    whole, stream = (
        load(tmp_path / name).predict_topk(["a red boat"]) for name in ("whole", "stream")
    )
    assert whole[0].tolist() == stream[0].tolist() and whole[1].tolist() == stream[1].tolist()


def test_a_stream_of_another_format_is_refused(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("1 2 3\n", encoding="utf-8")
    ended = run("fit", path, tmp_path / "model", "--stream")
    assert ended.status == 2 and "--stream goes with jsonl, csv, tsv and parquet" in ended.err
