"""Accuracy of the network alone, of the lexical neighbours alone and of both fused.

    python benchmarks/parts.py --data DIR [--held-out 4000] [--seed 0]

One fit with default parameters on the training file less the held-out rows.
"""

from __future__ import annotations

import argparse
import time

import held_out
import numpy as np

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.metrics import top_k_indices


def main() -> None:
    """Print a table for each data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--held-out", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    for folder in a.data:
        split = held_out.load(folder, a.held_out)
        start = time.perf_counter()
        clf = InceptionXMLClassifier(random_state=a.seed).fit(split.texts, split.labels)
        seconds = time.perf_counter() - start
        print(f"\n{folder}: {clf.n_labels_} labels, head {clf.head_}, fitted in {seconds:.0f} s\n")
        held_out.print_header("part")
        rows = clf._rows(split.held_out_texts)
        lexical = clf.lexical_.transform(clf._counts(rows.tokens), rows.texts)
        candidates = clf._candidates(rows.tokens, None, 100)
        held_out.print_row("network", split, candidates.labels)
        scores = clf.neighbours_.score(lexical)
        held_out.print_row("lexical neighbours", split, top_k_indices(scores, 100))
        held_out.print_row("fused", split, clf._ranking(split.held_out_texts, 100)[0])
        if clf.head_ == "sync":
            print(f"\nshortlist recall on the held-out rows: {clf.shortlist_recall_:.4f}")
        print(f"fusion: {np.round(clf.fusion_.coef_, 2).tolist()}")


if __name__ == "__main__":
    main()
