"""Bulk prediction by Dask, Ray and Spark on a local cluster: seconds and peak memory.

    .venv-cluster/bin/python benchmarks/speed/cluster.py --titles 100000,1000000

Runs the examples of ``examples/cluster``, each in a process tree of its own. Memory is that of the
whole tree, shared pages counted once, from the start of the cluster to the last result. A memory
that does not grow with the titles is bounded. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "cluster"
MARK = "SK_INCEPTIONXML_RUN"  # in the environment, which even processes of a daemon inherit
ALONE = re.compile(r"a single process took ([\d.]+) s")
FINISHED = re.compile(r"(\d+) titles in ([\d.]+) s")


def memory_mb(mark: str) -> tuple[float, int]:
    """Proportional memory of all processes with the mark in their environment, and their number."""
    total, n = 0.0, 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() not in (folder / "environ").read_bytes():
                continue
            lines = (folder / "smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended meanwhile
            continue
        n += 1
        total += next((int(x.split()[1]) for x in lines if x.startswith("Pss:")), 0) * 1024 / 1e6
    return total, n


def measure(engine: str, titles: int, args: argparse.Namespace) -> dict[str, Any]:
    """Run one example and watch its memory until the titles are predicted."""
    mark, over = uuid.uuid4().hex, threading.Event()
    command = [sys.executable, str(EXAMPLES / f"{engine}_predict.py"), "--titles", str(titles)]
    command += ["--titles-a-piece", str(args.titles_a_piece), "--neighbors", str(args.neighbors)]
    command += [] if args.check else ["--no-check"]
    result: dict[str, Any] = {"engine": engine, "titles": titles, "peak_mb": 0.0, "processes": 0}

    def watch() -> None:
        while not over.wait(0.5):
            total, n = memory_mb(mark)
            result["peak_mb"] = max(result["peak_mb"], round(total))
            result["processes"] = max(result["processes"], n)

    env = {**os.environ, MARK: mark, "PYTHONUNBUFFERED": "1"}
    start = time.perf_counter()
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        watching = threading.Thread(target=watch)
        watching.start()
        log = []
        assert process.stdout is not None
        for line in process.stdout:
            log.append(line)
            found = FINISHED.search(line)
            if found:
                over.set()
                result["seconds"] = float(found[2])
            found = ALONE.search(line)
            if found:
                result["single_process_s"] = float(found[1])
        over.set()
        watching.join()
    if process.returncode:
        raise SystemExit("".join(log[-30:]))
    result["titles_s"] = round(titles / result["seconds"])
    result["equal_to_one_process"] = any("bit for bit" in line for line in log) or None
    result["whole_s"] = round(time.perf_counter() - start, 1)
    return result


def main() -> None:
    """Print one line of JSON a run, then a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--titles", default="100000,1000000", help="comma-separated")
    parser.add_argument("--engines", default="dask,ray,spark", help="comma-separated")
    parser.add_argument("--titles-a-piece", type=int, default=10_000)
    parser.add_argument("--neighbors", type=int, default=0, help="of the model; 0 is none")
    parser.add_argument("--check", action="store_true", help="compare with a single process")
    args = parser.parse_args()
    results = []
    for engine in args.engines.split(","):
        for titles in map(int, args.titles.split(",")):
            results.append(measure(engine, titles, args))
            print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    print("| engine | titles | seconds | titles/s | single process, s | peak MB | processes |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for r in results:
        print(
            f"| {r['engine']} | {r['titles']:,} | {r['seconds']:.0f} | {r['titles_s']:,} "
            f"| {r.get('single_process_s', '-')} | {r['peak_mb']:,} | {r['processes']} |"
        )


if __name__ == "__main__":
    main()
