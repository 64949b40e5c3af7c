"""Checks of the fields of a manifest, from which each part builds its own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from sk_inceptionxml.exceptions import ModelFormatError

from .versions import MAX_COUNT

Check = Callable[[Any, str], Any]


def fail(message: str) -> NoReturn:
    """Reject the directory."""
    raise ModelFormatError(message)


def fields(value: Any, where: str, **checks: Check) -> dict[str, Any]:
    """Check a JSON object, which must have exactly these keys."""
    if not isinstance(value, dict) or value.keys() != checks.keys():
        fail(f"{where} must be an object with the keys {', '.join(checks)}.")
    return {name: check(value[name], f"{where}.{name}") for name, check in checks.items()}


def object_of(**checks: Check) -> Check:
    return lambda value, where: fields(value, where, **checks)


def whole(low: int, high: int = MAX_COUNT) -> Check:
    def check(value: Any, where: str) -> int:
        if type(value) is not int or not low <= value <= high:
            fail(f"{where} must be an integer in [{low}, {high}], got {value!r:.80}.")
        return value

    return check


def real(low: float, high: float) -> Check:
    def check(value: Any, where: str) -> float:
        if type(value) not in (int, float) or not low <= value <= high:
            fail(f"{where} must be a number in [{low}, {high}], got {value!r:.80}.")
        return float(value)

    return check


def one_of(*options: Any) -> Check:
    def check(value: Any, where: str) -> Any:
        if not any(type(value) is type(option) and value == option for option in options):
            fail(f"{where} must be one of {', '.join(map(str, options))}, got {value!r:.80}.")
        return value

    return check


def optional(check: Check) -> Check:
    return lambda value, where: None if value is None else check(value, where)


def list_of(check: Check, low: int = 0, high: int = MAX_COUNT) -> Check:
    def check_list(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list) or not low <= len(value) <= high:
            fail(f"{where} must be a list of {low} to {high} entries, got {value!r:.80}.")
        return [check(x, where) for x in value]

    return check_list


def string(pattern: str) -> Check:
    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            fail(f"{where} is {value!r:.80}, which is not of the expected form.")
        return value

    return check


def anything(value: Any, where: str) -> Any:
    """Accept every value."""
    return value


FLAG = one_of(True, False)
SIZE = whole(1)
FILE = object_of(sha256=string("[0-9a-f]{64}"), size=whole(8, 2**62))


def manifest_digest(manifest: dict[str, Any]) -> str:
    """Return the checksum of everything in the manifest but itself."""
    content = {name: value for name, value in manifest.items() if name != "manifest_sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def scalars(value: Any, where: str) -> dict[str, Any]:
    """Check an object of scalars; ``kernel_sizes`` is a list of numbers."""
    if not isinstance(value, dict):
        fail(f"{where} must be an object.")
    for name, x in value.items():
        if name == "kernel_sizes":
            list_of(whole(1, 1 << 16), 1, 64)(x, f"{where}.{name}")
        elif not isinstance(x, (type(None), bool, int, float, str)):
            fail(f"{where}.{name:.80} must be a scalar, got {x!r:.80}.")
    return value


_HEAD = object_of(name=string(r"\w{1,40}"), parameters=scalars)


def head_of(value: Any, where: str) -> Any:
    """Check the parameter ``head``: a name, or a name and its parameters."""
    return value if isinstance(value, str) else _HEAD(value, where)
