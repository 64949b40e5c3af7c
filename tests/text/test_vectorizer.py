"""Texts and matrices to rows of token ids."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from _titles import TITLES, relaxed, rows_of, words_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer

from sk_inceptionxml.text import PADDING, UNKNOWN, TokenVectorizer


def test_order_and_frequency_ids():
    vectorizer = TokenVectorizer()
    tokens = vectorizer.fit_transform(TITLES)
    assert words_of(vectorizer, tokens) == [
        ["red", "boat", "on", "the", "lake"],
        ["a", "red", "sky"],
        ["the", "lake", "and", "the", "sky"],
        ["boat", "boat"],
        ["?"],
    ]
    expected = ["boat", "the", "lake", "red", "sky", "a", "and", "on"]
    assert vectorizer.vocabulary_ == {word: i for i, word in enumerate(expected, 2)}
    assert vectorizer.n_features_in_ == 8 and vectorizer.n_tokens_ == 10
    assert tokens.weights is None and PADDING not in tokens.ids


def test_truncation_and_full():
    text = " ".join(f"w{i}" for i in range(50))
    vectorizer = TokenVectorizer(max_len=7)
    tokens = vectorizer.fit_transform([text, "w3 w1"])
    assert tokens.lengths.tolist() == [7, 2]
    assert len(vectorizer.vocabulary_) == 50
    assert words_of(vectorizer, vectorizer.transform([text], full=True)) == [text.split()]
    assert words_of(vectorizer, vectorizer.transform([text])) == [text.split()[:7]]
    everything = vectorizer.fit_transform([text], full=True)
    assert words_of(vectorizer, everything) == [text.split()]


@relaxed
@given(st.lists(st.text("ab ,é猫1", max_size=12), min_size=1))
def test_transform_of_training_texts_equals_fit_transform(texts):
    vectorizer = TokenVectorizer(max_len=3)
    try:
        tokens = vectorizer.fit_transform(texts)
    except ValueError as error:
        assert "no word" in str(error) and not any(c.isalnum() for c in "".join(texts))
        return
    assert (tokens.lengths >= 1).all() and (tokens.lengths <= 3).all()
    assert rows_of(vectorizer.transform(texts)) == rows_of(tokens)
    alone = [rows_of(vectorizer.transform([text]))[0] for text in texts]
    assert alone == rows_of(tokens)


def test_no_rows_and_rows_without_known_words():
    vectorizer = TokenVectorizer().fit(TITLES)
    assert len(vectorizer.transform([])) == 0
    assert rows_of(vectorizer.transform(["", "?!", "zzzzqx", "qq boat qq", "  "])) == [
        [UNKNOWN],
        [UNKNOWN],
        [UNKNOWN],
        [UNKNOWN, 2, UNKNOWN],
        [UNKNOWN],
    ]


@pytest.mark.parametrize("kind", [CountVectorizer, TfidfVectorizer])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"min_df": 2},
        {"max_df": 1},
        {"max_features": 3},
        {"stop_words": ["the"]},
        {"vocabulary": ["sky", "boat", "lake"]},
        {"ngram_range": (1, 2)},
        {"analyzer": "char_wb", "ngram_range": (2, 3)},
        {"analyzer": str.split, "lowercase": False},
    ],
    ids=str,
)
def test_given_vectorizer_decides_words_and_limits(kind, params):
    given_one = kind(**params)
    vectorizer = TokenVectorizer(given_one, max_len=99)
    tokens = vectorizer.fit_transform(TITLES)
    reference = clone(given_one).fit(TITLES)
    assert vectorizer.vocabulary_ == {w: i + 2 for w, i in reference.vocabulary_.items()}
    analyze = reference.build_analyzer()
    assert words_of(vectorizer, tokens) == [
        [w if w in reference.vocabulary_ else "?" for w in analyze(text)] or ["?"]
        for text in TITLES
    ]
    assert rows_of(vectorizer.transform(TITLES)) == rows_of(tokens)
    assert (
        not hasattr(given_one, "vocabulary_")
        and given_one.get_params() == kind(**params).get_params()
    )


def test_words_cut_by_the_limits_are_not_replaced():
    texts = ["painting one", "painting two", "paintings three"]
    vectorizer = TokenVectorizer(CountVectorizer(min_df=2))
    tokens = vectorizer.fit_transform(texts)
    assert words_of(vectorizer, tokens)[2] == ["?", "?"]
    assert words_of(vectorizer, vectorizer.transform(["paintings", "paintingz"])) == [
        ["?"],
        ["painting"],
    ]
    assert "paintings" in vectorizer.cut_words_


def test_hashing_vectorizer_columns():
    hashing = HashingVectorizer(n_features=64, lowercase=False)
    vectorizer = TokenVectorizer(hashing)
    tokens = vectorizer.fit_transform(TITLES)
    assert vectorizer.n_tokens_ == 66 and not hasattr(vectorizer, "vocabulary_")
    plain = clone(hashing).set_params(norm=None, alternate_sign=False)
    expected = plain.transform([*TITLES[:4], "Unheard words"]).toarray()
    tokens = vectorizer.transform([*TITLES[:4], "Unheard words"])
    np.testing.assert_array_equal(tokens.to_csr(66).toarray()[:, 2:], expected)
    assert rows_of(vectorizer.transform([""])) == [[UNKNOWN]]


def test_any_object_with_build_analyzer():
    class Commas:
        def build_analyzer(self):
            return lambda text: iter(text.split(","))

    vectorizer = TokenVectorizer(Commas())
    assert words_of(vectorizer, vectorizer.fit_transform(["a b,c", "c"])) == [["a b", "c"], ["c"]]


@pytest.mark.parametrize("vectorizer", [str.split, CountVectorizer, "word", 3], ids=str)
def test_other_vectorizers_are_refused(vectorizer):
    with pytest.raises(TypeError, match="vectorizer must be"):
        TokenVectorizer(vectorizer).fit(TITLES)


@pytest.mark.parametrize("max_len", [0, -1, 2.0, None, True, "3"])
def test_bad_max_len(max_len):
    with pytest.raises(ValueError, match="max_len"):
        TokenVectorizer(max_len=max_len).fit(TITLES)


def test_bad_nearest_unknown():
    with pytest.raises(TypeError, match="nearest_unknown"):
        TokenVectorizer(nearest_unknown="yes").fit(TITLES)


MATRICES = arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 8)),
    elements=st.sampled_from([0, 0, 0, 1, -1, 2, -2, 0.5, 3.25]),
)


@relaxed
@given(MATRICES, st.integers(1, 9), st.sampled_from(["csr", "csc", "coo", "dense", "matrix"]))
def test_matrix_rows_are_ordered_by_weight(dense, max_len, form):
    make = {"dense": lambda x: x, "matrix": sp.csr_matrix}.get(
        form, lambda x: sp.coo_array(x).asformat(form)
    )
    vectorizer = TokenVectorizer(max_len=max_len)
    tokens = vectorizer.fit_transform(make(dense))
    expected = []
    for row in dense.tolist():
        order = sorted((-abs(v), j) for j, v in enumerate(row) if v)
        expected.append([(j + 2, row[j]) for _, j in order][:max_len] or [(UNKNOWN, 1.0)])
    assert rows_of(tokens) == [[i for i, _ in row] for row in expected]
    assert tokens.weights.dtype == np.float32
    assert tokens.weights.tolist() == [v for row in expected for _, v in row]
    assert vectorizer.kind_ == "matrix" and vectorizer.n_tokens_ == dense.shape[1] + 2
    full = vectorizer.transform(make(dense), full=True)
    np.testing.assert_array_equal(full.to_csr(vectorizer.n_tokens_).toarray()[:, 2:], dense)


def test_matrix_with_duplicates_zeros_and_read_only_buffers():
    data = np.array([1.0, 0.0, 2.0, 2.0, -1.0, 1.0], np.float32)
    indices = np.array([3, 1, 0, 3, 2, 2], np.int32)
    indptr = np.array([0, 4, 6], np.int32)
    before = [a.copy() for a in (data, indices, indptr)]
    for a in (data, indices, indptr):
        a.flags.writeable = False
    tokens = TokenVectorizer().fit_transform(sp.csr_array((data, indices, indptr), shape=(2, 4)))
    assert rows_of(tokens) == [[5, 2], [UNKNOWN]]
    assert tokens.weights.tolist() == [3, 2, 1]
    for a, b in zip((data, indices, indptr), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_matrix_columns_are_checked():
    frame = pd.DataFrame({"boat": [1.0, 0.0], "sky": [0.0, 2.0]})
    vectorizer = TokenVectorizer().fit(frame)
    assert vectorizer.feature_names_in_.tolist() == ["boat", "sky"]
    with pytest.raises(ValueError, match="feature names"):
        vectorizer.transform(frame[["sky", "boat"]])
    with pytest.raises(ValueError, match="features"):
        TokenVectorizer().fit(np.ones((1, 2))).transform(np.ones((1, 3)))
    with pytest.raises(ValueError, match="NaN"):
        TokenVectorizer().fit(np.array([[np.nan]]))
    with pytest.raises(TypeError, match="raw text, but fit has seen a matrix"):
        vectorizer.transform(TITLES)
    with pytest.raises(ValueError, match="needs raw text"):
        TokenVectorizer(CountVectorizer()).fit(frame)
    vectorizer.fit(TITLES)
    assert not hasattr(vectorizer, "feature_names_in_")


def test_inputs_are_untouched():
    titles = list(TITLES)
    series = pd.Series(titles)
    for X in (titles, series):
        TokenVectorizer().fit(X).transform(X)
    assert titles == TITLES and series.tolist() == TITLES
