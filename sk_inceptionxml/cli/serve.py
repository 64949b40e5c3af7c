"""``serve``: hand saved models to the server."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from .failures import Failure, describe, wrong_input

TOKEN = "SK_INCEPTIONXML_TOKEN"


def run(models: list[str], token_file: Path | None, **options: Any) -> int:
    """Serve until the end; the exit status.

    Parameters
    ----------
    models : list of str
        ``DIRECTORY``, or ``NAME=DIRECTORY``.
    token_file : Path or None
        Holds the token; None takes that of the environment, if there is one.
    **options
        For ``sk_inceptionxml.serve.run``.
    """
    named = names_of(models)
    token = os.environ.get(TOKEN) or None
    if token_file is not None:
        with wrong_input(str(token_file)):
            token = token_file.read_text(encoding="utf-8").strip()
        if not token:
            raise Failure(f"{token_file}: it holds no token")
    try:
        server = importlib.import_module("sk_inceptionxml.serve")
    except ImportError as error:
        raise Failure(describe(error)) from error
    server.run(named, token=token, **options)
    return 0


def names_of(models: list[str]) -> dict[str, Path]:
    """The directory of each model by its name, which is that of the directory unless given."""
    named: dict[str, Path] = {}
    for model in models:
        name, equals, place = model.partition("=")
        path = Path(place if equals else model)
        if not path.is_dir():
            raise Failure(f"{path}: there is no such directory; name one that fit wrote")
        name = name if equals else path.resolve().name
        if name in named:
            raise Failure(f"two models are called {name}; name one by NAME=DIRECTORY")
        named[name] = path
    return named
