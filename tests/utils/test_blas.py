"""The limit on BLAS threads holds inside and is lifted after."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import scipy.sparse as sp
from threadpoolctl import threadpool_info, threadpool_limits

from sk_inceptionxml._utils.blas import one_blas_thread
from sk_inceptionxml.ranking import neighbours


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


def test_the_last_of_several_threads_lifts_the_limit():
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()
    seen = []

    def first():
        with one_blas_thread():
            first_in.set()
            second_in.wait(10)
        first_out.set()

    def second():
        first_in.wait(10)
        with one_blas_thread():
            second_in.set()
            first_out.wait(10)
            seen.append(set(blas_threads()))

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        workers = [threading.Thread(target=work) for work in (first, second)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert seen == [{1}]
        assert blas_threads() == before


def test_many_threads_leave_the_number_as_it_was():
    X = sp.csr_array(np.ones((40, 2), np.float32))
    memory = neighbours.KernelNeighbours(3).fit(X, X)
    with threadpool_limits(2, user_api="blas"), ThreadPoolExecutor(4) as pool:
        before = blas_threads()
        for _ in pool.map(lambda _: memory.score(X[:3], 1), range(200)):
            pass
        assert blas_threads() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_within_has_the_former_number():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        inside, done = threading.Event(), threading.Event()

        def hold():
            with one_blas_thread():
                inside.set()
                done.wait(10)

        worker = threading.Thread(target=hold)
        worker.start()
        inside.wait(10)
        with ProcessPoolExecutor(1, get_context("fork")) as pool:
            child = pool.submit(blas_threads).result(30)
        done.set()
        worker.join()
        assert child == before


@pytest.mark.parametrize("n_threads", [1, 2])
def test_neighbours_are_weighed_on_one_blas_thread(n_threads, monkeypatch):
    seen = []
    solve = neighbours._solve

    def spy(*arguments):
        seen.append(set(blas_threads()))
        return solve(*arguments)

    monkeypatch.setattr(neighbours, "_solve", spy)
    monkeypatch.setattr(neighbours, "compiled", lambda: None)
    X = sp.csr_array(np.ones((40, 2), np.float32))
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        neighbours.KernelNeighbours(3).fit(X, X).score(X, n_threads)
        assert blas_threads() == before
    assert len(seen) == 40 and all(x == {1} for x in seen)
