"""Inverse propensities: the formula, and what is refused."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
from _ranking_problems import TOP, WEIGHTED, Y, indicator, problems, quick
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sk_inceptionxml.metrics import inverse_propensity


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
    ],
)
def test_errors_of_inverse_propensity(call, match):
    with pytest.raises(ValueError, match=match):
        call()
