"""Streaming line input shared by the file readers."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NoReturn

PathLike = str | os.PathLike[str]

GZIP_MAGIC = b"\x1f\x8b"
_UTF8_BOM = b"\xef\xbb\xbf"


def fail(path: PathLike, line: int, message: str) -> NoReturn:
    """Raise the ValueError that every reader raises: file, line number (from 1), what is wrong."""
    raise ValueError(f"{os.fspath(path)}, line {line}: {message}")


def iter_lines(
    path: PathLike, stream: BinaryIO | None = None, *, keep_ends: bool = False
) -> Iterator[tuple[int, bytes]]:
    """Yield ``(line number from 1, line)``, by default without its end.

    A file is opened by its path, where gzip is known by its magic bytes. Lines of an open
    ``stream`` come as soon as they are there; ``path`` then only names it in errors.
    """
    if stream is not None:
        yield from _numbered(path, stream, keep_ends)
        return
    with open(path, "rb") as opened:  # once: a pipe gives its bytes only once
        if opened.peek(2)[:2] != GZIP_MAGIC:
            yield from _numbered(path, opened, keep_ends)
            return
        with gzip.GzipFile(fileobj=opened) as plain:
            yield from _numbered(path, plain, keep_ends)


def _numbered(
    path: PathLike, stream: Iterable[bytes], keep_ends: bool
) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        for number, line in enumerate(stream, start=1):
            if number == 1:
                line = line.removeprefix(_UTF8_BOM)
            yield number, line if keep_ends else line.rstrip(b"\r\n")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        fail(path, number + 1, f"damaged or truncated gzip data ({error}); fetch it again")


def decode(path: PathLike, number: int, line: bytes, encoding: str = "utf-8") -> str:
    """Decode one line, or fail with its place."""
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        fail(path, number, f"not valid {encoding} ({error.reason} at byte {error.start})")


def iter_json(
    path: PathLike, stream: BinaryIO | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(line number, object)`` from a file with one JSON object a line, blanks skipped."""
    for number, line in iter_lines(path, stream):
        if not line.strip():
            continue
        text = decode(path, number, line)
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            fail(path, number, f"not valid JSON ({error.msg} at column {error.colno})")
        except ValueError as error:  # an integer of thousands of digits
            fail(path, number, f"not valid JSON ({error})")
        except RecursionError:
            fail(path, number, "not valid JSON (nested too deeply)")
        if not isinstance(row, dict):
            fail(path, number, f"expected a JSON object, got {type(row).__name__}")
        yield number, row


def get_field(path: PathLike, number: int, row: dict[str, Any], key: str, kind: type) -> Any:
    """Return ``row[key]`` checked to be a ``kind``, or fail with its place."""
    if key not in row:
        fail(path, number, f"no key {key!r}; the keys are {sorted(row)}")
    value = row[key]
    if not isinstance(value, kind):
        fail(path, number, f"{key!r} must be a {kind.__name__}, got {type(value).__name__}")
    return value
