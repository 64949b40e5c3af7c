"""Models on disk: load them, notice a change, load the new one beside, swap."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sk_inceptionxml.persistence.versions import MANIFEST

from .errors import UnknownLabel, UnknownModel

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
Stamp = tuple[tuple[str, int, int, int], ...]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """One version of a model in memory. It never changes.

    Parameters
    ----------
    name : str
    model : InceptionXMLClassifier
    version : str
        First digits of the SHA-256 of its manifest.
    modified, loaded : datetime
    stamp : tuple
        The state of its files.
    label_counts : dict
        Training rows by label.
    """

    name: str
    model: Any
    version: str
    modified: datetime
    loaded: datetime
    stamp: Stamp
    label_counts: dict[Any, int]

    def label(self, given: str | int) -> Any:
        """The model's own label for what a client has sent, which may be its number as a text.

        Raises
        ------
        UnknownLabel
        """
        if given in self.label_counts:
            return given
        if isinstance(given, str) and re.fullmatch(r"-?[0-9]{1,18}", given):
            if int(given) in self.label_counts:
                return int(given)
        raise UnknownLabel(f"The model {self.name!r} has no label {given!r:.200}.")


class ModelStore:
    """The models that the service answers from.

    Parameters
    ----------
    directories : mapping of str to path
        Saved models by the names they are served under; the first one is the default.
    device : str
    mmap : bool

    Raises
    ------
    TypeError, ValueError
        If there is no model, or a name cannot stand in a URL.
    """

    def __init__(
        self, directories: Mapping[str, str | os.PathLike[str]], device: str, mmap: bool
    ) -> None:
        if not isinstance(directories, Mapping):
            raise TypeError(
                "models must map names to directories of saved models, such as "
                f"{{'subjects': 'models/subjects'}}, got {type(directories).__name__}."
            )
        if not directories:
            raise ValueError("models is empty; name at least one saved model.")
        for name in directories:
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise ValueError(
                    f"models has the name {name!r:.120}; use letters, digits, dots, hyphens and "
                    "underscores, up to 100, so that it can stand in a URL."
                )
        self.directories = {name: Path(path) for name, path in directories.items()}
        self._device, self._mmap = device, mmap
        self._loaded: dict[str, LoadedModel] = {}
        self._refused: dict[str, Stamp] = {}  # files that could not be loaded
        self._loading = threading.Lock()

    @property
    def default(self) -> str:
        """Name of the model that answers where a request names none."""
        return next(iter(self.directories))

    def load(self) -> None:
        """Load all models that are not loaded yet.

        Raises
        ------
        ModelFormatError, OSError, ValueError
            If one cannot be loaded.
        """
        with self._loading:
            for name in self.directories:
                if name not in self._loaded:
                    self._loaded[name] = self._read(name)

    def get(self, name: str | None = None) -> LoadedModel:
        """The current version of a model; None is the default one.

        Raises
        ------
        UnknownModel
        """
        name = self.default if name is None else name
        if name not in self._loaded:
            known = ", ".join(map(repr, list(self._loaded)[:20]))
            raise UnknownModel(f"There is no model {name!r:.120}; there is {known}.")
        return self._loaded[name]

    def of_project(self, name: str) -> LoadedModel:
        """A model by its name, or else by the name of its directory."""
        if name not in self._loaded:
            for served, path in self.directories.items():
                if path.resolve().name == name:
                    return self.get(served)
        return self.get(name)

    def all(self) -> list[LoadedModel]:
        """The current versions, the default one first."""
        return [self._loaded[name] for name in self.directories]

    def reload_changed(self, report: Callable[[str, str], None]) -> None:
        """Load again what has changed on disk. A model that cannot be loaded is left as it was.

        Parameters
        ----------
        report : callable
            Called with the name of a model and "loaded" or "failed".
        """
        with self._loading:
            for name, path in self.directories.items():
                try:
                    now = stamp_of(path)
                except OSError:
                    continue  # being replaced at this moment
                if now in (self._loaded[name].stamp, self._refused.get(name)):
                    continue
                try:
                    self._loaded[name] = self._read(name)
                except Exception as error:
                    self._refused[name] = now
                    logger.warning("Model %r stays as it was: %s", name, error)
                    report(name, "failed")
                else:
                    self._refused.pop(name, None)
                    logger.info("Model %r has been loaded anew from %s", name, path)
                    report(name, "loaded")

    def _read(self, name: str) -> LoadedModel:
        from sk_inceptionxml import InceptionXMLClassifier

        path = self.directories[name]
        manifest = path / MANIFEST
        before = stamp_of(path)
        version = hashlib.sha256(manifest.read_bytes() if manifest.is_file() else b"").hexdigest()
        model = InceptionXMLClassifier.load(path, self._device, mmap=self._mmap)
        if before != stamp_of(path):
            raise OSError(f"{str(path)!r} has changed while it was being read.")
        if model.vectorizer_.kind_ != "text":
            raise ValueError(
                f"The model in {str(path)!r} was trained on a matrix; the service needs one that "
                "was trained on texts."
            )
        model.predict_topk(["warm up"], k=1)  # what is made on first use
        counts = zip(model.classes_.tolist(), model.label_counts_.tolist(), strict=True)
        return LoadedModel(
            name=name,
            model=model,
            version=version[:12],
            modified=datetime.fromtimestamp(manifest.stat().st_mtime, UTC),
            loaded=datetime.now(UTC),
            stamp=before,
            label_counts=dict(counts),
        )


def stamp_of(directory: Path) -> Stamp:
    """Name, time, size and number of every file of a directory; any change of one shows.

    Raises
    ------
    OSError
        If it is no directory, or is changing.
    """
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            state = entry.stat()
            found.append((entry.name, state.st_mtime_ns, state.st_size, state.st_ino))
    return tuple(sorted(found))
