"""Ranking metrics against brute-force Python, scikit-learn, and their own invariances."""

import math
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import ndcg_score

from sk_inceptionxml import metrics
from sk_inceptionxml.metrics import (
    expected_calibration_error,
    frequency_report,
    inverse_propensity,
    ndcg_at_k,
    precision_at_k,
    psndcg_at_k,
    psp_at_k,
    ranking_report,
    recall_at_k,
    top_k_indices,
)

PLAIN = [precision_at_k, recall_at_k, ndcg_at_k]
WEIGHTED = [psp_at_k, psndcg_at_k]

quick = settings(max_examples=40, deadline=None)


@st.composite
def problems(draw):
    """Truth as sets, ranking as lists with gaps, k, integer row weights, label weights."""
    n_labels = draw(st.integers(1, 7))
    n_rows = draw(st.integers(1, 5))
    width = draw(st.integers(0, n_labels + 2))
    label = st.integers(0, n_labels - 1)
    truth = [draw(st.sets(label)) for _ in range(n_rows)]
    places = st.permutations([*range(n_labels), -1, -1])
    ranking = [draw(places)[:width] for _ in range(n_rows)]
    row_weight = draw(st.lists(st.integers(0, 3), min_size=n_rows, max_size=n_rows).filter(any))
    label_weight = draw(
        st.lists(st.sampled_from([1.0, 1.5, 2.0, 7.25]), min_size=n_labels, max_size=n_labels)
    )
    return (
        truth,
        np.array(ranking, dtype=int).reshape(n_rows, width),
        n_labels,
        row_weight,
        label_weight,
    )


def indicator(truth, n_labels):
    y = np.zeros((len(truth), n_labels), dtype=int)
    for i, labels in enumerate(truth):
        y[i, list(labels)] = 1
    return y


def score(metric, y, topk, k, label_weight, sample_weight=None):
    extra = {"inverse_propensity": label_weight} if metric in WEIGHTED else {}
    return metric(y, topk, k=k, sample_weight=sample_weight, **extra)


# ---------------------------------------------------------------- brute force


def dcg(gains):
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def brute(metric, truth, ranking, k, label_weight, row_weight):
    """The definitions, one row and one place at a time."""
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


@quick
@given(problem=problems(), k=st.integers(1, 9))
def test_report_equals_the_single_metrics(problem, k):
    truth, ranking, n_labels, row_weight, label_weight = problem
    y = indicator(truth, n_labels)
    report = ranking_report(
        y,
        ranking,
        ks=(1, k),
        recall_ks=(1, k),
        inverse_propensity=label_weight,
        sample_weight=row_weight,
    )
    names = {precision_at_k: "P", ndcg_at_k: "nDCG", psp_at_k: "PSP", psndcg_at_k: "PSnDCG"}
    expected = {
        f"{name}@{j}": 100 * score(metric, y, ranking, j, label_weight, row_weight)
        for metric, name in names.items()
        for j in (1, k)
    }
    for j in (1, k):
        if j <= ranking.shape[1]:
            expected[f"R@{j}"] = 100 * recall_at_k(y, ranking, k=j, sample_weight=row_weight)
    assert report == pytest.approx(expected)


@quick
@given(problem=problems(), k=st.integers(1, 9), data=st.data())
def test_frequency_report_equals_brute_force(problem, k, data):
    truth, ranking, n_labels, row_weight, _ = problem
    count = st.integers(0, 12)
    counts = data.draw(st.lists(count, min_size=n_labels, max_size=n_labels))
    weight = data.draw(st.sampled_from([None, row_weight]))
    table = frequency_report(
        indicator(truth, n_labels), ranking, counts, k=k, edges=(0, 1, 3, 10), sample_weight=weight
    )
    assert table["bucket"].tolist() == ["0", "1-2", "3-9", "10+"]
    members = [{0}, {1, 2}, set(range(3, 10)), set(range(10, 99))]
    for allowed, row in zip(members, table.to_dict("records"), strict=True):
        inside = {label for label in range(n_labels) if counts[label] in allowed}
        positives = predicted = found = 0
        for labels, ranked, w in zip(
            truth, ranking.tolist(), weight or [1] * len(truth), strict=True
        ):
            shown = inside & set(ranked[:k])
            positives += w * len(labels & inside)
            predicted += w * len(shown)
            found += w * len(shown & labels)
        assert row["n_labels"] == len(inside)
        assert (row["n_positives"], row["n_predicted"]) == (positives, predicted)
        assert_allclose(row[f"recall@{k}"], found / positives if positives else np.nan)
        assert_allclose(row["precision"], found / predicted if predicted else np.nan)


@quick
@given(problem=problems(), k=st.integers(1, 9), n_bins=st.integers(1, 6), data=st.data())
def test_calibration_error_equals_brute_force(problem, k, n_bins, data):
    truth, ranking, n_labels, row_weight, _ = problem
    grid = st.sampled_from([i / 12 for i in range(13)])
    size = ranking.size
    proba = data.draw(st.lists(grid, min_size=size, max_size=size))
    proba = np.array(proba, dtype=float).reshape(ranking.shape)
    strategy = data.draw(st.sampled_from(["uniform", "quantile"]))
    points = [
        (proba[i, j], float(ranking[i, j] in truth[i]))
        for i in range(len(truth))
        for j in range(min(k, ranking.shape[1]))
        if ranking[i, j] >= 0
        for _ in range(row_weight[i])
    ]
    y = indicator(truth, n_labels)
    options = {"k": k, "n_bins": n_bins, "strategy": strategy, "sample_weight": row_weight}
    proba[ranking < 0] = np.nan  # must not be read
    if not points:
        with pytest.raises(ValueError, match="no label"):
            expected_calibration_error(y, ranking, proba, **options)
        return
    uppers = [b / n_bins for b in range(1, n_bins)]
    if strategy == "quantile":
        ordered = sorted(p for p, _ in points)
        uppers = [ordered[math.ceil(len(ordered) * b / n_bins) - 1] for b in range(1, n_bins)]
    bins = {}
    for p, hit in points:
        bins.setdefault(sum(p > upper for upper in uppers), []).append((p, hit))
    expected = 0.0
    for members in bins.values():
        confidence, accuracy = (sum(column) / len(members) for column in zip(*members, strict=True))
        expected += len(members) / len(points) * abs(accuracy - confidence)
    value = expected_calibration_error(y, ranking, proba, **options)
    assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, sp.csc_array, sp.coo_matrix])
@quick
@given(problem=problems(), a=st.floats(0, 2), b=st.floats(0.1, 4))
def test_inverse_propensity_equals_formula(form, problem, a, b):
    truth, _, n_labels, _, _ = problem
    truth = truth + [set(), {0}]
    y = indicator(truth, n_labels)
    counts = y.sum(axis=0)
    c = (math.log(len(truth)) - 1) * (b + 1) ** a
    expected = [1 + c * (count + b) ** -a for count in counts.tolist()]
    value = inverse_propensity(form(y), A=a, B=b)
    assert value.dtype == np.float64
    assert_allclose(value, expected)
    assert_array_equal(value, inverse_propensity(counts, n_samples=len(truth), A=a, B=b))


def test_inverse_propensity_hand_value():
    # 1 / p of a label seen N times in N = e**2 samples, with A = 1: C = B + 1.
    value = inverse_propensity([1, 3], n_samples=7, A=1.0, B=1.0)
    c = (math.log(7) - 1) * 2
    assert_allclose(value, [1 + c / 2, 1 + c / 4])


# ---------------------------------------------------------------- ranking scores


def brute_top_k(candidates, k):
    ranked = sorted(candidates, key=lambda pair: (-pair[1], pair[0]))
    return ([label for label, value in ranked if value > -math.inf] + [-1] * k)[:k]


few_scores = st.sampled_from([-math.inf, -1.0, -0.5, 0.0, 0.5, 1.0, math.inf])


@pytest.mark.parametrize("block", [1, 5, 1 << 21])
@quick
@given(n_rows=st.integers(1, 4), n_labels=st.integers(1, 6), k=st.integers(1, 8), data=st.data())
def test_top_k_equals_brute_force_with_ties(block, n_rows, n_labels, k, data):
    size = n_rows * n_labels
    values = data.draw(st.lists(few_scores, min_size=size, max_size=size))
    scores = np.array(values).reshape(n_rows, n_labels)
    stored = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    rows, cols = np.nonzero(stored.reshape(scores.shape))
    order = np.array(data.draw(st.permutations(range(len(rows)))), dtype=int)
    order = order[np.argsort(rows[order], kind="stable")]
    indptr = np.searchsorted(rows[order], np.arange(n_rows + 1))
    unsorted = sp.csr_array((scores[rows, cols][order], cols[order], indptr), shape=scores.shape)
    before = unsorted.indices.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "_BLOCK", block)
        dense_top, sparse_top = top_k_indices(scores, k), top_k_indices(unsorted, k)
    assert dense_top.dtype == sparse_top.dtype == np.int64
    for i, row in enumerate(scores.tolist()):
        assert dense_top[i].tolist() == brute_top_k(list(enumerate(row)), k)
        pairs = [(j, row[j]) for j in cols[rows == i].tolist()]
        assert sparse_top[i].tolist() == brute_top_k(pairs, k)
    assert_array_equal(unsorted.indices, before)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.float32, np.float64])
def test_top_k_of_any_sparse_dtype_and_stored_duplicates(dtype):
    data = np.array([1, 1, 0, 1], dtype=dtype)
    scores = sp.csr_array((data, [2, 1, 0, 2], [0, 4]), shape=(1, 4))
    # Column 2 sums to 2 (bool: True, a tie with column 1); column 0 is a stored zero.
    expected = [1, 2, 0, -1] if dtype is bool else [2, 1, 0, -1]
    assert top_k_indices(scores, 4).tolist() == [expected]
    assert scores.nnz == 4


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


# ---------------------------------------------------------------- invariances


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
        patch.setattr(metrics, "_BLOCK", 2)
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


def messy_copies(y):
    """The same labels in every storage a caller may hand over."""
    rng = np.random.default_rng(1)
    rows, cols = np.nonzero(y)
    zero_rows, zero_cols = np.nonzero(y == 0)
    for dtype in (bool, np.int8, np.float32):
        r = np.concatenate([rows, rows, zero_rows])
        c = np.concatenate([cols, cols, zero_cols])
        v = np.concatenate([np.ones(2 * len(rows)), np.zeros(len(zero_rows))]).astype(dtype)
        order = rng.permutation(len(r))
        order = order[np.argsort(r[order], kind="stable")]
        indptr = np.searchsorted(r[order], np.arange(len(y) + 1)).astype(np.int32)
        parts = (v[order], c[order].astype(np.int32), indptr)
        for part in parts:
            part.flags.writeable = False
        csr = sp.csr_array(parts, shape=y.shape)
        coo = sp.coo_matrix((v, (r, c)), shape=y.shape)
        yield from (csr, sp.csr_matrix(y.astype(dtype)), sp.csc_array(y.astype(dtype)), coo)
        yield y.astype(dtype)
    # Sorted, every label stored twice.
    once = sp.csr_array(y)
    parts = (np.repeat(once.data, 2), np.repeat(once.indices, 2), 2 * once.indptr)
    yield sp.csr_array(parts, shape=y.shape)
    yield y.tolist()
    yield sp.lil_matrix(y)
    yield sp.dok_array(y)


def test_storage_of_the_truth_does_not_matter():
    rng = np.random.default_rng(2)
    y = (rng.random((9, 14)) < 0.25).astype(int)
    y[3] = 0
    weights = inverse_propensity(y)
    topk = np.argsort(rng.random(y.shape), axis=1)[:, :6].astype(np.int32)
    topk.flags.writeable = False
    expected = ranking_report(y, topk, inverse_propensity=weights, recall_ks=[6])
    table = frequency_report(y, topk, y.sum(axis=0), k=6)
    assert 0 < expected["P@5"] < 100
    for form in messy_copies(y):
        before = form.copy() if sp.issparse(form) else None
        report = ranking_report(form, topk, inverse_propensity=weights, recall_ks=[6])
        assert report == expected
        assert table.equals(frequency_report(form, topk, y.sum(axis=0), k=6))
        assert_array_equal(inverse_propensity(form), weights)
        if sp.issparse(form) and form.format == "csr":
            assert form.nnz == before.nnz
            assert_array_equal(form.indices, before.indices)
    for dtype in (np.uint8, np.int16, np.int64, np.uint64):
        assert precision_at_k(y, topk.astype(dtype)) == precision_at_k(y, topk)
    assert precision_at_k(y, topk.tolist()) == precision_at_k(y, topk)


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


# ---------------------------------------------------------------- corners and errors


def test_report_holds_what_topk_holds():
    y = sp.csr_array(np.eye(20, dtype=int))
    ranking = np.tile(np.arange(20), (20, 1))
    plain = ["P@1", "P@3", "P@5", "nDCG@1", "nDCG@3", "nDCG@5"]
    assert list(ranking_report(y, ranking[:, :9])) == plain
    assert list(ranking_report(y, ranking)) == [*plain, "R@10"]
    assert list(ranking_report(y, np.zeros((20, 20)))) == [*plain, "R@10"]
    scores = sp.csr_array(np.tri(20) * 0.5)
    assert list(ranking_report(y, scores, recall_ks=(20, 21))) == [*plain, "R@20"]


@pytest.mark.parametrize("metric", PLAIN + WEIGHTED)
def test_no_labels_at_all_give_zero_without_warning(metric):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert score(metric, sp.csr_array((2, 3)), [[0], [1]], 5, [1, 2, 3]) == 0.0


def test_calibration_of_score_matrices_reads_the_ranked_columns():
    y = np.array([[1, 0, 0], [0, 1, 0]])
    proba = np.array([[0.9, 0.2, 0.4], [0.3, 0.1, 0.6]])
    ranking = top_k_indices(proba, 2)
    placed = np.take_along_axis(proba, ranking, axis=1)
    expected = expected_calibration_error(y, ranking, placed, k=2)
    assert expected == pytest.approx((0.1 + 0.4 + 0.6 + 0.3) / 4)
    for form in (np.asarray, sp.csr_array, sp.csr_matrix, sp.csc_array):
        for topk in (proba, sp.csr_array(proba)):
            value = expected_calibration_error(y, topk, form(proba), k=2)
            assert value == pytest.approx(expected)


def test_quantile_bins_hold_equal_weight():
    # Two bins cut at half of the weight: after the first place, not in the middle.
    proba = np.array([[0.1], [0.2], [0.3], [0.4]])
    ranking = np.zeros((4, 1), dtype=int)
    options = {"n_bins": 2, "strategy": "quantile"}
    y = [[0], [1], [1], [0]]
    # Gaps per place -0.1, 0.8, 0.7, -0.4.
    plain = expected_calibration_error(y, ranking, proba, **options)
    assert plain == pytest.approx((0.7 + 0.3) / 4)
    weighted = expected_calibration_error(y, ranking, proba, sample_weight=[3, 1, 1, 1], **options)
    assert weighted == pytest.approx((0.3 + 1.1) / 6)


def test_calibration_of_calibrated_probabilities_is_small():
    rng = np.random.default_rng(0)
    proba = rng.random((20_000, 1))
    y = rng.random((20_000, 1)) < proba
    ranking = np.zeros((20_000, 1), dtype=int)
    for strategy in ("uniform", "quantile"):
        error = expected_calibration_error(y, ranking, proba, strategy=strategy)
        assert error < 0.02
        worse = expected_calibration_error(y, ranking, proba**3, strategy=strategy)
        assert worse == pytest.approx(0.25, abs=0.02)


Y = [[1, 0, 1], [0, 1, 0]]
TOP = [[0, 1], [2, 1]]


@pytest.mark.parametrize(
    ("y", "topk", "options", "error", "match"),
    [
        ([1, 0], TOP, {}, ValueError, "y_true must be 2-D"),
        ([[1, 2, 0], [0, 1, 0]], TOP, {}, ValueError, "only 0 and 1, found 2"),
        ([[1, 0.5, 0], [0, 1, 0]], TOP, {}, ValueError, "only 0 and 1"),
        (sp.csr_array([[np.nan, 1, 0], [0, 1, 0]]), TOP, {}, ValueError, "found nan"),
        ([["a", "b", "c"]], TOP, {}, TypeError, "y_true must be bool, int or float"),
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


@pytest.mark.parametrize("weights", [[1, 2], [1, 0, 2], [1, np.inf, 1], [1, np.nan, 1]])
def test_bad_propensities(weights):
    for metric in WEIGHTED:
        with pytest.raises(ValueError, match="inverse_propensity must"):
            metric(Y, TOP, inverse_propensity=weights)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: inverse_propensity([1, 2]), "n_samples is needed"),
        (lambda: inverse_propensity([1, 9], n_samples=5), "up to 9, above n_samples=5"),
        (lambda: inverse_propensity([1, -1], n_samples=5), "non-negative"),
        (lambda: inverse_propensity(Y), "at least 3"),
        (lambda: inverse_propensity(Y, n_samples=9), "y_train has 2 rows"),
        (lambda: inverse_propensity([1], n_samples=5, B=0), "B positive"),
        (lambda: inverse_propensity([1], n_samples=5, A=-1), "A must be"),
        (lambda: top_k_indices(np.zeros((2, 0)), 1), "at least one column"),
        (lambda: frequency_report(Y, TOP, [1, 2]), "label_counts must have shape"),
        (lambda: frequency_report(Y, TOP, [1, 2, 3], edges=(1, 5)), "rising from 0"),
        (lambda: frequency_report(Y, TOP, [1, 2, 3], edges=(0, 5, 5)), "rising from 0"),
        (lambda: frequency_report(Y, TOP, [1, 2, 3], edges=()), "rising from 0"),
        (lambda: expected_calibration_error(Y, TOP, [[0.5], [0.5]]), "probabilities has shape"),
        (lambda: expected_calibration_error(Y, TOP, [[1.5, 0], [0, 0]]), r"lie in \[0, 1\]"),
        (lambda: expected_calibration_error(Y, TOP, TOP, strategy="x"), "strategy must be"),
        (lambda: expected_calibration_error(Y, TOP, TOP, n_bins=0), "n_bins must be at least 1"),
    ],
)
def test_errors_of_the_other_functions(call, match):
    with pytest.raises(ValueError, match=match):
        call()
