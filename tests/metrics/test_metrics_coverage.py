"""Precision at a share of rows answered, against brute force."""

import numpy as np
import pytest
from _ranking_problems import indicator, problems, quick
from hypothesis import given
from hypothesis import strategies as st

from sk_inceptionxml.metrics import precision_at_k, precision_coverage_curve


@quick
@given(problem=problems(), data=st.data())
def test_each_threshold_answers_the_rows_above_it(problem, data):
    truth, ranking, n_labels, row_weight, _ = problem
    weight = data.draw(st.sampled_from([None, row_weight]))
    grid = st.sampled_from([i / 6 for i in range(7)])
    first = data.draw(st.lists(grid, min_size=len(truth), max_size=len(truth)))
    proba = np.full(ranking.shape, np.nan)  # of later places nothing is read
    if ranking.shape[1]:
        proba[:, 0] = np.where(ranking[:, 0] >= 0, first, np.nan)
    y, counts = indicator(truth, n_labels), weight or [1] * len(truth)
    rows = [i for i in range(len(truth)) if ranking.shape[1] and ranking[i, 0] >= 0 and counts[i]]
    if not rows:
        with pytest.raises(ValueError, match="no label"):
            precision_coverage_curve(y, ranking, proba, sample_weight=weight)
        return
    expected = []
    for threshold in sorted({first[i] for i in rows}, reverse=True):
        answered = [i for i in rows if first[i] >= threshold]
        n = sum(counts[i] for i in answered)
        right = sum(counts[i] for i in answered if ranking[i, 0] in truth[i])
        expected.append((right / n, n / sum(counts), threshold))
    curve = precision_coverage_curve(y, ranking, proba, sample_weight=weight)
    np.testing.assert_allclose(np.transpose(curve), expected)


def test_where_every_row_is_answered_it_is_precision_at_1():
    rng = np.random.default_rng(0)
    y, scores = rng.integers(0, 2, size=(50, 8)), rng.random((50, 8))
    precision, coverage, thresholds = precision_coverage_curve(y, scores, scores)
    assert coverage[-1] == 1 and precision[-1] == pytest.approx(precision_at_k(y, scores, k=1))
    assert thresholds[-1] == scores.max(axis=1).min()


def test_probabilities_of_names_are_read():
    curve = precision_coverage_curve([["a"], ["b"]], [["a"], ["a"]], [[0.8], [0.6]])
    np.testing.assert_allclose(np.transpose(curve), [(1, 0.5, 0.8), (0.5, 1, 0.6)])


def test_probabilities_outside_their_range_are_refused():
    with pytest.raises(ValueError, match=r"probabilities must lie in \[0, 1\]"):
        precision_coverage_curve([[1]], [[0]], [[1.5]])
