"""Compare systems on raw short texts: accuracy, time, memory, size and latency.

    python benchmarks/accuracy/compare.py --data DIR [--data DIR2] [--systems ours,omikuji-bonsai]
        [--seeds 0,1,2] [--variants shuffled,typo] --out results/

DIR holds ``train.jsonl`` and ``test.jsonl`` (or ``.jsonl.gz``), lines ``{"text": ..., "labels":
[...]}``. Nothing is installed: a system whose package cannot be imported is named and skipped;
``--envs`` names a folder of environments for peers that cannot share one. Times run from raw text:
training includes features, prediction includes everything up to the five best labels.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import numpy as np
from harness import (
    VARIANTS,
    add_arguments,
    available,
    exported,
    load_data,
    markdown,
    mean_sd,
    parse_arguments,
    refuse_equal_names,
    run_system,
    say,
    seeds_of,
)

# column -> key of the record, digits
QUALITY = {
    name: (name, 2)
    for name in "P@1 P@3 P@5 nDCG@5 PSP@1 PSP@3 PSP@5 R@10 R@100".split() + ["tail R@100"]
}
COST = {
    "train s": ("train_s", 1),
    "peak MB": ("peak_mb", 0),
    "size MB": ("size_mb", 1),
    "rows/s": ("rows_per_s", 0),
    "p50 ms": ("latency_p50_ms", 2),
    "p95 ms": ("latency_p95_ms", 2),
}
Records = list[dict[str, Any]]


def run_all(args: argparse.Namespace) -> tuple[Records, list[dict[str, Any]]]:
    """Run every system on every data set; results are written after every run."""
    systems, records, sets = available(args.systems, args.envs), [], []
    for folder in args.data:
        data = load_data(folder, args.limit_train, args.limit_test)
        n_seen = data.Y_train.shape[1]
        sets.append(
            {
                "name": data.name,
                "train_rows": len(data.train_texts),
                "test_rows": len(data.test_texts),
                "labels": n_seen,
                "labels_only_in_test": data.Y_test.shape[1] - n_seen,
                "labels_per_row": round(data.Y_train.nnz / len(data.train_texts), 3),
            }
        )
        with exported(data, args.variants) as exported_folder:
            # seeds outside: slow spells of the machine meet every system
            for seed in args.seeds:
                for system in systems:
                    if seed not in seeds_of(system, args.seeds):
                        continue
                    record = run_system(system, seed, data, exported_folder, args, full=True)
                    records.append(record)
                    say(summary(record))
                    write_results(args, records, sets)
    return records, sets


def summary(record: dict[str, Any]) -> str:
    """One line of progress."""
    start = f"{record['data']} {record['system']} seed {record['seed']}: "
    if "error" in record:
        return start + f"failed, {record['error']}"
    return start + f"P@1 {record['P@1']:.2f}, trained in {record['train_s']:.1f} s"


def write_results(args: argparse.Namespace, records: Records, sets: list[dict[str, Any]]) -> None:
    """Write ``results.json`` and ``table.md``."""
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    machine = {
        "platform": platform.platform(),
        "processor": platform.processor(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }
    skipped = sorted(set(args.systems) - {record["system"] for record in records})
    content = {
        "arguments": vars(args),
        "machine": machine,
        "data": sets,
        "without_results": skipped,
        "runs": [{key: _plain(value) for key, value in record.items()} for record in records],
    }
    (out / "results.json").write_text(json.dumps(content, indent=1) + "\n")
    tables = [table(records, data, args.variants, args.threads) for data in sets]
    if skipped:
        tables.append("Without results: " + ", ".join(skipped) + ".\n")
    (out / "table.md").write_text("\n".join(tables))


def _plain(value: Any) -> Any:
    """NaN is no JSON."""
    return None if isinstance(value, float) and math.isnan(value) else value


def values_of(records: Records, data: str, system: str, key: str) -> list[float]:
    """Values of one measure over the seeds."""
    runs = [r for r in records if r["data"] == data and r["system"] == system]
    return [float(r[key]) for r in runs if key in r and not math.isnan(r[key])]


def systems_of(records: Records, data: str) -> list[str]:
    """Systems with a result on a data set, in the order of the runs."""
    return list(dict.fromkeys(r["system"] for r in records if r["data"] == data and "P@1" in r))


def table(records: Records, data: dict[str, Any], variants: list[str], threads: int) -> str:
    """Markdown section of one data set, best P@1 first."""
    altered = {f"P@1 loss, {name}": (f"loss {name}", 2) for name in variants}
    columns = QUALITY | altered | COST
    name = data["name"]
    systems = systems_of(records, name)
    systems.sort(key=lambda system: -np.mean(values_of(records, name, system, "P@1")))
    rows = []
    for system in systems:
        cells = [mean_sd(values_of(records, name, system, k), d) for k, d in columns.values()]
        rows.append([system, *cells])
    lines = [
        f"## {name}\n",
        f"{data['train_rows']:,} training rows, {data['test_rows']:,} test rows, "
        f"{data['labels']:,} labels ({data['labels_only_in_test']:,} more only in the test set, "
        f"counted as misses), {data['labels_per_row']} labels a row; {threads} threads. "
        "Percent; mean ± standard deviation over seeds.\n",
        markdown(["system", *columns], rows),
    ]
    failed = [r for r in records if r["data"] == name and "error" in r]
    lines += [f"Failed: {r['system']}, seed {r['seed']}: {r['error']}\n" for r in failed]
    return "\n".join(lines)


def plot(records: Records, sets: list[dict[str, Any]], path: Path) -> None:
    """P@1 against training time, and PSP@5, one row of panels a data set."""
    try:
        import matplotlib
    except ImportError:
        say("no plot: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(sets), 2, figsize=(11, 4 * len(sets)), squeeze=False)
    for (left, right), data in zip(axes, sets, strict=True):
        systems = systems_of(records, data["name"])
        _plot_time(left, records, data["name"], systems)
        _plot_bars(right, records, data["name"], systems)
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _color(system: str) -> str:
    return "tab:red" if system == "ours" else "tab:gray"


def _plot_time(axis: Any, records: Records, data: str, systems: list[str]) -> None:
    for system in systems:
        if system == "popular":  # its microseconds and its precision would squeeze the others
            continue
        seconds = float(np.mean(values_of(records, data, system, "train_s")))
        precision = values_of(records, data, system, "P@1")
        spread = float(np.std(precision, ddof=1)) if len(precision) > 1 else 0.0
        mean = float(np.mean(precision))
        axis.errorbar(seconds, mean, spread, fmt="o", color=_color(system), capsize=3)
        axis.annotate(
            system, (seconds, mean), xytext=(5, 4), textcoords="offset points", fontsize=8
        )
    axis.set(xscale="log", xlabel="training time (s)", ylabel="P@1 (%)", title=data)
    axis.margins(x=0.2)


def _plot_bars(axis: Any, records: Records, data: str, systems: list[str]) -> None:
    runs = {system: values_of(records, data, system, "PSP@5") for system in systems}
    order = sorted(systems, key=lambda system: np.mean(runs[system]))
    spread = [np.std(runs[s], ddof=1) if len(runs[s]) > 1 else 0.0 for s in order]
    means = [np.mean(runs[s]) for s in order]
    axis.barh(order, means, xerr=spread, color=[_color(s) for s in order])
    axis.set(xlabel="PSP@5 (%)", title=data)


def main() -> None:
    """Run the comparison of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", action="append", required=True, help="folder; repeatable")
    parser.add_argument("--variants", default="", help=f"of {', '.join(VARIANTS)}")
    parser.add_argument("--out", default="results", help="folder of the results")
    add_arguments(parser, seeds="0,1,2")
    args = parse_arguments(parser)
    refuse_equal_names(parser, args.data)
    args.variants = [name for name in args.variants.split(",") if name]
    if unknown := sorted(set(args.variants) - set(VARIANTS)):
        parser.error(f"no such variant: {', '.join(unknown)}; known: {', '.join(VARIANTS)}")
    records, sets = run_all(args)
    if not records:
        raise SystemExit("no system could run")
    plot(records, sets, Path(args.out) / "plot.png")
    print((Path(args.out) / "table.md").read_text())


if __name__ == "__main__":
    main()
