"""What every part of the method is worth, on rows held out of the training file.

    python benchmarks/accuracy/ablations.py --data DIR --limit-train 10000 --epochs 10 --out t.md

DIR holds ``train.jsonl.gz`` and ``test.jsonl.gz`` (``{"text": str, "labels": [...]}`` a line).
The test file is read with ``--test`` alone. Every row differs from its base in what its name says:
the same rows, the same random streams.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import numpy as np
import scipy.sparse as sp
from parts import model_mb

from sk_inceptionxml import InceptionXMLClassifier, presets
from sk_inceptionxml._utils.sparse import unit_rows
from sk_inceptionxml.clustering import BalancedLabelClustering
from sk_inceptionxml.datasets import load_jsonl
from sk_inceptionxml.heads import CLUSTER_SIZE, HEADS, OneVsAll, SyncXML
from sk_inceptionxml.metrics import (
    inverse_propensity,
    precision_at_k,
    psp_at_k,
    recall_at_k,
)

RANKED = 100
PAPER_CLUSTER, PAPER_BEAM_SHARE = 10.2, 800 / 65_536  # of AmazonTitles-670K
PAPER_LEAST_BEAM = 64
COLUMNS = {
    "P@1": ".2f", "P@5": ".2f", "PSP@5": ".2f", "R@100": ".2f", "shortlist recall": ".2f",
    "training s/epoch": ".2f", "prediction rows/s": ",.0f", "model MB": ".1f",
}  # fmt: skip
PERCENT = ("P@1", "P@5", "PSP@5", "R@100", "shortlist recall")


class Split(NamedTuple):
    """Texts and labels to train on and to evaluate on."""

    texts: list[str]
    labels: list[list[Any]]
    eval_texts: list[str]
    eval_labels: list[list[Any]]


def load_split(folder: Path, limit: int | None, n_eval: int, test: bool) -> Split:
    """Rows of the training file, some of them held out; or all, and the test file."""
    data = load_jsonl(folder / "train.jsonl.gz", drop_unlabelled=True)
    order = np.random.default_rng(0).permutation(len(data.data))
    if test:
        other, held_out = load_jsonl(folder / "test.jsonl.gz"), None
    else:
        n_eval = min(n_eval, len(order) // 5)  # at least four fifths stay
        other, held_out, order = data, order[:n_eval], order[n_eval:]
    order = np.sort(order[:limit])
    held_out = np.arange(len(other.data)) if held_out is None else np.sort(held_out)
    return Split(
        [data.data[i] for i in order],
        [data.target[i] for i in order],
        [other.data[i] for i in held_out],
        [other.target[i] for i in held_out],
    )


class Ablation(NamedTuple):
    """A row of the table: parameters over those of the base."""

    name: str
    params: dict[str, Any]


class PlainClusters(SyncXML):
    """Clusters of the labels' mean rows, not smoothed over the label graph."""

    def make_clusters(
        self, counts: sp.csr_array, Y: sp.csr_array, random_state: np.random.RandomState
    ) -> np.ndarray:
        """Clusters with the one draw that the clustering takes."""
        seed = random_state.randint(2**31 - 1)
        n_clusters = -(-Y.shape[1] // CLUSTER_SIZE)
        clustering = BalancedLabelClustering(n_clusters, graph=False, random_state=seed)
        return clustering.fit(unit_rows(counts), Y).labels_


class RandomClusters(SyncXML):
    """Balanced clusters at random."""

    def make_clusters(
        self, counts: sp.csr_array, Y: sp.csr_array, random_state: np.random.RandomState
    ) -> np.ndarray:
        """Clusters with the one draw that the clustering takes."""
        rng = np.random.default_rng(random_state.randint(2**31 - 1))
        n_labels = Y.shape[1]
        return rng.permutation(n_labels) % -(-n_labels // CLUSTER_SIZE)


def ablations(n_labels: int, epochs: int | None, head: str) -> dict[str, Ablation]:
    """All rows by key; ``head`` is the base of those that concern no head."""

    def sync(kind: type[SyncXML] = SyncXML, **params: Any) -> dict[str, Any]:
        return {"head": kind(label_optimizer="adam", **params)}

    base = {"head": HEADS[head](label_optimizer="adam")}
    n_clusters = max(1, round(n_labels / PAPER_CLUSTER))
    # the paper's share of few clusters would be a shortlist of fewer labels than are ranked
    beam = min(n_clusters, max(PAPER_LEAST_BEAM, round(n_clusters * PAPER_BEAM_SHARE)))
    paper = presets.sync()
    share = paper["head"].warmup_epochs / paper["max_epochs"]
    paper["head"].set_params(
        n_clusters=n_clusters,
        beam_size=beam,
        predict_beam_size=beam,
        warmup_epochs=round(share * (epochs or paper["max_epochs"])),
    )
    return {
        "ova": Ablation("one-vs-all", {"head": OneVsAll()}),
        "sync": Ablation("sync", sync()),
        # the baseline of the paper: other structure, no forcing, no warm-up
        "no-sync": Ablation(
            "hard negatives without synchronisation",
            sync(synchronized=False, teacher_forcing=False, warmup_epochs=0),
        ),
        "no-structure": Ablation(
            "sync, meta-classifier without hidden layer", sync(synchronized=False)
        ),
        "no-detach": Ablation("sync without detach", sync(warmup_epochs=0)),
        "no-forcing": Ablation("sync without teacher forcing", sync(teacher_forcing=False)),
        "own-negatives": Ablation("sync, own negatives only", sync(share_negatives=False)),
        "plain-pifa": Ablation("sync, clusters of plain PIFA", sync(PlainClusters)),
        "random-clusters": Ablation("sync, random clusters", sync(RandomClusters)),
        "paper-ova": Ablation("paper's settings, one-vs-all", presets.inceptionxml()),
        "paper-sync": Ablation(
            f"paper's settings, sync (scaled: {n_clusters} clusters, {beam} a shortlist)", paper
        ),
        "no-neighbours": Ablation(f"{head}, network alone", {**base, "n_neighbors": 0}),
        "no-skip": Ablation(f"{head}, no embedding skip", {**base, "embedding_skip": False}),
        "random-vectors": Ablation(
            f"{head}, random start vectors", {**base, "embeddings": "random"}
        ),
        "no-shuffle": Ablation(f"{head}, no word shuffle", {**base, "shuffle_words": False}),
        "adagrad": Ablation(
            f"{head}, row-wise Adagrad", {"head": HEADS[head](label_optimizer="adagrad")}
        ),
    }


def indicator(rows: list[list[Any]], column: dict[Any, int]) -> sp.csr_array:
    """0/1 matrix of label lists; each label counts once."""
    sets = [sorted({column[x] for x in row}) for row in rows]
    indptr = np.concatenate([[0], np.cumsum([len(s) for s in sets])])
    columns = np.array([c for s in sets for c in s], dtype=np.int64)
    return sp.csr_array((np.ones(len(columns)), columns, indptr), shape=(len(rows), len(column)))


def measure(ablation: Ablation, split: Split, params: dict[str, Any]) -> dict[str, float]:
    """Train and evaluate one model."""
    clf = InceptionXMLClassifier(**{**ablation.params, **params}).fit(split.texts, split.labels)
    column = {name: i for i, name in enumerate(clf.classes_.tolist())}
    # labels without a training row stay in the truth, where nobody can find them
    for name in sorted({x for labels in split.eval_labels for x in labels} - set(column)):
        column[name] = len(column)
    Y = indicator(split.eval_labels, column)
    counts = np.zeros(len(column))
    counts[: len(clf.label_counts_)] = clf.label_counts_
    weights = inverse_propensity(counts, n_samples=len(split.texts))
    clf.predict_topk(split.eval_texts[:50], k=RANKED)  # fills the caches of the first prediction
    start = time.perf_counter()
    names, _ = clf.predict_topk(split.eval_texts, k=RANKED)
    seconds = time.perf_counter() - start
    # a place without a label holds a name that no label has
    ranking = np.array([[column.get(x, -1) for x in row] for row in names.tolist()], dtype=np.int64)
    history = clf.net_.history
    return {
        "P@1": 100 * precision_at_k(Y, ranking, k=1),
        "P@5": 100 * precision_at_k(Y, ranking, k=5),
        "PSP@5": 100 * psp_at_k(Y, ranking, k=5, inverse_propensity=weights),
        "R@100": 100 * recall_at_k(Y, ranking, k=RANKED),
        "shortlist recall": 100
        * clf.shortlist_recall(split.eval_texts, split.eval_labels, k=RANKED),
        "training s/epoch": sum(history[:, "dur"]) / len(history),
        "prediction rows/s": len(split.eval_texts) / seconds,
        "model MB": model_mb(clf.net_.module_),
    }


def table(results: dict[str, list[dict[str, float]]]) -> str:
    """Markdown: means over the seeds, with the standard deviation of the percentages."""
    lines = ["| model | " + " | ".join(COLUMNS) + " |", "|---" + "|---:" * len(COLUMNS) + "|"]
    for name, runs in results.items():
        cells = [name]
        for column, form in COLUMNS.items():
            values = np.array([run[column] for run in runs])
            cell = format(float(values.mean()), form)
            if len(values) > 1 and column in PERCENT:
                cell += f" ± {values.std(ddof=1):.2f}"
            cells.append(cell)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Run the selected rows, and print and write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit-train", type=int)
    parser.add_argument("--n-eval", type=int, default=2000, help="rows held out of train")
    parser.add_argument("--epochs", type=int, help="of every row, the paper's settings too")
    parser.add_argument("--only", help="keys of rows, comma-separated")
    parser.add_argument("--seeds", default="0", help="comma-separated")
    parser.add_argument("--head", choices=["sync", "ova"], default="sync")
    parser.add_argument("--network-alone", action="store_true", help="no lexical neighbours")
    parser.add_argument("--test", action="store_true", help="evaluate on the test file")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(argv)

    split = load_split(args.data, args.limit_train, args.n_eval, args.test)
    n_labels = len({x for labels in split.labels for x in labels})
    rows = ablations(n_labels, args.epochs, args.head)
    keys = args.only.split(",") if args.only else list(rows)
    unknown = sorted(set(keys) - set(rows))
    if unknown:
        parser.error(f"--only {','.join(unknown)}: choose from {','.join(rows)}")
    where = "the test file" if args.test else "rows held out of train"
    title = (
        f"{args.data.name}: {len(split.texts):,} training rows, {n_labels:,} labels, "
        f"{len(split.eval_texts):,} {where}, {args.epochs or 'default'} epochs, "
        f"seeds {args.seeds}{', network alone' if args.network_alone else ''}. Metrics in percent."
    )
    results: dict[str, list[dict[str, float]]] = {}
    for key in keys:
        for seed in (int(x) for x in args.seeds.split(",")):
            params: dict[str, Any] = {"random_state": seed}
            if args.epochs:
                params["max_epochs"] = args.epochs
            if args.network_alone:
                params["n_neighbors"] = 0
            run = measure(rows[key], split, params)
            results.setdefault(rows[key].name, []).append(run)
            print(key, seed, {k: round(v, 2) for k, v in run.items()}, flush=True)
            if args.out:
                args.out.write_text(f"{title}\n\n{table(results)}\n", encoding="utf-8")
    print(f"\n{title}\n\n{table(results)}")


if __name__ == "__main__":
    main()
