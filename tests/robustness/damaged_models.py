"""Load thousands of damaged and malicious model directories, and watch what happens.

Every case starts from a real model. Some are damaged as disks and networks do it, others as an
attacker would who can also recompute every checksum. Only changes that make a model wrong are
counted: other weights in the right shape are another model, not a damaged one.

Run ``python tests/robustness/damaged_models.py``; options: ``--random N --seed S --limit N``.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import pickle
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.exceptions import ModelFormatError
from sk_inceptionxml.heads import SyncXML
from sk_inceptionxml.persistence.versions import FORMAT_VERSION

WEIGHTS, MEMORY, MANIFEST = "weights.safetensors", "memory.safetensors", "model.json"
NUMPY = {
    "I8": "i1",
    "U8": "u1",
    "F16": "<f2",
    "U16": "<u2",
    "U32": "<u4",
    "I32": "<i4",
    "I64": "<i8",
    "F32": "<f4",
}
Files = dict[str, bytes]
Case = tuple[str, Callable[[Path], None]]

# -- guards --------------------------------------------------------------------------------------

EXECUTING = (
    "code.__new__",
    "compile",
    "ctypes.",
    "exec",
    "import",
    "marshal.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pickle.find_class",
    "socket.",
    "subprocess.Popen",
)
CHANGING = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.link", "os.symlink")
_active: list[Guard] = []


class Guard:
    """Record what the interpreter is asked to do while a directory is loaded.

    Parameters
    ----------
    root : path
        The only place where files may be opened, and for reading only.
    """

    _installed = False

    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root)
        self.executed: list[tuple[str, str]] = []
        self.touched: list[tuple[str, str]] = []
        self._busy = False

    def __enter__(self) -> Guard:
        if not Guard._installed:  # an audit hook cannot be removed, so there is one for all
            Guard._installed = True
            sys.addaudithook(lambda event, args: Guard._see_all(event, args))
        _active.append(self)
        return self

    def __exit__(self, *_: Any) -> None:
        _active.remove(self)

    @staticmethod
    def _see_all(event: str, args: tuple[Any, ...]) -> None:
        for guard in _active:
            guard.see(event, args)

    def see(self, event: str, args: tuple[Any, ...]) -> None:
        """Take note of one audit event."""
        if self._busy:
            return
        self._busy = True
        try:
            if event.startswith(EXECUTING):
                self.executed.append((event, repr(args)[:120]))
            elif event == "open":
                self._see_open(*args)
            elif event.startswith(CHANGING) and not self._inside(args[0]):
                self.touched.append((event, str(args[0])))
        finally:
            self._busy = False

    def _see_open(self, path: Any, mode: Any, flags: Any) -> None:
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if not isinstance(path, int) and (writes or not self._inside(path)):
            self.touched.append(("open", os.fsdecode(path)))

    def _inside(self, path: Any) -> bool:
        real = os.path.realpath(os.fsdecode(path))
        return real == self.root or real.startswith(self.root + os.sep)


class Hang(BaseException):
    """A load took too long; no Exception, so that nothing catches it on the way."""


# -- taking models apart and putting them together -------------------------------------------------


@functools.cache
def small_models() -> tuple[Files, ...]:
    """Return the files of small models: texts with the sync head, a frame, hashed words."""
    rng = np.random.default_rng(0)
    words = [f"word{a}{b}" for a in "abcde" for b in "uvwxyz"]
    texts = [" ".join(rng.choice(words, rng.integers(1, 7))) for _ in range(90)]
    texts[0] = "again again then"
    labels = [[f"label {i % 15}", f"label {(7 * i) % 15}"] for i in range(90)]
    settings: dict[str, Any] = {"embedding_dim": 16, "n_filters": 4, "max_epochs": 1, "max_len": 8}
    settings |= {"hidden_dim": 6, "random_state": 0}
    vectorizer = CountVectorizer(stop_words=["the"], dtype=np.int64)
    sync = InceptionXMLClassifier(head=SyncXML(n_clusters=5), vectorizer=vectorizer, **settings)
    ova = InceptionXMLClassifier(**settings)
    X = (rng.random((90, 12)) * (rng.random((90, 12)) < 0.3)).astype(np.float32)
    X = pd.DataFrame(X, columns=[f"column {i}" for i in range(12)])
    out = []
    hashed = clone(ova).set_params(vectorizer=HashingVectorizer(n_features=1 << 18))
    for clf in (sync.fit(texts, labels), ova.fit(X, np.arange(90) % 15), hashed.fit(texts, labels)):
        with tempfile.TemporaryDirectory() as directory:
            clf.save(directory)
            InceptionXMLClassifier.load(directory, "cpu")  # imports what it needs
            out.append({p.name: p.read_bytes() for p in Path(directory).iterdir()})
    return tuple(out)


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return header and payload of a safetensors file."""
    n = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + n]), data[8 + n :]


def pack(header: Any, payload: bytes) -> bytes:
    """Put any header before a payload."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + payload


def sealed(files: Files, change: Callable[[Any], None] | None = None) -> Files:
    """Recompute every checksum and size, then the manifest's, as an attacker can."""
    manifest = json.loads(files[MANIFEST])
    for name in (WEIGHTS, MEMORY):
        digest = hashlib.sha256(files[name]).hexdigest()
        manifest["files"][name] = {"sha256": digest, "size": len(files[name])}
    if change is not None:
        change(manifest)
    manifest.pop("manifest_sha256", None)
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    manifest["manifest_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    return files | {MANIFEST: json.dumps(manifest).encode()}


def with_array(files: Files, file: str, name: str, change: Callable[[np.ndarray], Any]) -> Files:
    """Replace one array; the others keep their bytes."""
    header, payload = unpack(files[file])
    out, place, parts = {}, 0, []
    for key, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        array = np.frombuffer(payload[begin:end], NUMPY[entry["dtype"]]).reshape(entry["shape"])
        if key == name:
            array = np.asarray(change(array.copy()))
        kind = next(k for k, v in NUMPY.items() if np.dtype(v) == array.dtype)
        stop = place + array.nbytes
        out[key] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [place, stop]}
        parts.append(array.tobytes())
        place = stop
    return sealed(files | {file: pack(out, b"".join(parts))})


def relabelled(files: Files, file: str, header: Any, payload: bytes) -> Files:
    """Put another header into a safetensors file, with right checksums."""
    return sealed(files | {file: pack(header, payload)})


def writer(make: Files | Callable[..., Files], *args: Any) -> Callable[[Path], None]:
    """Return a function that writes files, or what a call makes then, to a directory."""

    def write(directory: Path) -> None:
        for name, data in (make(*args) if callable(make) else make).items():
            (directory / name).write_bytes(data)

    return write


# -- cases: accidents ------------------------------------------------------------------------------


def accidents(files: Files, rng: np.random.Generator, n: int) -> Iterator[Case]:
    """Yield truncations, flipped bits and zeroed blocks that keep the old checksums."""
    for i in range(n):
        name = (MANIFEST, WEIGHTS, MEMORY)[i % 3]
        data = files[name]
        cut = int(rng.integers(len(data.rstrip())))
        yield f"cut {name} at {cut}", writer(files | {name: data[:cut]})
        place, bit = int(rng.integers(len(data))), int(rng.integers(8))
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        if name != MANIFEST or not _same_json(data, bytes(flipped)):
            yield f"flip {name} byte {place} bit {bit}", writer(files | {name: bytes(flipped)})
        start = int(rng.integers(len(data)))
        zeroed = data[:start] + bytes(min(64, len(data) - start)) + data[start + 64 :]
        if zeroed != data:
            yield f"zero {name} from {start}", writer(files | {name: zeroed})


def _same_json(a: bytes, b: bytes) -> bool:
    try:
        return bool(json.loads(a) == json.loads(b))
    except ValueError:
        return False


# -- cases: manifest -------------------------------------------------------------------------------


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in nested JSON."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from paths(value[key], (*path, key))
    elif isinstance(value, list):
        for i in range(len(value)):
            yield from paths(value[i], (*path, i))


def put(path: tuple[Any, ...], new: Any) -> Callable[[Any], None]:
    """Return a change that sets the value at a path; ``...`` deletes it."""

    def change(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        if new is ...:
            del data[path[-1]]
        else:
            data[path[-1]] = new

    return change


def manifests(files: Files) -> Iterator[Case]:
    """Yield wrong types, missing and unknown keys at every place, with right checksums."""
    manifest = json.loads(files[MANIFEST])
    del manifest["manifest_sha256"]  # recomputed
    for path in paths(manifest):
        where = ".".join(map(str, path))
        yield f"{where} = object", writer(sealed, files, put(path, {"unexpected": 1}))
        yield f"{where} = nested", writer(sealed, files, put(path, [[[[[["x"]]]]]]))
        # parameters have defaults, those of the estimator, of its head and of the vectorizer
        optional = path[-2:-1] == ("parameters",) or "params" in path or isinstance(path[-1], int)
        if not optional:
            yield f"{where} deleted", writer(sealed, files, put(path, ...))
        parent = manifest
        for key in path:
            parent = parent[key]
        if isinstance(parent, dict):
            yield f"{where} unknown key", writer(sealed, files, put((*path, "unknown"), 0))
    for name, value in manifest["network"].items():
        if type(value) is int:
            for wrong in (0, -1, value + 1, 2**62, float(value), str(value), True, None):
                label = f"network.{name} = {wrong!r}"
                yield label, writer(sealed, files, put(("network", name), wrong))
    for label, path, value in wrong_values(manifest):
        yield label, writer(sealed, files, put(path, value))


def wrong_values(manifest: Any) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    """Yield values of the right type that are out of range or hostile."""
    is_matrix = manifest["vectorizer"]["kind"] == "matrix"
    table: dict[str, list[Any]] = {
        "format": ["other", ""],
        "format_version": [0, FORMAT_VERSION + 1, -1, "1", 1.0, True, None],
        "package_version": ["__import__('os')", "9" * 100],
        "parameters.embeddings": ["/etc/passwd"],
        "parameters.callbacks": [["os.system"], "x"],
        "parameters.random_state": ["os.system", -1, 1.5],
        "parameters.vectorizer": ["x"],
        "parameters.__class__": ["x"],
        "parameters.batch_size": [0, True, 2.5],
        "parameters.max_len": [0, 1 << 40, 9],
        "parameters.dropout": [-1, 1, "x"],
        "parameters.kernel_sizes": [[], [0], [1 << 40], [True], [4] * 100],
        "parameters.head": ["other", "", "os.system", None, 5, [], {"name": "ova"}],
        "left_out": [["device"], ["clusters"], ["callbacks"] * 99],
        "network.dropout": [-1, 2, "x", True],
        "network.head": ["sync", "ova", {}, {"name": "ova"}, {"parameters": {}}],
        "network.head.name": ["other", "os.system", "os", "", "object", 5],
        "network.head.parameters.label_lr": [-1, "x", True],
        "network.head.parameters.label_dtype": ["float64", "O", 16],
        "network.head.parameters.label_optimizer": ["sgd", 1],
        "network.head.parameters.classifier_dropout": [-1, 1, "x"],
        "network.head.parameters.__class__": ["x"],
        "network.head.parameters.module": ["os"],
        "network.tuned": [{"cluster_weight": "x"}, {"cluster_weight": 1e300}, {"other": 1.0}],
        "network.kernel_sizes": [[], [0], [4, 8], [4, 8, 16, 16], [1 << 16] * 3, [4] * 100_000],
        "labels.form": ["dense", "binary"],
        "labels.container": ["dok_array", "eval"],
        "labels.dtype": ["object", "O", "f8,f8", "int128"],
        "labels.classes_dtype": ["O", "V8", "<U999999", "<U1", "i4,i4", "(9999999,)i8", "<f8,<f8"],
        "labels.classes": ["range", "ranges"],
        "vectorizer.kind": ["image", "text" if is_matrix else "matrix"],
        "vectorizer.n_features": [0, 1, 1 << 40, manifest["vectorizer"]["n_features"] + 1],
        "vectorizer.words": [None],
        "vectorizer.format": [2],
        "vectorizer.feature_names": [not manifest["vectorizer"]["feature_names"], None, ["x"]],
        "vectorizer.columns": [not manifest["vectorizer"]["columns"], None, [0]],
        "vectorizer.normalize": [None, 1, "NFKC"],
        "feature_names": [True, None, ["x"]],
        "fusion.coef": [[], [1.0], [1.0] * 1000, [1e300] * len(manifest["fusion"]["coef"])],
        "fusion.lexical": [not manifest["fusion"]["lexical"]],
        "fusion.n_first": [0, -1, manifest["network"]["n_labels"] + 1, 1.5],
        "fusion.n_rows": [-1, 1.5],
        "lexical.n_neighbors": [0, -1, 1.0],
        "lexical.ridge": [0.0, -1.0, 1e300],
        "lexical.max_postings": [-1],
        "lexical.counts": [not manifest["lexical"]["counts"]],
        "training": [None],
        "training.train_loss": [[], [1.0] * (1 << 20) + [1.0], ["x"], [1.0, 1.0]],
        "training.n_samples": [0, -1, 1.5],
        "training.seed": [-1, 1 << 32, 1.5],
        "shortlist_recall": [2.0, -1],
        "training.duration": [[], [-1.0], ["x"], [1.0, 1.0]],
        "training.quality": [[], [1.0] * 3],
        "training.best_epoch": [0, 1, 1.0],
        "training.best_score": [0.5, 2.0],
    }
    if manifest["network"]["head"]["name"] == "ova":
        table["network.head.name"].append("sync")
        table["network.head.parameters.beam_size"] = [4]
        table["network.tuned"].append({"cluster_weight": 1.0})
    else:
        table["network.head.name"].append("ova")
        table["network.tuned"].append({})
        for head in ("network.head", "parameters.head"):
            own = f"{head}.parameters"
            table |= {f"{own}.{k}": [0, -1, 1.5] for k in ("beam_size", "predict_beam_size")}
            table[f"{own}.clusters"] = ["/etc/passwd", 5, [0] * 15]
            table[f"{own}.n_clusters"] = [0, -1, "x"]
            table[f"{own}.synchronized"] = [1, "x"]
            table[f"{own}.unknown"] = [1]
        table["network.head.parameters.synchronized"].append(False)
        table["parameters.head.name"] = ["other", "ova", "os.system"]
        table |= wrong_vectorizers()
    for file in (WEIGHTS, MEMORY):
        good = manifest["files"][file]
        for size in (0, -1, good["size"] + 1, 1 << 60, float(good["size"])):
            yield f"{file} size {size!r}", ("files", file, "size"), size
        for digest in ("", "0" * 64, good["sha256"].upper(), good["sha256"] + "\n"):
            yield f"{file} sha256 {digest!r:.20}", ("files", file, "sha256"), digest
        for name in ("../escape", "/etc/passwd", "..", "", "a/b", "model.json", "x\0y"):
            yield f"files entry {name!r}", ("files", name), good
    for dotted, values in table.items():
        for value in values:
            if value != "range" or manifest["labels"]["classes"] != "range":
                yield f"{dotted} = {value!r:.40}", tuple(dotted.split(".")), value


def wrong_vectorizers() -> dict[str, list[Any]]:
    """Return parameters of a vectorizer that would open files, run code or fail later."""
    prefix = "vectorizer.vectorizer"
    deep: Any = "x"
    for _ in range(30):
        deep = {"list": [deep]}
    return {
        f"{prefix}.class": ["eval", "object", "HashingVectorizer", "os.system"],
        f"{prefix}.params.input": ["filename", "file"],
        f"{prefix}.params.tokenizer": ["str.split", {"dict": []}, deep],
        f"{prefix}.params.preprocessor": ["os.system", {"list": ["x"]}],
        f"{prefix}.params.token_pattern": ["(", "(a)(b)", "x" * 10_000, 5],
        f"{prefix}.params.analyzer": ["eval", 5],
        f"{prefix}.params.stop_words": [{"list": [1]}, {"list": [{"list": []}]}, "klingon"],
        f"{prefix}.params.dtype": [{"dtype": "object"}, {"dtype": "(999999999,)f8"}, "object"],
        f"{prefix}.params.ngram_range": [{"tuple": [1]}, {"eval": "1"}, {"tuple": 1}],
        f"{prefix}.params.vocabulary": [{"dict": [[{"list": []}, 1]]}, {"dict": [1]}],
        "lexical.words.norm": ["l3", "max"],
        "lexical.words.use_idf": [False],
        "lexical.words": [None],
        "lexical.characters.class": ["CountVectorizer", "HashingVectorizer"],
        "lexical.characters.params.input": ["filename"],
    }


def json_texts(files: Files) -> Iterator[Case]:
    """Yield a manifest that is no JSON of ours at all."""
    good = files[MANIFEST].decode()
    texts = {
        "empty": b"",
        "null": b"null",
        "list": b"[]",
        "deep list": b"[" * 100_000,
        "deep closed list": b"[" * 50_000 + b"]" * 50_000,
        "deep object": b'{"a":' * 100_000,
        "deep inside": good.replace("{", '{"x": ' + "[" * 5000 + "]" * 5000 + ",", 1).encode(),
        "NaN": good.replace('"threshold": 0.5', '"threshold": NaN').encode(),
        "Infinity": good.replace('"threshold": 0.5', '"threshold": Infinity').encode(),
        "overflow": good.replace('"threshold": 0.5', '"threshold": 1e999').encode(),
        "long integer": good.replace('"threshold": 0.5', '"threshold": ' + "9" * 100_000).encode(),
        "repeated key": good.replace("{", '{"format": "sk-inceptionxml",', 1).encode(),
        "UTF-16": good.encode("utf-16"),
        "UTF-8 with mark": good.encode("utf-8-sig"),
        "invalid UTF-8": good.encode().replace(b"sk-inception", b"sk-\xff\xfe"),
        "trailing": good.encode() + b"{}",
        "too large": good.encode() + b" " * (33 << 20),
        "pickle": pickle.dumps(Bomb()),
    }
    for name, data in texts.items():
        yield f"manifest: {name}", writer(files | {MANIFEST: data})


# -- cases: arrays ---------------------------------------------------------------------------------


def headers(files: Files, file: str) -> Iterator[Case]:
    """Yield lies of a safetensors header, with right checksums."""
    header, payload = unpack(files[file])
    data, first = files[file], next(iter(header))
    for n in (0, 1, len(data), 2**31, 2**63, 2**64 - 1):
        lie = n.to_bytes(8, "little") + data[8:]
        yield f"{file} header length {n}", writer(sealed(files | {file: lie}))
    raw = {
        "no JSON": b"x" * 64,
        "list": b"[]",
        "deep": b"[" * 60_000,
        "repeated": json.dumps(header)[:-1].encode() + b"," + json.dumps(header)[1:].encode(),
        "metadata": {"__metadata__": {"a": "b"}, **header},
        "many": {f"t{i}": {**header[first], "data_offsets": [0, 0]} for i in range(5000)},
        "none": {},
    }
    for name, lie_header in raw.items():
        yield f"{file} header: {name}", writer(relabelled, files, file, lie_header, payload)
    for name, tail in (("short", payload[:-1]), ("long", payload + b"\0"), ("none", b"")):
        yield f"{file} payload {name}", writer(relabelled, files, file, header, tail)
    for key, entry in header.items():
        for label, lie in entry_lies(entry):
            lies = {**header, key: lie}
            yield f"{file} {key} {label}", writer(relabelled, files, file, lies, payload)
        renamed = {("other." + k if k == key else k): v for k, v in header.items()}
        yield f"{file} {key} renamed", writer(relabelled, files, file, renamed, payload)


def entry_lies(entry: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield wrong descriptions of one tensor."""
    begin, end = entry["data_offsets"]
    shape = entry["shape"]
    yield "is null", None
    yield "is a list", [1, 2]
    for dtype in ("F8_E4M3", "BOOL", "f4", "O", None, "F64" if entry["dtype"] != "F64" else "U8"):
        yield f"dtype {dtype}", {**entry, "dtype": dtype}
    same_size = {"F32": "I32", "I64": "F64", "U8": "I8", "U16": "F16", "U32": "F32", "I32": "F32"}
    same_size |= {"F16": "U16", "I8": "U8"}
    yield "same-size dtype", {**entry, "dtype": same_size[entry["dtype"]]}
    for wrong in (
        [*shape, 1],
        [-1],
        [1 << 40],
        [1 << 32, 1 << 32],
        [1.5],
        ["x"],
        [0],
        None,
        [1] * 99,
    ):
        if wrong != shape and not (wrong == [0] and begin == end):
            yield f"shape {wrong!r:.30}", {**entry, "shape": wrong}
    for offsets in (
        [begin + 1, end + 1],
        [end, begin - 1],
        [-8, end],
        [begin, 1 << 62],
        [begin],
        "x",
    ):
        yield f"offsets {offsets}", {**entry, "data_offsets": offsets}


def arrays(files: Files) -> Iterator[Case]:
    """Yield impossible contents in well-formed arrays, with right checksums."""
    for file in (WEIGHTS, MEMORY):
        for name, entry in unpack(files[file])[0].items():
            if not np.prod(entry["shape"]):
                continue
            if entry["dtype"] == "F32":
                for bad in (np.nan, np.inf, -np.inf):
                    yield from _case(files, file, name, f"holds {bad}", _fill_first(bad))
            else:
                yield from _case(files, file, name, "negative", _negative)
            if name.endswith("running_var"):
                yield from _case(files, file, name, "negative variance", _fill_first(-1.0))
            if name.endswith("indices"):
                yield from _case(files, file, name, "out of range", _fill_first(-1))
                yield from _case(files, file, name, "as int64", lambda a: a.astype("<i8") + 2**40)
            if name.endswith("columns"):
                yield from _case(files, file, name, "out of range", _fill_first(-1))
                yield from _case(files, file, name, "falling", lambda a: a[::-1])
                yield from _case(files, file, name, "repeated", lambda a: np.minimum(a, a[3]))
                yield from _case(files, file, name, "beyond", lambda a: a + (1 << 18) - a[-1])
                yield from _case(files, file, name, "fewer", lambda a: a[1:])
            if name.endswith("lengths"):
                yield from _case(files, file, name, "too long", lambda a: a + 1)
                yield from _case(files, file, name, "wraps", _wrap)
            if name.endswith(".text"):
                yield from _case(files, file, name, "invalid UTF-8", lambda a: a | 0x80)
                yield from _case(files, file, name, "zeroed", lambda a: a * 0)
            if name.endswith("idf"):
                for bad in (0.0, -1.0, 1e30):
                    yield from _case(files, file, name, f"idf {bad}", _fill_first(bad))
    header = unpack(files[MEMORY])[0]
    if "X.repeats" in header:
        yield from _case(files, MEMORY, "X.repeats", "zero", lambda a: a * 0)
        yield from _case(files, MEMORY, "X.repeated", "beyond", _fill_first(-1))
    else:
        yield from _case(files, MEMORY, "X.data", "long rows", lambda a: a + 1e3)
    if "head.cluster_of" in unpack(files[WEIGHTS])[0]:
        name = "head.cluster_of"
        yield from _case(files, WEIGHTS, name, "beyond", _fill_first(200))
        yield from _case(files, WEIGHTS, name, "skewed", lambda a: np.minimum(a, 1))
        yield from _case(files, WEIGHTS, name, "2**62", lambda a: a.astype("<i8") + 2**62)
        yield from _case(files, WEIGHTS, "head.members", "wider", lambda a: np.hstack([a, a]))


def _case(
    files: Files, file: str, name: str, label: str, change: Callable[[np.ndarray], Any]
) -> Iterator[Case]:
    yield f"{name} {label}", writer(with_array, files, file, name, change)


def _fill_first(value: Any) -> Callable[[np.ndarray], np.ndarray]:
    def change(a: np.ndarray) -> np.ndarray:
        wrong = np.iinfo(a.dtype).max if value == -1 and a.dtype.kind in "ui" else value
        a.reshape(-1)[0] = wrong
        return a

    return change


def _negative(a: np.ndarray) -> np.ndarray:
    """Keep the sum where there are two entries, so that the sum alone does not tell."""
    wide = a.astype("<i8").reshape(-1)
    step = int(wide[0]) + 1
    wide[0] -= step
    if wide.size > 1:
        wide[1] += step
    return wide.reshape(a.shape)


def _wrap(a: np.ndarray) -> np.ndarray:
    """Lengths whose 64-bit sum wraps around to about the right one."""
    wide = a.astype("<i8")
    if wide.size >= 4:
        wide[:4] += 2**62
    return wide if wide.size >= 4 else wide + 2**62


# -- cases: file system ----------------------------------------------------------------------------


class Bomb:
    """Unpickling it would make a directory."""

    def __reduce__(self) -> Any:
        """Name the call that unpickling makes."""
        return os.mkdir, (os.path.join(tempfile.gettempdir(), "unpickled-bomb"),)


def directories(files: Files) -> Iterator[Case]:
    """Yield what a directory can hold instead of three regular files."""
    for name in (MANIFEST, WEIGHTS, MEMORY):
        rest = {k: v for k, v in files.items() if k != name}
        yield f"{name} missing", writer(rest)
        yield f"{name} empty", writer(files | {name: b""})
        yield f"{name} pickle", writer(_resealed(files | {name: pickle.dumps(Bomb())}, name))
        yield f"{name} is a folder", _then(rest, functools.partial(_make, "folder", name))
        yield f"{name} is a pipe", _then(rest, functools.partial(_make, "pipe", name))
        for target in (sys.executable, "/dev/zero", "nowhere", "."):
            link = _then(rest, functools.partial(_make, target, name))
            yield f"{name} -> {target}", link
        copy = _then(rest, functools.partial(_link_to_copy, name, files[name]))
        yield f"{name} -> a good copy", copy
    swapped = {WEIGHTS: files[MEMORY], MEMORY: files[WEIGHTS]}
    yield "swapped", writer(sealed(files | swapped))
    yield "swapped without checksums", writer(files | swapped)
    for extra in ("__init__.py", "weights.pt", ".hidden", "MODEL.JSON", "pytorch_model.bin"):
        yield f"extra {extra}", writer(files | {extra: pickle.dumps(Bomb())})
    yield "extra folder", _then(files, lambda d: (d / "__pycache__").mkdir())
    yield "torch file", _then(files, _torch_file)
    yield "nothing", writer({})


def _resealed(files: Files, name: str) -> Files:
    return files if name == MANIFEST else sealed(files)


def _then(files: Files, more: Callable[[Path], Any]) -> Callable[[Path], None]:
    def write(directory: Path) -> None:
        writer(files)(directory)
        more(directory)

    return write


def _make(what: str, name: str, directory: Path) -> None:
    if what == "folder":
        (directory / name).mkdir()
    elif what == "pipe":
        os.mkfifo(directory / name)
    else:
        (directory / name).symlink_to(what)


def _link_to_copy(name: str, data: bytes, directory: Path) -> None:
    copy = directory.parent / f"copy of {name}"
    copy.write_bytes(data)
    (directory / name).symlink_to(copy)


def _torch_file(directory: Path) -> None:
    torch.save({"x": torch.zeros(3)}, directory / WEIGHTS)
    files = {p.name: p.read_bytes() for p in directory.iterdir()}
    writer(sealed(files))(directory)


# -- running ---------------------------------------------------------------------------------------


@dataclass
class Report:
    """What happened; every list names cases and should be empty."""

    n_cases: int = 0
    loaded: list[str] = field(default_factory=list)
    other_errors: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    touched_outside: list[str] = field(default_factory=list)
    slowest: float = 0.0
    slowest_case: str = ""
    peak_bytes: float = 0.0


def cases(models: tuple[Files, ...], rng: np.random.Generator, n_random: int) -> Iterator[Case]:
    """Yield every case of every model."""
    for kind, files in zip(("text", "frame", "hashed"), models, strict=True):
        groups: list[Iterator[Case]] = [
            accidents(files, rng, n_random),
            manifests(files),
            json_texts(files),
            headers(files, WEIGHTS),
            headers(files, MEMORY),
            arrays(files),
            directories(files),
        ]
        for group in groups:
            for name, write in group:
                yield f"{kind}: {name}", write


def run(directory: Path, n_random: int = 200, seed: int = 0, limit: int | None = None) -> Report:
    """Load every case under guards.

    Parameters
    ----------
    directory : path
        Where cases are written; each is removed after its load.
    n_random : int, default=200
        Random truncations, flips and zeroed blocks of each model.
    seed : int, default=0
        Seed of the random cases, and of the choice of the limit.
    limit : int or None, default=None
        Number of cases to take at random; None takes all.

    Returns
    -------
    report : Report
    """
    rng = np.random.default_rng(seed)
    everything = list(cases(small_models(), rng, n_random))
    if limit is not None and limit < len(everything):
        chosen = np.sort(rng.choice(len(everything), limit, replace=False))
        everything = [everything[i] for i in chosen]
    report = Report(n_cases=len(everything))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, write in everything:
        place = directory / "case"
        place.mkdir()
        write(place)
        _load(name, place, report)
        shutil.rmtree(place)
    report.peak_bytes = 1024.0 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return report


def _load(name: str, place: Path, report: Report) -> None:
    def stop(*_: Any) -> None:
        raise Hang

    old = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    start = time.perf_counter()
    with Guard(place) as guard:
        try:
            InceptionXMLClassifier.load(place, device="cpu")
            report.loaded.append(name)
        except ModelFormatError:
            pass
        except (Exception, Hang) as error:
            report.other_errors.append(f"{name}: {type(error).__name__}: {error}")
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)
    seconds = time.perf_counter() - start
    if seconds > report.slowest:
        report.slowest, report.slowest_case = seconds, name
    report.executed += [f"{name}: {event}" for event in guard.executed]
    report.touched_outside += [f"{name}: {event}" for event in guard.touched]


def survivors(directory: Path, n: int = 300, seed: int = 0) -> dict[str, int]:
    """Flip bits of arrays, recompute checksums, and predict with whatever still loads.

    Such a model is formally right, so that it may load; its predictions are garbage, but must not
    crash the process.

    Parameters
    ----------
    directory : path
        Where models are written.
    n : int, default=300
        Models to try, of each kind.
    seed : int, default=0
        Seed of the flips.

    Returns
    -------
    counts : dict of str to int
        How many were refused, predicted, or raised an exception in prediction.
    """
    rng = np.random.default_rng(seed)
    counts = {"refused": 0, "predicted": 0, "raised": 0}
    texts = ["word word1 wordau", "wordbv wordcw", "x"]
    queries = (texts, np.eye(12, dtype=np.float32), texts)
    directory.mkdir(parents=True, exist_ok=True)
    for files, X in zip(small_models(), queries, strict=True):
        for i in range(n):
            file = (WEIGHTS, MEMORY)[i % 2]
            header, payload = unpack(files[file])
            wrong = np.frombuffer(payload, np.uint8).copy()
            wrong[rng.integers(len(wrong), size=3)] ^= np.uint8(1 << rng.integers(8))
            place = directory / "case"
            place.mkdir()
            writer(sealed(files | {file: pack(header, wrong.tobytes())}))(place)
            try:
                clf = InceptionXMLClassifier.load(place, device="cpu")
            except ModelFormatError:
                counts["refused"] += 1
            else:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of overflow
                    try:
                        clf.predict_topk(X, 3)
                        counts["predicted"] += 1
                    except Exception:
                        counts["raised"] += 1
            shutil.rmtree(place)
    return counts


def main() -> int:
    """Run everything and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--random", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=None)
    options = parser.parse_args()
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as directory:
        report = run(Path(directory), options.random, options.seed, options.limit)
        other = survivors(Path(directory) / "survivors", options.random, options.seed)
    write = sys.stdout.write
    write(f"{report.n_cases} damaged or malicious directories\n")
    bad = 0
    for label, found in (
        ("loaded", report.loaded),
        ("errors other than ModelFormatError", report.other_errors),
        ("code executed", report.executed),
        ("files touched outside", report.touched_outside),
    ):
        write(f"{label}: {len(found)}\n" + "".join(f"    {x}\n" for x in found[:20]))
        bad += len(found)
    write(f"garbage with right checksums: {other}\n")
    write(f"slowest: {report.slowest:.2f} s ({report.slowest_case})\n")
    write(f"peak memory over that of the process: {report.peak_bytes / 1e6:.0f} MB\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
