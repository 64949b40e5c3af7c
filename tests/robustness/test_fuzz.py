"""Odd and bad input: a small part of fuzz.py, and that its judge is strict."""

from __future__ import annotations

import time
import warnings

import fuzz
import numpy as np
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import DataConversionWarning

from sk_inceptionxml.exceptions import DivergenceError
from sk_inceptionxml.text import check_text

STRICT = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@settings(STRICT, max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_every_case_works_or_names_what_is_wrong(seed):
    outcome = fuzz.run_case(seed)
    assert not outcome.violations, f"python tests/robustness/fuzz.py --seed {seed}"


@settings(STRICT, max_examples=60)
@given(st.lists(st.text(max_size=40), max_size=4))
def test_any_text_gets_a_ranking(texts):
    names, scores = fuzz.models()["lists"].predict_topk(texts, k=3)
    assert names.shape == scores.shape == (len(texts), 3)
    assert np.isfinite(scores).all() and (np.diff(scores, axis=1) <= 0).all()
    assert check_text(texts) == texts


@settings(STRICT, max_examples=60)
@given(st.lists(st.lists(st.floats(width=32), min_size=6, max_size=6), min_size=1, max_size=3))
def test_any_numbers_get_a_ranking_or_an_error(rows):
    for X in (np.array(rows), sp.csr_array(np.array(rows))):
        try:
            _, scores = fuzz.models()["matrix"].predict_topk(X, k=3)
        except ValueError as error:
            assert "X" in str(error)
            assert not np.abs(np.array(rows)).max() < 100
        else:
            assert np.isfinite(scores).all()


def outcome_of(call, given=(), blamed=("X",)):
    return fuzz.judge(fuzz.Case("test", call, list(given), blamed))


def raising(error):
    def call():
        raise error

    return call


def test_the_judge_lets_through_what_is_right():
    assert outcome_of(lambda: np.ones(3)).what == "worked"
    assert not outcome_of(lambda: np.ones(3)).violations
    for error in (ValueError("X is odd"), TypeError("X[0] is odd"), DivergenceError("lower lr")):
        assert not outcome_of(raising(error)).violations
    converted = lambda: warnings.warn("column", DataConversionWarning, stacklevel=1)  # noqa: E731
    assert not outcome_of(converted).violations


def test_the_judge_finds_every_violation(monkeypatch):
    array = np.zeros(3)

    def change():
        array[0] += 1

    assert "changed" in outcome_of(change, [array]).violations[0]
    assert "AttributeError" in outcome_of(raising(AttributeError("X"))).violations[0]
    assert "names none" in outcome_of(raising(ValueError("Xylophone is odd"))).violations[0]
    assert "names none" in outcome_of(raising(ValueError("y is odd"))).violations[0]
    assert "not finite" in outcome_of(lambda: (None, np.array([np.nan]))).violations[0]
    overflow = lambda: np.float32(1e30) * np.array([1e30], dtype=np.float32)  # noqa: E731
    assert "RuntimeWarning" in str(outcome_of(overflow).violations)
    monkeypatch.setattr(fuzz, "LIMIT", 0.05)
    assert "no end" in outcome_of(lambda: time.sleep(5)).violations[0]


def crash_at_three(seed):
    if seed == 3:
        fuzz.os._exit(11)  # as a fault does, without its noise
    return fuzz.Outcome("test", "worked")


def test_a_crash_is_told_with_its_seed(monkeypatch):
    monkeypatch.setattr(fuzz, "run_case", crash_at_three)
    found = dict(fuzz.outcomes(range(6)))
    assert list(found) == list(range(6))
    assert [seed for seed, outcome in found.items() if outcome.violations] == [3]
    assert found[3].what == "crash"
