"""Every command of docs/command-line.md, on small data."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from _command_line import SMALL, make_rows, run, write_jsonl

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
LINES = [line for block in BLOCKS for line in block.splitlines()]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The files that the page speaks of, in the current directory."""
    monkeypatch.chdir(tmp_path)
    rows = make_rows(60)
    write_jsonl("train.jsonl", rows[:40])
    write_jsonl("test.jsonl", rows[40:])
    texts = [text for text, _ in rows[:40]]
    names = sorted({label for _, labels in rows for label in labels})
    matrix = [" ".join(f"{names.index(x)}:1" for x in labels) for _, labels in rows[:40]]
    records = [f'"{text}",{";".join(labels)}' for text, labels in rows[:40]]
    files = {
        "titles.txt": texts,
        "train.csv": ["title,subjects", *records],
        "trn_X.txt": texts,
        "trn_X_Y.txt": [f"40 {len(names)}", *matrix],
        "Y.txt": names,
        "names.tsv": [f"{name}\t{name}" for name in names],
        "settings.toml": re.findall(r"^```toml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE),
    }
    for name, lines in files.items():
        Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_small(words):
    """A training of a small network, in whatever the page leaves open."""
    if words[1] != "fit":
        return words[1:]
    given = " ".join(words).replace("-", "_")
    kept = {"lr", "max_epochs", "kernel_sizes"} if "--config" in words else set()
    small = {k: v for k, v in SMALL.items() if k not in kept and k not in given}
    return [*words[1:], *(f"--set={name}={value}" for name, value in small.items())]


def pipeline(line):
    """Do what a shell does with pipes, and with a file for the output."""
    command, _, target = line.partition(">")
    given = b""
    for part in command.split(" | "):
        words = shlex.split(part)
        if words[0] == "echo":
            given = words[1].encode() + b"\n"
        elif words[0] == "head":
            given = b"".join(given.splitlines(keepends=True)[: int(words[2])])
        else:
            assert words[0] == "sk-inceptionxml"
            ended = run(*make_small(words), stdin=given)
            assert (ended.status, ended.err) == (0, ""), line
            given = ended.out.encode()
    assert given
    if target:
        Path(target.strip()).write_bytes(given)


def test_the_page_works(data):
    assert len(LINES) >= 14
    for line in LINES:
        pipeline(line)


def test_the_page_names_every_option_that_it_uses():
    from sk_inceptionxml.cli.app import Format

    assert all(f"`{name}`" in PAGE for name in Format)
    assert {line.split("sk-inceptionxml ")[1].split()[0] for line in LINES} == {
        "fit",
        "evaluate",
        "explain",
        "predict",
        "info",
    }
