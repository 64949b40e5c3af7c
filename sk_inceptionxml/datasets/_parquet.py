"""Reader for Parquet files of labelled texts."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from sklearn.utils import Bunch

from ._csv import check_separator, split_labels
from ._io import GZIP_MAGIC, PathLike

_ROWS_AT_ONCE = 8192


def load_parquet(
    path: PathLike,
    *,
    text_column: str = "text",
    labels_column: str = "labels",
    label_separator: str = "|",
    drop_unlabelled: bool = False,
) -> Bunch:
    """Load texts and their labels from a Parquet file.

    Only the two columns are read, some thousand rows at a time. This needs pyarrow, which the
    extra ``parquet`` brings.

    Parameters
    ----------
    path : str or path-like
        The ``.parquet`` file, or a gzip-compressed one.
    text_column : str, default="text"
        The column of the text, of strings.
    labels_column : str, default="labels"
        The column of the labels: lists of strings, lists of integers, or strings that are split
        at ``label_separator``. A missing value is a text without labels.
    label_separator : str, default="|"
        What stands between two labels of a string. Blanks around a label are dropped, and so are
        empty labels.
    drop_unlabelled : bool, default=False
        Whether to leave out the texts without labels.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the keys

        data : list of str, length n_samples
            The texts.
        target : list of list of str, or list of list of int, length n_samples
            The labels of each text, in the order of the file.
        label_names : list of str or list of int, length n_labels
            The distinct labels, sorted.

    Raises
    ------
    ValueError
        If the file is not a Parquet file, a column is missing or of another type, or a text or a
        label is missing. The message names the file and, where there is one, the row, from 1.
    ImportError
        If pyarrow is not installed.

    See Also
    --------
    load_csv, load_jsonl : Files of text.

    Examples
    --------
    >>> import os, tempfile
    >>> import pandas as pd
    >>> from sk_inceptionxml.datasets import load_parquet
    >>> table = pd.DataFrame({"text": ["red kite"], "labels": [["kite", "toy"]]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "toys.parquet")
    ...     table.to_parquet(path)
    ...     toys = load_parquet(path)
    >>> toys.data, toys.target
    (['red kite'], [['kite', 'toy']])
    """
    check_separator(label_separator)
    texts: list[str] = []
    targets: list[list[Any]] = []
    columns = (text_column, labels_column)
    for text, labels in iter_labelled_parquet(path, *columns, label_separator):
        if labels or not drop_unlabelled:
            texts.append(text)
            targets.append(labels)
    names = sorted({label for labels in targets for label in labels})
    return Bunch(data=texts, target=targets, label_names=names)


def iter_labelled_parquet(
    path: PathLike, text_column: str, labels_column: str, label_separator: str
) -> Iterator[tuple[str, list[Any]]]:
    """Yield the text and the labels of each row."""
    columns = {text_column: "strings", labels_column: "lists of strings or integers, or strings"}
    for number, (text, found) in iter_parquet(path, columns):
        text = _text(path, number, text_column, text)
        if isinstance(found, str):
            labels: list[Any] = split_labels(found, label_separator)
        else:
            labels = list(found or ())
        if None in labels:
            _fail(path, number, f"a label in {labels_column!r} is missing")
        yield text, labels


def iter_parquet_texts(path: PathLike, text_column: str) -> Iterator[tuple[int, str]]:
    """Yield the number from 1 and the text of each row."""
    for number, (text,) in iter_parquet(path, {text_column: "strings"}):
        yield number, _text(path, number, text_column, text)


def iter_parquet(path: PathLike, columns: dict[str, str]) -> Iterator[tuple[int, list[Any]]]:
    """Yield the number from 1 and some fields of each row; ``columns`` names them and their kind.

    A kind is words for an error; one that begins with "lists" allows lists too.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError(
            "reading Parquet needs pyarrow: pip install 'sk-inceptionxml[parquet]'"
        ) from error
    number = 0
    with open(path, "rb") as stream:
        try:
            file = pq.ParquetFile(_plain(path, stream))
            schema = file.schema_arrow
            for name, kind in columns.items():
                if schema.names.count(name) != 1:
                    what = "more than one" if name in schema.names else "no"
                    raise ValueError(f"{what} column {name!r}; the columns are {schema.names!r}")
                if not _is_of_kind(schema.field(name).type, kind):
                    found = schema.field(name).type
                    raise ValueError(f"the column {name!r} must hold {kind}, but holds {found}")
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=list(columns)):
                fields = [batch.column(name).to_pylist() for name in columns]
                for row in zip(*fields, strict=True):
                    number += 1
                    yield number, list(row)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            message = " ".join(str(error).split())
            message = f"{os.fspath(path)}: not a complete Parquet file ({message:.200})"
            raise ValueError(message) from None
        except ValueError as error:
            known = str(error).startswith(os.fspath(path))
            raise error if known else ValueError(f"{os.fspath(path)}: {error}") from None


def _plain(path: PathLike, stream: BinaryIO) -> Any:
    """The file, decompressed in memory where it is gzip: Parquet is read from its end."""
    magic = stream.read(2)
    stream.seek(0)
    if magic != GZIP_MAGIC:
        return stream
    try:
        return io.BytesIO(gzip.decompress(stream.read()))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"damaged or truncated gzip data ({error}); fetch it again") from None


def _is_of_kind(found: Any, kind: str) -> bool:
    """Whether an Arrow type holds strings or, where asked for, lists of strings or integers."""
    import pyarrow.types as kinds

    if kinds.is_dictionary(found):
        found = found.value_type
    of_lists = (kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list)
    if kind.startswith("lists") and any(is_kind(found) for is_kind in of_lists):
        inner = found.value_type
        return bool(kinds.is_null(inner) or kinds.is_integer(inner) or _is_of_kind(inner, ""))
    strings = (kinds.is_string, kinds.is_large_string, kinds.is_string_view)
    return any(is_kind(found) for is_kind in strings)


def _text(path: PathLike, number: int, column: str, text: Any) -> str:
    if not isinstance(text, str):
        _fail(path, number, f"the text in {column!r} is missing")
    return text


def _fail(path: PathLike, number: int, message: str) -> NoReturn:
    raise ValueError(f"{os.fspath(path)}, row {number}: {message}")
