"""Rows with their labels and weights, and their order by content."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_inceptionxml.data import Dataset, Rows
from sk_inceptionxml.text import Tokens

N_LABELS = 5


def make(rows, label_sets, weights=None, texts=None, row_weight=None):
    """A data set of lists of token ids and of sets of labels."""
    lengths = [len(row) for row in rows]
    ids = np.array([i for row in rows for i in row], dtype=np.int32)
    flat = None
    if weights is not None:
        flat = np.array([w for row in weights for w in row], dtype=np.float32)
    tokens = Tokens(ids, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), flat)
    dense = np.zeros((len(rows), N_LABELS), dtype=np.float32)
    for i, labels in enumerate(label_sets):
        dense[i, list(labels)] = 1
    return Dataset(Rows(tokens, texts), sp.csr_array(dense), row_weight)


def contents(data):
    """What each row holds, in order."""
    tokens = data.tokens
    bounds = tokens.offsets
    found = []
    for i in range(len(data)):
        part = slice(bounds[i], bounds[i + 1])
        found.append(
            (
                tuple(tokens.ids[part].tolist()),
                None if tokens.weights is None else tuple(tokens.weights[part].tolist()),
                None if data.rows.texts is None else data.rows.texts[i],
                tuple(data.Y[[i]].indices.tolist()),
                None if data.weight is None else float(data.weight[i]),
            )
        )
    return found


@st.composite
def data_sets(draw):
    n = draw(st.integers(1, 12))
    # few different rows, so that many are equal
    rows = draw(
        st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=n, max_size=n)
    )
    labels = draw(st.lists(st.sets(st.integers(0, N_LABELS - 1)), min_size=n, max_size=n))
    weights = texts = row_weight = None
    if draw(st.booleans()):
        weights = [[0.5 + draw(st.integers(0, 1)) for _ in row] for row in rows]
    if draw(st.booleans()):
        texts = [" ".join(map(str, row)) for row in rows]
    if draw(st.booleans()):
        # equal rows must have equal weights: the order does not look at these
        row_weight = np.array([1.0 + len(own) for own in labels])
    return make(rows, labels, weights, texts, row_weight)


@settings(max_examples=80, deadline=None)
@given(data_sets(), st.data())
def test_rows_are_taken_with_all_that_belongs_to_them(data, choice):
    places = choice.draw(st.lists(st.integers(0, len(data) - 1), max_size=8))
    taken = data.take(np.array(places, dtype=np.int64))
    every = contents(data)
    assert len(taken) == len(taken.rows) == len(places)
    assert contents(taken) == [every[i] for i in places]
    assert taken.Y.shape == (len(places), N_LABELS)
    assert (taken.weight is None) == (data.weight is None)
    assert contents(data) == every


@settings(max_examples=150, deadline=None)
@given(data_sets(), st.randoms(use_true_random=False))
def test_the_order_by_content_does_not_depend_on_the_order_of_the_rows(data, chance):
    places = list(range(len(data)))
    chance.shuffle(places)
    ordered = contents(data.in_content_order())
    assert contents(data.take(np.array(places)).in_content_order()) == ordered
    assert sorted(map(repr, ordered)) == sorted(map(repr, contents(data)))
    assert contents(data.in_content_order().in_content_order()) == ordered


def test_equal_texts_stand_together_and_other_words_order_or_weights_are_no_equal_texts():
    rows = [[2, 3], [3, 2], [2, 3], [2], [2, 3, 3], [2, 3]] * 4
    data = make(rows, [{i % 3} for i in range(len(rows))])
    ordered = [row[0] for row in contents(data.in_content_order())]
    changes = sum(a != b for a, b in zip(ordered, ordered[1:], strict=False))
    assert changes == len(set(ordered)) - 1 == 3
    weighted = make([[2], [2]] * 8, [set()] * 16, [[1.0], [0.5]] * 8)
    ordered = [row[1] for row in contents(weighted.in_content_order())]
    assert sum(a != b for a, b in zip(ordered, ordered[1:], strict=False)) == 1


@settings(max_examples=60, deadline=None)
@given(data_sets())
def test_counts_of_labels_are_those_of_a_loop(data):
    counts = data.label_counts
    expected = [sum(j in row[3] for row in contents(data)) for j in range(N_LABELS)]
    assert counts.tolist() == expected
    assert counts.dtype == np.int64 and counts.shape == (N_LABELS,)


def test_no_rows_have_no_counts():
    none = make([[1], [2]], [{0}, {1}]).take(np.empty(0, dtype=np.int64))
    assert len(none) == 0 and none.label_counts.tolist() == [0] * N_LABELS
    assert len(none.in_content_order()) == 0


def test_values_do_not_change():
    data = make([[1], [2]], [{0}, {1}])
    for value in (data, data.rows):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, dataclasses.fields(value)[0].name, None)
