"""Read the files of a directory without trusting them, and write arrays in little space."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import scipy.sparse as sp
import torch

from sk_inceptionxml._utils.sparse import index_type
from sk_inceptionxml.exceptions import ModelFormatError

from .checks import fail, fields, list_of, one_of, whole
from .versions import MAX_HEADER, MAX_TENSORS, Arrays

DTYPES = {
    "I8": np.int8,
    "U8": np.uint8,
    "U16": np.uint16,
    "U32": np.uint32,
    "U64": np.uint64,
    "I32": np.int32,
    "I64": np.int64,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
}
MAPPED_FROM = 1 << 16  # bytes of an array from which it is worth pages of its own
ALIGNMENT = 64  # bytes; the rounding of matrix products may depend on it
PADDING = "padding"  # names of what fills the gaps begin so
_TENSOR = {
    "dtype": one_of(*DTYPES),
    "shape": list_of(whole(0), 0, 8),
    "data_offsets": list_of(whole(0, 2**62), 2, 2),
}


def path_of(directory: Any) -> str:
    """The argument ``directory`` as a str."""
    try:
        path = os.fspath(directory)
    except TypeError:
        path = b""
    if not isinstance(path, str) or not path or "\0" in path:
        raise (ValueError if isinstance(path, str) else TypeError)(
            f"directory must be a path, a str or os.PathLike that is not empty, got {directory!r}."
        )
    return path


@contextmanager
def format_errors(root: Path) -> Iterator[None]:
    """Turn whatever damaged content sets off into the one documented error."""
    try:
        yield
    except (ModelFormatError, PermissionError) as error:
        if isinstance(error, ModelFormatError):
            raise ModelFormatError(f"{str(root)!r} cannot be loaded: {error}") from None
        raise
    except Exception as error:  # any class at all: the content is not to be trusted
        detail = str(error).splitlines()[0][:200] if str(error) else ""
        raise ModelFormatError(
            f"{str(root)!r} cannot be loaded: it is damaged ({type(error).__name__}: {detail})."
        ) from error


@contextmanager
def open_regular(path: Path, size: int | None) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file, and nothing that a link leads to, and give its size."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            fail(f"{path.name} is not a regular file (links are not followed).")
    except FileNotFoundError:
        fail(f"{path.name} is missing.")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as stream:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            fail(f"{path.name} is not a regular file.")
        if size is not None and found.st_size != size:
            fail(f"{path.name} has {found.st_size} bytes instead of {size}.")
        yield stream, found.st_size


def parse_json(data: bytes) -> Any:
    """JSON in UTF-8 without repeated keys, NaN, or numbers beyond 64 bits."""
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_distinct,
            parse_constant=lambda name: fail(f"{name} is no number."),
            parse_int=_json_int,
            parse_float=_json_float,
        )
    except RecursionError:
        fail("its JSON is nested too deeply.")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        fail("its JSON repeats a key.")
    return out


def _json_int(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
        fail("its JSON has an integer beyond 64 bits.")
    return int(text)


def _json_float(text: str) -> float:
    if len(text) > 64 or not math.isfinite(float(text)):
        fail("its JSON has a number out of range.")
    return float(text)


def read_tensors(path: Path, entry: Mapping[str, Any], mmap: bool = False) -> Arrays:
    """Arrays of a safetensors file, read once: what was hashed is what is used.

    Arrays lie in memory that torch allocated, which is aligned. With ``mmap``, large ones that are
    aligned in the file are pages of it, which processes share; whoever writes to one gets a copy
    of the page.
    """
    digest = hashlib.sha256()
    with open_regular(path, entry["size"]) as (stream, size):
        n_header = int.from_bytes(_take(stream, min(8, size), digest), "little")
        if n_header > min(MAX_HEADER, size - 8):
            fail(f"{path.name} has a header of {n_header} bytes.")
        header = parse_json(_take(stream, n_header, digest))
        layout, place = _layout(header, size - 8 - n_header, path.name), 8 + n_header
        mapped = np.memmap(stream, mode="c") if mmap else None  # type: ignore[call-overload]
        stream.seek(place)
        arrays = {}
        for name, dtype, shape, n_bytes in layout:
            if mapped is None or n_bytes < MAPPED_FROM or place % ALIGNMENT:
                buffer = torch.empty(n_bytes, dtype=torch.uint8).numpy()
                if stream.readinto(memoryview(buffer)) != n_bytes:  # type: ignore[attr-defined,arg-type]
                    fail(f"{path.name} is cut short.")
            else:
                buffer = np.asarray(mapped[place : place + n_bytes])
                stream.seek(place + n_bytes)
            digest.update(memoryview(buffer))  # type: ignore[arg-type]
            if not (name.startswith(PADDING) and n_bytes < ALIGNMENT):
                arrays[name] = buffer.view(dtype).reshape(shape)
            place += n_bytes
    if digest.hexdigest() != entry["sha256"]:
        fail(f"{path.name} is not what was saved (its SHA-256 differs).")
    return arrays


def write_aligned(arrays: Arrays, path: Path) -> None:
    """Write a safetensors file for ``read_tensors`` to map.

    The library would write arrays end to end. Here, small ones fill the gaps between them.
    """
    names = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
    header: dict[str, Any] = {}
    parts, place = [], 0
    for name, array in arrays.items():
        for key, data in (
            (f"{PADDING}.{name}", np.zeros(-place % ALIGNMENT, dtype=np.uint8)),
            (name, np.asarray(array, order="C")),
        ):
            stop = place + data.nbytes
            kind, shape = names[data.dtype], list(data.shape)
            if data.nbytes or key == name:
                header[key] = {"dtype": kind, "shape": shape, "data_offsets": [place, stop]}
                parts.append(data)
            place = stop
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for data in parts:
            stream.write(data.tobytes())


def _take(stream: BinaryIO, n: int, digest: Any) -> bytes:
    data = stream.read(n)
    if len(data) < n or (n == 0):
        fail("a file is cut short.")
    digest.update(data)
    return data


def _layout(header: Any, n_bytes: int, file: str) -> list[tuple[str, Any, tuple[int, ...], int]]:
    """Name, dtype, shape and size of the tensors in the order of a file that they fill exactly."""
    if not isinstance(header, dict) or len(header) > MAX_TENSORS:
        fail(f"{file} has a header that is no table of tensors.")
    tensors = []
    for name, entry in header.items():
        where = f"{file}: {name:.80}"
        entry = fields(entry, where, **_TENSOR)
        begin, end = entry["data_offsets"]
        if math.prod(entry["shape"]) * np.dtype(DTYPES[entry["dtype"]]).itemsize != end - begin:
            fail(f"{where} has another size than its shape.")
        tensors.append((begin, end, name, DTYPES[entry["dtype"]], tuple(entry["shape"])))
    tensors.sort(key=lambda t: t[:2])
    place = 0
    for begin, end, name, _, _ in tensors:
        if begin != place:
            fail(f"{file}: {name:.80} leaves a gap or overlaps.")
        place = end
    if place != n_bytes:
        fail(f"{file} has {n_bytes} bytes of data instead of {place}.")
    return [(name, dtype, shape, end - begin) for begin, end, name, dtype, shape in tensors]


class ArrayFile:
    """Arrays of a file, taken out one by one; what is wrong or left over is an error."""

    def __init__(self, arrays: Arrays, file: str) -> None:
        self.arrays, self.file = arrays, file

    def take(
        self, name: str, kind: str, shape: tuple[int | None, ...], half: bool = False
    ) -> np.ndarray:
        """Array of a shape and kind: "u" (also i, if not negative), "f" (finite) or "b" (bytes).

        ``half`` allows half precision.
        """
        array = self.arrays.pop(name, None)
        if array is None:
            fail(f"{self.file} has no {name}.")
        fits = len(shape) == array.ndim and all(
            want in (None, got) for want, got in zip(shape, array.shape, strict=True)
        )
        if not fits:
            fail(f"{self.file}: {name} has shape {array.shape} instead of {shape}.")
        is_half = array.dtype == np.float16 and not half
        kinds = "f" if kind == "f" else "ui"
        fits = (array.itemsize == 1) if kind == "b" else array.dtype != np.int8
        if is_half or not fits or array.dtype.kind not in kinds:
            fail(f"{self.file}: {name} has dtype {array.dtype}.")
        if array.size:
            low, high = array.min(), array.max()  # NaN comes through both
            if kind == "f" and not (np.isfinite(low) and np.isfinite(high)):
                fail(f"{self.file}: {name} holds NaN or infinity.")
            if kind == "u" and (low < 0 or high > np.iinfo(np.int64).max):
                fail(f"{self.file}: {name} holds {low if low < 0 else high}.")
        return array

    def strings(self, name: str, n: int | None) -> list[str]:
        """Strings, all different."""
        data = self.take(f"{name}.text", "u", (None,))
        lengths = self.take(f"{name}.lengths", "u", (n,))
        if data.dtype != np.uint8:
            fail(f"{self.file}: {name} is no text.")
        text = data.tobytes().decode("utf-8", "surrogatepass")
        ends = np.cumsum(lengths, dtype=np.int64)
        if _total(lengths) != len(text):
            fail(f"{self.file}: {name} has {len(text)} characters instead of {_total(lengths)}.")
        stops = ends.tolist()
        strings = [text[a:b] for a, b in zip([0, *stops], stops, strict=False)]
        if len(set(strings)) < len(strings):
            fail(f"{self.file}: {name} repeats a string.")
        return strings

    def matrix(self, name: str, n_columns: int, n_rows: int | None) -> tuple[Any, Any, int]:
        """Column indices and row starts of a CSR matrix, and the number of its rows."""
        lengths = self.take(f"{name}.lengths", "u", (n_rows,))
        indices = self.take(f"{name}.indices", "u", (None,))
        if f"{name}.indices.high" in self.arrays:
            high = self.take(f"{name}.indices.high", "u", indices.shape)
            if (high.dtype, indices.dtype) != (np.uint8, np.uint16):
                fail(f"{self.file}: {name}.indices is not of 24 bits.")
            indices = (high.astype(np.int32) << 16) + indices
        if len(lengths) == 0 or _total(lengths) != len(indices):
            fail(f"{self.file}: the rows of {name} do not fit its {len(indices)} entries.")
        if indices.size and indices.max() >= n_columns:
            fail(f"{self.file}: {name} has an index {indices.max()} beyond {n_columns}.")
        small = max(n_columns, len(indices)) <= np.iinfo(np.int32).max
        kind = np.int32 if small else np.int64
        starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        return indices.astype(kind), starts.astype(kind), len(lengths)

    def sparse(self, name: str, shape: tuple[int, int]) -> sp.csr_array:
        """A matrix as it lies in memory, without stored zeros and with rising indices."""
        data = self.take(f"{name}.data", "f", (None,))
        indices = self.take(f"{name}.indices", "u", data.shape)
        starts = self.take(f"{name}.starts", "u", (shape[0] + 1,))
        kind = index_type(max(len(data), *shape))
        if not (data.dtype == np.float32 and indices.dtype == starts.dtype == kind):
            fail(f"{self.file}: {name} has other types of numbers.")
        if starts[0] != 0 or starts[-1] != len(data) or (np.diff(starts) < 0).any():
            fail(f"{self.file}: the rows of {name} do not fit its {len(data)} entries.")
        if indices.size and indices.max() >= shape[1]:
            fail(f"{self.file}: {name} has an index {indices.max()} beyond {shape[1]}.")
        matrix = sp.csr_array(shape, dtype=np.float32)
        # its constructor would copy what is a part of something larger, as of a mapped file
        matrix.data, matrix.indices, matrix.indptr = data, indices, starts
        if not matrix.has_canonical_format or not data.all():
            fail(f"{self.file}: {name} holds zeros, or indices that do not rise.")
        return matrix

    def require_all_taken(self) -> None:
        if self.arrays:
            fail(f"{self.file} holds {next(iter(self.arrays))!r:.80}, which belongs to no model.")


def _total(lengths: np.ndarray) -> int:
    """Sum that cannot wrap around: every term is below 2**63, the high halves are summed apart."""
    wide = lengths.astype(np.uint64)
    return (int((wide >> 32).sum()) << 32) + int((wide & 0xFFFFFFFF).sum())


def put_integers(arrays: Arrays, name: str, values: np.ndarray) -> None:
    """Store numbers of at least 0 in the narrowest type."""
    largest = int(values.max(initial=0))
    kind = next(t for t in (np.uint8, np.uint16, np.uint32, np.int64) if largest <= np.iinfo(t).max)
    arrays[name] = values.astype(kind)


def put_indices(arrays: Arrays, name: str, values: np.ndarray) -> None:
    """Store numbers as ``put_integers``, those between 16 and 24 bits in three bytes."""
    if 1 << 16 <= values.max(initial=0) < 1 << 24:
        arrays[f"{name}.high"] = (values >> 16).astype(np.uint8)
        values = values & 0xFFFF
    put_integers(arrays, name, values)


def put_sparse(arrays: Arrays, name: str, matrix: sp.csr_array) -> None:
    """Store a matrix of float32 as it lies in memory."""
    kind = index_type(max(matrix.nnz, *matrix.shape))
    arrays[f"{name}.data"] = matrix.data
    arrays[f"{name}.indices"] = matrix.indices.astype(kind, copy=False)
    arrays[f"{name}.starts"] = matrix.indptr.astype(kind, copy=False)


def put_strings(arrays: Arrays, name: str, strings: list[str]) -> None:
    """Store strings end to end: far smaller in memory than JSON while being read."""
    text = "".join(strings).encode("utf-8", "surrogatepass")
    arrays[f"{name}.text"] = np.frombuffer(text, dtype=np.uint8)
    lengths = np.fromiter(map(len, strings), dtype=np.int64, count=len(strings))
    put_integers(arrays, f"{name}.lengths", lengths)


def fingerprint(path: Path) -> dict[str, Any]:
    """Checksum and size of a file."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
    return {"sha256": digest.hexdigest(), "size": path.stat().st_size}


def sync_to_disk(path: Path) -> None:
    """Flush a file or a directory to the disk, where the system can."""
    with suppress(OSError):  # Windows opens no directories, some file systems sync none
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
