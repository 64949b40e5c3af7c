"""The same default parameters at every number of labels.

    python benchmarks/accuracy/one_size.py --data DIR [--labels 100,all] [--systems ours,xrlinear]

Keeps only the N most frequent labels of a data set (rows left without a label are dropped), trains
every importable system with its defaults on each subset, and prints a table of P@1.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import numpy as np
from harness import (
    Data,
    add_arguments,
    available,
    exported,
    keep_frequent,
    load_data,
    markdown,
    mean_sd,
    parse_arguments,
    run_system,
    say,
    seeds_of,
)


def subsets(data: Data, sizes: str) -> list[Data]:
    """Return a data set for each number of labels, the smallest first."""
    n_labels = data.Y_train.shape[1]
    wanted = {n_labels if size == "all" else int(size) for size in sizes.split(",")}
    if too_many := sorted(size for size in wanted if size > n_labels):
        say(f"{data.name} has {n_labels} labels: left out {', '.join(map(str, too_many))}")
    sets = [keep_frequent(data, size) for size in sorted(wanted) if size < n_labels]
    # with all labels, those of the test set alone stay in the truth
    return [*sets, data] if n_labels in wanted else sets


def run_all(args: argparse.Namespace) -> tuple[list[str], dict[tuple[str, str], list[float]]]:
    """Column titles, and P@1 over seeds by system and title."""
    systems = available(args.systems, args.envs)
    titles, precision, records = [], {}, []
    for data in subsets(load_data(args.data, args.limit_train, args.limit_test), args.labels):
        title = f"{data.Y_train.shape[1]:,} labels ({len(data.train_texts):,} rows)"
        titles.append(title)
        with exported(data) as folder:
            for system in systems:
                runs: list[dict[str, Any]] = []
                for seed in seeds_of(system, args.seeds):
                    runs.append(run_system(system, seed, data, folder, args, full=False))
                    outcome = runs[-1].get("error", runs[-1].get("P@1"))
                    say(f"{title}, {system}, seed {seed}: {outcome}")
                precision[system, title] = [run["P@1"] for run in runs if "P@1" in run]
                records += [{**run, "labels": data.Y_train.shape[1]} for run in runs]
        if args.out:
            Path(args.out).write_text(json.dumps(records, indent=1) + "\n")
    return titles, precision


def main() -> None:
    """Run the subsets of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with train.jsonl and test.jsonl")
    parser.add_argument("--labels", default="100,4000,all", help="numbers, comma-separated")
    parser.add_argument("--out", help="JSON file of all runs")
    add_arguments(parser, seeds="0")
    args = parse_arguments(parser)
    titles, precision = run_all(args)
    systems = list(dict.fromkeys(system for system, _ in precision))
    systems.sort(key=lambda s: -float(np.mean(precision[s, titles[-1]] or [0.0])))
    rows = [[s, *(mean_sd(precision[s, title]) for title in titles)] for s in systems]
    print(markdown(["P@1, %", *titles], rows))


if __name__ == "__main__":
    main()
