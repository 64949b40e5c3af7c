"""Labels to cluster: drawn at random, or made from topics."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import settings
from hypothesis import strategies as st

FEW = settings(max_examples=40, deadline=None)


@st.composite
def problems(draw, max_labels=40):
    """Draw row features X (n, V) and an indicator Y (n, L), often with unused labels."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, 40))
    n_labels = draw(st.integers(1, max_labels))
    X = sp.random(n, draw(st.integers(1, 15)), density=0.3, format="csr", random_state=rng)
    Y = sp.random(n, n_labels, density=draw(st.sampled_from([0.02, 0.1, 0.4])), random_state=rng)
    Y = Y.tocsr()
    Y.data[:] = 1.0
    return X, Y


def topics(n_labels=600, n_topics=30, rows_per_topic=60, seed=0, spread=0.1):
    """Make labels and words of separate topics with some noise; return X, Y, topic of labels."""
    rng = np.random.default_rng(seed)
    topic = rng.integers(0, n_topics, n_labels)
    rows, cols, words, word_rows = [], [], [], []
    for row in range(n_topics * rows_per_topic):
        own = np.flatnonzero(topic == row % n_topics)
        chosen = rng.choice(own, size=min(5, own.size), replace=False) if own.size else own
        chosen = np.where(rng.random(chosen.size) < spread, rng.integers(n_labels), chosen)
        rows += [row] * chosen.size
        cols += chosen.tolist()
        picked = (row % n_topics) * 10 + rng.integers(0, 10, 5)
        picked = np.where(rng.random(5) < spread, rng.integers(0, n_topics * 10, 5), picked)
        words += picked.tolist()
        word_rows += [row] * 5
    n = n_topics * rows_per_topic
    X = sp.csr_array((np.ones(len(words)), (word_rows, words)), shape=(n, n_topics * 10))
    Y = sp.csr_array((np.ones(len(rows)), (rows, cols)), shape=(n, n_labels))
    return X, Y, topic


def cohesion(features, labels):
    """Mean cosine of the labels to the centroid of their cluster."""
    picks = sp.csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))))
    return np.sqrt(np.asarray((picks @ features).power(2).sum(axis=1))).sum() / len(labels)


def head_of(Y, threshold):
    """Brute-force head mask."""
    return (Y.toarray() > 0).sum(axis=0) > threshold
