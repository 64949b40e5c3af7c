"""Write a fitted model to a directory, all of it or nothing, and read it back."""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from sk_inceptionxml import __version__
from sk_inceptionxml._utils.settings import own_settings
from sk_inceptionxml.exceptions import ModelFormatError
from sk_inceptionxml.heads import Head
from sk_inceptionxml.network.network import InceptionXMLNetwork
from sk_inceptionxml.ranking.calibration import Calibration
from sk_inceptionxml.ranking.ranker import Ranker, Reading
from sk_inceptionxml.training.config import TrainingConfig
from sk_inceptionxml.training.log import QUALITY, TrainingLog
from sk_inceptionxml.training.net import XMCNet
from sk_inceptionxml.training.trainer import make_net, resolve_device

from .checks import (
    FILE,
    FLAG,
    anything,
    fail,
    fields,
    head_of,
    list_of,
    manifest_digest,
    object_of,
    one_of,
    optional,
    real,
    scalars,
    string,
)
from .files import (
    ArrayFile,
    fingerprint,
    format_errors,
    open_regular,
    parse_json,
    path_of,
    put_integers,
    read_tensors,
    sync_to_disk,
    write_aligned,
)
from .parts import fusion as fusion_part
from .parts import label_texts as label_texts_part
from .parts import labels as labels_part
from .parts import log as log_part
from .parts import memory as memory_part
from .parts import network as network_part
from .parts import text as text_part
from .precision import check_mmap, check_precision, pack
from .versions import (
    FILES,
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    MAX_MANIFEST,
    MEMORY,
    WEIGHTS,
    Arrays,
    upgraded,
)

# parameters that only fit needs, and that may hold objects that are no data
LEFT_OUT = ("callbacks", "checkpoint_dir", "embeddings", "random_state")

Parameters = dict[str, Any]


def save(
    ranker: Ranker,
    log: TrainingLog,
    parameters: Mapping[str, Any],
    directory: str | os.PathLike[str],
    precision: str = "exact",
    mmap: bool = False,
) -> None:
    """Write a fitted model to a directory.

    The files are written beside the directory and renamed into place when complete, so that an
    interrupted save leaves an earlier model as it was.

    Parameters
    ----------
    ranker : Ranker
    log : TrainingLog
    parameters : mapping of str to object
        Those of the estimator, each in its range.
    directory : path
        Made if absent. Replaced if it holds a model and nothing else.
    precision : {"exact", "int8", "int4"}, default="exact"
        How the weights are written.
    mmap : bool, default=False
        Write arrays as predictions use them, so that ``load`` can map them.

    Raises
    ------
    FileExistsError
        If the directory holds anything but a model.
    TypeError
        If the vectorizer holds a callable, which cannot be written as data.
    ValueError
        If there is no such precision, or not with ``mmap``, or the model exceeds a limit of the
        format.
    """
    check_precision(precision, mmap)
    target = Path(os.path.realpath(path_of(directory)))
    check_replaceable(target)
    weights = network_part.describe_weights(ranker.network)
    weights = weights if mmap else pack(weights, precision)
    arrays: dict[str, Arrays] = {WEIGHTS: weights, MEMORY: {}}
    with _refusals():
        manifest = _describe(ranker, log, parameters, arrays[MEMORY], mmap)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    work.mkdir()  # mkdtemp would hide the model from other users
    try:
        for name, content in arrays.items():
            write = write_aligned if mmap else save_file
            write({key: np.asarray(a, order="C") for key, a in content.items()}, work / name)
            manifest["files"][name] = fingerprint(work / name)
        manifest["manifest_sha256"] = manifest_digest(manifest)
        text = json.dumps(manifest, indent=1, allow_nan=False).encode("ascii") + b"\n"
        if len(text) > MAX_MANIFEST:
            raise ValueError(
                f"{MANIFEST} would have {len(text)} bytes, more than the {MAX_MANIFEST} that load "
                "accepts; give the vectorizer no vocabulary or a shorter list of stop_words."
            )
        with _refusals():  # never write what load refuses
            check_manifest(parse_json(text))
        (work / MANIFEST).write_bytes(text)
        for path in (*(work / name for name in FILES), work):
            sync_to_disk(path)
        _move_into_place(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@own_settings()
def load(
    directory: str | os.PathLike[str],
    device: str,
    complete: Callable[[Parameters], Parameters],
    mmap: bool = False,
) -> tuple[Ranker, TrainingLog, Parameters]:
    """Read what ``save`` wrote; executes nothing from the directory.

    Parameters
    ----------
    directory : path
    device : str
        Where the model is put; becomes the parameter ``device``.
    complete : callable
        Takes the parameters that were saved, and gives all parameters of the estimator. Raises
        an error for a parameter that there is not, or out of its range.
    mmap : bool, default=False
        Map large arrays into memory, which processes share, instead of reading them.

    Returns
    -------
    ranker : Ranker
        Gives the predictions of the model that was saved.
    log : TrainingLog
    parameters : dict of str to object
        Those that were left out are None.

    Raises
    ------
    ModelFormatError
        If the directory is not a complete, unchanged model of a known format.
    ValueError
        If the device is not available.
    """
    check_mmap(mmap)
    root, place = Path(path_of(directory)), resolve_device(device)
    with format_errors(root):
        manifest = read_manifest(root)
        weights, memory = (
            ArrayFile(read_tensors(root / name, manifest["files"][name], mmap), name)
            for name in (WEIGHTS, MEMORY)
        )
        network = network_part.read(manifest["network"], weights)
        n_words, n_labels = manifest["network"]["n_tokens"] - 2, manifest["network"]["n_labels"]
        reader = text_part.read(manifest["vectorizer"], memory, n_words)
        given = {**manifest["parameters"], "vectorizer": reader.vectorizer, "device": device}
        if not isinstance(given.get("head", ""), str):
            given["head"] = network_part.read_head(given["head"])
        if "vectorizer" in manifest["parameters"]:
            fail("parameters.vectorizer is unknown.")
        for name in LEFT_OUT:
            if not _is_plain(name, given.get(name)):
                fail(f"parameters.{name} must be null.")
        parameters = complete(given)
        if parameters["max_len"] > manifest["network"]["max_len"]:
            fail(
                f"max_len={parameters['max_len']} exceeds the {manifest['network']['max_len']} "
                "words of the network."
            )
        if manifest["feature_names"]:
            names = memory.strings("feature_names", n_words)
            reader.feature_names_in_ = np.array(names, dtype=object)
        labels = labels_part.read(manifest["labels"], memory, n_labels)
        counts = memory.take("label_counts", "u", (n_labels,)).astype(np.int64)
        remembered = memory_part.read(manifest["lexical"], memory, reader, n_labels)
        fusion = fusion_part.read(manifest["fusion"], n_labels)
        if fusion.lexical != (remembered is not None):
            fail("fusion.lexical does not fit the lexical memory.")
        texts = label_texts_part.read(fusion.text, memory, n_labels)
        log = log_part.read(manifest["training"])
        known = "log_counts" in memory.arrays
        log_counts = memory.take("log_counts", "f", (n_labels,)) if known else None
        weights.require_all_taken()
        memory.require_all_taken()
    net = _net_to_predict(network.to(place), parameters, log)
    ranker = Ranker(
        reader=reader,
        labels=labels,
        net=net,
        memory=remembered,
        fusion=fusion,
        calibration=Calibration.from_dict(manifest["calibration"]),
        label_counts=counts,
        reading=Reading(parameters["max_len"]),
        texts=texts,
        shortlist_recall=manifest["shortlist_recall"],
        stored_log_counts=log_counts,
    )
    return ranker, log, parameters


def _net_to_predict(
    network: InceptionXMLNetwork, parameters: Parameters, log: TrainingLog
) -> XMCNet:
    """The net of a trained network, which can train on."""
    config = TrainingConfig.of(parameters, network.config.head)
    net = make_net(network, config, len(log.history))
    net.postponed = True  # torch would import its compiler with the optimisers
    net.initialize()
    _log_epochs(net, log)
    network.eval()
    network.fill_caches()
    return net


def check_manifest(data: Any) -> dict[str, Any]:
    """Return the manifest in this version's form if every field is of the right type, in range."""
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
    one_of(*range(1, FORMAT_VERSION + 1))(version, f"{MANIFEST}.format_version")
    return fields(
        upgraded(data),
        MANIFEST,
        manifest_sha256=anything,
        format=anything,
        format_version=anything,
        package_version=string(r"[0-9A-Za-z.+!-]{1,40}"),
        files=object_of(**{WEIGHTS: FILE, MEMORY: FILE}),
        parameters=_check_parameters,
        left_out=list_of(one_of(*LEFT_OUT, "head__clusters"), 0, len(LEFT_OUT) + 1),
        network=network_part.CHECK,
        vectorizer=text_part.CHECK,
        labels=labels_part.CHECK,
        lexical=optional(memory_part.CHECK),
        fusion=fusion_part.CHECK,
        calibration=optional(fusion_part.CHECK_CALIBRATION),
        feature_names=FLAG,
        training=log_part.CHECK,
        shortlist_recall=optional(real(0, 1)),
    )


def read_manifest(root: Path) -> dict[str, Any]:
    """The checked manifest of a directory that holds a model and nothing else."""
    if not root.is_dir():
        fail("it is not a directory.")
    with open_regular(root / MANIFEST, None) as (stream, size):
        if size > MAX_MANIFEST:
            fail(f"{MANIFEST} has {size} bytes, more than {MAX_MANIFEST}.")
        manifest = check_manifest(parse_json(stream.read(size)))
    extra = sorted(set(os.listdir(root)) - set(FILES))
    if extra:
        fail(f"it holds {extra[0]!r:.80}, which belongs to no model; remove it.")
    return manifest


def _check_parameters(value: Any, where: str) -> Parameters:
    if isinstance(value, dict) and "head" in value:
        rest = {name: x for name, x in value.items() if name != "head"}
        return {**scalars(rest, where), "head": head_of(value["head"], f"{where}.head")}
    return scalars(value, where)


def _describe(
    ranker: Ranker,
    log: TrainingLog,
    parameters: Mapping[str, Any],
    memory: Arrays,
    ready: bool,
) -> dict[str, Any]:
    """The manifest without checksums; what is large goes to ``memory``."""
    plain, left_out = _describe_parameters(parameters)
    vectorizer = text_part.describe(ranker.reader, memory)
    put_integers(memory, "label_counts", ranker.label_counts)
    if ranker.stored_log_counts is not None:
        memory["log_counts"] = ranker.stored_log_counts
    recall = ranker.shortlist_recall
    label_texts_part.put(ranker.texts, memory)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "package_version": __version__,
        "files": {},
        "parameters": plain,
        "left_out": left_out,  # of the parameters: no plain data, and needed by fit only
        "network": network_part.describe(ranker.network),
        "vectorizer": vectorizer,
        "labels": labels_part.describe(ranker.labels, memory),
        "lexical": memory_part.describe(ranker.memory, memory, ready),
        "fusion": ranker.fusion.to_dict(),
        "calibration": ranker.calibration.to_dict(),
        "feature_names": False,  # those of the vectorizer serve
        "training": log_part.describe(log),
        "shortlist_recall": None if recall is None else float(recall),
    }


def _describe_parameters(parameters: Mapping[str, Any]) -> tuple[Parameters, list[str]]:
    """Split parameters into plain data and the names of the others."""
    plain: Parameters = {}
    left_out = []
    for name, value in parameters.items():
        if name == "kernel_sizes":
            plain[name] = [int(k) for k in value]
        elif name in LEFT_OUT and not _is_plain(name, value):
            left_out.append(name)
        elif isinstance(value, Head):
            plain[name] = network_part.describe_head(value)
            if getattr(value, "clusters", None) is not None:
                left_out.append("head__clusters")
        elif name != "vectorizer":  # written with the vocabulary
            plain[name] = _plain_scalar(value)
    return plain, left_out


def _is_plain(name: str, value: Any) -> bool:
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


def _log_epochs(net: XMCNet, log: TrainingLog) -> None:
    """Record what ``history_frame`` reads, for ``partial_fit`` to go on from."""
    for epoch in log.history.to_dict("records"):
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


@contextmanager
def _refusals() -> Iterator[None]:
    """Report what load would refuse as a property of the estimator, not of a directory."""
    try:
        yield
    except ModelFormatError as error:
        raise ValueError(f"The estimator cannot be saved: {error}") from None


def check_replaceable(target: Path) -> None:
    """Refuse to replace anything but an earlier model or an empty directory.

    Raises
    ------
    FileExistsError
        If the target is anything else.
    """
    if not os.path.lexists(target):
        return
    names = set(os.listdir(target)) if target.is_dir() else None
    if names is not None and (not names or _is_model(target, names)):
        return
    raise FileExistsError(
        f"{str(target)!r} exists and is no saved model; name a new or empty directory, or one "
        "that holds a model and nothing else."
    )


def _is_model(target: Path, names: set[str]) -> bool:
    if MANIFEST not in names or not names <= set(FILES):
        return False
    try:
        with open_regular(target / MANIFEST, None) as (stream, _):
            data = parse_json(stream.read(MAX_MANIFEST + 1))
        return isinstance(data, dict) and data.get("format") == FORMAT
    except (OSError, ValueError, RecursionError):
        return False


def _move_into_place(work: Path, target: Path) -> None:
    """Rename; an earlier model steps aside first, and comes back if that fails."""
    aside = None
    if target.exists():
        aside = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
        os.rename(target, aside)
    try:
        os.rename(work, target)
    except OSError:
        if aside is not None:
            os.rename(aside, target)
        raise
    sync_to_disk(target.parent)
    if aside is not None:
        shutil.rmtree(aside, ignore_errors=True)
