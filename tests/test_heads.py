"""Heads as parameter objects, and a head of one's own."""

from __future__ import annotations

import math
import pickle
from numbers import Real

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from _models import small
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import Interval
from torch import nn

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.exceptions import ModelFormatError
from sk_inceptionxml.heads import HEADS, Head, OneVsAll, SyncXML, register, resolve_head
from sk_inceptionxml.network.head import HeadModule, set_rows, started_rows, take_rows
from sk_inceptionxml.network.losses import largest, logits_of, one_vs_all_loss, prior_logit

COLOURS = ["red", "blue", "green", "white"]
THINGS = ["boat", "kite", "lamp", "drum"]
PAIRS = [(colour, thing) for colour in COLOURS for thing in THINGS]
TITLES = [f"a {colour} {thing}" for _ in range(12) for colour, thing in PAIRS]
LISTS = [list(pair) for _ in range(12) for pair in PAIRS]

GIVEN = [
    OneVsAll(),
    OneVsAll(classifier_dropout=0.1, label_lr=0.02, label_optimizer="adagrad"),
    SyncXML(),
    SyncXML(n_clusters=3, beam_size=2, max_negatives=None, label_dtype="float16"),
    SyncXML(clusters=[0, 1, 1, 0]),
]


# -- a head of one's own -----------------------------------------------------------------------


class Scaled(Head):
    """Features times one number, then a vector a label."""

    name = "scaled"
    module = __name__
    _parameter_constraints = {
        **Head._parameter_constraints,
        "scale": [Interval(Real, 0, 9, closed="right")],
    }

    def __init__(
        self,
        *,
        scale=1.0,
        classifier_dropout=0.0,
        label_lr="auto",
        label_optimizer="auto",
        label_dtype="float32",
    ):
        super().__init__(
            classifier_dropout=classifier_dropout,
            label_lr=label_lr,
            label_optimizer=label_optimizer,
            label_dtype=label_dtype,
        )
        self.scale = scale

    def structure(self):
        return {"scale": self.scale}


class ScaledModule(HeadModule):
    def __init__(self, config, labels, generator):
        super().__init__()
        self.scale, self.shift = config.head.scale, 0.0
        self.epochs = []
        self.hidden = nn.utils.skip_init(nn.Linear, config.n_features, config.width)
        self.weight = nn.Parameter(torch.empty(len(labels.counts), config.width))
        for weight in (self.hidden.weight, self.weight):
            nn.init.xavier_uniform_(weight, generator=generator)
        nn.init.zeros_(self.hidden.bias)
        self.bias = nn.Parameter(prior_logit(torch.as_tensor(labels.counts), labels.n_rows))

    def features(self, h):
        return self.hidden(h) * self.scale

    def loss(self, h, rows, columns, row_weight):
        return one_vs_all_loss(self.features(h), self.weight, self.bias, rows, columns, row_weight)

    def topk(self, h, k, n_first=None, beam=None):
        z = logits_of(self.features(h), self.weight, self.bias) + self.shift
        n_labels = z.shape[1]
        parts = []
        for start, stop in ((0, n_first or n_labels), (n_first or n_labels, n_labels)):
            score, label = largest(z[:, start:stop], k)
            parts.append((score, label + start))
        return tuple(torch.cat(part, 1) for part in zip(*parts, strict=True))

    def set_rates(self, config):
        self.scale = config.head.scale

    def branches(self):
        return [self.features]

    def start_labels(self, labels, weight, bias, means):
        source = started_rows(len(self.weight), labels)
        self.weight = set_rows(take_rows(self.weight.data, source), labels, weight)
        self.bias = set_rows(take_rows(self.bias.data, source), labels, bias)
        return source

    def begin_epoch(self, epoch, n_epochs):
        self.epochs.append((epoch, n_epochs))

    def tune(self, quality):
        assert 0 <= quality() <= 1
        self.shift = 0.25

    def tuned(self):
        return {"shift": self.shift}

    def set_tuned(self, values):
        self.shift = values["shift"]


def build(config, labels, generator):
    return ScaledModule(config, labels, generator)


@pytest.fixture
def known(monkeypatch):
    """The head is registered, and forgotten afterwards."""
    monkeypatch.setitem(HEADS, Scaled.name, Scaled)
    return register(Scaled)


def fit(head, **params):
    settings = dict(embedding_dim=32, batch_size=16, max_epochs=12, lr=1e-2, dropout=0.0)
    return small(head=head, **settings | params).fit(TITLES, LISTS)


def test_register_returns_the_head_and_makes_it_known(known):
    assert known is Scaled and HEADS["scaled"] is Scaled
    assert isinstance(resolve_head("scaled", 5), Scaled)


@pytest.mark.parametrize("n_neighbors", [0, 20])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_head_of_ones_own_trains_predicts_and_round_trips(known, dtype, n_neighbors, tmp_path):
    head = Scaled(scale=2.0, label_dtype=dtype, label_lr=3e-2)
    clf = fit(head, n_neighbors=n_neighbors, validation_fraction=0.3)
    module = clf.net_.module_.head
    assert isinstance(module, ScaledModule) and clf.head_ == "scaled"
    assert module.scale == 2.0
    assert module.epochs == [(i, 12) for i in range(1, 13)]
    assert module.shift == 0.25 and clf.fusion_.n_rows > 0  # held-out rows have tuned it
    assert module.weight.dtype == getattr(torch, dtype)
    assert clf.score(TITLES, LISTS) > 0.9

    clf.save(tmp_path / "model")
    loaded = InceptionXMLClassifier.load(tmp_path / "model")
    assert type(loaded.head) is Scaled and loaded.head.get_params() == head.get_params()
    assert loaded.net_.module_.head.shift == 0.25
    assert loaded.net_.module_.head.scale == 2.0
    for a, b in zip(clf.predict_topk(TITLES, 3), loaded.predict_topk(TITLES, 3), strict=True):
        np.testing.assert_array_equal(a, b)

    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_topk(TITLES)[1], clf.predict_topk(TITLES)[1])


def test_a_head_of_ones_own_needs_no_name_to_train_but_one_to_load(tmp_path, monkeypatch):
    clf = fit(Scaled(), max_epochs=1)
    with monkeypatch.context() as context:
        context.setitem(HEADS, "scaled", Scaled)
        clf.save(tmp_path / "model")
        InceptionXMLClassifier.load(tmp_path / "model")
    with pytest.raises(ModelFormatError, match="'scaled'.*import the module that registers it"):
        InceptionXMLClassifier.load(tmp_path / "model")


@pytest.mark.parametrize("label_optimizer", ["adam", "adagrad"])
def test_a_head_of_ones_own_learns_further_labels(known, label_optimizer):
    clf = fit(Scaled(label_optimizer=label_optimizer), max_epochs=4)
    before = clf.net_.module_.head.weight.detach().clone()
    clf.partial_fit(["red white", "white red"] * 8, [["flag"], ["flag"]] * 8)
    assert clf.classes_.tolist()[-1] == "flag"
    assert len(clf.net_.module_.head.weight) == len(before) + 1
    assert clf.net_.module_.head.epochs[-1] == (1, 1)
    names, _ = clf.predict_topk(["red white"], k=3)
    assert "flag" in names[0].tolist()


def test_a_head_of_ones_own_goes_on_with_the_parameters_that_may_change(known):
    clf = fit(Scaled(), max_epochs=1, warm_start=True)
    clf.set_params(head__scale=2.0)
    with pytest.raises(ValueError, match=r"head__scale=2.0 does not fit the fitted network"):
        clf.fit(TITLES, LISTS)
    clf.set_params(head__scale=1.0, head__label_dtype="float16").fit(TITLES, LISTS)
    assert clf.net_.module_.head.weight.dtype == torch.float16


def test_parameters_of_a_head_of_ones_own_are_checked():
    with pytest.raises(ValueError, match="'scale' parameter of Scaled must be"):
        fit(Scaled(scale=10.0))
    with pytest.raises(ValueError, match="head__label_lr must not be a bool"):
        fit(Scaled(label_lr=True))


# -- the heads that come with the package ------------------------------------------------------


@pytest.mark.parametrize("head", [*GIVEN, Scaled(scale=0.5)], ids=str)
def test_parameters_round_trip(head):
    params = head.get_params()
    copy = clone(head)
    assert copy is not head and type(copy) is type(head)
    assert copy.get_params() == params
    assert type(head)(**params).get_params() == params
    assert type(head)().set_params(**params).get_params() == params
    assert pickle.loads(pickle.dumps(head)).get_params() == params
    assert repr(copy) == repr(head)


@pytest.mark.parametrize("head", [*GIVEN, Scaled(scale=0.5)], ids=str)
def test_parameters_of_an_estimator_hold_those_of_its_head(head):
    clf = InceptionXMLClassifier(head=head)
    nested = {name[6:]: v for name, v in clf.get_params().items() if name.startswith("head__")}
    assert nested == head.get_params()
    copy = clone(clf)
    assert copy.head is not head and copy.head.get_params() == head.get_params()
    copy.set_params(head__classifier_dropout=0.25)
    assert copy.head.classifier_dropout == 0.25 != head.classifier_dropout
    replaced = clone(clf).set_params(head=OneVsAll(), head__label_lr=0.5)
    assert replaced.head.label_lr == 0.5
    assert not hasattr(InceptionXMLClassifier(), "beam_size")


@pytest.mark.parametrize("head", ["auto", "ova", "sync"])
def test_a_name_has_no_parameters_to_set(head):
    clf = InceptionXMLClassifier(head=head)
    with pytest.raises(ValueError, match=rf"head__beam_size needs .* head='{head}'; set head=Sync"):
        clf.set_params(head__beam_size=3)
    assert clf.head == head
    clf.set_params(head=SyncXML(), head__beam_size=3)
    assert clf.head.beam_size == 3
    with pytest.raises(ValueError, match="head='ova'"):
        clf.set_params(head="ova", head__beam_size=4)


def test_an_unknown_parameter_of_a_head_is_named():
    with pytest.raises(ValueError, match="'beam_size' for estimator OneVsAll"):
        InceptionXMLClassifier(head=OneVsAll()).set_params(head__beam_size=3)


@pytest.mark.parametrize("name", ["n_clusters", "beam_size", "predict_beam_size", "max_negatives"])
def test_a_parameter_out_of_range_is_named(name):
    for wrong in (0, -1, 2.5, "many"):
        with pytest.raises(ValueError, match=f"'{name}' parameter of SyncXML"):
            small(head=SyncXML(**{name: wrong})).fit(TITLES, LISTS)


@pytest.mark.parametrize(
    ("head", "n_labels", "kind"),
    [
        ("auto", 19_999, OneVsAll),
        ("auto", 20_000, SyncXML),
        ("ova", 10**6, OneVsAll),
        ("sync", 2, SyncXML),
    ],
)
def test_names_give_heads_with_their_defaults(head, n_labels, kind):
    found = resolve_head(head, n_labels)
    assert type(found) is kind and found.get_params() == kind().get_params()
    assert found is not resolve_head(head, n_labels)


@pytest.mark.parametrize("head", GIVEN, ids=str)
def test_a_given_head_is_copied(head):
    found = resolve_head(head, 10**6)
    assert type(found) is type(head) and found.get_params() == head.get_params()
    found.set_params(classifier_dropout=0.9)
    assert head.classifier_dropout != 0.9


def test_fit_leaves_the_given_head_alone_and_does_not_follow_it():
    head = SyncXML(n_clusters=3)
    before = head.get_params()
    clf = small(head=head, max_epochs=1).fit(TITLES, LISTS)
    assert clf.head is head and head.get_params() == before
    fitted = clf.net_.module_.config.head
    head.set_params(beam_size=9)
    assert fitted is not head and fitted.beam_size == before["beam_size"]


def test_the_beam_of_predictions_may_change_after_fit():
    clf = small(head=SyncXML(n_clusters=4), n_neighbors=0).fit(TITLES, LISTS)
    found = []
    for beam in (1, 4):
        clf.set_params(head__predict_beam_size=beam)
        found.append((clf.predict_topk(TITLES[:4], k=8)[0] != "").sum())
    assert found[0] < found[1] == 32


@pytest.mark.parametrize(
    ("head", "optimizer", "rate"),
    [
        (OneVsAll(), "adam", 1e-3),
        (SyncXML(), "adagrad", 3e-2),
        (OneVsAll(label_optimizer="adagrad"), "adagrad", 3e-2),
        (SyncXML(label_optimizer="adam"), "adam", 1e-3),
        (SyncXML(label_lr=1), "adagrad", 1.0),
    ],
    ids=str,
)
def test_rate_and_optimiser_of_the_label_vectors(head, optimizer, rate):
    assert head.resolved_label_optimizer() == optimizer
    found = head.resolved_label_lr(optimizer)
    assert type(found) is float and found == rate


def indicator(n_rows, n_labels, seed=0):
    rng = np.random.default_rng(seed)
    return sp.csr_array((rng.random((n_rows, n_labels)) < 0.3).astype(np.float32))


def test_clusters_are_the_given_ones_or_balanced_ones_of_eight_labels():
    counts, Y = indicator(40, 12), indicator(40, 37, 1)
    random_state = np.random.RandomState(0)
    assert OneVsAll().make_clusters(counts, Y, random_state) is None
    for n_clusters, expected in ((None, math.ceil(37 / 8)), (3, 3)):
        found = SyncXML(n_clusters=n_clusters).make_clusters(counts, Y, random_state)
        sizes = np.bincount(found)
        assert found.shape == (37,) and len(sizes) == expected
        assert sizes.max() - sizes.min() <= 1
    given = np.arange(37) % 4
    assert SyncXML(clusters=given.tolist()).make_clusters(counts, Y, random_state).tolist() == [
        *given
    ]


def test_clusters_depend_on_the_random_state_alone():
    counts, Y = indicator(40, 12), indicator(40, 37, 1)
    found = [SyncXML().make_clusters(counts, Y, np.random.RandomState(i)) for i in (0, 0, 1)]
    assert (found[0] == found[1]).all() and (found[0] != found[2]).any()


@pytest.mark.parametrize("clusters", [[0, 1], [0] * 9, [-1] * 8, [0.5] * 8, ["a"] * 8])
def test_clusters_that_do_not_fit_the_labels_are_refused(clusters):
    with pytest.raises((ValueError, TypeError), match="cluster"):
        SyncXML(clusters=clusters).check_labels(8)
    with pytest.raises((ValueError, TypeError), match="cluster"):
        small(head=SyncXML(clusters=clusters)).fit(TITLES, LISTS)


def test_a_search_may_set_parameters_of_the_head():
    search = GridSearchCV(
        small(head=SyncXML(n_clusters=2), max_epochs=1), {"head__beam_size": [1, 2]}, cv=2
    )
    search.fit(np.array(TITLES), np.array([pair[0] for pair in LISTS]))
    assert search.best_estimator_.head.beam_size == search.best_params_["head__beam_size"]
    assert search.best_estimator_.head.n_clusters == 2


def test_a_head_that_load_would_not_know_is_not_saved(tmp_path):
    clf = fit(Scaled(), max_epochs=1)
    with pytest.raises(ValueError, match="call sk_inceptionxml.heads.register"):
        clf.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_registered_head_is_known_by_its_name(known):
    assert fit("scaled", max_epochs=1).head_ == "scaled"
    with pytest.raises(ValueError, match="'head' parameter.*among.*'scaled'.*Got 'other'"):
        fit("other")


def test_parameters_of_a_head_need_a_head():
    with pytest.raises(ValueError, match="head__beam_size needs a head with parameters"):
        small(head="sync").set_params(head__beam_size=2)
    clf = small(head="sync").set_params(head=SyncXML(), head__beam_size=2)
    assert clf.head.beam_size == 2 and clf.get_params()["head__beam_size"] == 2
