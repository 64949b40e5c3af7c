"""Kill trainings at random moments, go on from their checkpoints, and compare every bit.

Every training is a process of its own that is sent SIGKILL, from once to a few times, before it
may finish. Some kills come at a random moment, others as soon as a half-written file is seen.
Then weights, fusion, losses and predictions are compared to a training that nothing has stopped.

Run ``python tests/robustness/kill_resume.py``; options: ``--kills N --seed S``. The exit status
is 1 where anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

ROOT = str(Path(__file__).resolve().parents[2])
N_ROWS, N_WORDS, N_LABELS = 400, 60, 40
SETTINGS: dict[str, Any] = {
    "embedding_dim": 16,
    "n_filters": 4,
    "max_epochs": 6,
    "batch_size": 64,
    "validation_fraction": 0.2,
    "device": "cpu",
}
HEADS: dict[str, dict[str, Any]] = {
    "ova": {"head": "ova", "n_neighbors": 10},
    "sync": {"head": "sync", "n_neighbors": 0},
    "object": {"head__beam_size": 2, "head__max_negatives": 16, "n_neighbors": 0},
    "early": {"head": "sync", "early_stopping": True, "n_iter_no_change": 2, "lr": 0.05},
}


class FixedSeed(np.random.RandomState):
    """A source that hands out the seed of a checkpoint instead of drawing one."""

    def __init__(self, seed: int) -> None:
        super().__init__(0)
        self.seed_of_checkpoint = seed

    def randint(self, *args: Any, **kwargs: Any) -> int:
        return self.seed_of_checkpoint


def make_data(kind: str) -> tuple[Any, list[list[str]]]:
    """Rows of texts or of a sparse matrix, with labels that depend on their words."""
    rng = np.random.default_rng(0)
    rows = [rng.choice(N_WORDS, rng.integers(2, 8), replace=False) for _ in range(N_ROWS)]
    labels = [sorted({f"label {i % N_LABELS}" for i in row[:3]}) for row in rows]
    if kind == "text":
        return [" ".join(f"word{i:02}" for i in row) for row in rows], labels
    starts = np.cumsum([0, *map(len, rows)])
    weights = rng.random(starts[-1]).astype(np.float32)
    return sp.csr_array((weights, np.concatenate(rows), starts), (N_ROWS, N_WORDS)), labels


def train(job: dict[str, Any], result: Path | None) -> None:
    """Fit as the job says, in this process, and write a digest of all that comes out."""
    from sk_inceptionxml import InceptionXMLClassifier
    from sk_inceptionxml.heads import SyncXML

    random_state = job["random_state"]
    if job["drawn_seed"] is not None:
        random_state = FixedSeed(job["drawn_seed"])
    clf = InceptionXMLClassifier(
        **SETTINGS, random_state=random_state, checkpoint_dir=job["checkpoint_dir"]
    )
    clf.set_params(**{"head": SyncXML()} | HEADS[job["head"]])
    X, y = make_data(job["kind"])
    clf.fit(X, y)
    names, scores = clf.predict_topk(X, 10)
    parts = {
        "weights": [v.numpy().tobytes() for v in clf.net_.module_.state_dict().values()],
        "fusion": [clf.fusion_.coef_.tobytes(), repr(clf.fusion_.intercept_).encode()],
        "losses": [repr(clf.loss_curve_).encode(), repr((clf.best_epoch_, clf.n_iter_)).encode()],
        "predictions": [repr(names.tolist()).encode(), np.ascontiguousarray(scores).tobytes()],
    }
    digests = {k: hashlib.sha256(b"".join(v)).hexdigest() for k, v in parts.items()}
    if result is not None:
        work = result.with_suffix(".part")
        work.write_text(json.dumps(digests))
        os.replace(work, result)


@dataclass
class Case:
    """One training, its kills, and what came of it."""

    head: str
    kind: str
    random_state: int | None
    kills: int = 0
    in_write: int = 0
    resumed: int = 0  # kills that came after new epochs
    differs: str = ""


class Runner:
    """Starts trainings in processes that a server with everything imported forks."""

    def __init__(self, root: Path, seed: int) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # many small fits: threads would only wait
        # the server that forks the trainings reads no sys.path of its parent
        paths = [ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
        self.context = multiprocessing.get_context("forkserver")
        # the first step of an optimiser imports the second
        self.context.set_forkserver_preload(["sk_inceptionxml.classifier", "torch._dynamo"])
        self.root, self.rng = root, np.random.default_rng(seed)
        self.n_runs = 0
        self.expected: dict[str, dict[str, str]] = {}
        self.seconds: dict[tuple[str, str], float] = {}

    def start(self, job: dict[str, Any]) -> tuple[Any, Path]:
        self.n_runs += 1
        result = self.root / f"result-{self.n_runs}.json"
        process = self.context.Process(target=train, args=(job, result))
        process.start()
        return process, result

    def finish(self, job: dict[str, Any]) -> dict[str, str]:
        """Digests of a training that is left alone."""
        process, result = self.start(job)
        process.join(300)
        if process.exitcode != 0:
            raise RuntimeError(f"a training ended with status {process.exitcode}: {job}")
        found: dict[str, str] = json.loads(result.read_text())
        return found

    def uninterrupted(self, job: dict[str, Any], drawn_seed: int | None) -> dict[str, str]:
        job = job | {"checkpoint_dir": None, "drawn_seed": drawn_seed}
        key = json.dumps(job)
        if key not in self.expected:
            start = time.perf_counter()
            self.expected[key] = self.finish(job)
            self.seconds[job["head"], job["kind"]] = time.perf_counter() - start
        return self.expected[key]

    def kill_one(self, job: dict[str, Any], case: Case) -> None:
        """Start a training and kill it; one that is done before that counts as no kill."""
        directory = Path(job["checkpoint_dir"])
        had, old = newest(directory), half_written(directory)
        how = self.rng.choice(["at any time", "in an epoch", "in a write"])
        goal = int(self.rng.integers(had, SETTINGS["max_epochs"] + 1))
        usual = self.seconds[case.head, case.kind]
        delay = self.rng.random() * (usual if how == "at any time" else usual / 20)
        moment = time.perf_counter() + delay if how == "at any time" else None
        process, _ = self.start(job)
        seen = False
        while process.is_alive():
            if moment is None and newest(directory) >= goal:
                moment = time.perf_counter() + delay
            if moment is not None and time.perf_counter() >= moment:
                seen = how == "in a write" and bool(half_written(directory) - old)
                if seen or how != "in a write":
                    os.kill(process.pid, signal.SIGKILL)
                    break
            time.sleep(0.0005)
        process.join(60)
        if process.exitcode == -signal.SIGKILL:
            case.kills += 1
            case.in_write += bool(half_written(directory) - old)
            case.resumed += newest(directory) > max(had, 0)

    def run(self, case: Case, directory: Path, n_kills: int) -> None:
        """Kill a training a few times, let it finish, and compare."""
        job = {
            "head": case.head,
            "kind": case.kind,
            "random_state": case.random_state,
            "checkpoint_dir": str(directory),
            "drawn_seed": None,
        }
        if (case.head, case.kind) not in self.seconds:
            self.uninterrupted(job | {"random_state": 0}, None)
        for _ in range(n_kills):
            self.kill_one(job, case)
        found = self.finish(job)
        drawn = None
        if case.random_state is None:
            drawn = json.loads((directory / "checkpoint.json").read_text())["seed"]
        expected = self.uninterrupted(job, drawn)
        case.differs = " ".join(k for k in expected if expected[k] != found[k])
        again = self.finish(job)  # complete: the same, without training
        if again != found:
            case.differs += " complete"


def newest(directory: Path) -> int:
    """Epochs of the newest whole state, -1 where there is none."""
    if not directory.exists():
        return -1
    return max((int(p.stem[6:]) for p in directory.glob("epoch-*.safetensors")), default=-1)


def half_written(directory: Path) -> set[str]:
    """Files of a checkpoint that are being written, or were when a kill came."""
    try:
        return {name for name in os.listdir(directory) if name.startswith(".")}
    except FileNotFoundError:
        return set()


def run(n_kills: int, seed: int, root: Path) -> list[Case]:
    """Run cases until the trainings have been killed so many times."""
    runner = Runner(root, seed)
    cases: list[Case] = []
    combinations = itertools.cycle(itertools.product(HEADS, ("text", "matrix"), (7, None)))
    while (done := sum(case.kills for case in cases)) < n_kills:
        case = Case(*next(combinations))
        directory = root / f"checkpoint-{len(cases)}"
        runner.run(case, directory, min(1 + int(runner.rng.integers(4)), n_kills - done))
        shutil.rmtree(directory)
        cases.append(case)
        sys.stderr.write(f"\r{done + case.kills} of {n_kills} kills")
        sys.stderr.flush()
    sys.stderr.write("\n")
    return cases


def main() -> int:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as root:
        cases = run(options.kills, options.seed, Path(root))
    row = "{:8} {:8} {:>12} {:>9} {:>6} {:>9} {:>12} {:>9}\n"
    titles = (
        "head",
        "X",
        "random_state",
        "trainings",
        "kills",
        "in write",
        "new epochs",
        "differ",
    )
    sys.stdout.write(row.format(*titles))
    groups = sorted({(c.head, c.kind, str(c.random_state)) for c in cases})
    for group in groups:
        some = [c for c in cases if (c.head, c.kind, str(c.random_state)) == group]
        sums = (
            len(some),
            sum(c.kills for c in some),
            sum(c.in_write for c in some),
            sum(c.resumed for c in some),
            sum(bool(c.differs) for c in some),
        )
        sys.stdout.write(row.format(*group, *sums))
    bad = [case for case in cases if case.differs]
    for case in bad:
        sys.stdout.write(f"differs: {case}\n")
    sys.stdout.write(
        f"{sum(c.kills for c in cases)} kills of {len(cases)} trainings, "
        f"{sum(c.in_write for c in cases)} in the middle of a write, {len(bad)} of them ended "
        f"with other bits; {time.perf_counter() - start:.0f} s\n"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
