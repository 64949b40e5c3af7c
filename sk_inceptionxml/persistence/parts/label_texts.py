"""The texts of labels."""

from __future__ import annotations

import numpy as np

from sk_inceptionxml.persistence.checks import fail
from sk_inceptionxml.persistence.files import ArrayFile, put_integers, put_strings
from sk_inceptionxml.persistence.versions import Arrays
from sk_inceptionxml.ranking.label_texts import LabelTexts


def put(texts: LabelTexts | None, arrays: Arrays) -> None:
    """Add the texts, each distinct one once, to ``arrays``."""
    if texts is None:
        return
    number = {text: i for i, text in enumerate(dict.fromkeys(texts.texts))}
    put_strings(arrays, "label_texts", list(number))
    which = np.fromiter((number[text] for text in texts.texts), np.int64, len(texts.texts))
    put_integers(arrays, "label_texts.which", which)
    put_integers(arrays, "label_texts.label", texts.owner)


def read(used: bool, arrays: ArrayFile, n_labels: int) -> LabelTexts | None:
    """The texts of a model of ``n_labels`` labels, whose fusion uses them or not."""
    if not used:
        return None
    distinct = arrays.strings("label_texts", None)
    which = arrays.take("label_texts.which", "u", (None,)).astype(np.int64)
    owner = arrays.take("label_texts.label", "u", which.shape).astype(np.int64)
    if which.max(initial=-1) >= len(distinct) or owner.max(initial=-1) >= n_labels:
        fail(f"{arrays.file}: label_texts has an index out of range.")
    return LabelTexts([distinct[i] for i in which.tolist()], owner)
