"""Models whose arrays are pages of the files: the same predictions, and nothing is changed."""

from __future__ import annotations

import mmap
import shutil
import subprocess
import sys

import numpy as np
import pytest
from _models import small
from safetensors.numpy import load_file

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import make_short_text
from sk_inceptionxml.exceptions import ModelFormatError
from sk_inceptionxml.persistence import files
from sk_inceptionxml.persistence.parts.memory import Segment

DATA = make_short_text(700, 60, random_state=0)
TEXTS, LISTS = DATA.data[:600], DATA.target[:600]
QUERIES = [*DATA.data[600:], "", "zzyzx"]


@pytest.fixture(scope="module", params=["ova", "sync"])
def fitted(request):
    return small(head=request.param, max_epochs=2, n_neighbors=20).fit(TEXTS, LISTS)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    directory = tmp_path_factory.mktemp("models") / "m"
    fitted.save(directory, mmap=True)
    return directory


@pytest.fixture(autouse=True)
def small_arrays(monkeypatch):
    monkeypatch.setattr(files, "MAPPED_FROM", 64)


def is_mapped(array):
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, mmap.mmap)


def content(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def assert_equal(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("ready", [False, True])
def test_the_predictions_are_the_same_bits(fitted, tmp_path, ready, mapped):
    fitted.save(tmp_path / "m", mmap=ready)
    loaded = InceptionXMLClassifier.load(tmp_path / "m", "cpu", mmap=mapped)
    assert_equal(loaded.predict_topk(QUERIES), fitted.predict_topk(QUERIES))
    assert_equal(loaded.predict_topk(QUERIES[:1]), fitted.predict_topk(QUERIES[:1]))
    loaded.save(tmp_path / "again")
    fitted.save(tmp_path / "plain")
    assert content(tmp_path / "again") == content(tmp_path / "plain")


def test_what_is_large_is_mapped(saved):
    model = InceptionXMLClassifier.load(saved, mmap=True)
    (segment,) = model._model.ranker.memory.neighbours.segments_
    arrays = [part for m in (segment.X, segment.postings) for part in (m.data, m.indices, m.indptr)]
    assert all(map(is_mapped, arrays))
    (plain,) = InceptionXMLClassifier.load(saved)._model.ranker.memory.neighbours.segments_
    assert not is_mapped(plain.X.data)


def test_nothing_is_computed_of_the_memory(saved, monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(Segment, "of", refuse)
    InceptionXMLClassifier.load(saved, mmap=True).predict_topk(QUERIES[:3])


def test_learning_further_leaves_the_files_as_they_are(saved):
    before = content(saved)
    model, other = (InceptionXMLClassifier.load(saved, mmap=True) for _ in range(2))
    expected = other.predict_topk(QUERIES)
    model.partial_fit([*TEXTS[:30], "something new"], [*LISTS[:30], [999]])
    assert content(saved) == before
    assert_equal(other.predict_topk(QUERIES), expected)


def test_a_model_in_use_stays_when_another_takes_its_place(saved, fitted, tmp_path):
    shutil.copytree(saved, tmp_path / "m")
    model = InceptionXMLClassifier.load(tmp_path / "m", mmap=True)
    expected = model.predict_topk(QUERIES)
    small(max_epochs=1).fit(TEXTS[:50], LISTS[:50]).save(tmp_path / "m", mmap=True)
    assert_equal(model.predict_topk(QUERIES), expected)


@pytest.mark.parametrize("mapped", [False, True])
def test_a_changed_file_is_refused(saved, tmp_path, mapped):
    for name in ("memory.safetensors", "weights.safetensors"):
        shutil.copytree(saved, tmp_path / name)
        with (tmp_path / name / name).open("r+b") as stream:
            stream.seek(-5, 2)
            stream.write(b"\x7f")
        with pytest.raises(ModelFormatError, match="SHA-256 differs"):
            InceptionXMLClassifier.load(tmp_path / name, mmap=mapped)


def test_smaller_numbers_cannot_be_mapped(fitted, tmp_path):
    with pytest.raises(ValueError, match="precision must be 'exact' with mmap=True, got 'int8'"):
        fitted.save(tmp_path / "m", "int8", mmap=True)
    with pytest.raises(TypeError, match="mmap must be True or False, got 1"):
        fitted.save(tmp_path / "m", mmap=1)
    with pytest.raises(TypeError, match="mmap must be True or False, got 'r'"):
        InceptionXMLClassifier.load(tmp_path / "m", mmap="r")
    assert not list(tmp_path.iterdir())


def test_another_process_maps_the_same_model(saved, fitted):
    code = (
        "import sys; from sk_inceptionxml import InceptionXMLClassifier as C\n"
        "print(C.load(sys.argv[1], mmap=True).predict_topk([sys.argv[2]])[1].tobytes().hex())"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(saved), QUERIES[0]],
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.strip() == fitted.predict_topk(QUERIES[:1])[1].tobytes().hex()


def test_the_files_are_safetensors(saved):
    for name in ("memory.safetensors", "weights.safetensors"):
        arrays = load_file(saved / name)
        ours = files.read_tensors(saved / name, files.fingerprint(saved / name))
        assert {k for k in arrays if not k.startswith(files.PADDING)} == set(ours)
        for key, array in ours.items():
            np.testing.assert_array_equal(arrays[key], array)


def test_a_process_that_only_predicts_does_not_load_the_compiler_of_torch(saved):
    code = (
        "import sys; from sk_inceptionxml import InceptionXMLClassifier as C; "
        f"C.load({str(saved)!r}, 'cpu', mmap=True).predict_topk(['red boat']); "
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "False"
