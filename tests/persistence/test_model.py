"""Saved estimators: the same predictions after loading, and errors that say what is wrong."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from _models import small
from safetensors.numpy import load_file
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.exceptions import ModelFormatError
from sk_inceptionxml.heads import HEADS, OneVsAll, SyncXML
from sk_inceptionxml.persistence import files
from sk_inceptionxml.persistence import model as model_file
from sk_inceptionxml.persistence.checks import manifest_digest
from sk_inceptionxml.persistence.versions import FORMAT_VERSION

ROOT = Path(__file__).parents[2]
FILES = {"model.json", "weights.safetensors", "memory.safetensors"}
N_ROWS, N_LABELS = 150, 24


def make_titles(n=N_ROWS, seed=0):
    rng = np.random.default_rng(seed)
    words = [f"wort{a}{b}" for a in "abcdefg" for b in "äöüxyz"] + ["日本語", "it's"]
    titles = [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(n)]
    titles[3], titles[4], titles[5] = "", "boot boot boot Boot wortaä", "boot"
    return titles


def make_indicator(n=N_ROWS, n_labels=N_LABELS, seed=0):
    rng = np.random.default_rng(seed)
    Y = (rng.random((n, n_labels)) < 0.06).astype(np.int64)
    Y[np.arange(n), np.arange(n) % n_labels] = 1
    return Y


def as_lists(Y, names):
    return [[names[j] for j in np.flatnonzero(row)] for row in Y]


def fit(X, y, **params):
    return small(**{"max_epochs": 1, "lr": 1e-2} | params).fit(X, y)


NAMES = [f"Label {j} é" for j in range(N_LABELS)]
TARGETS = {
    "sparse": lambda Y: sp.csr_array(Y),
    "csr_matrix": lambda Y: sp.csr_matrix(Y),
    "indicator": lambda Y: Y.astype(np.uint8),
    "frame": lambda Y: pd.DataFrame(Y, columns=NAMES),
    "lists": lambda Y: as_lists(Y, NAMES),
    "lists of int": lambda Y: [{int(j) + 7 for j in np.flatnonzero(row)} for row in Y],
    "binary": lambda Y: Y[:, 0] == 1,
    "strings": lambda Y: np.array(["x", "yy", "z y"])[Y.argmax(axis=1) % 3],
    "objects": lambda Y: np.array(["x", "yy", "z y"], dtype=object)[Y.argmax(axis=1) % 3],
    "floats": lambda Y: (Y.argmax(axis=1) % 3).astype(np.float32),
    "beyond int64": lambda Y: np.array([2**64 - 1, 3, 5], dtype=np.uint64)[Y.argmax(axis=1) % 3],
    "big-endian": lambda Y: (Y.argmax(axis=1) % 3).astype(">i4"),
}
QUERIES = [*make_titles(8, seed=1), "unseen words", "", "wrta wortaä"]


def assert_same(a, b, X):
    """Bit-identical rankings and scores, and outputs of one type."""
    k = min(9, a.n_labels_)
    for ours, theirs in zip(a.predict_topk(X, k), b.predict_topk(X, k), strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.tolist() == theirs.tolist()
    p, q = a.predict_proba(X), b.predict_proba(X)
    assert type(p) is type(q)
    assert np.array_equal(p.toarray(), q.toarray()) if sp.issparse(p) else np.array_equal(p, q)
    u, v = a.predict(X), b.predict(X)
    assert type(u) is type(v)
    if isinstance(u, list):
        assert u == v
    else:
        assert u.dtype == v.dtype
        assert (abs(u - v).nnz == 0) if sp.issparse(u) else np.array_equal(u, v)


def round_trip(clf, directory):
    clf.save(directory)
    assert set(os.listdir(directory)) == FILES
    loaded = InceptionXMLClassifier.load(directory, device="cpu")
    assert set(vars(loaded)) == set(vars(clf))
    return loaded


@pytest.fixture(scope="module")
def fitted():
    return fit(make_titles(), as_lists(make_indicator(), NAMES))


@pytest.fixture
def saved(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    return tmp_path / "model"


# -- round trips -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", TARGETS)
def test_every_form_of_y(form, tmp_path):
    y = TARGETS[form](make_indicator())
    clf = fit(make_titles(), y)
    loaded = round_trip(clf, tmp_path / "m")
    assert_same(clf, loaded, QUERIES)
    assert loaded.classes_.dtype == clf.classes_.dtype
    assert loaded.classes_.tolist() == clf.classes_.tolist()
    assert loaded.label_counts_.tolist() == clf.label_counts_.tolist()
    assert loaded.score(make_titles(), y) == clf.score(make_titles(), y)


SETTINGS = {
    "sync": {"head": "sync", "n_clusters": 8, "predict_beam_size": 3},
    "sync, own clusters": {
        "head": "sync",
        "clusters": np.minimum(np.arange(N_LABELS), 17),
        "synchronized": False,
        "hidden_dim": 20,
    },
    "no neighbours": {"n_neighbors": 0},
    "narrow": {"hidden_dim": 5, "embedding_skip": False, "kernel_sizes": [3, 6], "max_len": 4},
    "fusion fitted": {"validation_fraction": 0.4},
    "CountVectorizer": {
        "vectorizer": CountVectorizer(token_pattern=r"\S+", stop_words=["boot"], max_df=0.9)
    },
    "characters": {"vectorizer": CountVectorizer(analyzer="char", ngram_range=(1, 2))},
    "vocabulary": {"vectorizer": CountVectorizer(vocabulary={"boot": 0, "wortaä": 1})},
    "HashingVectorizer": {"vectorizer": HashingVectorizer(n_features=64)},
    "given embeddings": {"embeddings": np.random.default_rng(0).normal(size=(46, 12))},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_kind_of_model(name, tmp_path):
    params = SETTINGS[name]
    if "embeddings" in params:
        n_words = fit(make_titles(), make_indicator(), n_filters=1).vectorizer_.n_tokens_
        params = {"embeddings": np.random.default_rng(0).normal(size=(n_words - 2, 12))}
    clf = fit(make_titles(), make_indicator(), **params)
    loaded = round_trip(clf, tmp_path / "m")
    assert_same(clf, loaded, QUERIES)
    assert (loaded.head_, loaded.shortlist_recall_) == (clf.head_, clf.shortlist_recall_)
    assert loaded.vectorizer_.to_dict() == clf.vectorizer_.to_dict()
    state = loaded.net_.module_.state_dict()
    for key, value in clf.net_.module_.state_dict().items():
        assert torch.equal(value, state[key]), key
    if clf.memory_ is not None:
        ours, theirs = clf.memory_.neighbours.X_, loaded.memory_.neighbours.X_
        assert np.array_equal(ours.data, theirs.data)
        assert np.array_equal(ours.indices, theirs.indices)


@pytest.mark.parametrize("kind", ["dense", "sparse", "frame"])
def test_matrices(kind, tmp_path):
    rng = np.random.default_rng(0)
    X = (rng.random((N_ROWS, 20)) * (rng.random((N_ROWS, 20)) < 0.3)).astype(np.float32)
    X[4] = 0
    if kind == "sparse":
        X = sp.csr_array(X)
    elif kind == "frame":
        X = pd.DataFrame(X, columns=[f"c{j} ü" for j in range(20)])
    clf = fit(X, make_indicator())
    loaded = round_trip(clf, tmp_path / "m")
    assert_same(clf, loaded, X)
    assert loaded.n_features_in_ == 20
    if kind == "frame":
        assert loaded.feature_names_in_.tolist() == X.columns.tolist()
        with pytest.raises(ValueError, match="feature names"):
            loaded.predict(X.rename(columns={"c0 ü": "other"}))


def test_names_in_an_array_far_wider_than_they_are(tmp_path):
    y = np.array(["yes", "no"] * (N_ROWS // 2), dtype="<U50")
    clf = fit(make_titles(), y)
    clf.save(tmp_path / "model")
    loaded = InceptionXMLClassifier.load(tmp_path / "model")
    assert loaded.classes_.tolist() == ["no", "yes"]
    assert loaded.predict(make_titles()).tolist() == clf.predict(make_titles()).tolist()


def test_fresh_process_gives_the_same_bits(fitted, saved, tmp_path):
    script = (
        "import sys, json, numpy as np\n"
        "from sk_inceptionxml import InceptionXMLClassifier as C\n"
        "clf = C.load(sys.argv[1], device='cpu')\n"
        "names, scores = clf.predict_topk(json.load(open(sys.argv[2])), 7)\n"
        "np.savez(sys.argv[3], names=names.astype(str), scores=scores)\n"
    )
    (tmp_path / "queries.json").write_text(json.dumps(QUERIES))
    args = [str(saved), str(tmp_path / "queries.json"), str(tmp_path / "out.npz")]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}
    subprocess.run([sys.executable, "-c", script, *args], check=True, env=env)
    names, scores = fitted.predict_topk(QUERIES, 7)
    with np.load(tmp_path / "out.npz") as out:
        assert out["names"].tolist() == names.tolist()
        assert out["scores"].tobytes() == scores.tobytes()


def test_loaded_estimator_is_a_full_citizen(fitted, saved):
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    torch_state = torch.random.get_rng_state()
    loaded = InceptionXMLClassifier.load(saved)
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(torch_state, torch.random.get_rng_state())
    assert loaded.get_params() == {**fitted.get_params(), "device": "auto"}
    assert clone(loaded).get_params() == loaded.get_params()
    assert loaded.loss_curve_ == fitted.loss_curve_ == loaded.net_.history[:, "train_loss"]
    assert loaded.n_iter_ == fitted.n_iter_
    pd.testing.assert_frame_equal(loaded.history_, fitted.history_)
    assert (loaded.best_epoch_, loaded.best_score_) == (fitted.best_epoch_, fitted.best_score_)
    assert not loaded.net_.optimizer_.state and not loaded.net_.optimizer_sparse_.state
    assert not loaded.net_.module_.training
    for twin in (pickle.loads(pickle.dumps(loaded)), copy.deepcopy(loaded)):
        assert_same(fitted, twin, QUERIES)
    again = clone(loaded).set_params(device="cpu").fit(make_titles(), make_indicator())
    assert again.n_labels_ == N_LABELS


def test_a_loaded_model_goes_on_with_its_history(tmp_path):
    X, y = make_titles(), as_lists(make_indicator(), NAMES)
    clf = fit(X * 5, y * 5, early_stopping=True, max_epochs=3)
    loaded = round_trip(clf, tmp_path / "m")
    pd.testing.assert_frame_equal(loaded.history_, clf.history_)
    n = clf.n_iter_
    for model in (clf, loaded):
        model.partial_fit(X[:9], y[:9])
    assert loaded.best_epoch_ == clf.best_epoch_ and loaded.best_score_ == clf.best_score_
    pd.testing.assert_frame_equal(loaded.history_[:n], clf.history_[:n])
    assert loaded.n_iter_ == n + 1 and loaded.history_["duration"].notna().all()


def test_times_that_cannot_be_are_only_told(saved):
    data = json.loads((saved / "model.json").read_text())
    n = len(data["training"]["train_loss"])
    data["training"] |= {"duration": [1e200] * n, "rows_per_second": [1e200] * n}
    data["manifest_sha256"] = manifest_digest(data)
    (saved / "model.json").write_text(json.dumps(data))
    assert InceptionXMLClassifier.load(saved, "cpu").history_["duration"].tolist() == [1e200] * n


def test_a_second_generation_is_the_same_files(saved, tmp_path):
    InceptionXMLClassifier.load(saved, device="cpu").save(tmp_path / "again")
    for name in FILES:
        assert (saved / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    InceptionXMLClassifier.load(saved).save(tmp_path / "again")
    a, b = (json.loads((d / "model.json").read_text()) for d in (saved, tmp_path / "again"))
    assert a.pop("manifest_sha256") != b.pop("manifest_sha256")
    assert a.pop("parameters") | {"device": "auto"} == b.pop("parameters")
    assert a == b


def test_what_is_no_data_is_left_out(tmp_path):
    clf = fit(
        make_titles(),
        make_indicator(),
        random_state=np.random.RandomState(3),
        callbacks=[],
        checkpoint_dir=tmp_path / "checkpoints",  # a path of the machine that trained
        head="sync",
        clusters=np.arange(N_LABELS) // 2,
        batch_size=np.int64(64),
        embedding_skip=np.bool_(True),
    )
    loaded = round_trip(clf, tmp_path / "m")
    assert loaded.random_state is loaded.callbacks is loaded.head.clusters is None
    assert loaded.checkpoint_dir is None
    assert loaded.batch_size == 64 and loaded.embedding_skip is True
    manifest = json.loads((tmp_path / "m" / "model.json").read_text())
    left_out = {"callbacks", "checkpoint_dir", "head__clusters", "random_state"}
    assert set(manifest["left_out"]) == left_out


@pytest.mark.parametrize("head", ["auto", "sync", OneVsAll(label_lr=0.1), SyncXML(beam_size=2)])
def test_the_head_comes_back_as_it_was_given(head, tmp_path):
    clf = fit(make_titles(), make_indicator(), head=head)
    loaded = round_trip(clf, tmp_path / "m")
    assert type(loaded.head) is type(head)
    if isinstance(head, str):
        assert loaded.head == head
    else:
        assert loaded.head.get_params() == head.get_params()
    in_use = loaded.net_.module_.config.head
    assert in_use.get_params() == clf.net_.module_.config.head.get_params()
    assert in_use is not loaded.head
    loaded.partial_fit(make_titles(9), make_indicator(9))
    assert loaded.n_samples_fit_ == N_ROWS + 9


def test_a_head_of_the_user_is_found_by_its_name(tmp_path, monkeypatch):
    class Own(OneVsAll):
        name = "own"

    monkeypatch.setitem(HEADS, "own", Own)
    clf = fit(make_titles(), make_indicator(), head=Own())
    loaded = round_trip(clf, tmp_path / "m")
    assert loaded.head_ == "own" and type(loaded.net_.module_.config.head) is Own
    assert_same(clf, loaded, QUERIES)
    monkeypatch.delitem(HEADS, "own")
    with pytest.raises(ModelFormatError, match="head 'own', which is not known here"):
        InceptionXMLClassifier.load(tmp_path / "m", device="cpu")


def test_the_memory_is_compact(saved):
    memory = load_file(saved / "memory.safetensors")
    assert memory["X.repeats"].max() >= 4  # "boot boot boot Boot wortaä"
    assert len(memory["X.repeats"]) < 0.2 * len(memory["X.indices"])
    assert "X.data" not in memory and "Y.data" not in memory
    assert memory["X.indices"].dtype == np.uint8  # fewer than 256 features


def test_indices_of_24_bits(tmp_path):
    n_columns, each = 70_000, 150  # columns of which few are used would be left out
    place = np.arange(N_ROWS * each) * n_columns // (N_ROWS * each)
    starts = np.arange(0, len(place) + 1, each)
    X = sp.csr_array((np.ones(len(place)), place, starts), shape=(N_ROWS, n_columns))
    clf = fit(X, make_indicator(), embedding_dim=8)
    loaded = round_trip(clf, tmp_path / "m")
    memory = load_file(tmp_path / "m" / "memory.safetensors")
    assert memory["X.indices"].dtype == np.uint16 and memory["X.indices.high"].dtype == np.uint8
    ours, theirs = clf.memory_.neighbours.X_, loaded.memory_.neighbours.X_
    assert np.array_equal(ours.indices, theirs.indices)
    assert_same(clf, loaded, X[:9])


def test_features_that_no_counts_explain_are_kept_as_floats(tmp_path):
    clf = fit(make_titles(), make_indicator())
    neighbours = clf.memory_.neighbours
    data = neighbours.X_.data
    data[: len(data) // 2] *= np.float32(0.9)
    neighbours.fit(neighbours.X_, neighbours.Y_)
    loaded = round_trip(clf, tmp_path / "m")
    assert "X.data" in load_file(tmp_path / "m" / "memory.safetensors")
    assert np.array_equal(loaded.memory_.neighbours.X_.data, data)
    assert_same(clf, loaded, QUERIES)


def test_own_reader_agrees_with_safetensors(saved):
    entries = json.loads((saved / "model.json").read_text())["files"]
    for name, entry in entries.items():
        ours, theirs = files.read_tensors(saved / name, entry), load_file(saved / name)
        assert ours.keys() == theirs.keys()
        for key, value in theirs.items():
            assert ours[key].dtype == value.dtype
            assert np.array_equal(ours[key], value)


# -- writing -----------------------------------------------------------------------------------


def test_not_fitted(tmp_path):
    with pytest.raises(NotFittedError):
        InceptionXMLClassifier().save(tmp_path / "m")
    assert not os.listdir(tmp_path)


def test_callables_are_refused_with_a_way_out(tmp_path):
    clf = fit(
        make_titles(),
        make_indicator(),
        vectorizer=CountVectorizer(tokenizer=str.split, token_pattern=None),
    )
    with pytest.raises(TypeError, match="[Pp]ickle"):
        clf.save(tmp_path / "m")
    assert not os.listdir(tmp_path)


def test_vectorizers_that_open_files_are_refused(tmp_path):
    clf = fit(make_titles(), make_indicator(), vectorizer=CountVectorizer())
    clf.vectorizer_.vectorizer.set_params(input="filename")  # fit itself refuses this
    with pytest.raises(ValueError, match="would open files"):
        clf.save(tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_replaces_a_model_but_nothing_else(fitted, saved):
    before = (saved / "weights.safetensors").read_bytes()
    other = fit(make_titles(), make_indicator(), random_state=5)
    other.save(saved)
    assert (saved / "weights.safetensors").read_bytes() != before
    assert_same(other, InceptionXMLClassifier.load(saved, "cpu"), QUERIES)
    assert os.listdir(saved.parent) == ["model"]  # nothing left beside it
    (saved / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="nothing else"):
        fitted.save(saved)
    assert (saved / "notes.txt").read_text() == "mine"


def test_refuses_files_and_foreign_directories(fitted, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "model.json").write_text('{"format": "other"}')
    (tmp_path / "empty").mkdir()
    for name in ("file", "full"):
        with pytest.raises(FileExistsError, match="no saved model"):
            fitted.save(tmp_path / name)
    fitted.save(tmp_path / "empty")
    fitted.save(tmp_path / "new" / "nested")
    assert set(os.listdir(tmp_path / "new")) == {"nested"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_len", 128), ("threshold", 2.0), ("lr", -1.0), ("n_neighbors", -5), ("batch_size", True)]
    + [("head__beam_size", 0), ("head__predict_beam_size", 0), ("head__label_dtype", "float8")],
)
def test_what_load_would_refuse_is_not_written(name, value, fitted, saved):
    before = {name: (saved / name).read_bytes() for name in FILES}
    clf = copy.copy(fitted)
    if name.startswith("head__"):
        clf.set_params(head=SyncXML())
    clf.set_params(**{name: value})
    with pytest.raises(ValueError, match=name.removeprefix("head__")):
        clf.save(saved)
    assert {name: (saved / name).read_bytes() for name in FILES} == before


@pytest.mark.parametrize("failing", ["save_file", "fingerprint", "sync_to_disk", "os.rename"])
def test_a_failed_save_leaves_the_old_model(failing, fitted, saved, monkeypatch):
    before = {name: (saved / name).read_bytes() for name in FILES}
    calls = []
    rename = os.rename

    def fail(*args):
        calls.append(args)
        if failing == "os.rename" and len(calls) != 2:  # the second: new model into place
            return rename(*args)
        raise OSError("disk full")

    owner, name = (model_file.os, "rename") if failing == "os.rename" else (model_file, failing)
    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(OSError, match="disk full"):
        fitted.save(saved)
    monkeypatch.undo()
    assert {name: (saved / name).read_bytes() for name in FILES} == before
    assert os.listdir(saved.parent) == ["model"]


# -- damaged directories -------------------------------------------------------------------------


def edit_manifest(directory, change):
    data = json.loads((directory / "model.json").read_text())
    change(data)
    (directory / "model.json").write_text(json.dumps(data))


def test_messages_say_what_is_wrong(saved, tmp_path):
    def message():
        with pytest.raises(ModelFormatError) as error:
            InceptionXMLClassifier.load(saved)
        return str(error.value)

    with pytest.raises(ModelFormatError, match="not a directory"):
        InceptionXMLClassifier.load(tmp_path / "absent")
    with pytest.raises(ValueError, match="device"):
        InceptionXMLClassifier.load(saved, device="cuda:99")
    weights = saved / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    assert "bytes instead of" in message()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "SHA-256 differs" in message()
    weights.unlink()
    assert "weights.safetensors is missing" in message()
    weights.symlink_to(tmp_path / "elsewhere")
    assert "not a regular file" in message()
    weights.unlink()
    weights.write_bytes(content)
    (saved / "extra.py").write_text("")
    assert "extra.py" in message()
    (saved / "extra.py").unlink()
    assert InceptionXMLClassifier.load(saved).n_labels_ == N_LABELS
    edit_manifest(
        saved, lambda data: data.update(format_version=FORMAT_VERSION + 1, package_version="9.0")
    )
    assert "Upgrade sk_inceptionxml" in message() and "9.0" in message()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_saved_on_a_gpu_loads_on_a_cpu(tmp_path):
    clf = fit(make_titles(), make_indicator(), device="cuda")
    loaded = round_trip(clf, tmp_path / "m")
    assert loaded.net_.module_.embedding.weight.device.type == "cpu"
    np.testing.assert_allclose(
        clf.predict_proba(QUERIES).toarray(), loaded.predict_proba(QUERIES).toarray(), atol=1e-3
    )
