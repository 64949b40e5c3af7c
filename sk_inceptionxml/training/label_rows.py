"""Texts of labels as rows to train on."""

from __future__ import annotations

import numpy as np

from sk_inceptionxml._utils.sparse import take_rows, transposed
from sk_inceptionxml.data import Dataset, Rows
from sk_inceptionxml.ranking.label_texts import LabelTexts
from sk_inceptionxml.text import UNKNOWN, TokenVectorizer

SHARE = 0.15  # label texts that an epoch reads, of its rows: more gain little and cost their time


def label_rows(
    data: Dataset,
    texts: LabelTexts | None,
    reader: TokenVectorizer,
    random_state: np.random.RandomState,
) -> Dataset | None:
    """A row for each text of a label: a copy of one of the label's rows, with that text as title.

    So the targets of a text are the label and, as often as its rows have them, the labels that go
    with it (Gandalf, Kharbanda et al., KDD 2024, has their frequencies as soft targets).

    Parameters
    ----------
    data : Dataset
        Training rows.
    texts : LabelTexts or None
    reader : TokenVectorizer
    random_state : RandomState
        Draws the rows; not asked where there are no texts.

    Returns
    -------
    rows : Dataset or None
        Without texts of labels that have no row, or that hold no known word; None without texts.
    """
    if texts is None:
        return None
    counts = data.label_counts
    kept = np.flatnonzero(counts[texts.owner] > 0)
    kept = kept[np.argsort(texts.owner[kept], kind="stable")]
    tokens = reader.from_texts([texts.texts[i] for i in kept], full=True)
    known = np.flatnonzero(np.logical_or.reduceat(tokens.ids != UNKNOWN, tokens.offsets[:-1]))
    owner = texts.owner[kept[known]]
    rows_of = transposed(data.Y, data.storage)
    drawn = (random_state.random_sample(len(owner)) * counts[owner]).astype(np.int64)
    places = rows_of.indices[rows_of.indptr[owner] + drawn]
    weight = None if data.weight is None else data.weight[places]
    Y = take_rows(data.Y, places, data.storage)
    return Dataset(Rows(tokens.take(known)), Y, weight, data.storage)
