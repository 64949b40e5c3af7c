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


def test_a_label_counts_the_other_rows_that_have_it(monkeypatch):
    chance = np.random.default_rng(0)
    texts = [
        f"{chance.choice(['red', 'blue'])} {chance.choice(['boat', 'kite'])}" for _ in range(120)
    ]
    labels = [text.split() + ([f"own{i}"] if i % 2 else []) for i, text in enumerate(texts)]
    seen = {}

    def fit(self, c, hits, sample_weight, log_counts=None):
        seen.update(labels=c.labels, hits=hits, log_counts=log_counts)
        return self

    monkeypatch.setattr(Fusion, "fit", fit)
    clf = InceptionXMLClassifier(**TINY).fit(texts, labels)
    found, hits = seen["labels"], seen["hits"]
    others = clf.label_counts_[found] - hits
    assert hits.any(axis=1).all()
    np.testing.assert_allclose(seen["log_counts"][found >= 0], np.log1p(others)[found >= 0])
    # a label of its row alone is no candidate, for the row's own evidence would be none
    own = np.char.startswith(clf.classes_.astype(str), "own")
    assert not (hits & own[found] & (found >= 0)).any()
    # when fitted, the counts are those of all rows
    np.testing.assert_allclose(clf.fusion_.log_counts, np.log1p(clf.label_counts_))


def test_rows_without_a_label_of_another_row_judge_nothing(monkeypatch):
    texts = ["red boat", "blue kite"] * 40 + [f"odd thing {i}" for i in range(40)]
    labels = [["red"], ["blue"]] * 40 + [[f"own{i}"] for i in range(20)] + [[]] * 20
    rows = {}

    def fit(self, c, hits, sample_weight, log_counts=None):
        rows["n"], rows["hit"] = len(hits), int(hits.any(axis=1).sum())
        return self

    monkeypatch.setattr(Fusion, "fit", fit)
    clf = InceptionXMLClassifier(**TINY)
    seen = {}
    network = clf._fit_network
    monkeypatch.setattr(
        clf, "_fit_network", lambda *a: (seen.update(held_out=a[3]), network(*a))[1], raising=False
    )
    clf.fit(texts, labels)
    sizes = np.diff(seen["held_out"].Y.indptr)
    own = clf.label_counts_[seen["held_out"].Y.indices].min(initial=9)
    assert own == 1 and (sizes == 0).any()
    alone = (clf.label_counts_[seen["held_out"].Y.indices] == 1).sum()
    assert rows["n"] == 60 - alone
    assert rows["hit"] == rows["n"] - (sizes == 0).sum()


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
