"""Coverage of label texts against a literal formulation."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from _loops import both_loops
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sk_inceptionxml.ranking import label_texts
from sk_inceptionxml.ranking.features import word_ngrams
from sk_inceptionxml.ranking.label_texts import LEAST_COVERAGE, LabelTexts
from sk_inceptionxml.text.words import split_words

WORDS = ["boat", "boats", "sailing", "sail", "red", "a", "kite", "kites", "über", "x1"]
phrase = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)


loops = both_loops(label_texts)


def terms(text, kind):
    words = split_words(text)
    return set(words) if kind == "words" else {g for word in words for g in word_ngrams(word)}


def literal(texts, owner, queries):
    """Best (n-gram coverage, word coverage, share of the query) of each (query, label)."""
    idf = {}
    for kind in ("ngrams", "words"):
        held = [terms(text, kind) for text in texts]
        for term in set().union(*held):
            frequency = sum(term in some for some in held)
            idf[kind, term] = np.log((1 + len(texts)) / (1 + frequency)) + 1
    found = {}
    for row, query in enumerate(queries):
        for text, label in zip(texts, owner, strict=True):
            share = {}
            for kind in ("ngrams", "words"):
                own, asked = terms(text, kind), terms(query, kind)
                shared = sum(idf[kind, t] for t in own & asked)
                total = sum(idf[kind, t] for t in own)
                known = sum(idf.get((kind, t), 0) for t in asked)
                share[kind] = (shared / total if total else 0, shared / known if known else 0)
            (ngrams, of_query), (words, _) = share["ngrams"], share["words"]
            assume(abs(ngrams - LEAST_COVERAGE) > 1e-6)  # single precision may round it either way
            if ngrams >= LEAST_COVERAGE:
                key, value = (row, int(label)), (ngrams, words, of_query)
                best = found.get(key)
                if best is None or round(ngrams + words, 4) > round(best[0] + best[1], 4):
                    found[key] = value
    return found


@settings(deadline=None, max_examples=60)
@given(
    texts=st.lists(phrase, min_size=1, max_size=8),
    queries=st.lists(phrase, max_size=5),
    seed=st.integers(0, 99),
)
def test_evidence_is_that_of_the_definition(texts, queries, seed):
    owner = np.random.default_rng(seed).integers(0, 4, len(texts))
    evidence = LabelTexts(texts, owner).evidence(queries)
    expected = literal(texts, owner, queries)
    pairs = list(zip(evidence.row.tolist(), evidence.label.tolist(), strict=True))
    assert pairs == sorted(expected)
    for pair, *got in zip(pairs, evidence.ngrams, evidence.words, evidence.query, strict=True):
        assert got[0] + got[1] == pytest.approx(expected[pair][0] + expected[pair][1], abs=1e-4)
    labels = np.tile(np.arange(-1, 4), (len(queries), 1))
    at = evidence.at(labels)
    for (row, label), ngrams in zip(pairs, evidence.ngrams, strict=True):
        assert at[0, row, label + 1] == ngrams
    assert (at[0] > 0).sum() == len(pairs) and not at[:, :, 0].any()


def test_evidence_of_a_query_is_the_same_alone(monkeypatch):
    texts = LabelTexts(WORDS, np.arange(len(WORDS)))
    queries = ["red sailing boat", "kites", "", "nothing known", "über boats"]
    together = texts.evidence(queries)
    monkeypatch.setattr(label_texts, "QUERIES_AT_ONCE", 2)
    for other in (texts.evidence(queries), copy.deepcopy(texts).evidence(queries)):
        for a, b in zip(together[1:], other[1:], strict=True):
            np.testing.assert_array_equal(a, b)
    for i, query in enumerate(queries):
        alone, mine = pickle.loads(pickle.dumps(texts)).evidence([query]), together.row == i
        for a, b in zip(together[2:], alone[2:], strict=True):
            np.testing.assert_array_equal(a[mine], b)


def test_a_query_is_compared_with_the_texts_that_it_covers_furthest(monkeypatch):
    texts = LabelTexts([*WORDS, "red boat", "red kite boat", "red sail"], np.arange(len(WORDS) + 3))
    queries = ["red boat", "red boat sail", "kite", ""]
    whole = texts.evidence(queries)
    monkeypatch.setattr(label_texts, "MOST_TEXTS", 2)
    found = texts.evidence(queries)
    for i in range(len(queries)):
        all_of, best = whole.ngrams[whole.row == i], found.ngrams[found.row == i]
        expected = np.sort(all_of[all_of >= np.sort(all_of)[-2:].min(initial=9)])
        assert np.array_equal(np.sort(best), expected)


def test_compiled_loops_find_what_numpy_finds(monkeypatch):
    rng = np.random.default_rng(0)
    names = [" ".join(rng.choice(WORDS, 1 + i % 3)) for i in range(200)]
    texts, queries = LabelTexts(names, np.arange(200) // 2), names[:40] + ["", "red"]
    found = texts.evidence(queries)
    monkeypatch.setattr(label_texts, "compiled", lambda: None)
    for a, b in zip(found[1:], texts.evidence(queries)[1:], strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_best_labels_come_first():
    texts = LabelTexts(["red boat", "boat", "kite", "blue boat"], np.array([3, 1, 2, 0]))
    best = texts.evidence(["a red boat", "kite", "green"]).best(3)
    assert best.tolist()[0][0] == 3 and set(best[0]) <= {3, 1, 0}
    assert best.tolist()[1:] == [[2, -1, -1], [-1, -1, -1]]


def test_replaced_texts_take_the_place_of_all_of_a_label():
    texts = LabelTexts(["boat", "ship", "kite"], np.array([0, 0, 1]))
    new = texts.replaced(["vessel", "drum"], np.array([0, 2]))
    assert sorted(zip(new.texts, new.owner.tolist(), strict=True)) == [
        ("drum", 2),
        ("kite", 1),
        ("vessel", 0),
    ]
    assert texts.texts == ["boat", "ship", "kite"]
