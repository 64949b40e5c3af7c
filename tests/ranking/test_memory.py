"""The lexical memory of training rows, and rows that join it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from sk_inceptionxml.data import Rows
from sk_inceptionxml.datasets import make_short_text
from sk_inceptionxml.ranking.memory import LexicalMemory
from sk_inceptionxml.ranking.neighbours import KernelNeighbours
from sk_inceptionxml.text import TokenVectorizer

DATA = make_short_text(160, 12, random_state=0)
READER = TokenVectorizer()
Y = sp.csr_array((np.random.default_rng(0).random((160, 12)) < 0.2).astype(np.float32))


def rows_of(texts, kind):
    tokens = READER.transform(texts, full=True)
    return Rows(tokens, list(texts) if kind == "text" else None)


@pytest.fixture(scope="module", params=["text", "matrix"])
def kind(request):
    READER.fit(DATA.data[:120])
    return request.param


@pytest.fixture
def memory(kind):
    return LexicalMemory.fit(rows_of(DATA.data[:80], kind), Y[:80], READER.n_tokens_, 9)


def arrays(memory):
    X, labels = memory.neighbours.X_, memory.neighbours.Y_
    parts = [(m.data.copy(), m.indices.copy(), m.indptr.copy()) for m in (X, labels)]
    return [array for part in parts for array in part]


def test_added_rows_count_as_those_at_first(memory, kind):
    first, later = rows_of(DATA.data[:80], kind), rows_of(DATA.data[80:120], kind)
    grown = memory.add(memory.transform(later), Y[80:120])
    X = sp.vstack([memory.transform(first), memory.transform(later)], format="csr")
    expected = KernelNeighbours(9).fit(X, Y[:120])
    queries = memory.transform(rows_of(DATA.data[120:], kind))
    np.testing.assert_array_equal(grown.score(queries).toarray(), expected.score(queries).toarray())
    np.testing.assert_array_equal(grown.neighbours.X_.toarray(), expected.X_.toarray())
    assert grown.features is memory.features and grown.n_tokens == memory.n_tokens
    assert grown.neighbours.parameters() == memory.neighbours.parameters()
    assert (grown.score(queries).toarray() != memory.score(queries).toarray()).any()


@pytest.mark.parametrize("n_labels", [12, 15])
def test_adding_leaves_the_memory_as_it_was(memory, kind, n_labels):
    queries = memory.transform(rows_of(DATA.data[120:], kind))
    before, scores = arrays(memory), memory.score(queries).toarray()
    wide = sp.csr_array((40, n_labels), dtype=np.float32) + sp.csr_array(
        sp.hstack([Y[80:120], sp.csr_array((40, n_labels - 12))])
    )
    further = memory.transform(rows_of(DATA.data[80:120], kind))
    copies = further.toarray(), wide.toarray()
    grown = memory.add(further, wide)
    assert grown is not memory and grown.neighbours is not memory.neighbours
    assert grown.score(queries).shape == (40, n_labels)
    for old, new in zip(before, arrays(memory), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(memory.score(queries).toarray(), scores)
    for given, copy in zip((further, wide), copies, strict=True):
        np.testing.assert_array_equal(given.toarray(), copy)


def test_rows_find_themselves_unless_they_are_left_out(memory, kind):
    own = np.arange(20)
    X = memory.transform(rows_of(DATA.data[:20], kind))
    np.testing.assert_allclose(X.toarray(), memory.neighbours.X_[own].toarray(), rtol=1e-6)
    others = LexicalMemory(
        memory.features,
        KernelNeighbours(9).fit(memory.neighbours.X_[1:], Y[1:80]),
        READER.n_tokens_,
    )
    np.testing.assert_allclose(
        memory.score(X[:1], exclude=own[:1]).toarray(),
        others.score(X[:1]).toarray(),
        rtol=1e-5,
        atol=1e-6,
    )
    assert (memory.score(X).toarray() != memory.score(X, exclude=own).toarray()).any()
    np.testing.assert_array_equal(memory.score(X).toarray(), memory.score(X, 2).toarray())


def test_rows_have_unit_length_and_only_the_ngrams_that_are_known(memory, kind):
    rows = rows_of(DATA.data[80:100], kind)
    X = memory.transform(rows)
    np.testing.assert_allclose(X.multiply(X).sum(axis=1), 1, rtol=1e-5)
    known = np.zeros(X.shape[1], dtype=bool)
    few = memory.transform(rows, known)
    n_words = READER.n_tokens_ - 2
    assert few[:, n_words:].nnz == 0
    assert (few[:, :n_words].nnz == X[:, :n_words].nnz) and X.shape == few.shape
    assert (X[:, n_words:].nnz > 0) == (kind == "text")
