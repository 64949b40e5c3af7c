"""A small problem in files, and the command line in this process."""

from __future__ import annotations

import io
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from sk_inceptionxml.cli import main

SMALL = {
    "embedding_dim": 16,
    "n_filters": 4,
    "kernel_sizes": [4, 8],
    "max_epochs": 2,
    "batch_size": 32,
    "device": "cpu",
}
ON_SMALL = [f"--set={name}={value}" for name, value in SMALL.items()]


def make_rows(n, seed=0):
    """Texts of a few words, each with two labels."""
    draw = random.Random(seed)
    rows = []
    for i in range(n):
        colour = draw.choice(["red", "blue", "green", "black"])
        thing = draw.choice(["boat", "kite", "river", "house"])
        rows.append((f"the {colour} {thing}, no. {i % 7}", [colour, thing]))
    return rows


def write_jsonl(path, rows):
    lines = [json.dumps({"text": text, "labels": labels}) for text, labels in rows]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@dataclass
class Ended:
    """How a command has ended."""

    status: int
    out: str
    err: str

    @property
    def answers(self):
        return [json.loads(line) for line in self.out.splitlines()]


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def run(*arguments, stdin=b"", on_terminal=False):
    """Run the command line on arguments and bytes of standard input."""
    former = sys.stdin, sys.stdout, sys.stderr
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    kind = Terminal if on_terminal else io.TextIOWrapper
    err = kind(io.BytesIO(), encoding="utf-8", newline="")
    is_stream = hasattr(stdin, "buffer")
    given = stdin if is_stream else SimpleNamespace(buffer=io.BytesIO(stdin), isatty=lambda: False)
    sys.stdin, sys.stdout, sys.stderr = given, out, err
    try:
        status = main([str(argument) for argument in arguments])
    finally:
        sys.stdin, sys.stdout, sys.stderr = former
    out.flush()
    err.flush()
    return Ended(status, out.buffer.getvalue().decode(), err.buffer.getvalue().decode())
