"""Ranking many rows in batches, and the weight of the clusters."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sk_inceptionxml import InceptionXMLClassifier, inference
from sk_inceptionxml.datasets import make_short_text
from sk_inceptionxml.metrics import ndcg_at_k

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
