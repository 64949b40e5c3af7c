"""Runs a command, and turns what ends it into a line and an exit status."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .failures import (
    DONE,
    INTERRUPTED,
    UNFORESEEN,
    WRONG_INPUT,
    Failure,
    Interrupted,
    OutputClosed,
    describe,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str or None, default=None
        What follows the name of the program; None takes that of this process.

    Returns
    -------
    status : int
        0, or 2 for wrong input or options, 130 after Ctrl-C, and 1 for an unforeseen failure.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    is_traceback_wanted = "--traceback" in given
    try:
        from typer.exceptions import TyperException

        from .app import app
    except ImportError as error:
        if str(error.name).partition(".")[0] not in ("typer", "rich"):
            raise
        return _end(
            WRONG_INPUT,
            "error: the command line needs typer and rich: pip install 'sk-inceptionxml[cli]'",
        )
    try:
        with _warnings_as_lines():
            status = app(given or ["--help"], prog_name="sk-inceptionxml", standalone_mode=False)
            sys.stdout.flush()
    except (Failure, TyperException) as error:
        if is_traceback_wanted:
            raise
        text = error.format_message() if isinstance(error, TyperException) else str(error)
        return _end(WRONG_INPUT, f"error: {text}")
    except (Interrupted, KeyboardInterrupt) as error:
        return _end(INTERRUPTED, f"interrupted: {error}" if str(error) else "interrupted")
    except (BrokenPipeError, OutputClosed):
        _discard_output()
        return DONE
    except Exception as error:
        if is_traceback_wanted:
            raise
        kind = type(error).__name__
        advice = "run the command again with --traceback to see where"
        return _end(UNFORESEEN, f"error: unexpected {kind}: {describe(error)}; {advice}")
    return int(status or DONE)


def _end(status: int, line: str) -> int:
    sys.stderr.write(" ".join(line.split()) + "\n")
    return status


def _discard_output() -> None:
    """Let Python flush at its exit without an error."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # no file of the system, as in a test
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Show warnings as lines, not as places in the code."""
    former = warnings.showwarning

    def show(message: Any, *rest: Any, **more: Any) -> None:
        sys.stderr.write(f"warning: {describe(message)}\n")

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = former
