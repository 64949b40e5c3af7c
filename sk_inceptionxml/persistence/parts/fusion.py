"""Fusion and calibration."""

from __future__ import annotations

from typing import Any

import numpy as np

from sk_inceptionxml.persistence.checks import (
    FLAG,
    SIZE,
    fail,
    list_of,
    object_of,
    optional,
    real,
    whole,
)
from sk_inceptionxml.ranking.fusion import Fusion


def _check_map(value: Any, where: str) -> dict[str, Any]:
    number = list_of(real(-1e9, 1e9), 1, 1 << 16)
    value = object_of(knots=number, values=number)(value, where)
    rising = all((np.diff(value[name]) > 0).all() for name in ("knots", "values"))
    if len(value["knots"]) != len(value["values"]) or not rising:
        fail(f"{where} must have as many knots as values, both strictly increasing.")
    return value


CHECK = object_of(
    coef=list_of(real(-1e9, 1e9), Fusion.N_FEATURES, Fusion.N_FEATURES + Fusion.N_TEXT_FEATURES),
    intercept=real(-1e9, 1e9),
    lexical=FLAG,
    text=FLAG,
    tail_weight=real(-10, 10),
    unseen=list_of(real(-1e9, 1e9), Fusion.N_UNSEEN + 1, Fusion.N_UNSEEN + 1),
    n_rows=whole(0),
    n_first=optional(SIZE),  # None: all
)
CHECK_CALIBRATION = object_of(first=optional(_check_map), later=optional(_check_map))


def read(state: dict[str, Any], n_labels: int) -> Fusion:
    """The fusion of a model of ``n_labels`` labels."""
    fusion = Fusion(n_labels, state["lexical"], state["text"], state["tail_weight"])
    if len(state["coef"]) != len(fusion.coef_):
        fail(f"fusion.coef has {len(state['coef'])} weights instead of {len(fusion.coef_)}.")
    fusion.coef_, fusion.unseen_ = np.array(state["coef"]), np.array(state["unseen"])
    fusion.intercept_ = state["intercept"]
    fusion.n_rows, fusion.n_first = state["n_rows"], state["n_first"] or n_labels
    if fusion.n_first > n_labels:
        fail(f"fusion.n_first is {fusion.n_first}, but there are {n_labels} labels.")
    return fusion
