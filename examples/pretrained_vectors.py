"""Start the word vectors from a file in the text format of GloVe.

The file is made here, from word vectors of the training texts, so that nothing is downloaded.
Give the path of your own file instead: GloVe, word2vec or fastText text vectors, plain or ``.gz``.
"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs


def write_vectors(texts: list[str], path: Path, n_components: int = 96) -> int:
    """Write a line with a word and its vector for every word; return the number of words."""
    counter = CountVectorizer(min_df=2, binary=True)
    present = counter.fit_transform(texts)
    together = present.T @ present
    together.data = np.log1p(together.data)
    svd = TruncatedSVD(n_components, random_state=0)
    vectors = svd.fit_transform(together.astype(np.float64))
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for word, vector in zip(counter.get_feature_names_out(), vectors, strict=True):
            file.write(word + " " + " ".join(f"{value:.5f}" for value in vector) + "\n")
    return len(vectors)


def main() -> None:
    """Write vectors, train from them, and from random ones."""
    X_train, y_train = load_api_docs(subset="train", return_X_y=True)
    X_test, y_test = load_api_docs(subset="test", return_X_y=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.txt.gz"
        print(f"{write_vectors(X_train, path)} words written to {path.name}")
        for name, source in [("from the file", path), ("random", "random")]:
            # without the lexical neighbours the vectors matter most
            clf = InceptionXMLClassifier(
                embeddings=source, embedding_dim=96, max_epochs=5, n_neighbors=0, random_state=0
            )
            clf.fit(X_train, y_train)
            print(f"precision at 1, vectors {name}: {clf.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main()
