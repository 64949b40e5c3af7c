"""From the paper's model to the default, one ingredient after the other, on the test files.

    python benchmarks/ingredients.py --data DIR [--data DIR2] [--seeds 0,1,2] --out runs.jsonl

Every step has what its name says and all before it. The first is the paper's preset with the
default's number of epochs and held-out rows, and random vectors; with ``--epochs 45`` it has the
paper's. Steps of the network are ranked by the network alone; the last fit, with default
parameters, gives the lexical neighbours alone and the fusion too. ``--rejected`` adds what was
tried and left out. Runs that the output file holds are not made again, so that several processes
may share the work. ``--models DIR`` takes saved default models, ``DIR/DATA-SEED``, instead of
fitting them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

import harness
import numpy as np
from scipy import sparse

from sk_inceptionxml import InceptionXMLClassifier, presets
from sk_inceptionxml.metrics import inverse_propensity, ranking_report, top_k_indices

COLUMNS = ["P@1", "P@3", "P@5", "nDCG@5", "PSP@1", "PSP@5", "R@10", "R@100"]
LOST = "P@1 lost, shuffled words"
SHARED = {"n_neighbors": 0, "validation_fraction": 0.1, "max_epochs": "auto", "head": "auto"}
PAPER: dict[str, Any] = {**presets.inceptionxml(), **SHARED, "embeddings": "random"}
VECTORS = {**PAPER, "embeddings": None}
AUGMENTED = {**VECTORS, "shuffle_words": True, "word_dropout": 0.1, "max_len": 64}
STEPS: dict[str, dict[str, Any]] = {
    "paper's model, random vectors": PAPER,
    "+ vectors from the training data": VECTORS,
    "+ shuffled and dropped words": AUGMENTED,
}
DEFAULT = ("+ embedding skip", "lexical neighbours alone", "+ lexical neighbours, fused: default")
REJECTED: dict[str, dict[str, Any]] = {
    "not default: row-wise Adagrad, network alone": {**SHARED, "label_optimizer": "adagrad"},
    "rejected: word dropout 0.25": {**SHARED, "word_dropout": 0.25},
}  # fmt: skip


def report(data: harness.Data, ranking: np.ndarray) -> dict[str, float]:
    """Metrics in percent of a ranking of the test rows, with the recall of tail labels."""
    Y = sparse.csr_matrix(data.Y_test)
    counts = np.zeros(Y.shape[1])
    counts[: data.Y_train.shape[1]] = np.asarray(data.Y_train.sum(axis=0)).ravel()
    weights = inverse_propensity(counts, n_samples=data.Y_train.shape[0])
    found = ranking_report(Y, ranking, inverse_propensity=weights)
    found |= harness.tail_recall(Y, ranking, counts)
    return {name: round(float(found[name]), 4) for name in [*COLUMNS, "tail R@100"]}


def network_ranking(clf: InceptionXMLClassifier, texts: list[str]) -> np.ndarray:
    """Best 100 columns of the network alone."""
    return clf._candidates(clf._rows(texts).tokens, None, 100).labels


def run(data: harness.Data, name: str, params: dict, seed: int, epochs: int | None) -> list[dict]:
    """Fit one step and judge it."""
    more = {} if epochs is None else {"max_epochs": epochs}
    start = time.perf_counter()
    clf = InceptionXMLClassifier(**params | more, random_state=seed)
    clf.fit(data.train_texts, data.Y_train)
    seconds = time.perf_counter() - start
    found = report(data, network_ranking(clf, data.test_texts))
    shuffled = network_ranking(clf, harness.shuffle_texts(data.test_texts))
    found[LOST] = round(found["P@1"] - report(data, shuffled)["P@1"], 4)
    return [{"data": data.name, "step": name, "seed": seed, "fit s": round(seconds), **found}]


def run_default(data: harness.Data, seed: int, models: str | None) -> list[dict]:
    """Fit the default, or load it, and judge its parts."""
    if models is not None:
        clf = InceptionXMLClassifier.load(Path(models) / f"{data.name}-{seed}")
        assert [str(x) for x in clf.classes_.tolist()] == data.labels[: clf.n_labels_]
    else:
        clf = InceptionXMLClassifier(random_state=seed).fit(data.train_texts, data.Y_train)
    found = [parts(clf, data, data.test_texts)]
    found.append(parts(clf, data, harness.shuffle_texts(data.test_texts)))
    return [
        {"data": data.name, "step": name, "seed": seed, **clean, LOST: clean["P@1"] - other["P@1"]}
        for name, clean, other in zip(DEFAULT, *found, strict=True)
    ]


def parts(clf: InceptionXMLClassifier, data: harness.Data, texts: list[str]) -> list[dict]:
    """Metrics of the network, of the neighbours and of both."""
    rows = clf._rows(texts)
    rankings = [
        network_ranking(clf, texts),
        top_k_indices(clf.neighbours_.score(clf._lexical(rows)), 100),
        clf._ranking(texts, 100)[0],
    ]
    return [report(data, ranking) for ranking in rankings]


def table(runs: list[dict], data: str) -> str:
    """Markdown: mean and standard deviation over the seeds."""
    header = [*COLUMNS, "tail R@100", LOST]
    lines = [f"| {data} | " + " | ".join(header) + " |", "|---" + "|---:" * len(header) + "|"]
    for step in [*STEPS, *DEFAULT, *REJECTED]:
        own = [r for r in runs if r["step"] == step and r["data"] == data]
        cells = []
        for name in header:
            values = [r[name] for r in own if name in r]
            cell = f"{statistics.mean(values):.2f}" if values else ""
            if len(values) > 1:
                cell += f" ± {statistics.stdev(values):.2f}"
            cells.append(cell)
        if own:
            lines.append(f"| {step} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def read(path: Path) -> list[dict]:
    """Runs made so far."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def main() -> None:
    """Make the runs that are missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--models")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--rejected", action="store_true")
    parser.add_argument("--no-default", action="store_true")
    args = parser.parse_args()
    names = []
    for folder in args.data:
        data = harness.load_data(folder, None, None)
        names.append(data.name)
        for seed in map(int, args.seeds.split(",")):
            done = {(r["data"], r["step"], r["seed"]) for r in read(args.out)}
            jobs = [
                partial(run, data, step, params, seed, args.epochs)
                for step, params in (REJECTED if args.rejected else STEPS).items()
                if (data.name, step, seed) not in done
            ]
            if not args.no_default and (data.name, DEFAULT[-1], seed) not in done:
                jobs.append(partial(run_default, data, seed, args.models))
            for job in jobs:
                for result in job():
                    with args.out.open("a", encoding="utf-8") as stream:
                        stream.write(json.dumps(result) + "\n")
                    print(result, flush=True)
    for name in names:
        print(f"\n{table(read(args.out), name)}")


if __name__ == "__main__":
    main()
