"""Train with the paper's settings on its data sets, beside the published rows.

    python examples/reproduce_paper.py --dataset AmazonTitles-670K --data-dir DIR --head sync

DIR holds what the Extreme Classification Repository offers for download: ``trn.json.gz`` and
``tst.json.gz`` (unpacked or not), and, where they are there, ``trn_X_Y.txt`` and ``tst_X_Y.txt``
(labels in the row order of the texts), ``lbl.json.gz`` (one line a label) and
``filter_labels_test.txt`` (pairs of text and label to remove from predictions).
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml import InceptionXMLClassifier, presets
from sk_inceptionxml.datasets import load_xmc_filter, load_xmc_json, load_xmc_matrix
from sk_inceptionxml.metrics import inverse_propensity, ranking_report

K = 5
COLUMNS = ["P@1", "P@3", "P@5", "PSP@1", "PSP@3", "PSP@5"]
REPOSITORY, FIGURE, RENEE = (
    "Extreme Classification Repository",
    "a figure of the paper, digitised",
    "Renee (MLSys 2023)",
)
Row = tuple[str, str, list[float | None]]


def _row(method: str, source: str, *values: float | None) -> Row:
    return method, source, [*values, *[None] * (len(COLUMNS) - len(values))]


PUBLISHED: dict[str, list[Row]] = {
    "WikiSeeAlsoTitles-350K": [
        _row("InceptionXML", REPOSITORY, 21.87, 15.48, 12.20, 11.13, 13.31, 15.20),
        _row("Astec, 3 models", REPOSITORY, 20.61, 14.58, 11.49, 9.91, 12.16, 14.04),
        _row("Bonsai", REPOSITORY, 17.95, 12.27, 9.56, 8.16, 9.68, 11.07),
        _row("Parabel", REPOSITORY, 17.24, 11.61, 8.92, 7.56, 8.83, 9.96),
    ],
    "WikiTitles-500K": [
        _row("InceptionXML", REPOSITORY, 48.35, 27.63, 19.74, 20.86, 21.02, 21.23),
        _row("Astec, 3 models", REPOSITORY, 46.60, 26.03, 18.50, 18.89, 18.90, 19.30),
        _row("Bonsai", REPOSITORY, 42.60, 23.08, 16.25, 17.38, 16.85, 16.90),
        _row("Parabel", REPOSITORY, 42.50, 23.04, 16.21, 16.55, 16.12, 16.16),
    ],
    "AmazonTitles-670K": [
        _row("InceptionXML", REPOSITORY, 42.45, 38.04, 34.68, 28.70, 31.48, 33.83),
        _row("InceptionXML", FIGURE, 41.83),
        _row("SyncXML", FIGURE, 41.28),
        _row("Astec, 3 models", REPOSITORY, 40.63, 36.22, 33.00, 28.07, 30.17, 32.07),
        _row("LightXML, 3 models", REPOSITORY, 43.1, 38.7, 35.5),
        _row("LightXML", RENEE, 41.7, 37.3, 34.2),
        _row("Bonsai", REPOSITORY, 38.46, 33.91, 30.53, 23.62, 26.19, 28.41),
        _row("Parabel", REPOSITORY, 38.00, 33.54, 30.10, 23.10, 25.57, 27.61),
    ],
    "AmazonTitles-3M": [
        _row("Astec, 3 models", REPOSITORY, 48.74, 45.70, 43.31, 16.10, 18.89, 20.94),
        _row("Bonsai", REPOSITORY, 46.89, 44.38, 42.30, 13.78, 16.66, 18.75),
        _row("Parabel", REPOSITORY, 46.42, 43.81, 41.71, 12.94, 15.58, 17.55),
    ],
    "LF-AmazonTitles-131K": [
        _row("Astec", REPOSITORY, 37.12, 25.20, 18.24, 29.22, 34.64, 39.49),
        _row("LightXML", REPOSITORY, 35.60, 24.15, 17.45, 25.67, 31.66, 36.44),
        _row("Bonsai", REPOSITORY, 34.11, 23.06, 16.63, 24.75, 30.35, 34.86),
        _row("Parabel", REPOSITORY, 32.60, 21.80, 15.61, 23.27, 28.21, 32.14),
    ],
}
"""Published results in percent; the rows of the repository are those of its results tables."""


def find(folder: Path, name: str) -> Path | None:
    """The file, or the same with ``.gz``; None where neither is there."""
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)


def indicator(Y: Any, n_labels: int) -> sp.csr_array:
    """A 0/1 matrix of ``n_labels`` columns from relevances."""
    Y = sp.csr_array(Y, copy=True)
    Y.data = (Y.data > 0).astype(np.float32)
    Y.eliminate_zeros()
    Y.resize((Y.shape[0], n_labels))
    return Y


def load_part(folder: Path, part: str) -> tuple[list[str], sp.csr_array]:
    """Titles and labels of ``trn`` or ``tst``."""
    path = find(folder, f"{part}.json")
    if path is None:
        raise FileNotFoundError(f"{folder} holds neither {part}.json nor {part}.json.gz.")
    data = load_xmc_json(path)
    labels = find(folder, f"{part}_X_Y.txt")
    Y = data.target if labels is None else load_xmc_matrix(labels)
    if Y.shape[0] != len(data.data):
        raise ValueError(f"{labels} has {Y.shape[0]} rows, {path} has {len(data.data)}.")
    return data.data, Y


def load(folder: Path) -> tuple[list[str], sp.csr_array, list[str], sp.csr_array]:
    """Titles and 0/1 labels of the official split, over the same columns."""
    texts, Y = load_part(folder, "trn")
    test_texts, Y_test = load_part(folder, "tst")
    n_labels = max(Y.shape[1], Y_test.shape[1])
    names = find(folder, "lbl.json")
    if names is not None:
        n_labels = max(n_labels, len(load_xmc_json_lines(names)))
    return texts, indicator(Y, n_labels), test_texts, indicator(Y_test, n_labels)


def load_xmc_json_lines(path: Path) -> list[dict[str, Any]]:
    """Objects of a JSON Lines file, compressed or not."""
    import gzip

    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream if line.strip()]


def load_filter(folder: Path, shape: tuple[int, int]) -> sp.csr_array:
    """Pairs that test predictions must not hold, as a matrix; empty without such a file."""
    path = find(folder, "filter_labels_test.txt")
    pairs = np.empty((0, 2), dtype=np.int64) if path is None else load_xmc_filter(path)
    ones = np.ones(len(pairs), dtype=bool)
    return sp.csr_array((ones, (pairs[:, 0], pairs[:, 1])), shape=shape)


def remove_pairs(ranking: np.ndarray, pairs: sp.csr_array, k: int) -> np.ndarray:
    """The first k places (n, k) of a ranking without the pairs; -1 where none is left."""
    n_labels = pairs.shape[1]
    rows = np.repeat(np.arange(len(ranking)), np.diff(pairs.indptr))
    keys = np.arange(len(ranking))[:, None] * n_labels + ranking
    drop = np.isin(keys, rows * n_labels + pairs.indices) | (ranking < 0)
    order = np.argsort(drop, axis=1, kind="stable")  # kept places move up, in their order
    kept = np.where(drop, -1, ranking)
    return np.take_along_axis(kept, order, axis=1)[:, :k]


def parse_params(text: str) -> dict[str, Any]:
    """``"a=1,b=(2, 3),c=adam"`` as a dictionary; what is no Python literal stays a string."""
    params: dict[str, Any] = {}
    for item in filter(None, re.split(r",(?=\s*\w+=)", text)):
        name, sign, value = item.strip().partition("=")
        if not sign:
            raise ValueError(f"--params must hold name=value pairs, got {item!r}.")
        try:
            params[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            params[name] = value
    return params


def evaluate(
    clf: InceptionXMLClassifier,
    texts: list[str],
    Y_test: sp.csr_array,
    pairs: sp.csr_array,
    weights: np.ndarray,
) -> list[float]:
    """Percentages in the order of ``COLUMNS``."""
    most = int(np.diff(pairs.indptr).max(initial=0))
    names, _ = clf.predict_topk(texts, k=K + most)
    ranking = remove_pairs(np.asarray(names, dtype=np.int64), pairs, K)
    report = ranking_report(Y_test, ranking, inverse_propensity=weights)
    return [float(report[column]) for column in COLUMNS]


def table(rows: list[Row]) -> str:
    """Markdown table of results."""
    lines = [f"| method | {' | '.join(COLUMNS)} | source |"]
    lines.append("|---" + "|---:" * len(COLUMNS) + "|---|")
    for method, source, values in rows:
        cells = ["-" if v is None else f"{v:.2f}" for v in values]
        lines.append(f"| {method} | {' | '.join(cells)} | {source} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Train, evaluate on the official split, print; return our percentages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=sorted(presets.DATASETS), default="AmazonTitles-670K")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--head", choices=["sync", "ova"], default="sync")
    parser.add_argument("--limit", type=int, help="training rows and test rows, at most")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--params", default="", help="name=value,head__name=value")
    args = parser.parse_args(argv)

    texts, Y, test_texts, Y_test = load(args.data_dir)
    pairs = load_filter(args.data_dir, Y_test.shape)
    A, B = presets.PROPENSITY[args.dataset]
    weights = inverse_propensity(Y, A=A, B=B)  # of all training rows, whatever the limit
    full = f"{len(texts):,} and {len(test_texts):,} rows"
    if args.limit:
        rng = np.random.default_rng(args.seed)
        train = np.sort(rng.permutation(len(texts))[: args.limit])
        test = np.sort(rng.permutation(len(test_texts))[: args.limit])
        texts, Y = [texts[i] for i in train], Y[train]
        test_texts, Y_test, pairs = [test_texts[i] for i in test], Y_test[test], pairs[test]
    settings = (presets.sync if args.head == "sync" else presets.inceptionxml)(args.dataset)
    if args.epochs:
        if args.head == "sync":
            # the share of the epochs in which the gradient is detached stays that of the preset
            share = settings["head"].warmup_epochs / settings["max_epochs"]
            settings["head"].set_params(warmup_epochs=round(share * args.epochs))
        settings["max_epochs"] = args.epochs
    clf = InceptionXMLClassifier(**settings, random_state=args.seed)
    clf.set_params(**parse_params(args.params))
    print(f"{args.dataset}: training on {len(texts):,} rows, {Y.shape[1]:,} labels", flush=True)
    start = time.perf_counter()
    clf.fit(texts, Y)
    print(f"trained {clf.n_iter_} epochs in {time.perf_counter() - start:,.0f} s\n", flush=True)

    ours = evaluate(clf, test_texts, Y_test, pairs, weights)
    name = "SyncXML" if clf.head_ == "sync" else "InceptionXML"
    rows = [_row(f"{name}, this package", "this run", *ours), *PUBLISHED[args.dataset]]
    print(table(rows))
    if args.limit:
        print(
            f"\nWith --limit {args.limit} our row is not comparable with the published ones: they "
            f"use all {full}."
        )
    return dict(zip(COLUMNS, ours, strict=True))


if __name__ == "__main__":
    main()
