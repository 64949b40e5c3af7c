"""The default with more or fewer epochs, on rows held out of the training file.

    python benchmarks/accuracy/epochs.py --data DIR [--data DIR2] [--epochs 5,12] [--held-out 3000]

Two rows for each number: the ranking of the estimator, and that of its network alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import held_out
from parts import network_ranking, ranker_of

from sk_inceptionxml import InceptionXMLClassifier


def compare(split: held_out.Split, max_epochs: int, seed: int) -> None:
    """Fit once, print both rows."""
    start = time.perf_counter()
    clf = InceptionXMLClassifier(max_epochs=max_epochs, random_state=seed)
    clf.fit(split.texts, split.Y)
    name = f"{max_epochs} epochs, {time.perf_counter() - start:.0f} s"
    held_out.print_row(name, split, clf.predict_topk(split.held_out_texts, k=100)[0])
    ranking = network_ranking(ranker_of(clf), split.held_out_texts)
    held_out.print_row("the network alone", split, ranking)


def main() -> None:
    """Print a table for every data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--epochs", default="5,12")
    parser.add_argument("--held-out", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for folder in args.data:
        split = held_out.load(folder, args.held_out)
        held_out.print_header(folder)
        for max_epochs in map(int, args.epochs.split(",")):
            compare(split, max_epochs, args.seed)


if __name__ == "__main__":
    main()
