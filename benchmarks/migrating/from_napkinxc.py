"""From napkinXC: the same task, side by side.

python benchmarks/migrating/from_napkinxc.py
"""

from __future__ import annotations

import tempfile

import numpy as np
from _side_by_side import K, compare, numbered
from sklearn.feature_extraction.text import TfidfVectorizer


def napkinxc_plt(X: list[str], y: list[list[str]], X_test: list[str]) -> list[list[str]]:
    """A probabilistic label tree on TF-IDF. Its model lives in a folder."""
    from napkinxc.models import PLT

    vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
    features = vectorizer.fit_transform(X)
    names, numbers = numbered(y)
    with tempfile.TemporaryDirectory() as folder:
        model = PLT(folder)
        model.fit(features, numbers)
        found = model.predict(vectorizer.transform(X_test), top_k=K)
    return [[names[label] for label in row] for row in found]


if __name__ == "__main__":
    compare("napkinXC PLT", "napkinxc", "pip install napkinxc", napkinxc_plt)
