"""Train on real short texts and print ranked labels.

The summaries of the public functions of the installed scientific packages are the texts, the
names of their parameters the labels: thousands of each, with a long tail, and nothing to download.
"""

from __future__ import annotations

import time

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.labels import LabelSpace
from sk_inceptionxml.metrics import inverse_propensity, ranking_report, top_k_indices

QUERIES = [
    "compute the mean of an array along an axis",
    "read a table from a csv file",
    "apply a convolution over an input signal",
]
COLUMNS = ["P@1", "P@3", "P@5", "nDCG@5", "PSP@1", "PSP@3", "PSP@5"]


def popularity(Y_train: sparse.csr_array, n_queries: int) -> np.ndarray:
    """The most frequent labels, for every query."""
    counts = np.bincount(Y_train.indices, minlength=Y_train.shape[1])
    return np.tile(np.argsort(-counts, kind="stable")[:5], (n_queries, 1))


def nearest_neighbours(
    train: list[str], Y_train: sparse.csr_array, queries: list[str]
) -> np.ndarray:
    """Votes of the 50 texts nearest in TF-IDF, weighted by the square of the cosine."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    search = NearestNeighbors(n_neighbors=50, metric="cosine").fit(vectorizer.fit_transform(train))
    distance, neighbour = search.kneighbors(vectorizer.transform(queries))
    weight = (1 - distance).clip(0) ** 2
    votes = sparse.csr_array(
        (weight.ravel(), neighbour.ravel(), np.arange(0, weight.size + 1, 50)),
        shape=(len(queries), len(train)),
    )
    return top_k_indices(votes @ Y_train, 5)


def main() -> None:
    """Train, evaluate beside two baselines, and answer three queries."""
    train, test = load_api_docs(subset="train"), load_api_docs(subset="test")
    print(f"{len(train.data)} training texts, such as {train.data[0]!r}: {train.target[0]}")

    start = time.perf_counter()
    clf = InceptionXMLClassifier(random_state=0, verbose=1).fit(train.data, train.target)
    print(f"trained on {clf.n_labels_} labels in {time.perf_counter() - start:.0f} s")

    # labels that only the test part has stay in the truth, as labels that nobody can find
    known = {label: i for i, label in enumerate(clf.classes_)}
    unseen = sorted({x for row in test.target for x in row} - set(known))
    classes = [*clf.classes_, *unseen]
    column = {label: i for i, label in enumerate(classes)}
    Y_train = LabelSpace.from_y(train.target)[1]
    rows = np.repeat(np.arange(len(test.target)), [len(r) for r in test.target])
    columns = [column[x] for row in test.target for x in row]
    Y_test = sparse.csr_array(
        (np.ones(len(rows)), (rows, columns)), shape=(len(test.target), len(classes))
    )
    counts = np.bincount(Y_train.indices, minlength=len(classes))
    weights = inverse_propensity(counts, n_samples=len(train.data))

    names, _ = clf.predict_topk(test.data, k=5)
    rankings = {
        "popularity": popularity(Y_train, len(test.data)),
        "TF-IDF neighbours": nearest_neighbours(train.data, Y_train, test.data),
        "InceptionXMLClassifier": np.array([[known[x] for x in row] for row in names]),
    }
    print(f"\n{'held-out texts, percent':26}" + "".join(f"{c:>8}" for c in COLUMNS))
    for name, ranking in rankings.items():
        report = ranking_report(Y_test, ranking, inverse_propensity=weights)
        print(f"{name:26}" + "".join(f"{report[c]:8.2f}" for c in COLUMNS))

    print()
    for query, labels, scores in zip(QUERIES, *clf.predict_topk(QUERIES, k=5), strict=True):
        ranked = ", ".join(f"{x} {p:.2f}" for x, p in zip(labels, scores, strict=True))
        print(f"{query}\n    {ranked}")


if __name__ == "__main__":
    main()
