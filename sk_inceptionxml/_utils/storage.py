"""Large arrays in memory, or in files that nobody sees, and work on them block by block."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

AT_ONCE = 1 << 20  # entries of a block
SMALL = 1 << 16  # bytes that are not worth a file


class Storage:
    """Where large arrays are put.

    A file of an array has no name, and its room is free again once nobody holds the array.

    Parameters
    ----------
    directory : str, default=None
        Of the files; None is memory.
    """

    def __init__(self, directory: str | None = None) -> None:
        self.directory = directory

    def empty(self, size: int, dtype: Any) -> np.ndarray:
        """An array of shape (size,), to be filled.

        Raises
        ------
        OSError
            If there is no room for it.
        """
        n_bytes = int(size) * np.dtype(dtype).itemsize
        if self.directory is None or n_bytes <= SMALL:
            return np.empty(size, dtype=dtype)
        with tempfile.TemporaryFile(dir=self.directory) as file:
            if hasattr(os, "posix_fallocate"):  # a write to a full disk would kill the process
                os.posix_fallocate(file.fileno(), 0, n_bytes)
            return _mapped(file, size, dtype)

    def writer(self, dtype: Any) -> ArrayWriter:
        """An array that grows."""
        return ArrayWriter(self, dtype)

    def converted(self, values: np.ndarray, dtype: Any) -> np.ndarray:
        """Values as another type; themselves where they are of it."""
        if values.dtype == dtype:
            return values
        out = self.empty(len(values), dtype)
        for start in range(0, len(values), AT_ONCE):
            out[start : start + AT_ONCE] = values[start : start + AT_ONCE]
        return out


MEMORY = Storage()


class ArrayWriter:
    """An array that is written part by part; a context, after which its file is closed.

    Parameters
    ----------
    storage : Storage
    dtype : dtype
    """

    def __init__(self, storage: Storage, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self._parts: list[np.ndarray] = []
        self._file: Any = None
        self._size = 0
        if storage.directory is not None:
            self._file = tempfile.TemporaryFile(dir=storage.directory)

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._file is not None:
            self._file.close()

    def append(self, values: np.ndarray) -> None:
        """Write further values."""
        values = np.ascontiguousarray(values, dtype=self.dtype)
        self._size += len(values)
        if self._file is None:
            self._parts.append(values)
        else:
            self._file.write(values.data)

    def finish(self) -> np.ndarray:
        """The array, of all values."""
        if self._file is None:
            parts, self._parts = self._parts, []
            return np.concatenate([np.empty(0, self.dtype), *parts])
        self._file.flush()
        return _mapped(self._file, self._size, self.dtype)


def _mapped(file: Any, size: int, dtype: Any) -> np.ndarray:
    if not size:
        return np.empty(0, dtype=dtype)
    # a plain array, which pickles as its content
    return np.asarray(np.memmap(file, dtype=dtype, mode="r+", shape=(size,)))


def blocks(offsets: np.ndarray, at_once: int | None = None) -> Iterator[slice]:
    """Rows in blocks of about ``at_once`` entries; row i has those from ``offsets[i]`` on.

    None is a million entries.
    """
    start, n_rows, end = 0, len(offsets) - 1, int(offsets[-1])
    while start < n_rows:
        # of their own type, as all offsets would be converted otherwise
        bound = offsets.dtype.type(min(int(offsets[start]) + (at_once or AT_ONCE), end))
        last = int(np.searchsorted(offsets, bound, side="right")) - 1
        stop = min(max(last, start + 1), n_rows)
        yield slice(start, stop)
        start = stop


def ranges(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """``arange(start, start + size)`` of each, end to end."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - (ends - sizes), sizes)


def gather(
    values: np.ndarray, starts: np.ndarray, offsets: np.ndarray, storage: Storage = MEMORY
) -> np.ndarray:
    """Entries of rows, end to end: row i has ``offsets[i + 1] - offsets[i]`` from ``starts[i]``."""
    sizes = np.diff(offsets)
    if offsets[-1] <= AT_ONCE:
        return values[ranges(starts, sizes)]
    out = storage.empty(int(offsets[-1]), values.dtype)
    for part in blocks(offsets):
        place = slice(offsets[part.start], offsets[part.stop])
        out[place] = values[ranges(starts[part], sizes[part])]
    return out
