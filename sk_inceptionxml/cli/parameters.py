"""Parameters of the estimator, from a file and from the command line."""

from __future__ import annotations

import ast
import difflib
import importlib
import os
import re
import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .failures import Failure, describe

NESTED = ("head", "vectorizer")  # parameters with parameters of their own
VECTORIZERS = {
    "count": "CountVectorizer",
    "tfidf": "TfidfVectorizer",
    "hashing": "HashingVectorizer",
}
WORDS = {"true": True, "false": False, "none": None, "null": None}

Parameters = dict[str, Any]


def parse_value(text: str) -> Any:
    """A Python or TOML literal; any other text is itself."""
    word = text.strip()
    if word.lower() in WORDS:
        return WORDS[word.lower()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.literal_eval(word)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def parse_assignments(assignments: Iterable[str]) -> Parameters:
    """Parameters from ``name=value``.

    Raises
    ------
    Failure
        If one is of another form, or a name comes twice.
    """
    found: Parameters = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise Failure(f"--set must be NAME=VALUE, such as --set lr=0.001, got {assignment!r}")
        if name in found:
            raise Failure(f"--set {name}=... is given twice")
        found[name] = parse_value(text)
    return found


def read_config(path: Path) -> Parameters:
    """Parameters from a TOML or YAML file; tables ``head`` and ``vectorizer`` become ``head__...``.

    Raises
    ------
    Failure
        If the file is not readable, or is no table of parameters.
    """
    ending = path.suffix.lower()
    if ending not in (".toml", ".yaml", ".yml"):
        raise Failure(f"{path}: a config file must end in .toml, .yaml or .yml")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Failure(f"{path}, line {line}: not valid utf-8 ({error.reason})") from error
    except OSError as error:
        raise Failure(describe(error)) from error
    data = _parse_toml(path, text) if ending == ".toml" else _parse_yaml(path, text)
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise Failure(f"{path}: it must hold parameters by name, such as max_epochs = 5")
    found: Parameters = {}
    for name, value in data.items():
        if name in NESTED and isinstance(value, dict):
            own = {str(key): entry for key, entry in value.items()}
            if "name" not in own:
                raise Failure(f"{path}: the table {name!r} has no 'name', such as name = \"sync\"")
            found[name] = own.pop("name")
            found |= {f"{name}__{key}": entry for key, entry in own.items()}
        else:
            found[name] = value
    return found


def _parse_toml(path: Path, text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        message = describe(error)
        place = re.search(r" \(at line (\d+), column \d+\)$", message)
        line = text.count("\n") + 1 if place is None else place[1]
        message = message if place is None else message[: place.start()]
        raise Failure(f"{path}, line {line}: not valid TOML ({message})") from error


def _parse_yaml(path: Path, text: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise Failure(
            f"{path}: YAML needs pyyaml: pip install 'sk-inceptionxml[cli]'; TOML needs nothing"
        ) from error
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        message = getattr(error, "problem", None) or describe(error)
        raise Failure(f"{path}{line}: not valid YAML ({message})") from error


def merge(config: Mapping[str, Any], assigned: Parameters, options: Parameters) -> Parameters:
    """All parameters; the command line wins over the file.

    Raises
    ------
    Failure
        If the command line gives a parameter twice.
    """
    for name in assigned:
        if name in options:
            raise Failure(f"{name} is given twice, by --set and by an option of its own")
    given = assigned | options
    changed = {name for name in NESTED if name in given and given[name] != config.get(name)}
    # parameters of one head are none of another
    kept = {k: v for k, v in config.items() if k.partition("__")[0] not in changed}
    return kept | given


def check_names(parameters: Iterable[str], known: Iterable[str], where: str = "") -> None:
    """Refuse unknown names, with the nearest known one."""
    names = sorted(known)
    for name in parameters:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the parameters are {', '.join(names)}"
            raise Failure(f"{where}there is no parameter {name}; {hint}")


def build(parameters: Parameters, known: Iterable[str]) -> Parameters:
    """Arguments of the constructor; heads, vectorizers and callbacks become objects.

    Parameters
    ----------
    parameters : dict of str to object
        As ``merge`` gives them.
    known : iterable of str
        Parameters of the estimator.

    Raises
    ------
    Failure
        If a name or a nested value is wrong.
    """
    plain = {name: value for name, value in parameters.items() if "__" not in name}
    nested: dict[str, Parameters] = {name: {} for name in NESTED}
    for name, value in parameters.items():
        outer, mark, inner = name.partition("__")
        if mark and outer in nested:
            nested[outer][inner] = value
        elif mark:
            plain[name] = value
    check_names(plain, known)
    if nested["head"]:
        plain["head"] = _head(plain.get("head"), nested["head"])
    if plain.get("vectorizer") is not None or nested["vectorizer"]:
        plain["vectorizer"] = _vectorizer(plain.get("vectorizer"), nested["vectorizer"])
    if isinstance(plain.get("callbacks"), str):
        plain["callbacks"] = _imported(plain["callbacks"])
    return plain


def _head(name: Any, own: Parameters) -> Any:
    from sk_inceptionxml.heads import HEADS

    if not isinstance(name, str) or name not in HEADS:
        raise Failure(
            f"head__{next(iter(own))} needs head=sync or head=ova beside it, got "
            f"{'no head' if name is None else f'head={name!r}'}"
        )
    kind = HEADS[name]
    check_names(own, kind._get_param_names(), f"in head={name}, ")
    return kind(**own)


def _vectorizer(name: Any, own: Parameters) -> Any:
    from sklearn.feature_extraction import text

    if not isinstance(name, str) or name not in VECTORIZERS:
        given = "none" if name is None else repr(name)
        raise Failure(f"vectorizer must be one of {', '.join(VECTORIZERS)}, got {given}")
    kind = getattr(text, VECTORIZERS[name])
    check_names(own, kind._get_param_names(), f"in vectorizer={name}, ")
    if isinstance(own.get("ngram_range"), list):  # files have no tuples
        own = own | {"ngram_range": tuple(own["ngram_range"])}
    return kind(**own)


def _imported(place: str) -> Any:
    """What ``module:name`` names; a single callback becomes a list."""
    module, colon, name = place.partition(":")
    if not colon:
        raise Failure(f"callbacks must be MODULE:NAME of a list of callbacks, got {place!r}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever the module does
        raise Failure(f"callbacks={place}: cannot be imported ({describe(error)})") from error
    return list(found) if isinstance(found, (list, tuple)) else [(name, found)]
