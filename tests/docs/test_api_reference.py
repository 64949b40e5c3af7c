"""The API reference lists every public name, and each of them is documented."""

from __future__ import annotations

import ast
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


def load(name: str) -> ModuleType | None:
    """A module of the package, None if it needs an extra that is not installed here."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == PACKAGE:
            raise
        return None


def written_names(name: str) -> list[str]:
    """``__all__`` of a module that cannot be imported here."""
    path = Path(sk_inceptionxml.__file__).parent / name.rpartition(".")[2]
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def defined_names(name: str) -> list[str]:
    """Public names of a module: those of ``__all__``, or what it does not import."""
    module = load(name)
    if module is None:
        return written_names(name)
    if hasattr(module, "__all__"):
        return [public for public in module.__all__ if public != "__version__"]
    return [
        public
        for public, value in vars(module).items()
        if not public.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", name) == name
        and public not in ("annotations", "Any")
    ]


def public() -> list[str]:
    """Full names of everything public."""
    folder = Path(sk_inceptionxml.__file__).parent
    rooms = {path.stem for path in folder.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.stem for path in folder.glob("*.py")}
    rooms = {r for r in rooms if not r.startswith("_")} - PRIVATE - {"classifier"}
    modules = [PACKAGE, *(f"{PACKAGE}.{room}" for room in sorted(rooms))]
    return [f"{module}.{name}" for module in modules for name in defined_names(module)]


def is_there(name: str) -> bool:
    room = ".".join(name.split(".")[:2])
    return name.count(".") == 1 or load(room) is not None


def installed() -> list[str]:
    """Listed names that can be imported here."""
    return [name for name in listed() if is_there(name)]


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
    """Listed functions and classes, and the public methods that a class is the first to define."""
    names = []
    for name in installed():
        value = find(name)
        if inspect.isclass(value):
            above = {m for base in value.__mro__[1:] for m in vars(base)}
            own = [m for m in vars(value) if m[0] != "_" and m not in above]
            names += [name, *(f"{name}.{m}" for m in own if inspect.isroutine(getattr(value, m)))]
        elif callable(value):
            names.append(name)
    return names


def test_every_public_name_is_listed_once():
    names = listed()
    assert len(names) == len(set(names))
    missing = set(public()) - set(names)
    assert not missing, f"docs/api.md does not list {sorted(missing)}"


def test_what_is_listed_is_there():
    for name in installed():
        find(name)
    assert len(installed()) > 50


def undocumented(value: Any) -> list[str]:
    """What the docstring of a function or class leaves out, and parameters that it makes up."""
    is_class = inspect.isclass(value)
    doc = ClassDoc(value) if is_class else FunctionDoc(value)
    written = {n.strip("*") for p in doc["Parameters"] for n in p.name.split(", ")}
    taken = {
        p.name
        for p in inspect.signature(value).parameters.values()
        if p.name not in ("self", "cls") and not p.name.startswith("_")
    }
    return sorted(taken ^ written)


@pytest.mark.parametrize("name", callables())
def test_docstrings_are_complete(name):
    value = find(name)
    assert (inspect.getdoc(value) or "").strip(), f"{name} has no docstring"
    is_error = inspect.isclass(value) and issubclass(value, Exception)
    if not is_error and not any(is_in(name, room) for room in PRIVATE):  # building blocks
        assert not undocumented(value)


def is_in(name: str, room: str) -> bool:
    return name.startswith(f"{PACKAGE}.{room}.")


def test_a_missing_parameter_is_seen():
    def function(a, b):
        """One line.

        Parameters
        ----------
        a : int
        c : int
        """

    assert undocumented(function) == ["b", "c"]
