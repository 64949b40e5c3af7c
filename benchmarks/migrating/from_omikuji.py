"""From omikuji: the same task, side by side.

python benchmarks/migrating/from_omikuji.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from _side_by_side import K, compare, numbered
from sklearn.feature_extraction.text import TfidfVectorizer


def omikuji_bonsai(X: list[str], y: list[list[str]], X_test: list[str]) -> list[list[str]]:
    """A forest of label trees. It reads a file, and predicts one row a call."""
    import omikuji

    vectorizer = TfidfVectorizer(sublinear_tf=True)
    features = vectorizer.fit_transform(X)
    names, numbers = numbered(y)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        rows = [i for i in range(len(X)) if features[[i]].nnz]  # it refuses rows without a word
        with open(path, "w") as stream:
            stream.write(f"{len(rows)} {features.shape[1]} {len(names)}\n")
            for i in rows:
                row = sorted(pairs(features[[i]]))
                words = " ".join(f"{j}:{value:.6g}" for j, value in row)
                stream.write(",".join(map(str, numbers[i])) + " " + words + "\n")
        hyper_param = omikuji.Model.default_hyper_param()
        hyper_param.cluster_balanced = False
        hyper_param.cluster_k = 100
        hyper_param.max_depth = 3
        model = omikuji.Model.train_on_data(str(path), hyper_param)
    tested = vectorizer.transform(X_test)
    found = (model.predict(pairs(tested[[i]]), top_k=K) for i in range(len(X_test)))
    return [[names[label] for label, _ in row] for row in found]


def pairs(row) -> list[tuple[int, float]]:
    """A sparse row as omikuji takes it."""
    return list(zip(row.indices.tolist(), row.data.tolist(), strict=True))


if __name__ == "__main__":
    compare("omikuji Bonsai", "omikuji", "pip install omikuji", omikuji_bonsai)
