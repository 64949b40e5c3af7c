"""Texts of labels given to the estimator: labels never seen are found, and nothing else changes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from _models import small
from sklearn.model_selection import cross_validate
from sklearn.pipeline import Pipeline

from sk_inceptionxml import InceptionXMLClassifier

COLOURS = ["red", "blue", "green", "black", "white", "brown"]
THINGS = "boat kite lamp chair table drum piano violin mirror carpet basket candle".split()
NEVER = ["saxophone", "telescope", "umbrella"]  # labels that no training row has
rng = np.random.default_rng(0)
PAIRS = [(c, t) for c in COLOURS for t in THINGS] * 4
rng.shuffle(PAIRS)
TITLES = [f"the {c} {t} number {i % 7}" for i, (c, t) in enumerate(PAIRS)]
LABELS = [[f"S-{t}", f"C-{c}"] for c, t in PAIRS]
TEXTS = {f"S-{t}": t for t in THINGS} | {f"C-{c}": [c, f"colour {c}"] for c in COLOURS}
ALL_TEXTS = TEXTS | {f"S-{t}": t for t in NEVER}
QUERIES = [f"a {c} {t}" for c, t in zip(COLOURS, NEVER, strict=False)]


@pytest.fixture(scope="module")
def fitted():
    return small(max_epochs=4).fit(TITLES, LABELS, label_texts=ALL_TEXTS)


def test_labels_without_a_training_row_are_found_by_their_text(fitted):
    labels, scores = fitted.predict_topk(QUERIES, k=5)
    for row, thing in zip(labels, NEVER, strict=True):
        assert f"S-{thing}" in row
    assert ((scores > 0) & (scores < 1)).all()
    assert set(fitted.classes_) == set(ALL_TEXTS)
    assert fitted.label_counts_[list(fitted.classes_).index("S-umbrella")] == 0


def test_none_changes_nothing():
    plain, none = (small().fit(TITLES, LABELS, **kw) for kw in ({}, {"label_texts": None}))
    for a, b in zip(plain.predict_topk(QUERIES), none.predict_topk(QUERIES), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("head", ["ova", "sync"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_network_learns_from_texts_what_no_title_says(head, method):
    """The word of a label's text stands in titles of every label alike."""
    words = [f"word{i}" for i in range(4)]
    titles = [f"title{i} {word}" for i in range(4) for word in words] * 2
    labels = [[f"label {i}"] for i in range(4) for _ in words] * 2
    texts = {f"label {i}": word for i, word in enumerate(words)}
    found = []
    for given in (None, texts):
        clf = small(
            head=head,
            embeddings="random",
            embedding_dim=32,
            n_filters=8,
            dropout=0.0,
            word_dropout=0.0,
            classifier_dropout=0.0,
            n_neighbors=0,
            max_epochs=30,
            batch_size=8,
            lr=0.02,
            validation_fraction=0,
        )
        for _ in range(1 if method == "fit" else 20):
            getattr(clf, method)(titles, labels, label_texts=given)
        ranker = clf._fitted_model().ranker
        top, _ = ranker.network_topk(ranker.reader.transform(words, full=True), 1)
        found.append(np.mean(top[:, 0] == np.arange(4)))
    assert found[0] <= 0.5 < found[1]


def test_a_saved_model_keeps_its_texts(fitted, tmp_path):
    fitted.save(tmp_path / "m")
    loaded = InceptionXMLClassifier.load(tmp_path / "m")
    for a, b in zip(fitted.predict_topk(QUERIES), loaded.predict_topk(QUERIES), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("form", ["sequence", "names", "several"])
def test_forms_that_say_the_same_predict_the_same(form):
    names = [[t, c] for c, t in PAIRS]
    texts = {name: name for name in (*COLOURS, *THINGS)}
    given = {
        "sequence": sorted(texts),
        "names": "names",
        "several": {name: (name, " ", name) for name in texts},
    }[form]
    expected = small().fit(TITLES, names, label_texts=texts).predict_topk(QUERIES)
    found = small().fit(TITLES, names, label_texts=given).predict_topk(QUERIES)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_indicator_names_its_columns_by_their_numbers():
    columns = {name: i for i, name in enumerate(sorted(ALL_TEXTS))}
    Y = sp.lil_array((len(LABELS), len(columns)))
    for i, row in enumerate(LABELS):
        Y[i, [columns[name] for name in row]] = 1
    texts = {columns[name]: text for name, text in ALL_TEXTS.items()}
    clf = small(max_epochs=4).fit(TITLES, Y.tocsr(), label_texts=texts)
    labels, _ = clf.predict_topk(QUERIES, k=5)
    for row, thing in zip(labels, NEVER, strict=True):
        assert columns[f"S-{thing}"] in row


def test_a_warm_start_keeps_labels_that_only_texts_name():
    clf = small(warm_start=True).fit(TITLES, LABELS, label_texts=ALL_TEXTS)
    n_labels = clf.n_labels_
    clf.fit(TITLES, LABELS, label_texts=ALL_TEXTS)
    assert clf.n_labels_ == n_labels
    labels, _ = clf.predict_topk(QUERIES, k=5)
    assert all(f"S-{thing}" in row for row, thing in zip(labels, NEVER, strict=True))
    before = clf.predict_topk(QUERIES)
    for texts, change in ((TEXTS, "0 are new and 3 are"), (ALL_TEXTS | {"S-x": "x"}, "1 are new")):
        with pytest.raises(ValueError, match=change):
            clf.fit(TITLES, LABELS, label_texts=texts)
    for a, b in zip(before, clf.predict_topk(QUERIES), strict=True):
        np.testing.assert_array_equal(a, b)


def test_partial_fit_takes_texts_of_further_labels(fitted, tmp_path):
    fitted.save(tmp_path / "m")
    clf = InceptionXMLClassifier.load(tmp_path / "m")
    clf.partial_fit(["a red zither"], [["C-red"]], label_texts={"S-theremin": "theremin"})
    assert "S-theremin" in clf.predict_topk(["the theremin"], k=5)[0]
    assert "S-umbrella" in clf.predict_topk(["the umbrella"], k=5)[0]
    clf.partial_fit(["a red zither"], [["C-red"]], label_texts={"S-theremin": "ondes martenot"})
    assert "S-theremin" in clf.predict_topk(["ondes martenot"], k=5)[0]


def test_further_rows_that_hold_the_text_of_a_new_label(fitted):
    """The fusion looks at the rows before it knows the labels that they bring."""
    model = copy.deepcopy(fitted)
    rows = [f"{title} quite unheard of" for title in TITLES[:60]]
    before = model.fusion_.n_rows
    model.partial_fit(rows, LABELS[:60], label_texts={"newcomer": "quite unheard of"})
    assert model.fusion_.n_rows > before
    assert "newcomer" in model.predict_topk(["quite unheard of"], k=5)[0][0]


def test_texts_are_routed_through_pipelines_and_searches():
    with sklearn.config_context(enable_metadata_routing=True):
        clf = small().set_fit_request(label_texts=True)
        pipeline = Pipeline([("clf", clf)]).fit(TITLES, LABELS, label_texts=ALL_TEXTS)
        assert pipeline[-1].fusion_.text
        found = cross_validate(
            clf, TITLES[:200], LABELS[:200], cv=2, params={"label_texts": TEXTS}, scoring=None
        )
        assert found["test_score"].min() > 0.2


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (7, "label_texts must be a mapping"),
        ("boat", "label_texts must be a mapping"),
        (["boat"], "label_texts has 1 entries, but there are 18 labels"),
        ({"S-boat": 7}, "label_texts must hold a str"),
        ({"S-boat": [b"boat"]}, "label_texts must hold a str"),
        ({"S-boat": {"boat": 1}}, "label_texts must hold a str"),
    ],
)
def test_refuses_what_is_no_text(texts, message):
    with pytest.raises((TypeError, ValueError), match=message):
        small().fit(TITLES, LABELS, label_texts=texts)


def test_refuses_unknown_columns_matrices_and_models_without_texts():
    Y = sp.csr_array(np.eye(2)[[0, 1] * 40])
    with pytest.raises(ValueError, match="label_texts names the label 5"):
        small().fit(TITLES[:80], Y, label_texts={5: "boat"})
    with pytest.raises(ValueError, match="X is a matrix"):
        small().fit(np.eye(80), Y, label_texts={0: "boat"})
    with pytest.raises(ValueError, match='"names" needs labels that are str'):
        small().fit(TITLES[:80], Y, label_texts="names")
    clf = small().fit(TITLES[:80], LABELS[:80])
    before = clf.predict_topk(QUERIES)[1]
    with pytest.raises(ValueError, match="label_texts were not given"):
        clf.partial_fit(TITLES[:2], LABELS[:2], label_texts=TEXTS)
    np.testing.assert_array_equal(clf.predict_topk(QUERIES)[1], before)


@pytest.mark.parametrize(
    "params", [{"n_neighbors": 0}, {"head": "sync"}, {"validation_fraction": 0}]
)
def test_texts_go_with_every_other_setting(params):
    clf = small(max_epochs=3, **params).fit(TITLES, LABELS, label_texts=ALL_TEXTS)
    labels, scores = clf.predict_topk(QUERIES, k=10_000)
    assert labels.shape == (len(QUERIES), len(ALL_TEXTS)) and (np.diff(scores) <= 0).all()
    for row, thing in zip(labels, NEVER, strict=True):
        assert f"S-{thing}" in row
    probabilities = clf.predict_proba(QUERIES)
    assert probabilities.shape == labels.shape and probabilities.max() <= 1
    clf.partial_fit(TITLES[:40], LABELS[:40])
    assert "S-umbrella" in clf.predict_topk(["umbrella"], k=10)[0]
