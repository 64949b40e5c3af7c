"""Describe a fitted estimator as a JSON object and arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml import __version__
from sk_inceptionxml.fusion import Fusion
from sk_inceptionxml.history import QUALITY
from sk_inceptionxml.labels import LabelSpace
from sk_inceptionxml.lexical import LexicalFeatures
from sk_inceptionxml.network import InceptionXMLNetwork
from sk_inceptionxml.sync import SyncHead
from sk_inceptionxml.vectorize import TokenVectorizer
from sk_inceptionxml.vectorize._state import vectorizer_to_data

from ._checks import check_vectorizer
from ._format import DERIVED, FORMAT, FORMAT_VERSION, LEFT_OUT, MAX_WIDTH, Arrays

if TYPE_CHECKING:
    from sk_inceptionxml.classifier import InceptionXMLClassifier


def describe(estimator: InceptionXMLClassifier, memory: Arrays) -> dict[str, Any]:
    """Return the manifest without checksums; what is large goes to ``memory``."""
    parameters, left_out = _parameters(estimator)
    recall = estimator.shortlist_recall_
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        _put_strings(memory, "feature_names", names.tolist())
    _put_integers(memory, "label_counts", estimator.label_counts_)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "package_version": __version__,
        "files": {},
        "parameters": parameters,
        "left_out": left_out,  # of the parameters: no plain data, and needed by fit only
        "network": _describe_network(estimator.net_.module_),
        "vectorizer": _describe_vectorizer(estimator.vectorizer_, memory),
        "labels": _describe_labels(estimator.label_space_, memory),
        "lexical": _describe_lexical(estimator, memory),
        "fusion": _describe_fusion(estimator.fusion_, memory),
        "calibration": estimator.calibration_.to_dict(),
        "feature_names": names is not None,
        "loss_curve": _column(estimator.loss_curve_),
        "training": _describe_training(estimator),
        "n_samples": int(estimator.n_samples_fit_),
        "fit_seed": int(estimator.fit_seed_),
        "shortlist_recall": None if recall is None else float(recall),
    }


def _column(values: Iterable[float]) -> list[float | None]:
    return [float(x) if math.isfinite(x) else None for x in values]


def _describe_training(estimator: InceptionXMLClassifier) -> dict[str, Any]:
    history = estimator.history_
    return {
        "duration": _column(history["duration"]),
        "rows_per_second": _column(history["rows_per_second"]),
        "quality": _column(history[QUALITY]) if QUALITY in history else None,
        "best_epoch": estimator.best_epoch_,
        "best_score": estimator.best_score_,
    }


def _parameters(estimator: InceptionXMLClassifier) -> tuple[dict[str, Any], list[str]]:
    """Split constructor parameters into plain data and the names of the others."""
    plain, left_out = {}, []
    for name, value in estimator.get_params(deep=False).items():
        if name == "kernel_sizes":
            plain[name] = [int(k) for k in value]
        elif name in LEFT_OUT and not is_plain(name, value):
            left_out.append(name)
        elif name != "vectorizer":  # written with the vocabulary
            plain[name] = _plain_scalar(value)
    return plain, left_out


def is_plain(name: str, value: Any) -> bool:
    """Tell whether a parameter that may be left out is written all the same."""
    if value is None or (name == "embeddings" and isinstance(value, str) and value == "random"):
        return True
    return name == "random_state" and isinstance(value, Integral)


def _plain_scalar(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    return int(value) if isinstance(value, Integral) else float(value)


def _describe_network(module: InceptionXMLNetwork) -> dict[str, Any]:
    encoder, head = module.encoder, module.head
    sync = None
    if isinstance(head, SyncHead):
        sync = {
            "beam_size": int(head.beam_size),
            "predict_beam_size": int(head.predict_beam_size),
            "meta_loss_weight": float(head.meta_loss_weight),
            "teacher_forcing": bool(head.teacher_forcing),
            "share_negatives": bool(head.share_negatives),
            "synchronized": head.meta.hidden is not None,
            "cluster_weight": float(head.cluster_weight),
        }
    return {
        "max_len": int(encoder.max_len),
        "embedding_dim": module.embedding.weight.shape[1],
        "n_filters": encoder.project.shape[0],
        "kernel_sizes": [int(k) for k in encoder.branches.kernel_sizes],
        "embedding_skip": encoder.skip is not None,
        "hidden_dim": head.weight.shape[1],
        "n_tokens": module.embedding.weight.shape[0],
        "n_labels": head.weight.shape[0],
        "sync": sync,
    }


def describe_weights(module: InceptionXMLNetwork) -> Arrays:
    """Return the state of the network, on the CPU, without what loading rebuilds."""
    state = {k: v.detach().cpu().numpy() for k, v in module.state_dict().items()}
    for name in DERIVED:
        state.pop(name, None)
    if "head.members" in state:  # could be rebuilt, but its size bounds what loading allocates
        fits = state["head.members"].max() <= np.iinfo(np.int32).max
        state["head.members"] = state["head.members"].astype(np.int32 if fits else np.int64)
        _put_integers(state, "head.cluster_of", state["head.cluster_of"])
    return state


def _describe_vectorizer(vectorizer: TokenVectorizer, memory: Arrays) -> dict[str, Any]:
    state = vectorizer.to_dict()
    if state["vectorizer"] is not None:
        check_vectorizer(state["vectorizer"], "vectorizer")
    for name in ("words", "cut_words", "feature_names"):
        strings = state.get(name)
        state[name] = strings is not None
        if strings is not None:
            _put_strings(memory, f"vectorizer.{name}", strings)
    return state


def _describe_labels(space: LabelSpace, memory: Arrays) -> dict[str, Any]:
    state = space.to_dict()
    names = state["classes"].get("names")
    if names is None:
        state["classes"] = "range"
    elif isinstance(names[0], str):
        _put_strings(memory, "labels", names)
        state["classes"] = "strings"
        kind, longest = state["classes_dtype"], max(1, *map(len, names))
        if kind != "object" and int(kind[2:]) > MAX_WIDTH * longest:  # which load refuses
            state["classes_dtype"] = f"{kind[:2]}{longest}"
    else:
        unsigned = np.dtype(state["classes_dtype"]).kind == "u"
        memory["labels"] = np.array(names, dtype=np.uint64 if unsigned else None)
        if isinstance(names[0], bool):
            memory["labels"] = memory["labels"].astype(np.uint8)
        state["classes"] = "numbers"
    return state


def _describe_fusion(fusion: Fusion, memory: Arrays) -> dict[str, Any]:
    memory["log_counts"] = fusion.log_counts
    return fusion.to_dict()


def _describe_lexical(estimator: InceptionXMLClassifier, memory: Arrays) -> dict[str, Any] | None:
    lexical, neighbours = estimator.lexical_, estimator.neighbours_
    if lexical is None or neighbours is None:
        return None
    words, ngrams = lexical.words_, lexical.ngrams_
    if words is not None:
        memory["lexical.idf"] = words.idf_
    if ngrams is not None:
        grams = sorted(ngrams.vocabulary_, key=ngrams.vocabulary_.__getitem__)
        _put_strings(memory, "lexical.ngrams", grams)
        memory["lexical.ngrams.idf"] = ngrams.idf_
    X, Y = neighbours.X_, neighbours.Y_
    counts = _exact_counts(lexical, X)
    for name, matrix in (("X", X), ("Y", Y)):
        _put_integers(memory, f"{name}.lengths", np.diff(matrix.indptr))
        _put_indices(memory, f"{name}.indices", matrix.indices)
    if counts is None:
        memory["X.data"] = X.data
    else:  # few words occur twice in a short text
        repeated = np.flatnonzero(counts > 1)
        _put_integers(memory, "X.repeated", repeated)
        memory["X.repeats"] = counts[repeated]
    return {
        "ngrams": bool(lexical.ngrams),
        "words": None if words is None else tfidf_parameters(words),
        "characters": None if ngrams is None else vectorizer_to_data(ngrams),
        "counts": counts is not None,
        "n_neighbors": int(neighbours.n_neighbors),
        "ridge": float(neighbours.ridge),
        "max_postings": int(neighbours.max_postings),
    }


def tfidf_parameters(tfidf: Any) -> dict[str, Any]:
    """Return the parameters of the weighting."""
    names = ("norm", "use_idf", "smooth_idf", "sublinear_tf")
    return {name: getattr(tfidf, name) for name in names}


def _exact_counts(lexical: LexicalFeatures, X: sp.csr_array) -> np.ndarray | None:
    """Word and n-gram counts, uint8, that give exactly the features X; None if none are found.

    Far fewer bytes than the features. Frequencies relative to the rarest feature of a row
    tell the counts, up to that feature's own count, for which small numbers are tried.
    """
    if lexical.words_ is None or not X.nnz:
        return None
    n_words = len(lexical.words_.idf_)
    idf = lexical.words_.idf_
    if lexical.ngrams_ is not None:
        idf = np.concatenate([idf, lexical.ngrams_.idf_])
    row = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    group = 2 * row + (X.indices >= n_words)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(group)) + 1])
    sizes = np.diff(np.append(starts, X.nnz))
    ratio = X.data.astype(np.float64) / idf[X.indices]
    ratio /= np.repeat(np.minimum.reduceat(ratio, starts), sizes)
    counts = np.ones(X.nnz, dtype=np.float32)
    wrong = np.ones(X.nnz, dtype=bool)
    for least in range(1, 9):
        guess = np.rint(np.exp(np.minimum(ratio * (1 + np.log(least)) - 1, 10.0)))
        counts[wrong] = np.clip(guess, 1, 255)[wrong]
        rebuilt = features_of_counts(lexical, X.indices, X.indptr, counts, X.shape)
        if not np.array_equal(rebuilt.indices, X.indices):
            return None
        wrong = np.repeat(np.logical_or.reduceat(rebuilt.data != X.data, starts), sizes)
        if not wrong.any():
            return counts.astype(np.uint8)
    return None


def features_of_counts(
    lexical: LexicalFeatures, indices: Any, indptr: Any, counts: np.ndarray, shape: tuple[int, int]
) -> sp.csr_array:
    """Lexical features by the very code that made them, from counts instead of texts."""
    matrix = sp.csr_array((counts.astype(np.float32), indices, indptr), shape=shape)
    if lexical.ngrams_ is None:
        return lexical.weigh(matrix, None)
    n_words = len(lexical.words_.idf_)
    return lexical.weigh(sp.csr_array(matrix[:, :n_words]), sp.csr_array(matrix[:, n_words:]))


def _put_integers(arrays: Arrays, name: str, values: np.ndarray) -> None:
    """Store numbers of at least 0 in the narrowest type."""
    largest = int(values.max(initial=0))
    kind = next(t for t in (np.uint8, np.uint16, np.uint32, np.int64) if largest <= np.iinfo(t).max)
    arrays[name] = values.astype(kind)


def _put_indices(arrays: Arrays, name: str, values: np.ndarray) -> None:
    """Store numbers as ``_put_integers``, those between 16 and 24 bits in three bytes."""
    if 1 << 16 <= values.max(initial=0) < 1 << 24:
        arrays[f"{name}.high"] = (values >> 16).astype(np.uint8)
        values = values & 0xFFFF
    _put_integers(arrays, name, values)


def _put_strings(arrays: Arrays, name: str, strings: list[str]) -> None:
    """Store strings end to end: far smaller in memory than JSON while being read."""
    text = "".join(strings).encode("utf-8", "surrogatepass")
    arrays[f"{name}.text"] = np.frombuffer(text, dtype=np.uint8)
    lengths = np.fromiter(map(len, strings), dtype=np.int64, count=len(strings))
    _put_integers(arrays, f"{name}.lengths", lengths)
