"""Index arrays of sparse matrices: every damage is found, nothing sound is refused or changed."""

import copy

import numpy as np
import pytest
import scipy.sparse as sp

from sk_inceptionxml._utils.sparse import check_structure

DENSE = np.kron(np.eye(3), np.ones((2, 4))) * (np.arange(72).reshape(6, 12) % 5 > 0)
FORMATS = ["csr", "csc", "bsr", "coo", "dok", "lil", "dia"]


@pytest.mark.parametrize("kind", FORMATS)
def test_sound_matrices_pass_and_stay(kind):
    for matrix in (sp.coo_array(DENSE), sp.coo_matrix(DENSE), sp.coo_array((6, 0))):
        sound = matrix.asformat(kind)
        before = copy.deepcopy(sound)
        check_structure("X", sound)
        assert (sound.toarray() == before.toarray()).all() and sound.format == before.format


@pytest.mark.parametrize("kind", ["csr", "csc", "bsr"])
@pytest.mark.parametrize("value", [-1, 12, 10_000, -(2**31), 2**31 - 1])
@pytest.mark.parametrize("name", ["indices", "indptr"])
@pytest.mark.parametrize("place", [0, 1, -1])
def test_indices_out_of_range_are_found(kind, value, name, place):
    matrix = sp.coo_array(DENSE).asformat(kind)
    array = getattr(matrix, name).copy()
    size = max(matrix.shape) if name == "indices" else len(matrix.indices)
    if name == "indptr" and 0 <= value <= size:
        value = size + 1
    array[place] = value
    setattr(matrix, name, array)
    with pytest.raises(ValueError, match=f"X is a damaged {kind}_array"):
        check_structure("X", matrix)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("value", [-1, 99])
def test_coordinates_out_of_range_are_found(axis, value):
    matrix = sp.coo_array(DENSE)
    matrix.coords = tuple(c.copy() for c in matrix.coords)
    matrix.coords[axis][3] = value
    with pytest.raises(ValueError, match=f"y is a damaged coo_array: it has the index {value}"):
        check_structure("y", matrix)


def test_arrays_that_do_not_fit_are_found():
    for name in ("indices", "data", "indptr"):
        matrix = sp.csr_array(DENSE)
        setattr(matrix, name, getattr(matrix, name)[:-2])
        with pytest.raises(ValueError, match="damaged csr_array: its indptr"):
            check_structure("X", matrix)
