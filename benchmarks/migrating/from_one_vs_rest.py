"""From scikit-learn's OneVsRestClassifier: the same task, side by side.

python benchmarks/migrating/from_one_vs_rest.py
"""

from __future__ import annotations

import numpy as np
from _side_by_side import K, compare
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC


def one_vs_rest(X: list[str], y: list[list[str]], X_test: list[str]) -> np.ndarray:
    """A linear classifier for each label on TF-IDF; dense scores, ranked by hand."""
    binarizer = MultiLabelBinarizer(sparse_output=True)
    Y = binarizer.fit_transform(y)
    model = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LinearSVC()))
    model.fit(X, Y)
    scores = model.decision_function(X_test)  # rows x labels, dense
    return binarizer.classes_[np.argsort(-scores, axis=1)[:, :K]]


if __name__ == "__main__":
    compare("OneVsRestClassifier", "sklearn", "pip install scikit-learn", one_vs_rest)
