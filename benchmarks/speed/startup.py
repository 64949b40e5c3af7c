"""The first prediction of a new process, and the memory of several processes with one model.

    python benchmarks/speed/startup.py --data DIR [--processes 4]
    python benchmarks/speed/startup.py --model MODEL [--model MAPPED ...]

With --data a model is trained for one epoch and saved as it is, and with ``mmap=True``. The first
table compares a process that imports torch and scikit-learn alone with one that imports the
package, loads the model and predicts one title. The second adds up the memory of processes that
hold the model at the same time, where shared pages count once, and takes off what as many
processes hold that use a model of 20 titles: interpreter and libraries.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_jsonl

QUERY = "a history of the printed book"
ALONE = "import torch, sklearn.linear_model"
HOLD = "print('ready', flush=True)\nimport sys\nsys.stdin.read()"
IMPORT = "from sk_inceptionxml import InceptionXMLClassifier as C"
LOAD = IMPORT + "\nmodel = C.load({model!r}, 'cpu', mmap=True)\nmodel.predict_topk([{query!r}])"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def seconds(code: str) -> float:
    """Wall time of a process that runs some code."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=ENVIRONMENT)
    return time.perf_counter() - start


def proportional_memory(code: str, n: int) -> float:
    """Megabytes that n processes hold together; a page counts once (Linux)."""
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(
            [sys.executable, "-c", f"{code}\n{HOLD}"], stdin=pipe, stdout=pipe, env=ENVIRONMENT
        )
        for _ in range(n)
    ]
    try:
        for process in running:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        kilobytes = 0
        for process in running:
            lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
            kilobytes += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    finally:
        for process in running:
            process.communicate()
    return kilobytes / 1024


def train(data: str, folder: Path) -> list[str]:
    """Train for one epoch and save in both ways."""
    train = load_jsonl(Path(data) / "train.jsonl.gz", drop_unlabelled=True)
    model = InceptionXMLClassifier(max_epochs=1, random_state=0, device="cpu")
    model.fit(train.data, train.target)
    model.save(folder / "plain")
    model.save(folder / "mapped", mmap=True)
    return [str(folder / "plain"), str(folder / "mapped")]


def tiny_model(folder: Path) -> str:
    """A model that takes no memory worth speaking of."""
    titles = [f"{a} {b}" for a in ("red", "blue", "green", "old") for b in ("boat", "kite", "lamp")]
    model = InceptionXMLClassifier(max_epochs=1, embedding_dim=8, n_filters=2, device="cpu")
    model.fit(titles, [title.split() for title in titles]).save(folder / "tiny")
    return str(folder / "tiny")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = args.model or train(args.data, Path(folder))
        tiny = LOAD.format(model=tiny_model(Path(folder)), query=QUERY)
        codes = {path: LOAD.format(model=path, query=QUERY) for path in models}
        times: dict[str, list[float]] = {name: [] for name in ("imports", *codes)}
        for _ in range(args.repeats):  # interleaved
            for name in times:
                times[name].append(seconds(codes.get(name, ALONE)))
        base = statistics.median(times["imports"])
        print("| process | s | times imports alone |\n|---|--:|--:|")
        for name, found in times.items():
            s = statistics.median(found)
            print(f"| {Path(name).name} | {s:.2f} | {s / base:.2f} |")
        n = args.processes
        empty = {count: proportional_memory(tiny, count) for count in (1, n)}
        print(f"\n| model | MB of 1 process | MB of {n} | times |\n|---|--:|--:|--:|")
        for path, code in codes.items():
            one, many = (proportional_memory(code, count) - empty[count] for count in (1, n))
            print(f"| {Path(path).name} | {one:.1f} | {many:.1f} | {many / one:.2f} |")


if __name__ == "__main__":
    main()
