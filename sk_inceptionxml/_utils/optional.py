"""Modules that need a package which is an extra."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any


@cache
def module_or_none(name: str) -> Any:
    """A module; None where what it imports is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None
