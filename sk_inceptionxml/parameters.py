"""What each constructor parameter of the estimator may be; checked by ``fit``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)

from sk_inceptionxml.embeddings import check_embeddings
from sk_inceptionxml.neighbours import MAX_NEIGHBOURS
from sk_inceptionxml.vectorize import check_vectorizer

MOST = 2**31 - 1  # of a count
MOST_RATE = 1e38  # that float32 holds; the training says where a rate is merely too high


def _whole(low: int, high: int = MOST) -> Interval:
    return Interval(Integral, low, high, closed="both")


CONSTRAINTS: dict[str, list[Any]] = {
    "vectorizer": [None, object],
    "embeddings": [None, object],
    "embedding_dim": [_whole(8, 1 << 14)],
    "max_len": [_whole(1, 1 << 14)],
    "n_filters": [_whole(1, 1 << 12)],
    "kernel_sizes": ["array-like"],
    "hidden_dim": [None, _whole(1, 1 << 16)],
    "embedding_skip": ["boolean"],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "classifier_dropout": [Interval(Real, 0, 1, closed="left")],
    "head": [StrOptions({"auto", "ova", "sync"})],
    "n_clusters": [None, _whole(1)],
    "clusters": [None, object],
    "beam_size": [_whole(1)],
    "predict_beam_size": [_whole(1)],
    "meta_dropout": [Interval(Real, 0, 1, closed="left")],
    "meta_loss_weight": [Interval(Real, 0, 1e9, closed="both")],
    "warmup_epochs": [_whole(0)],
    "teacher_forcing": ["boolean"],
    "share_negatives": ["boolean"],
    "synchronized": ["boolean"],
    "max_negatives": [None, _whole(1)],
    "n_neighbors": [_whole(0, MAX_NEIGHBOURS)],
    "shuffle_words": ["boolean"],
    "word_dropout": [Interval(Real, 0, 1, closed="left")],
    "max_epochs": [StrOptions({"auto"}), _whole(1)],
    "batch_size": [_whole(1)],
    "lr": [Interval(Real, 0, MOST_RATE, closed="right")],
    "label_lr": [StrOptions({"auto"}), Interval(Real, 0, MOST_RATE, closed="right")],
    "label_optimizer": [StrOptions({"auto", "adam", "adagrad"})],
    "mixed_precision": ["boolean"],
    "label_dtype": [StrOptions({"float32", "float16"})],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "early_stopping": ["boolean"],
    "n_iter_no_change": [_whole(1)],
    "calibrate": [None, StrOptions({"auto", "isotonic", "sigmoid"})],
    "warm_start": ["boolean"],
    "checkpoint_dir": [None, str, os.PathLike],
    "threshold": [Interval(Real, 0, 1, closed="both")],
    "top_k": [None, _whole(1)],
    "callbacks": [None, list],
    "device": [str],
    "n_jobs": [None, Interval(Integral, None, -1, closed="right"), _whole(1)],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}

USED_IN_PREDICTION = ("threshold", "top_k", "max_len", "predict_beam_size")


def check_parameters(estimator: Any) -> None:
    """Check what the table cannot say; called by ``fit`` before any work is done.

    Parameters
    ----------
    estimator : InceptionXMLClassifier
        Whose parameters satisfy ``CONSTRAINTS``.

    Raises
    ------
    ValueError, TypeError
        If a number is a bool, or the kernels, vectorizer, embeddings or callbacks are not what
        they should be.
    """
    refuse_bools(estimator)
    own = estimator.embeddings is None or isinstance(estimator.embeddings, str)
    width = estimator.embedding_dim if own and estimator.embeddings in (None, "random") else None
    check_kernel_sizes(estimator.kernel_sizes, width)
    check_vectorizer(estimator.vectorizer)
    check_embeddings(estimator.embeddings)
    for entry in estimator.callbacks or ():
        is_named = isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str)
        if not hasattr(entry[1] if is_named else entry, "on_train_begin"):
            raise TypeError(
                f"callbacks must be a list of (name, skorch Callback), got the entry {entry!r:.80}."
            )


def refuse_bools(estimator: Any) -> None:
    """Refuse True and False for any parameter that is a number."""
    for name, value in estimator.get_params(deep=False).items():
        refuse_bool(name, value)


def refuse_bool(name: str, value: Any) -> None:
    """Refuse True and False for a number: to the constraints they are 1 and 0."""
    takes_bool = "boolean" in CONSTRAINTS[name] or "verbose" in CONSTRAINTS[name]
    if isinstance(value, (bool, np.bool_)) and not takes_bool:
        raise ValueError(f"{name} must not be a bool, got {value!r}.")


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


def check_prediction_parameters(estimator: Any, longest: int) -> None:
    """Check parameters that predictions read, which ``set_params`` may have changed since.

    Parameters
    ----------
    estimator : InceptionXMLClassifier
    longest : int
        Words that the trained network can read.

    Raises
    ------
    ValueError
        If one is out of range.
    """
    values = {name: getattr(estimator, name) for name in USED_IN_PREDICTION}
    constraints = {name: CONSTRAINTS[name] for name in USED_IN_PREDICTION}
    validate_parameter_constraints(constraints, values, caller_name=type(estimator).__name__)
    for name, value in values.items():
        refuse_bool(name, value)
    if values["max_len"] > longest:
        raise ValueError(
            f"max_len={values['max_len']} exceeds the {longest} words that the fitted network "
            "reads; fit again."
        )
