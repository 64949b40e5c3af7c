"""Everything about a saved model on the test part of a data set, without training.

    python benchmarks/accuracy/evaluate.py --model DIR --data DIR [--variants shuffled,typo]

Ranking metrics in percent, recall of tail labels, expected calibration error of the first and of
the first five places, and the P@1 lost on altered copies of the test texts.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import harness
import numpy as np
from scipy import sparse

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.metrics import (
    expected_calibration_error,
    inverse_propensity,
    ranking_report,
)

ALTER = {"shuffled": harness.shuffle_texts, "typo": harness.misspell_texts}


def evaluate(clf: InceptionXMLClassifier, data: harness.Data, variants: list[str]) -> dict:
    """Metrics by name."""
    column = {name: i for i, name in enumerate(data.labels)}

    def ranked(texts: list[str], k: int) -> tuple[np.ndarray, np.ndarray]:
        names, p = clf.predict_topk(texts, k=k)
        return np.array([[column.get(str(x), -1) for x in row] for row in names]), p

    Y = sparse.csr_matrix(data.Y_test)
    counts = np.zeros(Y.shape[1])
    counts[: data.Y_train.shape[1]] = np.asarray(data.Y_train.sum(axis=0)).ravel()
    weights = inverse_propensity(counts, n_samples=data.Y_train.shape[0])
    top, p = ranked(data.test_texts, 100)
    result = ranking_report(Y, top, inverse_propensity=weights)
    result |= harness.tail_recall(Y, top, counts)
    for k in (1, 5):
        result[f"ECE@{k}"] = expected_calibration_error(Y, top[:, :k], p[:, :k], k=k)
    for name in variants:
        altered, _ = ranked(ALTER[name](data.test_texts), 5)
        p_at_1 = ranking_report(Y, altered, ks=(1,), recall_ks=())["P@1"]
        result[f"loss {name}"] = result["P@1"] - p_at_1
    return {name: round(float(value), 4) for name, value in result.items()}


def main() -> None:
    """Print the metrics as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--variants", default="shuffled,typo")
    args = parser.parse_args()
    data = harness.load_data(args.data, None, None)
    clf = InceptionXMLClassifier.load(args.model)
    variants = [name for name in args.variants.split(",") if name]
    print(json.dumps(evaluate(clf, data, variants)))


if __name__ == "__main__":
    main()
