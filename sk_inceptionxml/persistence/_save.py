"""Write a model directory, all of it or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save_file

from sk_inceptionxml.exceptions import ModelFormatError
from sk_inceptionxml.parameters import check_prediction_parameters, refuse_bools

from ._checks import check_manifest, manifest_digest
from ._describe import describe, describe_weights
from ._files import open_regular, parse_json, path_of
from ._format import FILES, FORMAT, MANIFEST, MAX_MANIFEST, MEMORY, WEIGHTS, Arrays

if TYPE_CHECKING:
    from sk_inceptionxml.classifier import InceptionXMLClassifier


def save(estimator: InceptionXMLClassifier, directory: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to a directory.

    The files are written beside the directory and renamed into place when complete, so that an
    interrupted save leaves an earlier model as it was.

    Parameters
    ----------
    estimator : InceptionXMLClassifier
        Fitted.
    directory : path
        Made if absent. Replaced if it holds a model and nothing else.

    Raises
    ------
    FileExistsError
        If the directory holds anything but a model.
    TypeError
        If the vectorizer holds a callable, which cannot be written as data.
    ValueError
        If the model exceeds a limit of the format, or a parameter set since is not in its range.
    """
    estimator._validate_params()
    refuse_bools(estimator)
    check_prediction_parameters(estimator, estimator.net_.module_.encoder.max_len)
    target = Path(os.path.realpath(path_of(directory)))
    _check_replaceable(target)
    arrays: dict[str, Arrays] = {WEIGHTS: describe_weights(estimator.net_.module_), MEMORY: {}}
    with _refusals():
        manifest = describe(estimator, arrays[MEMORY])
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    work.mkdir()  # mkdtemp would hide the model from other users
    try:
        for name, content in arrays.items():
            save_file({key: np.asarray(a, order="C") for key, a in content.items()}, work / name)
            manifest["files"][name] = fingerprint(work / name)
        manifest["manifest_sha256"] = manifest_digest(manifest)
        text = json.dumps(manifest, indent=1, allow_nan=False).encode("ascii") + b"\n"
        if len(text) > MAX_MANIFEST:
            raise ValueError(
                f"{MANIFEST} would have {len(text)} bytes, more than the {MAX_MANIFEST} that load "
                "accepts; give the vectorizer no vocabulary or a shorter list of stop_words."
            )
        with _refusals():  # never write what load refuses
            check_manifest(parse_json(text))
        (work / MANIFEST).write_bytes(text)
        for path in (*(work / name for name in FILES), work):
            sync_to_disk(path)
        _move_into_place(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _refusals() -> Iterator[None]:
    """Report what load would refuse as a property of the estimator, not of a directory."""
    try:
        yield
    except ModelFormatError as error:
        raise ValueError(f"The estimator cannot be saved: {error}") from None


def _check_replaceable(target: Path) -> None:
    """Refuse to replace anything but an earlier model or an empty directory."""
    if not os.path.lexists(target):
        return
    names = set(os.listdir(target)) if target.is_dir() else None
    if names is not None and (not names or _is_model(target, names)):
        return
    raise FileExistsError(
        f"{str(target)!r} exists and is no saved model; name a new or empty directory, or one "
        "that holds a model and nothing else."
    )


def _is_model(target: Path, names: set[str]) -> bool:
    if MANIFEST not in names or not names <= set(FILES):
        return False
    try:
        with open_regular(target / MANIFEST, None) as (stream, _):
            data = parse_json(stream.read(MAX_MANIFEST + 1))
        return isinstance(data, dict) and data.get("format") == FORMAT
    except (OSError, ValueError, RecursionError):
        return False


def fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
    return {"sha256": digest.hexdigest(), "size": path.stat().st_size}


def sync_to_disk(path: Path) -> None:
    with suppress(OSError):  # Windows opens no directories, some file systems sync none
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _move_into_place(work: Path, target: Path) -> None:
    """Rename; an earlier model steps aside first, and comes back if that fails."""
    aside = None
    if target.exists():
        aside = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
        os.rename(target, aside)
    try:
        os.rename(work, target)
    except OSError:
        if aside is not None:
            os.rename(aside, target)
        raise
    sync_to_disk(target.parent)
    if aside is not None:
        shutil.rmtree(aside, ignore_errors=True)
