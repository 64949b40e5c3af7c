"""Sentences of Markdown and of numpydoc docstrings, and how hard they read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

FENCE = re.compile(r"^ *(```+|~~~+|:::+).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
MATH_BLOCK = re.compile(r"\$\$.*?\$\$", re.DOTALL)
BLOCK_START = re.compile(r"^ *([*+-]|\d+\.) +")
ENTRY = re.compile(r"^\s*\S+(, \S+)* : |^\*{0,2}\w+(, \*{0,2}\w+)*$")  # of a numpydoc section
SECTION = re.compile(r"^(\w[\w ]+)\n-{3,}$", re.MULTILINE)
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')*]*\s+(?=[\"'(*]*[A-Z0-9`])")
WORD = re.compile(r"[A-Za-z0-9][\w'’.,-]*")
NO_PROSE = {"Examples", "References", "See Also"}


def plain(block: str) -> str:
    """One block of Markdown or reStructuredText without its marks."""
    block = re.sub(r"!\[[^\]]*\]\([^)]*\)", " ", block)
    block = re.sub(r"\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])", r"\1", block)
    block = re.sub(r"(:[\w:]+:)?`+[^`]*`+", "Code", block)
    block = re.sub(r"\$[^$]+\$", "value", block)
    block = re.sub(r"<?https?://\S+>?", "address", block)
    return " ".join(block.split())


def blocks(text: str) -> Iterator[str]:
    """Paragraphs and list items."""
    found: list[str] = []
    for line in [*text.splitlines(), ""]:
        is_item = BLOCK_START.match(line) is not None
        if (not line.strip() or is_item) and found:
            yield "\n".join(found)
            found = []
        if line.strip():
            found.append(BLOCK_START.sub("", line))


def sentences(block: str) -> list[str]:
    """Sentences of one block."""
    return [part for part in SENTENCE_END.split(plain(block)) if WORD.search(part)]


def markdown_sentences(text: str) -> list[str]:
    """Sentences of a page, without code, tables, headings and formulas."""
    text = COMMENT.sub("", text)
    text = MATH_BLOCK.sub("\n", FENCE.sub("\n", text))
    kept = []
    for line in text.splitlines():
        is_table, is_heading = line.lstrip().startswith("|"), line.startswith("#")
        is_code = line.startswith("    ") and (not kept or not kept[-1].strip())
        kept.append("" if is_table or is_heading or is_code else line)
    return [s for block in blocks("\n".join(kept)) for s in sentences(block)]


def docstring_sentences(doc: str) -> list[str]:
    """Sentences of a numpydoc docstring, without examples, references and types."""
    parts = SECTION.split(doc)
    found = [s for block in blocks(_without_doctest(parts[0])) for s in sentences(block)]
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        if name in NO_PROSE:
            continue
        prose = name in {"Notes", "Warnings"}
        lines = ["" if not prose and ENTRY.match(line) else line for line in body.splitlines()]
        text = _without_doctest("\n".join(lines))
        found += [s for block in blocks(text) for s in sentences(block)]
    return found


def _without_doctest(text: str) -> str:
    return re.sub(r"^ *>>> .*?(?=^\s*$|\Z)", "", text, flags=re.MULTILINE | re.DOTALL)


def docstrings(path: Path) -> Iterator[tuple[str, str]]:
    """Name and docstring of every module, class and function of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            doc = ast.get_docstring(node)
            if doc:
                yield getattr(node, "name", path.stem), doc


def n_words(sentence: str) -> int:
    """Words of a sentence; a piece of code is one."""
    return len(WORD.findall(sentence))


def n_syllables(word: str) -> int:
    """Syllables of an English word, by its groups of vowels."""
    word = re.sub(r"[^a-z]", "", word.lower())
    if len(word) <= 3:
        return 1
    if word.endswith("e") and not re.search(r"[^aeiouy]le$", word):
        word = word[:-1]  # a silent e
    elif word.endswith(("es", "ed")) and not re.search(r"([sxz]|ch|sh|[cg]|[td])e[sd]$", word):
        word = word[:-2]
    return max(1, len(re.findall(r"[aeiouy]+", word)))


def grade(found: list[str]) -> float:
    """Flesch-Kincaid grade of sentences."""
    words = [word for sentence in found for word in WORD.findall(sentence)]
    syllables = sum(map(n_syllables, words))
    return 0.39 * len(words) / len(found) + 11.8 * syllables / len(words) - 15.59
