"""Blocks of Python on the pages of the site that no other test runs."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
# the guide has blocks that build on each other; test_code_blocks.py runs them
ELSEWHERE = re.compile(
    r"(guide-.*|getting-started|user-guide|choosing-settings|method|recipes|migrating"
    r"|memory-and-time|limits)\.md"
)
PAGES = [
    page
    for page in sorted([*(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"])
    if not ELSEWHERE.fullmatch(page.name) and BLOCK.search(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    for name in re.findall(
        r'"(part-0\.parquet|train\.jsonl\.gz)"', page.read_text(encoding="utf-8")
    ):
        write_rows(tmp_path, name)
    names: dict = {"__name__": "page"}  # what stands under "if __name__" is not run
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        exec(compile(block, page.name, "exec"), names)


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
def closed_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
