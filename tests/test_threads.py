"""The limit on BLAS threads holds inside and is lifted after."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from threadpoolctl import threadpool_info, threadpool_limits

from sk_inceptionxml import neighbours
from sk_inceptionxml.threads import one_blas_thread


def blas_threads():
    return [x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas"]


def test_limit_holds_inside_and_is_lifted_after_an_error():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        assert before and max(before) == 2
        with pytest.raises(KeyError), one_blas_thread():
            assert set(blas_threads()) == {1}
            raise KeyError
        assert blas_threads() == before


@pytest.mark.parametrize("n_threads", [1, 2])
def test_neighbours_are_weighed_on_one_blas_thread(n_threads, monkeypatch):
    seen = []
    solve = neighbours._solve

    def spy(*arguments):
        seen.append(set(blas_threads()))
        return solve(*arguments)

    monkeypatch.setattr(neighbours, "_solve", spy)
    X = sp.csr_array(np.ones((40, 2), np.float32))
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        neighbours.KernelNeighbours(3).fit(X, X).score(X, n_threads)
        assert blas_threads() == before
    assert len(seen) == 40 and all(x == {1} for x in seen)
