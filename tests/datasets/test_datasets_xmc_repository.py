"""Readers of repository files against files written here."""

import gzip

import numpy as np
import pytest
from _dataset_files import NO_FIXTURE_CHECK, assert_same, json_lines, write
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random_array

from sk_inceptionxml.datasets import (
    load_xmc_filter,
    load_xmc_json,
    load_xmc_matrix,
    load_xmc_raw_text,
    load_xmc_sparse,
)


def pairs(matrix, row):
    """Format one row of a CSR matrix as index:value pairs, exactly."""
    span = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return " ".join(
        f"{i}:{float(v)!r}" for i, v in zip(matrix.indices[span], matrix.data[span], strict=True)
    )


def random_csr(n_rows, n_columns, density, seed):
    rng = np.random.default_rng(seed)
    return csr_matrix(random_array((n_rows, n_columns), density=density, rng=rng, dtype=np.float32))


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
        ("1 " + "9" * 5000 + "\n0:1\n", 1, "not a number"),
        ("2 3\n0:1\n1:3e38 1:3e38\n", 3, "finite"),
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
        ("1 3 2\n" + "1" * 5000 + " 0:1\n", 2, "not a number"),
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
