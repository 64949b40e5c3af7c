"""One thread for linear algebra on many small matrices."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager:
    """Context in which the BLAS of NumPy and SciPy uses one thread; afterwards as many as before.

    A product of matrices as small as a query's neighbours takes many times longer on two threads
    than on one where anything else wants the processor.
    """
    limit: AbstractContextManager = _controller().limit(limits=1, user_api="blas")
    return limit


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looking for the libraries takes longer than a prediction
