"""Vectorizers of scikit-learn as data, and back."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer

_WRITABLE = {c.__name__: c for c in (CountVectorizer, TfidfVectorizer, HashingVectorizer)}


def vectorizer_to_data(vectorizer: Any) -> dict[str, Any] | None:
    """Write one of the three vectorizers of scikit-learn as JSON data."""
    if vectorizer is None:
        return None
    kind = type(vectorizer)
    if kind not in _WRITABLE.values():
        raise TypeError(
            f"vectorizer of class {kind.__name__} cannot be written as data; only "
            f"{', '.join(_WRITABLE)} can. Pickle the estimator instead."
        )
    params = {name: _plain(name, value) for name, value in vectorizer.get_params().items()}
    return {"class": kind.__name__, "params": params}


def vectorizer_from_data(data: Mapping[str, Any] | None) -> Any:
    """Build the vectorizer that :func:`vectorizer_to_data` wrote."""
    if data is None:
        return None
    if data["class"] not in _WRITABLE:
        raise ValueError(f"state names the vectorizer {data['class']!r}, not {list(_WRITABLE)}.")
    params = {name: _from_plain(value) for name, value in data["params"].items()}
    return _WRITABLE[data["class"]](**params)


def _plain(name: str, value: Any) -> Any:
    """Write one parameter of a vectorizer as JSON data."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if name == "dtype":
        return {"dtype": np.dtype(value).name}
    if isinstance(value, Mapping):
        return {"dict": [[_plain(name, k), _plain(name, v)] for k, v in value.items()]}
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_plain(name, v) for v in value]}
    raise TypeError(
        f"vectorizer: parameter {name}={value!r} cannot be written as data. Pickle the estimator "
        "instead, or express it through token_pattern, ngram_range or stop_words."
    )


def _from_plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dtype":
        return np.dtype(content).type
    if kind == "dict":
        return {_from_plain(k): _from_plain(v) for k, v in content}
    return (tuple if kind == "tuple" else list)(map(_from_plain, content))


def copy_vectorizer(vectorizer: Any) -> Any:
    """Return an unfitted copy, also of what is no estimator of scikit-learn."""
    return clone(vectorizer) if hasattr(vectorizer, "get_params") else copy.deepcopy(vectorizer)
