"""Calibration error against brute force and hand values."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
from _ranking_problems import TOP, Y, indicator, problems, quick
from hypothesis import given
from hypothesis import strategies as st

from sk_inceptionxml.metrics import (
    expected_calibration_error,
    reliability_curve,
    top_k_indices,
)


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
    curve = np.transpose(reliability_curve(y, ranking, proba, **options))
    drawn = [
        (np.mean([hit for _, hit in own]), np.mean([p for p, _ in own]), len(own))
        for _, own in sorted(bins.items())
    ]
    np.testing.assert_allclose(curve, drawn, atol=1e-12)


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


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: expected_calibration_error(Y, TOP, [[0.5], [0.5]]), "probabilities has shape"),
        (lambda: expected_calibration_error(Y, TOP, [[1.5, 0], [0, 0]]), r"lie in \[0, 1\]"),
        (lambda: expected_calibration_error(Y, TOP, TOP, strategy="x"), "strategy must be"),
        (lambda: expected_calibration_error(Y, TOP, TOP, n_bins=0), "n_bins must be at least 1"),
    ],
)
def test_errors_of_the_calibration_error(call, match):
    with pytest.raises(ValueError, match=match):
        call()
