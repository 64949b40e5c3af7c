"""Weights of the fusion where too few rows can be held out to fit it.

    python benchmarks/accuracy/fixed_fusion.py --data DIR [--data DIR2] [--rows 100,200,450]

P@1, P@5 and mean probability of the first label on 2,000 rows held out of the training part, for
each pair of weights (the network's log-odds, the lexical score) and an intercept.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import held_out
import numpy as np
from parts import ranker_of, read

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.metrics import precision_at_k
from sk_inceptionxml.ranking.fusion import FIXED, Fusion, rank

N_QUERIES = 2000
WEIGHTS = [(1.0, 6.0, -1.0), (0.5, 6.0, -1.0), (0.3, 6.0, -2.0), (0.2, 6.0, -2.0), (0.0, 1.0, 0.0)]


def main() -> None:
    """Fit on few rows and print one line for each pair of weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--rows", default="100,200,450", help="numbers, comma-separated")
    args = parser.parse_args()
    weights = [(*FIXED[0], FIXED[1]), *WEIGHTS]
    print("| data | rows | weights | P@1 | P@5 | mean p |\n|---|--:|---|--:|--:|--:|")
    for folder in args.data:
        split = held_out.load(folder, 2 * N_QUERIES)
        queries, Y = split.held_out_texts[:N_QUERIES], split.Y_held_out[:N_QUERIES]
        for n in map(int, args.rows.split(",")):
            some = np.random.default_rng(n).permutation(len(split.texts))[:n]
            clf = InceptionXMLClassifier(random_state=0)
            clf.fit([split.texts[i] for i in some], split.Y[some])
            ranker = ranker_of(clf)
            rows, fusion = read(ranker, queries), Fusion(ranker.labels.n_labels, lexical=True)
            candidates = ranker.candidates(rows.tokens, ranker.features(rows))
            for network, lexical, intercept in weights:
                fusion.coef_[:2] = network, lexical
                fusion.intercept_ = intercept
                ranking, log_odds = rank(candidates.labels, fusion.log_odds(candidates), 5)
                p1, p5 = (100 * precision_at_k(Y, ranking, k=k) for k in (1, 5))
                p = 1 / (1 + np.exp(-log_odds[:, 0]))
                cells = [
                    Path(folder).name,
                    n,
                    (network, lexical, intercept),
                    f"{p1:.1f}",
                    f"{p5:.1f}",
                ]
                print("| " + " | ".join(map(str, [*cells, f"{p.mean():.2f}"])) + " |", flush=True)


if __name__ == "__main__":
    main()
