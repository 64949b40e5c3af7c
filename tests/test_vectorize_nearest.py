"""Unseen words that are read as the known word most like them."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from _titles import made_up_words, rows_of, words_of
from sklearn.base import clone

from sk_inceptionxml.vectorize import UNKNOWN, TokenVectorizer


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
