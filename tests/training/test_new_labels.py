"""Passes over further rows, new labels, warm starts."""

from __future__ import annotations

import copy
import pickle
import threading
from dataclasses import replace

import _models
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone
from skorch.callbacks import Callback

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.data import Dataset
from sk_inceptionxml.data.split import split
from sk_inceptionxml.exceptions import DivergenceError
from sk_inceptionxml.labels import grow_label_space
from sk_inceptionxml.ranking import ranker as ranking
from sk_inceptionxml.training import new_labels

COLOURS = ["red", "blue", "green", "white"]
THINGS = ["boat", "kite", "lamp", "drum"]
PAIRS = [(colour, thing) for colour in COLOURS for thing in THINGS]
TITLES = [f"{colour} {thing} item{i}" for i in range(6) for colour, thing in PAIRS]
LISTS = [list(pair) for _ in range(6) for pair in PAIRS]
NAMES = sorted(COLOURS + THINGS)
DENSE = np.array([[int(name in labels) for name in NAMES] for labels in LISTS])
# two new labels, in known words: what no word of a text says, nothing can be learned from
NEW_TITLES = ["red white", "white red item1", "lamp drum", "drum lamp item2", "blue red white"]
NEW_LISTS = [["flag"], ["flag"], ["band"], ["band", "lamp"], ["blue", "flag"]]
QUERIES = [*NEW_TITLES, "a red boat", "", "blue kite and red lamp", "qwertz zzyzx", "white"]
HEADS = ["ova", "sync"]


THREE_CLUSTERS = {"ova": {}, "sync": {"n_clusters": 3}}


def small(head="auto", **params):
    settings = dict(embedding_dim=32, max_epochs=6, batch_size=16, lr=3e-2, label_lr=3e-2)
    settings |= dict(dropout=0.0, classifier_dropout=0.0, word_dropout=0.0)
    settings |= {"meta_dropout": 0.0} if head == "sync" else {}
    return _models.small(head=head, **settings | params)


@pytest.fixture(scope="module")
def fitted():
    """Classifiers by head and number of neighbours; tests copy them."""
    return {
        (head, n): small(head=head, n_neighbors=n, **THREE_CLUSTERS[head]).fit(TITLES, LISTS)
        for head in HEADS
        for n in (0, 20)
    }


@pytest.fixture(params=[(head, n) for head in HEADS for n in (0, 20)], ids=str)
def model(request, fitted):
    return copy.deepcopy(fitted[request.param])


def grown(classifier, titles=NEW_TITLES, labels=NEW_LISTS):
    """A copy to which new labels were added, without training."""
    bigger = copy.deepcopy(classifier)
    model = bigger._model
    ranker, memory = model.ranker, model.ranker.memory
    space, Y = grow_label_space(ranker.labels, labels)
    data = Dataset(bigger._read_further(ranker, titles), Y)
    n_known, n_labels = ranker.labels.n_labels, space.n_labels
    counts = np.append(ranker.label_counts, np.zeros(n_labels - n_known, dtype=np.int64))
    starting = (counts == 0) & (data.label_counts > 0)
    starting[n_known:] = True
    n_rows = model.log.n_samples + len(data)
    new_labels.start_labels(ranker.net, np.flatnonzero(starting), data, bigger.max_len, n_rows)
    if memory is not None:
        none = sp.csr_array((0, n_labels), dtype=np.float32)
        memory = memory.add(memory.neighbours.X_[:0], none)
    ranker = replace(ranker, labels=space, label_counts=counts, memory=memory)
    bigger._model = model._replace(ranker=ranker)
    return bigger


def speak_up(monkeypatch, loud):
    """Let new labels start with a higher bias."""
    start = new_labels.start_vectors

    def louder(*args):
        weight, bias = start(*args)
        return weight, bias + loud

    monkeypatch.setattr(new_labels, "start_vectors", louder)


def assert_same(a, b, X=QUERIES):
    assert a.classes_.tolist() == b.classes_.tolist()
    k = a.n_labels_
    for ours, theirs in zip(a.predict_topk(X, k), b.predict_topk(X, k), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def parameters_of(classifier):
    return {name: x.clone() for name, x in classifier.net_.module_.state_dict().items()}


# -- passes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("n_neighbors", [0, 20])
def test_more_parts_are_better_than_the_first(head, n_neighbors):
    order = np.random.default_rng(0).permutation(8 * len(TITLES)) % len(TITLES)
    classifier = small(head=head, n_neighbors=n_neighbors)
    quality = []
    for part in np.array_split(order, 4):
        classifier.partial_fit([TITLES[i] for i in part], [LISTS[i] for i in part])
        quality.append(classifier.shortlist_recall(TITLES, LISTS, k=2))
    assert quality[-1] > quality[0] + 0.1
    assert classifier.loss_curve_[-1] < classifier.loss_curve_[0]
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 4


def test_counts_add_up(model):
    n, lexical = model.n_samples_fit_, model.memory_ is not None
    model.partial_fit(NEW_TITLES, NEW_LISTS)
    _, Y = grow_label_space(model._model.ranker.labels, LISTS + NEW_LISTS)
    expected = np.bincount(Y.indices, minlength=model.n_labels_)
    assert model.n_samples_fit_ == n + len(NEW_TITLES)
    assert model.label_counts_.tolist() == expected.tolist()
    assert model.label_counts_.dtype == np.int64
    log_counts = np.log1p(expected).astype(np.float32)
    np.testing.assert_array_equal(model._model.ranker.log_counts, log_counts)
    if lexical:
        memory = model.memory_.neighbours
        assert memory.X_.shape[0] == memory.Y_.shape[0] == model.n_samples_fit_
        assert np.bincount(memory.Y_.indices, minlength=model.n_labels_).tolist() == list(expected)


def test_a_row_just_learned_is_its_own_neighbour(fitted):
    classifier = copy.deepcopy(fitted["ova", 20])
    title = ["item1 item2 item3 item4 item5"]
    places = [NAMES.index("blue"), NAMES.index("white")]

    def score():
        ranker = classifier._model.ranker
        features = ranker.features(classifier._read_further(ranker, title))
        return ranker.memory.score(features).toarray()[0, places]

    before = score()
    classifier.partial_fit(title, [["blue", "white"]])
    assert (score() > before + 0.3).all()


def test_words_and_clusters_stay(model):
    words = dict(model.vectorizer_.vocabulary_)
    clusters = getattr(model.net_.module_.head, "cluster_of", None)
    model.partial_fit(["brandnewword red boat", "other"], [["red", "boat"], []])
    assert model.vectorizer_.vocabulary_ == words
    assert "brandnewword" not in words
    if clusters is not None:
        assert torch.equal(model.net_.module_.head.cluster_of, clusters)


@pytest.mark.parametrize("head", HEADS)
def test_calls_are_reproducible_and_differ_from_each_other(head, fitted):
    runs = []
    for rows in (slice(None), slice(None, None, -1)):  # nor does the order of the rows matter
        classifier = small(head=head)
        for _ in range(2):
            classifier.partial_fit(TITLES[rows], LISTS[rows])
        classifier.partial_fit(NEW_TITLES[rows], NEW_LISTS[rows])
        runs.append(classifier)
    assert_same(*runs)
    assert runs[0].loss_curve_ == runs[1].loss_curve_


def test_global_random_state_and_inputs_are_left_alone(fitted):
    classifier = copy.deepcopy(fitted["sync", 20])
    titles, labels = list(NEW_TITLES), copy.deepcopy(NEW_LISTS)
    weight, classes = np.array([1.0, 0.5, 2.0, 1.0, 0.0]), np.array(["flag", "band"])
    np.random.seed(3)
    torch.manual_seed(3)
    states = np.random.get_state()[1].copy(), torch.get_rng_state()
    given = copy.deepcopy((titles, labels, weight, classes))
    classifier.partial_fit(titles, labels, classes, weight)
    assert (np.random.get_state()[1] == states[0]).all()
    assert torch.equal(torch.get_rng_state(), states[1])
    for now, before in zip((titles, labels, weight, classes), given, strict=True):
        assert np.array_equal(now, before) if isinstance(now, np.ndarray) else now == before


def test_weight_zero_leaves_out_and_whole_numbers_repeat(fitted):
    weight = np.array([1, 2, 0, 1, 1])
    weighted, repeated = (copy.deepcopy(fitted["ova", 20]) for _ in range(2))
    weighted.partial_fit(NEW_TITLES, NEW_LISTS, sample_weight=weight)
    rows = np.repeat(np.arange(5), weight)
    repeated.partial_fit([NEW_TITLES[i] for i in rows], [NEW_LISTS[i] for i in rows])
    assert_same(weighted, repeated)
    assert weighted.n_samples_fit_ == len(TITLES) + 5


def test_rows_without_labels_may_be_weighted(fitted):
    classifier = copy.deepcopy(fitted["ova", 0])
    classifier.partial_fit(NEW_TITLES[:2], [[], []], sample_weight=[1, 0.5])
    assert classifier.n_samples_fit_ == len(TITLES) + 2


def test_callbacks_need_not_be_copyable():
    class Log(Callback):
        def __init__(self):
            self.lock = threading.Lock()

    classifier = small(callbacks=[("log", Log())]).fit(TITLES, LISTS)
    classifier.set_params(callbacks=None).partial_fit(NEW_TITLES, NEW_LISTS)
    assert "flag" in classifier.classes_


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_there_is_but_one_network(copied, model):
    other = copied(model)
    model.partial_fit(NEW_TITLES, NEW_LISTS)
    for net in (model.net_, other.net_):
        assert net.module is net.module_
        optimised = {p for o in (net.optimizer_, net.optimizer_sparse_) for p in ids_of(o)}
        assert optimised == {id(p) for p in net.module_.parameters()}


def ids_of(optimizer):
    return [id(p) for group in optimizer.param_groups for p in group["params"]]


def test_calibration_stays_where_the_fusion_does():
    titles = [" ".join(reversed(title.split())) for title in TITLES] + TITLES * 9
    classifier = small(calibrate="sigmoid").fit(titles, LISTS * 10)
    maps, coef = classifier.calibration_.to_dict(), classifier.fusion_.coef_.copy()
    assert maps is not None
    classifier.partial_fit(TITLES[:1], LISTS[:1])  # too few to judge by
    assert classifier.calibration_.to_dict() == maps
    np.testing.assert_array_equal(classifier.fusion_.coef_, coef)
    classifier.partial_fit(TITLES * 5, LISTS * 5)
    assert classifier.calibration_.to_dict() is None
    assert (classifier.fusion_.coef_ != coef).any()


def test_parameters_set_later_take_effect(fitted):
    one, other = (copy.deepcopy(fitted["ova", 0]) for _ in range(2))
    before = parameters_of(one)["encoder.project"]
    one.set_params(lr=1e-7).partial_fit(TITLES, LISTS)
    other.partial_fit(TITLES, LISTS)
    small_step, step = (
        (parameters_of(c)["encoder.project"] - before).abs().max() for c in (one, other)
    )
    assert small_step < 1e-4 < step


def test_a_stream_without_a_first_fusion_gets_one_that_held_out_rows_set(fitted):
    titles, labels = TITLES * 2, LISTS * 2
    first = slice(0, 40)
    fixed, updated = (small(validation_fraction=share) for share in (0.0, 0.05))
    for classifier in (fixed, updated):
        classifier.partial_fit(titles[first], labels[first])
        classifier.partial_fit(titles[40:], labels[40:])
    assert fixed.fusion_.n_rows == 0
    assert updated.fusion_.n_rows == 50
    assert (fixed.fusion_.coef_[2:] == 0).all()
    assert (updated.fusion_.coef_[2:] != 0).any()


# -- new labels --------------------------------------------------------------------------------


@pytest.mark.parametrize("loud", [0.0, 30.0], ids=["quiet", "loud"])
@pytest.mark.parametrize("few", [False, True], ids=["all candidates", "few candidates"])
def test_growth_alone_keeps_the_ranking_of_old_labels(model, loud, few, monkeypatch):
    if few:  # new labels must not take the places of old ones among the candidates
        monkeypatch.setattr(ranking, "NETWORK_CANDIDATES", 3)
        monkeypatch.setattr(ranking, "LEXICAL_CANDIDATES", 4)
    speak_up(monkeypatch, loud)
    bigger = grown(model)
    old = set(model.classes_)
    k = 3 if few else model.n_labels_
    names, scores = model.predict_topk(QUERIES + TITLES, k)
    wide = k if few else bigger.n_labels_
    later = bigger.predict_topk(QUERIES + TITLES, wide)
    seen = 0
    for ours, p, theirs, q in zip(names, scores, *later, strict=True):
        kept = [i for i, name in enumerate(theirs) if name in old]
        seen += len(theirs) - len(kept)
        assert list(theirs[kept]) == list(ours[: len(kept)])
        np.testing.assert_allclose(q[kept], p[: len(kept)], rtol=1e-5, atol=1e-7)
        assert few or len(kept) == len(ours)
    assert seen > 0 or (few and loud == 0.0)


def test_loud_labels_do_push_the_others_down(fitted, monkeypatch):
    """Without which the test above would show nothing."""
    monkeypatch.setattr(ranking, "NETWORK_CANDIDATES", 3)
    speak_up(monkeypatch, 30.0)
    bigger = grown(fitted["ova", 0])
    names, _ = bigger.predict_topk(NEW_TITLES, 3)
    assert np.isin(names, ["flag", "band"]).any()


def test_a_new_label_is_found_after_a_pass(model):
    assert model.partial_fit(NEW_TITLES, NEW_LISTS) is model
    assert model.classes_.tolist() == [*NAMES, "band", "flag"]
    for _ in range(0 if model.memory_ is not None else 3):  # the network alone takes longer
        model.partial_fit(NEW_TITLES * 20, NEW_LISTS * 20)
    names, scores = model.predict_topk(["white red", "drum lamp"], k=2)
    assert "flag" in names[0] and "band" in names[1]
    assert (scores > 0).all()


@pytest.mark.parametrize("head", HEADS)
def test_a_new_label_starts_near_its_rows(head, fitted):
    classifier = copy.deepcopy(fitted[head, 0])
    bigger = grown(classifier, ["red boat"] * 3 + ["green drum"] * 9, [["sea"]] * 3 + [[]] * 9)
    proba = bigger.predict_proba(["red boat", "green drum"]).toarray()[:, -1]
    assert proba[0] > proba[1]


def test_labels_named_before_their_first_row_start_from_it(fitted):
    """A vector that was only ever pushed away would need many passes."""
    classifier = small(n_neighbors=0)
    classifier.partial_fit(TITLES, LISTS, classes=[*NAMES, "sea"])
    place = classifier.classes_.tolist().index("sea")
    assert classifier.label_counts_[place] == 0
    bigger = grown(classifier, ["red boat"] * 3 + ["green drum"] * 9, [["sea"]] * 3 + [[]] * 9)
    assert bigger.classes_.tolist() == classifier.classes_.tolist()
    before, after = (parameters_of(c)["head.weight"] for c in (classifier, bigger))
    assert (before != after).any(1).nonzero().flatten().tolist() == [place]


def test_a_cluster_has_room_for_few_new_labels(fitted):
    classifier = copy.deepcopy(fitted["sync", 0])
    n = 40
    bigger = grown(classifier, ["red boat"] * n, [[f"new{i}"] for i in range(n)])
    sizes = np.diff(bigger.net_.module_.head.starts.numpy())
    assert len(sizes) == 3
    assert sizes.sum() == bigger.n_labels_
    assert sizes.max() <= 2 * -(-bigger.n_labels_ // 3)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_rows_of_old_labels_and_their_optimiser_state_are_kept(head, optimizer, fitted):
    classifier = small(head=head, label_optimizer=optimizer, n_neighbors=0, **THREE_CLUSTERS[head])
    classifier.partial_fit(TITLES, LISTS)
    bigger = grown(classifier)

    def tables(c):
        module, net = c.net_.module_, c.net_
        order = getattr(module.head, "position_of", torch.arange(c.n_labels_))
        for p in module.label_parameters():
            yield p.detach()[order]
            (state,) = [o.state[p] for o in (net.optimizer_, net.optimizer_sparse_) if p in o.state]
            yield from (x[order] for x in state.values() if torch.is_tensor(x) and x.ndim)

    pairs = list(zip(tables(classifier), tables(bigger), strict=True))
    assert len(pairs) == (6 if optimizer == "adam" else 4)
    for i, (before, after) in enumerate(pairs):
        assert torch.equal(before, after[: len(before)])
        is_state = i % (len(pairs) // 2) > 0
        assert len(after) == len(before) + 2
        assert not is_state or (after[len(before) :] == 0).all()


def test_grown_models_round_trip(model, tmp_path):
    model.partial_fit(NEW_TITLES, NEW_LISTS)
    model.save(tmp_path / "model")
    loaded = InceptionXMLClassifier.load(tmp_path / "model", device="cpu")
    assert set(vars(loaded)) == set(vars(model))
    for other in (loaded, pickle.loads(pickle.dumps(model))):
        assert_same(model, other)
        assert other.label_counts_.tolist() == model.label_counts_.tolist()
        other.partial_fit(["white drum"], [["flag", "newer"]])
        assert other.classes_.tolist() == [*model.classes_, "newer"]


def test_a_pickle_goes_on_as_the_original(fitted):
    original = copy.deepcopy(fitted["sync", 20])
    other = pickle.loads(pickle.dumps(original))
    for classifier in (original, other):
        classifier.partial_fit(NEW_TITLES, NEW_LISTS)
    assert_same(original, other)


def test_a_clone_forgets(model):
    model.partial_fit(NEW_TITLES, NEW_LISTS)
    again = clone(model).set_params(max_epochs=1).fit(TITLES, LISTS)
    assert again.classes_.tolist() == NAMES


# -- forms of y --------------------------------------------------------------------------------


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.csr_matrix, pd.DataFrame])
def test_columns_of_indicators_are_named(container):
    classifier = small(max_epochs=1).fit(TITLES, container(DENSE))
    y = np.array([[1, 0, 0], [0, 1, 1], [1, 0, 0], [0, 0, 1], [1, 1, 0]])
    classifier.partial_fit(NEW_TITLES, container(y), classes=[9, 2, 8])
    assert classifier.classes_.tolist() == [*range(8), 9, 8]
    added = classifier.label_counts_ - np.append(DENSE.sum(axis=0), [0, 0])
    assert added.tolist() == [0, 0, 2, 0, 0, 0, 0, 0, 3, 2]
    assert classifier.predict(TITLES[:3]).shape == (3, 10)
    assert classifier.predict_proba(TITLES[:3]).shape == (3, 10)


@pytest.mark.parametrize("head", HEADS)
def test_classes_of_one_dimension(head):
    things = np.array([thing for _, thing in LISTS])
    classifier = small(head=head)
    classifier.partial_fit(TITLES[:8], things[:8], classes=THINGS)
    assert classifier.classes_.tolist() == sorted(THINGS)
    classifier.partial_fit(TITLES, things).partial_fit(TITLES[:2], things[:2], classes=THINGS)
    classifier.partial_fit(
        ["lamp drum kite"] * 8, ["furniture"] * 8, classes=[*THINGS, "furniture"]
    )
    assert classifier.classes_.tolist() == [*sorted(THINGS), "furniture"]
    predicted = classifier.predict(["lamp drum kite", *TITLES[:16]])
    assert predicted[0] == "furniture"
    assert (predicted[1:] == things[:16]).mean() > 0.5
    proba = classifier.predict_proba(TITLES[:4])
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)


def test_a_third_class_turns_binary_into_multiclass():
    y = np.array([int(thing == "boat") for _, thing in LISTS])
    classifier = small(max_epochs=1).fit(TITLES, y)
    assert classifier.decision_function(TITLES[:3]).shape == (3,)
    classifier.partial_fit(["lamp drum kite"] * 8, [-5] * 8, classes=[0, 1, -5])
    assert classifier.classes_.tolist() == [0, 1, -5]
    assert classifier.decision_function(TITLES[:3]).shape == (3, 3)
    assert classifier.predict(["lamp drum kite"]).tolist() == [-5]


def test_matrices_of_token_weights():
    rng = np.random.default_rng(0)
    X = sp.random(60, 12, density=0.4, format="csr", random_state=rng)
    y = sp.csr_array((rng.random((60, 6)) < 0.3).astype(int))
    classifier = small(max_epochs=1).fit(X[:40], y[:40])
    classifier.partial_fit(X[40:], y[40:])
    assert classifier.memory_.neighbours.X_.shape[0] == 60
    with pytest.raises(ValueError, match="X has 11 features"):
        classifier.partial_fit(X[:, 1:], y)


# -- errors ------------------------------------------------------------------------------------

BAD = {
    "rows": (NEW_TITLES[:2], NEW_LISTS, {}, ValueError, "numbers of samples"),
    "no rows": ([], [], {}, ValueError, "0 samples"),
    "one text": ("red", ["red"], {}, ValueError, "X"),
    "matrix": (np.ones((5, 3)), NEW_LISTS, {}, (TypeError, ValueError), "X"),
    "other kind of y": (NEW_TITLES, np.eye(5), {}, ValueError, "indicator matrix"),
    "numbers": (NEW_TITLES, [[1], [2], [3], [4], [5]], {}, TypeError, "numbers"),
    "not allowed": (NEW_TITLES, NEW_LISTS, {"classes": ["flag"]}, ValueError, "'band'.*classes"),
    "classes of numbers": (NEW_TITLES, NEW_LISTS, {"classes": [1, 2]}, TypeError, "classes"),
    "repeated classes": (NEW_TITLES, NEW_LISTS, {"classes": ["a", "a"]}, ValueError, "distinct"),
    "negative weight": (NEW_TITLES, NEW_LISTS, {"sample_weight": [-1] * 5}, ValueError, "weight"),
    "no weight": (NEW_TITLES, NEW_LISTS, {"sample_weight": [0] * 5}, ValueError, "ample.weight"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_changes_nothing(case, fitted):
    X, y, options, error, message = BAD[case]
    classifier = copy.deepcopy(fitted["sync", 20])
    with pytest.raises(error, match=message):
        classifier.partial_fit(X, y, **options)
    assert_same(classifier, fitted["sync", 20])
    assert classifier.n_samples_fit_ == len(TITLES)


def test_errors_of_one_dimension_and_indicators():
    things = np.array([thing for _, thing in LISTS])
    classifier = small(max_epochs=1)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier.partial_fit(TITLES, things)
    assert not hasattr(classifier, "classes_")
    with pytest.raises(ValueError, match="'boat'.*classes"):
        classifier.partial_fit(TITLES, things, classes=["kite", "lamp", "drum"])
    assert not hasattr(classifier, "classes_")
    classifier.fit(TITLES, things)
    with pytest.raises(ValueError, match="'sofa'.*classes"):
        classifier.partial_fit(["lamp drum kite"], ["sofa"])
    with pytest.raises(ValueError, match="classes lacks 4 of the 4 known labels.*'boat'"):
        classifier.partial_fit(["lamp drum kite"], ["sofa"], classes=["sofa"])
    classifier = small(max_epochs=1).fit(TITLES, DENSE)
    wide = np.eye(9)
    with pytest.raises(ValueError, match="y has 9 columns, but 8 labels.*classes="):
        classifier.partial_fit(TITLES[:9], wide)
    with pytest.raises(ValueError, match="classes has 8 names, but y has 9 columns"):
        classifier.partial_fit(TITLES[:9], wide, classes=range(8))
    with pytest.raises(TypeError, match="classes has dtype"):
        classifier.partial_fit(TITLES[:9], wide, classes=list("abcdefghi"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_filters", 8), ("hidden_dim", 3), ("kernel_sizes", (4,)), ("max_len", 99)]
    + [("embedding_skip", False), ("head", "sync")],
)
def test_the_structure_cannot_change(name, value, fitted):
    classifier = copy.deepcopy(fitted["ova", 0]).set_params(**{name: value})
    with pytest.raises(ValueError, match=name):
        classifier.partial_fit(TITLES, LISTS)
    with pytest.raises(ValueError, match=name):
        classifier.set_params(warm_start=True).fit(TITLES, LISTS)


# -- warm start --------------------------------------------------------------------------------


@pytest.mark.parametrize("head", HEADS)
def test_warm_start_goes_on_and_a_cold_one_does_not(head):
    classifier = small(head=head, warm_start=True, n_neighbors=0).fit(TITLES, LISTS)
    loss = classifier.loss_curve_[-1]
    classifier.fit(TITLES, LISTS)
    assert classifier.loss_curve_[-1] < loss
    cold = small(head=head, n_neighbors=0).fit(TITLES, LISTS)
    first = cold.loss_curve_
    assert cold.fit(TITLES, LISTS).loss_curve_ == first


def test_warm_start_holds_the_same_rows_out(monkeypatch):
    """Rows that the network was trained on would make the fusion trust it too far."""
    titles = [f"{t} again{i % 7}" for i, t in enumerate(TITLES)]
    held_out = []

    def watched(*args):
        parts = split(*args)
        held_out.append(parts[1].place.tolist())
        return parts

    monkeypatch.setattr("sk_inceptionxml.classifier.split", watched)
    settings = dict(random_state=None, validation_fraction=0.6, max_epochs=1)
    classifier = small(**settings, warm_start=True)
    for _ in range(2):
        classifier.fit(titles, LISTS)
    assert len(held_out[0]) > 0
    assert held_out[0] == held_out[1]
    small(**settings).fit(titles, LISTS)
    assert held_out[2] != held_out[0]


def test_a_failed_warm_start_changes_nothing(monkeypatch):
    classifier = small(warm_start=True).fit(TITLES, LISTS)
    before = classifier.predict_topk(TITLES)

    def fails(*args, **kwargs):
        raise FloatingPointError("training went wrong")

    monkeypatch.setattr("sk_inceptionxml.training.callbacks.NonFiniteGuard.on_epoch_end", fails)
    with pytest.raises(FloatingPointError, match="went wrong"):
        classifier.fit(TITLES, LISTS)
    for old, new in zip(before, classifier.predict_topk(TITLES), strict=True):
        np.testing.assert_array_equal(old, new)


def test_warm_start_after_growth_keeps_the_order_of_the_labels(fitted):
    classifier = copy.deepcopy(fitted["sync", 20]).set_params(warm_start=True)
    classifier.partial_fit(["white lamp red"], [["glow", "amber"]])
    classes = classifier.classes_.tolist()
    classifier.fit(TITLES, [*LISTS[:-1], ["amber", "glow", *LISTS[-1]]])
    assert classifier.classes_.tolist() == classes == [*NAMES, "amber", "glow"]
    assert classifier.label_counts_[-2:].tolist() == [1, 1]


def test_warm_start_after_growth_has_clusters_of_its_own():
    clusters = np.arange(len(NAMES)) % 3
    classifier = small(head="sync", clusters=clusters).fit(TITLES, LISTS)
    labels = [[*row, "flag"] for row in LISTS]
    classifier.partial_fit(TITLES, labels)
    classifier.set_params(warm_start=True).fit(TITLES, labels)
    assert len(classifier.net_.module_.head.cluster_of) == len(NAMES) + 1


def test_warm_start_refuses_other_words_and_labels(fitted):
    classifier = copy.deepcopy(fitted["sync", 20]).set_params(warm_start=True)
    cases = [
        (TITLES[:-1] + ["unheard words"], LISTS, "words of the previous fit"),
        (TITLES, LISTS[:-1] + [["sofa"]], "labels of the previous fit.*'sofa'"),
        (TITLES, [[x for x in row if x != "drum"] for row in LISTS], "1 are absent.*'drum'"),
    ]
    for X, y, message in cases:
        with pytest.raises(ValueError, match=message):
            classifier.fit(X, y)
        assert_same(classifier, fitted["sync", 20])
    classifier.set_params(warm_start=False).fit(*cases[0][:2])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("head", HEADS)
def test_growth_on_a_gpu(head):
    classifier = small(head=head, device="cuda").partial_fit(TITLES, LISTS)
    classifier.partial_fit(NEW_TITLES, NEW_LISTS)
    assert classifier.net_.module_.head.weight.device.type == "cuda"
    names, _ = classifier.predict_topk(["white red", "drum lamp"], k=3)
    assert "flag" in names[0] and "band" in names[1]


# -- errors in the middle, and parameters that change between calls ------------------------------


@pytest.mark.parametrize("error", [DivergenceError, KeyboardInterrupt])
@pytest.mark.parametrize("head", HEADS)
def test_an_error_in_the_middle_of_a_pass_changes_nothing(head, error, fitted, monkeypatch):
    classifier = copy.deepcopy(fitted[head, 20])
    before = classifier.predict_topk(QUERIES, k=5)
    state = parameters_of(classifier)
    counts, names = classifier.label_counts_.copy(), classifier.classes_.copy()

    def fail(net, *args, **kwargs):
        with torch.no_grad():
            for p in net.module_.parameters():
                p.fill_(torch.nan)
        raise error("stop")

    monkeypatch.setattr(new_labels.XMCNet, "fit_loop", fail)
    with pytest.raises(error):
        classifier.partial_fit(NEW_TITLES, NEW_LISTS)
    for a, b in zip(before, classifier.predict_topk(QUERIES, k=5), strict=True):
        np.testing.assert_array_equal(a, b)
    after = parameters_of(classifier)
    assert all(torch.equal(value, after[name]) for name, value in state.items())
    np.testing.assert_array_equal(classifier.label_counts_, counts)
    np.testing.assert_array_equal(classifier.classes_, names)
    monkeypatch.undo()
    classifier.partial_fit(NEW_TITLES, NEW_LISTS)
    assert "flag" in classifier.classes_


def test_a_first_pass_needs_no_rows_to_watch():
    classifier = small(early_stopping=True).partial_fit(TITLES[:20], LISTS[:20])
    assert classifier.n_iter_ == 1


def test_a_pass_keeps_the_optimiser_that_it_has(fitted):
    classifier = copy.deepcopy(fitted["ova", 0]).set_params(
        head__label_optimizer="adagrad", head__label_lr="auto"
    )
    classifier.partial_fit(TITLES[:8], LISTS[:8])
    net = classifier.net_
    labels = {id(p) for p in net.module_.label_parameters()}
    groups = [g for o in (net.optimizer_, net.optimizer_sparse_) for g in o.param_groups]
    rates = {g["lr"] for g in groups if any(id(p) in labels for p in g["params"])}
    assert rates == {0.5 * 1e-3}


def test_the_network_follows_parameters_that_may_change(fitted):
    classifier = copy.deepcopy(fitted["sync", 0])
    classifier.set_params(head__predict_beam_size=1)
    few = classifier.predict_proba(QUERIES)
    classifier.set_params(head__predict_beam_size=3)
    assert few.nnz < classifier.predict_proba(QUERIES).nnz
    classifier.set_params(head__classifier_dropout=0.4, head__beam_size=1, head__meta_dropout=0.2)
    classifier.partial_fit(TITLES[:8], LISTS[:8])
    head = classifier.net_.module_.head
    assert (head.extreme.dropout.p, head.meta.dropout.p, head.beam_size) == (0.4, 0.2, 1)
    with pytest.raises(ValueError, match="synchronized=False"):
        classifier.set_params(head__synchronized=False).partial_fit(TITLES[:8], LISTS[:8])
