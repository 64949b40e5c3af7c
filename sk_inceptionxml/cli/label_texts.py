"""Files of what labels say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sk_inceptionxml.datasets import load_vocabulary

from .failures import wrong_input


def read(path: Path, language: str | None) -> dict[Any, list[str]]:
    """Texts by label, of a file in any form that ``load_vocabulary`` reads."""
    with wrong_input(str(path)):
        return load_vocabulary(path, language=language)
