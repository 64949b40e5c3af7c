"""Lexical memories of growing size: the time of a query, and of adding rows.

    python benchmarks/speed/memory.py [--rows 33000,1000000]

Rows of 30 random features each, some frequent and most rare, as words and n-grams are.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml._utils.sparse import unit_rows
from sk_inceptionxml.ranking.neighbours import KernelNeighbours

N_FEATURES, PER_ROW, N_LABELS = 200_000, 30, 50_000


def make_rows(n: int, seed: int) -> sp.csr_array:
    """Rows of unit length."""
    rng = np.random.default_rng(seed)
    columns = (N_FEATURES * rng.random((n, PER_ROW)) ** 3).astype(np.int64)
    where = (np.repeat(np.arange(n), PER_ROW), columns.ravel())
    ones = np.ones(n * PER_ROW, dtype=np.float32)
    return unit_rows(sp.csr_array((ones, where), shape=(n, N_FEATURES)))


def make_labels(n: int) -> sp.csr_array:
    """One label a row."""
    where = (np.arange(n), np.arange(n) % N_LABELS)
    return sp.csr_array((np.ones(n, dtype=np.float32), where), shape=(n, N_LABELS))


def main() -> None:
    """Print one row for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="33000,1000000")
    args = parser.parse_args()
    queries, more = make_rows(220, 9), make_rows(1000, 3)
    print("| rows | query p50 ms | 1,000 rows added, ms |\n|--:|--:|--:|")
    for n in map(int, args.rows.split(",")):
        memory = KernelNeighbours(100).fit(make_rows(n, 1), make_labels(n))
        memory.score(queries[:20])
        seconds = []
        for i in range(20, 220):
            query = queries[[i]]
            start = time.perf_counter()
            memory.score(query)
            seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
        memory.with_rows(more, make_labels(1000))
        added = time.perf_counter() - start
        print(f"| {n:,} | {1000 * statistics.median(seconds):.2f} | {1000 * added:.1f} |")


if __name__ == "__main__":
    main()
