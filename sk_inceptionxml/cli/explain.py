"""``explain``: why a label ranks where it does for a text."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .failures import Failure, wrong_input
from .models import load
from .tables import print_table


def run(
    directory: Path, text: str, label: str | None, neighbours: int, output_format: str, device: str
) -> int:
    """Explain and print; the exit status."""
    model = load(directory, device)
    name = None if label is None else known_label(model, label)
    with wrong_input("cannot explain"):
        found = model.explain(text, name, n_neighbors=neighbours)
    if output_format == "json":
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    else:
        as_tables(found)
    return 0


def known_label(model: Any, label: str) -> Any:
    """A label as the model names it: perhaps by a number."""
    classes = model.classes_
    if classes.dtype.kind in "iu":
        try:
            return int(label)
        except ValueError:
            raise Failure(f"--label must be a number for this model, got {label!r:.80}") from None
    return label


def as_tables(found: dict[str, Any]) -> None:
    """Print an explanation."""
    counted = f"{found['label_count']:,} training rows"
    title = f"{found['label']}: probability {found['probability']:.3f}, {counted}"
    parts = [(part["name"], f"{part['contribution']:+.3f}") for part in found["parts"]]
    print_table(title, ["part", "log-odds"], [*parts, ("sum", f"{found['log_odds']:+.3f}")])
    words = sorted(found["words"], key=lambda word: -word["contribution"])
    rows = [(word["word"], f"{word['contribution']:+.3f}") for word in words]
    print_table("How much lower without each word", ["word", "log-odds"], rows)
    near = [
        (row["row"], f"{row['similarity']:.3f}", f"{row['contribution']:+.3f}", row["labels"])
        for row in found["neighbours"]
    ]
    rows = [(*cells, ", ".join(map(str, labels))) for *cells, labels in near]
    columns = ["row", "similarity", "log-odds", "labels"]
    print_table("How much lower without each training row", columns, rows)
