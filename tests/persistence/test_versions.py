"""Models saved in every version of the format keep loading, with the predictions of then.

``tests/fixtures/format-N/`` holds models of format version N and, beside each, its predictions as
JSON. They are never written again. When ``FORMAT_VERSION`` goes up, or a saved model gains state
that a fixture should hold, add the next ones and commit them:

    python tests/persistence/test_versions.py            # writes fixtures/format-<FORMAT_VERSION>/
    python tests/persistence/test_versions.py calibrated # adds one model of that name to them

for which ``MODELS`` says what each is. It refuses to replace a model that is there.

Scores may differ by what sums in another order round to, and labels may change places where they
differ by no more.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.heads import OneVsAll, SyncXML
from sk_inceptionxml.persistence.versions import FORMAT_VERSION

FIXTURES = Path(__file__).parents[1] / "fixtures"
TOLERANCE = 1e-5  # of a score
TITLES = [f"{a} {b}" for a in ("red", "blue", "grün") for b in ("boat", "kite", "lamp")] * 2
LISTS = [title.split() for title in TITLES]
NAMES = sorted({name for row in LISTS for name in row})
INDICATOR = sp.csr_array([[int(name in row) for name in NAMES] for row in LISTS])
MATRIX = [[round(abs(np.sin(i * j + i)), 3) for j in range(5)] for i in range(len(TITLES))]
COLUMNS = ["breite", "höhe", "length", "weight", "x 5"]
MORE_TITLES = ["red lamp boat", "red lamp", "blue drum", "drum"]
MORE_LISTS = [["red", "lamp", "ship"], ["lamp"], ["blue", "drum"], ["drum", "ship"]]
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
        head=SyncXML(n_clusters=2), vectorizer=CountVectorizer(stop_words=["a"]), **SMALL
    ).fit(TITLES, LISTS),
    "matrix-ova": lambda: InceptionXMLClassifier(head="ova", **SMALL).fit(MATRIX, INDICATOR),
    "calibrated": lambda: InceptionXMLClassifier(
        calibrate="sigmoid", validation_fraction=0.5, **SMALL
    ).fit(TITLES * 6, LISTS * 6),
    "named-columns": lambda: InceptionXMLClassifier(
        head=OneVsAll(label_dtype="float16"), **SMALL
    ).fit(pd.DataFrame(MATRIX, columns=COLUMNS), INDICATOR),
    "hashed": lambda: InceptionXMLClassifier(
        vectorizer=HashingVectorizer(n_features=1 << 14), **SMALL
    ).fit(TITLES, LISTS),
    "grown-sync": lambda: (
        InceptionXMLClassifier(head=SyncXML(n_clusters=3, beam_size=2), **SMALL)
        .partial_fit(TITLES, LISTS)
        .partial_fit(MORE_TITLES, MORE_LISTS)
    ),
}
SAVED = sorted(path.parent for path in FIXTURES.glob("format-*/*/model.json"))


def queries(model):
    rows = QUERIES[model.vectorizer_.kind_]
    named = hasattr(model, "feature_names_in_")
    return pd.DataFrame(rows, columns=model.feature_names_in_) if named else rows


def predictions(model):
    names, scores = model.predict_topk(queries(model), k=3)
    return {"names": names.tolist(), "scores": scores.astype(float).tolist()}


def assert_predicts(model, expected):
    """Compare with predictions of then, up to rounding."""
    names, scores = model.predict_topk(queries(model), k=model.n_labels_)
    np.testing.assert_allclose(scores[:, :3], expected["scores"], rtol=0, atol=TOLERANCE)
    for row, found, wanted, then in zip(
        names.tolist(), scores.tolist(), expected["names"], expected["scores"], strict=True
    ):
        score_of = dict(zip(row, found, strict=True))
        now = [score_of[name] for name in wanted]
        np.testing.assert_allclose(now, then, rtol=0, atol=TOLERANCE, err_msg=str(wanted))


def expected_of(directory):
    return json.loads(directory.with_suffix(".predictions.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("directory", SAVED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_older_model_predicts_what_it_did(directory, tmp_path):
    model = InceptionXMLClassifier.load(directory, device="cpu")
    assert_predicts(model, expected_of(directory))
    model.save(tmp_path / "new")  # in the format of today
    again = InceptionXMLClassifier.load(tmp_path / "new", device="cpu")
    assert predictions(again) == predictions(model)
    assert repr(again.get_params()) == repr(model.get_params())


@pytest.mark.parametrize("directory", SAVED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_older_model_learns_on(directory):
    model = InceptionXMLClassifier.load(directory, device="cpu")
    n_rows = model.n_samples_fit_
    if model.vectorizer_.kind_ == "text":
        model.partial_fit(MORE_TITLES, MORE_LISTS)
        assert {"drum", "ship"} <= set(model.classes_)
    else:
        model.partial_fit(queries(model)[:4], INDICATOR[:4])
    assert model.n_samples_fit_ == n_rows + 4


def test_heads_of_older_formats_have_their_parameters():
    loaded = {
        path: InceptionXMLClassifier.load(path, device="cpu").head
        for path in SAVED
        if path.name == "lists-sync"
    }
    assert len(loaded) == FORMAT_VERSION
    for head in loaded.values():
        assert isinstance(head, SyncXML) and head.n_clusters == 2


def test_texts_are_read_in_the_forms_of_then():
    """From format 4 on, texts that look the same are the same text."""
    for path in SAVED:
        if path.name == "lists-sync":
            model = InceptionXMLClassifier.load(path, device="cpu")
            wide, narrow = model.predict_topk(["ｒｅｄ ｂｏａｔ", "red boat"], k=6)[1]
            assert np.array_equal(wide, narrow) == (path.parent.name >= "format-4")


def test_the_comparison_is_strict():
    directory = FIXTURES / "format-1" / "lists-sync"
    model, expected = InceptionXMLClassifier.load(directory, device="cpu"), expected_of(directory)
    first, second, *rest = expected["names"][0]
    other = {**expected, "names": [[second, first, *rest], *expected["names"][1:]]}
    with pytest.raises(AssertionError, match=second):
        assert_predicts(model, other)
    scores = (np.array(expected["scores"]) + 2 * TOLERANCE).tolist()
    with pytest.raises(AssertionError):
        assert_predicts(model, {**expected, "scores": scores})


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
