"""On raw text, the properties that scikit-learn checks on matrices."""

import copy
import inspect
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from _models import small
from sklearn.base import clone, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import make_short_text
from sk_inceptionxml.metrics import expected_calibration_error
from sk_inceptionxml.ranking import ranker
from sk_inceptionxml.ranking.calibration import Calibration, IncreasingMap

COLOURS = ["red", "blue", "green", "white"]
THINGS = ["boat", "kite", "lamp"]
PAIRS = [(colour, thing) for colour in COLOURS for thing in THINGS]
TITLES = [f"{colour} {thing} item{i}" for i in range(5) for colour, thing in PAIRS]
LISTS = [list(pair) for _ in range(5) for pair in PAIRS]
NAMES = sorted(COLOURS + THINGS)
DENSE = np.array([[int(name in labels) for name in NAMES] for labels in LISTS])
NEW = ["a red boat", "", "blue kite and red lamp", "zzyzx qwertz", "white white white", "!?"]
HEADS = ["ova", "sync"]
TARGETS = {
    "csr_array": sp.csr_array(DENSE),
    "csr_matrix": sp.csr_matrix(DENSE),
    "dense": DENSE,
    "lists": LISTS,
    "strings": np.array([thing for _, thing in LISTS]),
    "integers": np.array([10 * THINGS.index(thing) for _, thing in LISTS]),
    "binary": np.array(["sea" if thing == "boat" else "land" for _, thing in LISTS]),
}
ONE_DIM = ["strings", "integers", "binary"]
CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "U": np.array,
    "object": lambda texts: np.array(texts, dtype=object),
    "column": lambda texts: np.array(texts, dtype=object)[:, None],
    "Series object": lambda texts: pd.Series(texts, dtype=object),
    "Series str": lambda texts: pd.Series(texts, dtype="str"),
    "Series string": lambda texts: pd.Series(texts, dtype="string"),
    "Series odd index": lambda texts: pd.Series(texts, index=np.arange(len(texts))[::-1] + 7),
    "DataFrame": lambda texts: pd.DataFrame({"title": texts}),
}
METHODS = ["predict", "predict_proba", "decision_function", "predict_topk"]


@pytest.fixture(scope="module")
def fitted():
    """One classifier for each form of y; none is changed by a test."""
    return {form: small(threshold=0.3).fit(TITLES, y) for form, y in TARGETS.items()}


@pytest.fixture(scope="module", params=HEADS)
def dense_fitted(request):
    return small(head=request.param).fit(TITLES, DENSE)


def plain(result):
    """Arrays of any result of a prediction method."""
    parts = result if isinstance(result, tuple) else (result,)
    return [part.toarray() if sp.issparse(part) else np.asarray(part) for part in parts]


def assert_same(found, expected, exact=True):
    for a, b in zip(plain(found), plain(expected), strict=True):
        if exact or a.dtype.kind != "f":
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def weights_of(classifier):
    return {name: value.numpy() for name, value in classifier.net_.module_.state_dict().items()}


# ------------------------------------------------------------------------- parameters, state


def test_is_a_classifier():
    assert is_classifier(small())


def test_constructor_only_stores():
    signature = inspect.signature(InceptionXMLClassifier.__init__).parameters
    names = [name for name in signature if name != "self"]
    given = {name: object() for name in names}
    classifier = InceptionXMLClassifier(**given)
    assert vars(classifier) == given
    assert all(classifier.get_params()[name] is given[name] for name in names)


def test_set_params_then_fit_is_the_same_as_constructing():
    changed = InceptionXMLClassifier(random_state=5).set_params(**small().get_params())
    assert_same(
        changed.fit(TITLES, DENSE).predict_topk(NEW), small().fit(TITLES, DENSE).predict_topk(NEW)
    )
    with pytest.raises(ValueError, match="Invalid parameter 'epochs'"):
        small().set_params(epochs=3)


def test_clone_forgets_the_fit(fitted):
    again = clone(fitted["dense"])
    assert again.get_params() == fitted["dense"].get_params()
    with pytest.raises(NotFittedError):
        check_is_fitted(again)


def test_vectorizer_parameter_is_cloned_not_changed():
    vectorizer = TfidfVectorizer(ngram_range=(1, 1))
    classifier = small(vectorizer=vectorizer).fit(TITLES, DENSE)
    assert classifier.vectorizer is vectorizer
    with pytest.raises(NotFittedError):
        check_is_fitted(vectorizer)
    classifier.set_params(vectorizer__ngram_range=(1, 2)).fit(TITLES, DENSE)
    assert vectorizer.ngram_range == (1, 2)


@pytest.mark.parametrize("method", [*METHODS, "score", "shortlist_recall", "save"])
def test_unfitted_says_so(method, tmp_path):
    args = {"score": (TITLES, DENSE), "shortlist_recall": (TITLES, DENSE), "save": (tmp_path,)}
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(small(), method)(*args.get(method, (NEW,)))


def test_fit_returns_self_and_keeps_parameters():
    classifier = small()
    before = copy.deepcopy(classifier.get_params())
    assert classifier.fit(TITLES, DENSE) is classifier
    assert classifier.get_params() == before
    public = {name for name in vars(classifier) if not name.startswith("_")}
    assert public == classifier.get_params(deep=False).keys()


def test_n_features_in_is_the_vocabulary(fitted):
    words = {word for title in TITLES for word in title.split()}
    assert fitted["dense"].n_features_in_ == len(words)
    assert not hasattr(fitted["dense"], "feature_names_in_")


def test_fitted_attributes(fitted):
    classifier = fitted["lists"]
    assert classifier.classes_.tolist() == NAMES
    assert classifier.n_labels_ == len(NAMES)
    np.testing.assert_array_equal(classifier.label_counts_, DENSE.sum(axis=0))
    assert classifier.n_samples_fit_ == len(TITLES)
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 2


# ------------------------------------------------------------------------- repeatability


@pytest.mark.parametrize("head", HEADS)
def test_same_seed_gives_the_same_bits(head):
    first, second = small(head=head).fit(TITLES, DENSE), small(head=head).fit(TITLES, DENSE)
    for name, value in weights_of(first).items():
        np.testing.assert_array_equal(value, weights_of(second)[name], err_msg=name)
    for method in METHODS:
        assert_same(getattr(first, method)(NEW), getattr(second, method)(NEW))


def test_refit_starts_anew(dense_fitted):
    other = clone(dense_fitted).fit(["one", "two", "three"] * 9, ["a", "b", "c"] * 9)
    other.fit(TITLES, DENSE)
    for method in METHODS:
        assert_same(getattr(other, method)(NEW), getattr(dense_fitted, method)(NEW))


def test_seeds_differ_and_a_random_state_is_drawn_once(fitted):
    other, name = small(random_state=1).fit(TITLES, DENSE), "head.weight"
    assert (weights_of(other)[name] != weights_of(fitted["dense"])[name]).any()
    source = np.random.RandomState(3)
    small(random_state=source).fit(TITLES, DENSE)
    expected = np.random.RandomState(3)
    expected.randint(2**31 - 1)
    assert source.randint(2**31 - 1) == expected.randint(2**31 - 1)


@pytest.mark.parametrize("random_state", [0, None])
def test_global_state_is_left_alone(random_state):
    numpy_before = np.random.get_state()  # noqa: NPY002
    torch_before = torch.get_rng_state()
    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()
    dtype, deterministic = torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()
    classifier = small(random_state=random_state, head="sync").fit(TITLES, LISTS)
    classifier.predict(NEW)
    classifier.predict_proba(NEW)
    numpy_after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(numpy_before[1], numpy_after[1])
    assert numpy_before[2:] == numpy_after[2:]
    assert torch.equal(torch_before, torch.get_rng_state())
    assert (threads, grad) == (torch.get_num_threads(), torch.is_grad_enabled())
    assert dtype == torch.get_default_dtype()
    assert deterministic == torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_training_where_gradients_are_off(head, mode, tmp_path):
    expected = small(head=head).fit(TITLES, DENSE).partial_fit(NEW[:3], DENSE[:3])
    with mode():
        found = small(head=head).fit(TITLES, DENSE)
        found.save(tmp_path / "model")
        loaded = InceptionXMLClassifier.load(tmp_path / "model").partial_fit(NEW[:3], DENSE[:3])
        assert not torch.is_grad_enabled()
    found.partial_fit(NEW[:3], DENSE[:3])
    loaded.partial_fit(NEW[:3], DENSE[:3])
    assert_same(found.predict_proba(NEW), expected.predict_proba(NEW))


@pytest.mark.parametrize("head", HEADS)
def test_the_default_type_of_torch_may_be_another(head, tmp_path):
    small(head=head).fit(TITLES, DENSE).save(tmp_path / "model")
    torch.set_default_dtype(torch.float64)
    try:
        found = small(head=head).fit(TITLES, DENSE)
        loaded = InceptionXMLClassifier.load(tmp_path / "model")
        for classifier in (found, loaded):
            y = np.column_stack([DENSE[:3], [0, 1, 1]])
            classifier.partial_fit(TITLES[:3], y, classes=[*range(DENSE.shape[1]), 99])
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    for classifier in (found, loaded):
        dtypes = {p.dtype for p in classifier.net_.module_.parameters()}
        assert dtypes == {torch.float32}
        assert classifier.predict_topk(NEW)[1].dtype == np.float32


def test_global_seeds_change_nothing(fitted):
    state = torch.get_rng_state()
    try:
        torch.manual_seed(99)
        again = small(threshold=0.3).fit(TITLES, DENSE)
    finally:
        torch.set_rng_state(state)
    assert_same(again.predict_proba(NEW), fitted["dense"].predict_proba(NEW))


def test_thread_count_is_left_alone():
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        small().fit(TITLES, DENSE).predict(NEW)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


# ------------------------------------------------------------------------- predictions of rows


@pytest.mark.parametrize("method", METHODS)
def test_rows_in_another_order(dense_fitted, method):
    texts = [*NEW, *TITLES[:20]]
    order = np.random.default_rng(0).permutation(len(texts))
    expected = getattr(dense_fitted, method)(texts)
    found = getattr(dense_fitted, method)([texts[i] for i in order])
    expected = tuple(part[order] for part in plain(expected))
    assert_same(found if isinstance(found, tuple) else (found,), expected, exact=False)


@pytest.mark.parametrize("method", METHODS)
def test_rows_alone(dense_fitted, method):
    texts = [*NEW, *TITLES[:8]]
    expected = plain(getattr(dense_fitted, method)(texts))
    alone = [plain(getattr(dense_fitted, method)([text])) for text in texts]
    found = tuple(np.concatenate(parts) for parts in zip(*alone, strict=True))
    assert_same(found, tuple(expected), exact=False)


def test_predictions_repeat_and_change_nothing(dense_fitted):
    before = copy.deepcopy(weights_of(dense_fitted))
    names = set(vars(dense_fitted))
    for method in METHODS:
        first = getattr(dense_fitted, method)(NEW)
        assert_same(getattr(dense_fitted, method)(NEW), first)
    assert set(vars(dense_fitted)) == names
    for name, value in weights_of(dense_fitted).items():
        np.testing.assert_array_equal(value, before[name])


def test_pickle_round_trip(dense_fitted):
    again = pickle.loads(pickle.dumps(dense_fitted))
    copied = copy.deepcopy(dense_fitted)
    for method in METHODS:
        expected = getattr(dense_fitted, method)(NEW)
        assert_same(getattr(again, method)(NEW), expected)
        assert_same(getattr(copied, method)(NEW), expected)


# ------------------------------------------------------------------------- what X may be


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers(fitted, container):
    make = CONTAINERS[container]
    classifier = small(threshold=0.3).fit(make(TITLES), DENSE)
    for method in METHODS:
        assert_same(getattr(classifier, method)(make(NEW)), getattr(fitted["dense"], method)(NEW))
    assert classifier.score(make(TITLES), DENSE) == fitted["dense"].score(TITLES, DENSE)


def test_empty_texts_and_unseen_words(fitted):
    for text in ("", "   ", "!?", "zzyzx qwertz", "\n\t"):
        names, scores = fitted["lists"].predict_topk([text], k=3)
        assert names.shape == scores.shape == (1, 3)
        assert set(names[0]) <= set(NAMES) and len(set(names[0])) == 3
        assert np.isfinite(scores).all()
    some_empty = small().fit(["", *TITLES], [["red"], *LISTS])
    assert np.isfinite(some_empty.predict_topk(NEW)[1]).all()


def test_no_words_at_all_is_refused():
    with pytest.raises(ValueError, match="no word"):
        small().fit(["", "!?", " "], ["a", "b", "a"])


def test_one_bare_text_is_refused(fitted):
    with pytest.raises(ValueError, match=r"wrap it in a list: \[X\]"):
        small().fit("red boat", ["red"])
    for method in [*METHODS]:
        with pytest.raises(ValueError, match=r"wrap it in a list: \[X\]"):
            getattr(fitted["dense"], method)("red boat")


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_text_is_refused(fitted, missing):
    for X in (
        ["red boat", missing, "kite"],
        pd.Series(["red boat", missing, "kite"], dtype=object),
    ):
        with pytest.raises(TypeError, match="row 1 is missing"):
            small().fit(X, ["a", "b", "a"])
        with pytest.raises(TypeError, match="row 1 is missing"):
            fitted["dense"].predict(X)
    with pytest.raises(TypeError, match="row 1 is missing"):
        fitted["dense"].predict(pd.Series(["red boat", None], dtype="str"))


@pytest.mark.parametrize("other", [3, 2.5, ["red"], b"red"])
def test_other_objects_among_texts_are_refused(fitted, other):
    with pytest.raises(TypeError, match="row 1 is"):
        fitted["dense"].predict(["red boat", other])


def test_sets_and_frames_of_two_columns_are_refused(fitted):
    with pytest.raises(TypeError, match="X must be a list"):
        fitted["dense"].predict({"red boat", "kite"})
    with pytest.raises(TypeError, match="X must be a list"):
        fitted["dense"].predict(pd.DataFrame({"a": TITLES, "b": TITLES}))


def test_matrix_and_text_do_not_mix(fitted):
    X = np.abs(np.random.default_rng(0).normal(size=(len(TITLES), 6)))
    on_matrix = small().fit(X, DENSE)
    with pytest.raises(ValueError, match="raw text, but the estimator was fitted on a matrix"):
        on_matrix.predict(TITLES)
    for matrix in (X, sp.csr_array(X)):
        with pytest.raises((TypeError, ValueError), match="X must"):
            fitted["dense"].predict(matrix)


@pytest.mark.parametrize("form", TARGETS)
def test_no_rows_give_no_predictions(fitted, form):
    classifier = fitted[form]
    n_labels = classifier.n_labels_
    names, scores = classifier.predict_topk([], k=2)
    assert names.shape == scores.shape == (0, 2)
    assert names.dtype == classifier.predict_topk(NEW, k=2)[0].dtype
    assert len(plain(classifier.predict([]))[0]) == 0
    assert type(classifier.predict([])) is type(classifier.predict(NEW))
    assert classifier.predict_proba([]).shape == (0, n_labels)
    expected = (0,) if form == "binary" else (0, n_labels)
    assert classifier.decision_function([]).shape == expected


def test_no_rows_cannot_be_fitted():
    for X in ([], (), pd.Series([], dtype="str"), np.array([], dtype="U3")):
        for y in ([], sp.csr_array((0, 3))):
            with pytest.raises(ValueError, match="0 sample|no word|2D array|2-dimensional"):
                small().fit(X, y)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        small().fit(TITLES[1:], DENSE)
    with pytest.raises(ValueError, match="sample_weight"):
        small().fit(TITLES, DENSE, sample_weight=np.ones(3))


def test_y_is_needed():
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        small().fit(TITLES, None)


@pytest.mark.parametrize("form", TARGETS)
def test_inputs_stay_as_they_are(form):
    X, y, weight = list(TITLES), copy.deepcopy(TARGETS[form]), np.linspace(0.5, 2, len(TITLES))
    if sp.issparse(y):  # as joblib hands it over: read-only, not sorted, with a stored zero
        y.data = np.where(np.arange(y.nnz) == 3, 0, y.data)
        y.indices[:2] = y.indices[1::-1].copy()
        for part in (y.data, y.indices, y.indptr):
            part.flags.writeable = False
    elif isinstance(y, np.ndarray):
        y.flags.writeable = False
    weight.flags.writeable = False
    before = copy.deepcopy((X, y, weight))
    classifier = small().fit(X, y, sample_weight=weight)
    classifier.predict(X)
    classifier.score(X, y)
    assert X == before[0]
    np.testing.assert_array_equal(weight, before[2])
    if sp.issparse(y):
        for name in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(y, name), getattr(before[1], name))
    else:
        np.testing.assert_array_equal(y, before[1])


# ------------------------------------------------------------------------- forms of y


@pytest.mark.parametrize("form", ["csr_array", "csr_matrix", "dense"])
def test_indicators_come_back_as_they_were(fitted, form):
    predicted = fitted[form].predict(TITLES)
    assert type(predicted) is type(TARGETS[form])
    assert predicted.shape == DENSE.shape
    values = plain(predicted)[0]
    assert values.dtype.kind == "i" and set(np.unique(values)) <= {0, 1}
    assert values.any()
    np.testing.assert_array_equal(values, fitted["dense"].predict(TITLES))


def test_label_lists_come_back_as_lists(fitted):
    predicted = fitted["lists"].predict(TITLES)
    assert isinstance(predicted, list) and all(isinstance(row, list) for row in predicted)
    expected = fitted["dense"].predict(TITLES)
    for row, flags in zip(predicted, expected, strict=True):
        assert sorted(row) == [NAMES[j] for j in np.flatnonzero(flags)]


@pytest.mark.parametrize("form", ONE_DIM)
def test_one_dim_comes_back_as_one_dim(fitted, form):
    y, classifier = TARGETS[form], fitted[form]
    predicted = classifier.predict(TITLES)
    assert predicted.shape == y.shape and predicted.dtype == y.dtype
    assert classifier.classes_.tolist() == sorted(set(y.tolist()))
    proba = classifier.predict_proba(TITLES)
    np.testing.assert_array_equal(predicted, classifier.classes_[proba.argmax(axis=1)])
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-5)


def test_small_models_learn(fitted):
    thing = {"strings": TARGETS["strings"], "binary": TARGETS["binary"]}
    for form, y in thing.items():
        classifier = small(max_epochs="auto").fit(TITLES, y)
        assert (classifier.predict(TITLES) == y).mean() > 0.95, form
        assert classifier.score(TITLES, y) == (classifier.predict(TITLES) == y).mean()
    for head in HEADS:
        classifier = small(max_epochs="auto", head=head).fit(TITLES, LISTS)
        names, _ = classifier.predict_topk(["green boat", "blue lamp"], k=2)
        assert [sorted(row) for row in names.tolist()] == [["boat", "green"], ["blue", "lamp"]]


@pytest.mark.parametrize("form", TARGETS)
def test_probabilities_and_decisions(fitted, form):
    classifier = fitted[form]
    proba, decision = classifier.predict_proba(NEW), classifier.decision_function(NEW)
    sparse = form in ("csr_array", "csr_matrix", "lists")
    assert sp.issparse(proba) == sp.issparse(decision) == sparse
    assert proba.shape == (len(NEW), classifier.n_labels_) and proba.dtype == np.float32
    p, z = plain(proba)[0], plain(decision)[0]
    assert np.isfinite(p).all() and p.min() >= 0 and p.max() <= 1
    assert np.isfinite(z).all()
    if form == "binary":
        assert z.shape == (len(NEW),)
        np.testing.assert_array_equal(z > 0, p[:, 1] > p[:, 0])
        order = np.argsort(z)
        assert (np.diff(p[order, 1]) >= -1e-6).all()
    else:
        for row_p, row_z in zip(p, z, strict=True):
            np.testing.assert_array_equal(np.argmax(row_p), np.argmax(row_z))


def test_binary_decisions_are_log_odds_of_the_calibrated_probabilities(fitted):
    classifier = copy.copy(fitted["binary"])
    maps = Calibration(
        IncreasingMap([-9.0, 0.0, 9.0], [-1.0, 0.5, 4.0]), IncreasingMap([-9.0, 9.0], [-5.0, 1.0])
    )
    model = classifier._model
    classifier._model = model._replace(ranker=replace(model.ranker, calibration=maps))
    proba, decision = (
        classifier.predict_proba(TITLES + NEW),
        classifier.decision_function(TITLES + NEW),
    )
    assert proba.max(axis=1).std() > 0
    np.testing.assert_allclose(decision, np.log(proba[:, 1] / proba[:, 0]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", TARGETS)
def test_ranking_agrees_with_probabilities(fitted, form):
    classifier = fitted[form]
    names, scores = classifier.predict_topk(NEW, k=3)
    k = min(3, classifier.n_labels_)
    assert names.shape == scores.shape == (len(NEW), k)
    assert (np.diff(scores, axis=1) <= 0).all()
    proba = plain(classifier.predict_proba(NEW))[0]
    column = {name: j for j, name in enumerate(classifier.classes_.tolist())}
    best = np.array([[column[name] for name in row] for row in names.tolist()])
    found = np.take_along_axis(proba, best, axis=1)
    if form not in ONE_DIM:
        np.testing.assert_allclose(found, scores, rtol=1e-6)
    assert (np.diff(found, axis=1) <= 0).all()
    np.testing.assert_array_equal(np.sort(-proba, axis=1)[:, :k], -found)


def test_predict_is_the_thresholded_probability(fitted):
    classifier = copy.copy(fitted["dense"])
    proba = classifier.predict_proba(TITLES)
    for threshold in (0.0, 0.2, 0.5, 1.0):
        classifier.set_params(threshold=threshold)
        np.testing.assert_array_equal(classifier.predict(TITLES), proba >= threshold)
    classifier.set_params(threshold=0.0, top_k=2)
    assert (classifier.predict(TITLES).sum(axis=1) == 2).all()


@pytest.mark.parametrize("form", TARGETS)
def test_no_label_depends_on_how_many_are_asked_for(fitted, form, monkeypatch):
    monkeypatch.setattr(ranker, "NETWORK_CANDIDATES", 2)
    monkeypatch.setattr(ranker, "LEXICAL_CANDIDATES", 1)
    classifier = fitted[form]
    names, scores = classifier.predict_topk(NEW + TITLES, k=classifier.n_labels_)
    for k in range(1, classifier.n_labels_):
        few = classifier.predict_topk(NEW + TITLES, k=k)
        assert_same(few, (names[:, :k], scores[:, :k]))
    assert (np.sort(names, axis=1) == np.sort(classifier.classes_)).all()
    if form in ONE_DIM:
        proba = classifier.predict_proba(TITLES)
        best = classifier.classes_[proba.argmax(axis=1)]
        np.testing.assert_array_equal(classifier.predict(TITLES), best)


def test_more_places_than_labels(fitted):
    names, scores = fitted["lists"].predict_topk(NEW, k=500)
    assert names.shape == scores.shape == (len(NEW), len(NAMES))
    assert all(sorted(row) == NAMES for row in names.tolist())


@pytest.mark.parametrize("k", [0, -1, 2.0, True, "2", None])
def test_k_must_be_a_positive_integer(fitted, k):
    with pytest.raises(ValueError, match="k must be a positive integer"):
        fitted["dense"].predict_topk(NEW, k=k)


def test_numpy_k(fitted):
    assert_same(
        fitted["dense"].predict_topk(NEW, k=np.int32(2)), fitted["dense"].predict_topk(NEW, k=2)
    )


def test_labels_without_a_training_row():
    y = np.hstack([DENSE, np.zeros((len(DENSE), 2), dtype=int)])
    for head in HEADS:
        classifier = small(head=head).fit(TITLES, sp.csr_array(y))
        assert classifier.n_labels_ == y.shape[1]
        assert classifier.label_counts_[-2:].tolist() == [0, 0]
        assert classifier.predict_proba(NEW).shape == (len(NEW), y.shape[1])
        names, scores = classifier.predict_topk(NEW, k=y.shape[1])
        assert all(set(row) <= set(range(y.shape[1])) for row in names.tolist())
        assert np.isfinite(scores).all()


def test_rows_without_labels():
    y = sp.csr_array(np.where(np.arange(len(DENSE))[:, None] % 3 == 0, 0, DENSE))
    assert np.isfinite(small().fit(TITLES, y).predict_topk(NEW)[1]).all()


def test_one_label_only():
    for head in HEADS:
        classifier = small(head=head).fit(TITLES, [["only"]] * len(TITLES))
        assert classifier.predict_topk(NEW, k=3)[0].tolist() == [["only"]] * len(NEW)


def test_score_is_precision_at_1(fitted):
    names, _ = fitted["lists"].predict_topk(TITLES, k=1)
    hits = np.array([name in labels for name, labels in zip(names[:, 0], LISTS, strict=True)])
    weight = np.arange(len(TITLES)) % 3 + 0.5
    assert fitted["lists"].score(TITLES, LISTS) == pytest.approx(hits.mean())
    found = fitted["lists"].score(TITLES, LISTS, sample_weight=weight)
    assert found == pytest.approx(np.average(hits, weights=weight))


# ------------------------------------------------------------------------- tools around it


def test_grid_search_over_a_pipeline_in_parallel():
    pipeline = Pipeline([("strip", FunctionTransformer()), ("clf", small())])
    grid = {"clf__n_neighbors": [0, 5], "clf__max_epochs": [1]}
    for n_jobs in (1, 2):
        search = GridSearchCV(pipeline, grid, cv=KFold(2, shuffle=True, random_state=0))
        search.set_params(n_jobs=n_jobs, error_score="raise").fit(TITLES, TARGETS["csr_array"])
        scores = search.cv_results_["mean_test_score"]
        if n_jobs == 1:
            expected = scores
    np.testing.assert_allclose(scores, expected)
    assert sp.issparse(search.predict(NEW))


def test_grid_search_over_the_vectorizer():
    classifier = small(vectorizer=TfidfVectorizer())
    search = GridSearchCV(classifier, {"vectorizer__ngram_range": [(1, 1), (1, 2)]}, cv=2)
    search.set_params(error_score="raise").fit(pd.Series(TITLES), DENSE)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_randomized_search():
    search = RandomizedSearchCV(
        small(), {"lr": [1e-3, 3e-3], "dropout": [0.0, 0.2]}, n_iter=2, cv=KFold(2), random_state=0
    )
    search.set_params(error_score="raise").fit(TITLES, LISTS)
    assert isinstance(search.predict(NEW), list)
    assert search.best_params_["lr"] in (1e-3, 3e-3)


def test_behind_a_tfidf_vectorizer():
    pipeline = make_pipeline(TfidfVectorizer(), small(max_epochs="auto")).fit(TITLES, LISTS)
    assert pipeline.score(TITLES, LISTS) > 0.9
    assert pipeline.predict_proba(NEW).shape == (len(NEW), len(NAMES))
    n_words = len(pipeline[0].vocabulary_)
    assert pipeline[-1].n_features_in_ == n_words


def test_behind_a_column_transformer():
    frame = pd.DataFrame({"title": TITLES, "price": np.linspace(0, 1, len(TITLES))})
    features = ColumnTransformer([("words", TfidfVectorizer(), "title")], remainder="passthrough")
    pipeline = make_pipeline(features, small()).fit(frame, DENSE)
    assert pipeline.predict(frame).shape == DENSE.shape
    title_only = ColumnTransformer([("title", "passthrough", ["title"])])
    on_text = make_pipeline(title_only, small(threshold=0.3)).fit(frame, DENSE)
    expected = small(threshold=0.3).fit(TITLES, DENSE).predict(TITLES)
    np.testing.assert_array_equal(on_text.predict(frame), expected)


def test_weight_reaches_fit_through_a_pipeline():
    weight = np.where([thing == "boat" for _, thing in LISTS], 5.0, 0.2)
    pipeline = Pipeline([("same", FunctionTransformer()), ("clf", small())])
    pipeline.fit(TITLES, DENSE, clf__sample_weight=weight)
    weighted = small().fit(TITLES, DENSE, sample_weight=weight)
    unweighted = small().fit(TITLES, DENSE)
    assert_same(pipeline.predict_proba(NEW), weighted.predict_proba(NEW))
    assert (weighted.predict_proba(NEW) != unweighted.predict_proba(NEW)).any()


def test_weight_raises_what_it_weighs():
    y = ["a", "b"] * (len(TITLES) // 2)  # the words say nothing about y
    texts = ["same words here"] * len(y)
    mean = []
    for heavy in ("a", "b"):
        weight = np.where(np.array(y) == heavy, 9.0, 1.0)
        classifier = small(max_epochs=20, n_neighbors=0, label_lr=0.1)
        classifier.fit(texts, y, sample_weight=weight + 0.5)  # no whole numbers
        mean.append(classifier.predict_proba(texts)[:, 0].mean())
    assert mean[0] > 0.7 and mean[1] < 0.3


def test_unit_weights_are_no_weights(fitted):
    found = small(threshold=0.3).fit(TITLES, DENSE, sample_weight=np.ones(len(TITLES)))
    for method in METHODS:
        assert_same(getattr(found, method)(NEW), getattr(fitted["dense"], method)(NEW))


@pytest.mark.parametrize("n_copies", [1, 10], ids=["none held out", "some held out"])
@pytest.mark.parametrize("weight", [2.5, 1e-6, 1e9])
def test_equal_weights_are_no_weights(n_copies, weight):
    texts, labels = TITLES * n_copies, LISTS * n_copies
    plain_fit = small().fit(texts, labels)
    found = small().fit(texts, labels, sample_weight=np.full(len(texts), weight))
    for method in METHODS[1:]:
        assert_same(getattr(found, method)(NEW), getattr(plain_fit, method)(NEW))


def test_only_the_ratios_of_weights_matter():
    texts, labels = TITLES * 10, LISTS * 10
    weight = np.random.default_rng(0).integers(1, 4, len(texts))
    one, other = (small().fit(texts, labels, sample_weight=w) for w in (weight, weight / 4096))
    assert one.n_samples_fit_ == len(texts)  # a copy of a held-out row would judge itself
    for method in METHODS[1:]:
        assert_same(getattr(one, method)(NEW), getattr(other, method)(NEW), exact=False)


def test_rows_are_not_repeated_where_some_would_be_held_out():
    weight = np.arange(260) % 3 + 1
    rows = np.arange(260) % len(TITLES)
    texts, labels = [TITLES[i] for i in rows], [LISTS[i] for i in rows]
    assert small().fit(texts, labels, sample_weight=weight).n_samples_fit_ == 260
    few = small(validation_fraction=0.09).fit(texts, labels, sample_weight=weight)
    assert few.n_samples_fit_ == weight.sum()


def test_copies_of_held_out_rows_would_be_too_sure():
    data = make_short_text(1600, 60, noise=0.4, indicator="csr", random_state=0)
    train, new = slice(0, 1000), slice(1000, None)
    error = []
    for weight in (None, np.full(1000, 2)):
        clf = small(max_epochs=5).fit(data.data[train], data.target[train], sample_weight=weight)
        ranking, p = clf.predict_topk(data.data[new], 5)
        error.append(expected_calibration_error(data.target[new], ranking, p, k=1))
    assert error[1] == pytest.approx(error[0], abs=0.02)


def test_whole_weights_repeat_rows_and_zero_removes_them():
    weight = np.arange(len(TITLES)) % 5 % 3  # every label keeps a row
    weighted = small().fit(TITLES, LISTS, sample_weight=weight)
    rows = np.repeat(np.arange(len(TITLES)), weight)
    repeated = small().fit([TITLES[i] for i in rows], [LISTS[i] for i in rows])
    for method in METHODS:
        found, expected = getattr(weighted, method)(NEW), getattr(repeated, method)(NEW)
        if method == "predict":
            assert found == expected
        else:
            assert_same(found, expected)


@pytest.mark.parametrize("weight", [np.nan, np.inf, -1.0])
def test_bad_weights_are_refused(weight):
    with pytest.raises(ValueError, match="sample_weight"):
        small().fit(TITLES, DENSE, sample_weight=np.where(np.arange(len(TITLES)) == 4, weight, 1.0))


def test_labels_absent_from_a_fold():
    order = np.argsort([thing for _, thing in LISTS], kind="stable")
    titles, y = [TITLES[i] for i in order], sp.csr_array(DENSE[order])
    search = GridSearchCV(small(), {"lr": [3e-3]}, cv=KFold(3), error_score="raise")
    search.fit(titles, y)
    assert search.best_score_ >= 0
    search.fit(titles, [LISTS[i] for i in order])
    strings = TARGETS["strings"][order]
    search.fit(titles, strings)
    assert search.best_score_ == 0.0  # each fold holds out a whole class


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("embedding_dim", 0),
        ("max_len", 0),
        ("kernel_sizes", 4),
        ("dropout", 1.0),
        ("head", "tree"),
        ("n_neighbors", -1),
        ("max_epochs", 0),
        ("lr", 0.0),
        ("label_optimizer", "sgd"),
        ("threshold", 1.5),
        ("validation_fraction", 1.0),
        ("device", "abacus"),
        ("top_k", 0),
        ("vectorizer", str.split),
        ("kernel_sizes", (0,)),
        ("kernel_sizes", ()),
        ("callbacks", "print"),
    ],
)
def test_bad_parameters_are_named(name, value):
    with pytest.raises((ValueError, TypeError), match=name):
        small(**{name: value}).fit(TITLES, DENSE)


def test_plain_lists_can_be_dumped(fitted):
    import json

    for form, clf in fitted.items():
        names, scores = clf.predict_topk(TITLES[:3], k=2)
        pairs = clf.predict_topk(TITLES[:3], k=2, as_lists=True)
        assert json.loads(json.dumps(pairs)) == [[list(pair) for pair in row] for row in pairs], (
            form
        )
        for row, expected, p in zip(pairs, names.tolist(), scores.tolist(), strict=True):
            assert row == list(zip(expected, p, strict=True)), form
