"""The argument ``label_texts``: what labels say, by label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ._space import LabelSpace

NAMES = "names"
MAX_TEXTS = 1000  # of one label


def check_label_texts(label_texts: Any) -> None:
    """Refuse anything but None, "names", a mapping or a sequence, before any work is done.

    Raises
    ------
    TypeError, ValueError
        If it is not, or a text is not a str.
    """
    if label_texts is None or (isinstance(label_texts, str) and label_texts == NAMES):
        return
    if isinstance(label_texts, Mapping):
        entries: Any = label_texts.items()
    elif isinstance(label_texts, (str, bytes)) or not hasattr(label_texts, "__len__"):
        raise TypeError(
            "label_texts must be a mapping from label to text, a sequence of texts in the order of "
            f'classes_, "names" or None, got {label_texts!r:.80}.'
        )
    else:
        entries = enumerate(label_texts)
    for label, texts in entries:
        _texts_of(label, texts)


def label_texts_of(
    label_texts: Any, space: LabelSpace, clean: Callable[[list[str]], list[str]]
) -> tuple[list[str], np.ndarray]:
    """Texts and the column of the label that each belongs to.

    Parameters
    ----------
    label_texts : mapping, sequence or "names"
        Checked.
    space : LabelSpace
        With every label that ``label_texts`` names.
    clean : callable
        Brings texts into the form in which queries are read.

    Raises
    ------
    ValueError, TypeError
        If labels are not known, a sequence has another length, or labels have no names.
    """
    classes = space.classes_.tolist()
    if isinstance(label_texts, str):
        if not all(isinstance(label, str) for label in classes):
            raise ValueError(
                'label_texts="names" needs labels that are str, but they are '
                f"{type(classes[0]).__name__}; give a mapping from label to text."
            )
        given = [[label] for label in classes]
        columns: Any = range(len(classes))
    elif isinstance(label_texts, Mapping):
        given = [_texts_of(label, texts) for label, texts in label_texts.items()]
        place = {label: i for i, label in enumerate(classes)}
        columns = [place.get(_plain(label), -1) for label in label_texts]
        if -1 in columns:
            label = list(label_texts)[columns.index(-1)]
            raise ValueError(
                f"label_texts names the label {label!r:.80}, which is not one of the "
                f"{len(classes)} labels of y. For an indicator, give y a column for it."
            )
    else:
        if len(label_texts) != len(classes):
            raise ValueError(
                f"label_texts has {len(label_texts)} entries, but there are {len(classes)} labels; "
                "give one for each, in the order of classes_, or a mapping from label to text."
            )
        given = [_texts_of(i, texts) for i, texts in enumerate(label_texts)]
        columns = range(len(classes))
    pairs = dict.fromkeys(
        (text, column)
        for texts, column in zip(given, columns, strict=True)
        for text in clean(texts)
        if text.strip()
    )
    owner = np.fromiter((column for _, column in pairs), np.int64, len(pairs))
    return [text for text, _ in pairs], owner


def named_labels(label_texts: Any, space: LabelSpace) -> list[Any]:
    """Labels of a mapping, which y may lack; an indicator has no room for them."""
    if not isinstance(label_texts, Mapping) or space.form in ("sparse", "indicator"):
        return []
    return list(map(_plain, label_texts))


def further_labels(label_texts: Any, space: LabelSpace) -> list[Any]:
    """Labels of a mapping that y lacks."""
    known = set(space.classes_.tolist())
    return [label for label in named_labels(label_texts, space) if label not in known]


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _texts_of(label: Any, texts: Any) -> list[str]:
    """Texts of one label as a list."""
    if isinstance(texts, str):
        return [texts]
    if texts is None:
        return []
    if isinstance(texts, Sequence) and not isinstance(texts, bytes) and len(texts) <= MAX_TEXTS:
        for text in texts:
            if not isinstance(text, str):
                break
        else:
            return list(texts)
    raise TypeError(
        f"label_texts must hold a str or a list of up to {MAX_TEXTS} str for every label, but that "
        f"of {label!r:.80} is {texts!r:.80}."
    )
