"""Words and their ids: the vectorizer of the model."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from sk_inceptionxml.persistence.checks import (
    FLAG,
    SIZE,
    anything,
    fail,
    fields,
    list_of,
    object_of,
    one_of,
    optional,
    string,
    whole,
)
from sk_inceptionxml.persistence.files import ArrayFile, put_integers, put_strings
from sk_inceptionxml.persistence.versions import MAX_PATTERN, Arrays
from sk_inceptionxml.text import TokenVectorizer
from sk_inceptionxml.text.analyzer import vectorizer_from_data

_NUMBER_TYPE = r"bool|u?int(8|16|32|64)|float(32|64)"


def check_vectorizer(data: Any, where: str) -> Any:
    """Parameters of a vectorizer that neither open files nor fail later."""
    fields(data, where, **{"class": string(r"\w{1,40}")}, params=anything)
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
                for part in list_of(anything, 2, 2)(x, where) if tag == "dict" else (x,):
                    _check_plain(part, where, depth + 1)
            return
    if isinstance(value, (dict, list)):
        fail(f"{where} holds {value!r:.80}, which is no parameter of a vectorizer.")


CHECK = object_of(
    format=one_of(1),
    kind=one_of("text", "matrix"),
    max_len=whole(1, 1 << 20),
    nearest_unknown=FLAG,
    normalize=FLAG,
    vectorizer=optional(check_vectorizer),
    n_features=SIZE,
    words=FLAG,
    cut_words=FLAG,
    feature_names=FLAG,
    columns=FLAG,
)


def describe(vectorizer: TokenVectorizer, memory: Arrays) -> dict[str, Any]:
    """The vectorizer as plain data; strings go to ``memory``."""
    state = vectorizer.to_dict()
    if state["vectorizer"] is not None:
        check_vectorizer(state["vectorizer"], "vectorizer")
    for name in ("words", "cut_words", "feature_names"):
        strings = state.get(name)
        state[name] = strings is not None
        if strings is not None:
            put_strings(memory, f"vectorizer.{name}", strings)
    state["columns"] = "columns" in state
    if state["columns"]:
        put_integers(memory, "vectorizer.columns", vectorizer.columns_)
    return state


def read(state: dict[str, Any], arrays: ArrayFile, n_words: int) -> TokenVectorizer:
    """The vectorizer of a network that knows ``n_words`` words."""
    is_text, n_features = state["kind"] == "text", state["n_features"]
    hashed = state["vectorizer"] is not None and state["vectorizer"]["class"] == "HashingVectorizer"
    few = state["columns"]
    if (
        (n_features != n_words and not few)
        or (few and (n_features <= n_words or (is_text and not hashed)))
        or state["words"] != (is_text and not hashed)
        or state["cut_words"] != is_text
        or (state["vectorizer"] is not None and not is_text)
        or (is_text and state["feature_names"])
    ):
        fail(f"vectorizer does not fit a network of {n_words} words.")
    state = dict(state)
    for name, length in (("words", n_features), ("cut_words", None), ("feature_names", n_features)):
        found = state.pop(name)
        if found:
            state[name] = arrays.strings(f"vectorizer.{name}", length)
        elif name == "words":
            state[name] = None
    state["columns"] = arrays.take("vectorizer.columns", "u", (n_words,)) if few else None
    if few and (
        (np.diff(state["columns"].astype(np.int64)) <= 0).any()
        or state["columns"].max(initial=0) >= n_features
    ):
        fail(f"{arrays.file}: vectorizer.columns must rise, below {n_features}.")
    vectorizer = TokenVectorizer.from_dict(state)
    if hashed and vectorizer.vectorizer.n_features != n_features:
        fail("vectorizer hashes to another number of words.")
    return vectorizer
