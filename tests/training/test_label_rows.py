"""Texts of labels as rows: whose labels they take, and how many of them an epoch has."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_inceptionxml.data import Dataset, Rows
from sk_inceptionxml.heads import OneVsAll
from sk_inceptionxml.ranking.label_texts import LabelTexts
from sk_inceptionxml.text import TokenVectorizer
from sk_inceptionxml.training.batches import LengthBucketedBatches
from sk_inceptionxml.training.config import TrainingConfig
from sk_inceptionxml.training.label_rows import SHARE, label_rows
from sk_inceptionxml.training.trainer import make_dataset

TITLES = ["red boat", "blue boat", "red kite", "old kite", "leaf", "old leaf"]
Y = sp.csr_array(
    np.array(
        [
            [1, 0, 1, 0, 0],
            [1, 0, 0, 0, 0],
            [0, 1, 1, 0, 0],
            [0, 1, 0, 1, 0],
            [0, 1, 0, 0, 0],
            [0] * 5,
        ],
        dtype=np.float32,
    )
)
WEIGHT = np.arange(1.0, 7)
READER = TokenVectorizer()
DATA = Dataset(Rows(READER.fit_texts(TITLES, full=True), TITLES), Y, WEIGHT)
CONFIG = TrainingConfig(
    head=OneVsAll(),
    max_len=8,
    shuffle_words=False,
    word_dropout=0.0,
    max_epochs=1,
    batch_size=4,
    lr=1e-3,
    mixed_precision=False,
    compile=False,
    early_stopping=False,
    n_iter_no_change=1,
    n_neighbors=0,
    callbacks=None,
    device="cpu",
    verbose=0,
)


def rows_of(texts, owner, seed=0, data=DATA):
    return label_rows(data, LabelTexts(texts, owner), READER, np.random.RandomState(seed))


@pytest.mark.parametrize("seed", range(5))
def test_a_row_is_one_of_the_label_s_with_its_text_as_title(seed):
    texts, owner = ["boat", "kite", "red one", "leaf", "old"], np.array([0, 1, 2, 1, 3])
    found = rows_of(texts, owner, seed)
    order = np.argsort(owner, kind="stable")
    expected = READER.transform([texts[i] for i in order], full=True)
    np.testing.assert_array_equal(found.tokens.ids, expected.ids)
    np.testing.assert_array_equal(found.tokens.offsets, expected.offsets)
    for i, label in enumerate(owner[order]):
        place = int(found.weight[i]) - 1  # weights number the rows
        assert Y[place, label]
        np.testing.assert_array_equal(found.Y[[i]].toarray(), Y[[place]].toarray())


def test_targets_are_on_average_the_shares_of_the_label_s_rows():
    n = 4000
    found = rows_of(["kite"] * n, np.ones(n, dtype=np.int64))
    np.testing.assert_allclose(found.Y.mean(axis=0), [0, 1, 1 / 3, 1 / 3, 0], atol=0.03)


def test_labels_without_a_row_and_texts_without_a_known_word_are_left_out():
    found = rows_of(["boat", "leaf", "xyz", ""], np.array([0, 4, 1, 2]))
    assert len(found) == 1
    assert found.Y[[0]].indices[0] == 0
    nothing = rows_of(["leaf"], np.array([4]))
    assert len(nothing) == 0
    assert len(make_dataset(DATA, CONFIG, nothing)) == len(TITLES)


def test_without_texts_no_number_is_drawn():
    random_state = np.random.RandomState(0)
    assert label_rows(DATA, None, READER, random_state) is None
    assert random_state.randint(1 << 30) == np.random.RandomState(0).randint(1 << 30)


def test_the_order_of_the_labels_does_not_matter():
    texts, owner = ["boat", "kite", "leaf"], np.array([0, 1, 3])
    a, b = rows_of(texts, owner), rows_of(texts[::-1], owner[::-1])
    np.testing.assert_array_equal(a.tokens.ids, b.tokens.ids)
    np.testing.assert_array_equal(a.Y.toarray(), b.Y.toarray())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30), st.integers(1, 60), st.booleans(), st.integers(0, 99))
def test_an_epoch_has_every_row_and_a_share_of_label_texts(n_further, repeats, weighted, seed):
    data = DATA.take(np.tile(np.arange(len(DATA)), repeats))
    if not weighted:
        data = Dataset(data.rows, data.Y)
    further = data.take(np.arange(n_further) % len(data))
    dataset = make_dataset(data, CONFIG, further)
    n_others = min(n_further, int(np.ceil(SHARE * len(data))))
    assert len(dataset) == len(data) + n_others
    order = dataset.draw_epoch(np.random.default_rng(seed))
    assert len(np.unique(order)) == len(order) == len(dataset)
    np.testing.assert_array_equal(np.sort(order)[: len(data)], np.arange(len(data)))
    assert order.max() < len(data) + n_further
    n_seen, total = 0, 0.0
    for X, (rows, columns, weight) in LengthBucketedBatches(
        dataset, 4, np.random.default_rng(seed)
    ):
        n_seen += len(X["ids"])
        total += float(weight.sum()) * len(weight)
        assert len(rows) == len(columns)
    assert n_seen == len(dataset)
    places = np.concatenate([np.arange(len(data)), np.arange(n_further) % len(data)])[order]
    expected = data.weight[places].sum() if weighted else len(dataset)
    if n_others in (0, n_further):  # else another sample is drawn
        assert total == pytest.approx(expected, rel=1e-5)
