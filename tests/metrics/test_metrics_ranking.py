"""Ranking metrics against brute-force Python, scikit-learn, and their own invariances."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from _ranking_problems import PLAIN, TOP, WEIGHTED, Y, dcg, indicator, problems, quick, score
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from sk_inceptionxml.metrics import (
    _truth,
    coverage_at_k,
    ndcg_at_k,
    precision_at_k,
    psp_at_k,
    recall_at_k,
    top_k_indices,
)


def brute(metric, truth, ranking, k, label_weight, row_weight):
    """Follow the definitions, one row and one place at a time."""
    got, best, total = 0.0, 0.0, 0.0
    for labels, ranked, weight in zip(truth, ranking.tolist(), row_weight, strict=True):
        hits = [float(label in labels) for label in ranked[:k]]
        gains = [label_weight[label] if label in labels else 0.0 for label in ranked[:k]]
        best_gains = sorted((label_weight[label] for label in labels), reverse=True)[:k]
        ideal = dcg([1.0] * min(k, len(labels)))
        total += weight
        if metric is precision_at_k:
            got += weight * sum(hits) / k
        elif metric is recall_at_k:
            got += weight * sum(hits) / len(labels) if labels else 0.0
        elif metric is ndcg_at_k:
            got += weight * dcg(hits) / ideal if labels else 0.0
        elif metric is psp_at_k:
            got += weight * sum(gains) / k
            best += weight * sum(best_gains) / k
        elif labels:
            got += weight * dcg(gains) / ideal
            best += weight * dcg(best_gains) / ideal
    if metric in WEIGHTED:
        return got / best if best else 0.0
    return got / total


@pytest.mark.parametrize("metric", PLAIN + WEIGHTED)
@quick
@given(problem=problems(), k=st.integers(1, 9))
def test_metric_equals_brute_force(metric, problem, k):
    truth, ranking, n_labels, row_weight, label_weight = problem
    y = sp.csr_array(indicator(truth, n_labels))
    ones = [1] * len(truth)
    for given_weight, weight in ((None, ones), (row_weight, row_weight)):
        value = score(metric, y, ranking, k, label_weight, given_weight)
        assert isinstance(value, float)
        assert value == pytest.approx(brute(metric, truth, ranking, k, label_weight, weight))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_decides_between_ranking_and_scores(dtype):
    y = [[1, 0, 0], [0, 0, 1]]
    numbers = np.array([[0, 1, 2], [2, 1, 0]])
    assert precision_at_k(y, numbers, k=1) == 1.0
    assert precision_at_k(y, numbers.astype(dtype), k=1) == 0.0
    assert precision_at_k(y, sp.csr_array(numbers), k=1) == 0.0


@pytest.mark.parametrize("metric", PLAIN + WEIGHTED)
@quick
@given(problem=problems(), k=st.integers(1, 9))
def test_scores_and_their_ranking_agree(metric, problem, k):
    truth, ranking, n_labels, row_weight, label_weight = problem
    scores = sp.lil_array((len(truth), n_labels))
    for i, ranked in enumerate(ranking.tolist()):
        for place, label in enumerate([label for label in ranked if label >= 0]):
            scores[i, label] = 100.0 - place
    packed = np.take_along_axis(ranking, np.argsort(ranking < 0, axis=1, kind="stable"), axis=1)
    dense = np.where(scores.toarray() > 0, scores.toarray(), -np.inf)
    y = indicator(truth, n_labels)
    expected = score(metric, y, packed, k, label_weight, row_weight)
    for form in (scores, scores.tocsr(), scores.tocsc(), dense, dense.astype(np.float32)):
        value = score(metric, y, form, k, label_weight, row_weight)
        assert value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", PLAIN + WEIGHTED)
@quick
@given(problem=problems(), k=st.integers(1, 9), data=st.data())
def test_invariances(metric, problem, k, data):
    truth, ranking, n_labels, row_weight, label_weight = problem
    y = indicator(truth, n_labels)
    value = score(metric, y, ranking, k, label_weight, row_weight)
    # Renaming the columns.
    new_name = np.array(data.draw(st.permutations(range(n_labels))))
    renamed = np.where(ranking < 0, -1, new_name[ranking])
    back = np.argsort(new_name)
    moved = score(metric, y[:, back], renamed, k, np.array(label_weight)[back], row_weight)
    assert moved == pytest.approx(value)
    # Weights are repetitions.
    repeated = score(
        metric,
        np.repeat(y, row_weight, axis=0),
        np.repeat(ranking, row_weight, axis=0),
        k,
        label_weight,
    )
    assert repeated == pytest.approx(value)
    # Only the first k places are read, and -1 is the same as a narrower ranking.
    ranking[:, k:] = -1
    assert score(metric, y, ranking, k, label_weight, row_weight) == pytest.approx(value)
    assert score(metric, y, ranking[:, :k], k, label_weight, row_weight) == pytest.approx(value)
    # Work in small blocks.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_truth, "BLOCK", 2)
        assert score(metric, y, ranking, k, label_weight, row_weight) == pytest.approx(value)


@quick
@given(problem=problems(), k=st.integers(1, 9))
def test_perfect_ranking_scores_one_and_nothing_beats_it(problem, k):
    truth, ranking, n_labels, row_weight, label_weight = problem
    y = indicator(truth, n_labels)
    perfect = top_k_indices(sp.csr_array(y * np.array(label_weight)), k)
    for metric in PLAIN + WEIGHTED:
        best = score(metric, y, perfect, k, label_weight, row_weight)
        assert score(metric, y, ranking, k, label_weight, row_weight) <= best + 1e-12
    full = y.any(axis=1)
    if full.any():
        for metric in [ndcg_at_k, *WEIGHTED]:
            assert score(metric, y[full], perfect[full], k, label_weight) == pytest.approx(1.0)
        assert recall_at_k(y[full], top_k_indices(y[full], n_labels), k=n_labels) == 1.0


def test_moving_a_hit_up_never_lowers_a_metric():
    rng = np.random.default_rng(0)
    y = rng.random((40, 12)) < 0.3
    order = np.argsort(rng.random(y.shape), axis=1)
    hits = np.take_along_axis(y, order, axis=1)
    row, place = np.nonzero(hits[:, 1:] & ~hits[:, :-1])
    row, first = np.unique(row, return_index=True)
    better, place = order.copy(), place[first]
    better[row, place], better[row, place + 1] = order[row, place + 1], order[row, place]
    weights = rng.uniform(1, 5, size=12)
    assert ndcg_at_k(y, better, k=12) > ndcg_at_k(y, order, k=12)
    for metric in PLAIN + WEIGHTED:
        for k in (1, 3, 12):
            assert score(metric, y, better, k, weights) >= score(metric, y, order, k, weights)


@pytest.mark.parametrize("k", [1, 3, 5, 30, 50])
def test_ndcg_agrees_with_scikit_learn(k):
    rng = np.random.default_rng(k)
    y = (rng.random((50, 30)) < 0.15).astype(int)
    y[np.arange(50), rng.integers(30, size=50)] = 1
    scores = rng.permuted(np.tile(np.arange(30.0), (50, 1)), axis=1)
    weight = rng.random(50)
    expected = ndcg_score(y, scores, k=k, sample_weight=weight)
    assert ndcg_at_k(sp.csr_array(y), scores, k=k, sample_weight=weight) == pytest.approx(expected)


def test_millions_of_labels_stay_sparse():
    n_labels = 3_000_000_000
    y = sp.coo_array(([1, 1], ([0, 2], [n_labels - 1, 5])), shape=(3, n_labels))
    topk = np.array([[n_labels - 1], [5], [5]])
    assert precision_at_k(y, topk, k=1) == pytest.approx(2 / 3)
    assert recall_at_k(y, topk, k=2) == ndcg_at_k(y, topk, k=2) == pytest.approx(2 / 3)


@pytest.mark.parametrize("metric", PLAIN + WEIGHTED)
def test_no_labels_at_all_give_zero_without_warning(metric):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert score(metric, sp.csr_array((2, 3)), [[0], [1]], 5, [1, 2, 3]) == 0.0


@pytest.mark.parametrize(
    ("y", "topk", "options", "error", "match"),
    [
        ([1, 0], TOP, {}, ValueError, "y_true must be 2-D"),
        ([[1, 2, 0], [0, 1, 0]], TOP, {}, ValueError, "only 0 and 1, found 2"),
        ([[1, 0.5, 0], [0, 1, 0]], TOP, {}, ValueError, "only 0 and 1"),
        (sp.csr_array([[np.nan, 1, 0], [0, 1, 0]]), TOP, {}, ValueError, "found nan"),
        ([["a", "b", "c"]], TOP, {}, TypeError, "by different types"),
        (np.zeros((0, 3)), TOP, {}, ValueError, "at least one row"),
        (Y, [[0], [1], [2]], {}, ValueError, "topk has 3 rows, but y_true has 2"),
        (Y, [0, 1], {}, ValueError, "topk must be 2-D"),
        (Y, [[0, 3], [1, 2]], {}, ValueError, "below 3"),
        (Y, [[0, -2], [1, 2]], {}, ValueError, "from -2"),
        (Y, [[0, 1], [2, 2]], {}, ValueError, "repeats a label in row 1"),
        (Y, [[0.0, 1.0], [2.0, 1.0]], {}, ValueError, "integer dtype"),
        (Y, [[0.1, np.nan, 0.3]] * 2, {}, ValueError, "NaN"),
        (Y, sp.csr_array([[0.1, np.nan, 0.3]] * 2), {}, ValueError, "NaN"),
        (Y, [[True, False, True]] * 2, {}, TypeError, "got bool"),
        (Y, TOP, {"k": 0}, ValueError, "k must be at least 1"),
        (Y, TOP, {"k": 2.0}, TypeError, "k must be an integer"),
        (Y, TOP, {"k": True}, TypeError, "k must be an integer"),
        (Y, TOP, {"sample_weight": [1.0]}, ValueError, r"shape \(2,\), got \(1,\)"),
        (Y, TOP, {"sample_weight": [1.0, -1.0]}, ValueError, "non-negative"),
        (Y, TOP, {"sample_weight": [0, 0]}, ValueError, "positive sum"),
    ],
)
def test_errors_name_the_argument(y, topk, options, error, match):
    for metric in PLAIN:
        with pytest.raises(error, match=match):
            metric(y, topk, **options)
    with pytest.raises(error, match=match):
        psp_at_k(y, topk, inverse_propensity=[1, 1, 1], **options)


def test_places_beyond_k_are_not_checked():
    assert precision_at_k(Y, [[0, 0], [1, 99]], k=1) == 1.0


LISTS = [["a", "b"], ["c"], []]


@pytest.mark.parametrize("metric", [precision_at_k, recall_at_k, ndcg_at_k])
@pytest.mark.parametrize(
    "topk",
    [
        [["a", "c"], ["c", "b"], ["a"]],
        np.array([["a", "c"], ["c", "b"], ["a", ""]]),
        np.array([["a", "c"], ["c", "b"], ["a", None]], dtype=object),
    ],
)
def test_label_lists_are_read_as_the_columns_they_name(metric, topk):
    column = {"a": 0, "b": 1, "c": 2}
    ranking = (
        [[column.get(name, -1) for name in row] for row in np.asarray(topk, dtype=object)]
        if isinstance(topk, np.ndarray)
        else [[0, 2], [2, 1], [0, -1]]
    )
    Y = [[1, 1, 0], [0, 0, 1], [0, 0, 0]]
    for k in (1, 2, 3):
        assert metric(LISTS, topk, k=k) == metric(Y, ranking, k=k)


def test_labels_that_are_numbers_may_be_lists():
    assert precision_at_k([[5, 7], [9]], [[7], [5, 9]], k=1) == 0.5
    assert precision_at_k([{5, 7}, {9}], np.array([[7, 5], [9, -1]]), k=1) == 1.0


@pytest.mark.parametrize("k", [1, 3])
def test_a_matrix_of_0_and_1_is_no_ranking(k):
    Y = np.eye(9, dtype=int)
    with pytest.raises(ValueError, match="which names the labels of each row without an order"):
        precision_at_k(Y, Y, k=k)
    assert precision_at_k(Y, Y.astype(float), k=1) == 1.0


@pytest.mark.parametrize(
    ("y", "topk", "message"),
    [
        (np.eye(3), [["a"], ["b"], ["c"]], "y_true is an indicator"),
        (LISTS, np.eye(3), "topk is a matrix of scores"),
        (LISTS, [{"a"}, {"b"}, {"c"}], "sets, which have no order"),
        (LISTS, [[1], [2], [3]], "by different types"),
    ],
)
def test_names_on_one_side_only_are_refused(y, topk, message):
    with pytest.raises(TypeError, match=message):
        precision_at_k(y, topk, k=1)


@quick
@given(problem=problems(), k=st.integers(1, 9))
def test_coverage_counts_the_distinct_labels_that_are_found(problem, k):
    truth, ranking, n_labels, row_weight, _ = problem
    y = sp.csr_array(indicator(truth, n_labels))
    for weight in (None, row_weight):
        counted = [i for i in range(len(truth)) if weight is None or weight[i]]
        wanted = {label for i in counted for label in truth[i]}
        found = {label for i in counted for label in ranking[i, :k].tolist() if label in truth[i]}
        expected = len(found) / len(wanted) if wanted else 0.0
        assert coverage_at_k(y, ranking, k=k, sample_weight=weight) == expected
