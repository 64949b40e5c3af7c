"""Check every field of the manifest."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from sk_inceptionxml import __version__
from sk_inceptionxml.exceptions import ModelFormatError
from sk_inceptionxml.fusion import Fusion
from sk_inceptionxml.vectorize._state import vectorizer_from_data

from ._format import (
    FORMAT,
    FORMAT_VERSION,
    LEFT_OUT,
    MANIFEST,
    MAX_COUNT,
    MAX_PATTERN,
    MEMORY,
    WEIGHTS,
)

Check = Callable[[Any, str], Any]


def fail(message: str) -> NoReturn:
    """Reject the directory."""
    raise ModelFormatError(message)


def fields(value: Any, where: str, **checks: Check) -> dict[str, Any]:
    """Check a JSON object, which must have exactly these keys."""
    if not isinstance(value, dict) or value.keys() != checks.keys():
        fail(f"{where} must be an object with the keys {', '.join(checks)}.")
    return {name: check(value[name], f"{where}.{name}") for name, check in checks.items()}


def object_of(**checks: Check) -> Check:
    return lambda value, where: fields(value, where, **checks)


def whole(low: int, high: int = MAX_COUNT) -> Check:
    def check(value: Any, where: str) -> int:
        if type(value) is not int or not low <= value <= high:
            fail(f"{where} must be an integer in [{low}, {high}], got {value!r:.80}.")
        return value

    return check


def real(low: float, high: float) -> Check:
    def check(value: Any, where: str) -> float:
        if type(value) not in (int, float) or not low <= value <= high:
            fail(f"{where} must be a number in [{low}, {high}], got {value!r:.80}.")
        return float(value)

    return check


def one_of(*options: Any) -> Check:
    def check(value: Any, where: str) -> Any:
        if not any(type(value) is type(option) and value == option for option in options):
            fail(f"{where} must be one of {', '.join(map(str, options))}, got {value!r:.80}.")
        return value

    return check


def optional(check: Check) -> Check:
    return lambda value, where: None if value is None else check(value, where)


def list_of(check: Check, low: int = 0, high: int = MAX_COUNT) -> Check:
    def check_list(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list) or not low <= len(value) <= high:
            fail(f"{where} must be a list of {low} to {high} entries, got {value!r:.80}.")
        return [check(x, where) for x in value]

    return check_list


def string(pattern: str) -> Check:
    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            fail(f"{where} is {value!r:.80}, which is not of the expected form.")
        return value

    return check


def _any(value: Any, where: str) -> Any:
    return value


_NUMBER_TYPE = r"bool|u?int(8|16|32|64)|float(32|64)"
_FLAG = one_of(True, False)
_SIZE = whole(1)
_FILE = object_of(sha256=string("[0-9a-f]{64}"), size=whole(8, 2**62))
NORM: dict[str, Check] = {
    "norm": one_of("l2"),
    "use_idf": one_of(True),
    "smooth_idf": _FLAG,
    "sublinear_tf": one_of(True),
}


def manifest_digest(manifest: dict[str, Any]) -> str:
    """Return the checksum of everything in the manifest but itself."""
    content = {name: value for name, value in manifest.items() if name != "manifest_sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def upgraded(data: dict[str, Any], version: Any) -> dict[str, Any]:
    """Fill in what later versions added, with the values that give the behaviour before."""
    if version == 2:
        one = data.get("calibration")  # for all places
        return data if one is None else {**data, "calibration": {"first": one, "later": one}}
    if version != 1:
        return data
    fusion = data.get("fusion")
    if isinstance(fusion, dict) and isinstance(fusion.get("coef"), list):
        more = Fusion.N_FEATURES - len(fusion["coef"])
        fusion = {**fusion, "coef": fusion["coef"] + [0.0] * more, "n_rows": 0, "n_first": None}
    return {**data, "fusion": fusion, "calibration": None, "training": None, "fit_seed": 0}


def check_manifest(data: Any) -> dict[str, Any]:
    """Return the manifest if every field is of the right type and in range."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        fail(f"{MANIFEST} does not describe a model of this package.")
    version, writer = data.get("format_version"), str(data.get("package_version"))[:40]
    if type(version) is int and version > FORMAT_VERSION:
        fail(
            f"it has format {version}, written by version {writer}; this is version {__version__}, "
            f"which reads format {FORMAT_VERSION}. Upgrade sk_inceptionxml."
        )
    if data.get("manifest_sha256") != manifest_digest(data):
        fail(f"{MANIFEST} is not what was saved (its SHA-256 differs).")
    data = upgraded(data, version)
    return fields(
        data,
        MANIFEST,
        manifest_sha256=_any,
        format=one_of(FORMAT),
        format_version=one_of(*range(1, FORMAT_VERSION + 1)),
        package_version=string(r"[0-9A-Za-z.+!-]{1,40}"),
        files=object_of(**{WEIGHTS: _FILE, MEMORY: _FILE}),
        parameters=_check_parameters,
        left_out=list_of(one_of(*LEFT_OUT), 0, len(LEFT_OUT)),
        network=_NETWORK,
        vectorizer=_VECTORIZER,
        labels=_LABELS,
        lexical=optional(_LEXICAL),
        fusion=_FUSION,
        calibration=optional(object_of(first=optional(_check_map), later=optional(_check_map))),
        feature_names=_FLAG,
        loss_curve=list_of(optional(real(-math.inf, math.inf)), 1, 1 << 20),
        training=optional(_TRAINING),
        n_samples=_SIZE,
        fit_seed=whole(0, 1 << 31),
        shortlist_recall=optional(real(0, 1)),
    )


def _check_parameters(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        fail(f"{where} must be an object.")
    for name, x in value.items():
        if name == "kernel_sizes":
            list_of(whole(1, 1 << 16), 1, 64)(x, f"{where}.{name}")
        elif not isinstance(x, (type(None), bool, int, float, str)):
            fail(f"{where}.{name:.80} must be a scalar, got {x!r:.80}.")
    return value


def _check_map(value: Any, where: str) -> dict[str, Any]:
    number = list_of(real(-1e9, 1e9), 1, 1 << 16)
    value = object_of(knots=number, values=number)(value, where)
    rising = all((np.diff(value[name]) > 0).all() for name in ("knots", "values"))
    if len(value["knots"]) != len(value["values"]) or not rising:
        fail(f"{where} must have as many knots as values, both strictly increasing.")
    return value


_NETWORK = object_of(
    max_len=whole(1, 1 << 20),
    embedding_dim=whole(4, 1 << 20),
    n_filters=whole(1, 1 << 16),
    kernel_sizes=list_of(whole(1, 1 << 16), 1, 64),
    embedding_skip=_FLAG,
    hidden_dim=whole(1, 1 << 20),
    n_tokens=whole(3),
    n_labels=_SIZE,
    sync=optional(
        object_of(
            beam_size=_SIZE,
            predict_beam_size=_SIZE,
            meta_loss_weight=real(0, 1e9),
            teacher_forcing=_FLAG,
            share_negatives=_FLAG,
            synchronized=_FLAG,
            cluster_weight=real(-1e9, 1e9),
        )
    ),
)
_LABELS = object_of(
    form=one_of("binary", "multiclass", "indicator", "sparse", "lists"),
    container=one_of("csr_array", "csr_matrix"),
    dtype=string("u?int(8|16|32|64)"),
    classes_dtype=string(r"object|[<>]U\d{1,6}|[<>|][iuf][1248]|\|b1"),
    classes=one_of("range", "strings", "numbers"),
)
_COLUMN = list_of(optional(real(0, math.inf)), 1, 1 << 20)
_TRAINING = object_of(
    duration=_COLUMN,
    rows_per_second=_COLUMN,
    quality=optional(_COLUMN),
    best_epoch=optional(whole(1, 1 << 20)),
    best_score=optional(real(0, 1)),
)
_FUSION = object_of(
    coef=list_of(real(-1e9, 1e9), Fusion.N_FEATURES, Fusion.N_FEATURES),
    intercept=real(-1e9, 1e9),
    lexical=_FLAG,
    n_rows=whole(0),
    n_first=optional(_SIZE),  # None: all
)


def check_vectorizer(data: Any, where: str) -> Any:
    """Parameters of a vectorizer that neither open files nor fail later."""
    fields(data, where, **{"class": string(r"\w{1,40}")}, params=_any)
    for name, value in data["params"].items():
        _check_plain(value, f"{where}.{name:.80}")
    vectorizer = vectorizer_from_data(data)
    vectorizer._validate_params()
    if vectorizer.input != "content":
        fail(f"{where}: input={vectorizer.input!r} would open files; only 'content' is saved.")
    string(_NUMBER_TYPE)(np.dtype(vectorizer.dtype).name, f"{where}.dtype")
    list_of(whole(1, 1 << 30), 2, 2)(list(vectorizer.ngram_range), f"{where}.ngram_range")
    for name in ("preprocessor", "tokenizer", "analyzer"):
        if not isinstance(getattr(vectorizer, name), (type(None), str)):
            fail(f"{where}: {name} must be a string.")
    pattern = vectorizer.token_pattern
    if pattern is not None and (len(pattern) > MAX_PATTERN or re.compile(pattern).groups > 1):
        fail(f"{where}: token_pattern is too long or has several groups.")
    stop_words = vectorizer.stop_words
    if isinstance(stop_words, list) and not all(isinstance(w, str) for w in stop_words):
        fail(f"{where}: stop_words must be strings.")
    return data


def _check_plain(value: Any, where: str, depth: int = 0) -> None:
    """Check a parameter of a vectorizer: a scalar, or a tagged dtype or container."""
    if isinstance(value, dict) and len(value) == 1 and depth < 4:
        ((tag, content),) = value.items()
        if tag == "dtype":
            string(_NUMBER_TYPE)(content, where)
            return
        if tag in ("dict", "list", "tuple") and isinstance(content, list):
            for x in content:
                for part in list_of(_any, 2, 2)(x, where) if tag == "dict" else (x,):
                    _check_plain(part, where, depth + 1)
            return
    if isinstance(value, (dict, list)):
        fail(f"{where} holds {value!r:.80}, which is no parameter of a vectorizer.")


_VECTORIZER = object_of(
    format=one_of(1),
    kind=one_of("text", "matrix"),
    max_len=whole(1, 1 << 20),
    nearest_unknown=_FLAG,
    vectorizer=optional(check_vectorizer),
    n_features=_SIZE,
    words=_FLAG,
    cut_words=_FLAG,
    feature_names=_FLAG,
)
_LEXICAL = object_of(
    ngrams=_FLAG,
    words=optional(object_of(**NORM)),
    characters=optional(check_vectorizer),
    counts=_FLAG,
    n_neighbors=_SIZE,
    ridge=real(1e-9, 1e9),
    max_postings=whole(0),
)
