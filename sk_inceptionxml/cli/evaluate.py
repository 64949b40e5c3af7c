"""``evaluate``: all metrics of a model on a test file."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml.metrics import (
    coverage_at_k,
    expected_calibration_error,
    frequency_report,
    inverse_propensity,
    ranking_report,
)

from . import baselines
from .failures import Failure, wrong_input
from .inputs import Columns, Labelled, check_readable, read_labelled
from .models import ROWS_AT_ONCE, blocks, check_kind, load
from .tables import print_table, progress

MIN_SAMPLES = 3  # for propensities


@dataclass(frozen=True)
class Places:
    """How many places of a ranking count, and the constants of the propensities."""

    ks: Sequence[int]
    recall_ks: Sequence[int]
    A: float
    B: float

    @property
    def deepest(self) -> int:
        return max(*self.ks, *self.recall_ks)


@dataclass(frozen=True)
class Truth:
    """What rankings are compared with."""

    Y: sp.csr_array
    label_counts: np.ndarray  # of training rows
    n_train: int


def run(
    directory: Path,
    test: Path,
    columns: Columns,
    *,
    train: Path | None,
    with_baselines: bool,
    places: Places,
    device: str,
    output_format: str,
) -> int:
    """Evaluate and print; the exit status."""
    if with_baselines and train is None:
        raise Failure("--baselines needs the training rows: add --train FILE")
    if train is not None and columns.label_matrix is not None:
        raise Failure("--train does not go with --label-matrix, which is that of TEST")
    check_readable(test, train, columns.label_matrix, columns.label_names)
    with wrong_input("--propensity-a and --propensity-b"):  # before the predictions
        inverse_propensity([1], n_samples=MIN_SAMPLES, A=places.A, B=places.B)
    rows = read_labelled(test, columns)
    if not any(rows.y):
        raise Failure(f"{test}: no row has a label")
    learned = None if train is None else read_labelled(train, columns)
    model = load(directory, device)
    check_kind(model, rows.X, str(test), directory)
    if learned is not None:
        check_kind(model, learned.X, str(train), directory)
        _check_names(model.classes_.tolist(), learned.y, train)
    column_of = {name: i for i, name in enumerate(model.classes_.tolist())}
    n_known = len(column_of)
    _check_names(column_of, rows.y, test)
    Y_train = None if learned is None else _indicator(learned.y, column_of)
    Y = _indicator(rows.y, column_of)
    counts = np.zeros(len(column_of), dtype=np.int64)
    if Y_train is None:
        counts[:n_known] = model.label_counts_
        n_train = model.n_samples_fit_
    else:
        Y_train.resize((Y_train.shape[0], len(column_of)))
        counts += np.bincount(Y_train.indices, minlength=len(column_of))
        n_train = Y_train.shape[0]
    truth = Truth(Y, counts, n_train)
    with wrong_input(str(test)):
        ranking, probabilities = _ranked(model, rows.X, column_of, places.deepest)
        systems = {"model": metrics(truth, ranking, places, probabilities)}
        if with_baselines:
            assert learned is not None and Y_train is not None
            systems |= _baselines(learned, Y_train, rows.X, truth, places)
    frequency = frequency_report(Y, ranking, counts, k=max(places.ks))
    about = {
        "model": str(directory),
        "test": str(test),
        "rows": Y.shape[0],
        "labels_of_test": len(np.unique(Y.indices)),
        "labels_of_model": n_known,
        "true_labels_known_to_model": float((Y.indices < n_known).mean()),
    }
    report = {"json": as_json, "csv": as_csv, "table": as_table}[output_format]
    report(about, systems, frequency.to_dict("records"))
    return 0


def metrics(
    truth: Truth, ranking: np.ndarray, places: Places, probabilities: np.ndarray | None = None
) -> dict[str, float]:
    """All metrics of a ranking, in percent.

    Parameters
    ----------
    truth : Truth
    ranking : ndarray of shape (n_samples, n_places)
        Columns, best first, -1 for nothing.
    places : Places
    probabilities : ndarray of shape (n_samples, n_places) or None
        Those of the ranking; adds the calibration error.
    """
    weights = None
    if truth.n_train >= MIN_SAMPLES:
        n = truth.n_train
        weights = inverse_propensity(truth.label_counts, n_samples=n, A=places.A, B=places.B)
    report = ranking_report(
        truth.Y,
        ranking,
        ks=places.ks,
        recall_ks=places.recall_ks,
        inverse_propensity=weights,
    )
    report |= {f"coverage@{k}": 100 * coverage_at_k(truth.Y, ranking, k=k) for k in places.ks}
    if probabilities is not None:
        for k in places.ks:
            error = expected_calibration_error(truth.Y, ranking, probabilities, k=k)
            report[f"ECE@{k}"] = 100 * error
    return report


def _check_names(names: Iterable[Any], rows: Iterable[Iterable[Any]], path: Path | None) -> None:
    """Refuse numbers as labels where the model has names, and the other way round."""
    given = next((label for row in rows for label in row), None)
    known = next(iter(names))
    if given is not None and isinstance(given, str) != isinstance(known, str):
        kinds = ("integers", "strings")
        raise Failure(
            f"{path}: its labels are {kinds[isinstance(given, str)]}, but those of the model are "
            f"{kinds[isinstance(known, str)]}"
        )


def _indicator(rows: list[Any], column_of: dict[Any, int]) -> sp.csr_array:
    """The labels of each row as columns; labels never seen get columns behind the others."""
    indptr, indices = [0], []
    for row in rows:
        found = sorted({column_of.setdefault(label, len(column_of)) for label in row})
        indices += found
        indptr.append(len(indices))
    shape = (len(rows), len(column_of))
    return sp.csr_array((np.ones(len(indices)), np.array(indices, dtype=np.int64), indptr), shape)


def _ranked(model: Any, X: Any, column_of: dict[Any, int], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and probabilities of the best labels of each row, -1 and 0 for nothing."""
    k = min(k, model.n_labels_)
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    ranking = np.full((n_rows, k), -1, dtype=np.int64)
    probabilities = np.zeros((n_rows, k), dtype=np.float32)
    row = 0
    with progress("predicting", n_rows) as advance:
        for block in blocks(X, ROWS_AT_ONCE):
            for pairs in model.predict_topk(block, k, as_lists=True):
                for place, (label, probability) in enumerate(pairs):
                    ranking[row, place] = column_of[label]
                    probabilities[row, place] = probability
                row += 1
            advance(row)
    return ranking, probabilities


def _baselines(
    train: Labelled, Y_train: sp.csr_array, X: Any, truth: Truth, places: Places
) -> dict[str, dict[str, float]]:
    rankings = {
        "popularity": baselines.popularity(Y_train, truth.Y.shape[0], places.deepest),
        "TF-IDF neighbours": baselines.nearest_neighbours(train.X, Y_train, X, places.deepest),
    }
    return {name: metrics(truth, ranking, places) for name, ranking in rankings.items()}


Systems = dict[str, dict[str, float]]
Buckets = list[dict[str, Any]]


def _number(value: Any) -> Any:
    """A plain number; None where there is none."""
    if isinstance(value, str):
        return value
    number = float(value)
    if np.isnan(number):
        return None
    return int(number) if isinstance(value, (int, np.integer)) else number


def as_json(about: dict[str, Any], systems: Systems, frequency: Buckets) -> None:
    """One JSON object."""
    buckets = [{name: _number(value) for name, value in row.items()} for row in frequency]
    whole = about | {"metrics": systems, "by_label_frequency": buckets}
    sys.stdout.write(json.dumps(whole, indent=2, ensure_ascii=True) + "\n")


def as_csv(about: dict[str, Any], systems: Systems, frequency: Buckets) -> None:
    """One line a number: system, training rows of the labels, metric, value."""
    write = csv.writer(sys.stdout, lineterminator="\n").writerow
    write(["system", "label_frequency", "metric", "value"])
    for system, report in systems.items():
        for metric, value in report.items():
            write([system, "all", metric, value])
    for row in frequency:
        for metric, value in row.items():
            if metric != "bucket":
                write(["model", row["bucket"], metric, _number(value)])


def as_table(about: dict[str, Any], systems: Systems, frequency: Buckets) -> None:
    """Tables for people."""
    known = 100 * about["true_labels_known_to_model"]
    sys.stdout.write(
        f"{about['test']}: {about['rows']:,} rows, {about['labels_of_test']:,} labels; the model "
        f"knows {known:.1f} % of the labels of these rows\n\n"
    )
    names = list(systems["model"])
    rows = [
        [name, *(f"{r[name]:.2f}" if name in r else "" for r in systems.values())] for name in names
    ]
    print_table("Metrics in percent", ["metric", *systems], rows)
    recall = next(name for name in frequency[0] if name.startswith("recall"))
    print_table(
        "By training rows of a label, in percent",
        ["training rows", "labels", "true labels", recall, "predicted", "precision"],
        [
            [
                row["bucket"],
                f"{row['n_labels']:,}",
                f"{row['n_positives']:,.0f}",
                _percent(row[recall]),
                f"{row['n_predicted']:,.0f}",
                _percent(row["precision"]),
            ]
            for row in frequency
        ],
    )


def _percent(share: float) -> str:
    return "" if np.isnan(share) else f"{100 * share:.2f}"
