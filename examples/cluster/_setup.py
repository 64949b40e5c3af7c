"""What the examples share: a small model, titles in Parquet files, and the check at the end."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from worker import predict_piece

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import make_short_text

N_LABELS, N_WORDS, TRAINING_ROWS = 200, 2000, 3000


def options(doc: str) -> argparse.Namespace:
    """Read the command line of an example."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--titles", type=int, default=10_000)
    parser.add_argument("--titles-a-piece", type=int, default=1000)
    parser.add_argument("--neighbors", type=int, default=20, help="0 is the network alone")
    parser.add_argument("--no-check", action="store_true", help="do not predict them again here")
    return parser.parse_args()


def save_model(folder: Path, n_neighbors: int) -> str:
    """A small model, as ``save`` writes it."""
    data = make_short_text(TRAINING_ROWS, N_LABELS, n_words=N_WORDS, random_state=0)
    labels = [[f"label {i}" for i in row] for row in data.target]
    clf = InceptionXMLClassifier(
        embedding_dim=32, n_filters=8, n_neighbors=n_neighbors, max_epochs=3, random_state=0
    )
    clf.fit(data.data, labels).save(folder / "model")
    return str(folder / "model")


def write_titles(folder: Path, n_titles: int, titles_a_piece: int) -> str:
    """Titles and their row numbers in Parquet files of equal length, one a piece."""
    if n_titles % titles_a_piece:
        raise SystemExit("--titles must be a multiple of --titles-a-piece.")
    titles = folder / "titles"
    titles.mkdir()
    for i, start in enumerate(range(0, n_titles, titles_a_piece)):
        data = make_short_text(titles_a_piece, N_LABELS, n_words=N_WORDS, random_state=i)
        piece = pd.DataFrame({"row": start + np.arange(titles_a_piece), "title": data.data})
        piece.to_parquet(titles / f"{i:05d}.parquet", index=False)
    return str(titles)


def run(predict: Callable[[str, str, str], None], args: argparse.Namespace) -> None:
    """Predict on the cluster and compare with a single process.

    ``predict`` takes the folder of the titles, that of the model and that of the results.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = save_model(folder, args.neighbors)
        titles = write_titles(folder, args.titles, args.titles_a_piece)
        start = time.perf_counter()
        predict(titles, model, str(folder / "out"))
        seconds = time.perf_counter() - start
        print(f"{args.titles} titles in {seconds:.1f} s, the start of the cluster included")
        if not args.no_check:
            check(titles, model, str(folder / "out"))


def check(titles: str, model: str, out: str) -> None:
    """Refuse results that are not those of a single process, bit for bit."""
    found = pd.read_parquet(out).sort_values("row", ignore_index=True)
    seen, seconds = 0, 0.0
    for path in sorted(Path(titles).iterdir()):
        start = time.perf_counter()
        expected = predict_piece(pd.read_parquet(path), model)
        seconds += time.perf_counter() - start
        piece = found.iloc[seen : seen + len(expected)]
        seen += len(expected)
        assert piece["row"].tolist() == expected["row"].tolist(), f"rows are missing: {path}"
        for column, dtype in (("labels", object), ("scores", np.float32)):
            ours, theirs = (
                np.array(frame[column].tolist(), dtype=dtype) for frame in (piece, expected)
            )
            assert np.array_equal(ours, theirs), f"{column} differ: {path}"
    assert seen == len(found), f"{len(found)} results of {seen} titles"
    assert found["loads"].max() == 1, "a worker loaded the model more than once"
    print(f"a single process took {seconds:.1f} s")
    print(f"equal to a single process, bit for bit; {found['worker'].nunique()} workers")
