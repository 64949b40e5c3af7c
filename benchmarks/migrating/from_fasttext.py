"""From fastText: the same task, side by side.

python benchmarks/migrating/from_fasttext.py
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from _side_by_side import K, compare, numbered


def fasttext_ova(X: list[str], y: list[list[str]], X_test: list[str]) -> list[list[str]]:
    """Averaged word vectors, one-vs-all. It reads a file of lines with ``__label__``."""
    import fasttext

    names, numbers = numbered(y)  # a label may hold no blank
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        with open(path, "w", encoding="utf-8") as stream:
            for text, row in zip(X, numbers, strict=True):
                stream.write("".join(f"__label__{j} " for j in row) + words(text) + "\n")
        model = fasttext.train_supervised(
            str(path), loss="ova", epoch=25, lr=0.2, minCount=1, seed=0, verbose=0
        )
    labels, _ = model.predict([words(text) for text in X_test], k=K)
    return [[names[int(label.removeprefix("__label__"))] for label in row] for row in labels]


def words(text: str) -> str:
    """Lower-cased words on one line: fastText splits at blanks alone."""
    return " ".join(re.findall(r"\w+", text.lower()))


if __name__ == "__main__":
    compare("fastText", "fasttext", "pip install fasttext-wheel", fasttext_ova)
