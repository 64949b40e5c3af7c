"""Titles, made-up words, and token ids as lists."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import settings

from sk_inceptionxml.text import UNKNOWN, Tokens, TokenVectorizer

TITLES = ["Red boat on the lake", "A red sky", "the lake and the sky", "Boat, boat!", ""]
relaxed = settings(deadline=None, max_examples=60)  # the machine may be busy


def rows_of(tokens: Tokens) -> list[list[int]]:
    assert tokens.ids.dtype == np.int32 and tokens.offsets.dtype == np.int64
    return [part.tolist() for part in np.split(tokens.ids, tokens.offsets[1:-1])]


def words_of(vectorizer: TokenVectorizer, tokens: Tokens) -> list[list[str]]:
    names = {i: word for word, i in vectorizer.vocabulary_.items()} | {UNKNOWN: "?"}
    return [[names[i] for i in row] for row in rows_of(tokens)]


def made_up_words(n: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    parts = ["ka", "lo", "mi", "ter", "stan", "bru", "gel", "po", "ven", "shi", "dor", "qua", "nex"]
    words: dict[str, None] = {}
    while len(words) < n:
        words["".join(chance.choices(parts, k=chance.randint(2, 5)))] = None
    return list(words)
