"""Names and limits of the format, and what each version of it has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FORMAT, FORMAT_VERSION = "sk-inceptionxml", 6
MANIFEST, WEIGHTS, MEMORY = "model.json", "weights.safetensors", "memory.safetensors"
FILES = (MANIFEST, WEIGHTS, MEMORY)

MAX_MANIFEST = 32 << 20  # bytes; a JSON value takes up to 30 times its text in memory
MAX_HEADER = 1 << 20
MAX_TENSORS = 512
MAX_COUNT = 1 << 40
MAX_WIDTH = 4  # of a fixed-width array of names, in lengths of the longest
MAX_PATTERN = 2000  # characters of a token_pattern

Arrays = dict[str, np.ndarray]
Manifest = dict[str, Any]

N_FUSION_FEATURES = 13
N_UNSEEN_WEIGHTS = 7
# version 3 had the parameters of the heads among those of the estimator
OF_ANY_HEAD = {
    "classifier_dropout": 0.5,
    "label_lr": "auto",
    "label_optimizer": "auto",
    "label_dtype": "float32",
}
OF_SYNC_HEAD = {
    "n_clusters": None,
    "clusters": None,
    "beam_size": 4,
    "predict_beam_size": 64,
    "meta_dropout": 0.3,
    "meta_loss_weight": 1.0,
    "warmup_epochs": 1,
    "teacher_forcing": True,
    "share_negatives": True,
    "synchronized": True,
    "max_negatives": 8192,
    "n_jobs": None,
}


def _from_1(data: Manifest) -> Manifest:
    """Version 2 knows more evidence in the fusion, calibration and a log of the training."""
    fusion = data["fusion"]
    more = N_FUSION_FEATURES - len(fusion["coef"])
    fusion = {**fusion, "coef": fusion["coef"] + [0.0] * more, "n_rows": 0, "n_first": None}
    return {**data, "fusion": fusion, "calibration": None, "training": None, "fit_seed": 0}


def _from_2(data: Manifest) -> Manifest:
    """Version 3 calibrates the first place by a map of its own."""
    one = data["calibration"]  # for all places
    return data if one is None else {**data, "calibration": {"first": one, "later": one}}


def _from_3(data: Manifest) -> Manifest:
    """Version 4 has heads with parameters of their own, one log, and one form of every text."""
    data = {**data}
    losses, training = data.pop("loss_curve"), data["training"]
    if training is None:
        unknown = [None] * len(losses)
        training = {"duration": unknown, "rows_per_second": unknown, "quality": None}
        training |= {"best_epoch": None, "best_score": None}
    n_samples, seed = data.pop("n_samples"), data.pop("fit_seed")
    data["training"] = {**training, "train_loss": losses, "n_samples": n_samples, "seed": seed}
    parameters, network = {**data["parameters"]}, {**data["network"]}
    sync = network.pop("sync")
    name = "ova" if sync is None else "sync"
    defaults = OF_ANY_HEAD | (OF_SYNC_HEAD if sync is not None else {})
    given = {k: parameters.pop(k) for k in OF_ANY_HEAD | OF_SYNC_HEAD if k in parameters}
    own = defaults | {k: v for k, v in given.items() if k in defaults}
    if parameters.get("head") != "auto" or own != defaults:
        parameters["head"] = {"name": name, "parameters": own}
    network["tuned"] = {} if sync is None else {"cluster_weight": sync["cluster_weight"]}
    in_use = {} if sync is None else {k: v for k, v in sync.items() if k in defaults}
    in_use.pop("predict_beam_size", None)  # predictions read the parameter
    network["head"] = {"name": name, "parameters": own | in_use}
    network["dropout"] = parameters["dropout"]
    data["vectorizer"] = {**data["vectorizer"], "normalize": False, "columns": False}
    left_out = ["head__clusters" if k == "clusters" else k for k in data["left_out"]]
    return {**data, "parameters": parameters, "network": network, "left_out": left_out}


def _from_4(data: Manifest) -> Manifest:
    """Version 5 writes weights in fewer bytes, and knows the texts of labels."""
    unseen = [0.0] * N_UNSEEN_WEIGHTS
    fusion = {**data["fusion"], "text": False, "tail_weight": 0.05, "unseen": unseen}
    return {**data, "fusion": fusion}


def _from_5(data: Manifest) -> Manifest:
    """Version 6 writes label vectors in eight bits, and may write a memory ready for use."""
    lexical = data["lexical"]
    return data if lexical is None else {**data, "lexical": {**lexical, "ready": False}}


_STEPS: dict[int, Callable[[Manifest], Manifest]] = {
    1: _from_1,
    2: _from_2,
    3: _from_3,
    4: _from_4,
    5: _from_5,
}


def upgraded(data: Manifest) -> Manifest:
    """A manifest in the form of this version, which behaves as it did in its own."""
    version = data["format_version"]
    for step in range(version, FORMAT_VERSION):
        data = _STEPS[step](data)
    return data
