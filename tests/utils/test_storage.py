"""Large arrays in memory and in files hold the same, however they are cut into blocks."""

from __future__ import annotations

import copy
import gc
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_inceptionxml._utils import sparse, storage
from sk_inceptionxml._utils.sparse import column_counts, stack_rows, take_rows, transposed
from sk_inceptionxml._utils.storage import MEMORY, Storage, blocks, gather


@pytest.fixture(params=["memory", "files"])
def place(request, tmp_path, monkeypatch):
    """Storage in memory or in files; blocks of a few entries, and files for the smallest arrays."""
    monkeypatch.setattr(storage, "SMALL", 0)
    for module in (storage, sparse):
        monkeypatch.setattr(module, "AT_ONCE", 7)
    monkeypatch.setattr(sparse, "TRANSPOSED_AT_ONCE", 11)
    return MEMORY if request.param == "memory" else Storage(str(tmp_path))


@pytest.fixture
def matrix():
    made = sp.random_array((60, 9), density=0.2, format="csr", dtype=np.float32, rng=0)
    made.sort_indices()
    return made


def same(found, expected):
    assert found.dtype == expected.dtype and found.shape == expected.shape
    assert found.indices.dtype == found.indptr.dtype == np.int32
    np.testing.assert_array_equal(found.indptr, expected.indptr)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.data, expected.data)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9)), st.integers(1, 12))
def test_blocks_hold_every_row_once_and_few_entries(lengths, at_once):
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    parts = list(blocks(offsets, at_once))
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(len(lengths)))
    for part in parts:
        assert part.stop - part.start == 1 or offsets[part.stop] - offsets[part.start] <= at_once


def test_what_is_written_in_parts_is_the_whole(place):
    with place.writer(np.int32) as writer:
        for part in ([1, 2, 3], [], [4]):
            writer.append(np.array(part, dtype=np.int64))
        found = writer.finish()
    assert type(found) is np.ndarray and found.dtype == np.int32 and found.tolist() == [1, 2, 3, 4]
    with place.writer(np.float32) as writer:
        assert len(writer.finish()) == 0
    assert place.converted(found, np.int64).tolist() == [1, 2, 3, 4]
    assert place.converted(found, np.int32) is found


def test_arrays_have_no_name_and_give_their_room_back(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "SMALL", 0)
    array = Storage(str(tmp_path)).empty(10, np.int64)
    array[:] = 3
    assert isinstance(array.base, np.memmap) and not list(tmp_path.iterdir())
    for other in (copy.deepcopy(array), pickle.loads(pickle.dumps(array))):
        assert type(other) is np.ndarray and other.tolist() == [3] * 10
    del array
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_no_room_is_an_error_and_no_crash(tmp_path):
    with pytest.raises(OSError):
        Storage(str(tmp_path)).empty(1 << 58, np.int64)


def test_rows_are_gathered(place):
    values, starts = np.arange(50, dtype=np.float32), np.array([40, 0, 7, 7, 3])
    sizes = np.array([5, 0, 9, 2, 1])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    expected = np.concatenate([values[a : a + n] for a, n in zip(starts, sizes, strict=True)])
    np.testing.assert_array_equal(gather(values, starts, offsets, place), expected)


def test_matrices_are_those_of_scipy(place, matrix):
    places = np.random.default_rng(0).permutation(60)[:40]
    same(take_rows(matrix, places, place), matrix[places])
    same(transposed(matrix, place), sp.csr_array(matrix.T))
    parts = [matrix[:10], matrix[10:10], matrix[10:]]
    same(stack_rows(parts, 9, place), matrix)
    assert stack_rows([], 9, place).shape == (0, 9)
    np.testing.assert_array_equal(column_counts(matrix), np.bincount(matrix.indices, minlength=9))
