"""Ranking many rows in batches, and the weight of the clusters."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sk_inceptionxml import InceptionXMLClassifier, inference
from sk_inceptionxml.batches import prediction_batches
from sk_inceptionxml.datasets import make_short_text
from sk_inceptionxml.metrics import ndcg_at_k
from sk_inceptionxml.vectorize import Tokens

DATA = make_short_text(300, 40, random_state=0)


@pytest.fixture(scope="module")
def fitted():
    clf = InceptionXMLClassifier(
        head="sync",
        embedding_dim=16,
        n_filters=4,
        kernel_sizes=(4, 8),
        max_epochs=8,
        batch_size=32,
        n_clusters=6,
        predict_beam_size=3,
        validation_fraction=0.0,
        random_state=0,
    )
    return clf.fit(DATA.data, DATA.target)


def test_batches_do_not_change_the_ranking(fitted, monkeypatch):
    tokens = fitted.vectorizer_.transform(DATA.data)
    network = fitted.net_.module_
    labels, log_odds = inference.network_topk(network, tokens, 64, 7)
    monkeypatch.setattr(inference, "BATCH", 17)
    again, log_odds_again = inference.network_topk(network, tokens, 64, 7)
    np.testing.assert_allclose(log_odds, log_odds_again, atol=1e-4)
    assert (labels == again).mean() > 0.99


@pytest.mark.parametrize("kind", ["text", "weighted"])
@pytest.mark.parametrize("distinct", [0, 10_000])
def test_many_rows_are_ranked_as_few_are(fitted, monkeypatch, kind, distinct):
    tokens = fitted.vectorizer_.transform(DATA.data)
    if kind == "weighted":
        rng = np.random.default_rng(0)
        weights = rng.uniform(0.5, 2.0, len(tokens.ids)).astype(np.float32)
        tokens = Tokens(tokens.ids, tokens.offsets, weights)
    network = fitted.net_.module_
    labels, log_odds = inference.network_topk(network, tokens, 4, 7)
    for name, value in {"SHARE": 32, "MANY": 64, "DISTINCT": distinct}.items():
        monkeypatch.setattr(inference, name, value)
    again, log_odds_again = inference.network_topk(network, tokens, 4, 7)
    np.testing.assert_allclose(log_odds, log_odds_again, atol=1e-4)
    assert (labels == again).mean() > 0.99


def test_many_rows_are_ranked_the_same_whatever_the_number_of_threads(fitted, monkeypatch):
    monkeypatch.setattr(inference, "SHARE", 32)
    monkeypatch.setattr(inference, "MANY", 64)
    tokens, before = fitted.vectorizer_.transform(DATA.data), torch.get_num_threads()
    found = []
    try:
        for n_threads in (1, 2, 5):
            torch.set_num_threads(n_threads)
            found.append(inference.network_topk(fitted.net_.module_, tokens, 64, 7))
    finally:
        torch.set_num_threads(before)
    for labels, log_odds in found[1:]:
        np.testing.assert_array_equal(labels, found[0][0])
        np.testing.assert_array_equal(log_odds, found[0][1])


def test_a_word_is_multiplied_once_for_all_texts(fitted):
    network = fitted.net_.module_.eval()
    tokens = fitted.vectorizer_.transform(DATA.data[:50])
    renamed, words = inference.distinct_words(network, tokens)
    assert len(words) == len(np.unique(tokens.ids)) + 2  # the padding and the ones
    (_, X), (_, places) = (next(prediction_batches(t, 64, 50)) for t in (tokens, renamed))
    with torch.inference_mode():
        torch.testing.assert_close(
            network(places["ids"], None, words), network(X["ids"]), rtol=1e-4, atol=1e-5
        )


def test_chosen_cluster_weight_is_the_best_of_the_grid(fitted):
    tokens = fitted.vectorizer_.transform(DATA.data[:100])
    Y = fitted.label_space_.encode(DATA.target[:100])
    head = fitted.net_.module_.head
    quality = {}
    for weight in inference.CLUSTER_WEIGHTS:
        head.cluster_weight = weight
        labels, _ = inference.network_topk(fitted.net_.module_, tokens, 64, 5)
        quality[weight] = ndcg_at_k(Y, labels, k=5)
    inference.choose_cluster_weight(fitted.net_.module_, tokens, Y, 64)
    assert quality[head.cluster_weight] == max(quality.values())
    assert len(set(quality.values())) > 1


def test_autocast_around_a_prediction_changes_nothing(fitted):
    names, scores = fitted.predict_topk(DATA.data[:20], k=5)
    with torch.autocast("cpu", torch.bfloat16):
        again, others = fitted.predict_topk(DATA.data[:20], k=5)
    np.testing.assert_array_equal(names, again)
    np.testing.assert_array_equal(scores, others)
