"""The search that both backends run, and the comparison with a local one."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.model_selection import GridSearchCV

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import make_short_text

N_ROWS, N_LABELS = 600, 40
GRID = {"n_neighbors": [0, 20], "n_filters": [4, 8]}


def fitted_search(texts: list[str], y: csr_matrix) -> GridSearchCV:
    """A search of four settings by three folds, on whatever backend joblib is set to."""
    clf = InceptionXMLClassifier(embedding_dim=32, max_epochs=6, batch_size=64, random_state=0)
    return GridSearchCV(clf, GRID, cv=3, n_jobs=2).fit(texts, y)


def compare(backend: AbstractContextManager[object]) -> None:
    """Run the search on the backend and here, and refuse another result."""
    data = make_short_text(N_ROWS, N_LABELS, indicator="csr", random_state=0)
    with backend:
        there = fitted_search(data.data, data.target)
    here = fitted_search(data.data, data.target)
    print(f"best there: {there.best_params_} with {there.best_score_:.4f}")
    print(f"best here:  {here.best_params_} with {here.best_score_:.4f}")
    print(there.cv_results_["mean_test_score"], here.cv_results_["mean_test_score"])
    assert there.best_params_ == here.best_params_
    scores = [search.cv_results_["mean_test_score"] for search in (there, here)]
    assert np.allclose(*scores, atol=0.02), scores
