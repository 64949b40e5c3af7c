"""Texts end to end in one array, which may lie in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from sk_inceptionxml._utils.storage import MEMORY, Storage, gather

from .tokens import row_offsets

TEXTS_AT_ONCE = 1 << 15


class StoredTexts(Sequence[str]):
    """A sequence of str that takes the memory of none.

    Parameters
    ----------
    content : ndarray of shape (n_bytes,), uint8
        The texts in UTF-8, lone surrogates included.
    offsets : ndarray of shape (n_texts + 1,), int64
        Text ``i`` is ``content[offsets[i]:offsets[i + 1]]``.

    Examples
    --------
    >>> from sk_inceptionxml.text import StoredTexts
    >>> texts = StoredTexts.of([["red boat"], ["kite", ""]])
    >>> len(texts), texts[1], texts[1:]
    (3, 'kite', ['kite', ''])
    """

    def __init__(self, content: np.ndarray, offsets: np.ndarray) -> None:
        self.content, self.offsets = content, offsets

    @classmethod
    def of(cls, parts: Iterable[list[str]], storage: Storage = MEMORY) -> StoredTexts:
        """Store texts that come in parts."""
        lengths = [np.zeros(0, dtype=np.int64)]
        with storage.writer(np.uint8) as writer:
            for texts in parts:
                encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
                lengths.append(np.fromiter(map(len, encoded), np.int64, len(encoded)))
                writer.append(np.frombuffer(b"".join(encoded), dtype=np.uint8))
            content = writer.finish()
        return cls(content, row_offsets(np.concatenate(lengths)))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            if step == 1:
                return self._between(start, max(start, stop))
            return [self[i] for i in range(start, stop, step)]
        place = range(len(self))[place]
        return self._between(place, place + 1)[0]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), TEXTS_AT_ONCE):
            yield from self[start : start + TEXTS_AT_ONCE]

    def take(self, places: np.ndarray, storage: Storage = MEMORY) -> StoredTexts:
        """The texts at these places, in this order, as a copy."""
        starts = self.offsets[:-1][places]
        offsets = row_offsets(self.offsets[1:][places] - starts)
        return StoredTexts(gather(self.content, starts, offsets, storage), offsets)

    def _between(self, start: int, stop: int) -> list[str]:
        bounds = (self.offsets[start : stop + 1] - self.offsets[start]).tolist()
        held = self.content[self.offsets[start] : self.offsets[stop]].tobytes()
        return [
            held[a:b].decode("utf-8", "surrogatepass")
            for a, b in zip(bounds[:-1], bounds[1:], strict=True)
        ]
