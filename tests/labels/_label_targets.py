"""Targets to draw, and what every encoded target must be."""

import json

import numpy as np
import scipy.sparse as sp
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from sk_inceptionxml.labels import LabelSpace

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
# numpy's fixed-width strings cannot hold a trailing NUL
texts = st.text(min_size=0, max_size=5).filter(lambda s: not s.endswith("\0"))


@st.composite
def dense_indicators(draw):
    n, n_labels = draw(st.integers(1, 8)), draw(st.integers(2, 7))
    bits = draw(st.lists(st.booleans(), min_size=n * n_labels, max_size=n * n_labels))
    array = np.array(bits).reshape(n, n_labels)
    array[draw(st.integers(0, n - 1)), draw(st.integers(0, n_labels - 1))] = True
    return array.astype(draw(st.sampled_from([bool, np.int8, np.uint8, np.int64, np.float32])))


def ranking_of(Y):
    """Return the positives of each row as a padded ranking, and the mask to keep them."""
    lengths = np.diff(Y.indptr)
    indices = np.full((Y.shape[0], max(1, lengths.max())), -1)
    for i in range(Y.shape[0]):
        indices[i, : lengths[i]] = Y.indices[Y.indptr[i] : Y.indptr[i + 1]]
    return indices, np.ones(indices.shape, dtype=bool)


def assert_canonical(Y, shape):
    assert isinstance(Y, sp.csr_array)
    assert Y.dtype == np.float32 and Y.shape == shape
    assert Y.indices.dtype in (np.int32, np.int64)
    assert (Y.data == 1).all()
    for i in range(Y.shape[0]):
        assert (np.diff(Y.indices[Y.indptr[i] : Y.indptr[i + 1]]) > 0).all()


def through_json(space):
    return LabelSpace.from_dict(json.loads(json.dumps(space.to_dict())))
