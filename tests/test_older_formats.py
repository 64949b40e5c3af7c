"""Models saved in every version of the format keep loading, with the predictions of then.

``tests/fixtures/format-N/`` holds models of format version N and, beside each, its predictions as
JSON. They are never written again. When ``FORMAT_VERSION`` goes up, or a saved model gains state
that a fixture should hold, add the next ones and commit them:

    python tests/test_older_formats.py            # writes fixtures/format-<FORMAT_VERSION>/
    python tests/test_older_formats.py calibrated # adds one model of that name to them

for which ``MODELS`` says what each is. It refuses to replace a model that is there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.persistence._format import FORMAT_VERSION

FIXTURES = Path(__file__).parent / "fixtures"
TITLES = [f"{a} {b}" for a in ("red", "blue", "grün") for b in ("boat", "kite", "lamp")] * 2
LISTS = [title.split() for title in TITLES]
NAMES = sorted({name for row in LISTS for name in row})
INDICATOR = sp.csr_array([[int(name in row) for name in NAMES] for row in LISTS])
MATRIX = [[round(abs(np.sin(i * j + i)), 3) for j in range(5)] for i in range(len(TITLES))]
QUERIES = {
    "text": ["a red boat", "grün lamp kite", "bleu kites", "", "zzyzx"],
    "matrix": [*MATRIX[:3], [0.0] * 5, [0.5, -1.0, 0.0, 2.0, 0.25]],
}
SMALL = {
    "embedding_dim": 8,
    "n_filters": 2,
    "kernel_sizes": (4,),
    "max_len": 6,
    "max_epochs": 2,
    "random_state": 0,
    "device": "cpu",
}
MODELS = {
    "lists-sync": lambda: InceptionXMLClassifier(
        head="sync", n_clusters=2, vectorizer=CountVectorizer(stop_words=["a"]), **SMALL
    ).fit(TITLES, LISTS),
    "matrix-ova": lambda: InceptionXMLClassifier(head="ova", **SMALL).fit(MATRIX, INDICATOR),
    "calibrated": lambda: InceptionXMLClassifier(
        calibrate="sigmoid", validation_fraction=0.5, **SMALL
    ).fit(TITLES * 6, LISTS * 6),
}
SAVED = sorted(path.parent for path in FIXTURES.glob("format-*/*/model.json"))


def queries(model):
    return QUERIES[model.vectorizer_.kind_]


def predictions(model):
    names, scores = model.predict_topk(queries(model), k=3)
    return {"names": names.tolist(), "scores": scores.astype(float).tolist()}


@pytest.mark.parametrize("directory", SAVED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_older_model_predicts_what_it_did(directory):
    model = InceptionXMLClassifier.load(directory, device="cpu")
    expected = json.loads(directory.with_suffix(".predictions.json").read_text(encoding="utf-8"))
    found = predictions(model)
    assert found["names"] == expected["names"]
    np.testing.assert_allclose(found["scores"], expected["scores"], rtol=1e-4, atol=1e-6)


def test_the_format_in_use_has_its_fixtures():
    versions = {int(path.parent.name.removeprefix("format-")) for path in SAVED}
    missing = sorted(set(range(1, FORMAT_VERSION + 1)) - versions)
    assert not missing, f"run: python {Path(__file__).name}, and commit what it writes ({missing})"


def test_fixtures_are_small():
    sizes = [path.stat().st_size for path in FIXTURES.rglob("*") if path.is_file()]
    assert sizes and sum(sizes) < 60_000 * FORMAT_VERSION


def test_fixtures_declare_their_version():
    for directory in SAVED:
        manifest = json.loads((directory / "model.json").read_text())
        assert f"format-{manifest['format_version']}" == directory.parent.name


def main(names):
    for name in names or MODELS:
        target = FIXTURES / f"format-{FORMAT_VERSION}" / name
        if target.exists():
            sys.exit(f"{target} exists; a fixture is never written again")
        model = MODELS[name]()
        model.save(target)
        text = json.dumps(predictions(model), ensure_ascii=False, indent=1)
        target.with_suffix(".predictions.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
