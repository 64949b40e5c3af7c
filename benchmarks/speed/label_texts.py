"""What label texts add to a prediction, by their number.

    python benchmarks/speed/label_texts.py --data DIR [--labels 10000,100000,1000000]

Texts of labels are made of one to four neighbouring words of DIR's training texts; the queries are
test texts. A line gives the time of one query, that of a query in a batch, the time to make the
index, and the most that the process has held.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import numpy as np
from harness import _find

from sk_inceptionxml.datasets import load_jsonl
from sk_inceptionxml.ranking.label_texts import LabelTexts


def texts_of(rows: list[str], n: int) -> list[str]:
    """At most n different texts."""
    rng, found = np.random.default_rng(0), {}
    for size in (2, 3, 1, 4):  # names of two words are the commonest
        for row in rng.permutation(len(rows)):
            words = rows[row].split()
            for start in range(len(words) - size + 1):
                found.setdefault(" ".join(words[start : start + size]))
        if len(found) >= n:
            break
    texts = list(found)
    return [texts[i] for i in rng.permutation(len(texts))[:n]]


def main() -> None:
    """Print a line for each number of labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labels", default="10000,100000,1000000")
    parser.add_argument("--queries", type=int, default=500)
    args = parser.parse_args()
    rows = load_jsonl(_find(args.data, "train")).data
    queries = load_jsonl(_find(args.data, "test")).data[: args.queries]
    print("| labels | index s | one query, median ms | p95 ms | in a batch, ms | memory GB |")
    print("|--:|--:|--:|--:|--:|--:|")
    for n in map(int, args.labels.split(",")):
        labels = texts_of(rows, n)
        texts = LabelTexts(labels, np.arange(len(labels)))
        start = time.perf_counter()
        texts.evidence(queries[:1])  # the index is made on first use
        index_s = time.perf_counter() - start
        start = time.perf_counter()
        texts.evidence(queries)
        batch = (time.perf_counter() - start) / len(queries) * 1e3
        single = []
        for query in queries:
            start = time.perf_counter()
            texts.evidence([query])
            single.append(time.perf_counter() - start)
        p50, p95 = np.quantile(single, [0.5, 0.95]) * 1e3
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        cells = [f"{len(labels):,}", f"{index_s:.1f}", f"{p50:.2f}", f"{p95:.2f}"]
        print("| " + " | ".join([*cells, f"{batch:.2f}", f"{held:.1f}"]) + " |", flush=True)


if __name__ == "__main__":
    main()
