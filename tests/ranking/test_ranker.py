"""The fitted model ranks rows one by one, however many labels and rows are asked for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from _models import small

from sk_inceptionxml.data import Rows
from sk_inceptionxml.datasets import make_short_text
from sk_inceptionxml.ranking import ranker as module
from sk_inceptionxml.ranking.ranker import Reading
from sk_inceptionxml.text import Tokens

DATA = make_short_text(400, 40, random_state=0)
HEADS = {"ova": {}, "sync": {"n_clusters": 6, "predict_beam_size": 3}}


@pytest.fixture(scope="module", params=[(h, n) for h in HEADS for n in (0, 20)], ids=str)
def ranker(request):
    head, n_neighbors = request.param
    clf = small(head=head, n_neighbors=n_neighbors, max_epochs=4, **HEADS[head])
    clf.set_params(validation_fraction=0.2).fit(DATA.data[:300], DATA.target[:300])
    if n_neighbors:  # labels that came later are ranked apart
        clf.partial_fit(DATA.data[:9], [[900 + i % 3] for i in range(9)])
    return clf._model.ranker


@pytest.fixture
def few(monkeypatch):
    """Candidates are so few that more labels than these may be asked for."""
    monkeypatch.setattr(module, "NETWORK_CANDIDATES", 10)
    monkeypatch.setattr(module, "LEXICAL_CANDIDATES", 6)


def read(ranker, texts):
    return Rows(ranker.reader.from_texts(list(texts), full=True), list(texts))


@pytest.mark.usefixtures("few")
def test_the_best_labels_do_not_depend_on_how_many_are_asked_for(ranker):
    rows, n_labels = read(ranker, DATA.data[300:360]), ranker.labels.n_labels
    every, scores = ranker.rank(rows, n_labels + 9)
    assert every.shape == scores.shape == (60, n_labels)
    for k in (1, 5, 10, 11, 25, n_labels):
        labels, log_odds = ranker.rank(rows, k)
        assert labels.shape == log_odds.shape == (60, k)
        assert labels.dtype == np.int64 and log_odds.dtype == np.float32
        np.testing.assert_array_equal(labels, every[:, :k])
        np.testing.assert_array_equal(log_odds, scores[:, :k])


@pytest.mark.usefixtures("few")
def test_rankings_are_sorted_and_hold_each_label_once(ranker):
    labels, log_odds = ranker.rank(read(ranker, DATA.data[300:360]), 30)
    with np.errstate(invalid="ignore"):
        assert not (np.diff(log_odds, axis=1) > 0).any()
    assert ((labels < 0) == np.isneginf(log_odds)).all()
    for row in labels:
        kept = row[row >= 0]
        assert len(set(kept)) == len(kept) and (kept < ranker.labels.n_labels).all()


def close(found, expected):
    """The same log-odds up to rounding, and the same labels but for near ties."""
    np.testing.assert_allclose(found[1], expected[1], atol=1e-4)
    assert (found[0] == expected[0]).mean() > 0.99


def test_a_ranking_does_not_depend_on_the_batch(ranker, monkeypatch):
    rows = read(ranker, DATA.data[300:])
    together = ranker.rank(rows, 8)
    alone = [ranker.rank(rows.take(np.array([i])), 8) for i in range(0, 100, 9)]
    close([np.vstack(part) for part in zip(*alone, strict=True)], [x[::9] for x in together])
    turned = ranker.rank(rows.take(np.arange(100)[::-1]), 8)
    close([x[::-1] for x in turned], together)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    close(ranker.rank(rows, 8), together)


def test_no_rows_have_no_ranking(ranker):
    labels, log_odds = ranker.rank(read(ranker, []), 5)
    assert labels.shape == log_odds.shape == (0, 5)


def test_a_ranker_is_frozen_and_ranking_changes_nothing(ranker):
    for field in dataclasses.fields(ranker):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(ranker, field.name, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        ranker.reading.max_len = 3

    def state():
        arrays = [t.clone().numpy() for t in ranker.network.state_dict().values()]
        if ranker.memory is not None:
            arrays += [
                m.data.copy() for m in (ranker.memory.neighbours.X_, ranker.memory.neighbours.Y_)
            ]
        return [*arrays, ranker.label_counts.copy(), ranker.fusion.coef_.copy()]

    before = state()
    plain = ranker.fusion.to_dict(), ranker.calibration.to_dict(), ranker.network.head.tuned()
    random = torch.get_rng_state()
    first = ranker.rank(read(ranker, DATA.data[300:]), 8)
    again = ranker.rank(read(ranker, DATA.data[300:]), 8)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(before, state(), strict=True):
        np.testing.assert_array_equal(a, b)
    after = ranker.fusion.to_dict(), ranker.calibration.to_dict(), ranker.network.head.tuned()
    assert after == plain
    assert torch.equal(torch.get_rng_state(), random)
    assert not ranker.network.training


def test_how_much_is_read_of_a_row_may_be_said_at_each_call(ranker):
    rows = read(ranker, DATA.data[300:])
    short = Rows(rows.tokens.truncate(1), rows.texts)
    k = 8
    found = ranker.network_topk(rows.tokens, k, Reading(1))
    np.testing.assert_array_equal(found[1], ranker.network_topk(short.tokens, k)[1])
    assert (found[1] != ranker.network_topk(rows.tokens, k)[1]).any()
    own = dataclasses.replace(ranker, reading=Reading(1))
    for a, b in zip(ranker.rank(rows, k, Reading(1)), own.rank(rows, k), strict=True):
        np.testing.assert_array_equal(a, b)
    narrow = ranker.network_topk(rows.tokens, k, Reading(64, beam=1))[0]
    wide = ranker.network_topk(rows.tokens, k, Reading(64, beam=6))[0]
    if ranker.network.head.shortlists:
        assert (narrow >= 0).sum() < (wide >= 0).sum()
    else:
        np.testing.assert_array_equal(narrow, wide)


def test_without_a_memory_the_network_alone_has_candidates(ranker):
    rows = read(ranker, DATA.data[300:320])
    bare = dataclasses.replace(ranker, memory=None)
    assert bare.features(rows) is None
    candidates = bare.candidates(rows.tokens, None)
    n = min(100, ranker.labels.n_labels)
    labels, logits = ranker.network_topk(rows.tokens, n)
    np.testing.assert_array_equal(candidates.labels, labels)
    np.testing.assert_array_equal(candidates.network, logits)
    assert not candidates.lexical.any()
    if ranker.memory is not None:
        assert ranker.candidates(rows.tokens, ranker.features(rows)).lexical.any()


def test_counts_of_the_fusion_are_those_of_the_labels_or_the_stored_ones(ranker):
    expected = np.log1p(ranker.label_counts).astype(np.float32)
    np.testing.assert_array_equal(ranker.log_counts, expected)
    stored = np.zeros(ranker.labels.n_labels, dtype=np.float32)
    old = dataclasses.replace(ranker, stored_log_counts=stored)
    assert old.log_counts is stored
    c = old.candidates(read(old, DATA.data[:3]).tokens, None)
    assert not c.log_counts.any()


def test_scores_that_are_no_numbers_are_refused(ranker):
    tokens = read(ranker, DATA.data[300:303]).tokens
    huge = Tokens(tokens.ids, tokens.offsets, np.full(len(tokens.ids), np.inf, dtype=np.float32))
    with pytest.raises(ValueError, match="scores that are no numbers"):
        ranker.network_topk(huge, 3)
