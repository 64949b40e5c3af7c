"""Texts one by one, from a file of any of the formats or from a stream."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from ._csv import iter_csv
from ._io import PathLike, decode, get_field, iter_json, iter_lines
from ._parquet import iter_parquet_texts

_FORMATS = {"txt": "text", "jsonl": "jsonl", "ndjson": "jsonl", "json": "jsonl"}
_FORMATS |= {name: name for name in ("csv", "tsv", "parquet")}


def iter_texts(
    source: PathLike | BinaryIO,
    *,
    format: str | None = None,
    text_column: str = "text",
    quotechar: str | None = '"',
) -> Iterator[str]:
    """Read texts one by one, in the memory of one text.

    Parameters
    ----------
    source : str, path-like or binary stream
        A file, which may be gzip-compressed, or an open stream of bytes, such as
        ``sys.stdin.buffer``. A text of a stream comes as soon as its line is there.
    format : {"text", "jsonl", "csv", "tsv", "parquet"} or None, default=None
        "text" is one text a line, and an empty line an empty text. "jsonl" is one JSON object a
        line. None is what the name of the file ends in, with or without ``.gz``; "text" for a
        stream.
    text_column : str, default="text"
        The column, or the key of JSON, that holds the text; not for "text".
    quotechar : str or None, default='"'
        As in :func:`load_csv`.

    Yields
    ------
    text : str

    Raises
    ------
    ValueError
        If the format is not known, or a line is not as the format asks. The message names file
        and line.
    ImportError
        If the format is "parquet" and pyarrow is not installed.

    See Also
    --------
    load_jsonl, load_csv, load_parquet : Texts with their labels.

    Examples
    --------
    >>> import io
    >>> from sk_inceptionxml.datasets import iter_texts
    >>> list(iter_texts(io.BytesIO(b"red kite\\nblue boat\\n")))
    ['red kite', 'blue boat']
    """
    if isinstance(source, (str, os.PathLike)):
        path, stream = os.fspath(source), None
        ending = path.lower().removesuffix(".gz").rpartition(".")[2]
        format = format or _FORMATS.get(ending)
    else:
        path, stream = "standard input", source
        format = format or "text"
    known = sorted(set(_FORMATS.values()))
    if format not in known or (format == "parquet" and stream is not None):
        if stream is not None:
            known.remove("parquet")
        raise ValueError(f"{path}: format must be one of {known}, got {format!r}.")
    return _texts(path, stream, format, text_column, quotechar)


def _texts(
    path: str, stream: BinaryIO | None, format: str, text_column: str, quotechar: str | None
) -> Iterator[str]:
    if format == "text":
        for number, line in iter_lines(path, stream):
            yield decode(path, number, line)
    elif format == "jsonl":
        for number, row in iter_json(path, stream):
            yield get_field(path, number, row, text_column, str)
    elif format == "parquet":
        for _, text in iter_parquet_texts(path, text_column):
            yield text
    else:
        delimiter = "\t" if format == "tsv" else ","
        for _, (text,) in iter_csv(path, (text_column,), delimiter, quotechar, stream):
            yield text
