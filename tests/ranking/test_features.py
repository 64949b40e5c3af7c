"""Lexical features equal those of scikit-learn's transformers."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_inceptionxml._utils.sparse import unit_rows
from sk_inceptionxml.ranking.features import WORD_SHARE, LexicalFeatures


def test_lexical_features_have_unit_length_and_see_through_a_typo():
    texts = ["wooden boat", "stone bridge", "", "a boat"]
    counts = sp.csr_array(
        np.array([[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 1]], np.float32)
    )
    features = LexicalFeatures()
    rows = features.fit_transform(counts, texts)
    norms = np.sqrt(rows.multiply(rows).sum(axis=1))
    np.testing.assert_allclose(norms[[0, 1, 3]], 1.0, rtol=1e-5)
    typo = features.transform(sp.csr_array((1, 5), dtype=np.float32), ["woodden"])
    cosine = (rows @ typo.T).toarray().ravel()
    assert cosine.argmax() == 0 and cosine[0] > 0.1


def test_matrix_rows_are_only_scaled():
    X = sp.csr_array(np.array([[3.0, 0, -4.0], [0, 0, 0]], np.float32))
    rows = LexicalFeatures().fit_transform(X, None).toarray()
    np.testing.assert_allclose(rows, [[0.6, 0, -0.8], [0, 0, 0]], rtol=1e-6)
    assert X.toarray()[0, 0] == 3.0


def transformed_by_scikit_learn(features, counts, texts):
    words = unit_rows(sp.csr_array(features.words_.transform(counts)))
    grams = sp.csr_array(features.ngrams_.transform(texts), dtype=np.float32)
    words.data *= np.float32(WORD_SHARE**0.5)
    grams.data *= np.float32((1 - WORD_SHARE) ** 0.5)
    return sp.csr_array(sp.hstack([words, grams], format="csr"))


# sigma has two lower cases, the dotted I becomes two characters, and blanks are of many kinds
CHARACTERS = st.sampled_from("aBodenΣσςİIß 語नम\u0301\t\n\x1c\x85\u2003")
FITTED_ON = ["Wooden boat", "stone bridge", "ΑΣΣ στίγμα ΟΔΟΣ", "Straße İstanbul", "日本 語 नमस्ते a"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(CHARACTERS, max_size=25) | st.text()))
def test_features_of_texts_are_those_of_scikit_learn(texts):
    features = LexicalFeatures()
    features.fit_transform(sp.csr_array(np.ones((5, 3), np.float32)), FITTED_ON)
    texts = [*texts, *FITTED_ON, ""]
    counts = np.random.default_rng(len(texts)).integers(0, 3, (len(texts), 3))
    counts = sp.csr_array(counts.astype(np.float32))
    got = features.transform(counts, texts)
    expected = transformed_by_scikit_learn(features, counts, texts)
    assert got.dtype == np.float32 and got.shape == expected.shape
    assert np.array_equal(got.toarray(), expected.toarray())
