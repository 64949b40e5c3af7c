"""What ends a command early, and with which exit status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

DONE, UNFORESEEN, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


class Failure(Exception):
    """Wrong input or options; the message is for the user."""


class Interrupted(Exception):
    """Ctrl-C; the message says what is left."""


class OutputClosed(Exception):
    """Whoever read the output has enough."""


@contextmanager
def wrong_input(what: str = "") -> Iterator[None]:
    """Turn the errors that wrong input is documented to raise into a ``Failure``.

    Parameters
    ----------
    what : str, default=""
        Words before the message, such as the name of the file, unless they are in it.
    """
    try:
        yield
    except (ValueError, TypeError, ImportError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        message = describe(error)
        raise Failure(message if not what or what in message else f"{what}: {message}") from error


def describe(error: BaseException) -> str:
    """The message of an error, on one line."""
    message = str(error)
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        message = f"{error.filename}: {error.strerror}"
    return " ".join(message.split()) or type(error).__name__
