"""A fit on a stream is that on the same rows in memory, to the bit, with its rows in files."""

from __future__ import annotations

import copy
import gc
import pickle
from contextlib import contextmanager

import numpy as np
import pytest
from _models import small
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml._utils import sparse, storage
from sk_inceptionxml.data.stream import read_chunks
from sk_inceptionxml.datasets import TextStream, make_short_text
from sk_inceptionxml.ranking import features, memory
from sk_inceptionxml.text import embeddings, stored, vectorizer
from sk_inceptionxml.text import tokens as tokens_module

MADE = make_short_text(420, 12, random_state=0)
# texts that differ, but not in their words, and some without any
TEXTS = [f"{text.title()}!" if i % 9 == 0 else text for i, text in enumerate(MADE.data[:400])]
TEXTS[5] = TEXTS[17] = "?"
NAMES = [[f"label {i}" for i in row] for row in MADE.target[:400]]
NAMES[3] = []
QUERIES = MADE.data[400:]


def chunks_of(X, y, size=90):
    return lambda: ((X[i : i + size], y[i : i + size]) for i in range(0, len(X), size))


@contextmanager
def few_at_once():
    """Blocks of a few rows, and files for the smallest arrays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "SMALL", 0)
        for module in (storage, sparse, tokens_module, vectorizer, embeddings):
            patch.setattr(module, "AT_ONCE", 300)
        patch.setattr(sparse, "TRANSPOSED_AT_ONCE", 500)
        for module in (stored, vectorizer):
            patch.setattr(module, "TEXTS_AT_ONCE", 64)
        for module in (features, memory):
            patch.setattr(module, "ROWS_AT_ONCE", 50)
        yield


@pytest.fixture(scope="module")
def streamed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("cache") / "made" / "if absent"
    with few_at_once():
        clf = small().fit(TextStream(chunks_of(TEXTS, NAMES), cache_dir=directory))
    assert directory.is_dir()
    return clf, directory


def is_in_a_file(array):
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


def same(first, second):
    """Whether two classifiers are the same, to the bit."""
    states = [clf.net_.module_.state_dict() for clf in (first, second)]
    assert states[0].keys() == states[1].keys()
    for name, weights in states[0].items():
        np.testing.assert_array_equal(weights.numpy(), states[1][name].numpy())
    assert (first.memory_ is None) == (second.memory_ is None)
    for name in ("X_", "Y_") if first.memory_ else ():
        held = [getattr(clf.memory_.neighbours, name) for clf in (first, second)]
        assert held[0].shape == held[1].shape and (held[0] != held[1]).nnz == 0
    assert first.classes_.tolist() == second.classes_.tolist()
    assert first.label_counts_.tolist() == second.label_counts_.tolist()
    found = [clf.predict_topk(QUERIES, k=5) for clf in (first, second)]
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
    return True


CASES = {
    "one-vs-all": ({}, NAMES),
    "synchronized": ({"head": "sync", "n_clusters": 4}, NAMES),
    "counted words": ({"vectorizer": CountVectorizer(min_df=2, max_features=60)}, NAMES),
    "hashed words": ({"vectorizer": HashingVectorizer(n_features=2**14)}, NAMES),
    "integers, no memory": ({"n_neighbors": 0}, [set(row) for row in MADE.target[:400]]),
    "classes": ({}, [row[0] for row in MADE.target[:400]]),
    "long texts": ({"max_len": 4}, NAMES),
}


@pytest.mark.parametrize("case", CASES)
def test_a_stream_gives_the_model_of_the_same_rows_in_memory(case, tmp_path):
    params, y = CASES[case]
    params = {"max_epochs": 1} | params
    texts = [f"{text} {text}" for text in TEXTS] if case == "long texts" else TEXTS
    stream = TextStream(chunks_of(texts, y), cache_dir=tmp_path)
    with few_at_once():
        found = small(**params).fit(stream)
    assert same(found, small(**params).fit(texts, y))


def test_rows_are_in_files_that_nobody_sees(streamed, tmp_path):
    clf, directory = streamed
    segment = clf.memory_.neighbours.segments_[0]
    for matrix in (segment.X, segment.postings, segment.Y):
        assert is_in_a_file(matrix.data) and is_in_a_file(matrix.indices)
    assert not list(directory.iterdir())


def test_the_model_is_like_any_other(streamed, tmp_path):
    clf, _ = streamed
    clf.save(tmp_path / "model")
    loaded = InceptionXMLClassifier.load(tmp_path / "model", device="cpu")
    for other in (loaded, pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)):
        np.testing.assert_array_equal(other.predict_topk(QUERIES)[1], clf.predict_topk(QUERIES)[1])
    grown = copy.deepcopy(clf).partial_fit(["a new boat"] * 3, [["boat"]] * 3)
    assert grown.n_samples_fit_ == 403 and grown.classes_[-1] == "boat"
    assert clf.n_samples_fit_ == 400


def test_texts_of_labels_warm_starts_and_checkpoints_go_with_a_stream(tmp_path):
    texts = {"label 1": "something", "a label without rows": "kite of paper"}
    stream = TextStream(chunks_of(TEXTS, NAMES), cache_dir=tmp_path)
    found = small(max_epochs=1).fit(stream, label_texts=texts)
    expected = small(max_epochs=1).fit(TEXTS, NAMES, label_texts=texts)
    assert same(found, expected) and "a label without rows" in found.classes_
    warm = [small(max_epochs=1, warm_start=True).fit(TEXTS, NAMES) for _ in range(2)]
    assert same(warm[0].fit(stream), warm[1].fit(TEXTS, NAMES))
    checkpoint = tmp_path / "checkpoint"
    expected = small(checkpoint_dir=checkpoint, max_epochs=1).fit(TEXTS, NAMES)
    found = small(checkpoint_dir=checkpoint, max_epochs=1).fit(stream)
    assert same(found, expected)


def test_a_failed_fit_leaves_model_and_disk_as_they_were(streamed):
    clf, directory = copy.copy(streamed[0]), streamed[1]
    before = clf.net_
    chunks = [(TEXTS, NAMES), (TEXTS, NAMES[1:])]
    with pytest.raises(ValueError, match="chunk 1 of the stream: Found input variables"):
        clf.fit(TextStream(chunks, cache_dir=directory))
    assert clf.net_ is before
    gc.collect()
    assert not list(directory.iterdir())


def test_a_source_is_read_once_and_chunks_without_rows_count_for_nothing():
    passes = []

    def chunks():
        passes.append(1)
        yield [], []
        yield TEXTS[:3], NAMES[:3]
        yield [], np.zeros((0, 3))

    texts, y = read_chunks(TextStream(chunks), list, storage.MEMORY)
    assert list(texts) == TEXTS[:3] and y.n_samples == 3 and len(passes) == 1
