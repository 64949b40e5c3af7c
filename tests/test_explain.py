"""Explanations: the parts add up, and what they name decides."""

from __future__ import annotations

import json

import numpy as np
import pytest
from _models import small

COLOURS = ["red", "blue", "green", "black", "white", "brown"]
THINGS = "boat kite lamp chair table drum piano violin mirror carpet".split()
PAIRS = [(c, t) for c in COLOURS for t in THINGS] * 4
np.random.default_rng(0).shuffle(PAIRS)
TITLES = [f"a {c} {t}" for c, t in PAIRS]
LABELS = [[c, t] for c, t in PAIRS]


@pytest.fixture(scope="module", params=[False, True])
def fitted(request):
    texts = {name: name for name in (*COLOURS, *THINGS, "organ")} if request.param else None
    return small(max_epochs=4).fit(TITLES, LABELS, label_texts=texts)


def word_of(found):
    return max(found["words"], key=lambda word: word["contribution"])["word"]


def test_parts_add_up_to_the_log_odds_that_rank(fitted):
    for title in TITLES[:20]:
        best = fitted.predict_topk([title], k=3, as_lists=True)[0]
        for label, probability in best:
            found = fitted.explain(title, label)
            parts = sum(part["contribution"] for part in found["parts"])
            assert parts == pytest.approx(found["log_odds"], abs=1e-3)
            assert found["probability"] == pytest.approx(probability, abs=1e-6)
            assert json.loads(json.dumps(found)) == found
        assert fitted.explain(title)["label"] == best[0][0]


def test_the_word_that_counts_most_is_that_of_the_label(fitted):
    found = [(c, t, fitted.explain(f"a {c} {t}", t)) for c, t in PAIRS[:40]]
    assert np.mean([word_of(f) == t for _, t, f in found]) >= 0.9
    assert np.mean([f["words"][-1]["contribution"] > 0 for *_, f in found]) >= 0.9


def test_neighbours_with_the_label_come_first(fitted):
    found = fitted.explain("a red boat", "boat", n_neighbors=4)
    assert len(found["neighbours"]) == 4
    assert all("boat" in row["labels"] for row in found["neighbours"])
    contributions = [row["contribution"] for row in found["neighbours"]]
    assert contributions == sorted(contributions, reverse=True)
    assert max(row["similarity"] for row in found["neighbours"]) > 0.5
    assert found["label_count"] == 24


def test_the_contribution_of_a_row_is_what_its_absence_changes():
    titles = [f"the {thing} of {place}" for thing in THINGS for place in COLOURS]
    labels = [title.split()[1::2] for title in titles]
    queries = ["a boat, red", "a lamp, blue", "the violin of white"]
    whole = small(validation_fraction=0, word_dropout=0).fit(titles, labels)
    for query in queries:
        found = whole.explain(query, n_neighbors=1000)
        having = [row for row in found["neighbours"] if found["label"] in row["labels"]]
        ranker = whole._fitted_model().ranker
        features = ranker.memory.transform(whole._read_further(ranker, [query]))
        column = whole.classes_.tolist().index(found["label"])
        score = ranker.memory.score(features)[0, column]
        assert sum(row["weight"] for row in having) == pytest.approx(score, abs=1e-5)
        top = having[0]
        assert top["contribution"] > 0
        assert top["contribution"] == max(row["contribution"] for row in having)


def test_explain_changes_no_model(fitted):
    before = fitted.predict_topk(TITLES[:5], k=5)
    fitted.explain(TITLES[0])
    for found, expected in zip(fitted.predict_topk(TITLES[:5], k=5), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_label_without_rows_is_explained_by_its_text(fitted):
    if not fitted.fusion_.text:
        pytest.skip("fitted without texts")
    found = fitted.explain("a red organ", "organ")
    assert [part["name"] for part in found["parts"]] == ["label text"]
    assert found["label_count"] == 0 and word_of(found) == "organ"


def test_works_without_a_memory_and_on_an_empty_text():
    clf = small(n_neighbors=0).fit(TITLES, LABELS)
    assert clf.explain("a red boat")["neighbours"] == []
    assert clf.explain("")["words"] == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.explain(7), "text must be a str"),
        (lambda c: c.explain(["a boat"]), "text must be a str"),
        (lambda c: c.explain("a boat", "ship"), "label must be one of classes_"),
        (lambda c: c.explain("a boat", n_neighbors=0), "n_neighbors must be a positive"),
    ],
)
def test_refuses(fitted, call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(fitted)


def test_a_model_of_a_matrix_explains_no_text():
    clf = small().fit(np.eye(60), [[str(i % 3)] for i in range(60)])
    with pytest.raises(ValueError, match="fitted on a matrix"):
        clf.explain("a boat")
