"""Given clusters in every form, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from _label_topics import FEW
from hypothesis import given
from hypothesis import strategies as st

from sk_inceptionxml.clustering import validate_clusters


@FEW
@given(st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_validate_clusters_forms_agree(ids):
    n_labels = len(ids)
    lists = [np.flatnonzero(np.array(ids) == c).tolist() for c in range(10)]
    matrix = sp.csr_matrix((np.ones(n_labels), (ids, np.arange(n_labels))), shape=(10, n_labels))
    expected = [sorted(set(ids)).index(i) for i in ids]
    for form in (ids, np.array(ids), lists, matrix):
        got = validate_clusters(form, n_labels)
        assert got.dtype == np.int32
        assert got.tolist() == expected


@pytest.mark.parametrize(
    ("clusters", "error", "message"),
    [
        ([[0, 1], [3]], ValueError, "labels in no cluster: 2"),
        ([[0, 1], [1, 2, 3]], ValueError, "listed more than once: 1"),
        ([[0, 0], [1, 2, 3]], ValueError, "listed more than once: 0"),
        ([[0, 1, 2, 3, 4]], ValueError, "outside 0 .. 3: 4"),
        ([[0, 1, 2, -1]], ValueError, "outside 0 .. 3: -1"),
        ([0, 0, -1, 1], ValueError, "labels in no cluster: 2"),
        ([0, 0, 1], ValueError, "labels in no cluster: 3"),
        ([0, 0, 1, 1, 1], ValueError, "5 ids but there are 4 labels"),
        (sp.csr_array(np.array([[1, 1, 0, 0], [0, 1, 0, 1]])), ValueError, "no cluster: 2;.*: 1"),
        (sp.csr_array(np.eye(3)), ValueError, r"shape \(n_clusters, 4\), got \(3, 3\)"),
        ([], ValueError, "labels in no cluster: 0, 1, 2, 3"),
        ([0.5, 1.0, 2.0, 3.0], TypeError, "integers"),
        (["a", "b", "c", "d"], TypeError, "integers"),
        ("abcd", TypeError, "got str"),
        (3, TypeError, "got int"),
    ],
)
def test_validate_clusters_errors(clusters, error, message):
    with pytest.raises(error, match=message):
        validate_clusters(clusters, 4)


def test_validate_clusters_long_messages_and_n_labels():
    with pytest.raises(ValueError, match=r"8, 9, \.\.\. \(50 in all\)"):
        validate_clusters([[]], 50)
    with pytest.raises(ValueError, match="n_labels"):
        validate_clusters([0], 0)
    with pytest.raises(TypeError, match="n_labels"):
        validate_clusters([0], 1.0)
