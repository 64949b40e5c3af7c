"""Figures in the documentation are those of benchmarks/results/, and are typed nowhere else."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs"))
import write_results  # noqa: E402

FILES = write_results.load()
# a measured figure: a decimal with a unit, or a metric with its value
MEASURED = re.compile(r"\d\.\d+ ?(%|points|s\b|ms\b|seconds|MB|GB|times)|@\d+ (is|of|rises) \d")
MARKED = [write_results.FIGURE, write_results.TABLE, re.compile(r"^( *)```.*?^\1```", re.M | re.S)]
NOT_OURS = re.compile(r"`[^`]*`|\]\([^)]*\)")


def test_pages_and_pictures_are_fresh():
    stale = [
        str(path.relative_to(ROOT))
        for path, content in write_results.outputs().items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    assert not stale, "run python docs/write_results.py"


def test_the_check_ends_with_a_status():
    command = [sys.executable, str(ROOT / "docs" / "write_results.py"), "--check"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_another_figure_makes_other_pages(monkeypatch):
    changed = copy.deepcopy(FILES)
    changed["accuracy"]["datasets"]["Tate"]["InceptionXMLClassifier"]["P@1"] = 12.34
    before = write_results.outputs()
    monkeypatch.setattr(write_results, "load", lambda: changed)
    after = write_results.outputs()
    names = {path.name for path in before if before[path] != after[path]}
    assert {"README.md", "results.md", "results-appendix.md", "accuracy.svg"} <= names
    assert all("12.34" in after[p] for p in after if p.name in names)


@pytest.mark.parametrize("name", FILES)
def test_a_file_says_what_it_is_and_how_it_was_made(name):
    file = FILES[name]
    assert {"title", "version", "about", "command"} <= file.keys()
    for table in file.get("tables", {}).values():
        assert all(len(row) == len(table["columns"]) for row in table["rows"])
        assert set(table.get("digits", {})) <= set(table["columns"])
        first = [row[0] for row in table["rows"]]
        assert len(set(first)) == len(first)
    assert name == "machine" or name in write_results.SECTIONS


@pytest.mark.parametrize("name", [name for name in FILES if name != "machine"])
def test_commands_exist(name):
    shared = "".join(p.read_text() for p in (ROOT / "benchmarks" / "_common").glob("*.py"))
    shared += (ROOT / "benchmarks" / "migrating" / "_side_by_side.py").read_text()
    for command in FILES[name]["command"]:
        _, script, *rest = command.split()
        source = (ROOT / script).read_text(encoding="utf-8") + shared
        for option in rest:
            assert not option.startswith("--") or f'"{option}"' in source, (command, option)


def test_accuracy_has_the_layout_that_the_pictures_read():
    for systems in json.loads((write_results.RESULTS / "accuracy.json").read_text())[
        "datasets"
    ].values():
        assert write_results.OURS in systems and len(systems) > 1
        for values in systems.values():
            assert {"P@1", "PSP@1"} <= values.keys()
            assert all(0 <= value <= 100 for value in values.values())


@pytest.mark.parametrize("page", write_results.pages(), ids=lambda page: page.name)
def test_no_figure_is_typed_by_hand(page):
    text = page.read_text(encoding="utf-8")
    for pattern in MARKED:
        text = pattern.sub("", text)
    found = [m[0] for m in MEASURED.finditer(NOT_OURS.sub("", text))]
    assert not found, "take it from benchmarks/results by a comment: see docs/write_results.py"


@pytest.mark.parametrize("page", write_results.pages(), ids=lambda page: page.name)
def test_no_line_begins_with_a_figure(page):
    # Markdown would read the comment at its start as a block of HTML
    assert not re.search(r"^\s*<!--=", page.read_text(encoding="utf-8"), re.MULTILINE)


def test_a_figure_that_is_not_there_is_an_error():
    for path in (
        "accuracy / Tate / nobody / P@1",
        "model_size / int8 / nothing",
        "nothing / a / b",
    ):
        with pytest.raises(KeyError):
            write_results.find(FILES, path)
    assert write_results.evaluate(
        FILES, "model_size / exact / MB over model_size / int8 / MB | .1f"
    )
