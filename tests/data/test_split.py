"""Rows held out of the training are judged as new texts will be."""

from __future__ import annotations

import re

import numpy as np
import pytest
import scipy.sparse as sp
from _models import small
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.data import Dataset, Rows
from sk_inceptionxml.data.split import answerable, as_unseen, split
from sk_inceptionxml.ranking.fusion import Fusion
from sk_inceptionxml.ranking.ranker import Ranker
from sk_inceptionxml.text import UNKNOWN, Tokens, TokenVectorizer


def tiny(**params):
    settings = {"batch_size": 8, "max_epochs": 1, "validation_fraction": 0.5}
    return small(**settings | params)


@pytest.fixture
def seen(monkeypatch):
    """What the training and the tuning of a classifier were given."""
    seen = {}
    train, candidates = InceptionXMLClassifier._train, Ranker.candidates

    def watch_train(self, data, held_out, *args):
        seen["trained"], seen["held_out"] = data, held_out
        return train(self, data, held_out, *args)

    def watch_candidates(self, tokens, features, exclude=None, reading=None, evidence=None):
        seen["features"], seen["exclude"] = features, exclude
        return candidates(self, tokens, features, exclude, reading, evidence)

    monkeypatch.setattr(InceptionXMLClassifier, "_train", watch_train)
    monkeypatch.setattr(Ranker, "candidates", watch_candidates)
    return seen


@pytest.mark.parametrize("form", ["text", "matrix"])
def test_held_out_rows_are_read_as_predict_would_read_them(form, seen):
    chance = np.random.default_rng(0)
    words = [f"{a}{b}{c}" for a in ("ka", "mi", "ter") for b in ("lo", "ven") for c in "pqrst"]
    texts = [" ".join(chance.choice(words, 3)) + f" rare{i}word" for i in range(120)]
    labels = [[text[:2], text.split()[1][:2]] for text in texts]
    read = CountVectorizer().fit(texts)
    X = texts if form == "text" else read.transform(texts)
    clf = tiny().fit(X, labels)
    place, tokens = seen["held_out"].place, seen["held_out"].data.tokens
    np.testing.assert_array_equal(place, seen["exclude"])
    assert clf.memory_.neighbours.X_.shape[0] == 120
    # words and n-grams that no other row has take no part, and rows are of unit length
    features = clf.vectorizer_.transform(X, full=True).to_csr(clf.vectorizer_.n_tokens_)
    alone = np.flatnonzero(np.bincount(features.indices, minlength=features.shape[1]) == 1)
    assert len(place) == 60 and len(alone) >= 120
    assert not np.isin(tokens.ids, alone).any()
    assert (UNKNOWN in tokens.ids) == (form == "text")  # columns are just left out
    lexical = seen["features"]
    assert lexical[:, alone - 2].nnz == 0
    if form == "text":
        start = clf.vectorizer_.n_tokens_ - 2
        ngrams = clf.memory_.features.ngrams_.vocabulary_
        own = [start + column for gram, column in ngrams.items() if re.fullmatch(r"e\d\dw", gram)]
        assert len(own) == 90 and lexical[:, own].nnz == 0  # each is of one text
    np.testing.assert_allclose(lexical.multiply(lexical).sum(axis=1), 1, rtol=1e-5)


def test_labels_of_one_row_are_no_candidates(monkeypatch):
    chance = np.random.default_rng(0)
    texts = [
        f"{chance.choice(['red', 'blue'])} {chance.choice(['boat', 'kite'])}" for _ in range(120)
    ]
    labels = [text.split() + ([f"own{i}"] if i % 2 else []) for i, text in enumerate(texts)]
    seen = {}

    def fit(self, c, hits, sample_weight):
        seen.update(labels=c.labels, hits=hits)
        return self

    monkeypatch.setattr(Fusion, "fit", fit)
    clf = tiny().fit(texts, labels)
    found, hits = seen["labels"], seen["hits"]
    assert hits.any(axis=1).all()
    # the row's own evidence would be none
    assert (clf.label_counts_[found[found >= 0]] > 1).all()
    assert not hits[found < 0].any() and (found < 0).any()


def balanced_rows(n_classes, n_each, seed):
    """Texts of four words, each the one of its class or of any, and the classes."""
    chance = np.random.default_rng(seed)
    y = np.repeat(np.arange(n_classes), n_each)
    own = chance.random((len(y), 4)) < 0.3
    words = np.where(own, y[:, None], chance.integers(0, n_classes, (len(y), 4)))
    return [" ".join(f"word{i}" for i in row) for row in words], y


@pytest.mark.parametrize("n_each", [5, 20])
def test_equally_many_rows_of_every_label(n_each):
    """Counts without a row's own labels would tell these from all others."""
    X, y = balanced_rows(50, n_each, seed=0)
    queries, truth = balanced_rows(50, 10, seed=1)
    clf = tiny(validation_fraction=0.3).fit(X, y)
    assert clf.fusion_.n_rows > 0
    names, p = clf.predict_topk(queries, k=1)
    right = (names[:, 0] == truth).mean()
    assert right > 0.3
    assert p.mean() == pytest.approx(right, abs=0.12)


def test_rows_that_no_other_row_could_answer_for_are_trained_on(seen):
    texts = ["red boat", "blue kite"] * 40 + [f"odd thing {i}" for i in range(40)]
    labels = [["red"], ["blue"]] * 40 + [[f"own{i}"] for i in range(20)] + [[]] * 20
    clf = tiny().fit(texts, labels)
    held_out = seen["held_out"].data.Y
    assert len(seen["held_out"]) == clf.fusion_.n_rows == 60
    assert (np.diff(held_out.indptr) == 0).any()
    assert (clf.label_counts_[held_out.indices] > 1).all()
    assert len(seen["trained"]) == 60
    alone = np.flatnonzero(clf.label_counts_ == 1)
    assert seen["trained"].Y[:, alone].sum() == len(alone) == 20
    # too few rows that can be judged
    own = [[f"own{i}"] for i in range(80)] + [["red"]] * 40
    assert tiny().fit(texts, own).fusion_.n_rows == 0
    assert len(seen["trained"]) == 120


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 6))
def test_answerable_rows_are_those_of_a_loop(seed, n, n_labels):
    rng = np.random.default_rng(seed)
    dense, counts = rng.random((n, n_labels)) < 0.3, rng.integers(0, 2, n_labels)
    literal = [i for i, row in enumerate(dense) if not row.any() or counts[row].any()]
    Y = sp.csr_array(dense.astype(np.float32))
    assert answerable(Y, counts).tolist() == literal


def test_new_labels_alone_do_not_move_the_fusion():
    texts = ["red boat", "blue kite", "red kite", "blue boat"] * 30
    clf = tiny().fit(texts, [text.split() for text in texts])
    before = clf.fusion_.coef_.copy()
    clf.partial_fit(["green lamp"] * 60, [["green"]] * 60)
    np.testing.assert_array_equal(clf.fusion_.coef_, before)
    clf.partial_fit(texts[:60], [text.split()[::-1][:1] for text in texts[:60]])
    assert (clf.fusion_.coef_ != before).any()


def numbered(n, n_labels=3, texts=False):
    """Rows of one token each, their own number; labels in turn."""
    tokens = Tokens(np.arange(2, n + 2, dtype=np.int32), np.arange(n + 1))
    Y = sp.csr_array((np.ones(n), np.arange(n) % n_labels, np.arange(n + 1)), (n, n_labels))
    rows = Rows(tokens, [f"row {i}" for i in range(n)] if texts else None)
    return Dataset(rows, Y, np.arange(n) + 1.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.floats(0, 0.99), st.integers(0, 99))
def test_a_split_leaves_no_row_out_and_has_none_twice(n, fraction, seed):
    data = numbered(n, texts=True)
    train, held_out = split(data, fraction, np.random.RandomState(seed))
    own = held_out.data
    assert sorted([*train.weight, *own.weight]) == data.weight.tolist()
    assert len(held_out) == 0 or 50 <= len(held_out) <= n * fraction
    np.testing.assert_array_equal(data.weight[held_out.place], own.weight)
    for part in (train, own):  # tokens, texts and labels go with the weights
        i = part.weight.astype(int) - 1
        assert part.tokens.ids.tolist() == (i + 2).tolist()
        assert part.rows.texts == [f"row {j}" for j in i]
        assert part.Y.indices.tolist() == (i % 3).tolist()


@pytest.mark.parametrize(("n", "used"), [(10, 10), (10_001, 10_000)])
def test_rows_given_stand_for_those_held_out(n, used):
    data, given = numbered(200), numbered(n)
    train, held_out = split(data, 0.5, np.random.RandomState(0), given)
    assert train.weight.tolist() == data.weight.tolist()
    assert held_out.place is None and len(held_out) == used
    assert (np.diff(held_out.data.weight) > 0).all()


def test_the_same_random_state_splits_alike():
    found = [split(numbered(300), 0.3, np.random.RandomState(i))[1].place for i in (0, 0, 1)]
    assert (found[0] == found[1]).all() and (found[0] != found[2]).any()


def test_rows_given_are_read_as_they_are():
    texts = ["red boat", "red kite", "odd thing"] * 20
    reader = TokenVectorizer()
    data = Dataset(Rows(reader.fit_texts(texts, full=True), texts), numbered(60).Y)
    _, held_out = split(data, 0.0, np.random.RandomState(0), data.take(np.arange(9)))
    assert as_unseen(held_out, data, reader) is held_out
