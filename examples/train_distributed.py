"""One training on several GPUs, or on several processes of a machine without one.

    torchrun --nproc-per-node 2 examples/train_distributed.py
    torchrun --nproc-per-node 2 examples/train_distributed.py \\
        --train train.jsonl --test test.jsonl --save model

Every process runs this file. Rank 0 alone reads the data, reports and saves; the others help with
the training. Without files, the data are summaries of Python functions, which need no download.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs, load_jsonl
from sk_inceptionxml.distributed import fit_distributed
from sk_inceptionxml.metrics import ranking_report


def load(path: Path | None, subset: str) -> tuple[list[str], list[list[str]]]:
    """Texts and labels of a JSON Lines file, or of the data that need none."""
    if path is None:
        X, y = load_api_docs(subset=subset, return_X_y=True)
        return X, y
    data = load_jsonl(path)
    return data.data, data.target


def main() -> None:
    """Train on all processes, and judge and save on rank 0."""
    parser = argparse.ArgumentParser(description="Train on all processes of torchrun.")
    parser.add_argument("--train", type=Path, help="JSON lines of texts and labels")
    parser.add_argument("--test", type=Path)
    parser.add_argument("--save", type=Path, help="folder of the model")
    parser.add_argument("--checkpoints", type=Path, help="folder of the state after each epoch")
    parser.add_argument("--parameters", type=json.loads, default={}, help="of the classifier, JSON")
    args = parser.parse_args()

    first = int(os.environ["RANK"]) == 0
    X, y = load(args.train, "train") if first else (None, None)
    clf = InceptionXMLClassifier(
        **{"random_state": 0, "checkpoint_dir": args.checkpoints} | args.parameters
    )
    start = time.perf_counter()
    fitted = fit_distributed(clf, X, y)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"rank {os.environ['RANK']}: {time.perf_counter() - start:.0f} s, peak {peak:.0f} MB")
    if fitted is None:
        return
    print(fitted.history_.round(4).to_string(index=False))
    X_test, y_test = load(args.test, "test")
    labels, _ = fitted.predict_topk(X_test, k=5)
    report = ranking_report(y_test, labels.tolist())
    print(" ".join(f"{name} {value:.2f}" for name, value in report.items()))
    if args.save is not None:
        fitted.save(args.save)


if __name__ == "__main__":
    main()
