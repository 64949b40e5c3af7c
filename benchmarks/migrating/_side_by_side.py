"""What the five scripts of this folder share: the data, the clock and the score."""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Callable, Sequence

import numpy as np

from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.metrics import precision_at_k

K = 5
Texts = list[str]
Labels = list[list[str]]
Side = Callable[[Texts, Labels, Texts], Sequence[Sequence[str]]]


def compare(name: str, package: str, install: str, peer: Side) -> None:
    """Train both sides on the same titles, and print precision and seconds.

    Without the package of the peer, only a message says how to install it.
    """
    parser = argparse.ArgumentParser(description=f"{name} and InceptionXMLClassifier, one task")
    parser.add_argument("--rows", type=int, help="training rows, all by default")
    parser.add_argument("--epochs", type=int, help="max_epochs of ours")
    parser.add_argument("--peer-only", action="store_true", help="leave ours out")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead")
    args = parser.parse_args()
    if importlib.util.find_spec(package.split(".")[0]) is None:
        print(f"skipped: {name} is not installed; run {install}")
        return
    X, y = load_api_docs(subset="train", return_X_y=True)
    X_test, y_test = load_api_docs(subset="test", return_X_y=True)
    if args.rows:  # spread over the corpus, which is sorted by name
        chosen = np.linspace(0, len(X) - 1, min(args.rows, len(X))).astype(int)
        X, y = [X[i] for i in chosen], [y[i] for i in chosen]

    def ours(X: Texts, y: Labels, X_test: Texts) -> Sequence[Sequence[str]]:
        from sk_inceptionxml import InceptionXMLClassifier

        clf = InceptionXMLClassifier(max_epochs=args.epochs or "auto", random_state=0)
        return clf.fit(X, y).predict_topk(X_test, k=K)[0]

    found = {}
    sides = [(name, peer), ("InceptionXMLClassifier", ours)]
    for side, run in sides[: 1 if args.peer_only else 2]:
        start = time.perf_counter()
        topk = [list(row) for row in run(X, y, X_test)]
        seconds = time.perf_counter() - start
        scores = {f"P@{k}": round(100 * precision_at_k(y_test, topk, k=k), 2) for k in (1, 3, 5)}
        found[side] = {**scores, "seconds": round(seconds, 1)}
    if args.json:
        print(json.dumps({"rows": len(X), **found}))
        return
    print(f"{len(X)} training texts, {len(X_test)} test texts")
    for side, values in found.items():
        print(f"{side:24}" + "".join(f"  {key} {value}" for key, value in values.items()))


def numbered(y: Labels) -> tuple[list[str], list[list[int]]]:
    """Names of the labels, and the labels of each row as numbers."""
    names = sorted({label for row in y for label in row})
    number = {label: i for i, label in enumerate(names)}
    return names, [[number[label] for label in row] for row in y]
