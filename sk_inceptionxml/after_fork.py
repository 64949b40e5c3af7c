"""Torch in a forked child process, where the threads of its OpenMP pool are gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_forked = False


def _mark() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_mark)


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
