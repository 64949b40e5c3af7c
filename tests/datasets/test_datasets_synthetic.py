"""The generator: invariants, power laws, topics, speed."""

import time
from collections import Counter

import numpy as np
import pytest
from _dataset_files import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import MultiLabelBinarizer

from sk_inceptionxml.datasets import make_short_text


@settings(max_examples=60, deadline=None)
@given(
    n_samples=st.integers(1, 60),
    n_labels=st.integers(1, 60),
    share=st.floats(0, 1),
    n_words=st.integers(1, 300),
    mean_length=st.floats(1, 8),
    exponent=st.floats(0, 3),
    noise=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_short_text_invariants(
    n_samples, n_labels, share, n_words, mean_length, exponent, noise, seed
):
    options = dict(
        n_words=n_words,
        mean_length=mean_length,
        labels_per_sample=share * n_labels,
        label_exponent=exponent,
        noise=noise,
        random_state=seed,
    )
    toy = make_short_text(n_samples, n_labels, **options)
    sizes = [len(labels) for labels in toy.target]
    total = round(n_samples * share * n_labels)
    assert len(toy.data) == len(toy.target) == n_samples
    assert sum(sizes) == total
    assert min(sizes) >= (total >= n_samples)
    assert all(labels == sorted(set(labels)) for labels in toy.target)
    counts = Counter(label for labels in toy.target for label in labels)
    assert set(counts) <= set(range(n_labels))
    # Each label occurs if there are labels enough to give; otherwise none is wasted.
    assert len(counts) == min(n_labels, total)
    assert all(text.split() for text in toy.data)
    assert set(" ".join(toy.data).split()) <= set(toy.feature_names)
    assert len(set(toy.feature_names)) == n_words
    assert toy.label_topics.shape == (n_labels,)


def test_short_text_forms_agree_and_seed_decides():
    options = dict(n_samples=300, n_labels=40, random_state=3)
    toy = make_short_text(**options)
    matrix = make_short_text(**options, indicator="csr", as_text=False)
    vocabulary = {word: i for i, word in enumerate(toy.feature_names)}
    counted = CountVectorizer(vocabulary=vocabulary).transform(toy.data)
    assert_same(matrix.data, counted)
    indicator = MultiLabelBinarizer(classes=range(40)).fit_transform(toy.target)
    assert_same(matrix.target, csr_matrix(indicator))
    again = make_short_text(**options)
    assert (again.data, again.target) == (toy.data, toy.target)
    other = make_short_text(300, 40, random_state=4)
    assert other.data != toy.data and other.target != toy.target


def test_short_text_leaves_global_random_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_short_text(20, 5, random_state=0)
    make_short_text(20, 5, random_state=np.random.RandomState(0))
    make_short_text(20, 5)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_short_text_has_power_laws():
    big = make_short_text(
        20_000, 1000, labels_per_sample=4, indicator="csr", as_text=False, random_state=0
    )
    counts = np.sort(np.asarray(big.target.sum(axis=0)).ravel())[::-1]
    assert counts[:10].sum() > 0.25 * counts.sum()
    ranks = np.arange(10, 500)
    slope = np.polyfit(np.log(ranks), np.log(counts[ranks]), 1)[0]
    assert -1.2 < slope < -0.8
    flat = make_short_text(
        20_000, 1000, labels_per_sample=4, label_exponent=0, indicator="csr", random_state=0
    )
    flat_counts = np.asarray(flat.target.sum(axis=0)).ravel()
    assert flat_counts.max() < 2 * flat_counts.mean()
    assert abs(big.data.sum(axis=1).mean() - 6) < 0.1


def test_short_text_labels_share_topics():
    toy = make_short_text(2000, 400, labels_per_sample=2, label_exponent=0, random_state=0)
    twins = [toy.label_topics[labels] for labels in toy.target if len(labels) == 2]
    same = np.mean([a == b for a, b in twins])
    # Independent labels would share a topic once in 20.
    assert same > 0.5
    assert np.bincount(toy.label_topics).tolist() == [20] * 20
    # Also when most labels have to be placed to occur at all.
    rare = make_short_text(1000, 2000, labels_per_sample=2, label_exponent=0.5, random_state=0)
    twins = [rare.label_topics[labels] for labels in rare.target if len(labels) == 2]
    assert np.mean([a == b for a, b in twins]) > 0.35


@pytest.mark.parametrize(("noise", "low", "high"), [(0.2, 0.6, 1.0), (1.0, 0.0, 0.35)])
def test_short_text_is_as_learnable_as_its_noise_lets_it(noise, low, high):
    toy = make_short_text(3000, 100, noise=noise, indicator="csr", random_state=0)
    X = TfidfVectorizer().fit_transform(toy.data)
    Y = toy.target.toarray().astype(int)
    train, test = slice(0, 2400), slice(2400, None)
    scores = RidgeClassifier().fit(X[train], Y[train]).decision_function(X[test])
    precision = Y[test][np.arange(600), scores.argmax(axis=1)].mean()
    popularity = Y[test][:, Y[train].sum(axis=0).argmax()].mean()
    assert popularity < 0.35
    assert low < precision <= high + 0.05
    if noise < 1:
        assert precision > 1.8 * popularity


def test_short_text_is_vectorised():
    start = time.process_time()
    big = make_short_text(
        50_000, 70_000, labels_per_sample=5.4, as_text=False, indicator="csr", random_state=0
    )
    assert time.process_time() - start < 10
    assert big.target.nnz == 270_000
    assert np.bincount(big.target.indices, minlength=70_000).min() >= 1
    assert big.target.has_canonical_format and big.data.has_canonical_format


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n_samples": 0}, ValueError),
        ({"n_samples": 2.0}, TypeError),
        ({"n_labels": True}, TypeError),
        ({"n_words": 0}, ValueError),
        ({"mean_length": 0.5}, ValueError),
        ({"labels_per_sample": 101}, ValueError),
        ({"labels_per_sample": "3"}, TypeError),
        ({"label_exponent": -1}, ValueError),
        ({"word_exponent": float("nan")}, ValueError),
        ({"noise": 1.5}, ValueError),
        ({"indicator": "dense"}, ValueError),
    ],
)
def test_short_text_parameters_are_checked(options, error):
    with pytest.raises(error, match=next(iter(options))):
        make_short_text(**options)
