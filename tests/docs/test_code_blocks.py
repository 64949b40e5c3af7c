"""Every block of Python in the guide runs, page by page, and every name in it exists.

Blocks of other packages, which are not installed here, have the language ``py``.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.heads import OneVsAll, SyncXML

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "cli"))
PAGES = [
    ROOT / "README.md",
    *(ROOT / "docs" / name for name in ("getting-started.md", "method.md", "recipes.md")),
    *(ROOT / "docs" / name for name in ("migrating.md", "memory-and-time.md", "limits.md")),
    *sorted((ROOT / "docs").glob("guide-*.md")),
]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"`(\w+)=[^`]*`|`\.?(\w+)\([^`]*\)`")
# what a page may write as NAME= or NAME(...) beside parameters and methods of the classifier
OTHER_NAMES = {
    "as_lists", "classes", "cv", "fit_transform", "inceptionxml", "label_texts", "precision",
    "sample_weight", "scoring", "sync", "validation_data", "k", "predict_topk", "load_csv",
}  # fmt: skip


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "page"}
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        exec(compile(block, name_of(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_parameters_and_methods_exist(page):
    known = set(InceptionXMLClassifier().get_params()) | set(dir(InceptionXMLClassifier))
    known |= set(SyncXML().get_params()) | set(OneVsAll().get_params()) | OTHER_NAMES
    for first, second in CALL.findall(page.read_text(encoding="utf-8")):
        name = (first or second).removeprefix("head__")
        assert name[0].isupper() or name in known


def test_the_command_line_of_the_first_page(tmp_path, monkeypatch):
    from _command_line import SMALL, run

    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    blocks = [b for b in BLOCK.findall(page) if "import json" in b or "itertools" in b]
    names: dict = {}
    for block in blocks:
        exec(block, names)
    lines = [line for block in SHELL.findall(page) for line in block.splitlines()]
    lines = [line for line in lines if "sk-inceptionxml " in line]
    assert len(lines) == 4
    for line in lines:
        *before, command = line.split(" | ")
        words = shlex.split(command)[1:]
        if words[0] == "fit":
            words += [
                f"--set={name}={value}" for name, value in SMALL.items() if name != "embedding_dim"
            ]
        ended = run(*words, stdin=before[0].split('"')[1].encode() if before else b"")
        assert (ended.status, ended.err) == (0, ""), line
