"""Figures without a screen, and two small classifiers."""

import matplotlib
import pytest
from _models import small

from sk_inceptionxml.datasets import make_short_text

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    from matplotlib import pyplot

    yield
    pyplot.close("all")


@pytest.fixture(scope="session")
def texts():
    """Training and test rows: X, y, X_test, y_test."""
    toy = make_short_text(400, 40, random_state=0)
    return toy.data[:300], toy.target[:300], toy.data[300:], toy.target[300:]


@pytest.fixture(scope="session")
def ova(texts):
    X, y, X_test, y_test = texts
    return small().fit(X, y, validation_data=(X_test, y_test))


@pytest.fixture(scope="session")
def sync(texts):
    return small(head="sync", n_clusters=8, max_epochs=4).fit(*texts[:2])
