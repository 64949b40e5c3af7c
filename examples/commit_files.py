"""Which files does a commit change? A large real set from the history of git repositories.

    python examples/commit_files.py --repository DIR [--repository NAME=DIR2 ...] --out DATA
    python examples/commit_files.py --repository DIR --out DATA --fit

Each commit is a row. Its title is the text, and the paths that it changes are the labels. The
newest commits of all repositories are the test part, so that the past predicts the present. Clones
of a few large projects give half a million rows and a hundred thousand labels, and no network is
needed beyond the clones.

Left out are merges, commits that change more than 20 files, and files that fewer than two of the
training commits change. ``DATA`` gets ``train.jsonl.gz`` and ``test.jsonl.gz``, as the benchmarks
read them. With ``--fit``, a classifier of default parameters is trained, judged and saved there.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.preprocessing import MultiLabelBinarizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_jsonl
from sk_inceptionxml.metrics import inverse_propensity, ranking_report

METRICS = ["P@1", "P@3", "P@5", "PSP@1", "PSP@5", "R@10", "R@100"]


class Commit(NamedTuple):
    """A commit of one of the repositories."""

    seconds: int  # since 1970, of the committer
    title: str
    files: list[str]  # each behind the name of its repository


def read_commits(name: str, repository: Path, max_files: int) -> Iterator[Commit]:
    """Commits of a repository that are no merges and change one to ``max_files`` files.

    Raises
    ------
    subprocess.CalledProcessError
        If there is no git repository.
    """
    options = ["--no-merges", "--no-renames", "--name-only", "--format=%x00%ct%x09%s"]
    command = ["git", "-c", "core.quotepath=off", "-C", str(repository), "log", *options]
    log = subprocess.run([*command, "HEAD", "--"], stdout=subprocess.PIPE, check=True).stdout
    output = log.decode("utf-8", "replace")
    for entry in output.split("\0")[1:]:
        first, *paths = entry.split("\n")
        seconds, title = first.split("\t", 1)
        files = [f"{name}/{path}" for path in paths if path]
        if title.strip() and 0 < len(files) <= max_files:
            yield Commit(int(seconds), title, files)


def split(commits: Sequence[Commit], n_test: int) -> tuple[list[Commit], list[Commit]]:
    """The commits before the newest ones, and the newest ones; with files known from two before.

    A commit that is left without a file is left out.
    """
    ordered = sorted(commits)
    train, test = ordered[:-n_test], ordered[-n_test:]
    n_commits = Counter(file for commit in train for file in commit.files)

    def known(part: Sequence[Commit]) -> list[Commit]:
        kept = (c._replace(files=[f for f in c.files if n_commits[f] > 1]) for c in part)
        return [commit for commit in kept if commit.files]

    return known(train), known(test)


def write(path: Path, commits: Sequence[Commit]) -> None:
    """One JSON object a line, compressed."""
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        for commit in commits:
            print(json.dumps({"text": commit.title, "labels": commit.files}), file=stream)


def fit_and_judge(folder: Path) -> None:
    """Train on what was written, save the model beside it and print what it cost and is worth."""
    train, test = (load_jsonl(folder / f"{part}.jsonl.gz") for part in ("train", "test"))
    start = time.perf_counter()
    model = InceptionXMLClassifier(random_state=0).fit(train.data, train.target)
    trained = time.perf_counter()
    names, _ = model.predict_topk(test.data, k=100)
    predicted = time.perf_counter()
    model.save(folder / "model")
    true = MultiLabelBinarizer(classes=model.classes_, sparse_output=True).fit_transform(
        test.target
    )
    report = ranking_report(
        true,
        np.searchsorted(model.classes_, names),
        inverse_propensity=inverse_propensity(model.label_counts_, n_samples=len(train.data)),
    )
    print(f"training {trained - start:.0f} s")
    print(f"prediction {len(test.data) / (predicted - trained):.0f} titles/s")
    print(", ".join(f"{name} {report[name]:.2f}" for name in METRICS if name in report))


def main() -> None:
    """Write both parts and, if asked, train on them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repository", action="append", required=True, metavar="[NAME=]DIR")
    parser.add_argument("--out", type=Path, required=True, help="folder of both parts")
    parser.add_argument("--max-files", type=int, default=20)
    parser.add_argument("--test", type=int, default=10_000, help="newest commits held back")
    parser.add_argument("--fit", action="store_true", help="also train, judge and save a model")
    args = parser.parse_args()
    commits: list[Commit] = []
    for given in args.repository:
        name, _, folder = given.rpartition("=")
        place = Path(folder).resolve()
        found = list(read_commits(name or place.name, place, args.max_files))
        print(f"{name or place.name}: {len(found):,} commits")
        commits += found
    if len(commits) <= args.test:
        parser.error(f"{len(commits)} commits are too few to hold {args.test} back; lower --test.")
    train, test = split(commits, args.test)
    args.out.mkdir(parents=True, exist_ok=True)
    write(args.out / "train.jsonl.gz", train)
    write(args.out / "test.jsonl.gz", test)
    n_labels = len({file for commit in train for file in commit.files})
    print(f"{len(train):,} training rows, {len(test):,} test rows, {n_labels:,} labels")
    if args.fit:
        fit_and_judge(args.out)


if __name__ == "__main__":
    main()
