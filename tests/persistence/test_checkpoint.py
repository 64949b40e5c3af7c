"""Trainings that are stopped and go on: the same bits, or an error that says what is wrong."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from _models import small
from skorch.callbacks import Callback

from sk_inceptionxml.exceptions import ModelFormatError
from sk_inceptionxml.heads import OneVsAll, SyncXML
from sk_inceptionxml.persistence import checkpoint
from sk_inceptionxml.persistence.checks import manifest_digest

HERE = Path(__file__).parent
WORDS = [f"word{a}{b}" for a in "abcdef" for b in "uvwxyz"]
N_ROWS = 240


def make_rows(seed=0):
    rng = np.random.default_rng(seed)
    rows = [rng.choice(len(WORDS), rng.integers(1, 6), replace=False) for _ in range(N_ROWS)]
    texts = [" ".join(WORDS[i] for i in row) for row in rows]
    labels = [[f"label {i % 12}" for i in row[:2]] for row in rows]
    return texts, [sorted(set(names)) for names in labels]


TEXTS, LABELS = make_rows()
MATRIX = sp.random_array((N_ROWS, 30), density=0.2, rng=np.random.default_rng(1), format="csr")


class Crash(Exception):
    """Stands for whatever ends a process."""


class CrashAt(Callback):
    """Raise in the middle of an epoch, counted from 1 and over all fits of the instance."""

    def __init__(self, epoch, error=Crash):
        self.epoch = epoch
        self.error = error
        self.n_batches = 0

    def on_epoch_begin(self, net, **kwargs):
        self.n_batches = 0

    def on_grad_computed(self, net, **kwargs):
        self.n_batches += 1
        if len(net.history) == self.epoch and self.n_batches == 3:
            raise self.error


def tiny(**params):
    return small(**{"max_epochs": 3, "validation_fraction": 0.25} | params)


def crash(epoch, X=TEXTS, y=LABELS, **params):
    with pytest.raises(Crash):
        tiny(callbacks=[("crash", CrashAt(epoch))], **params).fit(X, y)


def state_of(clf, X):
    names, scores = clf.predict_topk(X, 5)
    weights = {k: v.numpy() for k, v in clf.net_.module_.state_dict().items()}
    fusion = {"coef": clf.fusion_.coef_, "intercept": np.array(clf.fusion_.intercept_)}
    losses = {"loss": np.array(clf.loss_curve_), "n_iter": np.array(clf.n_iter_)}
    return weights | fusion | losses | {"names": names, "scores": scores}


def assert_same(a, b, X=TEXTS):
    ours, theirs = state_of(a, X), state_of(b, X)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


def manifest_of(directory):
    return json.loads((directory / checkpoint.MANIFEST).read_text())


CASES = {
    "ova": (TEXTS, {"head": "ova"}),
    "sync": (TEXTS, {"head": "sync", "label_optimizer": "adagrad"}),
    "matrix": (MATRIX, {"head": "sync", "n_neighbors": 0, "max_negatives": 4}),
    # the third of five epochs is the best, so that the best weights are not the last ones
    "early": (TEXTS, {"early_stopping": True, "n_iter_no_change": 3, "lr": 0.05, "max_epochs": 5}),
}


@pytest.fixture(scope="module")
def whole():
    """Fits that nothing has stopped."""
    return {name: tiny(**params).fit(X, LABELS) for name, (X, params) in CASES.items()}


@pytest.mark.parametrize(
    ("case", "epoch"), [*itertools.product(CASES, (1, 3)), ("early", 4), ("early", 5)]
)
def test_a_stopped_fit_goes_on_to_the_same_bits(case, epoch, whole, tmp_path):
    X, params = CASES[case]
    crash(epoch, X, checkpoint_dir=tmp_path, **params)
    resumed = tiny(checkpoint_dir=tmp_path, **params).fit(X, LABELS)
    assert_same(resumed, whole[case], X)
    for name in ("best_epoch_", "best_score_"):
        assert getattr(resumed, name) == getattr(whole[case], name)


def test_the_early_case_goes_on_with_weights_that_are_not_the_best(whole):
    assert whole["early"].best_epoch_ < 4 < whole["early"].n_iter_


def test_stopped_twice_and_the_weights_of_the_rows_count(tmp_path):
    weight = np.random.default_rng(0).random(N_ROWS)
    expected = tiny().fit(TEXTS, LABELS, sample_weight=weight)
    for epoch in (2, 3):
        with pytest.raises(Crash):
            tiny(checkpoint_dir=tmp_path, callbacks=[("crash", CrashAt(epoch))]).fit(
                TEXTS, LABELS, sample_weight=weight
            )
    resumed = tiny(checkpoint_dir=tmp_path).fit(TEXTS, LABELS, sample_weight=weight)
    assert_same(resumed, expected)
    with pytest.raises(ValueError, match="sample_weight differ"):
        tiny(checkpoint_dir=tmp_path).fit(TEXTS, LABELS)


def test_only_what_is_missing_is_trained(tmp_path, whole):
    crash(3, checkpoint_dir=tmp_path, **CASES["sync"][1])
    seen = []

    class Count(Callback):
        def on_epoch_begin(self, net, **kwargs):
            seen.append(len(net.history))

    clf = tiny(checkpoint_dir=tmp_path, callbacks=[("count", Count())], **CASES["sync"][1])
    clf.fit(TEXTS, LABELS)
    assert seen == [3]
    clf.fit(TEXTS, LABELS)  # complete: nothing is trained again
    assert seen == [3]
    assert_same(clf, whole["sync"])
    assert clf.history_["epoch"].tolist() == [1, 2, 3]
    assert len(clf.net_.history[:, "batches"]) == 3
    assert [sum(b["train_batch_size"] for b in e["batches"]) for e in clf.net_.history] == [180] * 3


def test_clusters_and_word_vectors_are_not_made_again(tmp_path, monkeypatch, whole):
    from sk_inceptionxml.training import start

    crash(1, checkpoint_dir=tmp_path, **CASES["sync"][1])

    def fail(*args, **kwargs):
        raise AssertionError("made again")

    monkeypatch.setattr(SyncXML, "make_clusters", fail)
    monkeypatch.setattr(start, "embedding_table", fail)
    assert_same(tiny(checkpoint_dir=tmp_path, **CASES["sync"][1]).fit(TEXTS, LABELS), whole["sync"])


def test_a_drawn_seed_is_kept(tmp_path):
    crash(1, checkpoint_dir=tmp_path, random_state=None)
    copy = tmp_path.with_name(tmp_path.name + " copy")
    shutil.copytree(tmp_path, copy)
    seed = manifest_of(tmp_path)["seed"]
    crash(2, checkpoint_dir=tmp_path, random_state=None)
    resumed = tiny(checkpoint_dir=tmp_path, random_state=None).fit(TEXTS, LABELS)
    other = tiny(checkpoint_dir=copy, random_state=None).fit(TEXTS, LABELS)
    assert seed == manifest_of(tmp_path)["seed"] == manifest_of(copy)["seed"]
    assert_same(resumed, other)
    with pytest.raises(ValueError, match="another random_state"):
        tiny(checkpoint_dir=tmp_path, random_state=0).fit(TEXTS, LABELS)


def test_ctrl_c_keeps_the_last_whole_epoch(tmp_path, whole):
    clf = tiny(checkpoint_dir=tmp_path, callbacks=[("stop", CrashAt(2, KeyboardInterrupt))])
    with pytest.warns(UserWarning, match="interrupted in epoch 2 of 3"):
        clf.fit(TEXTS, LABELS)
    assert clf.n_iter_ == 2
    assert_same(tiny(checkpoint_dir=tmp_path).fit(TEXTS, LABELS), whole["ova"])


def test_nothing_but_the_newest_state_is_kept(tmp_path):
    (tmp_path / ".epoch-00001.safetensors.0123456789ab").write_bytes(b"half written")
    (tmp_path / ".hidden").write_bytes(b"of the user")
    tiny(checkpoint_dir=tmp_path).fit(TEXTS, LABELS)
    assert sorted(os.listdir(tmp_path)) == [".hidden", "checkpoint.json", "epoch-00003.safetensors"]


CHANGES = {
    "lr=0.003, now 0.01": {"lr": 0.01},
    "max_epochs=3, now 4": {"max_epochs": 4},
    "kernel_sizes=": {"kernel_sizes": (4,)},
    "embeddings=None, now 'random'": {"embeddings": "random"},
    "head='ova', now 'sync'": {"head": "sync"},
    "head__label_lr='auto', now 0.1": {"label_lr": 0.1},
    "another random_state": {"random_state": 1},
}


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Directory of a complete training of one epoch; read by tests, changed by none."""
    directory = tmp_path_factory.mktemp("complete")
    tiny(checkpoint_dir=directory).fit(TEXTS, LABELS)
    return directory


@pytest.mark.parametrize("message", CHANGES)
def test_other_parameters_are_named(message, complete):
    with pytest.raises(ValueError, match=message) as error:
        tiny(checkpoint_dir=complete, **CHANGES[message]).fit(TEXTS, LABELS)
    assert str(complete) in str(error.value) and "Delete the directory" in str(error.value)
    assert not isinstance(error.value, ModelFormatError)


def test_label_texts_are_rows_of_the_training(complete, tmp_path):
    texts = {f"label {i}": WORDS[i] for i in range(12)}
    with pytest.raises(ValueError, match="other data: label_texts differ"):
        tiny(checkpoint_dir=complete).fit(TEXTS, LABELS, label_texts=texts)
    with pytest.raises(Crash):
        tiny(callbacks=[("crash", CrashAt(2))], checkpoint_dir=tmp_path).fit(
            TEXTS, LABELS, label_texts=texts
        )
    with pytest.raises(ValueError, match="other data: label_texts differ"):
        tiny(checkpoint_dir=tmp_path).fit(TEXTS, LABELS, label_texts=texts | {"label 3": "other"})
    backwards = dict(reversed(texts.items()))
    resumed = tiny(checkpoint_dir=tmp_path).fit(TEXTS, LABELS, label_texts=backwards)
    assert_same(resumed, tiny().fit(TEXTS, LABELS, label_texts=texts))


def test_other_data_are_named(complete):
    texts, labels = make_rows(seed=5)
    clf = tiny(checkpoint_dir=complete)
    with pytest.raises(ValueError, match="other data: X and y differ"):
        clf.fit(texts, labels)
    with pytest.raises(ValueError, match="other data: y differ"):
        clf.fit(TEXTS, [["label 0"], ["label 1"]] * (N_ROWS // 2))
    with pytest.raises(ValueError, match="validation_data differ"):
        clf.fit(TEXTS, LABELS, validation_data=(TEXTS[:50], LABELS[:50]))
    translated = [text.replace("word", "wort") for text in TEXTS]
    with pytest.raises(ValueError, match="other data: X differ"):
        clf.fit(translated, LABELS)


def vectors(seed):
    words = sorted({word for text in TEXTS for word in text.split()})
    return dict(zip(words, np.random.default_rng(seed).normal(size=(len(words), 16)), strict=True))


@pytest.mark.parametrize("kind", ["mapping", "path"])
def test_other_vectors_are_other_parameters(kind, tmp_path):
    def source(seed):
        if kind == "mapping":
            return vectors(seed)
        path = tmp_path / "vectors.txt"
        lines = (f"{word} {' '.join(map(str, vector))}" for word, vector in vectors(seed).items())
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    params = {"checkpoint_dir": tmp_path / "state", "max_epochs": 1}
    first = tiny(embeddings=source(0), **params).fit(TEXTS, LABELS)
    assert_same(tiny(embeddings=source(0), **params).fit(TEXTS, LABELS), first)
    with pytest.raises(ValueError, match="other parameters: embeddings="):
        tiny(embeddings=source(1), **params).fit(TEXTS, LABELS)


@pytest.mark.parametrize("dtype", [object, bool, np.float32])
def test_rows_of_vectors_may_be_of_any_type(dtype, tmp_path):
    table = np.random.default_rng(0).normal(size=(MATRIX.shape[1], 16)).astype(dtype)
    params = {"checkpoint_dir": tmp_path, "max_epochs": 1}
    first = tiny(embeddings=table, **params).fit(MATRIX, LABELS)
    assert_same(tiny(embeddings=table, **params).fit(MATRIX, LABELS), first, MATRIX)
    with pytest.raises(ValueError, match="other parameters: embeddings="):
        tiny(embeddings=(table > 0).astype(np.int8) + 1, **params).fit(MATRIX, LABELS)


def test_columns_without_a_value_count(tmp_path):
    tiny(checkpoint_dir=tmp_path).fit(MATRIX, LABELS)
    wider = sp.hstack([MATRIX, sp.csr_array((N_ROWS, 2))], format="csr")
    with pytest.raises(ValueError, match="other data: X differ"):
        tiny(checkpoint_dir=tmp_path).fit(wider, LABELS)


def test_other_parameters_and_clusters_of_a_head_are_named(tmp_path):
    clusters = np.arange(12) % 3
    tiny(checkpoint_dir=tmp_path, head=SyncXML(clusters=clusters)).fit(TEXTS, LABELS)
    other = [({"clusters": clusters[::-1]}, "head__clusters="), ({}, "head__clusters=")]
    other.append(({"clusters": clusters, "beam_size": 2}, "head__beam_size=4, now 2"))
    for params, message in other:
        with pytest.raises(ValueError, match=message):
            tiny(checkpoint_dir=tmp_path, head=SyncXML(**params)).fit(TEXTS, LABELS)
    same = SyncXML(clusters=clusters.tolist(), n_jobs=2, label_dtype="float16")
    tiny(checkpoint_dir=tmp_path, head=same).fit(TEXTS, LABELS)


def test_a_name_and_a_head_of_the_same_parameters_are_one_training(complete, whole):
    for head in ("ova", OneVsAll()):
        assert_same(tiny(checkpoint_dir=complete, head=head).fit(TEXTS, LABELS), whole["ova"])


def test_what_training_does_not_see_may_change(complete, whole):
    order = np.random.default_rng(0).permutation(N_ROWS)
    clf = tiny(checkpoint_dir=str(complete), threshold=0.2, top_k=3, n_neighbors=5)
    clf.fit([TEXTS[i] for i in order], [LABELS[i] for i in order])
    assert clf.memory_.neighbours.n_neighbors == 5
    ours, theirs = state_of(clf, TEXTS), state_of(whole["ova"], TEXTS)
    np.testing.assert_array_equal(ours["embedding.weight"], theirs["embedding.weight"])


def sealed(manifest):
    manifest["manifest_sha256"] = manifest_digest(manifest)
    return json.dumps(manifest)


def edited(**changes):
    def edit(directory):
        manifest = manifest_of(directory) | changes
        (directory / "checkpoint.json").write_text(sealed(manifest))

    return edit


def edited_plain(**changes):
    def edit(directory):
        manifest = manifest_of(directory)
        manifest["plain"] |= changes
        (directory / "checkpoint.json").write_text(sealed(manifest))

    return edit


def cut(name, n_bytes):
    return lambda d: os.truncate(d / name, n_bytes)


def flipped(directory):
    path = directory / "epoch-00003.safetensors"
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


STATE = "epoch-00003.safetensors"
DAMAGE = {
    "half a manifest": (cut("checkpoint.json", 200), "checkpoint.json"),
    "empty manifest": (cut("checkpoint.json", 0), "checkpoint.json"),
    "half a state": (cut(STATE, 5000), STATE),
    "flipped bit": (flipped, STATE),
    "no state": (lambda d: os.remove(d / STATE), STATE),
    "foreign manifest": (lambda d: (d / "checkpoint.json").write_text("{}"), "checkpoint.json"),
    "edited manifest": (
        lambda d: (d / "checkpoint.json").write_text(json.dumps(manifest_of(d) | {"seed": 1})),
        "checkpoint.json",
    ),
    "newer format": (edited(format_version=99), "checkpoint.json"),
    "foreign file": (lambda d: (d / "thesis.tex").write_text("x"), "thesis.tex"),
    "pickle": (lambda d: (d / "model.pkl").write_bytes(b"x"), "model.pkl"),
    "link": (
        lambda d: (os.rename(d / STATE, d / ".s"), os.symlink(d / ".s", d / STATE)),
        STATE,
    ),
    "no epochs": (edited_plain(epochs=[]), "epoch-00000.safetensors"),
    "plain of nothing": (edited(plain={}), "epoch-00000.safetensors"),
    "epochs of another kind": (edited_plain(epochs=[1, 2, 3]), STATE),
    "integers of another kind": (edited_plain(integers={"x": 1}), STATE),
    "generator of another kind": (edited_plain(random={}), STATE),
}


def test_a_checkpoint_of_the_first_format_is_refused_with_a_way_out(complete, tmp_path):
    directory = tmp_path / "old"
    shutil.copytree(complete, directory)
    edited(format_version=1)(directory)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    with pytest.raises(ModelFormatError, match="has format 1") as error:
        tiny(checkpoint_dir=directory).fit(TEXTS, LABELS)
    message = str(error.value)
    assert "checkpoint_dir" in message and str(directory) in message
    assert "Delete the directory to train from the start, or set checkpoint_dir" in message
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_one_error_that_names_the_file(case, complete, tmp_path):
    directory = tmp_path / "damaged"
    shutil.copytree(complete, directory)
    damage, name = DAMAGE[case]
    damage(directory)
    clf = tiny(checkpoint_dir=directory)
    with pytest.raises(ModelFormatError, match=name) as error:
        clf.fit(TEXTS, LABELS)
    assert "checkpoint_dir" in str(error.value) and "Delete" in str(error.value)
    assert not hasattr(clf, "net_") and clf._model is None


def test_a_state_of_another_network_is_damage(complete, tmp_path):
    other, directory = tmp_path / "other", tmp_path / "mixed"
    tiny(checkpoint_dir=other, n_filters=8).fit(TEXTS, LABELS)
    shutil.copytree(complete, directory)
    shutil.copy(other / STATE, directory / STATE)
    edited(state=manifest_of(other)["state"])(directory)
    with pytest.raises(ModelFormatError, match=STATE):
        tiny(checkpoint_dir=directory).fit(TEXTS, LABELS)


def test_a_fit_that_failed_before_training_blocks_no_other(tmp_path):
    clf = tiny(checkpoint_dir=tmp_path, early_stopping=True, validation_fraction=0.0)
    with pytest.raises(ValueError, match="needs held-out rows"):
        clf.fit(TEXTS, LABELS)
    clf.set_params(validation_fraction=0.25, max_epochs=1).fit(TEXTS, LABELS)
    assert clf.best_epoch_ == 1


def test_a_place_that_is_no_directory_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelFormatError, match="file.* is not a directory"):
        tiny(checkpoint_dir=tmp_path / "file").fit(TEXTS, LABELS)


def test_two_fits_in_one_directory_are_told_apart(tmp_path):
    class Other(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 1:
                shutil.rmtree(tmp_path)
                crash(2, checkpoint_dir=tmp_path)

    with pytest.raises(RuntimeError, match="another fit writes to checkpoint_dir"):
        tiny(checkpoint_dir=tmp_path, callbacks=[("other", Other())]).fit(TEXTS, LABELS)


def test_a_full_disk_does_not_end_the_training(tmp_path, monkeypatch, whole):
    clf = tiny(checkpoint_dir=tmp_path)
    calls = []
    save_file = checkpoint.save_file

    def fail_once(arrays, path):
        calls.append(path)
        if len(calls) == 3:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save_file(arrays, path)

    monkeypatch.setattr(checkpoint, "save_file", fail_once)
    with pytest.warns(RuntimeWarning, match="epoch 2 could not be written.*No space left"):
        clf.fit(TEXTS, LABELS)
    assert_same(clf, whole["ova"])
    assert sorted(os.listdir(tmp_path)) == ["checkpoint.json", STATE]


def test_a_warm_start_has_no_checkpoint(tmp_path):
    clf = tiny(warm_start=True, checkpoint_dir=tmp_path, max_epochs=1).fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match="checkpoint_dir cannot continue a warm start"):
        clf.fit(TEXTS, LABELS)


def test_a_killed_process_leaves_a_state_to_go_on_from(tmp_path, whole):
    # tests/robustness/kill_resume.py does this at random moments; here in the middle of a write
    code = (
        "import os, signal, test_checkpoint as t\n"
        "from sk_inceptionxml.persistence import checkpoint\n"
        "save_file = checkpoint.save_file\n"
        "def kill(arrays, path):\n"
        "    save_file(arrays, path)\n"
        "    if 'epoch-00002' in path.name:\n"
        "        os.truncate(path, 1000)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "checkpoint.save_file = kill\n"
        f"t.tiny(checkpoint_dir={str(tmp_path)!r}).fit(t.TEXTS, t.LABELS)\n"
    )
    path = os.pathsep.join([str(HERE), str(HERE.parent), str(HERE.parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        timeout=120,
        check=False,
    )
    assert done.returncode == -9
    assert any(name.startswith(".epoch-00002") for name in os.listdir(tmp_path))
    assert_same(tiny(checkpoint_dir=tmp_path).fit(TEXTS, LABELS), whole["ova"])
    assert sorted(os.listdir(tmp_path)) == ["checkpoint.json", STATE]
