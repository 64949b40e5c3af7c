"""Batches hold every row once, with its own words and positives."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from sk_inceptionxml.network.inputs import pad, prediction_batches
from sk_inceptionxml.text import Tokens
from sk_inceptionxml.training.batches import LengthBucketedBatches, TokenDataset, augment


def make_tokens(n=43, seed=0, weighted=False):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, n)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = rng.integers(1, 30, offsets[-1]).astype(np.int32)
    return Tokens(ids, offsets, rng.random(len(ids)).astype(np.float32) if weighted else None)


def make_labels(n=43, seed=0):
    rng = np.random.default_rng(seed)
    return sp.csr_array((rng.random((n, 11)) < 0.2).astype(np.float32))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_an_epoch_holds_every_row_once(shuffle, weighted):
    tokens, Y = make_tokens(weighted=weighted), make_labels()
    sample_weight = np.arange(43.0)
    dataset = TokenDataset(tokens, Y, 32, shuffle_words=shuffle, sample_weight=sample_weight)
    seen = []
    for X, (rows, columns, weight) in LengthBucketedBatches(dataset, 8, np.random.default_rng(1)):
        numbers = np.rint(weight.numpy() * len(weight)).astype(int)
        seen += numbers.tolist()
        for i, number in enumerate(numbers):
            ids = X["ids"][i].numpy()
            expected = tokens.ids[tokens.offsets[number] : tokens.offsets[number + 1]]
            kept = ids[ids != 0]
            assert sorted(kept) == sorted(expected) if shuffle else kept.tolist() == list(expected)
            assert set(columns[rows == i].tolist()) == set(Y[[number]].indices.tolist())
            if weighted:
                value = dict(zip(expected, tokens.weights[tokens.offsets[number] :], strict=False))
                assert len(expected) != len(value) or all(
                    X["weights"][i, j] == value[ids[j]] for j in range(len(kept))
                )
    assert sorted(seen) == list(range(43))


def test_word_dropout_keeps_a_word_and_moves_padding_last():
    ids, _ = pad(make_tokens(500))
    out, _ = augment(ids, None, np.random.default_rng(0), shuffle=True, dropout=0.7)
    kept = (out != 0).sum(1)
    assert kept.min() == 1
    assert kept.sum() < 0.6 * (ids != 0).sum()
    assert all((row[:k] != 0).all() for row, k in zip(out, kept, strict=True))


def test_same_generator_same_batches():
    dataset = TokenDataset(make_tokens(), make_labels(), 32, shuffle_words=True, word_dropout=0.2)

    def run():
        batches = LengthBucketedBatches(dataset, 8, np.random.default_rng(5))
        return [X["ids"].numpy().tolist() for X, _ in batches]

    assert run() == run()


@pytest.mark.parametrize("size", [1, 5, 10, 50])
def test_prediction_batches_cut_at_max_len_and_cover_all_rows_longest_first(size):
    tokens = make_tokens()
    rows, shortest = [], 4
    for part, X in prediction_batches(tokens, 4, size):
        assert 0 < len(part) <= size
        rows += part.tolist()
        lengths = np.minimum(tokens.lengths[part], 4)
        assert (lengths <= shortest).all()
        shortest = lengths.min()
        assert X["ids"].shape[1] <= 4
        for i, number in enumerate(part):
            first = tokens.ids[tokens.offsets[number] : tokens.offsets[number + 1]][:4]
            assert X["ids"][i][X["ids"][i] != 0].tolist() == first.tolist()
    assert sorted(rows) == list(range(43))
