"""Ask one fitted model from many threads at once, and compare with asking it in turn.

For texts and matrices and for both heads: 8 threads make 1,000 calls of ``predict_topk`` each, of
one to eight rows, and of 600 rows in one call of fifty. Every answer must be, bit by bit, that of
the same call alone. The model starts without its caches, so that the threads race to fill them.

Run ``python tests/robustness/concurrent_predictions.py``; options: ``--threads N --calls N``. The
exit status is 1 if an answer differed.
"""

from __future__ import annotations

import argparse
import pickle
import sys
import threading
import time
from typing import Any

import numpy as np

from sk_inceptionxml import InceptionXMLClassifier

SETTINGS: dict[str, Any] = {
    "embedding_dim": 32,
    "n_filters": 8,
    "max_epochs": 1,
    "random_state": 0,
    "device": "cpu",
}
COLOURS = ["red", "blue", "green", "white", "black", "amber"]
THINGS = ["boat", "kite", "lamp", "chair", "table", "window", "garden"]
TITLES = [f"{a} {b} item{i}" for i in range(3) for a in COLOURS for b in THINGS]
LISTS = [[a, b] for _ in range(3) for a in COLOURS for b in THINGS]
N_QUESTIONS = 200


def questions(kind: str) -> tuple[Any, list[Any]]:
    """Training rows, and batches of one to eight rows to ask about, a few of many rows."""
    rng = np.random.default_rng(0)
    sizes = [600 if i % 50 == 49 else 1 + i % 8 for i in range(N_QUESTIONS)]
    if kind == "matrix":
        X = rng.random((len(TITLES), 12)) * (rng.random((len(TITLES), 12)) < 0.4)
        return X, [X[rng.integers(len(X), size=size)] for size in sizes]
    misspelt = [title.replace("a", "e", 1).replace("tt", "t") for title in TITLES]
    rows = [*TITLES, *misspelt, "", "unheard of"]
    batches = [[rows[j] for j in rng.integers(len(rows), size=size)] for size in sizes]
    return TITLES, batches


def ask(model: InceptionXMLClassifier, X: Any) -> tuple[list[Any], bytes]:
    """An answer that compares exactly."""
    names, scores = model.predict_topk(X, k=4)
    return names.tolist(), scores.tobytes()


def without_caches(model: InceptionXMLClassifier) -> InceptionXMLClassifier:
    """An equal model that has to compute what evaluation reuses."""
    cold: InceptionXMLClassifier = pickle.loads(pickle.dumps(model))
    cold.net_.module_.train()
    cold.net_.module_.eval()
    return cold


def differing(model: InceptionXMLClassifier, X: list[Any], n_threads: int, n_calls: int) -> int:
    """Calls from several threads whose answer is not that of the same call in turn."""
    expected = [ask(without_caches(model), X[0]), *(ask(model, x) for x in X[1:])]
    cold, start = without_caches(model), threading.Barrier(n_threads)
    wrong = [n_calls] * n_threads  # until a thread has ended

    def work(number: int) -> None:
        order = np.random.default_rng(number).integers(len(X), size=n_calls).tolist()
        start.wait()
        wrong[number] = sum(ask(cold, X[i]) != expected[i] for i in order)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(wrong)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--calls", type=int, default=1000)
    options = parser.parse_args()
    total = 0
    print(f"{'X':10}{'head':8}{'calls':>8}{'differ':>8}{'seconds':>9}")
    for kind in ("text", "matrix"):
        for head in ("ova", "sync"):
            X, batches = questions(kind)
            model = InceptionXMLClassifier(head=head, **SETTINGS).fit(X, LISTS)
            began = time.perf_counter()
            n = differing(model, batches, options.threads, options.calls)
            seconds = time.perf_counter() - began
            print(f"{kind:10}{head:8}{options.threads * options.calls:8}{n:8}{seconds:9.1f}")
            total += n
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
