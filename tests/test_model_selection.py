"""Scorers inside scikit-learn's tools, and cross-validation of every form of y."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from _models import small
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, StratifiedKFold
from sklearn.model_selection import cross_validate as plain_cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sk_inceptionxml import metrics
from sk_inceptionxml.model_selection import (
    RankingScorer,
    cross_validate,
    get_scorer,
    ndcg_at_k_scorer,
    precision_at_k_scorer,
    predict_topk,
    psp_at_k_scorer,
    recall_at_k_scorer,
)

COLOURS = ["red", "blue", "green", "white"]
THINGS = ["boat", "kite", "lamp"]
PAIRS = [(colour, thing) for colour in COLOURS for thing in THINGS]
TITLES = [f"{colour} {thing} number{i}" for i in range(4) for colour, thing in PAIRS]
LISTS = [list(pair) for _ in range(4) for pair in PAIRS]
NAMES = sorted(COLOURS + THINGS)
DENSE = np.array([[int(name in labels) for name in NAMES] for labels in LISTS])
WEIGHT = np.arange(len(TITLES)) % 4 + 0.5

FORMS = {
    "csr_array": (sp.csr_array(DENSE), DENSE),
    "csr_matrix": (sp.csr_matrix(DENSE), DENSE),
    "dense": (DENSE, DENSE),
    "lists": (LISTS, DENSE),
    "one_dim": ([pair[1] for pair in LISTS], DENSE[:, [NAMES.index(t) for t in sorted(THINGS)]]),
}
SCORERS = {
    "p": (precision_at_k_scorer(2), metrics.precision_at_k),
    "ndcg": (ndcg_at_k_scorer(2), metrics.ndcg_at_k),
    "recall": (recall_at_k_scorer(2), metrics.recall_at_k),
}


@pytest.fixture(scope="module")
def fitted():
    return {form: small().fit(TITLES, y) for form, (y, _) in FORMS.items()}


def ranked_columns(classifier, X, k):
    """The ranking through the public names."""
    names, _ = classifier.predict_topk(X, k=k)
    column = {name: j for j, name in enumerate(classifier.classes_.tolist())}
    return np.array([[column[name] for name in row] for row in names.tolist()])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_scorer_is_the_metric_of_the_ranking(fitted, form, name, weight):
    y, indicator = FORMS[form]
    scorer, metric = SCORERS[name]
    ranking = ranked_columns(fitted[form], TITLES, 2)
    expected = metric(indicator, ranking, k=2, sample_weight=weight)
    assert scorer(fitted[form], TITLES, y, sample_weight=weight) == pytest.approx(expected)
    assert 0 < expected <= 1


def test_propensities_are_those_of_the_training_rows(fitted):
    ranking = ranked_columns(fitted["dense"], TITLES[:7], 2)
    weights = metrics.inverse_propensity(DENSE, A=0.6, B=2.6)
    expected = metrics.psp_at_k(DENSE[:7], ranking, k=2, inverse_propensity=weights)
    scorer = psp_at_k_scorer(2, A=0.6, B=2.6)
    assert scorer(fitted["dense"], TITLES[:7], DENSE[:7]) == pytest.approx(expected)


def test_precision_at_1_is_the_score(fitted):
    classifier = fitted["lists"]
    expected = classifier.score(TITLES, LISTS, sample_weight=WEIGHT)
    assert precision_at_k_scorer(1)(classifier, TITLES, LISTS, WEIGHT) == pytest.approx(expected)


@pytest.mark.parametrize("name", SCORERS)
def test_unseen_labels_are_misses_in_any_form(name):
    names = np.array(sorted({label for labels in LISTS for label in labels}))
    rows = [labels if "red" in labels else [*labels, "unseen"] for labels in LISTS]
    train = ["red" in labels for labels in LISTS]
    names = [*names, "unseen"]
    Y = np.array([[int(name in labels) for name in names] for labels in rows])
    scorer, _ = SCORERS[name]
    scores = []
    for y in (Y, rows):
        part = [label for label, used in zip(y, train, strict=True) if used]
        part = np.array(part) if y is Y else part
        X = [text for text, used in zip(TITLES, train, strict=True) if used]
        scores.append(scorer(small().fit(X, part), TITLES, y))
    assert scores[0] == pytest.approx(scores[1]) and scores[0] > 0


def test_k_beyond_the_labels_counts_misses(fitted):
    n_labels = DENSE.shape[1]
    score = precision_at_k_scorer(2 * n_labels)(fitted["dense"], TITLES, DENSE)
    assert score == pytest.approx(DENSE.sum(axis=1).mean() / (2 * n_labels))


def upper(texts):
    return [text.upper() for text in texts]


def test_pipelines_and_searches_are_unwrapped(fitted):
    # the prefix breaks the titles, so that a scorer which skips a step is seen
    strip = FunctionTransformer(lambda texts: [text[2:] for text in texts])
    prefixed = [f"x {title}" for title in TITLES]
    inner = Pipeline([("strip", strip), ("classifier", small())]).fit(prefixed, DENSE)
    nested = Pipeline([("inner", inner)])
    search = GridSearchCV(small(), {"n_filters": [4]}, cv=2, scoring=get_scorer("P@2"))
    search.fit(TITLES, DENSE)
    for name in ("P@2", "nDCG@2", "R@2", "PSP@2"):
        expected = get_scorer(name)(fitted["dense"], TITLES, DENSE)
        assert get_scorer(name)(inner, prefixed, DENSE) == expected
        assert get_scorer(name)(nested, prefixed, DENSE) == expected
        assert get_scorer(name)(search, TITLES, DENSE) == expected


def test_predict_topk_through_pipelines_and_searches():
    vectorizer = TfidfVectorizer()
    model = make_pipeline(vectorizer, small()).fit(TITLES, DENSE)
    inner = model[-1].predict_topk(vectorizer.transform(TITLES), k=3)
    search = GridSearchCV(model, {"inceptionxmlclassifier__lr": [3e-3]}, cv=2).fit(TITLES, DENSE)
    best = search.best_estimator_
    chosen = best[-1].predict_topk(best[:-1].transform(TITLES), k=3)
    for outer, expected in ((model, inner), (best, chosen), (search, chosen)):
        found = predict_topk(outer, TITLES, k=3)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(TypeError, match="predict_topk"):
        predict_topk(vectorizer, TITLES)


def test_search_inside_a_pipeline():
    search = GridSearchCV(small(), {"n_neighbors": [0, 5]}, cv=2, scoring=get_scorer("P@1"))
    pipeline = Pipeline([("upper", FunctionTransformer(upper)), ("search", search)])
    pipeline.fit(TITLES, sp.csr_array(DENSE))
    score = precision_at_k_scorer(1)(pipeline, TITLES, sp.csr_array(DENSE))
    assert score == pytest.approx(pipeline.score(TITLES, sp.csr_array(DENSE)))


def test_what_ranks_nothing_is_refused():
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match="LogisticRegression does not"):
        precision_at_k_scorer(1)(model, [[0.0]], [0])
    unfitted = GridSearchCV(small(), {})
    with pytest.raises(TypeError, match="GridSearchCV without best_estimator_"):
        precision_at_k_scorer(1)(unfitted, TITLES, DENSE)
    with pytest.raises(NotFittedError):
        precision_at_k_scorer(1)(small(), TITLES, DENSE)


@pytest.mark.parametrize("k", [0, -1, 1.0, True, "1", None])
def test_k_must_be_a_positive_integer(k):
    with pytest.raises(ValueError, match="k must be a positive integer"):
        precision_at_k_scorer(k)


def test_scorer_parameters_are_checked():
    with pytest.raises(ValueError, match="metric must be one of"):
        RankingScorer("accuracy", 1)
    with pytest.raises(TypeError, match="no option 'A'"):
        RankingScorer("ndcg", 1, A=0.5)


@pytest.mark.parametrize(
    ("name", "metric", "k"),
    [
        ("precision@5", "precision", 5),
        ("P@5", "precision", 5),
        ("p@10", "precision", 10),
        ("nDCG@3", "ndcg", 3),
        ("N@3", "ndcg", 3),
        ("Recall@100", "recall", 100),
        ("r@1", "recall", 1),
        ("PSP@1", "psp", 1),
    ],
)
def test_names_of_scorers(name, metric, k):
    assert repr(get_scorer(name)) == repr(RankingScorer(metric, k))


@pytest.mark.parametrize("name", ["P", "P@", "P@0", "P@-1", "P@1.5", "P @1", "F1@5", "@5", "", 5])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="name must be a metric at k"):
        get_scorer(name)


@pytest.mark.parametrize("scorer", [precision_at_k_scorer(3), psp_at_k_scorer(2, A=0.5, B=0.4)])
def test_scorers_pickle(fitted, scorer):
    again = pickle.loads(pickle.dumps(scorer))
    assert repr(again) == repr(scorer)
    assert again(fitted["dense"], TITLES, DENSE) == scorer(fitted["dense"], TITLES, DENSE)


def test_search_over_several_metrics():
    scoring = {"p1": precision_at_k_scorer(1), "psp2": psp_at_k_scorer(2), "n": get_scorer("N@2")}
    pipeline = Pipeline([("upper", FunctionTransformer(upper)), ("classifier", small())])
    grid = {"classifier__n_neighbors": [0, 10]}
    cv = KFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(pipeline, grid, scoring=scoring, refit="p1", cv=cv)
    clone(search).fit(TITLES, sp.csr_array(DENSE))
    search.fit(TITLES, sp.csr_matrix(DENSE), classifier__sample_weight=WEIGHT)
    for name in scoring:
        assert np.isfinite(search.cv_results_[f"mean_test_{name}"]).all()
    assert search.cv_results_["mean_test_p1"].max() == search.best_score_


def test_search_passes_the_weight_on():
    even, odd = np.arange(len(TITLES)) % 2 == 0, np.arange(len(TITLES)) % 2 == 1
    cv = [(np.flatnonzero(even), np.flatnonzero(odd))]
    kept = np.where(odd, np.arange(len(TITLES)) % 3 == 0, 1.0)
    for scoring in (precision_at_k_scorer(2), {"p": precision_at_k_scorer(2)}):
        search = GridSearchCV(small(), {}, scoring=scoring, refit=False, cv=cv)
        search.fit(TITLES, DENSE, sample_weight=kept)
        model = small().fit(np.array(TITLES)[even], DENSE[even], sample_weight=kept[even])
        rows = odd & (kept > 0)
        expected = precision_at_k_scorer(2)(model, np.array(TITLES)[rows], DENSE[rows])
        name = "mean_test_p" if isinstance(scoring, dict) else "mean_test_score"
        assert search.cv_results_[name][0] == pytest.approx(expected)


def test_metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = small().set_fit_request(sample_weight=True)
        silent = GridSearchCV(classifier, {}, scoring=precision_at_k_scorer(1), cv=2)
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
            silent.fit(TITLES, DENSE, sample_weight=WEIGHT)
        scorer = precision_at_k_scorer(1).set_score_request(sample_weight=True)
        search = GridSearchCV(classifier, {}, scoring=scorer, cv=2)
        search.fit(TITLES, DENSE, sample_weight=WEIGHT)
    plain = GridSearchCV(small(), {}, scoring=precision_at_k_scorer(1), cv=2)
    plain.fit(TITLES, DENSE, sample_weight=WEIGHT)
    assert search.best_score_ == pytest.approx(plain.best_score_)


# ------------------------------------------------------------------------- cross-validation


@pytest.mark.parametrize("form", FORMS)
def test_cross_validate_takes_every_form(form):
    y, _ = FORMS[form]
    result = cross_validate(
        small(), TITLES, y, cv=2, scoring="P@1", return_train_score=True, return_indices=True
    )
    keys = {"fit_time", "score_time", "test_score", "train_score", "indices"}
    assert result.keys() == keys
    assert all(len(result[key]) == 2 for key in keys - {"indices"})
    assert np.isfinite(result["test_score"]).all()
    rows = np.concatenate(result["indices"]["test"])
    assert sorted(rows) == list(range(len(TITLES)))
    assert rows.tolist() != sorted(rows)


def test_cross_validate_agrees_with_scikit_learn():
    scoring = {"p": precision_at_k_scorer(2), "acc": "accuracy"}
    cv = KFold(2, shuffle=True, random_state=3)
    expected = plain_cross_validate(
        small(), TITLES, DENSE, scoring=scoring, cv=cv, return_train_score=True
    )
    found = cross_validate(
        small(), TITLES, sp.csr_array(DENSE), scoring=scoring, cv=cv, return_train_score=True
    )
    assert list(found) == list(expected)
    for key in ("test_p", "test_acc", "train_p", "train_acc"):
        np.testing.assert_allclose(found[key], expected[key])


def test_cross_validate_estimators_and_folds():
    y = sp.csr_array(DENSE)
    first = cross_validate(
        small(), TITLES, y, cv=2, scoring="N@2", return_estimator=True, return_indices=True
    )
    for i, model in enumerate(first["estimator"]):
        rows = first["indices"]["test"][i]
        score = ndcg_at_k_scorer(2)(model, [TITLES[row] for row in rows], y[rows])
        assert score == first["test_score"][i]
    again = cross_validate(small(), TITLES, y, cv=2, scoring="N@2", return_indices=True)
    np.testing.assert_array_equal(first["test_score"], again["test_score"])
    other = cross_validate(
        small(), TITLES, y, cv=2, scoring="N@2", return_indices=True, random_state=1
    )
    assert first["indices"]["test"][0].tolist() != other["indices"]["test"][0].tolist()


def test_cross_validate_leaves_the_global_random_state():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    cross_validate(small(), TITLES, DENSE, cv=2, random_state=None)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("scoring", "names"),
    [
        (None, ["score"]),
        ("P@1", ["score"]),
        ("accuracy", ["score"]),
        (["P@1", "psp@2"], ["P@1", "psp@2"]),
        (["accuracy", "P@1"], ["accuracy", "P@1"]),
        ({"a": "P@1", "b": get_scorer("R@2"), "c": "f1_micro"}, ["a", "b", "c"]),
    ],
)
def test_cross_validate_scoring(scoring, names):
    result = cross_validate(small(), TITLES, sp.csr_array(DENSE), cv=2, scoring=scoring)
    assert {key for key in result if key.startswith("test_")} == {f"test_{name}" for name in names}
    assert all(np.isfinite(result[f"test_{name}"]).all() for name in names)


@pytest.mark.parametrize("name", ["p_at_5", "P@0", "map@5"])
def test_cross_validate_names_both_kinds_of_scorers(name):
    with pytest.raises(ValueError, match=rf"'P@5'.*get_scorer_names\(\); got '{name}'"):
        cross_validate(small(), TITLES, DENSE, cv=2, scoring=name)


def test_default_score_is_precision_at_1():
    y = sp.csr_array(DENSE)
    default = cross_validate(small(), TITLES, y, cv=2)
    np.testing.assert_allclose(
        default["test_score"], cross_validate(small(), TITLES, y, cv=2, scoring="P@1")["test_score"]
    )


def test_cross_validate_splitters_groups_and_params():
    groups = np.arange(len(TITLES)) % 3
    result = cross_validate(
        small(),
        np.array(TITLES),
        sp.csr_array(DENSE),
        groups=groups,
        cv=GroupKFold(3),
        params={"sample_weight": WEIGHT},
        return_indices=True,
    )
    for rows in result["indices"]["test"]:
        assert len(set(groups[rows])) == 1
    things = [pair[1] for pair in LISTS]
    folds = cross_validate(small(), TITLES, things, cv=StratifiedKFold(2), return_indices=True)
    assert {things[row] for row in folds["indices"]["test"][0]} == set(THINGS)


def test_labels_absent_from_a_fold():
    order = np.argsort([labels[1] for labels in LISTS], kind="stable")
    titles, y = [TITLES[i] for i in order], sp.csr_array(DENSE[order])
    lists = [LISTS[i] for i in order]
    for target in (y, lists):
        result = cross_validate(small(), titles, target, cv=KFold(3), scoring=["P@2", "PSP@2"])
        assert np.isfinite(result["test_PSP@2"]).all()


def test_cross_validate_in_parallel_and_in_a_pipeline():
    pipeline = make_pipeline(TfidfVectorizer(), small())
    y = sp.csr_array(DENSE)
    expected = cross_validate(pipeline, TITLES, y, cv=2, scoring="P@2")
    found = cross_validate(pipeline, TITLES, y, cv=2, scoring="P@2", n_jobs=2)
    np.testing.assert_allclose(found["test_score"], expected["test_score"])


def test_parameters_are_still_checked():
    y = sp.csr_array(DENSE)
    with pytest.raises(ValueError, match="lr"):
        cross_validate(small(lr=-1.0), TITLES, y, cv=2, error_score="raise")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        cross_validate(small(), TITLES[1:], y, cv=2)
    with pytest.raises(ValueError, match="n_splits"):
        cross_validate(small(), TITLES, y, cv=1)


def test_failing_fold_scores_nan():
    y = sp.csr_array(np.vstack([DENSE[:4], np.zeros_like(DENSE[:4])]))
    with pytest.warns(FitFailedWarning, match="no positive label"):
        result = cross_validate(small(), TITLES[:8], y, cv=KFold(2), scoring="P@1")
    assert np.isnan(result["test_score"]).tolist() == [True, False]
