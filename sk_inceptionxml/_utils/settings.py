"""Settings of NumPy and torch that a caller may have changed for the whole process or thread."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

import numpy as np
import torch

from .threads import fork_safe

_lock = Lock()
_n_inside = 0  # blocks that need float32 as the default type, which is one for all threads
_type_before = torch.float32


def _forget() -> None:
    """In a forked child nobody is inside: the other threads are gone."""
    global _lock, _n_inside
    _lock = Lock()
    if _n_inside:
        _n_inside = 0
        torch.set_default_dtype(_type_before)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget)


@contextmanager
def own_settings() -> Iterator[None]:
    """Run the block under the settings that a fresh process has, and restore the caller's.

    They are NumPy's handling of floating-point errors, and torch's default type, default device,
    autocast, and threads in a forked process. Usable as a decorator.
    """
    with ExitStack() as stack:
        stack.enter_context(fork_safe())
        stack.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        if torch.get_default_dtype() != torch.float32 or _n_inside:
            stack.enter_context(_float32())
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


@contextmanager
def _float32() -> Iterator[None]:
    """Float32 as the default type; the last block to end gives the former one back."""
    global _n_inside, _type_before
    with _lock:
        if not _n_inside:
            _type_before = torch.get_default_dtype()
            torch.set_default_dtype(torch.float32)
        _n_inside += 1
    try:
        yield
    finally:
        with _lock:
            _n_inside -= 1
            if not _n_inside:
                torch.set_default_dtype(_type_before)
