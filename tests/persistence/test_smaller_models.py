"""Weights in fewer bytes: what is exact stays so, and integers are off by half a step at most."""

from __future__ import annotations

import numpy as np
import pytest
from _models import small

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import make_short_text
from sk_inceptionxml.persistence.files import ArrayFile
from sk_inceptionxml.persistence.precision import GROUP, LEAST, pack, take

WORDS = ("red", "blue", "green", "boat", "kite", "lamp", "chair", "old", "new", "small")
TITLES = [f"{a} {b} {c}" for a in WORDS for b in WORDS for c in WORDS[:3]]
LISTS = [sorted(set(title.split())) for title in TITLES]
SHAPES = [(40, 32), (40, 33), (64, 31), (50, 5, 7), (1100, 1)]


def values_of(shape, seed=0):
    rng = np.random.default_rng(seed)
    spread = np.exp(rng.normal(size=(shape[0],) + (1,) * (len(shape) - 1)))
    return (rng.normal(size=shape) * spread).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_exact_is_half_precision_where_that_holds_the_values(shape):
    rounded = values_of(shape).astype(np.float16).astype(np.float32)
    for values, dtype in ((values_of(shape), np.float32), (rounded, np.float16)):
        packed = pack({"w": values}, "exact")
        assert packed["w"].dtype == dtype
        np.testing.assert_array_equal(take(ArrayFile(packed, "f"), "w", shape), values)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("precision", "most"), [("int8", 127), ("int4", 7)])
def test_integers_are_off_by_half_a_step(shape, precision, most):
    values = values_of(shape)
    packed = pack({"w": values, "b": values[:, 0].ravel()}, precision)
    assert packed["b"].dtype == np.float32
    rows = values.reshape(len(values), -1)
    n_bytes = packed[f"w.{precision}"].nbytes + packed["w.scale"].nbytes
    width = rows.shape[1] if precision == "int8" else -(-rows.shape[1] // 2)
    assert n_bytes == len(rows) * (width + 2 * -(-rows.shape[1] // GROUP))
    found = take(ArrayFile(packed, "f"), "w", shape).reshape(rows.shape)
    for start in range(0, rows.shape[1], GROUP):
        part = slice(start, start + GROUP)
        largest = np.abs(rows[:, part]).max(axis=1, keepdims=True)
        assert (
            np.abs(found[:, part] - rows[:, part]) <= largest * (0.5 / most + 2**-10) + 1e-6
        ).all()
    again = pack({"w": found.reshape(shape)}, "exact")["w"]
    assert again.dtype == np.float16


def test_zeros_and_extremes_survive():
    values = np.zeros((64, 32), dtype=np.float32)
    values[1], values[2] = 1e30, np.float32(1e-30)
    for precision in ("int8", "int4"):
        found = take(ArrayFile(pack({"w": values}, precision), "f"), "w", values.shape)
        assert np.isfinite(found).all() and not found[0].any() and not found[2].any()
        assert (found[1] > 6e4).all()


@pytest.fixture(scope="module")
def fitted():
    return small(max_epochs=3, embedding_dim=48, n_filters=8).fit(TITLES, LISTS)


def size(directory):
    return sum(path.stat().st_size for path in directory.iterdir())


def test_smaller_models_rank_alike(fitted, tmp_path):
    expected = fitted.predict_topk(TITLES, k=3)
    sizes = []
    for precision in ("exact", "int8", "int4"):
        fitted.save(tmp_path / precision, precision=precision)
        loaded = InceptionXMLClassifier.load(tmp_path / precision)
        labels, scores = loaded.predict_topk(TITLES, k=3)
        tolerance = {"exact": 0.0, "int8": 0.02, "int4": 0.25}[precision]
        np.testing.assert_allclose(scores, expected[1], atol=tolerance)
        loaded.save(tmp_path / f"{precision}-again")
        again = InceptionXMLClassifier.load(tmp_path / f"{precision}-again")
        np.testing.assert_array_equal(again.predict_topk(TITLES, k=3)[1], scores)
        sizes.append(size(tmp_path / precision))
    assert sizes == sorted(sizes, reverse=True)
    np.testing.assert_array_equal(fitted.predict_topk(TITLES, k=3)[1], expected[1])


@pytest.mark.parametrize("precision", ["float8", "", None, 8, ["int8"]])
def test_refuses_other_precisions(fitted, tmp_path, precision):
    with pytest.raises(ValueError, match="precision must be one of"):
        fitted.save(tmp_path / "m", precision=precision)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("precision", ["exact", "int8", "int4"])
def test_a_meta_classifier_large_enough_for_integers_is_read_back(precision, tmp_path):
    data = make_short_text(600, 80, random_state=0)
    clf = small(head="sync", n_clusters=30, hidden_dim=64, n_neighbors=0)
    clf.fit(data.data, data.target)
    meta = clf.net_.module_.head.meta_weight
    assert meta.numel() >= LEAST
    clf.save(tmp_path / "m", precision=precision)
    loaded = InceptionXMLClassifier.load(tmp_path / "m")
    found = loaded.net_.module_.head.meta_weight
    most = {"exact": 0.0, "int8": 1 / 127, "int4": 1 / 7}[precision]
    assert (found - meta).abs().max() <= most * meta.abs().max()
    np.testing.assert_array_equal(loaded.clusters_, clf.clusters_)
