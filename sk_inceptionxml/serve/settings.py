"""Settings of the service, checked when they are made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_LABELS = 100  # that a prediction ranks with the lexical memory


@dataclass(frozen=True)
class Settings:
    """Limits and habits of the service.

    Parameters
    ----------
    token : str or None, default=None
        Clients must send it as ``Authorization: Bearer TOKEN``, or as the password of basic
        authentication. None lets everybody in.
    max_body_bytes : int, default=1048576
        Largest request body.
    max_texts : int, default=1000
        Texts of one request.
    max_text_length : int, default=10000
        Characters of one text. The estimator reads no more than 10,000.
    max_k : int, default=100
        Labels a text, 100 at most.
    queue_size : int, default=2000
        Texts that may wait for the model. Further requests are answered with status 503.
    batch_size : int, default=32
        Texts that the model ranks together.
    filter_depth : int, default=1000
        How far down the ranking a label filter looks.
    reload_interval : float, default=2.0
        Seconds between two looks for a changed model; 0 never looks.
    drain_seconds : float, default=1.0
        Seconds after SIGTERM in which the service goes on, while ``/readyz`` already says no.
        Then it accepts no connection more, and answers what it has accepted.
    device : str, default="auto"
        Where models are put, as in ``InceptionXMLClassifier.load``.
    mmap : bool, default=True
        Map a model's arrays into memory, so that workers share them. Pays where the model was saved
        with ``mmap=True``.
    threads : int or None, default=None
        Processor threads with which each worker predicts. None shares all processors but one among
        the workers. Only ``run`` reads it.
    examples : sequence of str, default=()
        Titles that the page offers to try.

    Raises
    ------
    TypeError, ValueError
        If a setting is not of its type or not in its range.
    """

    token: str | None = None
    max_body_bytes: int = 1 << 20
    max_texts: int = 1000
    max_text_length: int = 10_000
    max_k: int = MOST_LABELS
    queue_size: int = 2000
    batch_size: int = 32
    filter_depth: int = 1000
    reload_interval: float = 2.0
    drain_seconds: float = 1.0
    device: str = "auto"
    mmap: bool = True
    threads: int | None = None
    examples: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("max_body_bytes", "max_texts", "max_text_length", "queue_size", "batch_size"):
            _check_whole(name, getattr(self, name))
        _check_whole("max_k", self.max_k, MOST_LABELS)
        _check_whole("filter_depth", self.filter_depth)
        if self.threads is not None:
            _check_whole("threads", self.threads)
        for name in ("reload_interval", "drain_seconds"):
            _check_seconds(name, getattr(self, name))
        if self.token is not None:
            _check_token(self.token)
        if isinstance(self.examples, str) or not all(isinstance(e, str) for e in self.examples):
            raise TypeError("examples must be a list of str, the titles that the page offers.")


def _check_whole(name: str, value: object, most: int | None = None) -> None:
    top = math.inf if most is None else most
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= top:
        span = "a positive integer" if most is None else f"an integer from 1 to {most}"
        raise ValueError(f"{name} must be {span}, got {value!r:.80}.")


def _check_seconds(name: str, value: object) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a number of seconds, 0 or more, got {value!r:.80}.")


def _check_token(token: object) -> None:
    if not isinstance(token, str):
        raise TypeError(f"token must be a str or None, got {type(token).__name__}.")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("token must be printable ASCII without blanks, at least one character.")
