"""Rebuild an estimator from checked data."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer

from sk_inceptionxml import training
from sk_inceptionxml.after_fork import fork_safe
from sk_inceptionxml.calibration import Calibration
from sk_inceptionxml.encoder import InceptionEncoder
from sk_inceptionxml.fusion import Fusion
from sk_inceptionxml.heads import OneVsAllHead
from sk_inceptionxml.history import QUALITY
from sk_inceptionxml.labels import LabelSpace
from sk_inceptionxml.lexical import LexicalFeatures, ngram_vectorizer
from sk_inceptionxml.neighbours import MAX_NEIGHBOURS, KernelNeighbours
from sk_inceptionxml.net import XMCNet
from sk_inceptionxml.network import InceptionXMLNetwork
from sk_inceptionxml.sync import SyncHead
from sk_inceptionxml.vectorize import TokenVectorizer
from sk_inceptionxml.vectorize._state import vectorizer_from_data

from ._checks import fail
from ._describe import features_of_counts, is_plain
from ._files import ArrayFile, format_errors, path_of, read_manifest, read_tensors
from ._format import DERIVED, LEFT_OUT, MAX_WIDTH, MEMORY, WEIGHTS

if TYPE_CHECKING:
    from sk_inceptionxml.classifier import InceptionXMLClassifier


@fork_safe()
def load(
    cls: type[InceptionXMLClassifier], directory: str | os.PathLike[str], device: str = "auto"
) -> InceptionXMLClassifier:
    """Read what ``save`` wrote; executes nothing from the directory.

    Parameters
    ----------
    cls : type
        Class of the estimator.
    directory : path
    device : str, default="auto"
        Where the model is put; becomes the parameter ``device``.

    Returns
    -------
    estimator : InceptionXMLClassifier
        Gives the predictions of the estimator that was saved. Parameters that only ``fit`` uses
        and that are no plain data (callbacks, clusters, embeddings, a RandomState) are None.

    Raises
    ------
    ModelFormatError
        If the directory is not a complete, unchanged model of a known format.
    ValueError
        If the device is not available.
    """
    root = Path(path_of(directory))
    place = training.resolve_device(device)
    with format_errors(root):
        manifest = read_manifest(root)
        weights, memory = (
            ArrayFile(read_tensors(root / name, manifest["files"][name]), name)
            for name in (WEIGHTS, MEMORY)
        )
        estimator = _new_estimator(cls, manifest["parameters"], device)
        network = _new_network(estimator, manifest["network"], weights)
        _restore(estimator, manifest, memory)
        for arrays in (weights, memory):
            arrays.require_all_taken()
    _attach_network(estimator, network, place)
    return estimator


def _new_estimator(
    cls: type[InceptionXMLClassifier], parameters: dict[str, Any], device: str
) -> InceptionXMLClassifier:
    unknown = sorted(parameters.keys() - set(cls._get_param_names()))
    if unknown or "vectorizer" in parameters:
        fail(f"parameters.{(unknown or ['vectorizer'])[0]:.80} is unknown.")
    estimator = cls(**parameters | {"device": device})
    estimator._validate_params()
    estimator.kernel_sizes = tuple(estimator.kernel_sizes)
    for name, value in parameters.items():  # to scikit-learn's checks True is an integer
        allowed = cls._parameter_constraints[name]
        if isinstance(value, bool) and "boolean" not in allowed and name != "verbose":
            fail(f"parameters.{name} must not be {value}.")
    for name in LEFT_OUT:
        if not is_plain(name, getattr(estimator, name)):
            fail(f"parameters.{name} must be null.")
    return estimator


def _new_network(
    params: InceptionXMLClassifier, n: dict[str, Any], arrays: ArrayFile
) -> InceptionXMLNetwork:
    clusters = members = None
    if n["sync"] is not None:
        clusters, members = _read_clusters(n["n_labels"], arrays)
    with torch.device("meta"):  # shapes alone: no memory, no random numbers
        network = _empty_network(params, n, clusters)
    head = network.head
    if clusters is not None:
        assert isinstance(head, SyncHead)
        head._register_clusters(clusters)
        if not np.array_equal(head.members.numpy(), members):  # type: ignore[arg-type]
            fail(f"{arrays.file}: head.members does not fit head.cluster_of.")
    state = {}
    for name, expected in network.state_dict().items():
        if clusters is not None and name in (*DERIVED, "head.cluster_of", "head.members"):
            state[name] = expected
            continue
        kind = "f" if expected.is_floating_point() else "u"
        tensor = torch.from_numpy(arrays.take(name, kind, tuple(expected.shape)))
        if tensor.dtype not in (expected.dtype, torch.float16):
            fail(f"{arrays.file}: {name} has dtype {tensor.dtype}.")
        if name.endswith("running_var") and tensor.min() < 0:
            fail(f"{arrays.file}: {name} is negative.")
        state[name] = tensor
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval()


def _read_clusters(n_labels: int, arrays: ArrayFile) -> tuple[np.ndarray, np.ndarray]:
    """Meta-label of every label, and the table of members, whose shape bounds the memory."""
    clusters = arrays.take("head.cluster_of", "u", (n_labels,)).astype(np.int64)
    weight = arrays.arrays.get("head.meta_weight")
    members = arrays.arrays.pop("head.members", None)
    if weight is None or weight.ndim != 2 or members is None or members.dtype.kind != "i":
        fail(f"{arrays.file} has no meta-classifier.")
    if clusters.max() + 1 != len(weight):
        fail(f"{arrays.file}: {len(weight)} clusters, but a label in cluster {clusters.max()}.")
    sizes = np.bincount(clusters)
    if members.shape != (len(sizes), sizes.max()) or sizes.min() == 0:
        fail(f"{arrays.file}: the clusters have other sizes than head.members.")
    return clusters, members


def _empty_network(
    params: InceptionXMLClassifier, n: dict[str, Any], clusters: np.ndarray | None
) -> InceptionXMLNetwork:
    encoder = InceptionEncoder(
        n["max_len"],
        n["embedding_dim"],
        n["n_filters"],
        n["kernel_sizes"],
        dropout=params.dropout,
        project_dropout=params.dropout if clusters is None else 0.0,
        embedding_skip=n["embedding_skip"],
    )
    head: OneVsAllHead | SyncHead
    rates: dict[str, Any] = {
        "dropout": params.dropout,
        "classifier_dropout": params.classifier_dropout,
    }
    if clusters is None:
        counts = torch.empty(n["n_labels"])
        head = OneVsAllHead(encoder.n_features, n["hidden_dim"], counts, 1, **rates)
    else:
        settings = {k: v for k, v in n["sync"].items() if k != "cluster_weight"}
        rates["meta_dropout"] = params.meta_dropout
        rates["max_negatives"] = params.max_negatives
        none = np.zeros(n["n_labels"])
        head = SyncHead(encoder.n_features, n["hidden_dim"], clusters, none, 1, **rates, **settings)
        head.cluster_weight = n["sync"]["cluster_weight"]
    return InceptionXMLNetwork(torch.empty(n["n_tokens"], n["embedding_dim"]), encoder, head)


def _restore(
    estimator: InceptionXMLClassifier, manifest: dict[str, Any], arrays: ArrayFile
) -> None:
    """Set the fitted attributes, apart from the net."""
    n = manifest["network"]
    n_features, n_labels = n["n_tokens"] - 2, n["n_labels"]
    if estimator.max_len > n["max_len"]:
        fail(f"max_len={estimator.max_len} exceeds the {n['max_len']} words of the network.")
    estimator.vectorizer_ = _read_vectorizer(manifest["vectorizer"], arrays, n_features)
    estimator.vectorizer = estimator.vectorizer_.vectorizer
    estimator.n_features_in_ = n_features
    if manifest["feature_names"]:
        names = arrays.strings("feature_names", n_features)
        estimator.feature_names_in_ = np.array(names, dtype=object)
    estimator.label_space_ = _read_labels(manifest["labels"], arrays, n_labels)
    estimator.classes_, estimator.n_labels_ = estimator.label_space_.classes_, n_labels
    estimator.label_counts_ = arrays.take("label_counts", "u", (n_labels,)).astype(np.int64)
    _read_lexical(estimator, manifest["lexical"], arrays)
    estimator.fusion_ = _read_fusion(manifest["fusion"], arrays, n_labels)
    estimator.calibration_ = Calibration.from_dict(manifest["calibration"])
    if estimator.fusion_.lexical != (estimator.neighbours_ is not None):
        fail("fusion.lexical does not fit the lexical memory.")
    estimator.head_ = "ova" if n["sync"] is None else "sync"
    estimator.loss_curve_ = [math.nan if x is None else x for x in manifest["loss_curve"]]
    estimator.n_iter_ = len(estimator.loss_curve_)
    _read_training(estimator, manifest["training"])
    estimator.n_samples_fit_ = manifest["n_samples"]
    estimator.fit_seed_ = manifest["fit_seed"]
    estimator.shortlist_recall_ = manifest["shortlist_recall"]


def _read_training(estimator: InceptionXMLClassifier, state: dict[str, Any] | None) -> None:
    """Set the learning history; an old model has only the losses of it."""
    n = estimator.n_iter_
    if state is None:
        unknown = [None] * n
        state = {"duration": unknown, "rows_per_second": unknown, "quality": None}
        state |= {"best_epoch": None, "best_score": None}
    columns: dict[str, Any] = {"epoch": range(1, n + 1), "train_loss": estimator.loss_curve_}
    names = {"duration": "duration", "rows_per_second": "rows_per_second", "quality": QUALITY}
    for key, name in names.items():
        if state[key] is not None:
            if len(state[key]) != n:
                fail(f"training.{key} has {len(state[key])} entries instead of {n}.")
            columns[name] = [math.nan if x is None else x for x in state[key]]
    best, score = state["best_epoch"], state["best_score"]
    if (best is None) != (score is None) or (best or 0) > n:
        fail(f"training.best_epoch does not fit {n} epochs.")
    estimator.history_ = pd.DataFrame(columns)
    estimator.best_epoch_, estimator.best_score_ = best, score


def _read_vectorizer(state: dict[str, Any], arrays: ArrayFile, n_features: int) -> TokenVectorizer:
    is_text = state["kind"] == "text"
    hashed = state["vectorizer"] is not None and state["vectorizer"]["class"] == "HashingVectorizer"
    if (
        state["n_features"] != n_features
        or state["words"] != (is_text and not hashed)
        or state["cut_words"] != is_text
        or (state["vectorizer"] is not None and not is_text)
        or (is_text and state["feature_names"])
    ):
        fail(f"vectorizer does not fit a network of {n_features} words.")
    state = dict(state)
    for name, length in (("words", n_features), ("cut_words", None), ("feature_names", n_features)):
        found = state.pop(name)
        if found:
            state[name] = arrays.strings(f"vectorizer.{name}", length)
        elif name == "words":
            state[name] = None
    vectorizer = TokenVectorizer.from_dict(state)
    if hashed and vectorizer.vectorizer.n_features != n_features:
        fail("vectorizer hashes to another number of words.")
    return vectorizer


def _read_labels(state: dict[str, Any], arrays: ArrayFile, n_labels: int) -> LabelSpace:
    kind, dtype = state["classes"], state["classes_dtype"]
    is_string = dtype == "object" or "U" in dtype
    if is_string != (kind == "strings") or (kind == "range" and dtype not in ("<i8", ">i8")):
        fail(f"labels.classes_dtype {dtype} does not fit {kind}.")
    classes: dict[str, Any] = {"range": n_labels}
    if kind == "strings":
        names = arrays.strings("labels", n_labels)
        width = 0 if dtype == "object" else int(dtype[2:])
        longest = max(map(len, names))
        # a fixed-width array may be far larger than its text
        if width and (width < longest or (width > 1 and width > MAX_WIDTH * longest)):
            fail(f"labels.classes_dtype {dtype} does not fit names of {longest} characters.")
        if width * n_labels > 256 * sum(map(len, names)) + (1 << 20):
            fail(f"labels of dtype {dtype} would take {4 * width * n_labels} bytes.")
        classes = {"names": names}
    elif kind == "numbers":
        values = arrays.arrays.get("labels")
        is_float = values is not None and values.dtype.kind == "f"
        if is_float:
            values = arrays.take("labels", "f", (n_labels,))
        elif values is None or arrays.arrays.pop("labels").shape != (n_labels,):
            fail("labels have another shape.")
        classes = {"names": values.tolist()}  # type: ignore[union-attr]
    space = LabelSpace.from_dict({**state, "classes": classes})
    if kind == "numbers" and (
        not np.array_equal(space.classes_, values) or len(np.unique(values)) < n_labels  # type: ignore[arg-type]
    ):
        fail(f"labels do not fit {dtype} or are not distinct.")
    if space.form == "binary" and n_labels != 2:
        fail(f"labels.form is binary, but there are {n_labels} labels.")
    return space


def _read_fusion(state: dict[str, Any], arrays: ArrayFile, n_labels: int) -> Fusion:
    fusion = Fusion(arrays.take("log_counts", "f", (n_labels,)), state["lexical"])
    fusion.coef_ = np.array(state["coef"])
    fusion.intercept_ = state["intercept"]
    fusion.n_rows, fusion.n_first = state["n_rows"], state["n_first"] or n_labels
    if fusion.n_first > n_labels:
        fail(f"fusion.n_first is {fusion.n_first}, but there are {n_labels} labels.")
    return fusion


def _read_lexical(
    estimator: InceptionXMLClassifier, state: dict[str, Any] | None, arrays: ArrayFile
) -> None:
    estimator.lexical_, estimator.neighbours_ = None, None
    if state is None:
        return
    n_words = estimator.n_features_in_
    lexical = LexicalFeatures(state["ngrams"])
    lexical.words_ = lexical.ngrams_ = None
    is_text = estimator.vectorizer_.kind_ == "text"
    if (state["words"] is not None) != is_text or (state["characters"] is not None and not is_text):
        fail("lexical does not fit the kind of input.")
    if state["words"] is not None:
        lexical.words_ = TfidfTransformer(**state["words"])
        lexical.words_.n_features_in_ = n_words
        lexical.words_.idf_ = _read_idf(arrays, "lexical.idf", n_words)
    if state["characters"] is not None:
        lexical.ngrams_ = _read_ngrams(state["characters"], arrays)
    X = _read_rows(lexical, state["counts"], arrays, n_words)
    indices, starts, n_rows = arrays.matrix("Y", estimator.n_labels_, X.shape[0])
    ones = np.ones(len(indices), dtype=np.float32)
    Y = sp.csr_array((ones, indices, starts), shape=(n_rows, estimator.n_labels_))
    if min(state["n_neighbors"], n_rows) > MAX_NEIGHBOURS:
        fail(f"lexical.n_neighbors must be {MAX_NEIGHBOURS} at most.")
    neighbours = KernelNeighbours(state["n_neighbors"], state["ridge"], state["max_postings"])
    estimator.lexical_, estimator.neighbours_ = lexical, neighbours.fit(X, Y)


def _read_idf(arrays: ArrayFile, name: str, n: int) -> np.ndarray:
    idf = arrays.take(name, "f", (n,))
    if n and not (idf.min() > 0 and idf.max() < 1000):
        fail(f"{arrays.file}: {name} is out of range.")
    return idf


def _read_ngrams(data: dict[str, Any], arrays: ArrayFile) -> TfidfVectorizer:
    vectorizer = vectorizer_from_data(data)
    expected = ngram_vectorizer()
    if type(vectorizer) is not type(expected) or vectorizer.get_params() != expected.get_params():
        fail("lexical.characters must be the vectorizer that the lexical part makes.")
    grams = arrays.strings("lexical.ngrams", None)
    idf = _read_idf(arrays, "lexical.ngrams.idf", len(grams))
    vectorizer.vocabulary_ = {gram: i for i, gram in enumerate(grams)}
    vectorizer.fixed_vocabulary_ = False
    vectorizer.idf_ = idf
    vectorizer._tfidf.idf_ = idf  # the setter would make it float64
    return vectorizer


def _read_rows(
    lexical: LexicalFeatures, counted: bool, arrays: ArrayFile, n_words: int
) -> sp.csr_array:
    """Features of the rows in memory: from counts where these are stored."""
    n_columns = n_words
    if lexical.ngrams_ is not None:
        n_columns += len(lexical.ngrams_.vocabulary_)
    indices, starts, n_rows = arrays.matrix("X", n_columns, None)
    if not counted:
        data = arrays.take("X.data", "f", (len(indices),))
        X = sp.csr_array((data.astype(np.float32), indices, starts), shape=(n_rows, n_columns))
    else:
        repeated = arrays.take("X.repeated", "u", (None,))
        repeats = arrays.take("X.repeats", "u", repeated.shape)
        if lexical.words_ is None or repeats.min(initial=1) < 1:
            fail(f"{arrays.file}: X.repeats holds zeros or counts no words.")
        if repeated.max(initial=0) >= max(1, len(indices)):
            fail(f"{arrays.file}: X.repeated has an index beyond {len(indices)}.")
        counts = np.ones(len(indices), dtype=np.float32)
        counts[repeated] = repeats
        X = features_of_counts(lexical, indices, starts, counts, (n_rows, n_columns))
    rows = np.repeat(np.arange(n_rows), np.diff(X.indptr))
    norm = np.bincount(rows, weights=X.data.astype(np.float64) ** 2, minlength=n_rows)
    if not (np.isfinite(X.data).all() and norm.max() < 1.01):
        fail(f"{arrays.file}: rows of X are not of unit length.")
    return X


def _attach_network(
    estimator: InceptionXMLClassifier,
    network: InceptionXMLNetwork,
    device: torch.device,
) -> None:
    """Make the net that predictions use: trained weights, no state of the optimisers."""
    net = training.make_net(estimator, network.to(device), estimator.n_iter_)
    net.initialize()
    _log_epochs(net, estimator.history_)
    network.eval()
    network.fill_caches()
    estimator.net_ = net


def _log_epochs(net: XMCNet, history: pd.DataFrame) -> None:
    """Record what ``history_frame`` reads, for ``partial_fit`` to go on from."""
    for epoch in history.to_dict("records"):
        seconds, rate = epoch["duration"], epoch["rows_per_second"]
        net.history.new_epoch()
        net.history.record("epoch", epoch["epoch"])
        net.history.record("train_loss", epoch["train_loss"])
        net.history.record("dur", seconds)
        if 0 < seconds * rate < 2**53:  # both are known
            net.history.new_batch()
            net.history.record_batch("train_batch_size", round(seconds * rate))
        if not math.isnan(epoch.get(QUALITY, math.nan)):
            net.history.record(QUALITY, epoch[QUALITY])
