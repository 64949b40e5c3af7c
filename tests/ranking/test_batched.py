"""Ranking many rows in batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _models import small

from sk_inceptionxml.datasets import make_short_text
from sk_inceptionxml.ranking import batched
from sk_inceptionxml.text import Tokens

DATA = make_short_text(300, 40, random_state=0)


@pytest.fixture(scope="module")
def fitted():
    options = {"n_clusters": 6, "predict_beam_size": 3}
    clf = small(head="sync", max_epochs=8, validation_fraction=0.0, **options)
    return clf.fit(DATA.data, DATA.target)


def test_batches_do_not_change_the_ranking(fitted, monkeypatch):
    tokens = fitted.vectorizer_.transform(DATA.data)
    network = fitted.net_.module_
    labels, log_odds = batched.network_topk(network, tokens, 64, 7)
    monkeypatch.setattr(batched, "BATCH", 17)
    again, log_odds_again = batched.network_topk(network, tokens, 64, 7)
    np.testing.assert_allclose(log_odds, log_odds_again, atol=1e-4)
    assert (labels == again).mean() > 0.99


@pytest.mark.parametrize("kind", ["text", "weighted"])
def test_many_rows_are_ranked_as_few_are(fitted, monkeypatch, kind):
    tokens = fitted.vectorizer_.transform(DATA.data)
    if kind == "weighted":
        rng = np.random.default_rng(0)
        weights = rng.uniform(0.5, 2.0, len(tokens.ids)).astype(np.float32)
        tokens = Tokens(tokens.ids, tokens.offsets, weights)
    network = fitted.net_.module_
    labels, log_odds = batched.network_topk(network, tokens, 4, 7)
    for name, value in {"SHARE": 32, "MANY": 64}.items():
        monkeypatch.setattr(batched, name, value)
    again, log_odds_again = batched.network_topk(network, tokens, 4, 7)
    np.testing.assert_allclose(log_odds, log_odds_again, atol=1e-4)
    assert (labels == again).mean() > 0.99


def test_many_rows_are_ranked_the_same_whatever_the_number_of_threads(fitted, monkeypatch):
    monkeypatch.setattr(batched, "SHARE", 32)
    monkeypatch.setattr(batched, "MANY", 64)
    tokens, before = fitted.vectorizer_.transform(DATA.data), torch.get_num_threads()
    found = []
    try:
        for n_threads in (1, 2, 5):
            torch.set_num_threads(n_threads)
            found.append(batched.network_topk(fitted.net_.module_, tokens, 64, 7))
    finally:
        torch.set_num_threads(before)
    for labels, log_odds in found[1:]:
        np.testing.assert_array_equal(labels, found[0][0])
        np.testing.assert_array_equal(log_odds, found[0][1])


def test_labels_from_a_number_on_are_ranked_apart(fitted):
    tokens, network = fitted.vectorizer_.transform(DATA.data[:50]), fitted.net_.module_
    n_labels = len(network.head.weight)
    every, scores = batched.network_topk(network, tokens, 64, n_labels, beam=6)
    labels, log_odds = batched.network_topk(network, tokens, 64, 4, 10, beam=6)
    assert labels.shape == log_odds.shape == (50, 8)
    for i in range(50):
        for part, chosen in ((slice(0, 4), every[i] < 10), (slice(4, 8), every[i] >= 10)):
            assert labels[i, part].tolist() == every[i][chosen][:4].tolist()
            np.testing.assert_array_equal(log_odds[i, part], scores[i][chosen][:4])


def test_places_beyond_a_narrow_shortlist_hold_no_label(fitted):
    tokens, network = fitted.vectorizer_.transform(DATA.data[:50]), fitted.net_.module_
    n_labels = len(network.head.weight)
    for beam, most in ((1, -(-n_labels // 6)), (None, 3 * -(-n_labels // 6)), (6, n_labels)):
        labels, log_odds = batched.network_topk(network, tokens, 64, n_labels, beam=beam)
        assert labels.shape == (50, n_labels)
        assert ((labels < 0) == np.isneginf(log_odds)).all()
        found = (labels >= 0).sum(axis=1)
        assert (found <= most).all() and (found >= most - (beam or 3)).all()


def test_no_rows_have_no_ranking(fitted):
    tokens = fitted.vectorizer_.transform(DATA.data[:3]).take(np.empty(0, dtype=np.int64))
    labels, log_odds = batched.network_topk(fitted.net_.module_, tokens, 64, 7)
    assert labels.shape == log_odds.shape == (0, 7)


def test_autocast_around_a_prediction_changes_nothing(fitted):
    names, scores = fitted.predict_topk(DATA.data[:20], k=5)
    with torch.autocast("cpu", torch.bfloat16):
        again, others = fitted.predict_topk(DATA.data[:20], k=5)
    np.testing.assert_array_equal(names, again)
    np.testing.assert_array_equal(scores, others)
