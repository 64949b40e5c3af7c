"""Ranked log-odds to probabilities: in order, honest, and the identity where they must be."""

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_inceptionxml.metrics import expected_calibration_error
from sk_inceptionxml.ranking.calibration import Calibration, IncreasingMap, fit_calibration, sigmoid


def held_out(slope, shift, n=4000, k=5, seed=0):
    """Ranked log-odds whose true log-odds are ``slope * x + shift``."""
    rng = np.random.default_rng(seed)
    x = -np.sort(-rng.normal(0, 2, (n, k)), axis=1)
    return x, rng.random(x.shape) < sigmoid(slope * x + shift)


def both_places(calibration, points):
    """Probabilities of each point at the first place, and behind one that is above all."""
    first = calibration(points[:, None])[:, 0]
    ranked = np.stack([np.full(len(points), 50.0), points], axis=1)
    return first, calibration(ranked)[:, 1]


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "auto"])
def test_recovers_the_true_probabilities(method):
    calibration = fit_calibration(*held_out(0.5, -1.0, n=20_000), method)
    x = np.linspace(-1, 4, 15)
    for p in both_places(calibration, x):
        np.testing.assert_allclose(p, sigmoid(0.5 * x - 1.0), atol=0.06)


def test_auto_leaves_honest_probabilities_alone_or_nearly():
    calibration = fit_calibration(*held_out(1.0, 0.0), "auto")
    x = np.linspace(-1, 4, 17)
    for p in both_places(calibration, x):
        np.testing.assert_allclose(p, sigmoid(x), atol=0.04)


def test_auto_sees_that_a_line_is_not_enough():
    rng = np.random.default_rng(0)
    x = -np.sort(-rng.normal(0, 2, (4000, 5)), axis=1)
    truth = np.where(x > 0, 0.9, 0.1)
    hit = rng.random(x.shape) < truth
    calibration = fit_calibration(x, hit, "auto")
    assert len(calibration.later.knots) > 2
    assert abs(both_places(calibration, np.array([1.0]))[1][0] - 0.9) < 0.05


def test_the_first_place_has_a_map_of_its_own():
    rng = np.random.default_rng(0)
    x = -np.sort(-rng.normal(0, 2, (8000, 5)), axis=1)
    shift = np.array([1.5, -0.5, -0.5, -0.5, -0.5])  # one map for all would be wrong on both
    hit = rng.random(x.shape) < sigmoid(x + shift)
    calibration = fit_calibration(x[:4000], hit[:4000], "auto")
    p, found = calibration(x[4000:]), hit[4000:]
    for place in range(5):
        some = found[:, place : place + 1].astype(int)
        error = expected_calibration_error(some, np.zeros_like(some), p[:, place : place + 1], k=1)
        assert error < 0.04, place
    assert abs(p[:, 0].mean() - found[:, 0].mean()) < 0.02


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["sigmoid", "isotonic", "auto"]))
def test_never_changes_a_ranking(seed, method):
    rng = np.random.default_rng(seed)
    x = -np.sort(-rng.normal(0, 3, (80, 5)), axis=1)
    hit = rng.random(x.shape) < rng.random(5)  # unrelated to x, or nearly so
    calibration = fit_calibration(x, hit, method)
    ranked = -np.sort(-rng.normal(0, 3, (200, 7)), axis=1)
    assert (np.diff(calibration.transform(ranked)) < 0).all()
    assert (np.diff(calibration(ranked)) <= 0).all()
    equal = calibration.transform(np.repeat(ranked[:, :1], 3, axis=1))
    assert (np.diff(equal) <= 0).all()
    # nor that of the first places of two rows
    assert (np.diff(calibration.transform(np.sort(ranked[:, :1], axis=0)), axis=0) > 0).all()


def test_infinite_and_extreme_log_odds():
    line = IncreasingMap([-1.0, 1.0], [-2.0, 0.0])
    for calibration in (Calibration(), Calibration(line, line), Calibration(line)):
        p = calibration(np.array([[1e30, 0.0, -1e30, -np.inf], [-np.inf] * 4], dtype=np.float32))
        assert p.dtype == np.float32
        assert p[0, 0] == pytest.approx(1) and 0 <= p[0, 2] < 1e-9
        assert p[0, 3] == 0 and (p[1] == 0).all()
        assert calibration(np.empty((3, 0))).shape == (3, 0)


def test_too_few_hits_or_no_method_is_the_identity():
    x, hit = held_out(0.5, -1.0)
    assert fit_calibration(x, hit, None).to_dict() is None
    assert fit_calibration(x[:3], hit[:3], "sigmoid").to_dict() is None
    assert fit_calibration(x, np.zeros_like(hit), "isotonic").to_dict() is None


def test_a_place_with_too_few_outcomes_has_the_map_of_all():
    x, hit = held_out(0.5, -1.0)
    hit[:, 0] = True
    calibration = fit_calibration(x, hit, "sigmoid")
    np.testing.assert_array_equal(calibration.first.values, fit_all(x, hit).values)
    assert (calibration.first.values != calibration.later.values).any()


def fit_all(x, hit):
    """The map of all places, taken from rows that have one place each."""
    flat = fit_calibration(x.reshape(-1, 1), hit.reshape(-1, 1), "sigmoid")
    return flat.first


def test_transformers_may_give_frames():
    x, hit = held_out(0.5, -1.0, n=300)
    expected = fit_calibration(x, hit, "isotonic").to_dict()
    with sklearn.config_context(transform_output="pandas"):
        assert fit_calibration(x, hit, "isotonic").to_dict() == expected


def test_weights_repeat_rows():
    x, hit = held_out(0.5, -1.0, n=300)
    weight = np.random.default_rng(1).integers(1, 4, len(x))
    repeated = fit_calibration(np.repeat(x, weight, 0), np.repeat(hit, weight, 0), "sigmoid")
    weighted = fit_calibration(x, hit, "sigmoid", weight.astype(float))
    for name in ("first", "later"):
        one, other = getattr(weighted, name), getattr(repeated, name)
        np.testing.assert_allclose(one.values, other.values, rtol=1e-3)


def test_state_is_plain_data():
    fitted = fit_calibration(*held_out(0.5, -1.0), "isotonic")
    x = -np.sort(-np.random.default_rng(0).normal(0, 4, (50, 3)), axis=1)
    for calibration in (fitted, Calibration(fitted.first), Calibration(None, fitted.later)):
        again = Calibration.from_dict(calibration.to_dict())
        np.testing.assert_array_equal(again(x), calibration(x))
    assert Calibration.from_dict(None).to_dict() is None
