"""Held-out rows of a training file, for the scripts that choose between variants."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse

from sk_inceptionxml.datasets import load_jsonl
from sk_inceptionxml.labels import LabelSpace
from sk_inceptionxml.metrics import inverse_propensity, ranking_report

COLUMNS = ["P@1", "P@3", "P@5", "nDCG@5", "PSP@1", "PSP@5", "R@10", "R@100"]


class Split(NamedTuple):
    """Texts and labels to train on, and those to judge on."""

    texts: list[str]
    labels: list[list[str]]
    held_out_texts: list[str]
    Y: sparse.csr_array
    Y_held_out: sparse.csr_array
    weights: np.ndarray


def load(folder: str, n_held_out: int, seed: int = 0) -> Split:
    """Hold rows of ``train.jsonl(.gz)`` out; labels that only they have count as misses."""
    path = Path(folder) / "train.jsonl"
    data = load_jsonl(path if path.exists() else f"{path}.gz", drop_unlabelled=True)
    order = np.random.default_rng(seed).permutation(len(data.data))
    held_out, train = order[:n_held_out], order[n_held_out:]
    space, Y = LabelSpace.from_y([data.target[i] for i in train])
    column = {name: i for i, name in enumerate(space.classes_)}
    rows, columns = [], []
    for row, i in enumerate(held_out):
        for name in set(data.target[i]):
            rows.append(row)
            columns.append(column.setdefault(name, len(column)))
    shape = (n_held_out, len(column))
    Y_held_out = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
    counts = np.bincount(Y.indices, minlength=len(column))
    return Split(
        [data.data[i] for i in train],
        [data.target[i] for i in train],
        [data.data[i] for i in held_out],
        Y,
        Y_held_out,
        inverse_propensity(counts, n_samples=len(train)),
    )


def print_row(name: str, split: Split, ranking: np.ndarray) -> None:
    """One row of a Markdown table."""
    report = ranking_report(split.Y_held_out, ranking, inverse_propensity=split.weights)
    values = " | ".join(f"{report[c]:.2f}" for c in COLUMNS)
    print(f"| {name} | {values} |", flush=True)


def print_header(first: str) -> None:
    """Head of the table."""
    print(f"| {first} | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
