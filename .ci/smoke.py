"""Fit, predict, save and load with the installed package, and say which versions did it."""

from __future__ import annotations

import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

warnings.filterwarnings("error", module=r"sk_inceptionxml\..*")

import numpy as np  # noqa: E402
from scipy import sparse  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402

import sk_inceptionxml  # noqa: E402
from sk_inceptionxml import InceptionXMLClassifier  # noqa: E402
from sk_inceptionxml.heads import SyncXML  # noqa: E402
from sk_inceptionxml.metrics import precision_at_k  # noqa: E402
from sk_inceptionxml.model_selection import RankingScorer  # noqa: E402

TITLES = ["red wooden boat", "blue wooden boat", "red paper kite", "blue paper kite"] * 20
LABELS = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"]] * 20
SMALL = {"embedding_dim": 32, "n_filters": 8, "max_epochs": 20, "random_state": 0}


def check_model(clf: InceptionXMLClassifier) -> None:
    """A fitted model knows its titles, and is the same after saving."""
    names, probabilities = clf.predict_topk(TITLES[:4], k=2)
    assert [sorted(row) for row in names.tolist()] == [sorted(row) for row in LABELS[:4]], names
    assert clf.explain("a red boat", label="boat")["probability"] > 0.5
    with tempfile.TemporaryDirectory() as folder:
        clf.save(folder)
        same = InceptionXMLClassifier.load(folder).predict_topk(TITLES[:4], k=2)
    assert np.array_equal(same[0], names)
    assert np.array_equal(same[1], probabilities)


def main() -> None:
    """Run the checks."""
    where = Path(sk_inceptionxml.__file__).parent
    assert where.is_relative_to(sys.prefix), f"{where} is not the installed package"
    for head in ("ova", SyncXML(n_clusters=2)):
        clf = InceptionXMLClassifier(head=head, **SMALL).fit(TITLES, LABELS)
        check_model(clf)
        clf.partial_fit(["green tin lamp"] * 4, [["green", "lamp"]] * 4)
        assert "lamp" in clf.classes_
    Y = sparse.csr_array(np.array([[1, 0, 1], [0, 1, 1]] * 20))
    search = GridSearchCV(
        InceptionXMLClassifier(**SMALL), {"lr": [1e-3]}, scoring=RankingScorer("ndcg", 2), cv=2
    )
    search.fit(TITLES[:40], Y)
    assert 0 <= precision_at_k(Y, search.predict_proba(TITLES[:40]), k=1) <= 1
    packages = ("torch", "scikit-learn", "skorch", "numpy", "scipy", "pandas", "safetensors")
    print(
        f"sk-inceptionxml {version('sk-inceptionxml')} works on Python {sys.version.split()[0]}, "
    )
    print(", ".join(f"{name} {version(name)}" for name in packages))


if __name__ == "__main__":
    main()
