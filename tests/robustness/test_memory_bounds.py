"""Peak memory of fit and of predictions, measured in a process of its own each."""

from __future__ import annotations

import subprocess
import sys

import pytest

START = """
import resource, sys
import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.pipeline import make_pipeline
from sk_inceptionxml import InceptionXMLClassifier

rng = np.random.default_rng(0)
settings = dict(embedding_dim=32, n_filters=4, max_epochs=1, random_state=0, device="cpu")
titles = [f"word{i % 50} thing{i % 37}" for i in range(108)]
labels = [[f"label {i % 20}"] for i in range(len(titles))]
InceptionXMLClassifier(**settings).fit(titles, labels).predict_topk(titles)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MB

before = peak()
"""

CASES = {
    # the words of a text are paired with each other
    "long texts": (
        """
long = [" ".join(f"w{j}" for j in rng.integers(0, 20_000, 1500)) for _ in range(100)]
InceptionXMLClassifier(**settings).fit(long, labels[:100])
""",
        600,
    ),
    "long documents": (
        """
long = [" ".join(f"word{j}" for j in rng.zipf(1.3, 1500) % 30_000)[:10_000] for _ in range(100)]
InceptionXMLClassifier(**settings).fit(long, labels[:100])
""",
        400,
    ),
    # a million columns, of which few are used
    "wide hashes": (
        """
make_pipeline(HashingVectorizer(), InceptionXMLClassifier(**settings)).fit(titles, labels)
InceptionXMLClassifier(vectorizer=HashingVectorizer(), **settings).fit(titles, labels)
""",
        150,
    ),
    # 4,000 rows of 3,000 classes are 46 MB
    "wide outputs": (
        """
many = np.arange(6000) % 3000
texts = [f"word{i} thing{i % 37}" for i in many]
clf = InceptionXMLClassifier(n_neighbors=5, **settings).fit(texts, many)
before = peak()
assert clf.predict_proba(texts[:4000]).shape == (4000, 3000)
""",
        4.5 * 46,
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory in the unit of Linux")
@pytest.mark.parametrize("name", CASES)
def test_memory_is_bounded_by_what_is_used(name):
    code, most = CASES[name]
    done = subprocess.run(
        [sys.executable, "-c", f"{START}{code}print(peak() - before)"],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < most, f"{float(done.stdout):.0f} MB"
