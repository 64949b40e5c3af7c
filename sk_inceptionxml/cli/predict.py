"""``predict``: labels for texts that come as a stream."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .failures import Failure, wrong_input
from .inputs import Columns, check_readable, texts_to_predict
from .models import ROWS_AT_ONCE, Pairs, blocks, check_kind, load


def run(
    directory: Path,
    source: Path | None,
    columns: Columns,
    *,
    top_k: int,
    threshold: float,
    output_format: str,
    batch_size: int | None,
    device: str,
) -> int:
    """Predict a batch at a time; the exit status."""
    name = "standard input" if source is None else str(source)
    check_source(source)
    texts, matrix = texts_to_predict(source, columns)
    model = load(directory, device)
    X = matrix if texts is None else texts
    check_kind(model, X, name, directory)
    is_typed = source is None and sys.stdin.isatty()
    if is_typed and sys.stderr.isatty():
        sys.stderr.write("Type a text and press Enter; Ctrl-D ends.\n")
    size = batch_size or (1 if is_typed else ROWS_AT_ONCE)
    write, row = sys.stdout.buffer.write, 0
    if output_format == "tsv":
        write(tsv_line("row", "text", "label", "probability"))
    with wrong_input(name):
        for block in blocks(X, size):
            answers = model.predict_topk(block, top_k, as_lists=True)
            shown = [None] * len(answers) if texts is None else block
            for text, pairs in zip(shown, answers, strict=True):
                row += 1
                kept = [pair for pair in pairs if np.float32(pair[1]) >= np.float32(threshold)]
                for line in lines(row, text, kept, output_format):
                    write(line)
            sys.stdout.buffer.flush()
    return 0


def check_source(source: Path | None) -> None:
    """Refuse a file that is not there; it may be a text that was meant to be ranked."""
    if source is not None:
        if source.name == "-":
            raise Failure("-: leave FILE out to read standard input")
        with wrong_input(str(source)):
            if not source.exists():
                raise Failure(
                    f"{source}: there is no such file; to rank one text, write it to standard "
                    'input: echo "the text" | sk-inceptionxml predict MODEL'
                )
    check_readable(source)


def lines(row: int, text: str | None, pairs: Pairs, output_format: str) -> Iterator[bytes]:
    """The answer for one row."""
    if output_format == "jsonl":
        yield json_line(text, pairs)
        return
    if not pairs:
        yield tsv_line(row, text or "", "", "")
    for label, probability in pairs:
        yield tsv_line(row, text or "", label, probability)


def json_line(text: str | None, pairs: Pairs) -> bytes:
    """An object that ``fit`` and ``evaluate`` can read: the text and its labels, best first."""
    answer: dict[str, Any] = {} if text is None else {"text": text}
    answer["labels"] = [label for label, _ in pairs]
    answer["probabilities"] = [probability for _, probability in pairs]
    try:
        return (json.dumps(answer, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return (json.dumps(answer) + "\n").encode("ascii")


def tsv_line(*fields: Any) -> bytes:
    """Fields with tabs between them, quoted where they must be."""
    line = io.StringIO()
    csv.writer(line, delimiter="\t", lineterminator="\n").writerow(fields)
    return line.getvalue().encode("utf-8", "replace")
