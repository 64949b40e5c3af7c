"""What each constructor parameter of the estimator may be; checked by ``fit``."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

CONSTRAINTS: dict[str, list[Any]] = {
    "vectorizer": [None, object],
    "embeddings": [None, object],
    "embedding_dim": [Interval(Integral, 8, None, closed="left")],
    "max_len": [Interval(Integral, 1, None, closed="left")],
    "n_filters": [Interval(Integral, 1, None, closed="left")],
    "kernel_sizes": ["array-like"],
    "hidden_dim": [None, Interval(Integral, 1, None, closed="left")],
    "embedding_skip": ["boolean"],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "classifier_dropout": [Interval(Real, 0, 1, closed="left")],
    "head": [StrOptions({"auto", "ova", "sync"})],
    "n_clusters": [None, Interval(Integral, 1, None, closed="left")],
    "clusters": [None, object],
    "beam_size": [Interval(Integral, 1, None, closed="left")],
    "predict_beam_size": [Interval(Integral, 1, None, closed="left")],
    "meta_dropout": [Interval(Real, 0, 1, closed="left")],
    "meta_loss_weight": [Interval(Real, 0, None, closed="left")],
    "warmup_epochs": [Interval(Integral, 0, None, closed="left")],
    "teacher_forcing": ["boolean"],
    "share_negatives": ["boolean"],
    "synchronized": ["boolean"],
    "n_neighbors": [Interval(Integral, 0, None, closed="left")],
    "shuffle_words": ["boolean"],
    "word_dropout": [Interval(Real, 0, 1, closed="left")],
    "max_epochs": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "label_lr": [Interval(Real, 0, None, closed="neither")],
    "label_optimizer": [StrOptions({"adam", "adagrad"})],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "early_stopping": ["boolean"],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "calibrate": [None, StrOptions({"auto", "isotonic", "sigmoid"})],
    "warm_start": ["boolean"],
    "checkpoint_dir": [None, str, os.PathLike],
    "threshold": [Interval(Real, 0, 1, closed="both")],
    "top_k": [None, Interval(Integral, 1, None, closed="left")],
    "callbacks": [None, list],
    "device": [str],
    "n_jobs": [None, Integral],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}
