"""One-vs-all against synchronized shortlisting: accuracy, recall, time of both, interleaved.

    python benchmarks/speed/heads.py --data DIR [--held-out 4000] [--timing-rows 10000]

Both heads are fitted with default parameters on the training file less the held-out rows. Times
come from pairs that follow each other: epochs over the same rows with every label, and passes
over the same queries. The shortlist recall is that of all labels in the shortlisted clusters.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import held_out
from parts import ranker_of, read

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.heads import Head, OneVsAll, SyncXML

HEADS = ("ova", "sync")


def fit(split: held_out.Split, head: str, seed: int) -> InceptionXMLClassifier:
    """Default parameters but for the head, with the time printed."""
    start = time.perf_counter()
    clf = InceptionXMLClassifier(head=head, random_state=seed).fit(split.texts, split.Y)
    seconds = time.perf_counter() - start
    epochs = clf.net_.history[:, "dur"]
    print(f"{head}: fit {seconds:.0f} s, epoch {statistics.median(epochs):.1f} s", flush=True)
    return clf


def epoch_seconds(split: held_out.Split, head: str, n_rows: int, seed: int) -> float:
    """Seconds of one epoch over some rows, with all labels, joint training from the start."""
    made: Head = SyncXML(warmup_epochs=0) if head == "sync" else OneVsAll()
    clf = InceptionXMLClassifier(head=made, max_epochs=1, n_neighbors=0, random_state=seed)
    clf.fit(split.texts[:n_rows], split.Y[:n_rows])
    return float(clf.net_.history[-1, "dur"])


def seconds(function: Any, *args: Any) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def ratio(pairs: list[tuple[float, float]]) -> str:
    """Medians of both sides, and of the ratio of the pairs."""
    ova, sync = (statistics.median(side) for side in zip(*pairs, strict=True))
    return f"{ova:.2f} | {sync:.2f} | {statistics.median(a / b for a, b in pairs):.2f}"


def compare(folder: str, args: argparse.Namespace) -> None:
    """Tables of one data set."""
    split = held_out.load(folder, args.held_out)
    known = split.Y_held_out[:, : split.Y.shape[1]]
    print(f"\n{folder}: {split.Y.shape[1]} labels, {split.Y.shape[0]} rows\n", flush=True)
    fitted = {head: fit(split, head, args.seed) for head in HEADS}
    held_out.print_header("head")
    recalls = {}
    for head, clf in fitted.items():
        held_out.print_row(head, split, clf.predict_topk(split.held_out_texts, k=100)[0])
        recalls[head] = clf.shortlist_recall(split.held_out_texts, known)
    shortlist = fitted["sync"].shortlist_recall(split.held_out_texts, known, k=known.shape[1])
    print(
        f"\nnetwork alone, recall@100: one-vs-all {recalls['ova']:.4f}, sync {recalls['sync']:.4f}"
        f"\nshortlist recall: {shortlist:.4f}, {shortlist / recalls['ova']:.4f} of one-vs-all's"
    )
    if not args.pairs:
        return
    queries = split.held_out_texts[: args.queries]
    rankers = {head: ranker_of(clf) for head, clf in fitted.items()}
    tokens = {head: read(ranker, queries).tokens for head, ranker in rankers.items()}
    whole, network, training = [], [], []
    for i in range(args.pairs + 1):
        pair = [seconds(fitted[h].predict_topk, queries) for h in HEADS]
        alone = [seconds(rankers[h].network_topk, tokens[h], 5) for h in HEADS]
        if i:  # the first pair warms up
            whole.append((pair[0], pair[1]))
            network.append((alone[0], alone[1]))
    for _ in range(args.pairs):
        n = args.timing_rows
        pair = [epoch_seconds(split, h, n, args.seed) for h in HEADS]
        training.append((pair[0], pair[1]))
    print("\n| seconds | one-vs-all | sync | ratio (median of pairs) |\n|---|---|---|---|")
    print(f"| epoch over {args.timing_rows} rows | {ratio(training)} |")
    print(f"| prediction of {len(queries)} texts | {ratio(whole)} |")
    print(f"| the same, network alone | {ratio(network)} |", flush=True)


def main() -> None:
    """Print the tables of every data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--held-out", type=int, default=4000)
    parser.add_argument("--timing-rows", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=3, help="0 measures no times")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for folder in args.data:
        compare(folder, args)


if __name__ == "__main__":
    main()
