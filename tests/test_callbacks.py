"""The schedule, and what stops a training that has gone wrong."""

from __future__ import annotations

import numpy as np
import pytest

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.callbacks import END_FACTOR, START_FACTOR, WARMUP_SHARE, one_cycle

TITLES = ["red wooden boat", "blue wooden boat", "red kite", "blue kite"] * 10
LABELS = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"]] * 10
TINY = {
    "embedding_dim": 16,
    "n_filters": 4,
    "kernel_sizes": (4, 8),
    "batch_size": 8,
    "random_state": 0,
}


def test_one_cycle_rises_to_one_and_falls():
    progress = np.linspace(0, 1, 201)
    factor = np.array([one_cycle(p) for p in progress])
    assert factor[0] == pytest.approx(START_FACTOR)
    assert factor[-1] == pytest.approx(END_FACTOR)
    assert factor.max() == pytest.approx(1.0)
    rising = progress[1:] <= WARMUP_SHARE
    assert (np.diff(factor)[rising] > 0).all() and (np.diff(factor)[~rising] < 1e-12).all()


def test_both_optimisers_follow_the_schedule_and_get_their_rates_back():
    seen = []

    from skorch.callbacks import Callback

    class Watch(Callback):
        def on_batch_end(self, net, **kwargs):
            seen.append(
                [g["lr"] for o in (net.optimizer_, net.optimizer_sparse_) for g in o.param_groups]
            )

    clf = InceptionXMLClassifier(max_epochs=4, callbacks=[("watch", Watch())], lr=3e-3, **TINY)
    clf.fit(TITLES, LABELS)
    rates = np.array(seen)
    assert len(rates) == 4 * 5
    shares = rates / rates.max(axis=0)
    np.testing.assert_allclose(shares, np.repeat(shares[:, :1], rates.shape[1], axis=1))
    groups = [*clf.net_.optimizer_.param_groups, *clf.net_.optimizer_sparse_.param_groups]
    assert sorted({g["lr"] for g in groups}) == [1e-3, 3e-3]


def test_a_diverging_loss_names_epoch_and_batch():
    with pytest.raises(FloatingPointError, match=r"epoch \d+, batch \d+.*learning rate"):
        InceptionXMLClassifier(max_epochs=30, lr=1e30, label_lr=1e30, **TINY).fit(TITLES, LABELS)


def test_one_backward_pass_serves_both_optimisers():
    calls = []

    from skorch.callbacks import Callback

    class Count(Callback):
        def on_grad_computed(self, net, **kwargs):
            calls.append(1)

    InceptionXMLClassifier(max_epochs=2, callbacks=[("count", Count())], **TINY).fit(TITLES, LABELS)
    assert len(calls) == 2 * 5


def test_progress_bar_only_when_verbose(capsys):
    InceptionXMLClassifier(max_epochs=1, **TINY).fit(TITLES, LABELS)
    assert capsys.readouterr() == ("", "")
    InceptionXMLClassifier(max_epochs=1, verbose=1, **TINY).fit(TITLES, LABELS)
    assert "loss=" in capsys.readouterr().err
