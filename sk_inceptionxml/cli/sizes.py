"""Sizes of a saved model on disk."""

from __future__ import annotations

import json
from pathlib import Path


def size_of(directory: Path) -> dict[str, int]:
    """Bytes of each file."""
    return {path.name: path.stat().st_size for path in sorted(directory.iterdir())}


def tensor_sizes(path: Path) -> dict[str, int]:
    """Bytes of each tensor of a safetensors file, from its header alone."""
    with path.open("rb") as stream:
        n_header = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(n_header))
    header.pop("__metadata__", None)
    return {
        name: entry["data_offsets"][1] - entry["data_offsets"][0] for name, entry in header.items()
    }


def human(n_bytes: float) -> str:
    """A size for people."""
    for unit in ("B", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} GB"
