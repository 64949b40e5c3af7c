"""Throw odd and bad input at the estimator and watch what happens.

Every case is made from its seed alone. It must work, or raise one of the documented errors with a
message that names the argument that was wrong. Anything else is a violation: another error, a
crash of the interpreter, a case that does not end, a warning from inside torch, numpy, scipy or
scikit-learn, a result that is not finite, and an input that was changed.

Run ``python tests/robustness/fuzz.py``; options: ``--cases N --start SEED --seed SEED``. The last
runs one case in this process. The exit status is 1 if there was a violation.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import datetime
import decimal
import functools
import hashlib
import io
import json
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
import traceback
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.exceptions import DivergenceError, ModelFormatError
from sk_inceptionxml.heads import OneVsAll, SyncXML
from sk_inceptionxml.metrics import ndcg_at_k, precision_at_k, recall_at_k

try:
    import pyarrow as pa
except ImportError:
    pa = None

LIMIT = 20  # seconds of one case
ALLOWED = (ValueError, TypeError, NotFittedError)
# warnings about what the user asked of scikit-learn, not about what the package does with it
ASKED_FOR = re.compile(
    r"feature names|token_pattern|stop_words|stop words|upper case|'dtype' should|split it"
)
TEXTS = ["red boat", "blue kite", "green lamp", "red kite"] * 5
LISTS = [["red", "boat"], ["blue", "kite"], ["green", "lamp"], ["red", "kite"]] * 5
NAMES = sorted({name for row in LISTS for name in row})
DENSE = np.array([[int(name in row) for name in NAMES] for row in LISTS])
MATRIX = np.random.default_rng(0).random((20, 6)) * (np.random.default_rng(1).random((20, 6)) > 0.4)
SMALL: dict[str, Any] = {
    "embedding_dim": 16,
    "n_filters": 4,
    "kernel_sizes": (4,),
    "max_epochs": 1,
    "n_neighbors": 5,
    "random_state": 0,
    "device": "cpu",
}
Rng = np.random.Generator


@dataclass
class Case:
    """One call, what it is given, and the names one of which an error must hold."""

    category: str
    call: Callable[[], Any]
    given: list[Any]
    blamed: tuple[str, ...]


@dataclass
class Outcome:
    """What a case came to: "worked", the class of its error, or a violation."""

    category: str
    what: str
    violations: list[str] = field(default_factory=list)


class Hang(BaseException):
    """A case took too long; no Exception, so that nothing catches it on the way."""


def small(**params: Any) -> InceptionXMLClassifier:
    return InceptionXMLClassifier(**{**SMALL, **params})


@functools.cache
def models() -> dict[str, InceptionXMLClassifier]:
    """Fitted models that all cases share; none is changed by a case."""
    return {
        "lists": small().fit(TEXTS, LISTS),
        "sync": small(head=SyncXML(n_clusters=3)).fit(TEXTS, sp.csr_array(DENSE)),
        "one class": small(n_neighbors=0).fit(TEXTS, [row[0] for row in LISTS]),
        "hashed": small(vectorizer=HashingVectorizer(n_features=64)).fit(TEXTS, DENSE),
        "characters": small(vectorizer=CountVectorizer(analyzer="char_wb", ngram_range=(2, 3))).fit(
            TEXTS, LISTS
        ),
        "matrix": small().fit(MATRIX, DENSE),
        "sparse matrix": small(head="sync").fit(sp.csr_array(MATRIX), LISTS),
    }


@functools.cache
def saved() -> tuple[dict[str, bytes], ...]:
    """Files of saved models."""
    out = []
    for name in ("lists", "sync", "matrix"):
        with tempfile.TemporaryDirectory() as directory:
            models()[name].save(directory)
            out.append({path.name: path.read_bytes() for path in Path(directory).iterdir()})
    return tuple(out)


# -- odd things ------------------------------------------------------------------------------------


def pick(rng: Rng, options: Any) -> Any:
    return options[int(rng.integers(len(options)))]


def odd_text(rng: Rng) -> str:
    kind = int(rng.integers(9))
    if kind == 0:
        return str(
            pick(rng, ["", " ", "\n\t\r", "\x00", "!?", "...", "\ufeff", "\u200b", "_", "0"])
        )
    if kind == 1:  # any code points, surrogates among them
        return "".join(map(chr, rng.integers(0, 0x110000, int(rng.integers(1, 30))).tolist()))
    if kind == 2:
        return "".join(map(chr, rng.integers(0, 256, int(rng.integers(1, 60))).tolist()))
    if kind == 3:  # scripts without blanks, marks, joiners
        alphabet = "ก็าខ្មែរ日本語한글नमस्ते\u200d\u0301\u0300العربية"
        return "".join(pick(rng, alphabet) for _ in range(int(rng.integers(1, 40))))
    if kind == 4:  # a misspelt word
        word = list(str(pick(rng, TEXTS)))
        word[int(rng.integers(len(word)))] = chr(int(rng.integers(97, 123)))
        return "".join(word)
    if kind == 5:
        return str(pick(rng, "aé0ก ")) * int(rng.integers(1, 30_000))
    if kind == 6:
        return " ".join(str(i) for i in rng.integers(0, 500, int(rng.integers(1, 400))))
    if kind == 7:
        return str(
            pick(rng, ["👩‍👩‍👧 boat", "İSTANBUL ﬁ ß", "red\u2028boat", "Ｒed", "a\u0301" * 9])
        )
    return str(pick(rng, TEXTS))


def odd_object(rng: Rng) -> Any:
    """Something that no argument expects; may be a fit one by chance."""
    return pick(
        rng,
        [
            lambda: None,
            lambda: pick(rng, [True, False, np.True_]),
            lambda: pick(rng, [-1, 0, 1, 2, 3, 2**31, 2**63, -(2**70), 10**400]),
            lambda: pick(rng, [0.0, -0.5, 0.3, 1.0, 1.5, 1e300, np.nan, np.inf, -np.inf]),
            lambda: pick(rng, [np.float32(2), np.int8(-3), np.uint64(2**63), 1j, np.str_("red")]),
            lambda: pick(rng, ["", "auto", "red", "cpu", "\x00", "None", "ova", "é\ud800"]),
            lambda: pick(rng, [b"", b"red", bytearray(b"x"), memoryview(b"abc")]),
            lambda: pick(rng, [[], (), {}, set(), frozenset(), [[]], [None], ["a"], [1, "a"]]),
            lambda: pick(rng, [{"red": 1}, {1, 2}, range(20), range(0), slice(3)]),
            lambda: pick(rng, [object(), object, len, str.split, lambda x: x, Ellipsis, re]),
            lambda: pick(rng, [pd.NA, pd.NaT, pd.Timestamp(0), datetime.date(2020, 1, 1)]),
            lambda: pick(rng, [decimal.Decimal("1.5"), decimal.Decimal("NaN"), Path("nowhere")]),
            lambda: (x for x in TEXTS),
            lambda: pick(rng, [np.array(3), np.array([]), np.zeros((0, 6)), np.ones((2, 2, 2))]),
            lambda: pick(
                rng, [np.array(["a", None], dtype=object), np.array([[{}]], dtype=object)]
            ),
            lambda: np.zeros(20, dtype=pick(rng, ["M8[D]", "m8[s]", "V4", "S3", "U3", "c16", "?"])),
            lambda: pick(rng, [pd.DataFrame(), pd.Series(dtype=float), pd.DataFrame({"a": TEXTS})]),
            lambda: pick(rng, [sp.csr_array((0, 3)), sp.coo_array((20, 0)), sp.eye_array(20)]),
            lambda: pick(rng, [torch.ones(20, 6), torch.device("cpu"), np.random.default_rng(0)]),
            lambda: np.random.RandomState(0),
        ],
    )()


def odd_number(rng: Rng) -> float:
    return float(
        pick(rng, [0.0, -0.0, 1e-45, 1e-300, -1.0, 1e5, 1e9, 1e11, 3e38, 1e300, np.nan, np.inf])
    )


def in_container(rng: Rng, rows: list[Any]) -> Any:
    kind = int(rng.integers(6))
    if kind == 1:
        return tuple(rows)
    if kind in (2, 3):
        out = np.empty(len(rows), dtype=object)
        out[:] = rows
        return out if kind == 2 else out[:, None]
    if kind == 4:
        return pd.Series(rows, dtype=object)
    if kind == 5:
        return pd.DataFrame({"text": pd.Series(rows, dtype=object)})
    return rows


def odd_texts(rng: Rng, n: int | None = None) -> Any:
    rows: list[Any] = [odd_text(rng) for _ in range(int(rng.integers(0, 6)) if n is None else n)]
    if rows and rng.random() < 0.4:
        rows[int(rng.integers(len(rows)))] = odd_object(rng)
    return odd_object(rng) if rng.random() < 0.1 else in_container(rng, rows)


def odd_matrix(rng: Rng, base: np.ndarray) -> Any:
    matrix = np.array(base, dtype=float)
    for _ in range(int(rng.integers(0, 3))):
        if matrix.size:
            matrix.flat[int(rng.integers(matrix.size))] = odd_number(rng)
    change = int(rng.integers(8))
    if change == 0:
        matrix = matrix[:, : int(rng.integers(matrix.shape[1] + 1))]
    elif change == 1:
        matrix = matrix[: int(rng.integers(len(matrix) + 1))]
    elif change == 2:
        kinds = ["f2", "f4", "i8", "u1", "?", "O", "c16", "U5"]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matrix = matrix.astype(pick(rng, kinds))
    elif change == 3:
        matrix = pick(rng, [matrix.ravel(), matrix[None], np.asfortranarray(matrix)])
    shape = int(rng.integers(8))
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiub" or matrix.dtype == np.float16:
        return matrix
    if shape == 0:
        return matrix.tolist()
    if shape == 1:
        return pd.DataFrame(matrix, columns=[f"c{j}" for j in range(matrix.shape[1])])
    if shape == 2:
        return sp.coo_array(matrix).asformat(pick(rng, ["coo", "csc", "lil", "dok", "bsr", "dia"]))
    if shape in (3, 4):
        return damaged(rng, sp.csr_array(matrix) if rng.random() < 0.5 else sp.csc_matrix(matrix))
    if shape == 5:
        return with_noise(sp.csr_array(matrix))
    matrix.flags.writeable = bool(rng.random() < 0.5)
    return matrix


def damaged(rng: Rng, matrix: Any) -> Any:
    """A compressed matrix, one number of whose index arrays is another."""
    name = pick(rng, ["indices", "indptr", "data"])
    array = getattr(matrix, name).copy()
    if len(array):
        values = [-1, 0, 1, 5, 99, 10_000, -(2**31), 2**31 - 1]
        if name == "data":
            value = odd_number(rng)
            if array.dtype.kind == "f":
                array[int(rng.integers(len(array)))] = value
        else:
            array[int(rng.integers(len(array)))] = pick(rng, values)
    if rng.random() < 0.2:
        array = array[:-1]
    setattr(matrix, name, array)
    return matrix


def with_noise(csr: Any) -> Any:
    """The same matrix with every entry twice, unsorted, read-only."""
    indices, data = np.repeat(csr.indices, 2), np.repeat(csr.data / 2, 2)
    for start, stop in zip(2 * csr.indptr[:-1], 2 * csr.indptr[1:], strict=True):
        indices[start:stop], data[start:stop] = indices[start:stop][::-1], data[start:stop][::-1]
    noisy = sp.csr_array((data, indices, 2 * csr.indptr), shape=csr.shape)
    for array in (noisy.data, noisy.indices, noisy.indptr):
        array.flags.writeable = False
    return noisy


def odd_target(rng: Rng) -> Any:
    kind = int(rng.integers(5))
    if kind == 0:
        return odd_object(rng)
    if kind == 1:
        return odd_matrix(rng, DENSE)
    rows: list[Any] = copy.deepcopy(LISTS)
    if kind in (2, 3):
        for _ in range(int(rng.integers(0, 3))):
            place = int(rng.integers(len(rows)))
            change = int(rng.integers(6))
            if change == 0:
                rows[place] = odd_object(rng)
            elif change == 1:
                rows[place] = [odd_object(rng)]
            elif change == 2:
                rows[place] = [*rows[place], odd_object(rng)]
            elif change == 3:
                rows[place] = [odd_text(rng) for _ in range(3)]
            elif change == 4:
                rows[place] = pick(rng, [[], set(), (), np.array([]), np.array(["red"])])
            else:
                rows = rows[:place]
                break
        return in_container(rng, rows) if rng.random() < 0.3 else rows
    flat: list[Any] = [row[0] for row in rows]
    flat[int(rng.integers(len(flat)))] = odd_object(rng)
    return in_container(rng, flat)


class Name(str):
    """A string that says something else of itself than it is."""

    def __str__(self) -> str:
        return "another name"

    __repr__ = str.__repr__


def other_kind(rng: Rng, rows: list[Any]) -> Any:
    """The same texts or labels in another container, or of another class of strings."""
    kind = int(rng.integers(7))
    if kind == 0:
        return [Name(x) if isinstance(x, str) else list(map(Name, x)) for x in rows]
    if kind == 1:
        return [np.str_(x) if isinstance(x, str) else tuple(map(np.str_, x)) for x in rows]
    if kind == 2 and pa is not None:
        return pa.array(rows)
    if kind == 3:
        return [x if isinstance(x, str) else pd.Series(x, dtype=object) for x in rows]
    if kind == 4:
        return [x if isinstance(x, str) else dict.fromkeys(x).keys() for x in rows]
    return in_container(rng, rows) if kind == 5 else pd.Series(rows, dtype=object)


# -- cases -----------------------------------------------------------------------------------------


def query_texts(rng: Rng) -> Case:
    model = models()[pick(rng, ["lists", "sync", "one class", "hashed", "characters"])]
    X = odd_texts(rng)
    method = pick(rng, ["predict_topk", "predict_topk", "predict", "predict_proba"])
    return Case("texts at prediction", lambda: getattr(model, method)(X), [X], ("X",))


def query_matrix(rng: Rng) -> Case:
    model = models()[pick(rng, ["matrix", "sparse matrix"])]
    X = odd_matrix(rng, MATRIX[: int(rng.integers(1, 5))])
    method = pick(rng, ["predict_topk", "predict_topk", "predict", "decision_function"])
    return Case("matrices at prediction", lambda: getattr(model, method)(X), [X], ("X",))


def query_places(rng: Rng) -> Case:
    model, k = models()[pick(rng, ["lists", "sync", "one class"])], odd_object(rng)
    if rng.random() < 0.3:
        model = models()["lists"]
        return Case("k", lambda: model.shortlist_recall(TEXTS, LISTS, k=k), [k], ("k",))
    return Case("k", lambda: model.predict_topk(TEXTS[:3], k=k), [k], ("k",))


def same_answers(*answers: Any) -> Any:
    """The first of several answers, which must be equal to the bit."""
    for names, scores in answers[1:]:
        if names.tolist() != answers[0][0].tolist() or (scores != answers[0][1]).any():
            raise RuntimeError("equal texts get different answers")
    return answers[0]


def query_forms(rng: Rng) -> Case:
    """A text in every Unicode form."""
    model = models()[pick(rng, ["lists", "sync", "hashed", "characters"])]
    text = odd_text(rng)[:200]
    forms = [[unicodedata.normalize(form, text)] for form in ("NFC", "NFD", "NFKC", "NFKD")]
    call = lambda: same_answers(*(model.predict_topk(form, k=3) for form in forms))  # noqa: E731
    return Case("Unicode forms", call, [forms], ("X",))


def query_containers(rng: Rng) -> Case:
    """Texts of another class in another container."""
    model = models()[pick(rng, ["lists", "sync", "hashed"])]
    X = other_kind(rng, TEXTS[:4])
    call = lambda: same_answers(model.predict_topk(TEXTS[:4]), model.predict_topk(X))  # noqa: E731
    return Case("containers", call, [X], ("X",))


def score_containers(rng: Rng) -> Case:
    """Labels of another class in other rows."""
    model, y = models()["lists"], other_kind(rng, LISTS)

    def call() -> Any:
        if model.score(TEXTS, y) != model.score(TEXTS, LISTS):
            raise RuntimeError("equal labels get different scores")

    return Case("containers", call, [y], ("y",))


def query_settings(rng: Rng) -> Case:
    """A prediction under settings of the process."""
    model, X = models()[pick(rng, ["lists", "sync"])], [odd_text(rng)]
    setting = pick(
        rng,
        [
            lambda: np.errstate(all="raise"),
            lambda: torch.autocast("cpu", torch.bfloat16),
            lambda: torch.device("meta"),
            torch.inference_mode,
        ],
    )

    def call() -> Any:
        expected = model.predict_topk(X)
        with setting():
            return same_answers(expected, model.predict_topk(X))

    return Case("settings", call, [X], ("X",))


def metric_forms(rng: Rng) -> Case:
    """Every form of output, given to a metric with every form of truth."""
    model = models()[pick(rng, ["lists", "sync", "one class", "hashed"])]
    n = int(rng.integers(1, 5))
    forms = [
        lambda: model.predict(TEXTS[:n]),
        lambda: model.predict_proba(TEXTS[:n]),
        lambda: model.decision_function(TEXTS[:n]),
        lambda: model.predict_topk(TEXTS[:n], k=3)[0],
        lambda: odd_target(rng),
    ]
    topk = pick(rng, forms)()
    y = pick(rng, [LISTS[:n], DENSE[:n], sp.csr_array(DENSE[:n]), odd_target(rng)])
    metric, k = pick(rng, [precision_at_k, ndcg_at_k, recall_at_k]), int(rng.integers(1, 4))
    return Case("metrics", lambda: metric(y, topk, k=k), [y, topk], ("y_true", "topk"))


def score_targets(rng: Rng) -> Case:
    model, y = models()["lists"], odd_target(rng)
    if rng.random() < 0.3:
        w = odd_object(rng)
        call = lambda: model.score(TEXTS, LISTS, sample_weight=w)  # noqa: E731
        return Case("targets in score", call, [w], ("sample_weight",))
    return Case("targets in score", lambda: model.score(TEXTS, y), [y], ("y", "X"))


def fit_texts(rng: Rng) -> Case:
    X = odd_texts(rng, n=20)
    return Case("texts at fit", lambda: small().fit(X, LISTS), [X], ("X",))


def fit_matrix(rng: Rng) -> Case:
    X, head = odd_matrix(rng, MATRIX), pick(rng, ["ova", "sync"])
    # a matrix of any size fits a network; what it is too large for is told by the loss
    return Case("matrices at fit", lambda: small(head=head).fit(X, LISTS), [X], ("X",))


def fit_targets(rng: Rng) -> Case:
    y, n_neighbors = odd_target(rng), pick(rng, [0, 5])
    return Case(
        "targets at fit", lambda: small(n_neighbors=n_neighbors).fit(TEXTS, y), [y], ("y", "X")
    )


def fit_weights(rng: Rng) -> Case:
    if rng.random() < 0.5:
        weight = odd_object(rng)
    else:
        weight = np.ones(20)
        for _ in range(int(rng.integers(1, 4))):
            weight[int(rng.integers(20))] = odd_number(rng)
    return Case(
        "weights at fit",
        lambda: small().fit(TEXTS, LISTS, sample_weight=weight),
        [weight],
        ("sample_weight",),
    )


def fit_parameter(rng: Rng) -> Case:
    names = [n for n in InceptionXMLClassifier._get_param_names() if n != "verbose"]
    params = {pick(rng, names): odd_object(rng) for _ in range(int(rng.integers(1, 3)))}
    blamed = tuple(params)
    return Case(
        "parameters", lambda: small(**params).fit(TEXTS, LISTS), list(params.values()), blamed
    )


def fit_head_parameter(rng: Rng) -> Case:
    kind = pick(rng, [OneVsAll, SyncXML, SyncXML])
    names = kind._get_param_names()
    params = {pick(rng, names): odd_object(rng) for _ in range(int(rng.integers(1, 3)))}
    call = lambda: small(head=kind(**params)).fit(TEXTS, LISTS)  # noqa: E731
    blamed = (*params, *(f"head__{name}" for name in params))
    return Case("parameters of heads", call, list(params.values()), blamed)


def set_parameter(rng: Rng) -> Case:
    names = ["threshold", "top_k", "max_len", "head", "predict_beam_size"]
    name, value = pick(rng, names), odd_object(rng)
    model = copy.copy(models()[pick(rng, ["lists", "sync", "matrix"])])
    X = MATRIX if model.vectorizer_.kind_ == "matrix" else TEXTS

    def call() -> Any:
        if name == "predict_beam_size":
            model.set_params(head=SyncXML()).set_params(head__predict_beam_size=value)
        else:
            model.set_params(**{name: value})
        return model.predict(X)

    return Case("parameters set after fit", call, [value], (name, f"head__{name}"))


def fit_vectorizer(rng: Rng) -> Case:
    kind = pick(rng, [CountVectorizer, TfidfVectorizer, HashingVectorizer])
    # a million columns, the default, take a while
    params: dict[str, Any] = {"n_features": 64} if kind is HashingVectorizer else {}
    for _ in range(int(rng.integers(1, 3))):
        name = pick(rng, sorted(kind().get_params()))
        params[name] = odd_object(rng)
    if rng.random() < 0.3:
        params |= {"analyzer": lambda text: pick(rng, [[text], [1], None, text, [[text]], [None]])}
    vectorizer = kind(**params)
    return Case(
        "vectorizers",
        lambda: small(vectorizer=vectorizer).fit(TEXTS, LISTS).predict_topk(["red boot"]),
        [],
        ("vectorizer",),
    )


def fit_embeddings(rng: Rng) -> Case:
    n_words, kind = 6, int(rng.integers(4))
    source: Any
    if kind == 0:
        source = odd_matrix(rng, np.ones((n_words, 8)))
    elif kind == 1:
        rows = {"red": np.ones(8), "blue": list(range(8)), "zzz": None}
        rows[pick(rng, ["red", "blue"])] = pick(
            rng, [odd_object, lambda r: odd_matrix(r, np.ones((1, 8))), lambda r: np.ones(7)]
        )(rng)
        source = rows
    elif kind == 2:
        lines = [f"red {'1 ' * 8}", f"blue {'2 ' * 8}", odd_text(rng), f"kite {'3 ' * 8}"]
        rng.shuffle(lines)
        content = "\n".join(lines).encode("utf-8", "surrogatepass")
        source = Path(f"vectors{pick(rng, ['.txt', '.gz'])}")
        source.write_bytes(content[: int(rng.integers(len(content) + 1))])
    else:
        source = odd_object(rng)
    call = lambda: small(embeddings=source).fit(TEXTS, LISTS)  # noqa: E731
    return Case("embeddings", call, [source], ("embeddings", "kernel_sizes"))


def fit_small(rng: Rng) -> Case:
    """Odd but sound: few rows, few labels, either head, any form of y."""
    n = int(rng.integers(1, 6))
    X = [odd_text(rng)[:200] for _ in range(n - 1)] + ["word"]
    form = pick(rng, ["lists", "csr", "one"])
    y: Any = [[pick(rng, NAMES)] for _ in range(n)]
    if form == "csr":
        y = sp.csr_array(np.eye(n, int(rng.integers(1, 5)), dtype=int))
    elif form == "one":
        y = [row[0] for row in y]
    params = {
        "head": pick(rng, ["ova", "sync", OneVsAll(label_dtype="float16"), SyncXML(beam_size=1)]),
        "n_neighbors": pick(rng, [0, 1, 5, 10_000]),
        "max_len": pick(rng, [1, 2, 64]),
        "batch_size": pick(rng, [1, 2, 2**31 - 1]),
        "kernel_sizes": pick(rng, [(4,), (1, 32), [3]]),
        "embedding_skip": bool(rng.random() < 0.5),
        "hidden_dim": pick(rng, [None, 1, 7]),
        "word_dropout": pick(rng, [0.0, 0.99]),
    }
    weight = pick(rng, [None, np.ones(n), np.full(n, 0.3)])
    call = lambda: small(**params).fit(X, y, weight).predict_topk([*X, ""], k=3)  # noqa: E731
    return Case("odd but sound fits", call, [X, y, weight], ("nothing",))


def load_directory(rng: Rng) -> Case:
    if rng.random() < 0.15:
        directory = odd_object(rng)
        load = InceptionXMLClassifier.load
        return Case("models", lambda: load(directory), [], ("directory", "model.json", "loaded"))
    files = dict(pick(rng, saved()))
    name = pick(rng, sorted(files))
    content = bytearray(files[name])
    change = int(rng.integers(5))
    if change == 0:
        content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    elif change == 1:
        content = content[: int(rng.integers(len(content)))]
    elif change == 2:
        content += bytes(rng.integers(0, 256, 9).tolist())
    elif change == 3:
        name, content = "model.json", bytearray(edited_manifest(rng, files["model.json"]))
    files[name] = bytes(content)
    if change == 4:
        del files[name]
        if rng.random() < 0.5:
            files["other"] = b""
    root = Path("model")
    for path in root.glob("*"):
        path.unlink()
    root.mkdir(exist_ok=True)
    for name, data in files.items():
        (root / name).write_bytes(data)

    def call() -> Any:
        model = InceptionXMLClassifier.load(root, device="cpu")
        return model.predict_topk(TEXTS if model.vectorizer_.kind_ == "text" else MATRIX)

    return Case("models", call, [], ("loaded",))


def edited_manifest(rng: Rng, content: bytes) -> bytes:
    """A manifest with one other value and the right checksum."""
    data = json.loads(content)
    node, key = data, pick(rng, sorted(set(data) - {"format", "manifest_sha256"}))
    while isinstance(node[key], dict) and node[key]:
        node = node[key]
        key = pick(rng, sorted(node))
    node[key] = pick(rng, [None, -1, 0, 1, 2, 7, 1e9, 0.5, "", "text", True, [], {}, [1], "\x00"])
    del data["manifest_sha256"]
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return json.dumps(
        data | {"manifest_sha256": hashlib.sha256(text.encode("ascii")).hexdigest()}
    ).encode("ascii")


MAKERS = [
    *[query_forms] * 2,
    query_containers,
    score_containers,
    query_settings,
    *[metric_forms] * 2,
    *[query_texts] * 4,
    *[query_matrix] * 3,
    query_places,
    *[score_targets] * 2,
    fit_texts,
    *[fit_matrix] * 2,
    *[fit_targets] * 3,
    fit_weights,
    *[fit_parameter] * 3,
    *[fit_head_parameter] * 2,
    set_parameter,
    *[fit_vectorizer] * 2,
    *[fit_embeddings] * 2,
    fit_small,
    *[load_directory] * 3,
]


def make(seed: int) -> Case:
    """The case of a seed."""
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings():  # making odd values may warn; using them must not
        warnings.simplefilter("ignore")
        case: Case = pick(rng, MAKERS)(rng)
    return case


# -- judging ---------------------------------------------------------------------------------------


def fingerprint(value: Any) -> str:
    """Text that differs if anything in a value has changed."""
    if sp.issparse(value):
        parts = [getattr(value, name, None) for name in ("data", "indices", "indptr", "row", "col")]
        return f"{value.format}{value.shape}{[fingerprint(p) for p in parts if p is not None]}"
    if isinstance(value, np.ndarray):
        content = (
            list(map(fingerprint, value.ravel())) if value.dtype == object else value.tobytes()
        )
        return f"{value.shape}{value.dtype}{content!r}"
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return f"{value.index.tolist()}{fingerprint(value.to_numpy())}"
    if isinstance(value, (list, tuple)):
        return f"{type(value)}{[fingerprint(x) for x in value]}"
    if isinstance(value, np.random.RandomState):
        return "RandomState"  # drawn from, as documented
    return repr(value)


def not_finite(result: Any) -> bool:
    parts = result if isinstance(result, tuple) else (result,)
    arrays = [part.data if sp.issparse(part) else part for part in parts]
    return any(
        isinstance(a, np.ndarray) and a.dtype.kind == "f" and not np.isfinite(a).all()
        for a in arrays
    )


def names_one(text: str, names: tuple[str, ...]) -> bool:
    return any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) for name in names)


def judge(case: Case) -> Outcome:
    """Run a case and find its violations."""
    before = [fingerprint(value) for value in case.given]
    outcome = Outcome(case.category, "worked")
    with (
        warnings.catch_warnings(record=True) as caught,
        contextlib.redirect_stderr(io.StringIO()),
        time_limit(LIMIT),
    ):
        warnings.simplefilter("always")
        try:
            if not_finite(case.call()):
                outcome.violations.append("the result is not finite")
        except Hang:
            outcome.what = "hang"
            outcome.violations.append(f"no end after {LIMIT} s")
        except ALLOWED as error:
            outcome.what = type(error).__name__
            expected = case.blamed
            if isinstance(error, DivergenceError):
                expected = ("lr",)
            elif isinstance(error, ModelFormatError):
                expected = ("loaded",)
            if not names_one(str(error), expected):
                outcome.violations.append(
                    f"{type(error).__name__} names none of {expected}: {error}"
                )
        except Exception as error:
            outcome.what = type(error).__name__
            where = traceback.extract_tb(error.__traceback__)[-1]
            outcome.violations.append(
                f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
            )
    for warning in caught:
        known = issubclass(warning.category, DataConversionWarning)
        if not known and not ASKED_FOR.search(str(warning.message)):
            outcome.violations.append(f"warning {warning.category.__name__}: {warning.message}")
    if [fingerprint(value) for value in case.given] != before:
        outcome.violations.append("an input was changed")
    return outcome


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise Hang

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@contextlib.contextmanager
def own_directory() -> Iterator[None]:
    """A working directory of its own: odd values may name files."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        try:
            yield
        finally:
            os.chdir(before)


def run_case(seed: int) -> Outcome:
    """Make and judge the case of a seed."""
    with own_directory():
        return judge(make(seed))


# -- all of them -----------------------------------------------------------------------------------


def _work(seeds: range, pipe: Any) -> None:
    for seed in seeds:
        pipe.send((seed, None))
        pipe.send((seed, run_case(seed)))
    pipe.close()


def outcomes(seeds: range) -> Iterator[tuple[int, Outcome]]:
    """Outcome of every seed; a child process does the work, since a case may end it."""
    context, start = multiprocessing.get_context("fork"), seeds.start
    while start < seeds.stop:
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_work, args=(range(start, seeds.stop), theirs))
        child.start()
        theirs.close()
        begun, hung = start, False
        while not hung:
            try:
                hung = not ours.poll(3 * LIMIT)
                seed, outcome = (begun, None) if hung else ours.recv()
            except EOFError:
                break
            if hung:
                child.kill()
            begun = seed
            if outcome is not None:
                start = seed + 1
                yield seed, outcome
        child.join()
        if start < seeds.stop:
            what = "hang" if hung else "crash"
            yield begun, Outcome("interpreter", what, [f"{what}, exit code {child.exitcode}"])
            start = begun + 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int, help="run this case alone, in this process")
    options = parser.parse_args()
    models(), saved()
    if options.seed is not None:
        print(outcome := run_case(options.seed))
        return int(bool(outcome.violations))
    table: dict[str, Counter[str]] = {}
    n_violations, began = 0, time.perf_counter()
    for seed, outcome in outcomes(range(options.start, options.start + options.cases)):
        kind = "violation" if outcome.violations else "worked"
        if kind == "worked" and outcome.what != "worked":
            kind = "refused"
        table.setdefault(outcome.category, Counter())[kind] += 1
        n_violations += bool(outcome.violations)
        for violation in outcome.violations:
            print(f"seed {seed}, {outcome.category}: {violation:.400}", flush=True)
    print(f"\n{'category':28}{'cases':>8}{'worked':>8}{'refused':>9}{'violations':>12}")
    for category, counts in sorted(table.items()):
        row = [sum(counts.values()), counts["worked"], counts["refused"], counts["violation"]]
        print(f"{category:28}{row[0]:8}{row[1]:8}{row[2]:9}{row[3]:12}")
    seconds = time.perf_counter() - began
    print(f"{options.cases} cases, {n_violations} with violations, {seconds:.0f} s")
    return int(n_violations > 0)


if __name__ == "__main__":
    sys.exit(main())
