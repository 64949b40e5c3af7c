"""Correctness and speed on a GPU, in one prepared run of at most six minutes.

    python benchmarks/gpu.py --out gpu.json
    python benchmarks/gpu.py --device cpu --quick

Whether the GPU computes what the CPU does; rows a second, memory and time of each phase at two
sizes; what bounds a step; the projected time of the paper's 45 epochs. All data are synthetic. A
phase that does not fit into the minutes left is skipped, and the result says so. The file is
written after every phase. Ends with status 1 where a phase failed or the devices differ.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent / "_common"))

import torch
from gpu_equality import steps_equal, trainings_equal
from gpu_problem import (
    AMAZON_670K,
    SMALL,
    TATE,
    default,
    make_network,
    make_problem,
    paper,
    spread_shortlists,
)
from gpu_speed import PHASES, compiled, costs, synchronize

import sk_inceptionxml
from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import make_short_text
from sk_inceptionxml.heads import OneVsAll, SyncXML
from sk_inceptionxml.ranking.fusion import Fusion
from sk_inceptionxml.ranking.memory import LexicalMemory
from sk_inceptionxml.ranking.ranker import Ranker

HEADS_HERE = ("ova", "sync")
PAPER_EPOCHS, PAPER_HOURS = 45, 4.5
PAPER_ROWS = AMAZON_670K.n_rows


class Run:
    """The phases of one run: each is done, skipped or failed, and the file tells which."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.device = torch.device(args.device)
        self.start = time.perf_counter()
        self.result: dict[str, Any] = {
            "environment": environment(self.device),
            "options": vars(args) | {"out": str(args.out) if args.out else None},
            "phases": {},
        }

    def left(self) -> float:
        """Seconds of the budget that are left."""
        return 60 * self.args.minutes - (time.perf_counter() - self.start)

    def phase(self, name: str, needs: float, work: Callable[[], dict[str, Any]]) -> None:
        """Do one phase, if it was asked for and its seconds are left."""
        if self.args.only and not any(name.startswith(part) for part in self.args.only.split(",")):
            return
        left = self.left()
        if left < needs:
            found: dict[str, Any] = {"skipped": f"needs {needs:.0f} s, {max(0, left):.0f} s left"}
        else:
            print(f"{name} ...", file=sys.stderr, flush=True)
            start = time.perf_counter()
            try:
                found = work()
            except Exception as error:  # the other phases still tell something
                traceback.print_exc()
                found = {"error": f"{type(error).__name__}: {error}"}
            found["seconds"] = round(time.perf_counter() - start, 1)
        self.result["phases"][name] = found
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.write()

    def write(self) -> None:
        """Write what is known so far."""
        phases = self.result["phases"]
        done = [part for part in phases.values() if "skipped" not in part]
        failed = any("error" in part or part.get("equal") is False for part in done)
        self.result["passed"] = bool(done) and not failed
        self.result["projection"] = projection(phases, self.args.quick)
        self.result["seconds"] = round(time.perf_counter() - self.start, 1)
        if self.args.out:
            self.args.out.write_text(json.dumps(self.result, indent=1) + "\n")


def environment(device: torch.device) -> dict[str, Any]:
    """What was measured, and on what."""
    found: dict[str, Any] = {
        "package": sk_inceptionxml.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "card": None,
        "driver": None,
        "cuda": torch.version.cuda,
    }
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        found["card"] = about.name
        found["memory_mb"] = round(about.total_memory / 1e6)
        found["capability"] = f"{about.major}.{about.minor}"
        found["tf32"] = {
            "products": torch.backends.cuda.matmul.allow_tf32,
            "convolutions": torch.backends.cudnn.allow_tf32,
        }
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        try:
            done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
            found["driver"] = done.stdout.split()[0]
        except (OSError, subprocess.SubprocessError, IndexError):
            pass  # a container may have the card without its tools
    return found


def sizes(run: Run) -> None:
    """Cost at the size of a library's catalogue, and at that of AmazonTitles-670K."""
    quick, seconds = run.args.quick, run.args.seconds
    tate = TATE.smaller(1500, 300) if quick else TATE
    amazon = AMAZON_670K.smaller(1500, 3000) if quick else AMAZON_670K
    problems: dict[str, Any] = {}

    def cost(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
        shape = tate if name.startswith("tate") else amazon
        start = time.perf_counter()
        if shape not in problems:
            problems.clear()  # one at a time in memory
            problems[shape] = make_problem(shape)
        problem = problems[shape]
        network = make_network(problem, parameters)
        spread = spread_shortlists(network, problem.data, parameters["max_len"])
        prepared = time.perf_counter() - start
        start = time.perf_counter()
        network.to(run.device)
        synchronize(run.device)
        moved = time.perf_counter() - start
        found = costs(network, problem.data, parameters, run.device, seconds)
        found |= {"rows": len(problem.data), "labels": problem.data.Y.shape[1]}
        found["clusters_shortlisted_by_128_rows"] = spread
        return found | {"prepare_s": round(prepared, 1), "to_device_s": round(moved, 2)}

    cases = [
        ("tate/ova", default(OneVsAll(), quick), 25.0),
        ("tate/sync", default(SyncXML(), quick), 25.0),
        ("amazon/paper", paper(quick), 70.0),
        ("amazon/default", default(SyncXML(), quick), 50.0),
        ("amazon/large-batch", default(SyncXML(), quick, batch_size=1024), 50.0),
    ]
    for name, parameters, needs in cases:
        needs = 5.0 if quick else needs
        run.phase(name, needs, partial(cost, name, parameters))


def compiled_training(quick: bool, device: torch.device, seconds: float) -> dict[str, Any]:
    """What ``compile`` does to the pace of a training, at the smaller size."""
    problem = make_problem(TATE.smaller(1500, 300) if quick else TATE)
    parameters = default(OneVsAll(), quick)
    make = partial(make_network, problem, parameters)
    return compiled(make, problem.data, parameters, device, seconds)


def whole_estimator(quick: bool, device: str) -> dict[str, Any]:
    """A fit from raw text at the smaller size, and a prediction split into its parts."""
    shape = TATE.smaller(1500, 300) if quick else TATE
    n_queries = 500 if quick else 8192
    made = make_short_text(
        shape.n_rows + n_queries,
        shape.n_labels,
        n_words=shape.n_words,
        mean_length=shape.words_per_row,
        labels_per_sample=shape.labels_per_row,
        indicator="csr",
        random_state=0,
    )
    small = SMALL | {"max_epochs": 1} if quick else {}
    clf = InceptionXMLClassifier(head=OneVsAll(), device=device, random_state=0, **small)
    start = time.perf_counter()
    clf.fit(made.data[: shape.n_rows], made.target[: shape.n_rows])
    fit_s = time.perf_counter() - start
    queries = made.data[shape.n_rows :]
    clf.predict_topk(queries[:600])
    spent = {"network": 0.0, "lexical": 0.0, "fusion": 0.0}
    places = [
        (Ranker, "network_topk", "network"),
        (LexicalMemory, "transform", "lexical"),
        (LexicalMemory, "score", "lexical"),
        (Fusion, "log_odds", "fusion"),
    ]
    patches = [mock.patch.object(o, n, timed(getattr(o, n), spent, part)) for o, n, part in places]
    for patch in patches:
        patch.start()
    try:
        start = time.perf_counter()
        clf.predict_topk(queries, k=5)
        took = time.perf_counter() - start
    finally:
        for patch in patches:
            patch.stop()
    spent["reading and the rest"] = took - sum(spent.values())
    return {
        "rows": shape.n_rows,
        "labels": shape.n_labels,
        "fit_s": round(fit_s, 2),
        "epochs_s": round(sum(clf.net_.history[:, "dur"]), 2),
        "queries": n_queries,
        "predict_rows_s": round(n_queries / took, 1),
        "predict_s": {name: round(seconds, 3) for name, seconds in spent.items()},
    }


def timed(function: Callable[..., Any], spent: dict[str, float], part: str) -> Callable[..., Any]:
    """The function, whose seconds are added to a part."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            spent[part] += time.perf_counter() - start

    return wrapper


def projection(phases: dict[str, Any], quick: bool) -> dict[str, Any]:
    """Hours of the paper's 45 epochs over 485,000 rows at the pace that was measured."""
    found: dict[str, Any] = {"epochs": PAPER_EPOCHS, "rows": PAPER_ROWS, "paper_h": PAPER_HOURS}
    if quick:  # whose steps are not of that size
        return found
    for name, part in phases.items():
        if name.startswith("amazon") and "float32" in part:
            for precision in ("float32", "bfloat16"):
                rows_s = part[precision]["training"]["rows_s"]
                hours = PAPER_EPOCHS * PAPER_ROWS / rows_s / 3600
                found[f"{name}, {precision}"] = {"hours": round(hours, 3)}
    return found


def table(result: dict[str, Any]) -> str:
    """The result in short, as Markdown."""
    lines = [", ".join(f"{k} {v}" for k, v in result["environment"].items() if v is not None), ""]
    lines += ["| phase | result | seconds |", "|---|---|---:|"]
    for name, part in result["phases"].items():
        said = part.get("skipped") or part.get("error")
        if said is None and "equal" in part:
            said = "equal" if part["equal"] else "NOT EQUAL"
        if said is None and "compiled" in part:
            pace = {k: v["rows_s"] for k, v in part.items() if isinstance(v, dict)}
            said = ", ".join(f"{k} {v:,.0f} rows/s" for k, v in pace.items())
        if said is None and "predict_s" in part:
            split = ", ".join(f"{k} {v}" for k, v in part["predict_s"].items())
            said = f"fit {part['fit_s']} s; {part['predict_rows_s']:,.0f} rows/s ({split} s)"
        if said is None:
            waits, bound = part["float32"]["waits"], part["float32"]["profile"]["bound_by"]
            n_waits = waits["synchronisations_a_step"] or waits["waiting_operators_a_step"]
            said = f"{n_waits:g} waits and {waits['operators_a_step']:.0f} operators a step, "
            said += f"bound by {bound}; prediction {part['prediction']['rows_s']:,.0f} rows/s"
        lines.append(f"| {name} | {said} | {part.get('seconds', 0)} |")
    lines += ["", "| training | rows/s | peak MB | " + " | ".join(f"{p} ms" for p in PHASES) + " |"]
    lines += ["|---" + "|---:" * (2 + len(PHASES)) + "|"]
    for name, part in result["phases"].items():
        for precision in ("float32", "bfloat16"):
            if precision in part and "phases_ms" in part[precision]:
                own = part[precision]
                speed = own["training"]
                cells = [f"{speed['rows_s']:,.0f}", str(speed["peak_mb"] or "-")]
                cells += [str(own["phases_ms"][p]) for p in PHASES]
                lines.append(f"| {name}, {precision} | " + " | ".join(cells) + " |")
    lines.append("")
    for name, part in result["projection"].items():
        if isinstance(part, dict):
            lines.append(f"{PAPER_EPOCHS} epochs, {name}: {part['hours']} h (paper: {PAPER_HOURS})")
    lines.append(f"{'passed' if result['passed'] else 'FAILED'} in {result['seconds']} s")
    return "\n".join(lines)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--quick", action="store_true", help="small sizes, to test the script")
    parser.add_argument("--minutes", type=float, default=6.0, help="budget of the whole run")
    parser.add_argument("--seconds", type=float, help="of each measurement (5; quick 0.25)")
    parser.add_argument("--only", help="phases by the start of their names, comma-separated")
    parser.add_argument("--out", type=Path, help="file for the results, as JSON")
    parser.add_argument("--perturb", help=argparse.SUPPRESS)  # a parameter, to see that it fails
    args = parser.parse_args(argv)
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU here; use --device cpu, or a build of torch with CUDA.")
    args.seconds = args.seconds or (0.25 if args.quick else 5.0)
    return args


def main(argv: list[str] | None = None) -> int:
    """Run every phase, write the file and print the table."""
    args = parse(argv)
    run = Run(args)
    quick, device = args.quick, run.device
    for head in HEADS_HERE:
        work = partial(steps_equal, head, device, quick, args.perturb)
        run.phase(f"equality/{head}", 2.0 if quick else 8.0, work)
    for head in HEADS_HERE:
        work = partial(trainings_equal, head, device, quick)
        run.phase(f"training/{head}", 8.0 if quick else 45.0, work)
    sizes(run)
    if not quick or args.only:  # a minute on a CPU
        work = partial(compiled_training, quick, device, args.seconds)
        run.phase("compiled", 45.0, work)
    work = partial(whole_estimator, quick, str(device))
    run.phase("estimator", 10.0 if quick else 60.0, work)
    run.write()
    print(table(run.result))
    return 0 if run.result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
