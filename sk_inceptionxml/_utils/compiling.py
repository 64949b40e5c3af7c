"""Functions compiled by numba. Only modules named ``compiled`` import this: numba is an extra."""

from __future__ import annotations

from functools import partial
from typing import Any

from numba import njit, types


def array(kind: Any, n_dims: int = 1, readonly: bool = True) -> Any:
    """The type of a contiguous array; one that is read only may be given one that is not."""
    return types.Array(kind, n_dims, "C", readonly=readonly)


def compile_for(*signature: Any, reorder: bool = False) -> Any:
    """Compile a function for one signature, once a machine; ``reorder`` is of sums.

    Other threads run while it does. Without a signature it becomes a part of its callers.
    """
    fastmath = {"reassoc", "contract"} if reorder else False

    def compiled(function: Any) -> Any:
        decorate: Any = partial(njit, *signature, nogil=True, fastmath=fastmath)
        try:
            return decorate(cache=True)(function)
        except RuntimeError:  # no folder to keep it in may be written to
            return decorate()(function)

    return compiled
