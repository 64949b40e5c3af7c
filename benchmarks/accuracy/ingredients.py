"""From the paper's model to the default, one ingredient after the other, on the test files.

    python benchmarks/accuracy/ingredients.py --data DIR [--seeds 0,1,2] --out runs.jsonl

Every step has what its name says and all before it. The first is the paper's preset, 45 epochs on
all rows, from random vectors, with the default's choice of the head; the second has the default's
number of epochs and held-out rows. Steps of the network are ranked by the network alone; the last
fit, with default parameters, gives the lexical neighbours alone and the fusion, and ``--lexical``
the fusion of the same network with simpler lexical neighbours. ``--rejected`` adds what was tried
and left out. ``--only TEXT`` makes the steps of the network whose name has the text. Runs that the
output file holds are not made again, so that several processes may share the work, and a run that
was stopped goes on from ``--checkpoints DIR``. ``--mixed-precision`` trains the steps before the
default 1.2 to 1.4 times faster. ``--models DIR`` takes saved default models, ``DIR/DATA-SEED``,
instead of fitting them.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import harness
import numpy as np
from lexical import votes
from parts import network_ranking, ranker_of, read
from scipy import sparse

from sk_inceptionxml import InceptionXMLClassifier, presets
from sk_inceptionxml.data import Dataset
from sk_inceptionxml.data.split import as_unseen, split
from sk_inceptionxml.heads import resolve_head
from sk_inceptionxml.metrics import inverse_propensity, ranking_report, top_k_indices
from sk_inceptionxml.ranking.features import LexicalFeatures
from sk_inceptionxml.ranking.memory import LexicalMemory
from sk_inceptionxml.ranking.neighbours import KernelNeighbours
from sk_inceptionxml.ranking.ranker import Ranker
from sk_inceptionxml.ranking.tuning import tune

COLUMNS = ["P@1", "P@3", "P@5", "nDCG@5", "PSP@1", "PSP@5", "R@10", "R@100"]
LOST = "P@1 lost, shuffled words"
# "head" holds the parameters of the head that the number of labels decides on
ADAM = {"head": {"label_optimizer": "adam"}}  # as the paper, whatever the head
SHARED: dict[str, Any] = {"n_neighbors": 0, "validation_fraction": 0.1, "max_epochs": "auto"}
PAPER: dict[str, Any] = {**presets.inceptionxml(), **ADAM, "embeddings": "random"}
SHORT = {**PAPER, **SHARED}
VECTORS = {**SHORT, "embeddings": None}
AUGMENTED = {**VECTORS, "shuffle_words": True, "word_dropout": 0.1, "max_len": 64}
STEPS: dict[str, dict[str, Any]] = {
    "paper's preset, random vectors": PAPER,
    "the default's epochs and held-out rows": SHORT,
    "+ vectors from the training data": VECTORS,
    "+ shuffled and dropped words": AUGMENTED,
}
LEXICAL = {
    "+ votes of the nearest titles, by words, fused": (False, True),
    "+ regression instead of votes, fused": (False, False),
}  # whether character n-grams and votes
DEFAULT = ("+ embedding skip", "lexical neighbours alone", "+ character n-grams, fused: default")
REJECTED: dict[str, dict[str, Any]] = {
    "row-wise Adagrad, network alone": {**SHARED, "head": {"label_optimizer": "adagrad"}},
    "rejected: word dropout 0.25": {**SHARED, **ADAM, "word_dropout": 0.25},
}


def report(data: harness.Data, ranking: np.ndarray) -> dict[str, float]:
    """Metrics in percent of a ranking of the test rows, with the recall of tail labels."""
    Y = sparse.csr_matrix(data.Y_test)
    counts = np.zeros(Y.shape[1])
    counts[: data.Y_train.shape[1]] = np.asarray(data.Y_train.sum(axis=0)).ravel()
    weights = inverse_propensity(counts, n_samples=data.Y_train.shape[0])
    found = ranking_report(Y, ranking, inverse_propensity=weights)
    found |= harness.tail_recall(Y, ranking, counts)
    return {name: round(float(found[name]), 4) for name in [*COLUMNS, "tail R@100"]}


def run(
    data: harness.Data, name: str, params: dict, seed: int, args: argparse.Namespace
) -> list[dict]:
    """Fit one step and judge it."""
    own: dict[str, Any] = {"random_state": seed, "mixed_precision": args.mixed_precision}
    if args.checkpoints is not None:
        own["checkpoint_dir"] = args.checkpoints / re.sub(r"\W+", "-", f"{data.name} {name} {seed}")
    own["head"] = resolve_head("auto", data.Y_train.shape[1]).set_params(**params["head"])
    start = time.perf_counter()
    clf = InceptionXMLClassifier(**{**params, **own})
    clf.fit(data.train_texts, data.Y_train)
    seconds = time.perf_counter() - start
    ranker = ranker_of(clf)
    found = report(data, network_ranking(ranker, data.test_texts))
    shuffled = network_ranking(ranker, harness.shuffle_texts(data.test_texts))
    found[LOST] = round(found["P@1"] - report(data, shuffled)["P@1"], 4)
    return [{"data": data.name, "step": name, "seed": seed, "fit s": round(seconds), **found}]


def load_default(data: harness.Data, seed: int, models: str | None) -> InceptionXMLClassifier:
    """A fit with default parameters, or a saved one."""
    if models is None:
        return InceptionXMLClassifier(random_state=seed).fit(data.train_texts, data.Y_train)
    clf = InceptionXMLClassifier.load(Path(models) / f"{data.name}-{seed}")
    assert [str(x) for x in clf.classes_.tolist()] == data.labels[: clf.n_labels_]
    return clf


def run_default(data: harness.Data, seed: int, models: str | None) -> list[dict]:
    """Fit the default, or load it, and judge its parts."""
    ranker = ranker_of(load_default(data, seed, models))
    found = [parts(ranker, data, data.test_texts)]
    found.append(parts(ranker, data, harness.shuffle_texts(data.test_texts)))
    return [
        {"data": data.name, "step": name, "seed": seed, **clean, LOST: clean["P@1"] - other["P@1"]}
        for name, clean, other in zip(DEFAULT, *found, strict=True)
    ]


class Votes(KernelNeighbours):
    """Votes of the 50 nearest titles by the square of the cosine, shrunk where they are far."""

    def score(
        self, queries: sparse.csr_array, n_threads: int = 1, exclude: np.ndarray | None = None
    ) -> sparse.csr_array:
        one = sparse.csr_array(np.ones((self.X_.shape[0], 1), dtype=np.float32))
        Y = sparse.hstack([self.Y_, one], format="csr")
        found = votes(self.X_, queries, Y, exclude=exclude).tocsc()
        total = found[:, [-1]].toarray()
        return sparse.csr_array(found[:, :-1].multiply(1 / (1 + total)), dtype=np.float32)


def with_other_neighbours(
    clf: InceptionXMLClassifier, data: harness.Data, ngrams: bool, voting: bool
) -> Ranker:
    """The same network with simpler lexical neighbours, fused on the rows that ``fit`` held out."""
    ranker = ranker_of(clf)
    rows = read(ranker, data.train_texts)
    known = Dataset(rows, sparse.csr_array(data.Y_train)).in_content_order()
    drawn = np.random.RandomState(clf.fit_seed_)  # noqa: NPY002, as fit draws
    _, held_out = split(known, clf.validation_fraction, drawn)
    held_out = as_unseen(held_out, known, ranker.reader)
    n_tokens = ranker.reader.n_tokens_
    features = LexicalFeatures(ngrams)
    X = features.fit_transform(known.tokens.to_csr(n_tokens, first=2), known.rows.texts)
    neighbours = (Votes if voting else KernelNeighbours)(clf.n_neighbors).fit(X, known.Y)
    memory = LexicalMemory(features, neighbours, n_tokens)
    return tune(replace(ranker, memory=memory), held_out, clf.calibrate)


def run_lexical(data: harness.Data, name: str, seed: int, models: str | None) -> list[dict]:
    """Fuse the network of the default with other lexical neighbours, and judge it."""
    variant = with_other_neighbours(load_default(data, seed, models), data, *LEXICAL[name])
    found = report(data, variant.rank(read(variant, data.test_texts), 100)[0])
    return [{"data": data.name, "step": name, "seed": seed, **found}]


def parts(ranker: Ranker, data: harness.Data, texts: list[str]) -> list[dict]:
    """Metrics of the network, of the neighbours and of both."""
    rows = read(ranker, texts)
    rankings = [
        network_ranking(ranker, texts),
        top_k_indices(ranker.memory.score(ranker.features(rows)), 100),
        ranker.rank(rows, 100)[0],
    ]
    return [report(data, ranking) for ranking in rankings]


def table(runs: list[dict], data: str) -> str:
    """Markdown: mean and standard deviation over the seeds."""
    header = [*COLUMNS, "tail R@100", LOST]
    lines = [f"| {data} | " + " | ".join(header) + " |", "|---" + "|---:" * len(header) + "|"]
    for step in [*STEPS, *DEFAULT[:2], *LEXICAL, DEFAULT[2], *REJECTED]:
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


def runs_in(path: Path) -> list[dict]:
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
    parser.add_argument("--only", default="")
    parser.add_argument("--mixed-precision", action="store_true")
    parser.add_argument("--checkpoints", type=Path)
    parser.add_argument("--rejected", action="store_true")
    parser.add_argument("--lexical", action="store_true")
    parser.add_argument("--no-default", action="store_true")
    args = parser.parse_args()
    harness.refuse_equal_names(parser, args.data)
    names = []
    for folder in args.data:
        data = harness.load_data(folder, None, None)
        names.append(data.name)
        for seed in map(int, args.seeds.split(",")):
            done = {(r["data"], r["step"], r["seed"]) for r in runs_in(args.out)}
            jobs = [
                partial(run, data, step, params, seed, args)
                for step, params in (REJECTED if args.rejected else STEPS).items()
                if args.only in step and (data.name, step, seed) not in done
            ]
            if not args.no_default and (data.name, DEFAULT[-1], seed) not in done:
                jobs.append(partial(run_default, data, seed, args.models))
            if args.lexical:
                jobs += [
                    partial(run_lexical, data, step, seed, args.models)
                    for step in LEXICAL
                    if (data.name, step, seed) not in done
                ]
            for job in jobs:
                for result in job():
                    with args.out.open("a", encoding="utf-8") as stream:
                        stream.write(json.dumps(result) + "\n")
                    print(result, flush=True)
    for name in names:
        print(f"\n{table(runs_in(args.out), name)}")


if __name__ == "__main__":
    main()
