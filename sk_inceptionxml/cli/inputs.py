"""Files of labelled texts, in any of the formats, and the texts to predict."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .failures import Failure, wrong_input

ENDINGS = {
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "csv": "csv",
    "tsv": "tsv",
    "parquet": "parquet",
    "json": "xmc-json",
    "txt": "xmc-sparse",
}
TEXTS_OF = {"xmc-json": "jsonl"}  # how iter_texts calls a format


@dataclass(frozen=True)
class Columns:
    """Where a file holds what."""

    format: str | None
    text: str | None
    labels: str | None
    separator: str
    quotes: bool
    label_matrix: Path | None = None
    label_names: Path | None = None

    @property
    def quotechar(self) -> str | None:
        return '"' if self.quotes else None


@dataclass(frozen=True)
class Labelled:
    """Texts, or a matrix of token weights, and the labels of each row."""

    X: Any
    y: list[Any]


def format_of(path: Path, columns: Columns, endings: dict[str, str] = ENDINGS) -> str:
    """The format that is asked for, or that the name of a file tells."""
    if columns.format is not None:
        return columns.format
    ending = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if ending not in endings:
        known = ", ".join(f".{name}" for name in endings)
        raise Failure(
            f"{path}: its name tells no format; it must end in one of {known} (with or without "
            ".gz), or name the format with --format"
        )
    found = endings[ending]
    return "text" if found == "xmc-sparse" and columns.label_matrix is not None else found


def check_readable(*paths: Path | None) -> None:
    """Refuse files that are not there, before any work."""
    for path in paths:
        if path is None:
            continue
        with wrong_input(str(path)):
            if path.is_dir():
                raise Failure(f"{path}: it is a directory, but a file is needed")
            if path.is_file() or not path.exists():  # a pipe is opened once
                path.open("rb").close()


def read_labelled(path: Path, columns: Columns) -> Labelled:
    """Rows of a file with their labels, at least one.

    Raises
    ------
    Failure
        If the file is not as its format asks, or holds no row.
    """
    kind = format_of(path, columns)
    if (columns.label_matrix is not None) != (kind in ("text", "xmc-matrix")):
        raise Failure(
            f"{path}: --label-matrix goes with the formats text and xmc-matrix, which hold no "
            f"labels themselves; the format here is {kind}"
        )
    with wrong_input(str(path)):
        if kind.startswith("xmc") or kind == "text":
            found = _read_repository(path, kind, columns)
        else:
            found = _read_table(path, kind, columns)
    if not found.y:
        raise Failure(f"{path}: it holds no rows")
    return found


def open_stream(path: Path, columns: Columns) -> Any:
    """A file as a ``TextStream``.

    Raises
    ------
    Failure
        If the file is of a format that is only read whole.
    """
    from sk_inceptionxml.datasets import TextStream

    kind = format_of(path, columns)
    if kind.startswith("xmc") or kind == "text":
        raise Failure(f"{path}: --stream goes with jsonl, csv, tsv and parquet, not with {kind}")
    if columns.label_names is not None or columns.label_matrix is not None:
        raise Failure(f"{path}: --stream does not go with --label-names or --label-matrix")
    with wrong_input(str(path)):
        return TextStream(
            path,
            format=kind,
            text_column=columns.text or "text",
            labels_column=columns.labels or "labels",
            label_separator=columns.separator,
            quotechar=columns.quotechar,
        )


def _read_table(path: Path, kind: str, columns: Columns) -> Labelled:
    from sk_inceptionxml.datasets import load_csv, load_jsonl, load_parquet

    text, labels = columns.text or "text", columns.labels or "labels"
    if columns.label_names is not None:
        raise Failure(f"{path}: --label-names goes with label numbers, which {kind} does not hold")
    if kind == "jsonl":
        data = load_jsonl(path, text_key=text, labels_key=labels)
    elif kind == "parquet":
        data = load_parquet(
            path, text_column=text, labels_column=labels, label_separator=columns.separator
        )
    else:
        data = load_csv(
            path,
            text_column=text,
            labels_column=labels,
            label_separator=columns.separator,
            delimiter="\t" if kind == "tsv" else ",",
            quotechar=columns.quotechar,
        )
    return Labelled(data.data, _label_lists(data.target))


def _label_lists(rows: list[list[Any]]) -> list[Any]:
    """The labels of each row, so that 0 and 1 are labels and no indicator."""
    is_text = any(row and isinstance(row[0], str) for row in rows)
    return rows if is_text else [set(row) for row in rows]


def _read_repository(path: Path, kind: str, columns: Columns) -> Labelled:
    """Files of the Extreme Classification Repository, with label numbers or their names."""
    from sk_inceptionxml.datasets import (
        load_xmc_json,
        load_xmc_matrix,
        load_xmc_raw_text,
        load_xmc_sparse,
    )

    if columns.text or columns.labels:
        raise Failure(f"{path}: --text-column and --label-column do not go with {kind}")
    X: Any
    if kind in ("xmc-json", "xmc-sparse"):
        data = load_xmc_json(path) if kind == "xmc-json" else load_xmc_sparse(path)
        X, Y, source = data.data, data.target, path
        if Y is None:
            raise Failure(f"{path}, line 1: it has no 'target_ind', so it holds labels, not texts")
    else:
        assert columns.label_matrix is not None
        source = columns.label_matrix
        X = load_xmc_raw_text(path) if kind == "text" else load_xmc_matrix(path)
        Y = load_xmc_matrix(source)
        n_texts = len(X) if kind == "text" else X.shape[0]
        if n_texts != Y.shape[0]:
            raise Failure(f"{source}: it has {Y.shape[0]} rows, but {path} has {n_texts}")
    Y.eliminate_zeros()
    if columns.label_names is None:
        return Labelled(X, _label_lists([row.tolist() for row in _indices(Y)]))
    names = load_xmc_raw_text(columns.label_names)
    if Y.nnz and int(Y.indices.max()) >= len(names):
        raise Failure(
            f"{columns.label_names}: it names {len(names)} labels, but {source} has the label "
            f"{int(Y.indices.max())} (from 0)"
        )
    return Labelled(X, [[names[i] for i in row] for row in _indices(Y)])


def _indices(Y: Any) -> list[Any]:
    return [Y.indices[a:b] for a, b in zip(Y.indptr[:-1], Y.indptr[1:], strict=True)]


def texts_to_predict(path: Path | None, columns: Columns) -> tuple[Iterator[str] | None, Any]:
    """Texts one by one, or None and a matrix; without a path from standard input."""
    from sk_inceptionxml.datasets import iter_texts, load_xmc_matrix, load_xmc_sparse

    if path is None:
        kind = columns.format or "text"
        name: Any = "standard input"
        if kind in ("parquet", "xmc-sparse", "xmc-matrix"):
            raise Failure(f"{name}: {kind} cannot be read from it; name a file")
        source: Any = sys.stdin.buffer
    else:
        kind = format_of(path, columns, ENDINGS | {"txt": "text"})
        name = source = path
    if kind in ("text", "xmc-sparse", "xmc-matrix") and columns.text:
        raise Failure(f"{name}: --text-column does not go with {kind}")
    with wrong_input(str(name)):
        if kind == "xmc-sparse":
            return None, load_xmc_sparse(source).data
        if kind == "xmc-matrix":
            return None, load_xmc_matrix(source)
        text = columns.text or ("title" if kind == "xmc-json" else "text")
        kind = TEXTS_OF.get(kind, kind)
        texts = iter_texts(source, format=kind, text_column=text, quotechar=columns.quotechar)
        return texts, None
