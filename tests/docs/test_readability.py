"""Sentences are short, and the guide is easy to read."""

from __future__ import annotations

from pathlib import Path

import pytest
from _prose import docstring_sentences, docstrings, grade, markdown_sentences, n_syllables, n_words

ROOT = Path(__file__).parents[2]
MOST_WORDS = 35
HIGHEST_GRADE = 10
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
PAGES = [p for p in PAGES if not {"_build", "auto_examples", "generated"} & set(p.parts)]
GUIDE = [
    "README.md",
    "docs/getting-started.md",
    "docs/user-guide.md",
    "docs/recipes.md",
    "docs/migrating.md",
    "docs/limits.md",
    "docs/glossary.md",
    "docs/results.md",
    "docs/command-line.md",
    "docs/service.md",
    "docs/cluster.md",
    "docs/plots.md",
    "docs/memory-and-time.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("guide-*.md")),
]
# rooms and modules of the package whose docstrings are read; add yours
PACKAGE = ROOT / "sk_inceptionxml"
ROOMS = sorted(
    path.stem if path.suffix else path.name
    for path in PACKAGE.iterdir()
    if path.suffix == ".py" or (path / "__init__.py").exists()
)


def files_of(room: str) -> list[Path]:
    """The modules of a room."""
    path = ROOT / "sk_inceptionxml" / room
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def too_long(found: list[str]) -> list[str]:
    """Sentences with too many words, and how many."""
    return [f"{n_words(s)} words: {s}" for s in found if n_words(s) > MOST_WORDS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_sentences_of_pages_are_short(page):
    assert not too_long(markdown_sentences(page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("room", ROOMS)
def test_sentences_of_docstrings_are_short(room):
    long = [
        f"{path.name} {name}: {sentence}"
        for path in files_of(room)
        for name, doc in docstrings(path)
        for sentence in too_long(docstring_sentences(doc))
    ]
    assert not long


@pytest.mark.parametrize("page", GUIDE)
def test_the_guide_is_easy_to_read(page):
    found = markdown_sentences((ROOT / page).read_text(encoding="utf-8"))
    assert len(found) > 5
    assert grade(found) <= HIGHEST_GRADE


def test_the_counts_themselves():
    words = {"cat": 1, "table": 2, "probability": 5, "trained": 1, "labels": 2, "makes": 1}
    assert {word: n_syllables(word) for word in words} == words
    page = "# Title\n\nOne `a b` two.\nThree (see [four](x.md))! Five\n\n* six\n* seven\n\n| no |\n"
    assert markdown_sentences(page) == [
        "One Code two.",
        "Three (see four)!",
        "Five",
        "six",
        "seven",
    ]
    doc = "Do it.\n\nParameters\n----------\nX : array\n    Rows. More\n    rows.\n\n>>> f(1)\n2\n"
    assert docstring_sentences(doc) == ["Do it.", "Rows.", "More rows."]
    assert too_long(["word " * 36]) and not too_long(["word " * 35])
    assert grade(["The cat sat on the mat."]) < 1 < 12 < grade(["Probability " * 12])
