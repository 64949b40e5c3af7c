"""Checks of parameters that scikit-learn's table of constraints cannot say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

MOST = 2**31 - 1  # of a count
MOST_RATE = 1e38  # that float32 holds; the training says where a rate is merely too high


def whole(low: int, high: int = MOST) -> Interval:
    """The constraint of a count."""
    return Interval(Integral, low, high, closed="both")


def check_values(
    values: Mapping[str, Any], constraints: Mapping[str, list[Any]], caller: str, prefix: str = ""
) -> None:
    """Check parameters by their constraints, and refuse True and False for numbers.

    Parameters
    ----------
    values : mapping of str to object
    constraints : mapping of str to list
        In the form of scikit-learn's ``_parameter_constraints``.
    caller : str
        Name of the class, for the message.
    prefix : str
        Of the names, such as "head__".

    Raises
    ------
    ValueError, TypeError
        If one is out of range.
    """
    known = {name: constraints[name] for name in values}
    validate_parameter_constraints(known, dict(values), caller_name=caller)
    for name, value in values.items():
        takes_bool = "boolean" in constraints[name] or "verbose" in constraints[name]
        if isinstance(value, (bool, np.bool_)) and not takes_bool:
            raise ValueError(f"{prefix}{name} must not be a bool, got {value!r}.")


def check_callbacks(callbacks: list[Any] | None) -> None:
    """Refuse entries that are no callbacks of skorch.

    Raises
    ------
    TypeError
        If there is one.
    """
    for entry in callbacks or ():
        is_named = isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str)
        if not hasattr(entry[1] if is_named else entry, "on_train_begin"):
            raise TypeError(
                f"callbacks must be a list of (name, skorch Callback), got the entry {entry!r:.80}."
            )


def check_kernel_sizes(kernel_sizes: Any, width: int | None) -> tuple[int, ...]:
    """The kernels as integers.

    Parameters
    ----------
    kernel_sizes : sequence of int
    width : int or None
        Of the word vectors, to which circular padding is bound; None where not known yet.

    Raises
    ------
    ValueError
        If there is none, or one is not an integer between 1 and twice the width of the vectors.
    """
    most = 2 * (1 << 14 if width is None else width)
    ordered = isinstance(kernel_sizes, Sequence) or getattr(kernel_sizes, "ndim", 0) == 1
    kernels = tuple(kernel_sizes) if ordered else ()
    if not kernels or not all(
        isinstance(k, (int, np.integer)) and not isinstance(k, bool) and 1 <= k <= most
        for k in kernels
    ):
        bound = f"twice the embedding_dim of {width}" if width else str(most)
        raise ValueError(
            f"kernel_sizes must be integers from 1 to {bound}, at least one, in a list or tuple; "
            f"got {kernel_sizes!r:.80}."
        )
    return tuple(int(k) for k in kernels)
