"""predict: a stream in, a stream out."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from _command_line import run

from sk_inceptionxml.datasets import load_jsonl

ROOT = Path(__file__).parent.parent.parent


class Watched:
    """Standard input that notes what has been answered when each line is asked for."""

    def __init__(self, lines):
        self.lines, self.answered = lines, []
        self.buffer, self.isatty = self, lambda: False

    def __iter__(self):
        for line in self.lines:
            self.answered.append(sys.stdout.buffer.getvalue().count(b"\n"))
            yield line


@pytest.mark.parametrize("size", [1, 3])
def test_answers_come_batch_by_batch(place, size):
    given = Watched([b"the red boat\n"] * 9)
    ended = run("predict", place / "model", "--batch-size", size, stdin=given)
    assert ended.status == 0
    assert given.answered == [i - i % size for i in range(9)]  # a batch is out before the next
    assert len(ended.answers) == 9


def test_a_terminal_is_answered_line_by_line(place):
    given = Watched([b"the red boat\n"] * 3)
    given.isatty = lambda: True
    run("predict", place / "model", stdin=given)
    assert given.answered == [0, 1, 2]


def test_each_line_has_one_answer(place):
    text = "the réd boat\r\n\nblue kite".encode()
    answers = run("predict", place / "model", stdin=b"\xef\xbb\xbf" + text).answers
    assert [a["text"] for a in answers] == ["the réd boat", "", "blue kite"]


@pytest.mark.parametrize(
    ("format", "given"),
    [
        ("jsonl", b'{"q": "red boat", "n": 1}\n\n{"q": "a\\ud800"}\n'),
        ("csv", b'n,q\n1,red boat\n2,"a\n\x22\x22b"\n'),
        ("tsv", b"n\tq\n1\tred boat\n2\t\x22a\n\x22\x22b\x22\n"),
    ],
)
def test_formats_of_standard_input(place, format, given):
    more = ("--format", format, "--text-column", "q")
    texts = [a["text"] for a in run("predict", place / "model", *more, stdin=given).answers]
    assert texts == ["red boat", "a\ud800" if format == "jsonl" else 'a\n"b']


def test_answers_can_be_trained_on(place, tmp_path):
    ended = run("predict", place / "model", place / "test.jsonl", "--threshold", 0.5)
    (tmp_path / "x.jsonl").write_text(ended.out, encoding="utf-8")
    data = load_jsonl(tmp_path / "x.jsonl")
    assert data.target == [a["labels"] for a in ended.answers]
    assert run("evaluate", place / "model", tmp_path / "x.jsonl", "-o", "json").status == 0


def test_tsv_has_a_row_for_each_label(place):
    texts = b'a\tb "c"\nthe red boat\n'
    asked = ("predict", place / "model", "-k", 2)
    rows = list(
        csv.DictReader(io.StringIO(run(*asked, "-o", "tsv", stdin=texts).out), delimiter="\t")
    )
    answers = run(*asked, stdin=texts).answers
    assert [row["row"] for row in rows] == ["1", "1", "2", "2"]
    assert [row["text"] for row in rows[::2]] == [a["text"] for a in answers]
    labels = [label for a in answers for label in a["labels"]]
    assert [row["label"] for row in rows] == labels
    assert [float(row["probability"]) for row in rows] == [
        p for a in answers for p in a["probabilities"]
    ]
    ended = run(*asked, "-o", "tsv", "--threshold", 1, stdin=texts)
    assert [line.split("\t")[0] for line in ended.out.splitlines()[1:]] == ["1", "2"]


def test_a_terminal_and_a_closed_output(place):
    """A typed line is answered at once; the program ends quietly when nobody reads."""
    outer, inner = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "sk_inceptionxml", "predict", place / "model"],
        stdin=inner,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"},
    )
    with program:
        os.close(inner)
        for text in ("the red boat", "the blue kite"):
            os.write(outer, text.encode() + b"\n")
            assert json.loads(program.stdout.readline())["text"] == text  # before the end
        program.stdout.close()  # as head does
        os.write(outer, b"the end\n")
        assert program.stderr.read() == b""
    os.close(outer)
    assert program.returncode == 0


def test_the_greeting_is_for_terminals(place):
    given = SimpleNamespace(buffer=io.BytesIO(b""), isatty=lambda: True)
    assert "Ctrl-D" in run("predict", place / "model", stdin=given, on_terminal=True).err
    assert run("predict", place / "model", stdin=given).err == ""
