"""Rules that choose head, epochs and device, and what they lead to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _models import small

from sk_inceptionxml import InceptionXMLClassifier, presets
from sk_inceptionxml.heads import OneVsAll, SyncXML, resolve_head
from sk_inceptionxml.ranking.fusion import Fusion
from sk_inceptionxml.training.config import TrainingConfig
from sk_inceptionxml.training.log import QUALITY, best_epoch
from sk_inceptionxml.training.trainer import resolve_device

TITLES = ["red wooden boat", "blue wooden boat", "red kite", "blue kite"] * 10
LABELS = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"]] * 10


def tiny(**params):
    return small(**{"batch_size": 8} | params)


def test_head_is_sync_from_twenty_thousand_labels_on():
    kinds = [type(resolve_head("auto", n)) for n in (10, 19_999, 20_000)]
    assert kinds == [OneVsAll, OneVsAll, SyncXML]
    assert type(resolve_head("sync", 3)) is SyncXML
    given = SyncXML(beam_size=3)
    own = resolve_head(given, 3)
    assert own is not given and own.get_params() == given.get_params()


@pytest.mark.parametrize(
    ("n_rows", "epochs"), [(64_000, 3), (12_800, 5), (5_020, 13), (1_000, 60), (1, 60)]
)
def test_auto_epochs_make_five_hundred_steps_where_they_can(n_rows, epochs):
    params = InceptionXMLClassifier().get_params(deep=False)
    assert TrainingConfig.of(params, OneVsAll()).n_epochs(n_rows) == epochs
    assert TrainingConfig.of(params | {"max_epochs": 3}, OneVsAll()).n_epochs(n_rows) == 3
    alone = TrainingConfig.of(params | {"n_neighbors": 0}, OneVsAll())
    assert alone.n_epochs(n_rows) == max(5, epochs)


def test_device_is_resolved_or_named():
    assert resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for bad in ("cuda:99", "nonsense"):
        with pytest.raises(ValueError, match=f"device='{bad}'"):
            resolve_device(bad)


def test_clusters_of_the_user_are_used():
    clusters = np.array([0, 1, 0, 1])
    clf = tiny(head="sync", clusters=clusters).fit(TITLES, LABELS)
    assert clf.net_.module_.head.cluster_of.tolist() == clusters.tolist()
    with pytest.raises(ValueError, match="clusters"):
        tiny(head="sync", clusters=[0, 1]).fit(TITLES, LABELS)


@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
@pytest.mark.parametrize("head", ["ova", "sync"])
def test_every_optimiser_learns_on_every_head(head, optimizer):
    params = {"max_epochs": 40, "n_neighbors": 0, "word_dropout": 0.0, "dropout": 0.0, "lr": 1e-2}
    params |= {"sync": {"n_clusters": 2, "meta_dropout": 0.0}, "ova": {}}[head]
    params |= {"label_lr": {"adam": 1e-2, "adagrad": 1e-1}[optimizer], "classifier_dropout": 0.0}
    clf = tiny(head=head, label_optimizer=optimizer, **params).fit(TITLES, LABELS)
    assert clf.score(TITLES, LABELS) == 1.0
    assert clf.loss_curve_[-1] < 0.5 * clf.loss_curve_[0]


def test_narrow_hidden_layer_pools_the_skip():
    clf = tiny(head="sync", hidden_dim=5).fit(TITLES, LABELS)
    assert clf.net_.module_.head.weight.shape == (4, 5)


@pytest.mark.parametrize("name", sorted(presets.DATASETS))
def test_presets_are_parameters_of_the_estimator(name):
    for preset in (presets.inceptionxml(name), presets.sync(name)):
        InceptionXMLClassifier(**preset)._check_parameters()
    assert isinstance(presets.inceptionxml(name)["head"], OneVsAll)
    assert isinstance(presets.sync(name)["head"], SyncXML)
    assert name in presets.PROPENSITY


def test_unknown_preset_is_named():
    with pytest.raises(ValueError, match="Amazon-1"):
        presets.sync("Amazon-1")


# -- held-out rows, given or split off -------------------------------------------------------------


def test_early_stopping_without_rows_to_watch_is_refused_before_training():
    clf = tiny(early_stopping=True)
    with pytest.raises(ValueError, match="early_stopping=True needs held-out rows.*0.1 of 40"):
        clf.fit(TITLES, LABELS)
    with pytest.raises(ValueError, match="early_stopping=True needs held-out rows"):
        clf.set_params(validation_fraction=0.0).fit(TITLES * 50, LABELS * 50)


def test_early_stopping_watches_the_rows_of_the_fusion():
    clf = tiny(early_stopping=True, validation_fraction=0.5)
    clf.fit(TITLES * 3, LABELS * 3)
    assert clf.n_samples_fit_ == 120
    assert [sum(b["train_batch_size"] for b in e["batches"]) for e in clf.net_.history] == [60, 60]
    assert clf.history_["valid_ndcg@5"].between(0, 1).all()


@pytest.mark.parametrize("head", ["ova", "sync"])
def test_given_rows_replace_the_held_out_ones(head):
    params = {"head": head, "max_epochs": 1, "validation_fraction": 0.5}
    params |= {"n_clusters": 2} if head == "sync" else {}
    given = (TITLES, LABELS)
    clf = tiny(**params)
    clf.fit(TITLES * 3, LABELS * 3, validation_data=given)
    assert sum(b["train_batch_size"] for b in clf.net_.history[0]["batches"]) == 120
    assert clf.memory_.neighbours.X_.shape[0] == 120
    start = Fusion(clf.n_labels_, lexical=True)
    assert not np.allclose(clf.fusion_.coef_, start.coef_)  # fitted on the given rows
    assert (clf.shortlist_recall_ is None) == (head == "ova")
    # neither weights nor counts come from the given rows
    alone = tiny(**params | {"validation_fraction": 0.0})
    alone.fit(TITLES * 3, LABELS * 3)
    assert alone.loss_curve_ == clf.loss_curve_
    np.testing.assert_array_equal(alone._model.ranker.log_counts, clf._model.ranker.log_counts)
    np.testing.assert_array_equal(alone.label_counts_, clf.label_counts_)


def test_given_rows_may_hold_labels_and_words_that_training_lacks():
    given = (["green boat", "red kite"], [["green", "boat"], ["kite", "none"]])
    clf = tiny(early_stopping=True)
    clf.fit(TITLES, LABELS, validation_data=given)
    assert "green" not in clf.classes_ and 0 < clf.best_score_ <= 1


def test_given_rows_of_a_matrix_and_an_indicator():
    X = np.random.default_rng(0).random((60, 12)).astype(np.float32)
    Y = np.eye(60, 5, dtype=np.int64) + np.eye(60, 5, k=-10, dtype=np.int64)
    clf = tiny(early_stopping=True, max_epochs=1)
    clf.fit(X, Y, validation_data=(X[:20], Y[:20]))
    assert clf.best_epoch_ == 1


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (TITLES, TypeError, "validation_data must be a pair"),
        ({"X": TITLES, "y": LABELS}, TypeError, "validation_data must be a pair.*dict"),
        ((TITLES, LABELS, None), TypeError, "pair.*list of 3|pair.*tuple of 3"),
        ((TITLES[:3], LABELS[:2]), ValueError, "validation_data: "),
        ((np.zeros((2, 3)), LABELS[:2]), (ValueError, TypeError), "validation_data: "),
        (([], []), ValueError, "validation_data: "),
        ((TITLES[:2], np.zeros((2, 9), dtype=int)), ValueError, "validation_data: "),
    ],
)
def test_validation_data_that_do_not_fit_are_named(given, error, message):
    with pytest.raises(error, match=message):
        tiny().fit(TITLES, LABELS, validation_data=given)


def test_a_history_has_one_row_for_every_epoch():
    clf = tiny().fit(TITLES, LABELS)
    history = clf.history_
    assert history["epoch"].tolist() == [1, 2]
    assert history["train_loss"].tolist() == clf.loss_curve_ == clf.net_.history[:, "train_loss"]
    np.testing.assert_allclose(history["duration"], clf.net_.history[:, "dur"])
    np.testing.assert_allclose(history["rows_per_second"] * history["duration"], 40)


def test_the_best_epoch_is_the_first_of_equals():
    epochs = [{"epoch": i + 1, QUALITY: q} for i, q in enumerate([0.1, 0.3, 0.3, 0.2])]
    assert best_epoch(epochs) == (2, 0.3)
    assert best_epoch([{"epoch": 1}]) is None


def test_the_rate_of_label_vectors_suits_their_optimiser():
    assert OneVsAll().resolved_label_lr("adam") == 1e-3
    assert OneVsAll().resolved_label_lr("adagrad") == 3e-2
    assert OneVsAll(label_lr=0.5).resolved_label_lr("adagrad") == 0.5
    for optimizer, rate in (("adam", 1e-3), ("adagrad", 3e-2)):
        clf = tiny(label_optimizer=optimizer).fit(TITLES, LABELS)
        assert clf.net_.label_lr == rate
    with pytest.raises(ValueError, match="label_lr"):
        tiny(label_lr="high").fit(TITLES, LABELS)


@pytest.mark.parametrize(
    ("head", "optimizer", "rate"), [("ova", "adam", 1e-3), ("sync", "adagrad", 3e-2)]
)
def test_the_optimiser_of_label_vectors_suits_the_head(head, optimizer, rate, tmp_path):
    fitted = tiny(head=head).fit(TITLES, LABELS)
    fitted.save(tmp_path / "model")
    loaded = InceptionXMLClassifier.load(tmp_path / "model")
    for clf in (fitted, loaded, loaded.partial_fit(TITLES, LABELS)):
        assert (clf.net_.label_optimizer, clf.net_.label_lr) == (optimizer, rate)
    own = tiny(head=head, label_optimizer="adam").fit(TITLES, LABELS)
    assert own.net_.label_optimizer == "adam"
