"""Cost against the number of labels: training, memory, prediction, size.

    python benchmarks/speed/scaling.py --labels 10000,100000,1000000
    python benchmarks/speed/scaling.py --labels 100000 --clusters 1639 --network-alone

Every size runs in a process of its own, so that its peak memory is its own. The data are
synthetic: only the times and sizes mean something, P@1 beside that of the most frequent label
shows that training works.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

N_SINGLE, WARM_UP = 100, 10
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
COLUMNS: dict[str, tuple[str, str]] = {
    "train_rows": ("training rows", ",.0f"),
    "train_rows_s": ("training rows/s", ",.0f"),
    "epoch_s": ("epoch s", ",.1f"),
    "vectors_s": ("vectors s", ",.1f"),
    "clustering_s": ("clustering s", ",.1f"),
    "rest_s": ("rest s", ",.1f"),
    "fit_s": ("fit s", ",.1f"),
    "data_mb": ("RSS before fit MB", ",.0f"),
    "peak_mb": ("peak RSS MB", ",.0f"),
    "predict_rows_s": ("prediction rows/s", ",.0f"),
    "single_p50_ms": ("one query p50 ms", ",.2f"),
    "model_mb": ("model MB", ",.1f"),
    "p_at_1": ("P@1 %", ".1f"),
    "popular_p_at_1": ("P@1 % of the most frequent", ".1f"),
}


def memory_mb(field: str) -> float:
    """``VmHWM`` (peak) or ``VmRSS`` (now) of this process in MB; Linux only."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"/proc/self/status has no {field}.")


@contextmanager
def timed(owner: Any, names: Sequence[str]) -> Any:
    """Seconds spent in functions of a module or class, by name, while the context is open."""
    seconds = dict.fromkeys(names, 0.0)

    def wrap(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                seconds[name] += time.perf_counter() - start

        return wrapper

    wrapped: dict[str, Any] = {name: wrap(name, getattr(owner, name)) for name in names}
    with mock.patch.multiple(owner, **wrapped):
        yield seconds


def row_counter() -> Any:
    """Skorch callback whose ``rows`` is the number of rows trained on, over all epochs."""
    from skorch.callbacks import Callback

    class RowCounter(Callback):
        rows = 0

        def on_batch_end(
            self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
        ) -> None:
            self.rows += len(batch[0]["ids"]) if training else 0

    return RowCounter()


def median_ms(clf: Any, texts: list[str]) -> float:
    """Median milliseconds of one query at a time."""
    times = []
    for text in texts:
        start = time.perf_counter()
        clf.predict_topk([text], k=5)
        times.append((time.perf_counter() - start) * 1e3)
    times = sorted(times[WARM_UP:])
    return times[len(times) // 2]


def measure(args: argparse.Namespace, n_labels: int) -> dict[str, Any]:
    """Train and time one size in this process."""
    import numpy as np
    import torch
    from parts import model_mb

    from sk_inceptionxml import InceptionXMLClassifier
    from sk_inceptionxml.datasets import make_short_text
    from sk_inceptionxml.heads import HEADS
    from sk_inceptionxml.metrics import precision_at_k
    from sk_inceptionxml.training import start as start_of_training

    torch.set_num_threads(args.threads)
    n = max(100, int(n_labels * args.rows_per_label))
    data = make_short_text(
        n_samples=n + args.queries, n_labels=n_labels, as_text=True, indicator="csr", random_state=0
    )
    order = np.random.default_rng(0).permutation(n + args.queries)
    train, test = np.sort(order[:n]), order[n:]
    texts, queries = [data.data[i] for i in train], [data.data[i] for i in test]
    Y, Y_test = data.target[train], data.target[test]
    del data
    counter = row_counter()
    head = HEADS[args.head](label_optimizer="adagrad")
    if args.head == "sync":
        head.set_params(n_clusters=args.clusters, n_jobs=args.threads)
        if args.max_negatives:
            head.set_params(max_negatives=args.max_negatives)
    clf = InceptionXMLClassifier(
        head=head,
        max_epochs=args.epochs,
        callbacks=[("row_counter", counter)],
        random_state=0,
    )
    if args.network_alone:
        clf.set_params(n_neighbors=0)
    result: dict[str, Any] = {"n_labels": n_labels, "data_mb": memory_mb("VmRSS")}
    start = time.perf_counter()
    vectors_timed = timed(start_of_training, ["embedding_table"])
    with vectors_timed as vectors, timed(type(head), ["make_clusters"]) as clustering:
        clf.fit(texts, Y)
    fit_s = time.perf_counter() - start
    seconds = {**vectors, **clustering}
    epochs = sum(clf.net_.history[:, "dur"])
    counter = dict(clf.net_.callbacks_)["row_counter"]
    result.update(
        train_rows=n,
        train_rows_s=counter.rows / epochs,
        epoch_s=epochs / len(clf.net_.history),
        vectors_s=seconds["embedding_table"],
        clustering_s=seconds["make_clusters"],
        rest_s=fit_s - epochs - sum(seconds.values()),
        fit_s=fit_s,
        peak_mb=memory_mb("VmHWM"),
        model_mb=model_mb(clf.net_.module_),
    )
    clf.predict_topk(queries[:100], k=5)  # fills the caches of the first prediction
    start = time.perf_counter()
    columns, _ = clf.predict_topk(queries, k=5)
    result["predict_rows_s"] = len(queries) / (time.perf_counter() - start)
    result["single_p50_ms"] = median_ms(clf, queries[: N_SINGLE + WARM_UP])
    popular = np.full((len(queries), 1), np.argmax(Y.sum(axis=0)), dtype=np.int64)
    result["p_at_1"] = 100 * precision_at_k(Y_test, np.asarray(columns, dtype=np.int64), k=1)
    result["popular_p_at_1"] = 100 * precision_at_k(Y_test, popular, k=1)
    return result


def run_alone(args: argparse.Namespace, n_labels: int) -> dict[str, Any]:
    """Measure one size in a fresh process."""
    command = [sys.executable, __file__, "--one", str(n_labels), "--head", args.head]
    command += ["--epochs", str(args.epochs), "--rows-per-label", str(args.rows_per_label)]
    command += ["--threads", str(args.threads), "--queries", str(args.queries)]
    command += ["--clusters", str(args.clusters)] if args.clusters else []
    command += ["--max-negatives", str(args.max_negatives)] if args.max_negatives else []
    command += ["--network-alone"] if args.network_alone else []
    env = {**os.environ, **{name: str(args.threads) for name in THREADS}}
    env.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def table(results: list[dict[str, Any]]) -> str:
    """Markdown: one row a quantity, one column a number of labels, and the growth."""
    few = min(results, key=lambda r: r["n_labels"])
    many = max(results, key=lambda r: r["n_labels"])
    head = ["labels", *(f"{r['n_labels']:,}" for r in results)]
    grows = many["n_labels"] > few["n_labels"]
    if grows:
        head.append(f"ratio (labels x{many['n_labels'] / few['n_labels']:g})")
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for key, (name, form) in COLUMNS.items():
        cells = [name, *(format(r[key], form) for r in results)]
        if grows:
            cells.append(f"{many[key] / few[key]:.2f}" if few[key] else "-")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Run all sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", default="10000,100000,1000000", help="comma-separated")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rows-per-label", type=float, default=0.5)
    parser.add_argument("--head", choices=["sync", "ova"], default="sync")
    parser.add_argument("--clusters", type=int, help="of the synchronized head")
    parser.add_argument("--max-negatives", type=int, help="of a training step of that head")
    parser.add_argument("--network-alone", action="store_true", help="no lexical neighbours")
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        print(json.dumps(measure(args, args.one)))
        return
    results = []
    for n_labels in (int(x) for x in args.labels.split(",")):
        print(f"{n_labels:,} labels ...", file=sys.stderr, flush=True)
        results.append(run_alone(args, n_labels))
        print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    print(
        f"head={args.head}, {args.epochs} epoch(s), {args.rows_per_label:g} rows a label, "
        f"{args.threads} threads\n"
    )
    print(table(results))


if __name__ == "__main__":
    main()
