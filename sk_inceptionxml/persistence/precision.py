"""Weights in fewer bytes: half precision where it is exact, integers with a scale where asked."""

from __future__ import annotations

import numpy as np
import torch

from sk_inceptionxml.network import quantized

from .checks import fail
from .files import ArrayFile
from .versions import Arrays

PRECISIONS = ("exact", "int8", "int4")
GROUP = 32  # neighbouring weights that share a scale
LEAST = 1024  # weights of a table below which integers save nothing worth their error


def check_precision(precision: str, mmap: bool) -> None:
    """Refuse what ``save`` cannot write, before any work is done."""
    if not isinstance(precision, str) or precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {list(PRECISIONS)}, got {precision!r:.80}.")
    check_mmap(mmap)
    if mmap and precision != "exact":
        raise ValueError(
            f"precision must be 'exact' with mmap=True, got {precision!r}: arrays are mapped as "
            "they are. Save with mmap=False for a smaller model."
        )


def check_mmap(mmap: bool) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(mmap, (bool, np.bool_)):
        raise TypeError(f"mmap must be True or False, got {mmap!r:.80}.")


def pack(weights: Arrays, precision: str) -> Arrays:
    """Weights as they are written.

    Parameters
    ----------
    weights : dict of str to ndarray
        State of a network.
    precision : {"exact", "int8", "int4"}
        "exact" writes integers with one scale a row, or half precision, where this changes no
        value. The integers of the others have one scale for every 32 weights of a row, in half
        precision.

    Returns
    -------
    packed : dict of str to ndarray
        A table ``name`` of integers is ``name.rows8``, ``name.int8`` or ``name.int4``, and
        ``name.scale``.
    """
    packed: Arrays = {}
    for name, values in weights.items():
        if values.dtype not in (np.float32, np.float16) or values.ndim < 2:
            packed[name] = values
        elif precision != "int4" and (rows := _exact_rows(values)) is not None:
            packed[f"{name}.rows8"], packed[f"{name}.scale"] = rows
        elif precision == "exact" or values.size < LEAST:
            packed[name] = _narrow(values)
        else:
            integers, scale = _quantise(values, 127 if precision == "int8" else 7)
            packed[f"{name}.scale"] = scale
            packed[f"{name}.{precision}"] = integers if precision == "int8" else _pairs(integers)
    return packed


def take(arrays: ArrayFile, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The weights of a network, float32 or float16, as ``pack`` wrote them.

    Integers come back as float32 numbers that half precision holds exactly.
    """
    if f"{name}.rows8" in arrays.arrays:
        scale = arrays.take(f"{name}.scale", "f", shape[:1])
        integers = arrays.take(f"{name}.rows8", "b", shape).view(np.int8)
        return integers * scale.astype(np.float32)[:, None]
    for precision, most in (("int8", 127), ("int4", 7)):
        if f"{name}.{precision}" not in arrays.arrays:
            continue
        width = int(np.prod(shape[1:], dtype=np.int64))
        n_groups = -(-width // GROUP)
        scale = arrays.take(f"{name}.scale", "f", (shape[0], n_groups), half=True)
        columns = width if precision == "int8" else -(-width // 2)
        stored = arrays.take(f"{name}.{precision}", "b", (shape[0], columns))
        integers = stored.view(np.int8) if precision == "int8" else _singles(stored, width)
        if integers.size and np.abs(integers.astype(np.int16)).max() > most:
            fail(f"{arrays.file}: {name}.{precision} is out of range.")
        wide = _spread(scale, width)
        with np.errstate(over="ignore"):
            values = (integers * wide).astype(np.float16).astype(np.float32)
        if not np.isfinite(values).all():
            fail(f"{arrays.file}: {name}.scale is out of range.")
        return values.reshape(shape)
    return arrays.take(name, "f", shape, half=True)


def _exact_rows(values: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Integers of eight bits and a scale of every row, if they give exactly these values."""
    if values.ndim != 2 or values.shape[1] < GROUP:  # half precision takes as little
        return None
    found = quantized.exactly(torch.from_numpy(values))
    return None if found is None else (found.integers.numpy(), found.scale.numpy())


def _narrow(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if np.array_equal(half, values) else values


def _quantise(values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Integers (n, width), int8, and the scales (n, n_groups), float16, of groups of a row."""
    rows = values.reshape(len(values), -1).astype(np.float32)
    width = rows.shape[1]
    starts = np.arange(0, width, GROUP)
    largest = np.maximum.reduceat(np.abs(rows), starts, axis=1)
    limit = np.float32(65_000 / most)  # half precision holds no number as large as 66,000
    scale = np.minimum(largest / most, limit).astype(np.float16)
    wide = _spread(scale, width)
    quotient = np.divide(rows, wide, out=np.zeros_like(rows), where=wide > 0)
    return np.rint(quotient).clip(-most, most).astype(np.int8), scale


def _spread(scale: np.ndarray, width: int) -> np.ndarray:
    """The scale of every weight (n, width), float32, by those of the groups."""
    return np.repeat(scale.astype(np.float32), GROUP, axis=1)[:, :width]


def _pairs(integers: np.ndarray) -> np.ndarray:
    """Two integers of -7 to 7 in a byte."""
    even = integers[:, ::2].astype(np.uint8) & 15
    odd = np.zeros_like(even)
    odd[:, : integers.shape[1] // 2] = integers[:, 1::2].astype(np.uint8) & 15
    return even | (odd << 4)


def _singles(pairs: np.ndarray, width: int) -> np.ndarray:
    out = np.empty((len(pairs), 2 * pairs.shape[1]), dtype=np.int8)
    out[:, ::2], out[:, 1::2] = (pairs << 4).view(np.int8) >> 4, pairs.view(np.int8) >> 4
    return out[:, :width]
