"""The lexical memory's inner loops, compiled by numba where it is installed.

They do what ``neighbours.py`` does in NumPy, one query after the other, and let other threads run
meanwhile: NumPy's many small steps hold the interpreter, so that two threads are no quicker than
one. Results are equal to the rounding of single precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, float64, int64, types

from sk_inceptionxml._utils.compiling import array, compile_for

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@compile_for()
def _push(heap: Any, size: int, value: Any) -> int:
    """Put a value into a heap whose first is the smallest, in place of that where it is full."""
    if size < len(heap):
        place = size
        while place > 0 and heap[(place - 1) // 2] > value:
            heap[place] = heap[(place - 1) // 2]
            place = (place - 1) // 2
        heap[place] = value
        return size + 1
    if value <= heap[0]:
        return size
    place = 0
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = value
    return size


@compile_for()
def _add_up(rows: Any, data: Any, factor: Any, sums: Any, seen: Any, touched: Any, n: int) -> int:
    """Add entries times a factor to the sums of their rows; returns the rows touched, before n."""
    for entry in range(len(rows)):
        row, product = rows[entry], data[entry] * factor
        if seen[row]:
            sums[row] += product
        else:
            seen[row], sums[row] = 1, product
            touched[n] = row
            n += 1
    return n


@compile_for()
def _choose(touched: Any, sums: Any, heap: Any, out: Any) -> int:
    """Write the rows of the largest sums, as many as the heap holds, and return their number."""
    size = 0
    for row in touched:
        size = _push(heap, size, sums[row])
    if size < len(heap):
        out[: len(touched)] = np.sort(touched)
        return len(touched)
    n, n_tied = 0, 0
    for row in touched:
        if sums[row] > heap[0]:
            out[n] = row
            n += 1
        elif sums[row] == heap[0]:
            touched[n_tied] = row  # a place already read
            n_tied += 1
    tied = touched[:n_tied]
    if n + n_tied > size:  # of equal ones a sample, as ``largest`` takes it
        chance = (tied.astype(np.uint64) * GOLDEN) >> np.uint64(32)
        tied = tied[np.argsort(chance, kind="mergesort")[: size - n]]
    out[n : n + len(tied)] = tied
    out[: n + len(tied)] = np.sort(out[: n + len(tied)])
    return n + len(tied)


@compile_for(
    types.Tuple((int64[::1], int64[::1]))(
        array(types.int32), array(float32), array(int64), array(int64),
        array(float32), array(int64), array(int64), int64, array(float32, readonly=False),
        array(types.uint8, readonly=False),
    )
)  # fmt: skip
def nearest(
    rows: Any,
    data: Any,
    first: Any,
    last: Any,
    values: Any,
    starts: Any,
    exclude: Any,
    k: int,
    sums: Any,
    seen: Any,
) -> Any:
    """Rows of the memory nearest to each query, of those that share a feature.

    Parameters
    ----------
    rows, data : ndarray, int32 and float32
        Rows of the memory that hold each word, and its weight there.
    first, last : ndarray of shape (n_entries,), int64
        Where the rows of each word of the queries begin and end.
    values : ndarray of shape (n_entries,), float32
        Weights of the words of the queries.
    starts : ndarray of shape (n_queries + 1,), int64
        Where the words of each query begin.
    exclude : ndarray of shape (n_queries,), int64
        A row that a query must not use, or -1.
    k : int
    sums, seen : ndarray of shape (n_rows,), float32 and uint8
        Scratch memory; ``seen`` holds zeros, and is left so.

    Returns
    -------
    chosen : ndarray of int64
        Query by query, ascending.
    lengths : ndarray of shape (n_queries,), int64
    """
    n = len(starts) - 1
    lengths = np.zeros(n, np.int64)
    chosen = np.empty(n * min(k, len(sums)), np.int64)
    touched, heap = np.empty(len(sums), np.int64), np.empty(min(k, len(sums)), np.float32)
    n_chosen = 0
    for query in range(n):
        n_touched = 0
        for word in range(starts[query], starts[query + 1]):
            some = slice(first[word], last[word])
            entries = rows[some], data[some], values[word]
            n_touched = _add_up(*entries, sums, seen, touched, n_touched)
        kept = 0
        for row in touched[:n_touched]:
            seen[row] = 0
            touched[kept] = row
            kept += row != exclude[query]
        lengths[query] = _choose(touched[:kept], sums, heap, chosen[n_chosen:])
        n_chosen += lengths[query]
    return chosen[:n_chosen], lengths


@compile_for(
    types.Tuple((int64[::1], float32[::1]))(
        array(types.int32), array(types.int32), array(types.int32), array(float32),
        array(float32), float32, array(float32, readonly=False),
        array(types.uint8, readonly=False), array(int64, readonly=False),
    )
)  # fmt: skip
def covered_texts(
    terms: Any,
    starts: Any,
    texts: Any,
    weights: Any,
    total: Any,
    least: float,
    sums: Any,
    seen: Any,
    touched: Any,
) -> Any:
    """Texts of which a query holds a share or more, by the weight of their terms.

    Parameters
    ----------
    terms : ndarray of shape (n,), int32
        Of the query.
    starts, texts, weights : ndarray
        The texts that hold each term, and its weight there: a CSR matrix of one row a term.
    total : ndarray of shape (n_texts,), float32
        Weight of all terms of each text.
    least : float
        The share.
    sums, seen, touched : ndarray of shape (n_texts,), float32, uint8 and int64
        Scratch memory; ``seen`` holds zeros, and is left so.

    Returns
    -------
    covered : ndarray of shape (m,), int64
        Ascending.
    shared : ndarray of shape (m,), float32
        Weight of the terms that each shares with the query.
    """
    n_touched = 0
    for term in terms:
        some = slice(starts[term], starts[term + 1])
        entries = texts[some], weights[some], np.float32(1)
        n_touched = _add_up(*entries, sums, seen, touched, n_touched)
    kept = 0
    for text in touched[:n_touched]:
        seen[text] = 0
        touched[kept] = text
        kept += sums[text] / total[text] >= least
    covered = np.sort(touched[:kept])
    return covered, sums[covered]


@compile_for(reorder=True)
def _add_products(kernel: Any, row: Any, value: Any) -> None:
    """Add the products of a column's entries with each other to the lower triangle."""
    for i in range(1, len(row)):
        for j in range(i):
            kernel[row[i], row[j]] += value[i] * value[j]


@compile_for(reorder=True)
def _solve(kernel: Any, k: int) -> bool:
    """Solve in place by Cholesky's decomposition of the first k rows; the last row is the right.

    Returns False where the kernel is not positive definite.
    """
    for j in range(k + 1):
        for i in range(j):
            total = 0.0
            for m in range(i):
                total += kernel[j, m] * kernel[i, m]
            kernel[j, i] = (kernel[j, i] - total) / kernel[i, i]
        if j < k:
            total = 0.0
            for m in range(j):
                total += kernel[j, m] * kernel[j, m]
            if not kernel[j, j] > total:
                return False
            kernel[j, j] = np.sqrt(kernel[j, j] - total)
    for j in range(k - 1, -1, -1):
        kernel[k, j] /= kernel[j, j]
        for m in range(j):
            kernel[k, m] -= kernel[k, j] * kernel[j, m]
    return True


@compile_for()
def _by_column(local: Any, n_columns: int) -> Any:
    """Entries column by column, in order, and where those of each column begin."""
    starts = np.zeros(n_columns + 2, np.int64)
    for column in local:
        starts[column + 2] += 1
    for column in range(n_columns):
        starts[column + 2] += starts[column + 1]
    order = np.empty(len(local), np.int64)
    for entry in range(len(local)):
        order[starts[local[entry] + 1]] = entry
        starts[local[entry] + 1] += 1
    return order, starts


@compile_for()
def _fill_kernel(kernel: Any, columns: Any, data: Any, row: Any, place: Any) -> None:
    """Products of sparse rows with each other, in the lower triangle without the diagonal."""
    local, n_columns = np.empty(len(columns), np.int64), 0
    for entry in range(len(columns)):
        if place[columns[entry]] == 0:
            n_columns += 1
            place[columns[entry]] = n_columns
        local[entry] = place[columns[entry]] - 1
    for column in columns:
        place[column] = 0
    order, starts = _by_column(local, n_columns)
    row, data = row[order], data[order]
    for column in range(n_columns):
        some = slice(starts[column], starts[column + 1])
        _add_products(kernel, row[some], data[some])


@compile_for(
    float32[::1](
        array(types.int32), array(float32), array(int64), array(int64), array(int64),
        array(float64), array(types.int32), array(float32), array(int64),
        array(types.int32, readonly=False),
    )
)  # fmt: skip
def regression_weights(
    held: Any,
    numbers: Any,
    first: Any,
    last: Any,
    lengths: Any,
    diagonal: Any,
    words: Any,
    values: Any,
    starts: Any,
    place: Any,
) -> Any:
    """Weights of the rows that ``nearest`` found, query by query.

    Parameters
    ----------
    held, numbers : ndarray, int32 and float32
        Columns and values of rows of the memory.
    first, last : ndarray of shape (n_rows,), int64
        Where each row found begins and ends.
    lengths : ndarray of shape (n_queries,), int64
        Rows found for each query.
    diagonal : ndarray of shape (n_rows,), float64
        Of the kernel matrices, ridge included.
    words, values, starts : ndarray
        Entries of the queries, and where those of each begin.
    place : ndarray of shape (n_columns,), int32
        Scratch memory; holds zeros, and is left so.

    Returns
    -------
    weights : ndarray of shape (n_rows,), float32
        NaN for a query whose kernel matrix is not positive definite.
    """
    weights, before = np.empty(len(first), np.float32), 0
    for query in range(len(lengths)):
        k, own = lengths[query], slice(starts[query], starts[query + 1])
        n_held = (last[before : before + k] - first[before : before + k]).sum()
        n = n_held + len(words[own])
        columns, data = np.empty(n, np.int32), np.empty(n, np.float32)
        row = np.full(n, k)
        columns[n_held:], data[n_held:] = words[own], values[own]
        at = 0
        for i in range(k):
            some = slice(first[before + i], last[before + i])
            there = slice(at, at + some.stop - some.start)
            columns[there], data[there], row[there] = held[some], numbers[some], i
            at = there.stop
        kernel = np.zeros((k + 1, k + 1))
        _fill_kernel(kernel, columns, data, row, place)
        for i in range(k):
            kernel[i, i] = diagonal[before + i]
        if _solve(kernel, k):
            weights[before : before + k] = kernel[k, :k]
        else:
            weights[before : before + k] = np.nan
        before += k
    return weights
