"""Titles that arrive in batches, with labels that nobody knew at first.

The summaries of the public functions of the installed scientific packages arrive in batches. Some
parameter names come with the last batch only, as new labels do in a running system.
"""

from __future__ import annotations

import time

import numpy as np

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs

LATE = {"ddof", "rcond", "sep", "keepdims"}  # labels that only the last batch has
N_BATCHES = 4


def found(clf: InceptionXMLClassifier, X: list[str], y: list[list[str]]) -> str:
    """Share of the texts with a late label that get it among their best five."""
    rows = [i for i, labels in enumerate(y) if LATE & set(labels)]
    names, _ = clf.predict_topk([X[i] for i in rows], k=5)
    hits = sum(bool(LATE & set(y[i]) & set(row)) for i, row in zip(rows, names, strict=True))
    return f"{hits} of {len(rows)}"


def main() -> None:
    """Fit on the first batch, go on with the others, and look at the late labels."""
    X, y = load_api_docs(subset="train", return_X_y=True)
    X_test, y_test = load_api_docs(subset="test", return_X_y=True)

    order = np.random.default_rng(0).permutation(len(X))
    late = [i for i in order if LATE & set(y[i])]
    batches = np.array_split([i for i in order if not LATE & set(y[i])], N_BATCHES)
    batches[-1] = np.append(batches[-1], late)

    clf = InceptionXMLClassifier(embedding_dim=96, max_epochs=20, random_state=0)
    for number, batch in enumerate(batches):
        start = time.perf_counter()
        texts, labels = [X[i] for i in batch], [y[i] for i in batch]
        if number == 0:
            clf.fit(texts, labels)  # many passes over what there is, then one over each batch
        else:
            clf.partial_fit(texts, labels)
        seconds = time.perf_counter() - start
        print(
            f"batch {number}: {len(texts)} texts in {seconds:4.1f} s, {clf.n_labels_} labels, "
            f"P@1 {clf.score(X_test, y_test):.3f}, late labels found in "
            f"{found(clf, X_test, y_test)} texts"
        )

    query = X[late[0]]
    names, probabilities = clf.predict_topk([query], k=5)
    ranked = ", ".join(f"{n} {p:.2f}" for n, p in zip(names[0], probabilities[0], strict=True))
    print(f"{query}: {ranked}")


if __name__ == "__main__":
    main()
