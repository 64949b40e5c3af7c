"""The command line gives what Python gives, bit by bit."""

from __future__ import annotations

import csv
import gzip
import io
import json

import numpy as np
import pandas as pd
import pytest
from _command_line import ON_SMALL, SMALL, make_rows, run, write_jsonl

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_jsonl, load_xmc_sparse
from sk_inceptionxml.metrics import (
    coverage_at_k,
    expected_calibration_error,
    frequency_report,
    inverse_propensity,
    ranking_report,
)

ARRAYS = ("weights.safetensors", "memory.safetensors")


@pytest.fixture(scope="module")
def fitted(place):
    data = load_jsonl(place / "train.jsonl")
    clf = InceptionXMLClassifier(random_state=0, **SMALL).fit(data.data, data.target)
    clf.save(place / "python")
    return clf


def without_times(path):
    manifest = json.loads(path.read_bytes())
    del manifest["manifest_sha256"]
    for name in ("duration", "rows_per_second"):
        del manifest["training"][name]
    return manifest


def test_fit_writes_the_same_model(place, fitted):
    for name in ARRAYS:
        assert (place / "model" / name).read_bytes() == (place / "python" / name).read_bytes()
    ours, theirs = (without_times(place / m / "model.json") for m in ("model", "python"))
    ours["parameters"]["device"] = theirs["parameters"]["device"]
    assert ours == theirs


def test_predict_prints_the_same_numbers(place, fitted):
    test = load_jsonl(place / "test.jsonl")
    names, scores = fitted.predict_topk(test.data, k=5)
    answers = run("predict", place / "model", place / "test.jsonl").answers
    assert [a["text"] for a in answers] == test.data
    assert [a["labels"] for a in answers] == names.tolist()
    assert np.array_equal(np.float32([a["probabilities"] for a in answers]), scores)


def test_threshold_gives_the_labels_of_python_predict(place, fitted):
    test = load_jsonl(place / "test.jsonl")
    _, scores = fitted.predict_topk(test.data, k=5)
    for threshold in (0.5, float(np.median(scores)), 0.1):
        fitted.set_params(threshold=threshold, top_k=5)
        expected = fitted.predict(test.data)
        ended = run("predict", place / "model", place / "test.jsonl", "--threshold", threshold)
        assert [a["labels"] for a in ended.answers] == expected


def test_evaluate_prints_the_same_metrics(place, fitted):
    test = load_jsonl(place / "test.jsonl")
    names = fitted.classes_.tolist()
    Y = np.array([[name in row for name in names] for row in test.target], dtype=int)
    found, scores = fitted.predict_topk(test.data, k=100)
    ranking = np.vectorize(names.index)(found)
    weights = inverse_propensity(fitted.label_counts_, n_samples=70, A=0.5, B=0.4)
    expected = ranking_report(Y, ranking, inverse_propensity=weights)
    expected |= {f"coverage@{k}": 100 * coverage_at_k(Y, ranking, k=k) for k in (1, 3, 5)}
    for k in (1, 3, 5):
        expected[f"ECE@{k}"] = 100 * expected_calibration_error(Y, ranking, scores, k=k)
    table = frequency_report(Y, ranking, fitted.label_counts_)
    constants = ("--propensity-a", 0.5, "--propensity-b", 0.4)
    ended = run(
        "evaluate", place / "model", place / "test.jsonl", "-o", "json", *constants
    )  # JSON writes every digit
    report = json.loads(ended.out)
    assert report["metrics"] == {"model": expected}
    shown = pd.DataFrame(report["by_label_frequency"])
    pd.testing.assert_frame_equal(shown, table, check_exact=True, check_dtype=False)
    assert report["true_labels_known_to_model"] == 1.0

    ended = run("evaluate", place / "model", place / "test.jsonl", "-o", "csv", *constants)
    values = {
        row["metric"]: float(row["value"])
        for row in csv.DictReader(io.StringIO(ended.out))
        if row["label_frequency"] == "all"
    }
    assert values == expected
    shown = run("evaluate", place / "model", place / "test.jsonl", *constants).out
    for name, value in expected.items():
        assert f"{name} " in shown and f"{value:.2f}" in shown


def test_every_format_is_the_same_training(place, tmp_path):
    data = load_jsonl(place / "train.jsonl")
    joined = ["|".join(labels) for labels in data.target]
    table = pd.DataFrame({"more": 1, "text": data.data, "labels": joined})
    table.to_csv(tmp_path / "x.csv", index=False)
    table.to_csv(tmp_path / "x.tsv.gz", index=False, sep="\t")
    table.assign(labels=data.target).to_parquet(tmp_path / "x.parquet")
    plain = gzip.compress((tmp_path / "x.parquet").read_bytes())
    (tmp_path / "x.parquet.gz").write_bytes(plain)
    table.rename(columns={"text": "q", "labels": "tags"}).to_csv(tmp_path / "y.data", index=False)
    names = sorted(data.label_names)
    (tmp_path / "Y.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    columns = [[names.index(label) for label in row] for row in data.target]
    lines = [
        json.dumps({"title": t, "target_ind": c}) for t, c in zip(data.data, columns, strict=True)
    ]
    (tmp_path / "trn.json").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "trn_X.txt").write_text("\n".join(data.data) + "\n", encoding="utf-8")
    matrix = [f"{len(columns)} {len(names)}", *(" ".join(f"{c}:1" for c in r) for r in columns)]
    (tmp_path / "trn_X_Y.txt").write_text("\n".join(matrix) + "\n", encoding="utf-8")
    named = ("--label-names", tmp_path / "Y.txt")
    kinds = [
        ("x.csv",),
        ("x.tsv.gz",),
        ("x.parquet",),
        ("x.parquet.gz",),
        ("y.data", "--format", "csv", "--text-column", "q", "--label-column", "tags"),
        ("trn.json", *named),
        ("trn_X.txt", "--label-matrix", tmp_path / "trn_X_Y.txt", *named),
    ]
    for i, (name, *more) in enumerate(kinds):
        target = tmp_path / f"model{i}"
        ended = run("fit", tmp_path / name, target, "--seed", 0, *ON_SMALL, *more)
        assert (ended.status, ended.err) == (0, ""), name
        for arrays in ARRAYS:
            expected = (place / "model" / arrays).read_bytes()
            assert (target / arrays).read_bytes() == expected, name


def test_a_matrix_of_the_repository(tmp_path):
    lines = ["40 6 4"]
    for i, (_, labels) in enumerate(make_rows(40)):
        lines.append(f"{len(labels[0]) % 4},{len(labels[1]) % 4} {i % 6}:1 {(i + 2) % 6}:0.5")
    (tmp_path / "train.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ended = run("fit", tmp_path / "train.txt", tmp_path / "model", "--seed", 0, *ON_SMALL)
    assert (ended.status, ended.err) == (0, "")
    data = load_xmc_sparse(tmp_path / "train.txt")
    y = [set(row.indices.tolist()) for row in data.target]
    clf = InceptionXMLClassifier(random_state=0, **SMALL).fit(data.data, y)
    expected = clf.predict_topk(data.data, k=3, as_lists=True)
    asked = ("predict", tmp_path / "model", tmp_path / "train.txt", "--format", "xmc-sparse")
    answers = run(*asked, "-k", 3).answers
    assert [list(zip(a["labels"], a["probabilities"], strict=True)) for a in answers] == expected
    ended = run("evaluate", tmp_path / "model", tmp_path / "train.txt", "--baselines", "--train",
                tmp_path / "train.txt", "-o", "json")  # fmt: skip
    assert list(json.loads(ended.out)["metrics"]) == ["model", "popularity", "TF-IDF neighbours"]


def test_labels_and_counts_of_another_training_file(place, tmp_path):
    """--train moves the label frequencies; labels that no training row has are misses."""
    rows = [("the red boat", ["red", "boat", "never seen"]), ("the blue kite", ["blue", "kite"])]
    test = write_jsonl(tmp_path / "t.jsonl", rows)
    known = json.loads(run("evaluate", place / "model", test, "-o", "json").out)
    assert known["true_labels_known_to_model"] == pytest.approx(4 / 5)
    assert known["by_label_frequency"][0]["n_positives"] == 1  # never in training
    other = json.loads(run("evaluate", place / "model", test, "--train", test, "-o", "json").out)
    assert other["by_label_frequency"][1]["n_positives"] == 5  # all of them once
    assert other["metrics"]["model"]["P@1"] == known["metrics"]["model"]["P@1"]


def test_baselines_are_what_they_say(place):
    asked = ("evaluate", place / "model", place / "test.jsonl", "-o", "json", "--baselines")
    report = json.loads(run(*asked, "--train", place / "train.jsonl").out)["metrics"]
    train, test = (load_jsonl(place / f"{name}.jsonl") for name in ("train", "test"))
    counts = pd.Series([label for row in train.target for label in row]).value_counts()
    best = min(counts.index[counts == counts.iloc[0]])  # the first column of equal ones
    share = np.mean([best in row for row in test.target])
    assert report["popularity"]["P@1"] == pytest.approx(100 * share)
    # every test text has near copies in training
    assert report["TF-IDF neighbours"]["P@1"] > 90
