"""A directory that holds the newest state of one training, and of which data it is.

``checkpoint.json`` names the data and parameters of the training and the checksum of the one
state file, ``epoch-N.safetensors``. Both are written under another name, flushed to disk and
renamed, the state first, so that a kill at any moment leaves the former state or the new one.
Nothing in them is executable.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from sk_inceptionxml import __version__
from sk_inceptionxml.data import Dataset
from sk_inceptionxml.exceptions import ModelFormatError
from sk_inceptionxml.heads import Head
from sk_inceptionxml.ranking.label_texts import LabelTexts
from sk_inceptionxml.text import Tokens
from sk_inceptionxml.text.embeddings import pretrained_vectors
from sk_inceptionxml.training.snapshot import Snapshot

from .checks import (
    fail,
    fields,
    manifest_digest,
    object_of,
    one_of,
    optional,
    string,
    whole,
)
from .files import fingerprint, format_errors, open_regular, parse_json, read_tensors, sync_to_disk
from .versions import MAX_MANIFEST

FORMAT, FORMAT_VERSION = "sk-inceptionxml-checkpoint", 2
MANIFEST = "checkpoint.json"
STATE = re.compile(r"epoch-\d{1,9}\.safetensors")
ADVICE = "Delete the directory to train from the start, or set checkpoint_dir to another one."

# parameters that leave the trained network as it is, or that are described apart
NO_MATTER = {
    "calibrate",
    "callbacks",
    "checkpoint_dir",
    "device",
    "embeddings",
    "head",
    "n_neighbors",
    "random_state",
    "threshold",
    "top_k",
    "vectorizer",
    "verbose",
    "warm_start",
}
NO_MATTER_OF_HEAD = {"clusters", "label_dtype", "n_jobs"}


def describe_training(
    parameters: Mapping[str, Any],
    head: Head,
    device: str,
    words: list[str] | None,
    n_tokens: int,
    data: Dataset,
    validation: Dataset | None,
    label_texts: LabelTexts | None = None,
) -> dict[str, dict[str, Any]]:
    """Data and parameters that decide what a training leads to, as plain data.

    Parameters
    ----------
    parameters : mapping of str to object
        Those of the estimator.
    head : Head
        Parameter object of the head in use.
    device : str
        Type of the device, such as "cpu".
    words : list of str or None
        The vocabulary of raw text.
    n_tokens : int
        Tokens that there are.
    data : Dataset
        Rows of ``fit``, before any is held out.
    validation : Dataset or None
        Rows that were given to be held out.
    label_texts : LabelTexts or None

    Returns
    -------
    training : dict
        ``{"data": {...}, "parameters": {...}}``, digests and scalars by name.
    """
    sizes = (len(data), n_tokens) if words is None else (len(data),)
    content = {
        "X": _digest(*_arrays_of(data.tokens, *sizes), "\0".join(words or ())),
        "y": _digest(*_arrays_of(data.Y, data.Y.shape[1])),
        "sample_weight": None if data.weight is None else _digest(data.weight),
        "validation_data": None,
        "label_texts": None,
    }
    if validation is not None:
        arrays = *_arrays_of(validation.tokens), *_arrays_of(validation.Y)
        content["validation_data"] = _digest(*arrays)
    if label_texts is not None:
        order = np.argsort(label_texts.owner, kind="stable")
        content["label_texts"] = _digest(
            "\0".join(label_texts.texts[i] for i in order), label_texts.owner[order]
        )
    described = {
        name: list(map(int, value)) if name == "kernel_sizes" else _scalar(value)
        for name, value in parameters.items()
        if name not in NO_MATTER
    }
    if not described["compile"]:  # else rounding differs
        del described["compile"]
    described["head"] = head.name
    for name, value in head.get_params(deep=False).items():
        if name not in NO_MATTER_OF_HEAD:
            described[f"head__{name}"] = _scalar(value)
    clusters = getattr(head, "clusters", None)
    if clusters is not None:
        described["head__clusters"] = _digest(np.asarray(clusters))
    described["embeddings"] = _describe_vectors(parameters["embeddings"], words)
    described["device"] = device
    described["uses_neighbors"] = parameters["n_neighbors"] > 0  # which decides max_epochs="auto"
    return {"data": content, "parameters": described}


def _arrays_of(rows: Any, *sizes: int) -> list[np.ndarray]:
    if isinstance(rows, Tokens):
        weights = [] if rows.weights is None else [rows.weights]
        return [np.array(sizes), rows.ids, rows.offsets, *weights]
    return [np.array(sizes), rows.indptr, rows.indices]


def _digest(*parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            part = np.frombuffer(part.encode("utf-8", "surrogatepass"), dtype=np.uint8)
        if part.dtype.kind in "iu":
            part = part.astype(np.int64)  # the width of an index is no property of the data
        digest.update(f"{part.dtype.str}{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).view(np.uint8).data)
    return digest.hexdigest()


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _describe_vectors(source: Any, words: list[str] | None) -> str | None:
    if source is None or (isinstance(source, str) and source == "random"):
        return source
    if isinstance(source, (str, os.PathLike)):
        return f"{fingerprint(Path(source))['sha256'][:32]} {os.fspath(source)}"
    if isinstance(source, np.ndarray):
        return _digest(source if source.dtype.kind in "fiu" else source.astype(np.float64))
    vectors = pretrained_vectors(source, words, len(words or ()))
    return f"{type(source).__qualname__} {_digest(vectors)}"


class Checkpoint:
    """The newest state of one training in a directory.

    Parameters
    ----------
    directory : path
        Made if absent.
    training : dict
        What ``describe_training`` returns.
    seed : int
        Seed that a new training is to use.
    is_drawn : bool
        Whether the seed was drawn for want of one, so that a stored one has its place.

    Attributes
    ----------
    seed : int
        Seed of the training: that of the directory where it holds a state.
    snapshot : Snapshot or None
        The state found.

    Raises
    ------
    ModelFormatError
        If the directory holds anything else than a checkpoint, or a damaged one.
    ValueError
        If it is of other data or of other parameters.
    OSError
        If the directory cannot be made, read or written.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        training: dict[str, dict[str, Any]],
        seed: int,
        is_drawn: bool,
    ) -> None:
        try:
            os.fspath(directory).encode()  # type: ignore[union-attr]
        except (UnicodeEncodeError, AttributeError):
            raise ValueError(
                f"checkpoint_dir must be a path that UTF-8 can write, got {directory!r:.80}."
            ) from None
        self.root = Path(os.path.realpath(directory))
        self.training, self.seed = training, seed
        self.snapshot: Snapshot | None = None
        self._check_directory()
        self._written: bytes | None = None
        exists = os.path.lexists(self.root / MANIFEST)
        manifest: dict[str, Any] = self._read_manifest() if exists else {"state": None}
        if manifest["state"] is None:  # nothing to go on from, nothing to lose
            self._drawn = is_drawn
            self._write_manifest(None, {}, None)  # unwritable directories fail here, not later
            return
        self._compare(manifest, seed, is_drawn)
        self.seed, self._drawn = manifest["seed"], manifest["seed_is_drawn"]
        self._read_state(manifest)

    def _check_directory(self) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise ModelFormatError(f"checkpoint_dir: {str(self.root)!r} is not a directory.")
        self.root.mkdir(parents=True, exist_ok=True)
        for name in sorted(os.listdir(self.root)):
            if not (name.startswith(".") or name == MANIFEST or STATE.fullmatch(name)):
                raise ModelFormatError(
                    f"checkpoint_dir: {str(self.root / name)!r:.300} is no part of a checkpoint. "
                    "Delete it, or set checkpoint_dir to a directory of its own."
                )

    @contextmanager
    def damage(self, file: str) -> Iterator[None]:
        """Report whatever a damaged file sets off as one error that says what to do."""
        try:
            with format_errors(self.root / file):
                yield
        except ModelFormatError as error:
            raise ModelFormatError(f"checkpoint_dir: {error} {ADVICE}") from error.__cause__

    def _read_manifest(self) -> dict[str, Any]:
        with self.damage(MANIFEST):
            with open_regular(self.root / MANIFEST, None) as (stream, size):
                if size > MAX_MANIFEST:
                    fail(f"it has {size} bytes, more than {MAX_MANIFEST}.")
                self._written = stream.read(size)
            data = parse_json(self._written)
            if not isinstance(data, dict) or data.get("format") != FORMAT:
                fail("it does not describe a checkpoint of this package.")
            version = data.get("format_version")
            if type(version) is int and version != FORMAT_VERSION:
                fail(f"it has format {version}; this version reads format {FORMAT_VERSION}.")
            if data.get("manifest_sha256") != manifest_digest(data):
                fail("it is not what was written (its SHA-256 differs).")
            return fields(data, MANIFEST, **_MANIFEST)

    def _compare(self, manifest: dict[str, Any], seed: int, is_drawn: bool) -> None:
        """Refuse the checkpoint of another training."""
        found, wanted = manifest["training"], self.training
        data = [k for k in wanted["data"] if found["data"].get(k) != wanted["data"][k]]
        if data:
            raise ValueError(
                f"checkpoint_dir={str(self.root)!r} holds a training on other data: "
                f"{' and '.join(data)} differ from those of this fit. {ADVICE}"
            )
        old, new = found["parameters"], wanted["parameters"]
        changes = [
            f"{k}={old.get(k)!r:.80}, now {new.get(k)!r:.80}"
            for k in sorted(old.keys() | new.keys())
            if old.get(k) != new.get(k)
        ]
        if not is_drawn and seed != manifest["seed"]:
            changes.append("another random_state")
        if changes:
            raise ValueError(
                f"checkpoint_dir={str(self.root)!r} holds a training with other parameters: "
                f"{'; '.join(changes)}. Set them as they were to go on. {ADVICE}"
            )

    def _read_state(self, manifest: dict[str, Any]) -> None:
        name = _state_name(len(manifest["plain"].get("epochs", ())))
        with self.damage(name):
            arrays = read_tensors(self.root / name, manifest["state"])
            self.snapshot = Snapshot(arrays, manifest["plain"])
            _ = self.snapshot.table_shape  # every state has one
        self._name = name

    @contextmanager
    def state_errors(self) -> Iterator[None]:
        """Report whatever a state that fits no network sets off, as damage of its file."""
        with self.damage(self._name):
            yield

    def write(self, snapshot: Snapshot) -> None:
        """Replace the state; a full or lost disk is a warning, for training is worth more.

        Raises
        ------
        RuntimeError
            If another training writes to the directory.
        """
        self._check_owner()
        name = _state_name(len(snapshot.plain["epochs"]))
        contiguous = {k: np.asarray(v, order="C") for k, v in snapshot.arrays.items()}
        try:
            entry = self._replace(name, lambda path: save_file(contiguous, path))
            self._write_manifest(entry, snapshot.plain, name)
        except Exception as error:  # safetensors has an error of its own for a full disk
            if not isinstance(error, OSError) and type(error).__name__ != "SafetensorError":
                raise
            warnings.warn(
                f"the checkpoint of epoch {len(snapshot.plain['epochs'])} could not be written to "
                f"{str(self.root)!r} ({error}); training goes on.",
                RuntimeWarning,
                stacklevel=2,
            )

    def _check_owner(self) -> None:
        try:
            found = (self.root / MANIFEST).read_bytes()
        except OSError:
            found = None  # gone, which the write will tell
        if found is not None and found != self._written:
            raise RuntimeError(
                f"another fit writes to checkpoint_dir={str(self.root)!r}; give every fit a "
                "directory of its own."
            )

    def _write_manifest(
        self, entry: dict[str, Any] | None, plain: dict[str, Any], state: str | None
    ) -> None:
        manifest = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "package_version": __version__,
            "training": self.training,
            "seed": int(self.seed),
            "seed_is_drawn": self._drawn,
            "state": entry,
            "plain": plain,
        }
        manifest["manifest_sha256"] = manifest_digest(manifest)
        text = json.dumps(manifest, indent=1, allow_nan=False).encode("ascii") + b"\n"
        self._replace(MANIFEST, lambda path: path.write_bytes(text))
        self._written = text
        for name in os.listdir(self.root):  # former states, and what kills have left
            stale = STATE.fullmatch(name) and name != state
            if stale or re.fullmatch(rf"\.({STATE.pattern}|{MANIFEST})\.[0-9a-f]{{12}}", name):
                with suppress(OSError):
                    os.remove(self.root / name)

    def _replace(self, name: str, write: Callable[[Path], Any]) -> dict[str, Any]:
        """Write a file under another name, flush it and rename it; gives its checksum."""
        path = self.root / f".{name}.{secrets.token_hex(6)}"
        try:
            write(path)
            sync_to_disk(path)
            entry = fingerprint(path)
            os.replace(path, self.root / name)
        finally:
            with suppress(FileNotFoundError):
                os.remove(path)
        sync_to_disk(self.root)
        return entry


def _state_name(n_epochs: int) -> str:
    return f"epoch-{n_epochs:05d}.safetensors"


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        fail(f"{where} must be an object.")
    return value


def _any(value: Any, where: str) -> Any:
    return value


_MANIFEST = dict(
    manifest_sha256=_any,
    format=one_of(FORMAT),
    format_version=one_of(FORMAT_VERSION),
    package_version=string(r"[0-9A-Za-z.+!-]{1,40}"),
    training=object_of(data=_object, parameters=_object),
    seed=whole(0, 2**32 - 1),
    seed_is_drawn=one_of(True, False),
    state=optional(object_of(sha256=string("[0-9a-f]{64}"), size=whole(8, 2**62))),
    plain=_object,
)
