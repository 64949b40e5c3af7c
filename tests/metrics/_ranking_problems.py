"""Ranking problems to draw, and one way to call every metric."""

import math

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from sk_inceptionxml.metrics import ndcg_at_k, precision_at_k, psndcg_at_k, psp_at_k, recall_at_k

PLAIN = [precision_at_k, recall_at_k, ndcg_at_k]
WEIGHTED = [psp_at_k, psndcg_at_k]
quick = settings(max_examples=40, deadline=None)


@st.composite
def problems(draw):
    """Truth as sets, ranking as lists with gaps, k, integer row weights, label weights."""
    n_labels = draw(st.integers(1, 7))
    n_rows = draw(st.integers(1, 5))
    width = draw(st.integers(0, n_labels + 2))
    label = st.integers(0, n_labels - 1)
    truth = [draw(st.sets(label)) for _ in range(n_rows)]
    places = st.permutations([*range(n_labels), -1, -1])
    ranking = [draw(places)[:width] for _ in range(n_rows)]
    row_weight = draw(st.lists(st.integers(0, 3), min_size=n_rows, max_size=n_rows).filter(any))
    label_weight = draw(
        st.lists(st.sampled_from([1.0, 1.5, 2.0, 7.25]), min_size=n_labels, max_size=n_labels)
    )
    return (
        truth,
        np.array(ranking, dtype=int).reshape(n_rows, width),
        n_labels,
        row_weight,
        label_weight,
    )


def indicator(truth, n_labels):
    y = np.zeros((len(truth), n_labels), dtype=int)
    for i, labels in enumerate(truth):
        y[i, list(labels)] = 1
    return y


def score(metric, y, topk, k, label_weight, sample_weight=None):
    extra = {"inverse_propensity": label_weight} if metric in WEIGHTED else {}
    return metric(y, topk, k=k, sample_weight=sample_weight, **extra)


def dcg(gains):
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


Y = [[1, 0, 1], [0, 1, 0]]
TOP = [[0, 1], [2, 1]]
