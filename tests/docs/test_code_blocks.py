"""Every block of Python on a page runs, and every name in the guide exists.

Blocks of other packages, which are not installed here, have the language ``py``.
"""

from __future__ import annotations

import gzip
import json
import re
import shlex
import sys
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import torch

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.heads import OneVsAll, SyncXML

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "cli"))
GUIDE = [
    ROOT / "README.md",
    *(ROOT / "docs" / name for name in ("getting-started.md", "method.md", "recipes.md")),
    *(ROOT / "docs" / name for name in ("migrating.md", "memory-and-time.md", "limits.md")),
    *sorted((ROOT / "docs").glob("guide-*.md")),
]
PAGES = sorted({*GUIDE, *(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"})
FIRST_PAGE = ROOT / "docs" / "getting-started.md"  # runs with its commands, in the last test
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
READ = re.compile(r'"(part-0\.parquet|train\.jsonl\.gz)"')
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"`(\w+)=[^`]*`|`\.?(\w+)\([^`]*\)`")
# what a page may write as NAME= or NAME(...) beside parameters and methods of the classifier
OTHER_NAMES = {
    "as_lists", "classes", "cv", "fit_transform", "inceptionxml", "label_texts", "mmap",
    "precision", "sample_weight", "scoring", "sync", "validation_data", "k", "predict_topk",
    "load_csv",
}  # fmt: skip
NAME = re.compile(r"`([A-Za-z_]\w*(?:\.\w+)*)`")
PROSE = [
    ROOT / "README.md",
    *(p for p in sorted((ROOT / "docs").glob("*.md")) if p.name != "results-appendix.md"),
]
# names of other packages and of the shell, by their last part
OF_OTHERS = {
    "AccelerateMixin", "FutureWarning", "GridSearchCV", "RandomizedSearchCV", "__label__", "cff",
    "chromium", "cross_val_predict", "cross_val_score", "id2label",
    "inceptionxml_queue_full_total", "labels_weights", "mapInPandas", "multiprocessing",
    "n_trees", "pickle", "pretrainedVectors", "quantize", "read_parquet", "yake",
}  # fmt: skip


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [p for p in PAGES if p != FIRST_PAGE], ids=name_of)
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    text = page.read_text(encoding="utf-8")
    for name in READ.findall(text):
        write_rows(tmp_path, name)
    names: dict = {"__name__": "page"}  # what stands under "if __name__" is not run
    for block in BLOCK.findall(text):
        exec(compile(block, name_of(page), "exec"), names)


def write_rows(directory, name):
    """Files that a page reads."""
    titles = ["red boat", "blue boat", "red kite", "blue kite"] * 5
    subjects = [title.split() for title in titles]
    if name.endswith(".parquet"):
        for number in range(2):
            table = pd.DataFrame({"title": titles, "subjects": subjects})
            table.to_parquet(directory / f"part-{number}.parquet")
        return
    rows = ({"text": t, "labels": s} for t, s in zip(titles, subjects, strict=True))
    with gzip.open(directory / name, "wt") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(autouse=True)
def nothing_is_left():
    """Close the figures of a page, and undo its number of threads."""
    threads = torch.get_num_threads()
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
    torch.set_num_threads(threads)


@pytest.mark.parametrize("page", GUIDE, ids=name_of)
def test_parameters_and_methods_exist(page):
    known = set(InceptionXMLClassifier().get_params()) | set(dir(InceptionXMLClassifier))
    known |= set(SyncXML().get_params()) | set(OneVsAll().get_params()) | OTHER_NAMES
    for first, second in CALL.findall(page.read_text(encoding="utf-8")):
        name = (first or second).removeprefix("head__")
        assert name[0].isupper() or name in known


@pytest.mark.parametrize("page", PROSE, ids=name_of)
def test_names_in_prose_are_names_of_the_code(page):
    folders = [ROOT / "sk_inceptionxml", ROOT / "tests", ROOT / "benchmarks"]
    source = {word for folder in folders for word in words_of(folder)}
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    last = {name.split(".")[-1].removeprefix("head__") for name in NAME.findall(text)}
    assert last - source - OF_OTHERS == set()


@cache
def words_of(folder):
    files = [p for p in folder.rglob("*.py") if p != Path(__file__)]
    parts = {part for p in folder.rglob("*") for part in (p.name, p.stem)}
    return {word for p in files for word in re.findall(r"\w+", p.read_text("utf-8"))} | parts


def test_the_first_page_and_its_commands(tmp_path, monkeypatch):
    """The commands give the numbers of the blocks of Python, as the page says."""
    from _command_line import run

    monkeypatch.chdir(tmp_path)
    page = FIRST_PAGE.read_text(encoding="utf-8")
    names: dict = {}
    for block in BLOCK.findall(page):
        exec(block, names)
    lines = [line for block in SHELL.findall(page) for line in block.splitlines()]
    lines = [line for line in lines if "sk-inceptionxml " in line]
    assert len(lines) == 4
    for line in lines:
        *before, command = line.split(" | ")
        title = before[0].split('"')[1] if before else ""
        ended = run(*shlex.split(command)[1:], stdin=title.encode())
        assert (ended.status, ended.err) == (0, ""), line
        if title:
            answer = json.loads(ended.out)
            best, probabilities = names["clf"].predict_topk([title], k=5)
            assert answer["labels"] == best[0].tolist()
            assert answer["probabilities"] == probabilities[0].tolist()
