"""Files of what labels say: a label and its text a line, between them a tab."""

from __future__ import annotations

from pathlib import Path

from sk_inceptionxml.datasets._io import decode, iter_lines

from .failures import Failure, wrong_input


def read(path: Path) -> dict[str, list[str]]:
    """Texts by label; a label may have several lines, or several texts in a line."""
    texts: dict[str, list[str]] = {}
    with wrong_input(str(path)):
        for number, line in iter_lines(path):
            if not line.strip():
                continue
            label, *rest = decode(path, number, line, "UTF-8").split("\t")
            if not label or not rest:
                raise Failure(f"{path}, line {number}: expected a label, a tab and a text")
            # vocabularies in TSV write URIs as <http://...>
            texts.setdefault(label.removeprefix("<").removesuffix(">"), []).extend(rest)
    if not texts:
        raise Failure(f"{path}: it holds no label")
    return texts
