"""Time balanced label clustering on synthetic short texts and check its result.

The defaults have the size of AmazonTitles-670K::

    python benchmarks/speed/clustering.py --labels 670000 --rows 485000 --clusters 65536 --n-jobs 2
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml.clustering import (
    BalancedLabelClustering,
    label_graph,
    pifa,
    validate_clusters,
)
from sk_inceptionxml.datasets import make_short_text


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=int, default=670_000)
    parser.add_argument("--rows", type=int, default=485_000)
    parser.add_argument("--words", type=int, default=66_000)
    parser.add_argument("--labels-per-row", type=float, default=5.4)
    parser.add_argument("--words-per-row", type=float, default=5.3)
    parser.add_argument("--clusters", type=int, default=65_536)
    parser.add_argument("--max-features", type=int, default=200)
    parser.add_argument("--no-graph", action="store_true")
    parser.add_argument("--stages", action="store_true", help="also time features and graph alone")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def peak_gb() -> float:
    """Peak resident memory of this process so far, in GB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1.0 if sys.platform == "darwin" else 1024.0) / 1e9


@contextmanager
def timed(result: dict[str, float], name: str) -> Iterator[None]:
    """Store the seconds a block takes under `name`."""
    start = time.perf_counter()
    yield
    result[name] = round(time.perf_counter() - start, 2)


def cohesion(features: sp.csr_array, labels: np.ndarray) -> float:
    """Mean cosine of the labels to the centroid of their cluster."""
    ones = np.ones(len(labels), dtype=np.float32)
    picks = sp.csr_array((ones, (labels, np.arange(len(labels)))))
    sums = picks @ features
    return float(np.sqrt(np.asarray(sums.power(2).sum(axis=1))).sum() / len(labels))


def clusters_per_row(Y: sp.csr_array, labels: np.ndarray) -> float:
    """Mean number of distinct true clusters of a row; fewer make shortlists easier."""
    n_labels = len(labels)
    to_cluster = sp.csr_array((np.ones(n_labels), (np.arange(n_labels), labels)))
    return float((sp.csr_array(Y) @ to_cluster).nnz / Y.shape[0])


def main() -> None:
    """Run the benchmark and write one JSON object."""
    args = parse()
    result: dict[str, float] = {}
    with timed(result, "make_data_s"):
        data = make_short_text(
            args.rows,
            args.labels,
            n_words=args.words,
            mean_length=args.words_per_row,
            labels_per_sample=args.labels_per_row,
            indicator="csr",
            as_text=False,
            random_state=args.seed,
        )
    X, Y = data.data, data.target
    result["peak_before_gb"] = round(peak_gb(), 2)
    model = BalancedLabelClustering(
        args.clusters,
        graph=not args.no_graph,
        max_features=args.max_features,
        n_jobs=args.n_jobs,
        random_state=args.seed,
    )
    with timed(result, "fit_s"):
        model.fit(X, Y)
    result["peak_gb"] = round(peak_gb(), 2)
    if args.stages:
        with timed(result, "pifa_s"):
            pifa(Y, X, max_features=args.max_features, n_jobs=args.n_jobs)
        with timed(result, "label_graph_s"):
            label_graph(Y, n_jobs=args.n_jobs)

    labels = validate_clusters(model.labels_, Y.shape[1])  # raises unless all are covered once
    sizes = np.bincount(labels)
    head, tail = sizes[: model.n_head_clusters_], sizes[model.n_head_clusters_ :]
    result |= {"clusters": len(sizes), "head_clusters": len(head)}
    for name, group in (("head", head), ("tail", tail)):
        if group.size:
            result |= {f"{name}_size_min": int(group.min()), f"{name}_size_max": int(group.max())}
    features = pifa(Y, X)
    random = np.random.default_rng(args.seed).permutation(labels)
    for name, ids in (("", labels), ("random_", random)):
        result[f"{name}cohesion"] = round(cohesion(features, ids), 4)
        result[f"{name}clusters_per_row"] = round(clusters_per_row(Y, ids), 3)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
