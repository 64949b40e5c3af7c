"""From text to the five best labels: rows per second in batch, latency of single queries.

python benchmarks/speed/latency.py --data DIR [--data DIR2] [--save FOLDER] [--threads 2]
python benchmarks/speed/latency.py --model SAVED --data DIR

Where numba is installed, the same texts go through the compiled inner loops and through NumPy's in
turn, so that both see the same state of the machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import numpy as np
import torch
from harness import _find, refuse_equal_names
from threadpoolctl import threadpool_limits

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_jsonl
from sk_inceptionxml.network import one_vs_all
from sk_inceptionxml.ranking import label_texts, neighbours

MODULES = neighbours, label_texts, one_vs_all
LOOPS = {"numba": [module.compiled for module in MODULES], "NumPy": [lambda: None] * 3}
if neighbours.compiled() is None:
    del LOOPS["numba"]


def model_of(args: argparse.Namespace, folder: Path) -> InceptionXMLClassifier:
    """The saved model, or one of a few epochs: accuracy does not matter here."""
    saved = args.model or (args.save and args.save / folder.name)
    if args.model or (saved and saved.exists()):
        return InceptionXMLClassifier.load(saved, device="cpu")
    rows = load_jsonl(_find(folder, "train"), drop_unlabelled=True)
    model = InceptionXMLClassifier(max_epochs=args.epochs, random_state=0, device="cpu")
    model.fit(rows.data, rows.target)
    if args.save:
        model.save(saved)
    return model


def measure(
    model: InceptionXMLClassifier, texts: list[str], args: argparse.Namespace
) -> dict[str, list[str]]:
    """Cells of the table by inner loops: the best of the rounds in batch, quantiles of the rest."""
    batch: dict[str, list[float]] = {name: [] for name in LOOPS}
    single: dict[str, list[float]] = {name: [] for name in LOOPS}
    for turn in range(args.rounds + 1):  # what is made in the first is no part of the times
        for name, loops in LOOPS.items():
            for module, function in zip(MODULES, loops, strict=True):
                module.compiled = function
            start = time.perf_counter()
            model.predict_topk(texts if turn else texts[:64], k=5)
            batch[name] += [time.perf_counter() - start][:turn]
            for text in texts[: args.queries if turn else 1]:
                start = time.perf_counter()
                model.predict_topk([text], k=5)
                single[name] += [time.perf_counter() - start][:turn]
    cells = {}
    for name in LOOPS:
        p50, p95 = np.quantile(single[name], [0.5, 0.95]) * 1e3
        cells[name] = [f"{len(texts) / min(batch[name]):.0f}", f"{p50:.2f}", f"{p95:.2f}"]
    return cells


def main() -> None:
    """Print a table with a line for each data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="saved model; otherwise one is fitted")
    parser.add_argument("--save", type=Path, help="folder in which fitted models are kept")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rows", type=int, default=2000, help="test texts of a batch")
    parser.add_argument("--queries", type=int, default=200, help="test texts asked one by one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    if args.model and len(args.data) > 1:
        parser.error("--model is of one data set; give one --data.")
    refuse_equal_names(parser, args.data)
    torch.set_num_threads(args.threads)
    print(f"{args.threads} threads\n")
    print("| data | labels | inner loops | rows/s | p50 ms | p95 ms |\n|---|--:|---|--:|--:|--:|")
    with threadpool_limits(args.threads, user_api="blas"):
        for folder in args.data:
            model = model_of(args, folder)
            texts = load_jsonl(_find(folder, "test")).data[: args.rows]
            for name, cells in measure(model, texts, args).items():
                line = [folder.resolve().name, str(model.n_labels_), name, *cells]
                print("| " + " | ".join(line) + " |", flush=True)


if __name__ == "__main__":
    main()
