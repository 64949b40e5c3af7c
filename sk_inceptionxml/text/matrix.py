"""Matrices of token weights: what is accepted, and errors that name X."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import validate_data

from sk_inceptionxml._utils.sparse import check_structure

MAX_WEIGHT = 1e10  # the attentions raise a weight to its third power, which must fit float32


def check_matrix(owner: Any, X: Any, *, reset: bool) -> Any:
    """Check a matrix of token weights.

    Parameters
    ----------
    owner : object
        On which ``n_features_in_`` and ``feature_names_in_`` are set or compared.
    X : matrix of shape (n_samples, n_features)
        Dense or sparse; never changed.
    reset : bool
        True in ``fit``.

    Returns
    -------
    X : ndarray or CSR of shape (n_samples, n_features), float32

    Raises
    ------
    TypeError
        If X is not a matrix of numbers.
    ValueError
        If X is empty, damaged, not finite, has weights beyond 1e10, or other columns than in
        ``fit``.
    """
    _refuse_other_kinds(X)
    if sp.issparse(X):
        check_structure("X", X)
    try:
        with np.errstate(over="ignore"):  # what overflows is found as infinity
            checked = validate_data(owner, X, reset=reset, accept_sparse="csr", dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise _naming_x(error) from error
    if sp.issparse(checked) and checked is not X:
        check_structure("X", checked)
    values = checked.data if sp.issparse(checked) else checked
    largest = max(values.max(initial=0.0), -values.min(initial=0.0))
    if largest > MAX_WEIGHT:
        raise ValueError(
            f"X holds a weight of size {largest:.3g}; beyond {MAX_WEIGHT:.0e} the encoder "
            "overflows. Scale the columns, for example with MaxAbsScaler."
        )
    return checked


def _refuse_other_kinds(X: Any) -> None:
    is_sequence = isinstance(X, (list, tuple, range))
    if not is_sequence and not hasattr(X, "shape") and not hasattr(X, "__array__"):
        hint = " Make a list of it: list(X)." if isinstance(X, Iterable) else ""
        raise TypeError(
            "X must be a sequence of texts or a matrix of numbers of shape (n_samples, "
            f"n_features), got {type(X).__name__}.{hint}"
        )
    if (len(X) if is_sequence else getattr(X, "shape", ())) in (0, (0,)):
        raise ValueError("X has 0 sample(s), but at least one is needed here.")
    if getattr(getattr(X, "dtype", None), "kind", "") in ("m", "M"):
        raise TypeError(f"X must hold texts or numbers, got dtype {X.dtype}.")


def _naming_x(error: Exception) -> Exception:
    """The error of scikit-learn or numpy with the name of the argument in it."""
    text = str(error)
    kind = TypeError if isinstance(error, TypeError) else ValueError
    if re.search(r"could not convert|argument must be|setting an array|Cannot cast", text):
        return kind(
            "X must be raw texts, one str a row, or a matrix of numbers with rows of one length "
            f"({text})."
        )
    return kind(text if re.search(r"\bX\b", text) else f"X: {text}")
