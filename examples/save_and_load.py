"""Save a fitted classifier as plain data, and load it again.

The directory holds safetensors and JSON. Loading it executes nothing, unlike a pickle.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs

QUERY = "compute the mean of an array along an axis"


def main() -> None:
    """Fit, save, load, and compare."""
    X, y = load_api_docs(subset="train", return_X_y=True)
    clf = InceptionXMLClassifier(embedding_dim=96, max_epochs=3, random_state=0).fit(X, y)

    with tempfile.TemporaryDirectory() as folder:
        clf.save(folder)
        for path in sorted(Path(folder).iterdir()):
            print(f"{path.name:24}{path.stat().st_size / 1e6:8.1f} MB")
        loaded = InceptionXMLClassifier.load(folder)

    before, after = clf.predict_topk([QUERY]), loaded.predict_topk([QUERY])
    same = np.array_equal(before[0], after[0]) and np.array_equal(before[1], after[1])
    print(f"same labels and probabilities after loading: {same}")
    print(f"{QUERY}: {', '.join(after[0][0])}")


if __name__ == "__main__":
    main()
