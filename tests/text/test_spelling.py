"""Unseen words that are read as the known word most like them."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from _titles import made_up_words, rows_of, words_of
from sklearn.base import clone
from sklearn.feature_extraction.text import HashingVectorizer

from sk_inceptionxml.text import UNKNOWN, TokenVectorizer


def misspell(word: str, chance: random.Random) -> str:
    i, letter = chance.randrange(len(word) - 1), chance.choice("abcdefghijklmnopqrstuvwxyz")
    return chance.choice(
        [
            word[:i] + letter + word[i:],
            word[:i] + word[i + 1 :],
            word[:i] + letter + word[i + 1 :],
            word[:i] + word[i + 1] + word[i] + word[i + 2 :],
        ]
    )


def test_most_misspellings_are_recovered_and_random_words_stay_unknown():
    words = made_up_words(3000, 0)
    chance = random.Random(1)
    vectorizer = TokenVectorizer().fit(words)
    pairs = [(w, misspell(w, chance)) for w in chance.choices(words, k=600)]
    pairs = [(w, e) for w, e in pairs if e not in vectorizer.vocabulary_ and len(e) > 3]
    got = vectorizer.transform([e for _, e in pairs]).ids
    right = np.mean(got == [vectorizer.vocabulary_[w] for w, _ in pairs])
    assert len(pairs) > 500 and right > 0.8
    letters = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(300)]
    assert np.mean(vectorizer.transform(letters).ids == UNKNOWN) > 0.97
    off = clone(vectorizer).set_params(nearest_unknown=False).fit(words)
    assert (off.transform([e for _, e in pairs]).ids == UNKNOWN).all()


def test_compound_and_inflection():
    vectorizer = TokenVectorizer().fit(["energiemanagement", "islamische kunst", "flughafen"])
    assert words_of(vectorizer, vectorizer.transform(["energiemanagements islamischem"])) == [
        ["energiemanagement", "islamische"]
    ]


def test_the_more_frequent_of_two_equal_neighbours_wins():
    texts = ["tower"] + ["power"] * 3
    vectorizer = TokenVectorizer().fit(texts)
    assert words_of(vectorizer, vectorizer.transform(["xower"])) == [["power"]]
    vectorizer.fit(["power"] + ["tower"] * 3)
    assert words_of(vectorizer, vectorizer.transform(["xower"])) == [["tower"]]


@pytest.mark.parametrize("word", ["rad", "12346", "b52s", "1990s", "x" * 65])
def test_short_numeric_and_huge_words_are_never_replaced(word):
    vectorizer = TokenVectorizer().fit(["red 12345 b52 1980s", "x" * 64])
    assert rows_of(vectorizer.transform([word])) == [[UNKNOWN]]


def test_vocabularies_that_leave_no_index():
    assert rows_of(TokenVectorizer().fit(["a bc"]).transform(["abcde"])) == [[UNKNOWN]]
    same_letter = TokenVectorizer().fit(["a" * n for n in range(4, 64)])
    assert rows_of(same_letter.transform(["bbbb"])) == [[UNKNOWN]]
    assert words_of(same_letter, same_letter.transform(["aaba"]))[0][0] in ("aaaa", "aaaaa")


def test_replacement_does_not_depend_on_batch_or_threads():
    words = made_up_words(800, 3)
    chance = random.Random(4)
    queries = [misspell(chance.choice(words), chance) for _ in range(200)]
    together = TokenVectorizer().fit(words).transform(queries).ids
    shared = TokenVectorizer().fit(words)
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda q: shared.transform([q]).ids[0], queries))
    assert together.tolist() == alone


def test_forgotten_words_are_read_as_a_vectorizer_reads_them_that_never_saw_them():
    words, chance = made_up_words(400, 0), random.Random(1)
    texts = [" ".join(chance.choices(words, k=5)) for _ in range(60)]
    texts += [" ".join(misspell(w, chance) for w in chance.choices(words, k=5)) for _ in range(60)]
    for nearest_unknown in (True, False):
        vectorizer = TokenVectorizer(nearest_unknown=nearest_unknown)
        tokens = vectorizer.fit_transform(texts)
        train, others = np.arange(80), np.arange(80, 120)
        known = np.bincount(tokens.take(train).ids, minlength=vectorizer.n_tokens_) > 0
        forgotten = words_of(vectorizer, vectorizer.forget(tokens.take(others), known))
        other = clone(vectorizer).fit(texts[:80])
        expected = words_of(other, other.transform(texts[80:]))
        assert forgotten == expected
        assert any("?" in row for row in expected)
        replaced = sum(a != b for a, b in zip(sum(expected, []), rows(texts[80:]), strict=True))
        assert replaced > sum(expected, []).count("?") or not nearest_unknown


def rows(texts: list[str]) -> list[str]:
    return [word for text in texts for word in text.split()]


def test_forgotten_columns_of_a_matrix_are_left_out():
    vectorizer = TokenVectorizer()
    tokens = vectorizer.fit_transform(np.array([[1.0, 0.5, 0.0], [0.0, 0.0, 2.0]]))
    known = np.array([True, True, False, True, False])
    found = vectorizer.forget(tokens, known)
    assert rows_of(found) == [[3], [UNKNOWN]]
    assert found.weights.tolist() == [0.5, 1.0]
    assert rows_of(tokens) == [[2, 3], [4]]


def test_buckets_of_a_hashing_vectorizer_are_never_forgotten():
    vectorizer = TokenVectorizer(HashingVectorizer(n_features=64))
    tokens = vectorizer.fit_transform(["red boat", "blue kite"])
    assert rows_of(vectorizer.forget(tokens, np.zeros(66, dtype=bool))) == rows_of(tokens)
