"""Maps of log-odds to probabilities: monotone, honest, and the identity where they must be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_inceptionxml.calibration import Calibration, fit_calibration, sigmoid


def held_out(slope, shift, n=4000, k=5, seed=0):
    """Ranked log-odds whose true log-odds are ``slope * x + shift``."""
    rng = np.random.default_rng(seed)
    x = -np.sort(-rng.normal(0, 2, (n, k)), axis=1)
    return x, rng.random(x.shape) < sigmoid(slope * x + shift)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "auto"])
def test_recovers_the_true_probabilities(method):
    calibration = fit_calibration(*held_out(0.5, -1.0), method)
    x = np.linspace(-3, 4, 15)
    np.testing.assert_allclose(calibration(x), sigmoid(0.5 * x - 1.0), atol=0.05)


def test_auto_leaves_honest_probabilities_alone_or_nearly():
    calibration = fit_calibration(*held_out(1.0, 0.0), "auto")
    x = np.linspace(-4, 4, 17)
    np.testing.assert_allclose(calibration(x), sigmoid(x), atol=0.02)


def test_auto_sees_that_a_line_is_not_enough():
    rng = np.random.default_rng(0)
    x = -np.sort(-rng.normal(0, 2, (4000, 5)), axis=1)
    truth = np.where(x > 0, 0.9, 0.1)
    hit = rng.random(x.shape) < truth
    calibration = fit_calibration(x, hit, "auto")
    assert len(calibration.knots) > 2
    assert abs(calibration(np.array([1.0]))[0] - 0.9) < 0.05


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["sigmoid", "isotonic"]))
def test_never_changes_a_ranking(seed, method):
    rng = np.random.default_rng(seed)
    x = -np.sort(-rng.normal(0, 3, (60, 5)), axis=1)
    hit = rng.random(x.shape) < rng.random()  # unrelated to x, or nearly so
    calibration = fit_calibration(x, hit, method)
    points = np.sort(rng.normal(0, 3, 200))
    assert (np.diff(calibration.transform(points)) > 0).all()
    assert (np.diff(calibration(points)) >= 0).all()


def test_infinite_and_extreme_log_odds():
    for calibration in (Calibration(), Calibration([-1.0, 1.0], [-2.0, 0.0])):
        p = calibration(np.array([-np.inf, -1e30, 0.0, 1e30], dtype=np.float32))
        assert p.dtype == np.float32
        assert p[0] == 0 and 0 <= p[1] < 1e-9 and p[3] == pytest.approx(1)


def test_too_few_hits_or_no_method_is_the_identity():
    x, hit = held_out(0.5, -1.0)
    assert fit_calibration(x, hit, None).to_dict() is None
    assert fit_calibration(x[:3], hit[:3], "sigmoid").to_dict() is None
    assert fit_calibration(x, np.zeros_like(hit), "isotonic").to_dict() is None


def test_weights_repeat_rows():
    x, hit = held_out(0.5, -1.0, n=300)
    weight = np.random.default_rng(1).integers(1, 4, len(x))
    repeated = fit_calibration(np.repeat(x, weight, 0), np.repeat(hit, weight, 0), "sigmoid")
    weighted = fit_calibration(x, hit, "sigmoid", weight.astype(float))
    np.testing.assert_allclose(weighted.values, repeated.values, rtol=1e-3)


def test_state_is_plain_data():
    calibration = fit_calibration(*held_out(0.5, -1.0), "isotonic")
    again = Calibration(**calibration.to_dict())
    x = np.linspace(-9, 9, 50)
    np.testing.assert_array_equal(again(x), calibration(x))
