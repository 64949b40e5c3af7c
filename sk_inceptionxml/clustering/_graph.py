"""Label graph from random walks with restart over the label/row bipartite graph."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, delayed

from ._sparse import as_indicator, label_counts, product_cost, row_blocks, top_k_per_row

_WALK_BLOCK_COST = 200_000
# Rows may weigh this much less than labels before they are dropped: several share one label.
_ROW_RESOLUTION = 5.0


def _check_walk(restart: float, n_steps: int, n_neighbors: int) -> None:
    """Raise when a walk parameter is out of range."""
    if not (isinstance(restart, Real) and 0 < restart <= 1):
        raise ValueError(f"restart must lie in (0, 1], got {restart!r}.")
    if not (isinstance(n_steps, Integral) and n_steps >= 1):
        raise ValueError(f"n_steps must be a positive integer, got {n_steps!r}.")
    if not (isinstance(n_neighbors, Integral) and n_neighbors >= 0):
        raise ValueError(f"n_neighbors must be a non-negative integer, got {n_neighbors!r}.")


def verbose_labels(counts: np.ndarray, verbose_threshold: int | None) -> np.ndarray:
    """Mark the head labels: those with more than `verbose_threshold` rows."""
    if verbose_threshold is None:
        return np.zeros(len(counts), dtype=bool)
    if not (isinstance(verbose_threshold, Integral) and verbose_threshold >= 0):
        raise ValueError(
            f"verbose_threshold must be a non-negative integer or None, got {verbose_threshold!r}."
        )
    return counts > verbose_threshold


def _inverse(counts: np.ndarray, power: float = 1.0) -> np.ndarray:
    """Return ``counts ** -power`` with zeros where the count is zero, as float32."""
    out = np.zeros(len(counts))
    np.power(counts, -power, out=out, where=counts > 0)
    return out.astype(np.float32)


def _transitions(indicator: sp.csr_array, walkable: np.ndarray) -> tuple[Any, Any]:
    """Return the label->row and row->label transition matrices over the walkable labels."""
    kept = sp.csr_array(indicator @ sp.diags_array(walkable.astype(np.float32)))
    kept.eliminate_zeros()
    kept.sort_indices()
    to_label = sp.csr_array(sp.diags_array(_inverse(np.diff(kept.indptr))) @ kept)
    to_row = sp.csr_array(sp.diags_array(_inverse(label_counts(kept))) @ kept.T.tocsr())
    return to_row, to_label


def _drop_below(matrix: sp.csr_array, least: float) -> None:
    """Remove entries below `least` in place."""
    matrix.data[matrix.data < least] = 0.0
    matrix.eliminate_zeros()


def _expected_visits(
    start: int, stop: int, to_row: Any, to_label: Any, restart: float, n_steps: int
) -> sp.csr_array:
    """Return the expected share of steps that labels start..stop spend on every label."""
    front = to_row[start:stop] @ to_label
    visits = front.copy()
    mass = 1.0 - restart
    while mass * n_steps > 1.0:
        # Less than one expected visit in the whole walk: not worth following further.
        _drop_below(front, 1.0 / (restart * n_steps))
        through = front @ to_row
        _drop_below(through, 1.0 / (_ROW_RESOLUTION * restart * n_steps))
        if through.nnz == 0:
            break
        front = through @ to_label
        front.data *= 1.0 - restart
        visits = visits + front
        mass *= 1.0 - restart
    visits.data *= restart
    visits.sort_indices()
    return visits


def _neighbours(visits: sp.csr_array, start: int, n_neighbors: int) -> sp.csr_array:
    """Keep every label itself (weight 1 if never visited) and its strongest neighbours."""
    n_rows = visits.shape[0]
    rows = np.repeat(np.arange(n_rows), np.diff(visits.indptr))
    own = visits.indices == rows + start
    loops = np.ones(n_rows, dtype=np.float32)
    loops[rows[own]] = visits.data[own]
    visits.data[own] = 0.0
    visits.eliminate_zeros()
    shape = visits.shape
    if n_neighbors:
        visits = top_k_per_row(visits, n_neighbors)
    else:
        visits = sp.csr_array(shape, dtype=np.float32)
    ids = np.arange(n_rows)
    return sp.csr_array(visits + sp.csr_array((loops, (ids, ids + start)), shape=shape))


def label_graph(
    Y: Any,
    *,
    restart: float = 0.8,
    n_steps: int = 400,
    n_neighbors: int = 10,
    verbose_threshold: int | None = 500,
    n_jobs: int | None = None,
) -> sp.csr_array:
    r"""Connect labels that random walks with restart visit together.

    A walk from label ``l`` repeats: with probability `restart` return to ``l``; then step to a
    random row of the present label and on to a random label of that row. Instead of sampling,
    the expected share of visits is summed up, which needs no seed:

    .. math:: A = p \sum_{k \ge 0} (1 - p)^k P^{k+1}, \qquad P = D_L^{-1} Y^\top D_n^{-1} Y,

    with ``p = restart`` and ``D_L``, ``D_n`` the label and row degrees. Labels expected less
    than once in `n_steps` steps are counted but not walked on from (rows: a fifth of that).
    Every label keeps its own weight and its `n_neighbors` strongest neighbours; the graph is
    then scaled to ``D_r^{-1/2} A D_c^{-1/2}`` by its row and column sums.

    Parameters
    ----------
    Y : {array-like, sparse matrix} of shape (n, L) or array-like of shape (n,)
        Label indicator matrix or one class per row.
    restart : float, default=0.8
        Probability of returning to the first label before a step, in (0, 1].
    n_steps : int, default=400
        Length of the walk the expectation stands for; sets how far weak paths are followed.
    n_neighbors : int, default=10
        Number of neighbours kept per label besides itself.
    verbose_threshold : int or None, default=500
        Labels with more rows than this take no part in the walks and only keep their
        self-loop; None means all labels take part.
    n_jobs : int or None, default=None
        Number of threads; the result does not depend on it.

    Returns
    -------
    graph : csr_array of shape (L, L), float32
        Normalised label graph with a positive diagonal.

    Raises
    ------
    ValueError
        If a parameter is out of range or `Y` holds negative or non-finite values.

    References
    ----------
    .. [1] Mittal et al., "ECLARE: Extreme classification with label graph correlations",
       WWW 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_inceptionxml.clustering import label_graph
    >>> Y = np.array([[1, 1, 0], [0, 0, 1]])
    >>> label_graph(Y).toarray().round(2)
    array([[0.5, 0.5, 0. ],
           [0.5, 0.5, 0. ],
           [0. , 0. , 1. ]], dtype=float32)
    """
    _check_walk(restart, n_steps, n_neighbors)
    indicator, _ = as_indicator(Y)
    walkable = ~verbose_labels(label_counts(indicator), verbose_threshold)
    to_row, to_label = _transitions(indicator, walkable)

    def block(start: int, stop: int) -> sp.csr_array:
        visits = _expected_visits(start, stop, to_row, to_label, float(restart), int(n_steps))
        return _neighbours(visits, start, int(n_neighbors))

    bounds = list(row_blocks(product_cost(to_row, to_label) + 1, _WALK_BLOCK_COST))
    parts = Parallel(n_jobs=n_jobs, require="sharedmem")(delayed(block)(*b) for b in bounds)
    graph = sp.csr_array(sp.vstack(parts, format="csr"), dtype=np.float32)
    left = _inverse(np.asarray(graph.sum(axis=1)).ravel(), 0.5)
    right = _inverse(np.asarray(graph.sum(axis=0)).ravel(), 0.5)
    graph.data *= np.repeat(left, np.diff(graph.indptr)) * right[graph.indices]
    return graph
