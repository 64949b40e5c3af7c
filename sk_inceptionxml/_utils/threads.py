"""Torch in threads and in forked processes.

The operations of a batch of short texts are too small to be shared among threads one by one. A
thread a batch keeps every processor busy, and the result does not depend on their number.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Barrier, Event, Lock
from typing import Any, TypeVar

import torch

from sk_inceptionxml._utils.blas import libraries

Piece = TypeVar("Piece")

_END: Any = object()

_lock = Lock()  # held while torch's number of threads is not the caller's
_forked = False


def _after_fork() -> None:
    global _forked, _lock
    _forked, _lock = True, Lock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def fork_safe() -> Iterator[None]:
    """Use one thread of torch within the block, if this process is a fork of another.

    GNU OpenMP waits for ever for the threads that ``fork`` did not copy. Usable as a decorator.
    """
    threads = torch.get_num_threads() if _forked else 1
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def one_thread_here() -> Iterator[None]:
    """Use one thread of torch in the calling thread within the block; no other thread notices.

    To wake a second thread takes longer than its share of the work on one short text.
    """
    openmp, mkl = libraries("openmp"), _mkl_threads()
    before = [library.num_threads for library in openmp]
    for library in openmp:
        library.set_num_threads(1)
    mkl_before = mkl(1)
    try:
        yield
    finally:
        for library, n_threads in zip(openmp, before, strict=True):
            library.set_num_threads(n_threads)
        mkl(mkl_before)


@cache
def _mkl_threads() -> Callable[[int], int]:
    """Sets how many threads MKL uses in the calling thread, and returns how many it used.

    The MKL within torch goes by a number of its own, and threadpoolctl does not see it.
    """
    for path in (Path(torch.__file__).parent / "lib").glob("*torch_cpu.*"):
        try:
            mkl: Callable[[int], int] = ctypes.CDLL(str(path)).MKL_Set_Num_Threads_Local
        except (OSError, AttributeError):  # no MKL within
            continue
        return mkl
    return lambda n_threads: n_threads


@contextmanager
def gradients() -> Iterator[None]:
    """Record gradients within the block, whatever mode of torch the caller is in."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def side_by_side(function: Callable[[Piece], object], pieces: Iterable[Piece]) -> None:
    """Call a function with every piece, as many at once as torch has threads.

    Parameters
    ----------
    function : callable
        Its result is dropped. Thread-local settings of the caller, as inference mode, do not
        hold in it.
    pieces : iterable
        One is taken whenever a thread is free, by one thread at a time.

    Raises
    ------
    Exception
        One that a call raises; no further piece is taken then.
    """
    n_threads = torch_threads()
    if n_threads == 1:
        for piece in pieces:
            function(piece)
        return
    left, taking, over = iter(pieces), Lock(), Event()

    def work(_: int) -> None:
        try:
            while not over.is_set():
                with taking:
                    piece = next(left, _END)
                if piece is _END:
                    return
                function(piece)
        finally:
            over.set()

    # the threads end with the call: GNU OpenMP would count them, and let those of others sleep
    with ThreadPoolExecutor(n_threads) as pool:
        _one_torch_thread_each(pool, n_threads)
        try:
            for _ in pool.map(work, range(n_threads)):
                pass
        finally:  # also of Ctrl-C
            over.set()


def torch_threads() -> int:
    """Torch's number of threads in this thread.

    A thread takes over the number that was set last when it first asks, which must not be one
    that is meant for others.
    """
    with _lock:
        return torch.get_num_threads()


def _one_torch_thread_each(pool: ThreadPoolExecutor, n_threads: int) -> None:
    started = Barrier(n_threads)

    def start(_: int) -> None:
        started.wait()  # until every thread has a call of its own
        torch.get_num_threads()  # a thread that never asked takes over the others' number later
        torch.set_num_threads(1)

    with _lock:
        try:
            for _ in pool.map(start, range(n_threads)):
                pass
        except BaseException:
            started.abort()  # a thread that could not start keeps no other waiting
            raise
        finally:
            torch.set_num_threads(n_threads)  # for threads that start from now on
