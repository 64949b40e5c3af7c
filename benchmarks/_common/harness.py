"""What the comparing benchmarks share: data, runs in fresh processes, metrics, tables.

A run is one system on one data set with one seed, in a process of its own (``worker.py``), so
that memory and threads are clean and a crash costs one cell of the table.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from systems import SYSTEMS

import sk_inceptionxml
from sk_inceptionxml.datasets import load_jsonl
from sk_inceptionxml.metrics import inverse_propensity, ranking_report

HERE = Path(__file__).resolve().parent
TAIL_ROWS = 5  # a tail label has at most this many training rows
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)


class Data(NamedTuple):
    """Texts and indicators; the labels that training has not seen are the last columns."""

    name: str
    train_texts: list[str]
    Y_train: sp.csr_matrix
    test_texts: list[str]
    Y_test: sp.csr_matrix
    labels: list[str]  # names of the columns


def _find(folder: Path, part: str) -> Path:
    for name in (f"{part}.jsonl", f"{part}.jsonl.gz"):
        if (folder / name).exists():
            return folder / name
    raise SystemExit(f"{folder} has neither {part}.jsonl nor {part}.jsonl.gz")


def _read(path: Path, limit: int | None) -> tuple[list[str], list[list[str]]]:
    rows = load_jsonl(path, drop_unlabelled=True)
    texts, labels = rows.data, [sorted(set(map(str, row))) for row in rows.target]
    if limit is None or limit >= len(texts):
        return texts, labels
    chosen = np.sort(np.random.default_rng(0).permutation(len(texts))[:limit])
    return [texts[i] for i in chosen], [labels[i] for i in chosen]


def _indicator(labels: list[list[str]], column_of: dict[str, int]) -> sp.csr_matrix:
    indptr = np.cumsum([0, *map(len, labels)])
    columns = np.array([column_of[label] for row in labels for label in row], dtype=np.int32)
    ones = np.ones(len(columns), dtype=np.float32)
    Y = sp.csr_matrix((ones, columns, indptr), shape=(len(labels), len(column_of)))
    Y.sort_indices()
    return Y


def load_data(folder: str, limit_train: int | None, limit_test: int | None) -> Data:
    """Read train and test; test labels that training lacks stay in the truth, as misses."""
    train_texts, train_labels = _read(_find(Path(folder), "train"), limit_train)
    test_texts, test_labels = _read(_find(Path(folder), "test"), limit_test)
    names = sorted({label for row in train_labels for label in row})
    unseen = sorted({label for row in test_labels for label in row} - set(names))
    column_of = {name: i for i, name in enumerate(names + unseen)}
    Y_train = _indicator(train_labels, dict(list(column_of.items())[: len(names)]))
    name = Path(folder).resolve().name
    Y_test = _indicator(test_labels, column_of)
    return Data(name, train_texts, Y_train, test_texts, Y_test, names + unseen)


def keep_frequent(data: Data, n_labels: int) -> Data:
    """Only the most frequent labels; rows left without a label are dropped."""
    counts = np.asarray(data.Y_train.sum(axis=0)).ravel()
    columns = np.sort(np.argsort(-counts, kind="stable")[:n_labels])
    parts: list[Any] = []
    for texts, Y in ((data.train_texts, data.Y_train), (data.test_texts, data.Y_test)):
        Y = Y[:, columns]
        rows = np.flatnonzero(np.diff(Y.indptr))
        parts += [[texts[i] for i in rows], Y[rows]]
    names = [data.labels[i] for i in columns]
    return Data(f"{data.name} {len(columns)} labels", *parts, labels=names)


# -- altered copies of the test texts ----------------------------------------------------------


def shuffle_texts(texts: list[str], seed: int = 0) -> list[str]:
    """Return each text with its words in random order."""
    rng = random.Random(seed)
    return [" ".join(rng.sample(words, len(words))) for words in map(str.split, texts)]


def misspell_texts(texts: list[str], seed: int = 0) -> list[str]:
    """Each text with one random edit of a letter in one random word."""
    rng = random.Random(seed)
    letters = [c for text in texts for c in text.lower() if c.isalpha()] or ["x"]
    return [_misspell(text, letters, rng) for text in texts]


def _misspell(text: str, letters: list[str], rng: random.Random) -> str:
    words = text.split()
    places = [i for i, word in enumerate(words) if any(map(str.isalpha, word))]
    if places:
        place = rng.choice(places)
        words[place] = _edit(words[place], letters, rng)
    return " ".join(words)


def _edit(word: str, letters: list[str], rng: random.Random) -> str:
    at = rng.choice([i for i, c in enumerate(word) if c.isalpha()])
    swaps = [i for i in range(len(word) - 1) if word[i : i + 2].isalpha()]
    swaps = [i for i in swaps if word[i] != word[i + 1]]
    kinds = ["insert", "substitute"] + ["delete"] * (len(word) > 1) + ["transpose"] * bool(swaps)
    kind = rng.choice(kinds)
    if kind == "transpose":
        at = rng.choice(swaps)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == "delete":
        return word[:at] + word[at + 1 :]
    new = rng.choice(letters)
    if kind == "insert":
        at += rng.randint(0, 1)  # before or after the letter
        return word[:at] + new + word[at:]
    if new == word[at].lower():
        new = "x" if new != "x" else "y"
    return word[:at] + new + word[at + 1 :]


VARIANTS: dict[str, Callable[[list[str]], list[str]]] = {
    "shuffled": shuffle_texts,
    "typo": misspell_texts,
}


# -- runs --------------------------------------------------------------------------------------


@contextmanager
def exported(data: Data, variants: Iterable[str] = ()) -> Iterator[Path]:
    """Folder with the data as the worker reads them."""
    with tempfile.TemporaryDirectory(prefix="benchmark_") as name:
        folder = Path(name)
        tests = {"clean": data.test_texts}
        tests |= {variant: VARIANTS[variant](data.test_texts) for variant in variants}
        (folder / "train.json").write_text(json.dumps(data.train_texts))
        (folder / "test.json").write_text(json.dumps(tests))
        sp.save_npz(folder / "train_Y.npz", data.Y_train)
        yield folder


def interpreter(system: str, envs: str | None) -> str:
    """Python of a system: that of its environment below ``envs``, else the running one."""
    env = SYSTEMS[system][0].env
    own = Path(envs or "", env, "bin", "python")
    return str(own) if envs and env and own.exists() else sys.executable


def _environment(threads: int) -> dict[str, str]:
    roots = [str(Path(sk_inceptionxml.__file__).resolve().parent.parent)]
    path = os.pathsep.join([*roots, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), "PYTHONPATH": path}


def available(systems: Iterable[str], envs: str | None) -> list[str]:
    """Return the systems whose package can be imported; names the others on stderr."""
    found = []
    for system in systems:
        package = SYSTEMS[system][0].package or "numpy"
        command = [interpreter(system, envs), "-c", f"import {package}"]
        run = subprocess.run(command, env=_environment(1), capture_output=True, text=True)
        if run.returncode == 0:
            found.append(system)
        else:
            reason = (run.stderr.strip().splitlines() or ["import failed"])[-1]
            say(f"skipped {system}: {reason}")
    return found


def run_system(
    system: str, seed: int, data: Data, folder: Path, args: argparse.Namespace, *, full: bool
) -> dict[str, Any]:
    """Train and measure in a fresh process; the record has "error" if that failed."""
    record: dict[str, Any] = {"system": system, "data": data.name, "seed": seed}
    variants = list(getattr(args, "variants", ()))
    with tempfile.TemporaryDirectory(prefix="run_", dir=folder) as name:
        job = {
            "system": system,
            "params": args.params.get(system, {}),
            "seed": seed,
            "threads": args.threads,
            "folder": str(folder),
            "out": name,
            "variants": variants,
            "full": full,
            "queries": 300,
        }
        (Path(name) / "job.json").write_text(json.dumps(job))
        command = [interpreter(system, args.envs), str(HERE / "worker.py"), f"{name}/job.json"]
        with open(Path(name) / "log.txt", "w+") as log:
            run = subprocess.run(
                command, env=_environment(args.threads), stdout=log, stderr=subprocess.STDOUT
            )
            log.seek(0)
            lines = log.read().strip().splitlines()
        if run.returncode:
            return {**record, "error": (lines or [f"exit status {run.returncode}"])[-1]}
        record |= json.loads((Path(name) / "result.json").read_text())
        return record | evaluate(data, Path(name), variants)


def evaluate(data: Data, out: Path, variants: list[str]) -> dict[str, Any]:
    """Metrics in percent of the rankings that a worker wrote."""
    counts = np.zeros(data.Y_test.shape[1])
    counts[: data.Y_train.shape[1]] = np.asarray(data.Y_train.sum(axis=0)).ravel()
    weights = inverse_propensity(counts, n_samples=data.Y_train.shape[0])
    result: dict[str, Any] = ranking_report(
        data.Y_test, np.load(out / "top5.npy"), recall_ks=(), inverse_propensity=weights
    )
    if (out / "top100.npy").exists():
        top = np.load(out / "top100.npy")
        recall = ranking_report(data.Y_test, top, ks=(), recall_ks=(10, 100))
        result |= recall | tail_recall(data.Y_test, top, counts)
    for name in variants:
        ranking = np.load(out / f"top5_{name}.npy")
        altered = ranking_report(data.Y_test, ranking, ks=(1,), recall_ks=())["P@1"]
        result |= {f"P@1 {name}": altered, f"loss {name}": result["P@1"] - altered}
    return result


def tail_recall(Y: sp.csr_matrix, top: np.ndarray, counts: np.ndarray) -> dict[str, float]:
    """Share of all positives of tail labels that are ranked; unseen labels are misses."""
    rows = np.repeat(np.arange(Y.shape[0], dtype=np.int64), np.diff(Y.indptr))
    tail = counts[Y.indices] <= TAIL_ROWS
    keys = rows[tail] * Y.shape[1] + Y.indices[tail]
    ranked = np.arange(len(top), dtype=np.int64)[:, None] * Y.shape[1] + top
    found = np.isin(keys, ranked[top >= 0])
    return {
        "tail R@100": 100.0 * float(found.mean()) if len(found) else float("nan"),
        "tail positives": int(tail.sum()),
        "unseen positives": int((counts[Y.indices] == 0).sum()),
    }


# -- command line and tables -------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser, seeds: str) -> None:
    """Options that all comparing scripts have."""
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="names, comma-separated")
    parser.add_argument("--seeds", default=seeds, help="numbers, comma-separated")
    parser.add_argument("--limit-train", type=int)
    parser.add_argument("--limit-test", type=int)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--envs", help="folder of virtual environments, ENVS/PACKAGE/bin/python")
    parser.add_argument(
        "--params", type=json.loads, default={}, help='JSON, as {"ours": {"max_epochs": 3}}'
    )


def parse_arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line, with the lists split and the systems known."""
    args = parser.parse_args()
    args.systems = [name for name in args.systems.split(",") if name]
    args.seeds = [int(seed) for seed in args.seeds.split(",")]
    unknown = sorted({*args.systems, *args.params} - set(SYSTEMS))
    if unknown:
        parser.error(f"no such system: {', '.join(unknown)}; known: {', '.join(SYSTEMS)}")
    return args


def refuse_equal_names(parser: argparse.ArgumentParser, folders: Iterable[Any]) -> None:
    """Results are kept by the name of the data set's folder: two of one name would be one."""
    names = [Path(folder).resolve().name for folder in folders]
    if len(set(names)) < len(names):
        parser.error(f"folders of equal name among --data: {', '.join(names)}; rename one.")


def seeds_of(system: str, seeds: list[int]) -> list[int]:
    """Return the seeds to run: one where every run gives the same."""
    return seeds if SYSTEMS[system][0].seeded else seeds[:1]


def say(line: str) -> None:
    """Write a line of progress to stderr."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def mean_sd(values: list[float], digits: int = 2) -> str:
    """Mean, and standard deviation where there are several values."""
    if not values:
        return "-"
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {np.std(values, ddof=1):.{digits}f}"


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table, first column left-aligned."""
    lines = ["| " + " | ".join(row) + " |" for row in [header, *rows]]
    rule = "|---" + "|--:" * (len(header) - 1) + "|"
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"
