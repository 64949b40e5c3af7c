"""Labelled texts in chunks, for data larger than memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ._csv import check_separator, iter_labelled_csv
from ._io import PathLike
from ._jsonl import iter_labelled_jsonl
from ._parquet import iter_labelled_parquet

_FORMATS = {"ndjson": "jsonl"} | {name: name for name in ("jsonl", "csv", "tsv", "parquet")}

Chunk = tuple[Any, Any]


class TextStream:
    """Labelled texts that are read chunk by chunk, for data larger than memory.

    ``fit`` of the estimator takes it in the place of X and y. Iterate over it to get the chunks
    yourself: pairs of a list of texts and the list of their labels.

    Parameters
    ----------
    source : path, sequence of paths, or callable
        A JSON Lines, CSV, TSV or Parquet file, or several of one format, read one after the
        other. Or a function without arguments that returns a new iterator of chunks: pairs
        (texts, y) of any size, as ``fit`` takes X and y. An iterable that can be read again,
        such as a list of chunks, will do too.
    format : {"jsonl", "csv", "tsv", "parquet"} or None, default=None
        Of the files. None is what the name of a file ends in, with or without ``.gz``.
    text_column : str, default="text"
        The column, or the key of JSON, that holds the text.
    labels_column : str, default="labels"
        The column, or the key of JSON, that holds the labels.
    label_separator : str, default="|"
        What stands between two labels of one field, as in :func:`load_csv`.
    quotechar : str or None, default='"'
        Of CSV and TSV, as in :func:`load_csv`.
    drop_unlabelled : bool, default=False
        Whether to leave out the rows of files that have no labels.
    chunk_size : int, default=10000
        Rows of files that are read at once.
    cache_dir : path or None, default=None
        Directory for the files in which ``fit`` keeps the rows, made if absent. None is the
        directory for temporary files. On many systems that one is memory: name a disk then.

    Raises
    ------
    ValueError, TypeError
        If a parameter is not as described, or ``source`` is an iterator, which can be read only
        once.

    See Also
    --------
    load_jsonl, load_csv, load_parquet : The same files, whole.

    Notes
    -----
    ``fit`` reads the source once. The files in ``cache_dir`` have no names, and are gone when
    the estimator is, or when the process ends, however it ends.

    Examples
    --------
    >>> from sk_inceptionxml import InceptionXMLClassifier
    >>> from sk_inceptionxml.datasets import TextStream
    >>> def chunks():
    ...     for color in ["red", "blue", "green", "white"] * 5:
    ...         yield [f"{color} kite", f"{color} boat"], [[color, "kite"], [color, "boat"]]
    >>> stream = TextStream(chunks)
    >>> next(iter(stream))
    (['red kite', 'red boat'], [['red', 'kite'], ['red', 'boat']])
    >>> clf = InceptionXMLClassifier(embedding_dim=64, random_state=0).fit(stream)
    >>> clf.n_samples_fit_
    40
    """

    def __init__(
        self,
        source: PathLike | Sequence[PathLike] | Callable[[], Iterable[Chunk]] | Iterable[Chunk],
        *,
        format: str | None = None,
        text_column: str = "text",
        labels_column: str = "labels",
        label_separator: str = "|",
        quotechar: str | None = '"',
        drop_unlabelled: bool = False,
        chunk_size: int = 10_000,
        cache_dir: PathLike | None = None,
    ) -> None:
        check_separator(label_separator)
        if isinstance(chunk_size, bool) or not isinstance(chunk_size, int) or chunk_size < 1:
            raise ValueError(f"chunk_size must be an int of at least 1, got {chunk_size!r}.")
        if cache_dir is not None and not isinstance(cache_dir, (str, os.PathLike)):
            raise TypeError(f"cache_dir must be a path or None, got {type(cache_dir).__name__}.")
        self.source = source
        self.format = format
        self.text_column = text_column
        self.labels_column = labels_column
        self.label_separator = label_separator
        self.quotechar = quotechar
        self.drop_unlabelled = drop_unlabelled
        self.chunk_size = chunk_size
        self.cache_dir = cache_dir
        self._files = _files_of(source)
        if self._files is None:
            _check_iterable(source)
        for path in self._files or ():
            self._format_of(path)
            if not Path(path).exists():
                raise ValueError(f"source: there is no file {os.fspath(path)!r}.")

    def __repr__(self) -> str:
        return f"TextStream({self.source!r:.200})"

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks from the first on: pairs of texts and labels."""
        if self._files is None:
            yield from self._chunks_of_source()
            return
        for path in self._files:
            rows = self._rows_of(path)
            while chunk := list(islice(rows, self.chunk_size)):
                texts, labels = zip(*chunk, strict=True)
                yield list(texts), list(labels)

    def _chunks_of_source(self) -> Iterator[Chunk]:
        source: Any = self.source
        found = source() if callable(source) else source
        if not isinstance(found, Iterable):
            raise TypeError(
                "source must return an iterator of chunks (texts, y), but it returned "
                f"{type(found).__name__}."
            )
        for number, chunk in enumerate(found):
            if not isinstance(chunk, (tuple, list)) or len(chunk) != 2:
                size = f" of {len(chunk)}" if isinstance(chunk, (tuple, list)) else ""
                raise TypeError(
                    f"chunk {number} of the stream must be a pair (texts, y), got "
                    f"{type(chunk).__name__}{size}."
                )
            yield chunk[0], chunk[1]

    def _format_of(self, path: PathLike) -> str:
        ending = os.fspath(path).lower().removesuffix(".gz").rpartition(".")[2]
        found = _FORMATS.get(ending) if self.format is None else self.format
        if found is None or found not in _FORMATS.values():
            known = sorted(set(_FORMATS.values()))
            raise ValueError(f"{os.fspath(path)}: format must be one of {known}, got {found!r}.")
        return found

    def _rows_of(self, path: PathLike) -> Iterator[tuple[str, Any]]:
        kind = self._format_of(path)
        columns = self.text_column, self.labels_column
        rows: Iterator[tuple[str, list[Any]]]
        if kind == "jsonl":
            rows = iter_labelled_jsonl(path, *columns)
        elif kind == "parquet":
            rows = iter_labelled_parquet(path, *columns, self.label_separator)
        else:
            delimiter = "\t" if kind == "tsv" else ","
            rows = iter_labelled_csv(
                path, *columns, self.label_separator, delimiter, self.quotechar
            )
        for text, labels in rows:
            if labels or not self.drop_unlabelled:
                # lists of 0 and 1 would be an indicator
                yield text, set(labels) if labels and isinstance(labels[0], int) else labels


def _files_of(source: Any) -> list[PathLike] | None:
    """Paths, where these are the source."""
    if isinstance(source, (str, os.PathLike)):
        return [source]
    is_sequence = isinstance(source, (list, tuple))
    if is_sequence and source and all(isinstance(x, (str, os.PathLike)) for x in source):
        return list(source)
    return None


def _check_iterable(source: Any) -> None:
    if isinstance(source, Iterator):
        raise TypeError(
            f"source can be read only once, as it is a {type(source).__name__}; give a function "
            "that returns a new iterator, such as the generator function itself, without the "
            "parentheses."
        )
    if isinstance(source, type) or not (callable(source) or isinstance(source, Iterable)):
        raise TypeError(
            "source must be a path, several paths, or a function that returns an iterator of "
            f"chunks (texts, y), got {source!r:.80}."
        )
