"""Precision against propensity-scored precision, for several values of ``tail_weight``.

    python benchmarks/accuracy/tail_weight.py --data DIR [--data DIR2] [--weights 0,0.05,0.2,0.5]
        [--rules]

One model a data set, trained without 8,000 rows of the training part; half of these fit the fusion
for each weight, the other half judge it. With ``--rules``, the fusion of ``tail_weight=0`` and of
the default is also ranked by two rules that the package does not have: by the odds times a power of
the inverse propensity, and by the expected precision plus a share of the expected
propensity-scored one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import held_out
import numpy as np

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.data import Rows
from sk_inceptionxml.metrics import inverse_propensity
from sk_inceptionxml.ranking.fusion import TAIL_WEIGHT, rank

N_HELD_OUT = 8000


def print_rules(
    name: str, clf: InceptionXMLClassifier, judge: held_out.Split, texts: list[str], n_rows: int
) -> None:
    """Print one row for each rule and strength."""
    ranker = clf._fitted_model().ranker
    rows = Rows(ranker.reader.transform(texts), ranker.reader.clean(texts))
    candidates, log_odds = ranker.scored(rows)
    weights = inverse_propensity(ranker.label_counts, n_samples=n_rows)
    w = weights[np.maximum(candidates.labels, 0)]
    for power in (0.3, 0.5, 0.7):
        ranking = rank(candidates.labels, log_odds + power * np.log(w), 100)[0]
        held_out.print_row(f"{name}, odds times inverse propensity ** {power}", judge, ranking)
    log_p = -np.logaddexp(0, -log_odds.astype(np.float64))
    for share in (0.02, 0.05, 0.1):
        ranking = rank(candidates.labels, log_p + np.log1p(share * w), 100)[0]
        held_out.print_row(f"{name}, expected P + {share} PSP", judge, ranking)


def main() -> None:
    """Print one row for each weight."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--weights", default="0,0.05,0.2,0.5")
    parser.add_argument("--epochs", default=None, type=int)
    parser.add_argument("--rules", action="store_true")
    args = parser.parse_args()
    held_out.print_header("data, tail_weight")
    for folder in args.data:
        split = held_out.load(folder, N_HELD_OUT)
        clf = InceptionXMLClassifier(random_state=0, max_epochs=args.epochs or "auto")
        clf.fit(split.texts, split.Y)
        half = N_HELD_OUT // 2
        judge = split._replace(Y_held_out=split.Y_held_out[half:])
        fitting, judging = split.held_out_texts[:half], split.held_out_texts[half:]
        seen = split.Y_held_out[:half, : clf.n_labels_]
        for weight in map(float, args.weights.split(",")):
            clf.retune(fitting, seen, tail_weight=weight)
            ranking = np.asarray(clf.predict_topk(judging, k=100)[0])
            held_out.print_row(f"{Path(folder).name}, {weight}", judge, ranking)
        for weight in (0.0, TAIL_WEIGHT) if args.rules else ():
            clf.retune(fitting, seen, tail_weight=weight)
            name = f"{Path(folder).name}, {weight}"
            print_rules(name, clf, judge, judging, len(split.texts))


if __name__ == "__main__":
    main()
