"""Harvest of API documentation, run as a script in a process of its own.

Importing hundreds of modules has side effects (memory, registries, warnings), which must not reach
the caller. The script needs the standard library only; it writes its result to the file named on
the command line, because the imported modules may write to the standard streams.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import json
import pkgutil
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

PACKAGES = ("joblib", "numpy", "pandas", "scipy", "sklearn", "skorch", "torch")
MIN_WORDS, MAX_WORDS = 3, 40

# Walking all of torch is slow and not safe; these hold its documented API.
_TORCH_MODULES = (
    "torch",
    "torch.autograd",
    "torch.autograd.functional",
    "torch.distributions",
    "torch.fft",
    "torch.func",
    "torch.linalg",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.nn.utils",
    "torch.nn.utils.rnn",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.sparse",
    "torch.special",
    "torch.utils.data",
)
_SKIPPED_NAMES = {
    "conftest",
    "distutils",
    "experimental",
    "externals",
    "f2py",
    "print_coercion_tables",
    "setup",
    "test",
    "tests",
    "testutils",
    "timer_comparison",
}
_SKIPPED_MODULES = {
    "numpy.core",
    "numpy.matlib",
    "pandas.core",
    "pandas.util.version",
    "scipy.special.cython_special",
}
_LINK = re.compile(r"<\w+://[^>]*>_{0,2}")
_ROLE = re.compile(r":[\w:]+:`~?([^`<]*?)(?:\s*<[^`]*>)?`")
_DOTTED_ROLE = re.compile(r":[\w:]+:`~[\w.]*?(\w+)`")
_SIGNATURE_LINE = re.compile(r"^[\w.]+\(")
_SENTENCE_END = re.compile(r"(?<=[\w)\]'\"])\.(?=\s+[A-Z(])")
_PARAMETER_LINE = re.compile(r"^(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")

Record = dict[str, Any]


def harvest(packages: Iterable[str] = PACKAGES) -> list[Record]:
    """Return the documented callables of installed packages.

    Parameters
    ----------
    packages : iterable of str
        Import names; those which are not installed or fail to import are passed over.

    Returns
    -------
    records : list of dict
        Sorted by ``name`` (the first qualified name), with a distinct ``text`` (the summary) and
        the sorted ``labels`` (the parameter names of all callables with this summary).
    """
    merged: dict[str, tuple[str, set[str]]] = {}
    silence = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with warnings.catch_warnings(), silence[0], silence[1]:
        warnings.simplefilter("ignore")
        found = {name: thing for package in packages for name, thing in _iter_callables(package)}
        described: dict[int, tuple[str, list[str]]] = {}
        for name in sorted(found):
            # Inherited methods are met once for each subclass, but need reading only once.
            key = id(getattr(found[name], "__func__", found[name]))
            if key not in described:
                described[key] = _describe(found[name])
            text, labels = described[key]
            if labels:
                merged.setdefault(text, (name, set()))[1].update(labels)
    rows = [{"name": n, "text": t, "labels": sorted(ls)} for t, (n, ls) in merged.items()]
    return sorted(rows, key=lambda row: row["name"])


def _describe(thing: Any) -> tuple[str, list[str]]:
    text = get_summary(inspect.getdoc(thing))
    return text, get_parameters(thing) if text else []


def _iter_modules(package: str) -> Iterator[ModuleType]:
    """Yield the public modules of a package that can be imported."""
    if package == "torch":
        yield from filter(None, map(_import, _TORCH_MODULES))
        return
    stack = [package]
    while stack:
        name = stack.pop()
        module = _import(name)
        if module is None:
            continue
        yield module
        for info in pkgutil.iter_modules(getattr(module, "__path__", ()), name + "."):
            if _is_public_module(info.name):
                stack.append(info.name)


def _is_public_module(name: str) -> bool:
    last = name.rpartition(".")[2]
    skipped = last in _SKIPPED_NAMES or name in _SKIPPED_MODULES
    return not (skipped or last.startswith(("_", "test_")))


def _import(name: str) -> ModuleType | None:
    # BaseException: an optional dependency may be missing, and a script may call sys.exit.
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None


def _iter_callables(package: str) -> Iterator[tuple[str, Any]]:
    """Yield ``(qualified name, object)`` of public functions, classes and their methods."""
    seen: set[int] = set()
    for module in sorted(_iter_modules(package), key=lambda module: module.__name__):
        # vars, not getattr: module-level __getattr__ is how deprecated names are served.
        members = vars(module)
        # Without __all__, a plain module shows its imports too, which are not its API.
        anything = "__all__" in members or hasattr(module, "__path__")
        origin = package if anything else module.__name__
        for name in sorted(map(str, members.get("__all__") or members)):
            thing = members.get(name)
            if name.startswith("_") or not _is_own(thing, origin) or id(thing) in seen:
                continue
            seen.add(id(thing))
            path = f"{module.__name__}.{name}"
            yield path, thing
            if inspect.isclass(thing):
                yield from _iter_methods(path, thing, package)


def _iter_methods(path: str, owner: type, package: str) -> Iterator[tuple[str, Any]]:
    for name in sorted(dir(owner)):
        if name.startswith("_"):
            continue
        try:
            method = getattr(owner, name)
        except Exception:  # descriptors may refuse access on the class
            continue
        if inspect.isroutine(method) and _is_own(method, package):
            yield f"{path}.{name}", method


def _is_own(thing: Any, origin: str) -> bool:
    """Tell whether it is a callable that a module or its submodules define and document."""
    try:
        if isinstance(thing, ModuleType) or not callable(thing):
            return False
        module = str(getattr(thing, "__module__", None) or origin)
        # An instance without a docstring of its own shows that of its class.
        documented = inspect.isclass(thing) or thing.__doc__ != type(thing).__doc__
        return documented and f"{module}.".startswith(f"{origin}.")
    except Exception:
        return False


def get_summary(doc: str | None) -> str:
    """Return the first sentence of a docstring as plain text, empty if too short or too long."""
    for paragraph in re.split(r"\n\s*\n", doc or ""):
        lines = [line.strip() for line in paragraph.strip().splitlines()]
        # The signature of a builtin may be followed by the summary without a blank line.
        while lines and _SIGNATURE_LINE.match(lines[0]):
            lines.pop(0)
        if not lines or lines[0].startswith(("..", ">>>", "- ", "* ")):
            continue
        if len(lines) > 1 and lines[1].startswith("---"):
            return ""  # the sections begin: there is no summary
        text = _ROLE.sub(r"\1", _DOTTED_ROLE.sub(r"\1", " ".join(lines)))
        text = re.sub(r"[`*|\\]+", "", _LINK.sub("", text))
        text = _SENTENCE_END.split(" ".join(text.split()), maxsplit=1)[0].rstrip(". :")
        return text if MIN_WORDS <= len(text.split()) <= MAX_WORDS else ""
    return ""


def get_parameters(thing: Any) -> list[str]:
    """Return the public named parameters: of the signature, or else of the docstring."""
    try:
        parameters = inspect.signature(thing).parameters.values()
        starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        names = [p.name for p in parameters if p.kind not in starred]
    except Exception:  # many builtins have no signature, and some objects raise anything
        names = []
    doc = inspect.getdoc(thing) or ""
    found = [names, parse_parameters_section(doc), parse_first_line(doc)]
    if type(thing).__name__ == "ufunc":
        # All ufuncs share one generic signature; only the section names what they take.
        found.append(found.pop(0))
    for candidates in found:
        kept = [n for n in candidates if n not in ("self", "cls") and not n.startswith("_")]
        if kept:
            return kept
    return []


def parse_parameters_section(doc: str) -> list[str]:
    """Return the names in the numpydoc "Parameters" section of a docstring."""
    match = re.search(r"^Parameters\n-{3,}\n(.*?)(?=^\S[^\n]*\n-{3,}|\Z)", doc, re.S | re.M)
    names: list[str] = []
    for line in match[1].splitlines() if match else ():
        item = _PARAMETER_LINE.match(line)
        if item:
            names += [n.strip() for n in item[1].split(",") if not n.strip().startswith("*")]
    return [name for name in names if name.isidentifier()]


def parse_first_line(doc: str) -> list[str]:
    """Return the parameter names in the signature that opens the docstring of a builtin."""
    match = re.match(r"[\w.]+\((.*?)\)\s*(?:->.*)?(?:\n|$)", doc)
    if match is None:
        return []
    # Defaults and annotations may hold commas inside brackets, which separate no parameters.
    flat, depth = [], 0
    for character in match[1]:
        depth -= character in ")]}"
        if not depth:
            flat.append(character)
        depth += character in "([{"
    names = [re.split(r"[:=]", part)[0].strip() for part in "".join(flat).split(",")]
    return [name for name in names if name.isidentifier()]


def main(arguments: list[str]) -> None:
    """Harvest the packages named after the output file."""
    records = harvest(arguments[1:] or PACKAGES)
    with open(arguments[0], "w", encoding="utf-8") as stream:
        json.dump(records, stream)


if __name__ == "__main__":
    # Run by path, this folder comes first: its modules must not shadow anyone's.
    sys.path.pop(0)
    main(sys.argv[1:])
