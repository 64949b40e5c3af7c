"""The API reference lists every public name, and each of them is documented."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc

import sk_inceptionxml

PACKAGE = "sk_inceptionxml"
PAGE = Path(__file__).parents[2] / "docs" / "api.md"
# rooms whose names may change; docs/versioning.md says so
PRIVATE = {"cli", "data", "labels", "network", "persistence", "ranking", "text", "training"}
TABLE = re.compile(
    r"\.\. currentmodule:: (?P<module>[\w.]+)\n\.\. autosummary::\n   :toctree: generated\n\n"
    r"(?P<names>(?:   [\w.]+\n)+)"
)


def listed() -> list[str]:
    """Full names in the tables of the page."""
    found = []
    for match in TABLE.finditer(PAGE.read_text(encoding="utf-8")):
        found += [f"{match['module']}.{name}" for name in match["names"].split()]
    return found


def defined_names(module: ModuleType) -> list[str]:
    """Public names of a module: those of ``__all__``, or what it does not import."""
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if name != "__version__"]
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", module.__name__) == module.__name__
        and name not in ("annotations", "Any")
    ]


def public() -> list[str]:
    """Full names of everything public."""
    folder = Path(sk_inceptionxml.__file__).parent
    rooms = {path.stem for path in folder.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.stem for path in folder.glob("*.py")}
    rooms = {r for r in rooms if not r.startswith("_")} - PRIVATE - {"classifier"}
    modules = [PACKAGE, *(f"{PACKAGE}.{room}" for room in sorted(rooms))]
    return [f"{m}.{n}" for m in modules for n in defined_names(importlib.import_module(m))]


def find(name: str) -> Any:
    """The object of a full name."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise AssertionError(f"there is no {name}")


def callables() -> list[str]:
    """Listed functions and classes, and the public methods that a class defines."""
    names = []
    for name in listed():
        value = find(name)
        if inspect.isclass(value):
            own = [m for m, f in vars(value).items() if m[0] != "_" and callable(getattr(value, m))]
            names += [name, *(f"{name}.{method}" for method in own if method != "register")]
        elif callable(value):
            names.append(name)
    return names


def test_every_public_name_is_listed_once():
    names = listed()
    assert len(names) == len(set(names))
    missing = set(public()) - set(names)
    assert not missing, f"docs/api.md does not list {sorted(missing)}"


def test_what_is_listed_is_there():
    for name in listed():
        find(name)


def undocumented(name: str, value: Any) -> list[str]:
    """What the docstring of a function or class leaves out."""
    if not inspect.getdoc(value):
        return ["a docstring"]
    is_class = inspect.isclass(value)
    doc = ClassDoc(value) if is_class else FunctionDoc(value)
    given = {n.strip("*") for p in doc["Parameters"] for n in p.name.split(", ")}
    parameters = [
        p.name
        for p in inspect.signature(value).parameters.values()
        if p.name not in ("self", "cls") and not p.name.startswith("_")
    ]
    if is_class and issubclass(value, Exception):
        parameters = []
    missing = [f"parameter {p}" for p in parameters if p not in given]
    return missing + [f"parameter {p}, which it has not" for p in given - set(parameters)]


@pytest.mark.parametrize("name", callables())
def test_docstrings_are_complete(name):
    value = find(name)
    assert not undocumented(name, value)
