"""Train and time one system in this process; :mod:`harness` starts it with a job file.

    python benchmarks/_common/worker.py job.json

Reads the data that the job names and writes rankings (``.npy``) and ``result.json`` next to it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from base import System
from systems import make_system

WARM_UP, LATENCY_BUDGET_S = 20, 30.0


def peak_mb() -> float:
    """Peak resident memory of this process so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would start from that of the parent process
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1e3 * 1.024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1.024 / 1e3


def size_mb(folder: Path) -> float:
    """Size of the files below a folder, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def latencies_ms(system: System, texts: list[str], n_queries: int) -> np.ndarray:
    """Milliseconds from one raw text to its top 5, one query after another."""
    rows = np.random.default_rng(0).integers(0, len(texts), n_queries + WARM_UP)
    times: list[float] = []
    for row in rows:
        start = time.perf_counter()
        system.topk([texts[row]], 5)
        times.append((time.perf_counter() - start) * 1e3)
        if sum(times) > LATENCY_BUDGET_S * 1e3 and len(times) > WARM_UP:
            break
    return np.array(times[WARM_UP:])


def train(system: System, folder: Path, result: dict[str, Any]) -> None:
    """Train, save and load again, with times, memory and size."""
    texts = json.loads((folder / "train.json").read_text(encoding="utf-8"))
    Y = sp.load_npz(folder / "train_Y.npz")
    system.prepare()
    result["start_mb"] = peak_mb()
    start, cpu = time.perf_counter(), time.process_time()
    system.fit(texts, Y)
    result["train_s"] = time.perf_counter() - start
    result["train_cpu_s"] = time.process_time() - cpu
    result["peak_mb"] = peak_mb()
    system.save()
    result["size_mb"] = size_mb(system.saved)
    vectorizer = system.saved / "vectorizer.pickle"
    result["vectorizer_mb"] = vectorizer.stat().st_size / 1e6 if vectorizer.exists() else 0.0
    start = time.perf_counter()
    system.load()
    result["load_s"] = time.perf_counter() - start


def predict(system: System, folder: Path, job: dict[str, Any], result: dict[str, Any]) -> None:
    """Rank the test texts and their altered copies, with throughput and latency."""
    tests = json.loads((folder / "test.json").read_text(encoding="utf-8"))
    out = Path(job["out"])
    clean = tests["clean"]
    system.topk(clean[:64], 5)  # lazy imports and buffers are not part of the throughput
    start = time.perf_counter()
    np.save(out / "top5.npy", system.topk(clean, 5))
    result["rows_per_s"] = len(clean) / (time.perf_counter() - start)
    if job["full"]:
        np.save(out / "top100.npy", system.topk(clean, 100))
        times = latencies_ms(system, clean, job["queries"])
        result["latency_p50_ms"], result["latency_p95_ms"] = np.percentile(times, [50, 95])
    for name in job["variants"]:
        np.save(out / f"top5_{name}.npy", system.topk(tests[name], 5))


def main() -> None:
    """Run the job of the command line."""
    with open(sys.argv[1], encoding="utf-8") as stream:
        job = json.load(stream)
    folder, out = Path(job["folder"]), Path(job["out"])
    system = make_system(job["system"], job["params"], job["seed"], job["threads"], out / "work")
    result: dict[str, Any] = {"load_average": os.getloadavg()[0]}
    train(system, folder, result)
    predict(system, folder, job, result)
    result = {name: round(float(value), 4) for name, value in result.items()}
    result |= {"notes": system.notes, "params": system.params, "version": None}
    if system.distribution:
        try:
            result["version"] = metadata.version(system.distribution)
        except metadata.PackageNotFoundError:
            result["version"] = "not installed as a distribution"
    (out / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
