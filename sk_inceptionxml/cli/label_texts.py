"""Files of what labels say: a label and its text a line, between them a tab."""

from __future__ import annotations

from pathlib import Path

from .failures import Failure


def read(path: Path) -> dict[str, list[str]]:
    """Texts by label; a label may have several lines, or several texts in a line."""
    texts: dict[str, list[str]] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise Failure(f"{path}: {what}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        label, *rest = line.split("\t")
        if not label or not rest:
            raise Failure(f"{path}, line {number}: expected a label, a tab and a text")
        # vocabularies in TSV write URIs as <http://...>
        texts.setdefault(label.removeprefix("<").removesuffix(">"), []).extend(rest)
    if not texts:
        raise Failure(f"{path}: it holds no label")
    return texts
