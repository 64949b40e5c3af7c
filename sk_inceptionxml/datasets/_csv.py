"""Reader for comma- or tab-separated files of labelled texts."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

from sklearn.utils import Bunch

from ._io import PathLike, decode, fail, iter_lines


def load_csv(
    path: PathLike,
    *,
    text_column: str = "text",
    labels_column: str = "labels",
    label_separator: str = "|",
    delimiter: str | None = None,
    quotechar: str | None = '"',
    drop_unlabelled: bool = False,
) -> Bunch:
    """Load texts and their labels from a CSV or TSV file.

    The first line names the columns. Every further record is one text, with its labels in one
    field, ``Devon|river``. Blanks around a label are dropped, and so are empty labels; an empty
    field is a text without labels. Other columns and blank lines are ignored. The file is read
    as a stream, as UTF-8, and may be gzip-compressed.

    Parameters
    ----------
    path : str or path-like
        The ``.csv``, ``.tsv``, ``.csv.gz`` or ``.tsv.gz`` file; compression is recognised by
        content, not by name.
    text_column : str, default="text"
        The column of the text.
    labels_column : str, default="labels"
        The column of the labels.
    label_separator : str, default="|"
        What stands between two labels.
    delimiter : str or None, default=None
        The character between two fields. None is a tab if the name of the file ends in ``.tsv``
        or ``.tsv.gz``, and a comma otherwise.
    quotechar : str or None, default='"'
        The character around fields that hold a delimiter, a line end or itself (doubled). None
        reads quotes as part of the text.
    drop_unlabelled : bool, default=False
        Whether to leave out the texts without labels.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the keys

        data : list of str, length n_samples
            The texts.
        target : list of list of str, length n_samples
            The labels of each text, in the order of the file.
        label_names : list of str, length n_labels
            The distinct labels, sorted.

    Raises
    ------
    ValueError
        If a column is missing or named twice, a record has more or fewer fields than the first
        line, quotes are not closed, or a line is not UTF-8; the message names file and line.
        Also if ``delimiter``, ``quotechar`` or ``label_separator`` is not as described.

    See Also
    --------
    load_jsonl : JSON Lines, in which labels may hold any character.
    load_parquet : Parquet files.

    Examples
    --------
    >>> import os, tempfile
    >>> from sk_inceptionxml.datasets import load_csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "toys.csv")
    ...     with open(path, "w") as stream:
    ...         _ = stream.write('text,labels\\n"kite, red",kite|toy\\n')
    ...     toys = load_csv(path)
    >>> toys.data, toys.target
    (['kite, red'], [['kite', 'toy']])
    """
    check_separator(label_separator)
    texts: list[str] = []
    targets: list[list[str]] = []
    columns = (text_column, labels_column)
    for text, labels in iter_labelled_csv(path, *columns, label_separator, delimiter, quotechar):
        if labels or not drop_unlabelled:
            texts.append(text)
            targets.append(labels)
    names = sorted({label for labels in targets for label in labels})
    return Bunch(data=texts, target=targets, label_names=names)


def iter_labelled_csv(
    path: PathLike,
    text_column: str,
    labels_column: str,
    label_separator: str,
    delimiter: str | None,
    quotechar: str | None,
) -> Iterator[tuple[str, list[str]]]:
    """Yield the text and the labels of each record."""
    columns = (text_column, labels_column)
    for _, (text, joined) in iter_csv(path, columns, delimiter, quotechar):
        yield text, split_labels(joined, label_separator)


def check_separator(label_separator: Any) -> None:
    """Refuse a separator of labels that separates nothing."""
    if not isinstance(label_separator, str) or not label_separator:
        raise ValueError(
            f"label_separator must be a str of one character or more, got {label_separator!r}."
        )


def split_labels(joined: str, label_separator: str) -> list[str]:
    """The labels of one field."""
    return [label for part in joined.split(label_separator) if (label := part.strip())]


def iter_csv(
    path: PathLike,
    columns: tuple[str, ...],
    delimiter: str | None = None,
    quotechar: str | None = '"',
    stream: BinaryIO | None = None,
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each record begins, and its fields of some columns."""
    if delimiter is None:
        is_tsv = os.fspath(path).lower().removesuffix(".gz").endswith(".tsv")
        delimiter = "\t" if is_tsv else ","
    records = _records(path, delimiter, quotechar, stream)
    number, header = next(records, (1, []))
    if not header:
        fail(path, 1, "the file is empty, but its first line must name the columns")
    places = []
    for name in columns:
        if header.count(name) != 1:
            what = "no column" if name not in header else "more than one column"
            fail(path, number, f"{what} {name!r}; the columns are {header!r:.200}")
        places.append(header.index(name))
    for number, fields in records:
        if len(fields) != len(header):
            n, expected = len(fields), len(header)
            fail(path, number, f"the record has {n} fields, but the first line names {expected}")
        yield number, [fields[place] for place in places]


def _records(
    path: PathLike, delimiter: str, quotechar: str | None, stream: BinaryIO | None
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each record begins, and all its fields; blank lines are left out."""
    last = 0

    def lines() -> Iterator[str]:
        nonlocal last
        for last, line in iter_lines(path, stream, keep_ends=True):
            yield decode(path, last, line)

    quoting: Any = csv.QUOTE_NONE if quotechar is None else csv.QUOTE_MINIMAL
    try:
        reader = csv.reader(
            lines(), delimiter=delimiter, quotechar=quotechar, quoting=quoting, strict=True
        )
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"delimiter and quotechar must be two different characters; got {delimiter!r} and "
            f"{quotechar!r} ({error})."
        ) from None
    while True:
        number = last + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            fail(path, number, f"not valid CSV ({error})")
        if fields is None:
            return
        if fields:
            yield number, fields
