"""A fitted vectorizer as data, as a pickle, and back."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from _titles import TITLES, made_up_words, rows_of
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer

from sk_inceptionxml.text import TokenVectorizer

STATES = {
    "words": (TokenVectorizer(max_len=4), TITLES),
    "count": (
        TokenVectorizer(
            CountVectorizer(ngram_range=(1, 2), min_df=np.int64(2), stop_words=["on"]),
            nearest_unknown=False,
        ),
        TITLES,
    ),
    "tfidf": (TokenVectorizer(TfidfVectorizer(dtype=np.float32, max_df=0.5)), TITLES),
    "vocabulary": (
        TokenVectorizer(CountVectorizer(vocabulary={"sky": 1, "boat": np.int64(0)})),
        TITLES,
    ),
    "hashing": (TokenVectorizer(HashingVectorizer(n_features=32)), TITLES),
    "matrix": (TokenVectorizer(), sp.csr_array(np.eye(3))),
    "frame": (TokenVectorizer(), pd.DataFrame({"a": [1.0], "b": [2.0]})),
}


@pytest.mark.parametrize("name", STATES)
def test_round_trips(name):
    vectorizer, X = STATES[name]
    vectorizer = clone(vectorizer).fit(X)
    queries = X if vectorizer.kind_ == "matrix" else [*X, "the lakke", "Sky boats on", "zzz"]
    expected = vectorizer.transform(queries)
    back = TokenVectorizer.from_dict(json.loads(json.dumps(vectorizer.to_dict())))
    again = pickle.loads(pickle.dumps(vectorizer))
    for other in (back, again):
        got = other.transform(queries)
        assert rows_of(got) == rows_of(expected)
        for attribute in ("kind_", "n_tokens_", "n_features_in_", "max_len", "nearest_unknown"):
            assert getattr(other, attribute) == getattr(vectorizer, attribute)
        for attribute in ("vocabulary_", "cut_words_"):
            assert getattr(other, attribute, None) == getattr(vectorizer, attribute, None)
        names = [getattr(v, "feature_names_in_", np.array([])) for v in (other, vectorizer)]
        np.testing.assert_array_equal(*names)
    assert back.to_dict() == vectorizer.to_dict()
    assert str(back.vectorizer) == str(clone(vectorizer).vectorizer) or name in (
        "count",
        "vocabulary",
    )
    assert rows_of(back.fit(X).transform(queries)) == rows_of(expected)


def test_pickle_leaves_out_what_can_be_built_again():
    vectorizer = TokenVectorizer().fit(made_up_words(500, 0))
    size = len(pickle.dumps(vectorizer))
    vectorizer.transform(["kalomiterr"])
    assert vectorizer._matcher is not None
    assert len(pickle.dumps(vectorizer)) == size
    assert vectorizer._matcher is not None


def test_state_that_is_no_data_is_refused():
    for params in ({"analyzer": str.split}, {"preprocessor": str.lower}):
        vectorizer = TokenVectorizer(CountVectorizer(**params)).fit(TITLES)
        with pytest.raises(TypeError, match=f"{next(iter(params))}=.*Pickle"):
            vectorizer.to_dict()

    class Own(CountVectorizer):
        pass

    with pytest.raises(TypeError, match="class Own"):
        TokenVectorizer(Own()).fit(TITLES).to_dict()


def test_foreign_state_is_refused():
    state = TokenVectorizer(CountVectorizer()).fit(TITLES).to_dict()
    for wrong in ({}, state | {"format": 2}, state | {"kind": "image"}):
        with pytest.raises(ValueError, match="expected the result of to_dict"):
            TokenVectorizer.from_dict(wrong)
    with pytest.raises(ValueError, match="Popen"):
        TokenVectorizer.from_dict(state | {"vectorizer": {"class": "Popen", "params": {}}})
