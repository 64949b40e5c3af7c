"""One thread for linear algebra on many small matrices."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


class _Limit:
    """Who is in a block of ``one_blas_thread`` now, and what the numbers were before the first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_inside = 0
        self.before: list[int] = []


_limit = _Limit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Context in which the BLAS of NumPy and SciPy uses one thread; afterwards as many as before.

    A product of matrices as small as a query's neighbours takes many times longer on two threads
    than on one where anything else wants the processor. The number is one of the whole process, or
    with OpenMP one of every thread: where several threads are inside, the last one to leave gives
    the former back.
    """
    held, limit = libraries("blas"), _limit
    with limit.lock:
        if not limit.n_inside:
            limit.before = [library.num_threads for library in held]
        limit.n_inside += 1
        for library in held:
            _set(library, 1)
    try:
        yield
    finally:
        with limit.lock:
            limit.n_inside -= 1
            for library, n_threads in zip(held, limit.before, strict=True):
                own = getattr(library, "threading_layer", None) == "openmp"
                if own or not limit.n_inside:
                    _set(library, n_threads)


def _set(library: Any, n_threads: int) -> None:
    # from 3.8 on, threadpoolctl lets but one thread change the number, which may not be the last
    getattr(library, "_real_set_num_threads", library.set_num_threads)(n_threads)


@cache
def libraries(kind: str) -> list[Any]:
    """The loaded libraries of a kind; looking for them takes longer than a prediction."""
    found: list[Any] = ThreadpoolController().select(user_api=kind).lib_controllers
    return found


def _forget() -> None:
    """In a forked child nobody is inside: the other threads are gone."""
    global _limit
    limit, _limit = _limit, _Limit()
    if limit.n_inside:
        for library, n_threads in zip(libraries("blas"), limit.before, strict=True):
            _set(library, n_threads)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget)
