"""The example on files in the repository's formats."""

import gzip
import json

import numpy as np
import pytest
import scipy.sparse as sp
from _examples import load_example

TINY = "embedding_dim=16,n_filters=4,batch_size=16,lr=0.01,head__label_lr=0.1,hidden_dim=None"
COLORS, THINGS = ["red", "blue", "green", "white"], ["kite", "boat", "lamp", "chair"]


@pytest.fixture(scope="module")
def example():
    return load_example("reproduce_paper")


def titles(n):
    """Rows (title, labels): label i is color i, label 4 + j is thing j."""
    places = [(i % 4, (i // 4) % 4) for i in range(n)]
    return [(f"{COLORS[a]} {THINGS[b]}", [a, 4 + b]) for a, b in places]


def write_json(path, rows):
    lines = [json.dumps({"uid": str(i), "title": t, "target_ind": y}) for i, (t, y) in rows]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


def write_matrix(path, rows, n_labels):
    lines = [f"{len(rows)} {n_labels}"]
    lines += [" ".join(f"{label}:1.0" for label in labels) for labels in rows]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path):
    write_json(tmp_path / "trn.json.gz", list(enumerate(titles(160))))
    write_json(tmp_path / "tst.json.gz", list(enumerate(titles(32))))
    return tmp_path


@pytest.mark.parametrize("head", ["sync", "ova"])
def test_learns_and_prints_published_rows(example, folder, capsys, head):
    arguments = ["--data-dir", str(folder), "--head", head, "--epochs", "15", "--params", TINY]
    ours = example.main(arguments)
    out = capsys.readouterr().out
    assert ours["P@1"] > 60  # the most frequent label has 25
    assert f"| {ours['P@1']:.2f} |" in out
    assert ours["P@5"] <= 40.0  # two labels a row
    for method, _, values in example.PUBLISHED["AmazonTitles-670K"]:
        assert f"| {method} | {values[0]:.2f} |" in out
    assert "not comparable" not in out


def test_limit_and_one_epoch(example, folder, capsys):
    arguments = ["--data-dir", str(folder), "--limit", "30", "--epochs", "1", "--params", TINY]
    example.main([*arguments, "--dataset", "LF-AmazonTitles-131K"])
    out = capsys.readouterr().out
    assert "training on 30 rows, 8 labels" in out and "trained 1 epochs" in out
    assert "not comparable" in out and "160 and 32 rows" in out


def test_labels_of_the_matrix_files_win(example, folder):
    write_matrix(folder / "trn_X_Y.txt", [[8] for _ in range(160)], 9)
    write_matrix(folder / "tst_X_Y.txt", [[8] for _ in range(32)], 9)
    ours = example.main(["--data-dir", str(folder), "--epochs", "3", "--params", TINY])
    assert ours["P@1"] == 100.0 and ours["P@5"] == pytest.approx(20.0)


def test_matrix_of_other_length_is_refused(example, folder):
    write_matrix(folder / "tst_X_Y.txt", [[8]], 9)
    with pytest.raises(ValueError, match="1 rows"):
        example.load(folder)


def test_missing_file_is_named(example, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"trn\.json"):
        example.load(tmp_path)


def test_label_file_sets_the_number_of_labels(example, folder):
    lines = [json.dumps({"uid": str(i), "title": "x"}) for i in range(11)]
    (folder / "lbl.json").write_text("\n".join(lines) + "\n")
    _, Y, _, Y_test = example.load(folder)
    assert Y.shape == (160, 11) and Y_test.shape == (32, 11)


def test_filtered_pairs_leave_the_predictions(example, folder):
    write_matrix(folder / "trn_X_Y.txt", [[8] for _ in range(160)], 9)
    write_matrix(folder / "tst_X_Y.txt", [[8] for _ in range(32)], 9)
    (folder / "filter_labels_test.txt").write_text("".join(f"{i} 8\n" for i in range(16)))
    ours = example.main(["--data-dir", str(folder), "--epochs", "3", "--params", TINY])
    assert ours["P@1"] == 50.0  # the label is removed from half of the rows


def test_remove_pairs_agrees_with_a_loop(example):
    rng = np.random.default_rng(0)
    ranking = np.array([rng.permutation(12)[:8] for _ in range(40)])
    ranking[3, 5:] = -1
    pairs = sp.csr_array(rng.random((40, 12)) < 0.3)
    banned = pairs.toarray()
    for row, got in zip(range(40), example.remove_pairs(ranking, pairs, 5), strict=True):
        expected = [x for x in ranking[row] if x >= 0 and not banned[row, x]][:5]
        assert got.tolist() == expected + [-1] * (5 - len(expected))


def test_parse_params(example):
    parsed = example.parse_params("a=1,b=(2, 3),c=adam,d=None")
    assert parsed == {"a": 1, "b": (2, 3), "c": "adam", "d": None}
    with pytest.raises(ValueError, match="name=value"):
        example.parse_params("a")
