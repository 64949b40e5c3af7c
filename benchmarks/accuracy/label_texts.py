"""What the texts of labels gain: the same training with and without them.

    python benchmarks/accuracy/label_texts.py --data DIR [--data DIR2] [--seeds 0,1,2]
        [--withhold 0.05]

DIR holds ``train.jsonl(.gz)``, ``test.jsonl(.gz)`` and perhaps ``label_texts.jsonl(.gz)`` with a
label, its names and a definition a line. Without that file, a label's text is the label itself
without a number before or behind it ("cart#2597", "5360 cereals").

With ``--withhold``, this share of the labels loses all its training rows and keeps its text; the
recall of these labels at 10 is printed, over all test rows that have one, and over those that hold
the label's text. ``unseen`` labels of a test row, where the file has them, are reported likewise.
The calibration error of labels without a training row is that of their places among the first 100.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.metrics import (
    expected_calibration_error,
    inverse_propensity,
    ranking_report,
)

COLUMNS = ["P@1", "P@3", "P@5", "nDCG@5", "PSP@1", "PSP@3", "PSP@5", "R@10", "R@100"]


def read(folder: str, part: str) -> list[dict[str, Any]]:
    """Lines of a file, compressed or not; none where there is no file."""
    for name, opened in ((f"{part}.jsonl.gz", gzip.open), (f"{part}.jsonl", open)):
        path = Path(folder) / name
        if path.exists():
            with opened(path, "rt", encoding="utf-8") as stream:
                return [json.loads(line) for line in stream]
    return []


def without_number(label: str) -> str:
    """What a label says, of one such as "cart#2597" or "5360 cereals"."""
    return re.sub(r"^\d+ |#\d+$", "", label)


def texts_of(folder: str, labels: list[str]) -> dict[str, Any]:
    """Texts by label."""
    given = read(folder, "label_texts")
    if given:
        return {d["label"]: [*d["names"], d["definition"]] for d in given}
    return {label: without_number(label) for label in labels}


def evaluate(clf: InceptionXMLClassifier, rows: list[dict[str, Any]], k: int) -> Any:
    """Indicator of the true labels, ranking (n, k), probabilities (n, k)."""
    column = {label: i for i, label in enumerate(clf.classes_.tolist())}
    labels, scores = clf.predict_topk([d["text"] for d in rows], k=k)
    ranking = np.array([[column.get(label, -1) for label in row] for row in labels])
    truth = [[*d["labels"]] for d in rows]
    for row in truth:
        for label in row:
            column.setdefault(label, len(column))
    Y = np.zeros((len(rows), len(column)), dtype=np.int8)
    for i, row in enumerate(truth):
        Y[i, [column[label] for label in row]] = 1
    return Y, ranking, scores, column


def recall_of(rows: list[dict[str, Any]], wanted: list[list[str]], column: Any, top: Any) -> float:
    """Share of the wanted labels that are in the ranking of their row."""
    found = [column.get(label, -2) in top[i] for i, row in enumerate(wanted) for label in row]
    return 100 * float(np.mean(found)) if found else float("nan")


def holds(text: str, query: str) -> bool:
    """Whether the words of a label's text stand in a query, in their order."""
    return bool(text) and f" {text.lower()} " in f" {re.sub(r'[^0-9a-z]+', ' ', query.lower())} "


def main() -> None:
    """Print one row for each data set, seed and variant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--withhold", type=float, default=0.0)
    parser.add_argument("--limit-train", type=int, default=None)
    args = parser.parse_args()
    print(
        "| data | seed | texts | fit s | predict s | " + " | ".join(COLUMNS) + " | ECE@1 | ECE@5 |"
    )
    print("|---" * (len(COLUMNS) + 7) + "|")
    for folder in args.data:
        train, test = read(folder, "train")[: args.limit_train], read(folder, "test")
        texts = texts_of(folder, sorted({label for d in train for label in d["labels"]}))
        for seed in map(int, args.seeds.split(",")):
            withheld = set()
            if args.withhold:
                names = sorted(texts)
                n_out = int(len(names) * args.withhold)
                rng = np.random.default_rng(seed)
                withheld = {names[i] for i in rng.permutation(len(names))[:n_out]}
            # a row of a withheld label is left out with it
            rows = [d for d in train if not withheld & set(d["labels"])]
            for given in (None, texts):
                clf = InceptionXMLClassifier(random_state=seed)
                start = time.perf_counter()
                clf.fit([d["text"] for d in rows], [d["labels"] for d in rows], label_texts=given)
                fit_s = time.perf_counter() - start
                start = time.perf_counter()
                Y, ranking, scores, column = evaluate(clf, test, 100)
                predict_s = time.perf_counter() - start
                seen = np.array([label not in withheld for label in column])
                counts = np.zeros(Y.shape[1])
                counts[: clf.n_labels_] = clf.label_counts_
                weights = inverse_propensity(counts, n_samples=len(rows))
                kept = (Y[:, seen].sum(axis=1) > 0).nonzero()[0]
                Y_seen = Y * seen
                report = ranking_report(Y_seen[kept], ranking[kept], inverse_propensity=weights)
                ece = [expected_calibration_error(Y, ranking, scores, k=k) for k in (1, 5)]
                cells = [Path(folder).name, str(seed), "no" if given is None else "yes"]
                cells += [f"{fit_s:.0f}", f"{predict_s:.1f}"]
                cells += [*(f"{report[c]:.2f}" for c in COLUMNS), *(f"{e:.3f}" for e in ece)]
                print("| " + " | ".join(cells) + " |", flush=True)
                if given is None:
                    continue
                new = np.where(clf.label_counts_[ranking] == 0, ranking, -1)
                if (new >= 0).any():
                    error = expected_calibration_error(Y, new, scores, k=new.shape[1])
                    print(f"calibration error of labels without a training row: {error:.4f}")
                never = [d.get("unseen", []) for d in test]
                if any(never):
                    at = [recall_of(test, never, column, ranking[:, :k]) for k in (10, 100)]
                    print(f"labels without a training row: R@10 {at[0]:.1f}, R@100 {at[1]:.1f}")
                if withheld:
                    out = [[x for x in d["labels"] if x in withheld] for d in test]
                    told = [
                        [x for x in row if holds(texts[x], d["text"])]
                        for row, d in zip(out, test, strict=True)
                    ]
                    at = [
                        recall_of(test, wanted, column, ranking[:, :10]) for wanted in (out, told)
                    ]
                    print(
                        f"withheld labels: R@10 {at[0]:.1f}, where the text says them {at[1]:.1f}"
                    )


if __name__ == "__main__":
    main()
