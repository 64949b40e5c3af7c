"""Properties of the rows of token ids that texts and matrices become."""

from __future__ import annotations

import json
import pickle
import random
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)

from sk_inceptionxml.vectorize import (
    PADDING,
    UNKNOWN,
    Tokens,
    TokenVectorizer,
    check_text,
    is_text,
)

TITLES = ["Red boat on the lake", "A red sky", "the lake and the sky", "Boat, boat!", ""]
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

relaxed = settings(deadline=None, max_examples=60)  # the machine may be busy


def rows_of(tokens: Tokens) -> list[list[int]]:
    assert tokens.ids.dtype == np.int32 and tokens.offsets.dtype == np.int64
    return [part.tolist() for part in np.split(tokens.ids, tokens.offsets[1:-1])]


def words_of(vectorizer: TokenVectorizer, tokens: Tokens) -> list[list[str]]:
    names = {i: word for word, i in vectorizer.vocabulary_.items()} | {UNKNOWN: "?"}
    return [[names[i] for i in row] for row in rows_of(tokens)]


def split(text: str) -> list[str]:
    vectorizer = TokenVectorizer()
    return words_of(vectorizer, vectorizer.fit_transform([text]))[0]


# --- Tokens ---------------------------------------------------------------------------------


@st.composite
def token_rows(draw):
    rows = draw(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=6), min_size=1))
    ids = np.array([i for row in rows for i in row], np.int32)
    weighted = draw(st.booleans())
    weights = np.arange(len(ids), dtype=np.float32) + 1 if weighted else None
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return rows, Tokens(ids, offsets, weights)


@relaxed
@given(token_rows(), st.data())
def test_take_equals_row_by_row(case, data):
    rows, tokens = case
    n = len(rows)
    assert len(tokens) == n and tokens.lengths.tolist() == list(map(len, rows))
    chosen = data.draw(st.lists(st.integers(-n, n - 1), max_size=8))
    taken = tokens.take(chosen)
    assert [i for r in chosen for i in rows[r]] == taken.ids.tolist()
    assert taken.lengths.tolist() == [len(rows[r]) for r in chosen]
    if tokens.weights is not None:
        parts = np.split(tokens.weights, tokens.offsets[1:-1])
        assert [x for r in chosen for x in parts[r]] == taken.weights.tolist()
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    assert tokens.take(mask).ids.tolist() == [
        i for r, m in zip(rows, mask, strict=True) if m for i in r
    ]
    assert tokens.take(slice(None, None, -1)).ids.tolist() == [i for r in rows[::-1] for i in r]
    cut = tokens.truncate(2)
    assert rows_of(cut) == [row[:2] for row in rows]


@relaxed
@given(token_rows())
def test_to_csr_counts(case):
    rows, tokens = case
    dense = np.zeros((len(rows), 12), np.float32)
    weights = np.ones(len(tokens.ids)) if tokens.weights is None else tokens.weights
    at = 0
    for r, row in enumerate(rows):
        for i in row:
            dense[r, i] += weights[at]
            at += 1
    before = tokens.ids.copy()
    matrix = tokens.to_csr(12)
    np.testing.assert_array_equal(matrix.toarray(), dense)
    assert matrix.has_canonical_format and matrix.dtype == np.float32
    np.testing.assert_array_equal(tokens.ids, before)
    with pytest.raises(ValueError, match="n_tokens"):
        tokens.to_csr(int(tokens.ids.max()))


def test_take_rejects_rows_that_do_not_exist():
    tokens = TokenVectorizer().fit_transform(TITLES)
    for rows in ([5], [-6], [0.5], np.ones(3, bool)):
        with pytest.raises(IndexError):
            tokens.take(rows)


# --- what counts as text ----------------------------------------------------------------------


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


@pytest.mark.parametrize("X", [{"a", "b"}, sp.csr_array((2, 3)), np.ones((2, 3)), None], ids=str)
def test_text_only_from_ordered_sequences(X):
    vectorizer = TokenVectorizer().fit(TITLES)
    with pytest.raises(TypeError, match="X must be a list"):
        vectorizer.transform(X)


# --- splitting --------------------------------------------------------------------------------


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


# --- vectorizers of scikit-learn ----------------------------------------------------------------


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


# --- unseen words -------------------------------------------------------------------------------


def made_up_words(n: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    parts = ["ka", "lo", "mi", "ter", "stan", "bru", "gel", "po", "ven", "shi", "dor", "qua", "nex"]
    words: dict[str, None] = {}
    while len(words) < n:
        words["".join(chance.choices(parts, k=chance.randint(2, 5)))] = None
    return list(words)


def misspell(word: str, chance: random.Random) -> str:
    i, letter = chance.randrange(len(word) - 1), chance.choice("abcdefghijklmnopqrstuvwxyz")
    return chance.choice(
        [
            word[:i] + letter + word[i:],
            word[:i] + word[i + 1 :],
            word[:i] + letter + word[i + 1 :],
            word[:i] + word[i + 1] + word[i] + word[i + 2 :],
        ]
    )


def test_most_misspellings_are_recovered_and_random_words_stay_unknown():
    words = made_up_words(3000, 0)
    chance = random.Random(1)
    vectorizer = TokenVectorizer().fit(words)
    pairs = [(w, misspell(w, chance)) for w in chance.choices(words, k=600)]
    pairs = [(w, e) for w, e in pairs if e not in vectorizer.vocabulary_ and len(e) > 3]
    got = vectorizer.transform([e for _, e in pairs]).ids
    right = np.mean(got == [vectorizer.vocabulary_[w] for w, _ in pairs])
    assert len(pairs) > 500 and right > 0.8
    letters = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(300)]
    assert np.mean(vectorizer.transform(letters).ids == UNKNOWN) > 0.97
    off = clone(vectorizer).set_params(nearest_unknown=False).fit(words)
    assert (off.transform([e for _, e in pairs]).ids == UNKNOWN).all()


def test_compound_and_inflection():
    vectorizer = TokenVectorizer().fit(["energiemanagement", "islamische kunst", "flughafen"])
    assert words_of(vectorizer, vectorizer.transform(["energiemanagements islamischem"])) == [
        ["energiemanagement", "islamische"]
    ]


def test_the_more_frequent_of_two_equal_neighbours_wins():
    texts = ["tower"] + ["power"] * 3
    vectorizer = TokenVectorizer().fit(texts)
    assert words_of(vectorizer, vectorizer.transform(["xower"])) == [["power"]]
    vectorizer.fit(["power"] + ["tower"] * 3)
    assert words_of(vectorizer, vectorizer.transform(["xower"])) == [["tower"]]


@pytest.mark.parametrize("word", ["rad", "12346", "b52s", "1990s", "x" * 65])
def test_short_numeric_and_huge_words_are_never_replaced(word):
    vectorizer = TokenVectorizer().fit(["red 12345 b52 1980s", "x" * 64])
    assert rows_of(vectorizer.transform([word])) == [[UNKNOWN]]


def test_vocabularies_that_leave_no_index():
    assert rows_of(TokenVectorizer().fit(["a bc"]).transform(["abcde"])) == [[UNKNOWN]]
    same_letter = TokenVectorizer().fit(["a" * n for n in range(4, 64)])
    assert rows_of(same_letter.transform(["bbbb"])) == [[UNKNOWN]]
    assert words_of(same_letter, same_letter.transform(["aaba"]))[0][0] in ("aaaa", "aaaaa")


def test_replacement_does_not_depend_on_batch_or_threads():
    words = made_up_words(800, 3)
    chance = random.Random(4)
    queries = [misspell(chance.choice(words), chance) for _ in range(200)]
    together = TokenVectorizer().fit(words).transform(queries).ids
    shared = TokenVectorizer().fit(words)
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda q: shared.transform([q]).ids[0], queries))
    assert together.tolist() == alone


# --- matrices -----------------------------------------------------------------------------------

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


# --- state --------------------------------------------------------------------------------------

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


def test_inputs_are_untouched():
    titles = list(TITLES)
    series = pd.Series(titles)
    for X in (titles, series):
        TokenVectorizer().fit(X).transform(X)
    assert titles == TITLES and series.tolist() == TITLES
