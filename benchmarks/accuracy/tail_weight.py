"""Precision against propensity-scored precision, for several values of ``tail_weight``.

    python benchmarks/accuracy/tail_weight.py --data DIR [--data DIR2] [--weights 0,0.05,0.2,0.5]

One model a data set, trained without 8,000 rows of the training part; half of these fit the fusion
for each weight, the other half judge it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import held_out
import numpy as np

from sk_inceptionxml import InceptionXMLClassifier

N_HELD_OUT = 8000


def main() -> None:
    """Print one row for each weight."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--weights", default="0,0.05,0.2,0.5")
    parser.add_argument("--epochs", default=None, type=int)
    args = parser.parse_args()
    held_out.print_header("data, tail_weight")
    for folder in args.data:
        split = held_out.load(folder, N_HELD_OUT)
        clf = InceptionXMLClassifier(random_state=0, max_epochs=args.epochs or "auto")
        clf.fit(split.texts, split.Y)
        half = N_HELD_OUT // 2
        judge = split._replace(Y_held_out=split.Y_held_out[half:])
        for weight in map(float, args.weights.split(",")):
            seen = split.Y_held_out[:half, : clf.n_labels_]
            clf.retune(split.held_out_texts[:half], seen, tail_weight=weight)
            ranking = np.asarray(clf.predict_topk(split.held_out_texts[half:], k=100)[0])
            held_out.print_row(f"{Path(folder).name}, {weight}", judge, ranking)


if __name__ == "__main__":
    main()
