"""Peak memory and time of a fit from a stream, and from the same rows in memory.

    python benchmarks/speed/streaming.py --rows 200000
    python benchmarks/speed/streaming.py --rows 2000000 --how stream --cache-dir DIR

Every fit runs in a process of its own. "Peak" is what the system counts for that process, pages
of files among them, which it takes back when others need the memory. "Heap" is the part that it
cannot take back. The rows are synthetic: only memory and times mean something, P@1 beside that of
the most frequent label shows that training works.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
N_QUERIES = 2000
COLUMNS: dict[str, tuple[str, str]] = {
    "peak_mb": ("peak MB", ",.0f"),
    "heap_mb": ("heap MB", ",.0f"),
    "start_mb": ("before fit MB", ",.0f"),
    "fit_s": ("fit s", ",.0f"),
    "train_s": ("of it training s", ",.0f"),
    "p_at_1": ("P@1 %", ".2f"),
    "popular_p_at_1": ("P@1 % of the most frequent", ".2f"),
    "digest": ("predictions", "s"),
}


def memory_mb(field: str) -> float:
    """A field of this process's memory in MB; Linux only."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"/proc/self/status has no {field}.")


class HeapWatch(threading.Thread):
    """Looks again and again at the memory that is no file's, and keeps the largest figures."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0.0
        self.phase_anon = self.phase_all = 0.0

    def run(self) -> None:
        while True:
            anon = memory_mb("RssAnon")
            self.most, self.phase_anon = max(self.most, anon), max(self.phase_anon, anon)
            self.phase_all = max(self.phase_all, memory_mb("VmRSS"))
            time.sleep(0.05)


@contextmanager
def phases(watch: HeapWatch) -> Iterator[dict[str, list[float]]]:
    """Seconds, heap and memory of each phase of ``fit``, while the context is open."""
    from sk_inceptionxml import classifier
    from sk_inceptionxml.ranking.memory import LexicalMemory
    from sk_inceptionxml.text import TokenVectorizer
    from sk_inceptionxml.training import start

    found: dict[str, list[float]] = {}

    def wrap(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            watch.phase_anon = watch.phase_all = 0.0
            begin = time.perf_counter()
            result = function(*args, **kwargs)
            seconds = time.perf_counter() - begin
            found[name] = [seconds, watch.phase_anon, watch.phase_all]
            print(
                f"{name}: {seconds:.0f} s, {[round(x) for x in found[name][1:]]} MB",
                file=sys.stderr,
                flush=True,
            )
            return result

        return wrapper

    with ExitStack() as stack:
        for owner, name in (
            (classifier, "read_chunks"),
            (TokenVectorizer, "fit_texts"),
            (classifier, "split"),
            (start, "embedding_table"),
            (start, "label_statistics"),
            (classifier, "train"),
            (LexicalMemory, "fit"),
            (classifier, "tune"),
        ):
            wrapped = wrap(name, getattr(owner, name))
            stack.enter_context(mock.patch.object(owner, name, wrapped))
        yield found


def write_rows(args: argparse.Namespace, path: Path) -> None:
    """Write the training rows as JSON lines, and some further ones beside them."""
    from sk_inceptionxml.datasets import make_short_text

    data = make_short_text(args.rows + N_QUERIES, args.labels, random_state=0)
    for target, part in ((path, slice(args.rows)), (queries_of(path), slice(args.rows, None))):
        with target.open("w", encoding="utf-8") as file:
            for text, labels in zip(data.data[part], data.target[part], strict=True):
                row = {"text": text, "labels": [f"L{label}" for label in labels]}
                file.write(json.dumps(row) + "\n")


def queries_of(path: Path) -> Path:
    """The file of the rows that are not trained on."""
    return path.with_name("queries.jsonl")


def fit(args: argparse.Namespace, path: Path, how: str) -> dict[str, Any]:
    """Fit in this process, from a stream or from memory."""
    import numpy as np
    import torch

    from sk_inceptionxml import InceptionXMLClassifier
    from sk_inceptionxml.datasets import TextStream, load_jsonl

    torch.set_num_threads(args.threads)
    clf = InceptionXMLClassifier(
        embedding_dim=args.embedding_dim,
        n_filters=args.n_filters,
        hidden_dim=args.hidden_dim,
        max_epochs=args.epochs,
        batch_size=args.batch_size,
        device="cpu",
        random_state=0,
    )
    start_mb, watch = memory_mb("VmRSS"), HeapWatch()
    watch.start()
    begin = time.perf_counter()
    with phases(watch) as found:
        if how == "stream":
            clf.fit(TextStream(path, cache_dir=args.cache_dir))
        else:
            data = load_jsonl(path)
            clf.fit(data.data, data.target)
            del data
    result = {
        "rows": clf.n_samples_fit_,
        "how": how,
        "start_mb": start_mb,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "heap_mb": watch.most,
        "fit_s": time.perf_counter() - begin,
        "train_s": found["train"][0],
        "phases": found,
    }
    test = load_jsonl(queries_of(path))
    names, scores = clf.predict_topk(test.data, k=5)
    popular = clf.classes_[np.argmax(clf.label_counts_)]
    result["p_at_1"] = 100 * clf.score(test.data, test.target)
    result["popular_p_at_1"] = 100 * np.mean([popular in row for row in test.target])
    predictions = str(names.tolist()).encode() + scores.tobytes()
    result["digest"] = hashlib.sha256(predictions).hexdigest()[:12]
    return result


def run_alone(args: argparse.Namespace, *more: str) -> str:
    """Run a part of this program in a fresh process; the last line that it prints."""
    command = [sys.executable, __file__, *more]
    for name, value in vars(args).items():
        if value is not None and name not in ("task", "path", "how"):
            command += ["--" + name.replace("_", "-"), str(value)]
    env = {**os.environ, **{name: str(args.threads) for name in THREADS}}
    env.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[-1] if done.stdout else ""


def table(results: list[dict[str, Any]]) -> str:
    """Markdown: one row a quantity, one column a fit."""
    head = ["", *(f"{r['rows']:,} rows, {r['how']}" for r in results)]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * len(results) + "|"]
    for key, (name, form) in COLUMNS.items():
        lines.append("| " + " | ".join([name, *(format(r[key], form) for r in results)]) + " |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Write the rows, fit, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--labels", type=int, default=20_000)
    parser.add_argument("--how", default="stream,memory", help="comma-separated")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--embedding-dim", type=int, default=64)
    parser.add_argument("--n-filters", type=int, default=4)
    parser.add_argument("--hidden-dim", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache-dir", help="of the stream, and of the file of rows")
    parser.add_argument("--task", choices=["write", "stream", "memory"], help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.task == "write":
        write_rows(args, args.path)
        return
    if args.task:
        print(json.dumps(fit(args, args.path, args.task)))
        return
    results = []
    with tempfile.TemporaryDirectory(dir=args.cache_dir) as folder:
        path = str(Path(folder) / "rows.jsonl")
        run_alone(args, "--task", "write", "--path", path)
        for how in args.how.split(","):
            results.append(json.loads(run_alone(args, "--task", how, "--path", path)))
            print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
