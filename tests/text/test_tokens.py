"""Rows of token ids."""

from __future__ import annotations

import numpy as np
import pytest
from _titles import TITLES, relaxed, rows_of
from hypothesis import given
from hypothesis import strategies as st

from sk_inceptionxml.text import Tokens, TokenVectorizer


@st.composite
def token_rows(draw):
    rows = draw(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=6), min_size=1))
    ids = np.array([i for row in rows for i in row], np.int32)
    weighted = draw(st.booleans())
    weights = np.arange(len(ids), dtype=np.float32) + 1 if weighted else None
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return rows, Tokens(ids, offsets, weights)


@relaxed
@given(token_rows(), st.data())
def test_take_equals_row_by_row(case, data):
    rows, tokens = case
    n = len(rows)
    assert len(tokens) == n and tokens.lengths.tolist() == list(map(len, rows))
    chosen = data.draw(st.lists(st.integers(-n, n - 1), max_size=8))
    taken = tokens.take(chosen)
    assert [i for r in chosen for i in rows[r]] == taken.ids.tolist()
    assert taken.lengths.tolist() == [len(rows[r]) for r in chosen]
    if tokens.weights is not None:
        parts = np.split(tokens.weights, tokens.offsets[1:-1])
        assert [x for r in chosen for x in parts[r]] == taken.weights.tolist()
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    assert tokens.take(mask).ids.tolist() == [
        i for r, m in zip(rows, mask, strict=True) if m for i in r
    ]
    assert tokens.take(slice(None, None, -1)).ids.tolist() == [i for r in rows[::-1] for i in r]
    cut = tokens.truncate(2)
    assert rows_of(cut) == [row[:2] for row in rows]


@relaxed
@given(token_rows())
def test_to_csr_counts(case):
    rows, tokens = case
    dense = np.zeros((len(rows), 12), np.float32)
    weights = np.ones(len(tokens.ids)) if tokens.weights is None else tokens.weights
    at = 0
    for r, row in enumerate(rows):
        for i in row:
            dense[r, i] += weights[at]
            at += 1
    before = tokens.ids.copy()
    matrix = tokens.to_csr(12)
    np.testing.assert_array_equal(matrix.toarray(), dense)
    assert matrix.has_canonical_format and matrix.dtype == np.float32
    np.testing.assert_array_equal(tokens.ids, before)
    with pytest.raises(ValueError, match="n_tokens"):
        tokens.to_csr(int(tokens.ids.max()))


def test_take_rejects_rows_that_do_not_exist():
    tokens = TokenVectorizer().fit_transform(TITLES)
    for rows in ([5], [-6], [0.5], np.ones(3, bool)):
        with pytest.raises(IndexError):
            tokens.take(rows)


def test_to_csr_leaves_out_the_ids_before_the_first_column():
    tokens = Tokens(np.array([3, 1, 3, 1, 0, 2], "int32"), np.array([0, 3, 4, 6]))
    expected = tokens.to_csr(5).toarray()[:, 2:]
    assert np.array_equal(tokens.to_csr(5, first=2).toarray(), expected)
    weighed = Tokens(tokens.ids, tokens.offsets, np.arange(1, 7, dtype=np.float32))
    assert np.array_equal(weighed.to_csr(5, first=2).toarray(), weighed.to_csr(5).toarray()[:, 2:])
    assert weighed.weights.tolist() == [1, 2, 3, 4, 5, 6]
