"""Across the modules of clustering: work in blocks, and the examples."""

from __future__ import annotations

import doctest
import importlib

import pytest
from _label_topics import topics

from sk_inceptionxml.clustering import label_graph, pifa


def test_blocks_do_not_change_results(monkeypatch):
    X, Y, _ = topics(n_labels=200, n_topics=8)
    features, graph = pifa(Y, X, max_features=5), label_graph(Y)
    row_blocks = importlib.import_module("sk_inceptionxml.clustering._sparse").row_blocks
    for module in ("_sparse", "_graph"):
        monkeypatch.setattr(
            importlib.import_module(f"sk_inceptionxml.clustering.{module}"),
            "row_blocks",
            lambda cost, budget=0: row_blocks(cost, 100),
        )
    for n_jobs in (None, 2):
        assert (pifa(Y, X, max_features=5, n_jobs=n_jobs) != features).nnz == 0
        assert (label_graph(Y, n_jobs=n_jobs) != graph).nnz == 0


@pytest.mark.parametrize("name", ["_features", "_graph", "_estimator", "_validation"])
def test_examples(name):
    result = doctest.testmod(importlib.import_module(f"sk_inceptionxml.clustering.{name}"))
    assert result.attempted > 0 and result.failed == 0
