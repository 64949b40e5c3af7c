"""The schedule, and what stops a training that has gone wrong."""

from __future__ import annotations

import itertools
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from _models import small
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from skorch.callbacks import Callback, EarlyStopping

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.metrics import ndcg_at_k
from sk_inceptionxml.network.quantized import quantize
from sk_inceptionxml.training.callbacks import (
    END_FACTOR,
    START_FACTOR,
    WARMUP_SHARE,
    StopEarly,
    _not_finite,
)

TITLES = ["red wooden boat", "blue wooden boat", "red kite", "blue kite"] * 10
LABELS = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"]] * 10


def tiny(**params):
    return small(**{"batch_size": 8} | params)


class Rates(Callback):
    """Note the learning rates of every step: those of both optimisers, one number a group."""

    def __init__(self):
        self.seen = []

    def on_grad_computed(self, net, **kwargs):
        groups = [*net.optimizer_.param_groups, *net.optimizer_sparse_.param_groups]
        self.seen.append([group["lr"] for group in groups])


def test_one_cycle_rises_to_the_rate_and_falls():
    rates = Rates()
    tiny(max_epochs=40, callbacks=[("rates", rates)], lr=3e-3).fit(TITLES, LABELS)
    factor = np.array(rates.seen)[:, 0] / 3e-3
    progress = np.linspace(0, 1, 200)
    assert len(factor) == 200
    assert factor[0] == pytest.approx(START_FACTOR)
    assert factor[-1] == pytest.approx(END_FACTOR)
    assert factor.max() == pytest.approx(1.0, rel=1e-3)
    rising = progress[1:] <= WARMUP_SHARE
    falling = progress[:-1] > WARMUP_SHARE
    assert (np.diff(factor)[rising] > 0).all() and (np.diff(factor)[falling] < 0).all()


def test_both_optimisers_follow_the_schedule_and_get_their_rates_back():
    watch = Rates()
    clf = tiny(max_epochs=4, callbacks=[("watch", watch)], lr=3e-3).fit(TITLES, LABELS)
    rates = np.array(watch.seen)
    assert len(rates) == 4 * 5
    shares = rates / rates.max(axis=0)
    np.testing.assert_allclose(shares, np.repeat(shares[:, :1], rates.shape[1], axis=1))
    groups = [*clf.net_.optimizer_.param_groups, *clf.net_.optimizer_sparse_.param_groups]
    assert sorted({g["lr"] for g in groups}) == [1e-3, 3e-3]


def test_a_diverging_loss_names_epoch_and_batch():
    with pytest.raises(FloatingPointError, match=r"epoch \d+, batch \d+.*learning rate"):
        tiny(max_epochs=30, lr=1e30, label_lr=1e30).fit(TITLES, LABELS)


def test_one_backward_pass_serves_both_optimisers():
    calls = []

    class Count(Callback):
        def on_grad_computed(self, net, **kwargs):
            calls.append(1)

    tiny(max_epochs=2, callbacks=[("count", Count())]).fit(TITLES, LABELS)
    assert len(calls) == 2 * 5


def test_progress_bar_only_when_verbose(capsys):
    tiny(max_epochs=1).fit(TITLES, LABELS)
    assert capsys.readouterr() == ("", "")
    tiny(max_epochs=1, verbose=1).fit(TITLES, LABELS)
    shown = capsys.readouterr().err
    assert "loss=" in shown and "epoch=1/1" in shown


# -- gradients, interruptions, early stopping ------------------------------------------------------


class Spoil(Callback):
    """Put a value where training has none: in a gradient or a weight, in one batch of one epoch."""

    def __init__(self, what, epoch, batch):
        self.what = what
        self.place = (epoch, batch)

    def on_epoch_begin(self, net, **kwargs):
        self.batch = 0

    def on_batch_begin(self, net, **kwargs):
        self.batch += 1
        if (len(net.history), self.batch) != self.place:
            return
        if self.what == "weight":  # of a label: no gradient of another layer shows it
            net.module_.head.bias.data[0] = np.inf
        else:
            parameter = dict(net.module_.named_parameters())[self.what]
            parameter.register_hook(lambda grad: grad * np.nan)


def spoiled(what, epoch, batch, **params):
    return tiny(callbacks=[("spoil", Spoil(what, epoch, batch))], **{"max_epochs": 3} | params)


@pytest.mark.parametrize("what", ["encoder.project", "head.hidden.weight", "embedding.weight"])
def test_a_gradient_that_is_not_finite_names_epoch_and_batch(what):
    message = f"gradient of {what} is not finite in epoch 2, batch 3.*learning rate"
    with pytest.raises(FloatingPointError, match=message):
        spoiled(what, 2, 3).fit(TITLES, LABELS)


@pytest.mark.parametrize("head", ["ova", "sync"])
def test_nothing_that_is_not_finite_outlives_its_epoch(head, tmp_path):
    clf = spoiled("weight", 2, 5, head=head, checkpoint_dir=tmp_path)
    with pytest.raises(FloatingPointError, match="in epoch 2, batch 5"):
        clf.fit(TITLES, LABELS)
    # what is kept is the last good epoch
    clf.set_params(callbacks=None).fit(TITLES, LABELS)
    expected = tiny(max_epochs=3, head=head).fit(TITLES, LABELS)
    assert clf.loss_curve_ == expected.loss_curve_
    np.testing.assert_array_equal(clf.predict_topk(TITLES)[1], expected.predict_topk(TITLES)[1])


def test_finite_gradients_of_any_size_pass():
    large = [("a", torch.full((4,), 3e38)), ("b", torch.ones(3).to_sparse())]
    assert _not_finite(large) is None  # their sum is not finite
    assert _not_finite([*large, ("c", torch.tensor([1.0, -np.inf, np.inf]))]) == "c"


def test_a_failed_fit_leaves_the_estimator_as_it_was():
    clf = tiny(max_epochs=1).fit(TITLES, LABELS)
    before, fitted = clf.predict_topk(TITLES), clf._model
    clf.set_params(max_epochs=2, callbacks=[("spoil", Spoil("encoder.project", 1, 2))])
    with pytest.raises(FloatingPointError):
        clf.fit(["another title"] * 30, [["another label"]] * 30)
    assert clf._model is fitted
    for ours, theirs in zip(clf.predict_topk(TITLES), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    fresh = spoiled("encoder.project", 1, 2)
    with pytest.raises(FloatingPointError):
        fresh.fit(TITLES, LABELS)
    with pytest.raises(NotFittedError):
        fresh.predict(TITLES)


class Interrupt(Callback):
    """What Ctrl-C does, at an event of the training."""

    def __init__(self, event, epoch):
        self.event = event
        self.epoch = epoch

    def notify(self, event, net):
        if event == self.event and len(net.history) == self.epoch:
            raise KeyboardInterrupt

    def on_epoch_begin(self, net, **kwargs):
        self.notify("epoch begin", net)

    def on_grad_computed(self, net, **kwargs):
        if len(net.history[-1]["batches"]) == 3:
            self.notify("batch", net)

    def on_epoch_end(self, net, **kwargs):
        self.notify("epoch end", net)


@pytest.mark.parametrize(
    ("event", "epoch", "n_epochs", "rows"),
    [
        ("batch", 1, 1, [16]),
        ("batch", 2, 2, [40, 16]),
        ("epoch begin", 2, 1, [40]),
        ("epoch end", 2, 2, [40, 40]),
    ],
)
@pytest.mark.parametrize("head", ["ova", "sync"])
def test_ctrl_c_leaves_a_usable_model_and_says_so(head, event, epoch, n_epochs, rows, tmp_path):
    clf = tiny(max_epochs=4, head=head, callbacks=[("interrupt", Interrupt(event, epoch))])
    with pytest.warns(ConvergenceWarning, match=f"interrupted in epoch {n_epochs} of 4"):
        clf.fit(TITLES, LABELS)
    assert clf.n_iter_ == len(clf.loss_curve_) == len(clf.history_) == n_epochs
    assert np.isfinite(clf.loss_curve_).all()
    seen = clf.history_["rows_per_second"] * clf.history_["duration"]
    known = clf.history_["duration"].notna()
    np.testing.assert_allclose(seen[known], np.array(rows)[known])
    assert not clf.net_.module_.training
    names, scores = clf.predict_topk(TITLES, 2)
    assert np.isfinite(scores).all()
    clf.save(tmp_path / "model")
    loaded = InceptionXMLClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_topk(TITLES, 2)[0], names)


def test_ctrl_c_before_the_first_step_is_passed_on():
    clf = tiny(max_epochs=2, callbacks=[("interrupt", Interrupt("epoch begin", 1))])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(TITLES, LABELS)
    assert not hasattr(clf, "net_")


def test_early_stopping_keeps_the_best_epoch():
    clf = tiny(max_epochs=12, early_stopping=True, n_iter_no_change=2, lr=0.05)
    seen = {}

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            weights = {k: v.clone() for k, v in net.module_.state_dict().items()}
            seen[len(net.history)] = weights, net.history[-1]["valid_ndcg@5"]

    X_val, y_val = TITLES[:8] + ["nothing known"], LABELS[:8] + [["kite"]]
    clf.set_params(callbacks=[("watch", Watch())])
    clf.fit(TITLES, LABELS, validation_data=(X_val, y_val))
    scores = [score for _, score in seen.values()]
    assert clf.history_["valid_ndcg@5"].tolist() == scores
    assert clf.best_score_ == max(scores)
    assert clf.best_epoch_ == 1 + scores.index(max(scores))
    assert clf.n_iter_ == min(12, clf.best_epoch_ + 2) == len(clf.loss_curve_)
    assert clf.best_epoch_ < clf.n_iter_ < 12  # else this shows nothing
    weights = dict(clf.net_.module_.named_parameters())
    for name, value in clf.net_.module_.state_dict().items():
        best = seen[clf.best_epoch_][0][name]
        rounded = best.half().float() if name in weights and best.ndim > 1 else best
        if name == "head.weight":
            rounded = quantize(best).values()
        np.testing.assert_array_equal(value, rounded, err_msg=name)
    ranker = clf._model.ranker
    ranking, _ = ranker.network_topk(clf._read_further(ranker, X_val).tokens, 4)
    Y_val = ranker.labels.encode(y_val)
    assert clf.best_score_ == pytest.approx(ndcg_at_k(Y_val, ranking, k=4), abs=0.02)


def test_epochs_of_a_rising_learning_rate_stop_nothing():
    due = []
    for scores in itertools.accumulate([[0.2], *[[0.1]] * 9]):
        epochs = [{"epoch": i, "valid_ndcg@5": s} for i, s in enumerate(scores, 1)]
        due.append(StopEarly(2, n_epochs=20).is_due(SimpleNamespace(history=epochs)))
    assert due == [False] * 7 + [True] * 3  # six epochs rise
    assert not StopEarly(2, n_epochs=20).is_due(SimpleNamespace(history=[{"epoch": 9}]))
    epochs = [{"epoch": i, "valid_ndcg@5": 1 / i} for i in (1, 2, 3)]
    assert StopEarly(2, n_epochs=3).is_due(SimpleNamespace(history=epochs))


def test_watching_changes_no_weight():
    plain = tiny(max_epochs=2, validation_fraction=0)
    watched = clone(plain).fit(TITLES, LABELS, validation_data=(TITLES[:9], LABELS[:9]))
    plain.fit(TITLES, LABELS)
    assert watched.loss_curve_ == plain.loss_curve_
    assert "valid_ndcg@5" in watched.history_ and "valid_ndcg@5" not in plain.history_
    assert watched.best_epoch_ is plain.best_epoch_ is None
    assert watched.best_score_ is plain.best_score_ is None
    assert plain.history_.columns.tolist() == ["epoch", "train_loss", "duration", "rows_per_second"]


def test_callbacks_of_the_user_stop_the_training_by_what_is_measured():
    monitor = EarlyStopping(monitor="valid_ndcg@5", lower_is_better=False, patience=1, threshold=2)
    clf = tiny(max_epochs=5, callbacks=[("stop", monitor)])
    monitor.sink = lambda text: None
    with pytest.warns(ConvergenceWarning, match="epoch 2 of 5"):
        clf.fit(TITLES, LABELS, validation_data=(TITLES[:9], LABELS[:9]))
    assert clf.n_iter_ == 2


def test_a_fitted_estimator_carries_no_rows_of_the_validation():
    clf = tiny(max_epochs=2, early_stopping=True)
    clf.fit(TITLES, LABELS, validation_data=(TITLES[:9], LABELS[:9]))
    callbacks = dict(clf.net_.callbacks_)
    assert callbacks["Validation"].measure is None and callbacks["Validation"].best is None
    pickle.loads(pickle.dumps(clf))
