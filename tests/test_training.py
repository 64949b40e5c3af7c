"""Rules that choose head, epochs and device, and what they lead to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sk_inceptionxml import InceptionXMLClassifier, presets
from sk_inceptionxml.training import resolve_device, resolve_epochs, resolve_head

TITLES = ["red wooden boat", "blue wooden boat", "red kite", "blue kite"] * 10
LABELS = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"]] * 10
TINY = {
    "embedding_dim": 16,
    "n_filters": 4,
    "kernel_sizes": (4, 8),
    "batch_size": 8,
    "max_epochs": 2,
    "random_state": 0,
}


def test_head_is_sync_from_twenty_thousand_labels_on():
    assert [resolve_head("auto", n) for n in (10, 19_999, 20_000)] == ["ova", "ova", "sync"]
    assert resolve_head("sync", 3) == "sync"


@pytest.mark.parametrize(
    ("n_rows", "epochs"), [(64_000, 5), (12_800, 5), (5_020, 13), (1_000, 60), (1, 60)]
)
def test_auto_epochs_make_five_hundred_steps_where_they_can(n_rows, epochs):
    assert resolve_epochs("auto", n_rows, 128) == epochs


def test_device_is_resolved_or_named():
    assert resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for bad in ("cuda:99", "nonsense"):
        with pytest.raises(ValueError, match=f"device='{bad}'"):
            resolve_device(bad)


def test_clusters_of_the_user_are_used():
    clusters = np.array([0, 1, 0, 1])
    clf = InceptionXMLClassifier(head="sync", clusters=clusters, **TINY).fit(TITLES, LABELS)
    assert clf.net_.module_.head.cluster_of.tolist() == clusters.tolist()
    with pytest.raises(ValueError, match="clusters"):
        InceptionXMLClassifier(head="sync", clusters=[0, 1], **TINY).fit(TITLES, LABELS)


@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
@pytest.mark.parametrize("head", ["ova", "sync"])
def test_every_optimiser_learns_on_every_head(head, optimizer):
    params = {**TINY, "max_epochs": 40, "n_neighbors": 0, "word_dropout": 0.0, "dropout": 0.0}
    params |= {"classifier_dropout": 0.0, "meta_dropout": 0.0, "lr": 1e-2}
    rate = {"adam": 1e-2, "adagrad": 1e-1}[optimizer]
    clf = InceptionXMLClassifier(
        head=head, label_optimizer=optimizer, label_lr=rate, n_clusters=2, **params
    ).fit(TITLES, LABELS)
    assert clf.score(TITLES, LABELS) == 1.0
    assert clf.loss_curve_[-1] < 0.5 * clf.loss_curve_[0]


def test_narrow_hidden_layer_pools_the_skip():
    clf = InceptionXMLClassifier(head="sync", hidden_dim=5, **TINY).fit(TITLES, LABELS)
    assert clf.net_.module_.head.weight.shape == (4, 5)


@pytest.mark.parametrize("name", sorted(presets.DATASETS))
def test_presets_are_parameters_of_the_estimator(name):
    for preset in (presets.inceptionxml(name), presets.sync(name)):
        InceptionXMLClassifier(**preset)._validate_params()
    assert presets.inceptionxml(name)["head"] == "ova"
    assert name in presets.PROPENSITY


def test_unknown_preset_is_named():
    with pytest.raises(ValueError, match="Amazon-1"):
        presets.sync("Amazon-1")
