"""Fusion and calibration fitted anew on rows that the training has not seen."""

from __future__ import annotations

import numpy as np
import pytest
from _models import small

from sk_inceptionxml.metrics import inverse_propensity, psp_at_k

rng = np.random.default_rng(0)
COMMON, RARE = [f"c{i}" for i in range(4)], [f"r{i}" for i in range(60)]


def rows(n, seed):
    """Each text has one common label that its first word says, and one rare one of its second."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 4, n), rng.integers(0, 60, n)
    noise = rng.random(n) < 0.3
    texts = [
        f"{COMMON[i]} word{j if not m else (j + 1) % 60}"
        for i, j, m in zip(a, b, noise, strict=True)
    ]
    return texts, [[COMMON[i], RARE[j]] for i, j in zip(a, b, strict=True)]


@pytest.fixture(scope="module")
def fitted():
    return small(max_epochs=3).fit(*rows(600, 0))


def test_a_larger_tail_weight_brings_rare_labels_forward(fitted):
    texts, labels = rows(600, 1)
    Y = fitted.fit(*rows(600, 0))._model.ranker.labels.encode(labels)
    weights = inverse_propensity(fitted.label_counts_, n_samples=600)
    column = {name: i for i, name in enumerate(fitted.classes_.tolist())}
    network = [p.detach().clone() for p in fitted.net_.module_.parameters()]
    found = []
    for weight in (0.0, 1.0, 3.0):
        assert fitted.retune(*rows(300, 2), tail_weight=weight) is fitted
        assert fitted.tail_weight == fitted.fusion_.tail_weight == weight
        top = np.vectorize(column.get)(fitted.predict_topk(texts, k=1)[0])
        found.append(psp_at_k(Y, top, k=1, inverse_propensity=weights))
    assert found == sorted(found) and found[-1] > found[0]
    for before, after in zip(network, fitted.net_.module_.parameters(), strict=True):
        assert (before == after).all()


def test_retuning_is_the_same_every_time_and_leaves_copies_alone(fitted):
    texts = rows(50, 3)[0]
    model = fitted._model
    before = fitted.predict_topk(texts)[1]
    first = fitted.retune(*rows(300, 2)).predict_topk(texts)[1]
    again = fitted.retune(*rows(300, 2)).predict_topk(texts)[1]
    np.testing.assert_array_equal(first, again)
    fitted._model = model
    np.testing.assert_array_equal(fitted.predict_topk(texts)[1], before)


@pytest.mark.parametrize(
    ("n", "weight", "message"),
    [(49, 0.1, "X has 49 rows"), (60, "1", "tail_weight"), (60, 11, "tail_weight")],
)
def test_refuses_few_rows_and_odd_weights(fitted, n, weight, message):
    before = fitted._model, fitted.tail_weight
    with pytest.raises(ValueError, match=message):
        fitted.retune(*rows(n, 2), tail_weight=weight)
    assert (fitted._model, fitted.tail_weight) == before
