"""Fusion, calibration and weight of the clusters, fitted on rows that were not trained on."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
from _models import small

from sk_inceptionxml.data import Dataset, Rows
from sk_inceptionxml.data.split import HeldOut
from sk_inceptionxml.datasets import make_short_text
from sk_inceptionxml.metrics import ndcg_at_k
from sk_inceptionxml.network.synchronized import CLUSTER_WEIGHTS
from sk_inceptionxml.ranking.batched import network_ndcg, network_topk
from sk_inceptionxml.ranking.calibration import Calibration
from sk_inceptionxml.ranking.fusion import Fusion, hits, recall
from sk_inceptionxml.ranking.tuning import tune

DATA = make_short_text(400, 40, random_state=0)
TEXTS, TARGET = DATA.data[:300], DATA.target[:300]
GIVEN = DATA.data[300:], DATA.target[300:]
HEADS = {"ova": {}, "sync": {"n_clusters": 6, "predict_beam_size": 3}}


@pytest.fixture(scope="module")
def fitted():
    return {
        (head, n): small(head=head, n_neighbors=n, max_epochs=6, **HEADS[head]).fit(
            TEXTS, TARGET, validation_data=GIVEN
        )
        for head in HEADS
        for n in (0, 20)
    }


@pytest.fixture(params=[(head, n) for head in HEADS for n in (0, 20)], ids=str)
def tuned(request, fitted):
    return copy.deepcopy(fitted[request.param]._model.ranker)


def untuned(ranker):
    """The ranker before its fusion was fitted."""
    fusion = Fusion(ranker.labels.n_labels, ranker.memory is not None)
    changes = {"fusion": fusion, "calibration": Calibration(), "shortlist_recall": None}
    return dataclasses.replace(ranker, **changes)


def held_out_of(ranker, texts=GIVEN[0], target=GIVEN[1], place=None, weight=None):
    texts = list(texts)
    Y = ranker.labels.encode(target, n_samples=len(texts), unknown="ignore")
    rows = Rows(ranker.reader.from_texts(texts, full=True), texts)
    return HeldOut(Dataset(rows, Y, weight), place)


def state(ranker):
    return ranker.fusion.to_dict(), ranker.calibration.to_dict(), ranker.shortlist_recall


def test_without_rows_nothing_is_tuned(tuned):
    none = held_out_of(tuned).data.take(np.empty(0, dtype=np.int64))
    start = untuned(tuned)
    assert tune(start, HeldOut(none, None), "auto") is start


def test_fit_tunes_on_the_rows_given(tuned):
    start = untuned(tuned)
    found = tune(start, held_out_of(start), "auto")
    assert state(found) == state(tuned)
    assert found.fusion.n_rows == len(GIVEN[0])
    assert found.network.head.tuned() == tuned.network.head.tuned()


def test_a_new_ranker_is_made_and_the_given_one_stays(tuned):
    start = untuned(tuned)
    before = state(start)
    found = tune(start, held_out_of(start), "sigmoid")
    assert found is not start and state(start) == before != state(found)
    for name in ("reader", "labels", "net", "memory", "label_counts", "reading"):
        assert getattr(found, name) is getattr(start, name)


def test_the_fusion_ranks_the_rows_better_than_the_fixed_one(tuned):
    held_out = held_out_of(tuned)
    found = tune(untuned(tuned), held_out, None)
    quality = [
        ndcg_at_k(held_out.data.Y, ranker.rank(held_out.data.rows, 5)[0], k=5)
        for ranker in (untuned(tuned), found)
    ]
    assert quality[1] >= quality[0] - 0.01


def test_the_method_is_that_of_the_calibration_alone(tuned):
    held_out = held_out_of(tuned)
    none, line = (tune(untuned(tuned), held_out, method) for method in (None, "sigmoid"))
    assert none.calibration.to_dict() is None and line.calibration.to_dict() is not None
    assert none.fusion.to_dict() == line.fusion.to_dict()


def test_recall_is_that_of_the_shortlist(tuned):
    held_out = held_out_of(tuned)
    found = tune(untuned(tuned), held_out, None).shortlist_recall
    if not tuned.network.head.shortlists:
        assert found is None
        return
    n_labels = tuned.labels.n_labels
    labels, _ = tuned.network_topk(held_out.data.tokens, n_labels)
    assert found == recall(labels, held_out.data.Y) < 1


def test_weights_of_the_rows_count(tuned):
    weight = np.where(np.arange(len(GIVEN[0])) < 50, 5.0, 0.1)
    plain, weighted, scaled = (
        tune(untuned(tuned), held_out_of(tuned, weight=w), None).fusion.coef_
        for w in (None, weight, weight * 1e-3)
    )
    assert not np.allclose(plain, weighted)
    np.testing.assert_allclose(weighted, scaled, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("head", HEADS)
def test_rows_of_the_memory_leave_themselves_and_their_own_labels_out(fitted, head, monkeypatch):
    tuned = copy.deepcopy(fitted[head, 20]._model.ranker)
    # some training rows, at their places; the labels of one row are none that another could give
    counts = tuned.label_counts.copy()
    counts[:5] = 1
    start = dataclasses.replace(untuned(tuned), label_counts=counts)
    X = tuned.memory.neighbours.X_
    held_out = held_out_of(start, TEXTS, TARGET)
    features = start.features(held_out.data.rows)
    place = (features @ X.T).toarray().argmax(axis=1)  # fit has sorted its rows
    np.testing.assert_allclose(features.toarray(), X[place].toarray(), atol=1e-6)
    seen = {}

    def fit(self, c, hit, weight):
        seen.update(c=c, hit=hit)
        return self

    monkeypatch.setattr(Fusion, "fit", fit)
    tune(start, HeldOut(held_out.data, place), None)
    c, hit = seen["c"], seen["hit"]
    assert not np.isin(c.labels, np.arange(5)).any()
    assert not hit[c.labels < 0].any()
    np.testing.assert_array_equal(hit, hits(c.labels, held_out.data.Y))
    tune(start, HeldOut(held_out.data, None), None)
    assert np.isin(seen["c"].labels, np.arange(5)).any()
    own = seen["c"].lexical[seen["hit"]].mean()
    assert c.lexical[hit].mean() < own  # a row that finds itself is sure


@pytest.mark.parametrize("n_neighbors", [0, 20])
def test_chosen_cluster_weight_is_the_best_of_the_grid(fitted, n_neighbors):
    ranker = copy.deepcopy(fitted["sync", n_neighbors]._model.ranker)
    held_out, head = held_out_of(ranker), ranker.network.head
    quality = {}
    for weight in CLUSTER_WEIGHTS:
        head.cluster_weight = weight
        labels, _ = network_topk(ranker.network, held_out.data.tokens, 64, 5)
        quality[weight] = ndcg_at_k(held_out.data.Y, labels, k=5)
        assert (
            network_ndcg(ranker.network, held_out.data, ranker.reading.max_len) == quality[weight]
        )
    tune(ranker, held_out, None)
    assert quality[head.cluster_weight] == max(quality.values())
    assert len(set(quality.values())) > 1
