"""Variants of the lexical neighbours, on held-out rows: votes against regression, features, ridge.

python benchmarks/accuracy/lexical.py --data DIR [--held-out 1500]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import held_out
import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from sk_inceptionxml.metrics import top_k_indices
from sk_inceptionxml.ranking.neighbours import KernelNeighbours

WORD = {"token_pattern": r"(?u)\b\w+\b"}
NGRAM = {"analyzer": "char_wb", "ngram_range": (4, 4)}


def features(train: list[str], queries: list[str], **options) -> list[sparse.csr_array]:
    """Sublinear TF-IDF of both."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **options)
    return [
        sparse.csr_array(vectorizer.fit_transform(train)),
        sparse.csr_array(vectorizer.transform(queries)),
    ]


def join(first: list, second: list, share: float) -> list[sparse.csr_array]:
    """Both side by side, the first with this share of the squared length."""
    return [
        sparse.csr_array(sparse.hstack([a * share**0.5, b * (1 - share) ** 0.5], format="csr"))
        for a, b in zip(first, second, strict=True)
    ]


def votes(
    X: sparse.csr_array,
    Q: sparse.csr_array,
    Y: sparse.csr_array,
    k: int = 50,
    exclude: np.ndarray | None = None,
) -> sparse.csr_array:
    """Votes of the nearest rows, by the square of the cosine; ``exclude`` has each query's own."""
    parts = []
    for start in range(0, Q.shape[0], 128):
        cosine = (Q[start : start + 128] @ X.T).toarray()
        if exclude is not None:
            cosine[np.arange(len(cosine)), exclude[start : start + 128]] = 0
        best = top_k_indices(cosine, k)
        value = np.where(best >= 0, np.take_along_axis(cosine, best.clip(0), axis=1), 0)
        pointer = np.arange(0, best.size + 1, best.shape[1])
        shape = (len(best), X.shape[0])
        vote = sparse.csr_array((value.ravel() ** 2, best.clip(0).ravel(), pointer), shape=shape)
        parts.append(vote @ Y)
    return sparse.csr_array(sparse.vstack(parts, format="csr"))


def main() -> None:
    """Print a table for each data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--held-out", type=int, default=1500)
    a = parser.parse_args()
    for folder in a.data:
        split = held_out.load(folder, a.held_out)
        print(f"\n{folder}\n")
        held_out.print_header("lexical neighbours")
        texts = (split.texts, split.held_out_texts)
        word, ngram = features(*texts, **WORD), features(*texts, **NGRAM)
        both = join(word, ngram, 0.3)

        def row(name: str, scores: sparse.csr_array, split=split) -> None:
            held_out.print_row(name, split, top_k_indices(scores, 100))

        def regression(name: str, X: list, ridge: float, k: int = 100, split=split) -> None:
            neighbours = KernelNeighbours(k, ridge).fit(X[0], split.Y)
            held_out.print_row(name, split, top_k_indices(neighbours.score(X[1]), 100))

        row("votes of 50, words", votes(*word, split.Y))
        regression("regression, words, ridge 1", word, 1.0)
        regression("words 1- and 2-grams, ridge 1", features(*texts, ngram_range=(1, 2), **WORD), 1)
        regression("character 4-grams, ridge 1", ngram, 1.0)
        regression("words .5, 4-grams .5, ridge 1", join(word, ngram, 0.5), 1.0)
        regression("words .3, 4-grams .7, ridge 1", both, 1.0)
        regression("**words .3, 4-grams .7, ridge .5**", both, 0.5)
        regression("the same, 300 neighbours", both, 0.5, 300)


if __name__ == "__main__":
    main()
