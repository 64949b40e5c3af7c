"""Texts in one array are a sequence like any other."""

from __future__ import annotations

import numpy as np
import pytest
from _titles import relaxed
from hypothesis import given
from hypothesis import strategies as st

from sk_inceptionxml._utils import storage
from sk_inceptionxml._utils.storage import Storage
from sk_inceptionxml.text import StoredTexts, TokenVectorizer, stored, vectorizer
from sk_inceptionxml.text import tokens as tokens_module

TEXTS = st.lists(st.text(st.characters(), max_size=5), max_size=8)  # lone surrogates included


@relaxed
@given(TEXTS, TEXTS, st.data())
def test_it_equals_the_list(first, second, data):
    texts, held = first + second, StoredTexts.of([first, [], second])
    assert len(held) == len(texts) and list(held) == texts and held[:] == texts
    part = data.draw(st.slices(len(texts)))
    assert held[part] == texts[part]
    places = data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=5)) if texts else []
    assert list(held.take(np.array(places, dtype=np.int64))) == [texts[i] for i in places]
    assert [held[i] for i in range(-len(texts), len(texts))] == texts * 2
    with pytest.raises(IndexError):
        held[len(texts)]


@pytest.mark.parametrize("full", [True, False])
def test_words_of_blocks_of_texts_are_those_of_all_at_once(monkeypatch, tmp_path, full):
    texts = ["a red boat", "", "red red kite on a boat", "!", "blue", "kite kite"] * 5
    once = TokenVectorizer(max_len=3)
    expected = once.fit_transform(texts, full=full)
    monkeypatch.setattr(storage, "SMALL", 0)
    monkeypatch.setattr(stored, "TEXTS_AT_ONCE", 4)
    monkeypatch.setattr(vectorizer, "TEXTS_AT_ONCE", 4)
    for module in (storage, vectorizer, tokens_module):
        monkeypatch.setattr(module, "AT_ONCE", 5)
    parts = TokenVectorizer(max_len=3)
    place = Storage(str(tmp_path))
    found = parts.fit_texts(StoredTexts.of([texts], place), full=full, storage=place)
    assert parts.vocabulary_ == once.vocabulary_
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_array_equal(found.offsets, expected.offsets)
    counts = expected.to_csr(once.n_tokens_, first=2)
    assert (found.to_csr(once.n_tokens_, first=2, storage=place) != counts).nnz == 0
    frequency = found.document_frequency(once.n_tokens_, first=2)
    np.testing.assert_array_equal(frequency, (counts > 0).sum(axis=0))
