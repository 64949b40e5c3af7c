"""Rows held out of the training are judged as new texts will be."""

from __future__ import annotations

import re

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.fusion import Fusion
from sk_inceptionxml.held_out import answerable
from sk_inceptionxml.vectorize import UNKNOWN

TINY = {
    "embedding_dim": 16,
    "n_filters": 4,
    "kernel_sizes": (4, 8),
    "batch_size": 8,
    "max_epochs": 1,
    "validation_fraction": 0.5,
    "random_state": 0,
}


@pytest.mark.parametrize("form", ["text", "matrix"])
def test_held_out_rows_are_read_as_predict_would_read_them(form):
    chance = np.random.default_rng(0)
    words = [f"{a}{b}{c}" for a in ("ka", "mi", "ter") for b in ("lo", "ven") for c in "pqrst"]
    texts = [" ".join(chance.choice(words, 3)) + f" rare{i}word" for i in range(120)]
    labels = [[text[:2], text.split()[1][:2]] for text in texts]
    read = CountVectorizer().fit(texts)
    seen = {}

    class Watching(InceptionXMLClassifier):
        def _fit_network(self, tokens, Y, weight, held_out, *args):
            seen["place"], seen["tokens"] = held_out.place, held_out.rows.tokens
            super()._fit_network(tokens, Y, weight, held_out, *args)

        def _candidates(self, tokens, lexical, exclude=None):
            seen["lexical"], seen["exclude"] = lexical, exclude
            return super()._candidates(tokens, lexical, exclude)

    X = texts if form == "text" else read.transform(texts)
    clf = Watching(**TINY).fit(X, labels)
    np.testing.assert_array_equal(seen["place"], seen["exclude"])
    assert clf.neighbours_.X_.shape[0] == 120
    # words and n-grams that no other row has take no part, and rows are of unit length
    features = clf.vectorizer_.transform(X, full=True).to_csr(clf.vectorizer_.n_tokens_)
    alone = np.flatnonzero(np.bincount(features.indices, minlength=features.shape[1]) == 1)
    assert len(seen["place"]) == 60 and len(alone) >= 120
    assert not np.isin(seen["tokens"].ids, alone).any()
    assert (UNKNOWN in seen["tokens"].ids) == (form == "text")  # columns are just left out
    lexical = seen["lexical"]
    assert lexical[:, alone - 2].nnz == 0
    if form == "text":
        start = clf.vectorizer_.n_tokens_ - 2
        ngrams = clf.lexical_.ngrams_.vocabulary_
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
    clf = InceptionXMLClassifier(**TINY).fit(texts, labels)
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
    clf = InceptionXMLClassifier(**{**TINY, "validation_fraction": 0.3}).fit(X, y)
    assert clf.fusion_.n_rows > 0
    names, p = clf.predict_topk(queries, k=1)
    right = (names[:, 0] == truth).mean()
    assert right > 0.3
    assert p.mean() == pytest.approx(right, abs=0.12)


def test_rows_that_no_other_row_could_answer_for_are_trained_on():
    texts = ["red boat", "blue kite"] * 40 + [f"odd thing {i}" for i in range(40)]
    labels = [["red"], ["blue"]] * 40 + [[f"own{i}"] for i in range(20)] + [[]] * 20
    seen = {}

    class Watching(InceptionXMLClassifier):
        def _fit_network(self, tokens, Y, weight, held_out, *args):
            seen["trained"], seen["held_out"] = Y, held_out
            super()._fit_network(tokens, Y, weight, held_out, *args)

    clf = Watching(**TINY).fit(texts, labels)
    held_out = seen["held_out"].Y
    assert len(seen["held_out"]) == clf.fusion_.n_rows == 60
    assert (np.diff(held_out.indptr) == 0).any()
    assert (clf.label_counts_[held_out.indices] > 1).all()
    assert seen["trained"].shape[0] == 60
    alone = np.flatnonzero(clf.label_counts_ == 1)
    assert seen["trained"][:, alone].sum() == len(alone) == 20
    # too few rows that can be judged
    own = [[f"own{i}"] for i in range(80)] + [["red"]] * 40
    assert Watching(**TINY).fit(texts, own).fusion_.n_rows == 0
    assert seen["trained"].shape[0] == 120


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
    clf = InceptionXMLClassifier(**TINY).fit(texts, [text.split() for text in texts])
    before = clf.fusion_.coef_.copy()
    clf.partial_fit(["green lamp"] * 60, [["green"]] * 60)
    np.testing.assert_array_equal(clf.fusion_.coef_, before)
    clf.partial_fit(texts[:60], [text.split()[::-1][:1] for text in texts[:60]])
    assert (clf.fusion_.coef_ != before).any()
