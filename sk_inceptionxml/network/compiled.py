"""Scores of all labels for a few rows, compiled by numba where it is installed.

One title is multiplied with every label vector. As integers of eight bits, they are a quarter of
the memory that is read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, int8, types

from sk_inceptionxml._utils.compiling import array, compile_for


@compile_for(reorder=True)
def _dot(integers: Any, values: Any) -> Any:
    total = np.float32(0)
    for i in range(len(values)):
        total += np.float32(integers[i]) * values[i]
    return total


@compile_for(
    types.void(
        array(int8, 2), array(float32), array(float32), array(float32, 2),
        array(float32, 2, readonly=False),
    )
)  # fmt: skip
def label_scores(integers: Any, scale: Any, bias: Any, rows: Any, out: Any) -> None:
    """Write ``rows @ (scale * integers).T + bias`` to ``out``.

    The scores of a row have the same bits whatever the other rows.

    Parameters
    ----------
    integers : ndarray of shape (n_labels, width), int8
    scale, bias : ndarray of shape (n_labels,), float32
    rows : ndarray of shape (n, width), float32
    out : ndarray of shape (n, n_labels), float32
    """
    for label in range(len(integers)):
        for row in range(len(rows)):
            out[row, label] = _dot(integers[label], rows[row]) * scale[label] + bias[label]
