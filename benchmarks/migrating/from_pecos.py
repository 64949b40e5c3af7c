"""From XR-Linear of PECOS: the same task, side by side.

python benchmarks/migrating/from_pecos.py
"""

from __future__ import annotations

import numpy as np
from _side_by_side import K, compare
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import MultiLabelBinarizer


def xr_linear(X: list[str], y: list[list[str]], X_test: list[str]) -> list[list[str]]:
    """A label tree on TF-IDF. It takes 32-bit CSR matrices and returns one."""
    from pecos.xmc import Indexer, LabelEmbeddingFactory
    from pecos.xmc.xlinear.model import XLinearModel

    vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
    features = vectorizer.fit_transform(X)
    binarizer = MultiLabelBinarizer(sparse_output=True)
    Y = binarizer.fit_transform(y).astype(np.float32)
    label_features = LabelEmbeddingFactory.create(Y, features, method="pifa")
    cluster_chain = Indexer.gen(label_features, indexer_type="hierarchicalkmeans")
    model = XLinearModel.train(features, Y, C=cluster_chain)
    scores = model.predict(vectorizer.transform(X_test), beam_size=10, only_topk=K)
    found = []
    for start, stop in zip(scores.indptr[:-1], scores.indptr[1:], strict=True):
        best = np.argsort(-scores.data[start:stop], kind="stable")
        found.append(list(binarizer.classes_[scores.indices[start:stop][best]]))
    return found


if __name__ == "__main__":
    compare("XR-Linear", "pecos", "pip install libpecos", xr_linear)
