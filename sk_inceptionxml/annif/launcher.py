"""Registers the backend, and starts Annif with it."""

from __future__ import annotations

import importlib
import sys
from typing import Any

BACKEND = "inceptionxml"


def register() -> None:
    """Add the backend ``inceptionxml`` to the table in which Annif looks backends up.

    Raises
    ------
    ImportError
        If Annif is not installed, or is a version without such a table.
    """
    try:
        backends = importlib.import_module("annif.backend")
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != "annif":
            raise
        raise ImportError(
            "Annif is not installed in this environment: pip install 'sk-inceptionxml[annif]'"
        ) from error
    table = getattr(backends, "_backend_fns", None)  # Annif has no public way in
    if not isinstance(table, dict):
        raise ImportError(
            "this version of Annif keeps its backends elsewhere: install annif~=1.4.3, or use "
            "its http backend with sk-inceptionxml serve"
        )
    table[BACKEND] = _backend_class


def _backend_class() -> type:
    """The class, imported when a project needs it."""
    from .backend import InceptionXMLBackend

    return InceptionXMLBackend


def main() -> int:
    """Run Annif's command line with the backend; the exit status.

    The arguments are those of ``annif``, such as ``train PROJECT CORPUS``.
    """
    try:
        register()
        cli = importlib.import_module("annif.cli").cli
    except ImportError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return int(cli(prog_name="sk-inceptionxml-annif") or 0)


def create_app(*arguments: Any, **more: Any) -> Any:
    """Annif's web application with the backend, for gunicorn or uvicorn.

    Parameters
    ----------
    *arguments, **more
        Those of ``annif.create_app``.

    Returns
    -------
    app : WSGI or ASGI application
        What ``annif.create_app`` returns.
    """
    register()
    return importlib.import_module("annif").create_app(*arguments, **more)
