"""Word vectors: read from every source, aligned, and made from the training data."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import scipy.sparse as sp

from sk_inceptionxml.text.embeddings import (
    embedding_table,
    ppmi_svd,
    pretrained_vectors,
    read_vectors,
)

WORDS = ["boat", "kite", "new york", "rare"]


def make_counts(seed=0, n=300):
    """Two topics of ten words and one label each."""
    rng = np.random.default_rng(seed)
    topic = rng.integers(0, 2, n)
    words = topic[:, None] * 10 + rng.integers(0, 10, (n, 5))
    counts = sp.csr_array((np.ones(n * 5), words.ravel(), np.arange(0, n * 5 + 1, 5)))
    counts.sum_duplicates()
    Y = sp.csr_array((np.ones(n), topic, np.arange(n + 1)), shape=(n, 2))
    return counts, Y


def test_words_of_one_topic_are_nearer_than_words_of_two():
    counts, Y = make_counts()
    v = ppmi_svd(counts, Y, 6, np.random.RandomState(0))
    v = v / np.linalg.norm(v, axis=1, keepdims=True)
    cosine = v @ v.T
    same = np.mean([cosine[:10, :10].mean(), cosine[10:, 10:].mean()])
    assert same > cosine[:10, 10:].mean() + 0.3


def test_table_has_a_zero_padding_row_and_rows_of_one_norm():
    counts, Y = make_counts()
    table = embedding_table(counts, Y, embedding_dim=300, random_state=np.random.RandomState(0))
    assert table.shape == (22, 300) and table.dtype == np.float32
    assert (table[0] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(table[2:], axis=1), 2.6, rtol=1e-3)


def test_same_random_state_same_table():
    counts, Y = make_counts()
    a, b = (
        embedding_table(counts, Y, embedding_dim=16, random_state=np.random.RandomState(3))
        for _ in range(2)
    )
    assert (a == b).all()


@pytest.mark.parametrize("header", ["", "3 2\n"])
@pytest.mark.parametrize("compressed", [False, True])
def test_text_vectors_with_and_without_header_plain_and_gzip(tmp_path, header, compressed):
    content = header + "boat 1.0 2.0\nkite 3.0 4.0\nunwanted 5 6\n"
    path = tmp_path / ("v.txt.gz" if compressed else "v.txt")
    with gzip.open(path, "wt") if compressed else open(path, "w") as file:
        file.write(content)
    found = read_vectors(path, {w: i for i, w in enumerate(WORDS)})
    assert sorted(found) == ["boat", "kite"]
    assert found["kite"].tolist() == [3.0, 4.0]


def test_capitals_stand_in_for_words_that_have_no_line(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("\ufeffBoat 1 2\nKite 3 4\nkite 5 6\nKITE 7 8\n", encoding="utf-8")
    found = read_vectors(path, {"boat": 0, "kite": 1})
    assert {word: vector.tolist() for word, vector in found.items()} == {
        "boat": [1.0, 2.0],
        "kite": [5.0, 6.0],
    }


def test_broken_line_is_named(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("unwanted 1 2\nboat 1.0 x\n")
    with pytest.raises(ValueError, match="line 2"):
        read_vectors(path, {"boat": 0})


class KeyedVectors:
    key_to_index = {"boat": 0, "kite": 1}

    def get_vector(self, word):
        return np.arange(3.0) + self.key_to_index[word]


@pytest.mark.parametrize("source", [KeyedVectors(), {"boat": [0.0, 1, 2], "kite": [1.0, 2, 3]}])
def test_keyed_vectors_and_mappings(source):
    v = pretrained_vectors(source, WORDS, 4)
    assert v[1].tolist() == [1.0, 2.0, 3.0]
    assert np.isnan(v[2:]).all()


@pytest.mark.parametrize(
    ("source", "words", "error", "match"),
    [
        (np.zeros((3, 5)), WORDS, ValueError, r"shape \(4, embedding_dim\)"),
        (np.full((4, 5), np.nan), WORDS, ValueError, "finite"),
        ({"other": [1.0]}, WORDS, ValueError, "no word"),
        ({"boat": [1.0], "kite": [1.0, 2.0]}, WORDS, ValueError, "several widths"),
        ({"boat": [1.0]}, None, ValueError, "raw text"),
        (3.5, WORDS, TypeError, "got float"),
    ],
)
def test_bad_sources_are_named(source, words, error, match):
    with pytest.raises(error, match=match):
        pretrained_vectors(source, words, 4)


def test_words_without_a_vector_start_from_the_data():
    counts, Y = make_counts()
    words = [f"w{i}" for i in range(20)]
    source = {"w0": np.ones(8), "w1": -np.ones(8)}
    table = embedding_table(
        counts, Y, source=source, words=words, random_state=np.random.RandomState(0)
    )
    assert table.shape == (22, 8) and np.isfinite(table).all()
    assert (np.sign(table[2]) == 1).all() and (np.sign(table[3]) == -1).all()
