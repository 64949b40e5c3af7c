"""Searches, curves and displays of scikit-learn, on text, with every form of y."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from _models import small as any_small
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
    validation_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_html_repr

from sk_inceptionxml.heads import SyncXML
from sk_inceptionxml.model_selection import get_scorer

COLOURS, THINGS = ["red", "blue", "green"], ["boat", "kite"]
PAIRS = [(colour, thing) for colour in COLOURS for thing in THINGS]
TITLES = [f"{colour} {thing} number{i}" for i in range(4) for colour, thing in PAIRS]
LISTS = [list(pair) for _ in range(4) for pair in PAIRS]
NAMES = sorted(COLOURS + THINGS)
DENSE = np.array([[int(name in row) for name in NAMES] for row in LISTS])
FORMS = {
    "csr_array": sp.csr_array(DENSE),
    "dense": DENSE,
    "lists": LISTS,
    "one class": [thing for _, thing in LISTS],
}
small = partial(any_small, max_epochs=1, n_neighbors=5)
FOLDS = KFold(2, shuffle=True, random_state=0)
SEARCHES = {
    "grid": lambda model: GridSearchCV(model, {"n_neighbors": [0, 5]}, cv=FOLDS),
    "random": lambda model: RandomizedSearchCV(
        model, {"n_neighbors": [0, 5], "lr": [1e-3, 3e-3]}, n_iter=2, cv=FOLDS, random_state=0
    ),
    "halving": lambda model: HalvingGridSearchCV(
        model,
        {"n_neighbors": [0, 5]},
        resource="max_epochs",
        min_resources=1,
        max_resources=2,
        factor=2,
        cv=FOLDS,
        random_state=0,
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", SEARCHES)
def test_searches_take_text_and_every_form_of_y(kind, form):
    search = SEARCHES[kind](small()).set_params(error_score="raise").fit(TITLES, FORMS[form])
    best = small().set_params(**search.best_params_)
    if kind == "halving":
        best.set_params(max_epochs=2)
        assert search.n_resources_ == [1, 2]
    found, expected = search.predict(TITLES), best.fit(TITLES, FORMS[form]).predict(TITLES)
    assert type(found) is type(expected)
    if sp.issparse(found):
        found, expected = found.toarray(), expected.toarray()
    assert np.array_equal(np.asarray(found, object), np.asarray(expected, object))
    # without lexical neighbours one epoch learns nothing
    assert search.best_params_["n_neighbors"] == 5
    assert search.best_score_ > 0.5


def test_cross_validation_of_label_lists():
    scores = cross_val_score(small(), TITLES, LISTS, cv=FOLDS, error_score="raise")
    result = cross_validate(
        small(), TITLES, LISTS, cv=FOLDS, return_estimator=True, error_score="raise"
    )
    np.testing.assert_array_equal(result["test_score"], scores)
    for model, (_, rows) in zip(result["estimator"], FOLDS.split(TITLES), strict=True):
        expected = model.score([TITLES[i] for i in rows], [LISTS[i] for i in rows])
        assert expected in scores


def test_curves_of_label_lists():
    sizes, train, test = learning_curve(
        small(), TITLES, LISTS, cv=FOLDS, train_sizes=[0.5, 1.0], error_score="raise"
    )
    assert sizes.tolist() == [6, 12] and train.shape == test.shape == (2, 2)
    assert np.isfinite([train, test]).all()
    train, test = validation_curve(
        small(), TITLES, LISTS, param_name="n_neighbors", param_range=[0, 5], cv=FOLDS
    )
    assert test[1].mean() > test[0].mean()


def test_permuted_labels_score_worse():
    score, permuted, p_value = permutation_test_score(
        small(), TITLES, LISTS, cv=FOLDS, n_permutations=4, random_state=0
    )
    assert score > permuted.mean() and 0 < p_value <= 1


@pytest.mark.parametrize("form", ["csr_array", "dense", "one class"])
def test_cross_val_predict(form):
    found = cross_val_predict(small(), TITLES, FORMS[form], cv=FOLDS)
    for train, test in FOLDS.split(TITLES):
        rows = FORMS[form] if form != "one class" else np.array(FORMS[form])
        model = small().fit([TITLES[i] for i in train], rows[train])
        expected = model.predict([TITLES[i] for i in test])
        part = found[test]
        if sp.issparse(part):
            part, expected = part.toarray(), expected.toarray()
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("form", FORMS)
def test_train_test_split_and_several_metrics(form):
    y = FORMS[form]
    X_train, X_test, y_train, y_test = train_test_split(TITLES, y, test_size=0.5, random_state=0)
    scoring = {"p": get_scorer("P@1"), "n": get_scorer("nDCG@2")}
    search = GridSearchCV(small(), {"n_neighbors": [0, 5]}, cv=FOLDS, scoring=scoring, refit="n")
    search.fit(X_train, y_train)
    assert search.best_index_ == search.cv_results_["mean_test_n"].argmax()
    # the score of a search is by the metric that chose
    assert search.score(X_test, y_test) == scoring["n"](search, X_test, y_test)


def test_parameters_can_be_searched_behind_a_step():
    model = make_pipeline(FunctionTransformer(), small())
    search = GridSearchCV(model, {"inceptionxmlclassifier__head": ["ova", "sync"]}, cv=FOLDS)
    search.set_params(error_score="raise").fit(pd.Series(TITLES), FORMS["csr_array"])
    assert search.best_estimator_[-1].head_ == search.best_params_["inceptionxmlclassifier__head"]


def test_parameters_of_the_head_can_be_searched():
    head = SyncXML(n_clusters=2)
    search = GridSearchCV(small(head=head), {"head__n_clusters": [3, 4]}, cv=FOLDS)
    search.set_params(error_score="raise").fit(TITLES, LISTS)
    best = search.best_estimator_
    assert best.head.n_clusters == search.best_params_["head__n_clusters"]
    assert len(best.net_.module_.head.meta_weight) == best.head.n_clusters
    assert head.n_clusters == 2  # the search works on copies


def test_names_of_the_columns_are_remembered():
    frame = pd.DataFrame(np.random.default_rng(0).random((24, 3)), columns=["a", "b", "ü"])
    model = small().fit(frame, DENSE)
    assert model.feature_names_in_.tolist() == ["a", "b", "ü"] and model.n_features_in_ == 3
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["b", "a", "ü"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(frame.to_numpy())
    assert not hasattr(model.fit(frame.to_numpy(), DENSE), "feature_names_in_")
    model.fit(frame, DENSE).fit(TITLES, DENSE)
    assert not hasattr(model, "feature_names_in_")


def test_html_shows_parameters_and_state():
    model = small(n_filters=5)
    html = estimator_html_repr(model)
    assert "n_filters" in html and "Not fitted" in html
    html = estimator_html_repr(make_pipeline(FunctionTransformer(), model.fit(TITLES, LISTS)))
    assert "InceptionXMLClassifier" in html and "<span>Fitted</span>" in html
    # no page of scikit-learn describes this class
    assert 'href="https://scikit-learn' not in estimator_html_repr(model)
