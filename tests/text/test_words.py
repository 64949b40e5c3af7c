"""What counts as text, and how it splits into words."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from _titles import TITLES, relaxed, rows_of, words_of
from hypothesis import given
from hypothesis import strategies as st

from sk_inceptionxml.text import TokenVectorizer, check_text, is_text

CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "numpy str": np.array,
    "numpy object": lambda x: np.array(x, dtype=object),
    "numpy column": lambda x: np.array(x, dtype=object).reshape(-1, 1),
    "Series": pd.Series,
    "Series object": lambda x: pd.Series(x, dtype=object),
    "Series string": lambda x: pd.Series(x, dtype="string"),
    "Series with index": lambda x: pd.Series(x, index=range(50, 50 + len(x))),
    "DataFrame": lambda x: pd.DataFrame({"title": x}),
    "DataFrame string": lambda x: pd.DataFrame({"title": pd.Series(x, dtype="string")}),
}


def split(text: str) -> list[str]:
    vectorizer = TokenVectorizer()
    return words_of(vectorizer, vectorizer.fit_transform([text]))[0]


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_containers_give_the_same_tokens(make):
    X = make(TITLES)
    expected = TokenVectorizer().fit(TITLES)
    assert is_text(X)
    assert check_text(X) == TITLES and all(type(t) is str for t in check_text(X))
    vectorizer = TokenVectorizer()
    got = vectorizer.fit_transform(X)
    assert vectorizer.kind_ == "text" and vectorizer.vocabulary_ == expected.vocabulary_
    assert rows_of(got) == rows_of(expected.transform(X)) == rows_of(expected.transform(TITLES))


@pytest.mark.parametrize(
    "X",
    [
        [],
        [1, 2],
        [[1.0], [2.0]],
        [None, None],
        np.ones((3, 1)),
        np.ones((3, 2), object),
        np.array([["a", "b"]]),
        np.array("title"),
        pd.DataFrame({"a": [1.0], "b": [2.0]}),
        pd.Series([1.0]),
        sp.csr_array((2, 1)),
        None,
        3,
    ],
    ids=str,
)
def test_not_text(X):
    assert not is_text(X)


@pytest.mark.parametrize("X", ["one title", b"one title"])
def test_bare_string_is_refused(X):
    assert is_text(X)
    with pytest.raises(ValueError, match=r"single (str|bytes) object.*\[X\]"):
        TokenVectorizer().fit(X)


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA, b"bytes", 7, ["a"]], ids=str)
@pytest.mark.parametrize("make", [list, tuple, lambda x: pd.Series(x, dtype=object)])
def test_bad_title_names_row_and_type(value, make):
    X = make(["good", "fine", value, "last"])
    assert is_text(X)
    missing = value is None or value is pd.NA or isinstance(value, float)
    with pytest.raises(TypeError, match="row 2 " + ("is missing" if missing else "is ")) as error:
        TokenVectorizer().fit(X)
    assert missing or type(value).__name__ in str(error.value)


@pytest.mark.parametrize("dtype", ["str", "string", object])
def test_missing_value_in_series_and_frame(dtype):
    series = pd.Series(["good", None], dtype=dtype)
    for X in (series, series.to_frame("title")):
        with pytest.raises(TypeError, match="row 1 is missing"):
            TokenVectorizer().fit(X)


@pytest.mark.parametrize("X", [{"a"}, sp.csr_array((2, 3)), np.ones((2, 3)), None], ids=str)
def test_text_only_from_ordered_sequences(X):
    vectorizer = TokenVectorizer().fit(TITLES)
    with pytest.raises(TypeError, match="X must be a list"):
        vectorizer.transform(X)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ünïcode Straße", ["ünïcode", "straße"]),
        ("Cafe\u0301 ÉCOLE", ["café", "école"]),
        ("x C++ 3D", ["x", "c", "3d"]),
        ("Привет, мир", ["привет", "мир"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("العربيّة لغة", ["العربيّة", "لغة"]),
        ("한국어 제목", ["한국어", "제목"]),
        ("机器学习", ["机器", "器学", "学习"]),
        ("猫", ["猫"]),
        ("iPhone手机 case", ["iphone", "手机", "case"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("ภาษาไทย", ["ภา", "าษ", "ษา", "าไ", "ไท", "ทย"]),
        ("ที่นี่", ["ที่นี่"]),
        ("ꯃꯤꯇꯩ ꦏꦶ 𑀓𑀺", ["ꯃꯤꯇꯩ", "ꦏꦶ", "𑀓𑀺"]),
        ("نمی\u200cخواهم", ["نمی\u200cخواهم"]),
        ("نمی\u200cخواهم عِ 猫", ["نمی\u200cخواهم", "عِ", "猫"]),
        ("1\ufe0f\u20e3 ❤\ufe0f ok", ["1", "ok"]),
    ],
)
def test_scripts(text, words):
    assert split(text) == words


@relaxed
@given(st.text(min_size=1))
def test_canonically_equal_texts_have_equal_words(text):
    vectorizer = TokenVectorizer(nearest_unknown=False).fit(["anchor " + text])
    forms = [unicodedata.normalize(form, text.lower()) for form in ("NFC", "NFD")]
    first, second = rows_of(vectorizer.transform(forms))
    assert first == second
