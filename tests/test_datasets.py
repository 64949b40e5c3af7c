"""Tests of the data sets: readers against files written here, generator and harvest."""

import gzip
import json
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random_array
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import MultiLabelBinarizer

from sk_inceptionxml import datasets
from sk_inceptionxml.datasets import (
    _api_docs,
    _harvest,
    load_api_docs,
    load_jsonl,
    load_xmc_filter,
    load_xmc_json,
    load_xmc_matrix,
    load_xmc_raw_text,
    load_xmc_sparse,
    make_short_text,
)

NO_FIXTURE_CHECK = [HealthCheck.function_scoped_fixture]


def write(path, text, compress=False):
    """Write text, as it is or gzip-compressed, and return the path."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8")
    path.write_bytes(gzip.compress(raw) if compress else raw)
    return path


def pairs(matrix, row):
    """Format one row of a CSR matrix as index:value pairs, exactly."""
    span = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return " ".join(
        f"{i}:{float(v)!r}" for i, v in zip(matrix.indices[span], matrix.data[span], strict=True)
    )


def random_csr(n_rows, n_columns, density, seed):
    rng = np.random.default_rng(seed)
    return csr_matrix(random_array((n_rows, n_columns), density=density, rng=rng, dtype=np.float32))


def assert_same(actual, expected):
    assert actual.shape == expected.shape
    assert actual.dtype == np.float32
    assert actual.has_canonical_format
    np.testing.assert_array_equal(actual.toarray(), expected.toarray())


# ---------------------------------------------------------------- package


def test_import_does_not_load_torch():
    code = "import sys, sk_inceptionxml.datasets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_everything_public_is_exported():
    assert datasets.__all__ == sorted(datasets.__all__)
    assert all(callable(getattr(datasets, name)) for name in datasets.__all__)


# ---------------------------------------------------------------- repository, sparse text


@pytest.mark.parametrize("compress", [False, True])
def test_xmc_matrix_round_trip(tmp_path, compress):
    matrix = random_csr(30, 17, 0.15, 0)
    assert (np.diff(matrix.indptr) == 0).any()
    text = "30 17\n" + "".join(pairs(matrix, row) + "\n" for row in range(30))
    assert_same(load_xmc_matrix(write(tmp_path / "trn_X_Xf.txt", text, compress)), matrix)


@settings(max_examples=40, deadline=None, suppress_health_check=NO_FIXTURE_CHECK)
@given(
    n_rows=st.integers(0, 8),
    n_features=st.integers(1, 9),
    n_labels=st.integers(1, 9),
    density=st.floats(0, 1),
    seed=st.integers(0, 99),
    leading_space=st.booleans(),
    crlf=st.booleans(),
    final_newline=st.booleans(),
)
def test_xmc_sparse_round_trip(
    tmp_path, n_rows, n_features, n_labels, density, seed, leading_space, crlf, final_newline
):
    X = random_csr(n_rows, n_features, density, seed)
    Y = random_csr(n_rows, n_labels, density, seed + 1)
    Y.data[:] = 1
    lines = [f"{n_rows} {n_features} {n_labels}"]
    for row in range(n_rows):
        labels = ",".join(map(str, Y.indices[Y.indptr[row] : Y.indptr[row + 1]]))
        line = f"{labels} {pairs(X, row)}"
        lines.append(line if labels or leading_space else line[1:])
    # Without its newline, a last empty row cannot be told from the end of the file.
    end = "\r\n" if crlf else "\n"
    text = end.join(lines) + (end if final_newline or not lines[-1] else "")
    loaded = load_xmc_sparse(write(tmp_path / "train.txt", text))
    assert_same(loaded.data, X)
    assert_same(loaded.target, Y)


def test_xmc_sparse_repetitions_and_order(tmp_path):
    path = write(tmp_path / "train.txt", "1 4 4\n3,1,3 2:1 0:0.5 2:2\n\n  \n")
    loaded = load_xmc_sparse(path)
    assert loaded.target.toarray().tolist() == [[0, 1, 0, 1]]
    assert loaded.data.toarray().tolist() == [[0.5, 0, 3, 0]]
    assert loaded.data.has_canonical_format and loaded.target.has_canonical_format


def test_xmc_sparse_labels_only_and_features_only(tmp_path):
    loaded = load_xmc_sparse(write(tmp_path / "train.txt", "3 2 2\n0,1\n 1:1\n1:2\n"))
    assert loaded.target.toarray().tolist() == [[1, 1], [0, 0], [0, 0]]
    assert loaded.data.toarray().tolist() == [[0, 0], [0, 1], [0, 2]]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "header"),
        ("2\n", 1, "header"),
        ("2 3 4\n", 1, "header"),
        ("2 x\n", 1, "header"),
        ("-2 3\n", 1, "header"),
        ("1 9999999999\n0:1\n", 1, "columns"),
        ("2 3\n0:1\n3:1\n", 3, "index 3 is out of range for 3"),
        ("2 3\n0:1\n-1:1\n", 3, "index -1 is out of range"),
        ("2 3\n0:1\n99999999999:1\n", 3, "out of range"),
        ("2 3\n0:1 1\n1:1\n", 2, "'1'"),
        ("2 3\n0:1 1:2:3 4\n1:1\n", 2, "'1:2:3'"),
        ("2 3\n0:1 1: 2\n1:1\n", 2, "'1:'"),
        ("2 3\n0:1 :2\n1:1\n", 2, "':2'"),
        ("2 3\n0:1 a:2\n1:1\n", 2, "'a:2'"),
        ("2 3\n0:1 1:nan\n1:1\n", 2, "'1:nan'"),
        ("2 3\n0:1 1.5:2\n1:1\n", 2, "pairs"),
        ("2 3\n0:1 1:1e\n1:1\n", 2, "pairs"),
        ("3 3\n0:1\n\n1:1e99\n", 4, "finite"),
        ("2 3\n0:1\n", 2, "too few rows"),
        ("2 3\n0:1\n1:1\n2:1\n", 4, "too many rows"),
        ("1 3\n0:1\n\n2:1\n", 4, "too many rows"),
    ],
)
def test_xmc_matrix_errors_name_file_and_line(tmp_path, text, line, message):
    path = write(tmp_path / "bad.txt", text)
    with pytest.raises(ValueError) as caught:
        load_xmc_matrix(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("2 3\n", 1, "header"),
        ("1 3 2\n2 0:1\n", 2, "label 2 is out of range"),
        ("1 3 2\n0,,1 0:1\n", 2, "label"),
        ("1 3 2\n-1 0:1\n", 2, "label"),
        ("1 3 2\n0, 1 0:1\n", 2, "label"),
        ("1 3 2\n1_0 0:1\n", 2, "label"),
        ("1 3 2\n1 3:1\n", 2, "index 3 is out of range"),
        ("1 3 2\n 1 0:1\n", 2, "pairs"),
        ("2 3 2\n1 0:1\n", 2, "too few rows"),
    ],
)
def test_xmc_sparse_errors_name_file_and_line(tmp_path, text, line, message):
    path = write(tmp_path / "bad.txt", text)
    with pytest.raises(ValueError) as caught:
        load_xmc_sparse(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert message in str(caught.value)


def test_truncated_gzip_is_a_value_error(tmp_path):
    matrix = random_csr(300, 50, 0.5, 0)
    text = "300 50\n" + "".join(pairs(matrix, row) + "\n" for row in range(300))
    path = write(tmp_path / "trn.txt", gzip.compress(text.encode())[:-500])
    with pytest.raises(ValueError, match="damaged or truncated gzip"):
        load_xmc_matrix(path)


def test_missing_file_is_file_not_found(tmp_path):
    for load in (load_xmc_sparse, load_xmc_matrix, load_xmc_json, load_jsonl, load_xmc_filter):
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "nowhere.txt")


# ---------------------------------------------------------------- repository, raw text


def json_lines(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.mark.parametrize("compress", [False, True])
def test_xmc_json(tmp_path, compress):
    text = json_lines(
        {"uid": "a", "title": "café au lait", "content": "long", "target_ind": [3, 0]},
        {"uid": "b", "title": "", "target_ind": []},
        {"title": "tea", "target_ind": [1, 1], "target_rel": [0.5, 2]},
    )
    path = write(tmp_path / "trn.json.gz", text, compress)
    loaded = load_xmc_json(path)
    assert loaded.data == ["café au lait", "", "tea"]
    assert loaded.uids == ["a", "b", None]
    assert loaded.target.toarray().tolist() == [[1, 0, 0, 1], [0, 0, 0, 0], [0, 2, 0, 0]]
    assert loaded.target.has_canonical_format and loaded.target.dtype == np.float32
    assert "content" not in loaded
    assert load_xmc_json(path, return_content=True).content == ["long", "", ""]
    assert load_xmc_json(path, n_labels=9).target.shape == (3, 9)


def test_xmc_json_empty_file(tmp_path):
    loaded = load_xmc_json(write(tmp_path / "trn.json", ""))
    assert loaded.data == [] and loaded.target.shape == (0, 0)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"title": "a", "target_ind": [0', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", "JSON object"),
        ('{"target_ind": [0]}', "'title'"),
        ('{"title": 3, "target_ind": [0]}', "must be a str"),
        ('{"title": "a"}', "'target_ind'"),
        ('{"title": "a", "target_ind": 0}', "must be a list"),
        ('{"title": "a", "target_ind": ["0"]}', "integers"),
        ('{"title": "a", "target_ind": [true]}', "integers"),
        ('{"title": "a", "target_ind": [-1]}', "out of range"),
        ('{"title": "a", "target_ind": [5]}', "out of range"),
        ('{"title": "a", "target_ind": [0], "target_rel": []}', "'target_rel'"),
        ('{"title": "a", "target_ind": [0], "target_rel": ["x"]}', "finite numbers"),
        ('{"title": "a", "target_ind": [0], "target_rel": [NaN]}', "finite numbers"),
        ('{"title": "a", "target_ind": [0], "target_rel": [1e99]}', "finite numbers"),
    ],
)
def test_xmc_json_errors_name_file_and_line(tmp_path, row, message):
    path = write(tmp_path / "trn.json", '{"title": "a", "target_ind": [0]}\n\n' + row + "\n")
    with pytest.raises(ValueError) as caught:
        load_xmc_json(path, n_labels=5)
    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("compress", [False, True])
def test_xmc_filter(tmp_path, compress):
    path = write(tmp_path / "filter_labels_test.txt", "0 7\n12\t3\n\n4 0", compress)
    loaded = load_xmc_filter(path)
    assert loaded.dtype == np.int64
    assert loaded.tolist() == [[0, 7], [12, 3], [4, 0]]
    assert load_xmc_filter(write(path, "", compress)).shape == (0, 2)


@pytest.mark.parametrize("row", ["1", "1 2 3", "1 x", "-1 2", "1 2.0", "1 " + "9" * 30])
def test_xmc_filter_errors(tmp_path, row):
    path = write(tmp_path / "filter.txt", f"0 1\n{row}\n")
    with pytest.raises(ValueError, match=r"filter\.txt, line 2: expected 'row label'"):
        load_xmc_filter(path)


@pytest.mark.parametrize("compress", [False, True])
def test_xmc_raw_text(tmp_path, compress):
    # An empty line is a label with an empty text; U+2028 ends no line.
    texts = ["Kites", "", "a\u2028b", " café "]
    path = write(tmp_path / "Y.txt", "\ufeff" + "\n".join(texts) + "\n", compress)
    assert load_xmc_raw_text(path) == texts
    windows = write(tmp_path / "Y_windows.txt", "\r\n".join(texts), compress)
    assert load_xmc_raw_text(windows) == texts
    rows = json_lines(*({"uid": i, "title": t} for i, t in enumerate(texts)))
    assert load_xmc_raw_text(write(tmp_path / "lbl.json.gz", rows, compress)) == texts
    assert load_xmc_raw_text(write(tmp_path / "lbl.json", rows, compress)) == texts


def test_xmc_raw_text_encoding(tmp_path):
    path = write(tmp_path / "Y.txt", b"tea\ncaf\xe9\n")
    with pytest.raises(ValueError, match=r"Y\.txt, line 2: not valid utf-8"):
        load_xmc_raw_text(path)
    assert load_xmc_raw_text(path, encoding="latin-1") == ["tea", "café"]


# ---------------------------------------------------------------- JSON Lines


@settings(max_examples=40, deadline=None, suppress_health_check=NO_FIXTURE_CHECK)
@given(
    rows=st.lists(st.tuples(st.text(), st.lists(st.text(max_size=4), max_size=4)), max_size=6),
    compress=st.booleans(),
    ascii_only=st.booleans(),
)
def test_jsonl_round_trip(tmp_path, rows, compress, ascii_only):
    rows = [(t.encode("utf-8", "ignore").decode(), ls) for t, ls in rows]
    text = "\n".join(
        json.dumps({"text": t, "labels": ls, "more": 1}, ensure_ascii=ascii_only) for t, ls in rows
    )
    path = write(tmp_path / "x.jsonl", text, compress)
    loaded = load_jsonl(path)
    assert loaded.data == [t for t, _ in rows]
    assert loaded.target == [ls for _, ls in rows]
    assert loaded.label_names == sorted({x for _, ls in rows for x in ls})
    labelled = load_jsonl(path, drop_unlabelled=True)
    assert labelled.data == [t for t, ls in rows if ls]
    assert labelled.target == [ls for _, ls in rows if ls]


def test_jsonl_keys_and_int_labels(tmp_path):
    path = write(tmp_path / "x.jsonl", json_lines({"q": "red kite", "tags": [10, 9]}))
    loaded = load_jsonl(path, text_key="q", labels_key="tags")
    assert (loaded.data, loaded.target, loaded.label_names) == (["red kite"], [[10, 9]], [9, 10])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b'{"text": "a", "labels": [}', "not valid JSON"),
        (b'"text"', "JSON object"),
        (b'{"labels": ["a"]}', "no key 'text'"),
        (b'{"text": "a"}', "no key 'labels'"),
        (b'{"text": null, "labels": []}', "'text' must be a str"),
        (b'{"text": "a", "labels": "b"}', "'labels' must be a list"),
        (b'{"text": "a", "labels": null}', "'labels' must be a list"),
        (b'{"text": "a", "labels": [1]}', "all str or all int"),
        (b'{"text": "a", "labels": [null]}', "all str or all int"),
        (b'{"text": "a", "labels": [["b"]]}', "all str or all int"),
        (b'{"text": "\xff", "labels": []}', "not valid utf-8"),
    ],
)
def test_jsonl_errors_name_file_and_line(tmp_path, row, message):
    path = write(tmp_path / "x.jsonl", b'{"text": "a", "labels": ["b"]}\n\n' + row)
    with pytest.raises(ValueError) as caught:
        load_jsonl(path)
    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert message in str(caught.value)


# ---------------------------------------------------------------- synthetic


@settings(max_examples=60, deadline=None)
@given(
    n_samples=st.integers(1, 60),
    n_labels=st.integers(1, 60),
    share=st.floats(0, 1),
    n_words=st.integers(1, 300),
    mean_length=st.floats(1, 8),
    exponent=st.floats(0, 3),
    noise=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_short_text_invariants(
    n_samples, n_labels, share, n_words, mean_length, exponent, noise, seed
):
    options = dict(
        n_words=n_words,
        mean_length=mean_length,
        labels_per_sample=share * n_labels,
        label_exponent=exponent,
        noise=noise,
        random_state=seed,
    )
    toy = make_short_text(n_samples, n_labels, **options)
    sizes = [len(labels) for labels in toy.target]
    total = round(n_samples * share * n_labels)
    assert len(toy.data) == len(toy.target) == n_samples
    assert sum(sizes) == total
    assert min(sizes) >= (total >= n_samples)
    assert all(labels == sorted(set(labels)) for labels in toy.target)
    counts = Counter(label for labels in toy.target for label in labels)
    assert set(counts) <= set(range(n_labels))
    # Each label occurs if there are labels enough to give; otherwise none is wasted.
    assert len(counts) == min(n_labels, total)
    assert all(text.split() for text in toy.data)
    assert set(" ".join(toy.data).split()) <= set(toy.feature_names)
    assert len(set(toy.feature_names)) == n_words
    assert toy.label_topics.shape == (n_labels,)


def test_short_text_forms_agree_and_seed_decides():
    options = dict(n_samples=300, n_labels=40, random_state=3)
    toy = make_short_text(**options)
    matrix = make_short_text(**options, indicator="csr", as_text=False)
    vocabulary = {word: i for i, word in enumerate(toy.feature_names)}
    counted = CountVectorizer(vocabulary=vocabulary).transform(toy.data)
    assert_same(matrix.data, counted)
    indicator = MultiLabelBinarizer(classes=range(40)).fit_transform(toy.target)
    assert_same(matrix.target, csr_matrix(indicator))
    again = make_short_text(**options)
    assert (again.data, again.target) == (toy.data, toy.target)
    other = make_short_text(300, 40, random_state=4)
    assert other.data != toy.data and other.target != toy.target


def test_short_text_leaves_global_random_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_short_text(20, 5, random_state=0)
    make_short_text(20, 5, random_state=np.random.RandomState(0))
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_short_text_has_power_laws():
    big = make_short_text(
        20_000, 1000, labels_per_sample=4, indicator="csr", as_text=False, random_state=0
    )
    counts = np.sort(np.asarray(big.target.sum(axis=0)).ravel())[::-1]
    assert counts[:10].sum() > 0.25 * counts.sum()
    ranks = np.arange(10, 500)
    slope = np.polyfit(np.log(ranks), np.log(counts[ranks]), 1)[0]
    assert -1.2 < slope < -0.8
    flat = make_short_text(
        20_000, 1000, labels_per_sample=4, label_exponent=0, indicator="csr", random_state=0
    )
    flat_counts = np.asarray(flat.target.sum(axis=0)).ravel()
    assert flat_counts.max() < 2 * flat_counts.mean()
    assert abs(big.data.sum(axis=1).mean() - 6) < 0.1


def test_short_text_labels_share_topics():
    toy = make_short_text(2000, 400, labels_per_sample=2, label_exponent=0, random_state=0)
    twins = [toy.label_topics[labels] for labels in toy.target if len(labels) == 2]
    same = np.mean([a == b for a, b in twins])
    # Independent labels would share a topic once in 20.
    assert same > 0.5
    assert np.bincount(toy.label_topics).tolist() == [20] * 20
    # Also when most labels have to be placed to occur at all.
    rare = make_short_text(1000, 2000, labels_per_sample=2, label_exponent=0.5, random_state=0)
    twins = [rare.label_topics[labels] for labels in rare.target if len(labels) == 2]
    assert np.mean([a == b for a, b in twins]) > 0.35


@pytest.mark.parametrize(("noise", "low", "high"), [(0.2, 0.6, 1.0), (1.0, 0.0, 0.35)])
def test_short_text_is_as_learnable_as_its_noise_lets_it(noise, low, high):
    toy = make_short_text(3000, 100, noise=noise, indicator="csr", random_state=0)
    X = TfidfVectorizer().fit_transform(toy.data)
    Y = toy.target.toarray().astype(int)
    train, test = slice(0, 2400), slice(2400, None)
    scores = RidgeClassifier().fit(X[train], Y[train]).decision_function(X[test])
    precision = Y[test][np.arange(600), scores.argmax(axis=1)].mean()
    popularity = Y[test][:, Y[train].sum(axis=0).argmax()].mean()
    assert popularity < 0.35
    assert low < precision <= high + 0.05
    if noise < 1:
        assert precision > 1.8 * popularity


def test_short_text_is_vectorised():
    start = time.process_time()
    big = make_short_text(
        50_000, 70_000, labels_per_sample=5.4, as_text=False, indicator="csr", random_state=0
    )
    assert time.process_time() - start < 10
    assert big.target.nnz == 270_000
    assert np.bincount(big.target.indices, minlength=70_000).min() >= 1
    assert big.target.has_canonical_format and big.data.has_canonical_format


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n_samples": 0}, ValueError),
        ({"n_samples": 2.0}, TypeError),
        ({"n_labels": True}, TypeError),
        ({"n_words": 0}, ValueError),
        ({"mean_length": 0.5}, ValueError),
        ({"labels_per_sample": 101}, ValueError),
        ({"labels_per_sample": "3"}, TypeError),
        ({"label_exponent": -1}, ValueError),
        ({"word_exponent": float("nan")}, ValueError),
        ({"noise": 1.5}, ValueError),
        ({"indicator": "dense"}, ValueError),
    ],
)
def test_short_text_parameters_are_checked(options, error):
    with pytest.raises(error, match=next(iter(options))):
        make_short_text(**options)


# ---------------------------------------------------------------- API documentation


@pytest.fixture
def data_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SK_INCEPTIONXML_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


RECORDS = [
    {"name": f"p.f{i:03d}", "text": f"text number {i}", "labels": ["all", f"l{i % 7}", f"m{i}"]}
    for i in range(200)
]


@pytest.fixture
def small_harvest(monkeypatch):
    """Replace the harvest by a small one; the list collects the calls."""
    calls = []

    def run():
        calls.append(1)
        return json.loads(json.dumps(RECORDS))

    monkeypatch.setattr(_api_docs, "_run_harvest", run)
    return calls


def test_harvest_of_one_package(capfd):
    records = _harvest.harvest(["joblib", "no_such_package"])
    by_name = {record["name"]: record for record in records}
    assert by_name["joblib.hash"]["labels"] == ["coerce_mmap", "hash_name", "obj"]
    assert "verbose" in by_name["joblib.Memory"]["labels"]
    assert [r["name"] for r in records] == sorted(by_name)
    texts = [r["text"] for r in records]
    assert len(set(texts)) == len(texts) > 50
    assert all(3 <= len(text.split()) <= 40 for text in texts)
    assert all(r["labels"] and r["labels"] == sorted(set(r["labels"])) for r in records)
    assert "self" not in {x for r in records for x in r["labels"]}
    assert not any(".test." in r["name"] or "._" in r["name"] for r in records)
    assert capfd.readouterr() == ("", "")


def test_harvest_survives_hostile_packages(tmp_path, monkeypatch, capfd):
    package = tmp_path / "hostile_pkg"
    (package / "tests").mkdir(parents=True)
    write(
        package / "__init__.py",
        "import warnings\nprint('loud')\nwarnings.warn('loud')\n"
        "class Odd:\n"
        "    '''A class of odd things.'''\n"
        "    def __init__(self, size, *args, _hidden=1, **kwargs): pass\n"
        "    def put(self, item, where=None):\n"
        "        '''Put an :class:`~a.b.Item` here. Slow.'''\n"
        "    def nothing(self):\n        '''Do nothing at all.'''\n"
        "    def take(self, item, amount):\n        '''Put an Item here.'''\n"
        "    def brief(self, item):\n        '''Too brief.'''\n"
        "    def _private(self, item):\n        '''Not for the public.'''\n"
        "def __getattr__(name):\n    raise RuntimeError(name)\n",
    )
    write(package / "exits.py", "raise SystemExit(3)\n")
    write(package / "broken.py", "import no_such_module\n")
    write(package / "tests" / "__init__.py", "raise KeyboardInterrupt\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        records = _harvest.harvest(["hostile_pkg"])
    finally:
        for name in [n for n in sys.modules if n.startswith("hostile_pkg")]:
            del sys.modules[name]
    assert records == [
        {"name": "hostile_pkg.Odd", "text": "A class of odd things", "labels": ["size"]},
        {
            "name": "hostile_pkg.Odd.put",
            "text": "Put an Item here",
            "labels": ["amount", "item", "where"],
        },
    ]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("doc", "summary"),
    [
        (None, ""),
        ("Two words.", ""),
        ("word " * 41, ""),
        ("Sum the\n  elements, e.g. of rows. Then stop.", "Sum the elements, e.g. of rows"),
        ("f(x, y=1) -> int\n\nAdd the two.", "Add the two"),
        ("f(x)\nf(x, y)\nAdd the two.", "Add the two"),
        (".. note:: old\n\nAdd ``x`` to :func:`~a.b.add`.", "Add x to add"),
        ("Parameters\n----------\nx : int\n", ""),
    ],
)
def test_summary(doc, summary):
    assert _harvest.get_summary(doc) == summary


def test_parameters_from_docstrings():
    doc = "Do it.\n\nParameters\n----------\nx, y : int\n    Of z : no.\n*args\nout\n    O.\n\n"
    assert _harvest.parse_parameters_section(doc + "Returns\n-------\nr : int\n") == [
        "x",
        "y",
        "out",
    ]
    assert _harvest.parse_parameters_section(doc) == ["x", "y", "out"]
    assert _harvest.parse_parameters_section("Do it.") == []
    line = "f(a, /, b: Tuple[int, str]=(1, 2), *, out=None, **kw) -> Tensor\n\nDo it."
    assert _harvest.parse_first_line(line) == ["a", "b", "out"]
    assert _harvest.parse_first_line("Do f(x) now.") == []
    # The signature of a ufunc is generic, its docstring is not.
    assert "x1" in _harvest.get_parameters(np.add)
    assert "casting" not in _harvest.get_parameters(np.add)
    assert _harvest.get_parameters(np.concatenate)[0] == "arrays"


def test_api_docs_full(data_home, capfd):
    start = time.perf_counter()
    docs = load_api_docs(subset="all")
    assert time.perf_counter() - start < 120
    assert capfd.readouterr() == ("", "")
    assert len(docs.data) > 2000
    assert len(set(docs.data)) == len(docs.data) == len(docs.target) == len(docs.names)
    assert docs.names == sorted(docs.names)
    assert docs.label_names == sorted({label for labels in docs.target for label in labels})
    assert {"numpy", "scipy", "sklearn"} <= set(docs.versions)
    assert str(len(docs.data)) in docs.DESCR
    by_name = dict(zip(docs.names, docs.target, strict=True))
    assert {"a", "axis", "keepdims"} <= set(by_name["numpy.mean"])
    # The second call comes from the cache: the same, and at once.
    (cached,) = data_home.iterdir()
    start = time.perf_counter()
    train, test = load_api_docs(), load_api_docs(subset="test")
    assert time.perf_counter() - start < 1
    assert list(data_home.iterdir()) == [cached]
    assert 0.15 < len(test.data) / len(docs.data) < 0.25
    assert not set(train.data) & set(test.data)
    assert sorted(train.data + test.data) == sorted(docs.data)


def test_api_docs_subsets_and_counts(data_home, small_harvest):
    docs = load_api_docs(subset="all")
    assert docs.data == [r["text"] for r in RECORDS]
    assert docs.target == [r["labels"] for r in RECORDS]
    data, target = load_api_docs(subset="all", return_X_y=True)
    assert (data, target) == (docs.data, docs.target)
    test = load_api_docs(subset="test")
    assert test.data == [text for text in docs.data if _api_docs.is_test_text(text)]
    assert load_api_docs().data == [text for text in docs.data if text not in test.data]
    frequent = load_api_docs(subset="test", min_label_count=28)
    kept = {"all"} | {f"l{i}" for i in range(7) if len(range(i, 200, 7)) >= 28}
    assert set(frequent.label_names) == kept
    assert {x for labels in frequent.target for x in labels} <= kept
    nothing = load_api_docs(min_label_count=201)
    assert nothing.data == [] and nothing.label_names == []


def test_api_docs_split_is_fixed():
    # Literal values: the split must not change from release to release.
    assert [i for i in range(20) if _api_docs.is_test_text(f"text number {i}")] == [
        1,
        4,
        12,
        16,
        18,
    ]


def test_api_docs_cache(data_home, small_harvest, monkeypatch):
    first = load_api_docs()
    assert load_api_docs().data == first.data and len(small_harvest) == 1
    load_api_docs(cache=False)
    assert len(small_harvest) == 2
    (path,) = data_home.iterdir()
    good = path.read_bytes()
    for damage in (b"", good[:-5], b"\xff", b"{}", b"[]", b'[{"name": 1}]', b"[" * 100_000):
        path.write_bytes(damage)
        calls = len(small_harvest)
        assert load_api_docs().data == first.data
        assert len(small_harvest) == calls + 1
        assert path.read_bytes() == good
    monkeypatch.setattr(_api_docs, "_get_versions", lambda: {"numpy": "0"})
    load_api_docs()
    assert len(list(data_home.iterdir())) == 2


def test_api_docs_unwritable_cache(tmp_path, small_harvest, monkeypatch):
    monkeypatch.setenv("SK_INCEPTIONXML_DATA_HOME", str(write(tmp_path / "file", "x") / "home"))
    assert load_api_docs(subset="all").data == [r["text"] for r in RECORDS]
    assert (tmp_path / "file").read_text() == "x"

    home = tmp_path / "home"
    monkeypatch.setenv("SK_INCEPTIONXML_DATA_HOME", str(home))

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(_api_docs.os, "replace", fail)
    assert load_api_docs(subset="all").data == [r["text"] for r in RECORDS]
    assert list(home.iterdir()) == []


def test_api_docs_failed_harvest(monkeypatch, data_home):
    monkeypatch.setattr(_api_docs, "_HARVEST_SCRIPT", data_home / "missing.py")
    with pytest.raises(RuntimeError, match="the harvest of API documentation failed"):
        load_api_docs()
    assert not data_home.exists()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"subset": "dev"}, ValueError),
        ({"min_label_count": 0}, ValueError),
        ({"min_label_count": 1.5}, TypeError),
        ({"min_label_count": True}, TypeError),
    ],
)
def test_api_docs_parameters_are_checked(options, error):
    with pytest.raises(error, match=next(iter(options))):
        load_api_docs(**options)
