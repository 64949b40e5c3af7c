"""Reader for JSON Lines files of labelled texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sklearn.utils import Bunch

from ._io import PathLike, fail, get_field, iter_json


def load_jsonl(
    path: PathLike,
    *,
    text_key: str = "text",
    labels_key: str = "labels",
    drop_unlabelled: bool = False,
) -> Bunch:
    """Load texts and their labels from a JSON Lines file.

    Each line is one JSON object with a string and a list of labels; blank lines are skipped and
    other keys ignored. The file is read as a stream, as UTF-8, and may be gzip-compressed.

    Parameters
    ----------
    path : str or path-like
        The ``.jsonl`` or ``.jsonl.gz`` file; compression is recognised by content, not by name.
    text_key : str, default="text"
        The key of the text.
    labels_key : str, default="labels"
        The key of the list of labels.
    drop_unlabelled : bool, default=False
        Whether to leave out the rows whose list of labels is empty.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the keys

        data : list of str, length n_samples
            The texts.
        target : list of list of str, or list of list of int, length n_samples
            The labels of each text, as in the file.
        label_names : list of str or list of int, length n_labels
            The distinct labels, sorted.

    Raises
    ------
    ValueError
        If a line is not a JSON object, misses a key, has a text that is not a string or labels
        that are not a list of strings or a list of integers. The message names file and line.

    See Also
    --------
    load_xmc_json : The JSON files of the Extreme Classification Repository.

    Examples
    --------
    >>> import json, os, tempfile
    >>> from sk_inceptionxml.datasets import load_jsonl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "toys.jsonl")
    ...     with open(path, "w") as stream:
    ...         _ = stream.write(json.dumps({"text": "red kite", "labels": ["kite", "toy"]}))
    ...     toys = load_jsonl(path)
    >>> toys.data, toys.target
    (['red kite'], [['kite', 'toy']])
    """
    texts: list[str] = []
    targets: list[list[Any]] = []
    for text, labels in iter_labelled_jsonl(path, text_key, labels_key):
        if labels or not drop_unlabelled:
            texts.append(text)
            targets.append(labels)
    names = sorted({label for labels in targets for label in labels})
    return Bunch(data=texts, target=targets, label_names=names)


def iter_labelled_jsonl(
    path: PathLike, text_key: str, labels_key: str
) -> Iterator[tuple[str, list[Any]]]:
    """Yield the text and the labels of each line."""
    kinds: set[type] = set()
    for number, row in iter_json(path):
        text = get_field(path, number, row, text_key, str)
        labels = get_field(path, number, row, labels_key, list)
        kinds.update(map(type, labels))
        if not kinds <= {str} and not kinds <= {int}:
            found = sorted(kind.__name__ for kind in kinds)
            fail(path, number, f"the labels must be all str or all int in a file, got {found}")
        yield text, labels
