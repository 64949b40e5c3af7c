"""Models on disk: what is served, and what happens when it changes."""

import os
import shutil
import threading
import time

import pytest
from _models import small
from starlette.testclient import TestClient

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.exceptions import ModelFormatError
from sk_inceptionxml.serve import Settings, create_app
from sk_inceptionxml.serve.models import ModelStore


@pytest.fixture
def directory(model_dir, tmp_path):
    shutil.copytree(model_dir, tmp_path / "toys")
    return tmp_path / "toys"


def save_another(directory, threshold):
    model = InceptionXMLClassifier.load(directory, device="cpu").set_params(threshold=threshold)
    model.save(directory)


def store_of(directory):
    store = ModelStore({"toys": directory}, "cpu", True)
    store.load()
    return store


def changes(store):
    found = []
    store.reload_changed(lambda name, outcome: found.append((name, outcome)))
    return found


def test_only_a_changed_model_is_loaded_again(directory):
    store = store_of(directory)
    before = store.get()
    assert changes(store) == [] and store.get() is before
    save_another(directory, 0.4)
    assert changes(store) == [("toys", "loaded")]
    assert store.get().version != before.version
    assert store.get().model.threshold == 0.4
    assert changes(store) == []


def test_a_damaged_model_is_tried_once_and_the_old_one_stays(directory):
    store = store_of(directory)
    before = store.get()
    weights = directory / "weights.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[:-1] + b"x")
    assert changes(store) == [("toys", "failed")]
    assert changes(store) == []
    assert store.get() is before
    weights.write_bytes(good)
    assert changes(store) == [("toys", "loaded")]


def test_a_missing_model_leaves_the_old_one(directory):
    store = store_of(directory)
    os.rename(directory, directory.with_name("away"))
    assert changes(store) == []
    assert store.get().model.predict_topk(["red boat"], k=1)


def test_a_model_that_changes_under_load_loses_no_request(directory):
    app = create_app({"toys": directory}, Settings(reload_interval=0.02, device="cpu"))
    with TestClient(app) as client:
        answers, over = [], threading.Event()

        def ask():
            while not over.is_set():
                answers.append(client.post("/v1/predict", json={"texts": "red boat", "k": 1}))

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            for n_versions, threshold in ((2, 0.3), (3, 0.6)):
                wait_until(lambda: answers)
                save_another(directory, threshold)
                wait_until(lambda n=n_versions: len({a.json()["version"] for a in answers}) == n)
        finally:
            over.set()
            thread.join()
    assert {answer.status_code for answer in answers} == {200}


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_nothing_is_served_from_what_is_no_model(tmp_path):
    with pytest.raises(ModelFormatError):
        store_of(tmp_path)
    with pytest.raises((ModelFormatError, OSError)):
        store_of(tmp_path / "nothing")


def test_a_model_of_matrices_is_refused(tmp_path):
    rows = [[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]] * 10
    small(n_neighbors=0).fit(rows, [["a"], ["b"]] * 10).save(tmp_path / "m")
    with pytest.raises(ValueError, match="trained on a matrix"):
        store_of(tmp_path / "m")


def test_models_are_mapped_into_memory(directory, monkeypatch):
    plain, asked = InceptionXMLClassifier.load, []

    def load(directory, device="auto", *, mmap=False):
        asked.append(mmap)
        return plain(directory, device, mmap=mmap)

    monkeypatch.setattr(InceptionXMLClassifier, "load", staticmethod(load))
    store_of(directory)
    assert asked == [True]


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", ".hidden", "ü", 3])
def test_names_must_fit_into_an_address(directory, name):
    with pytest.raises(ValueError, match="models has the name"):
        create_app({name: directory})


def test_models_must_be_named(directory):
    with pytest.raises(TypeError, match="models must map names"):
        create_app([directory])
    with pytest.raises(ValueError, match="models is empty"):
        create_app({})
