"""Balanced spherical 2-means, split recursively into any number of clusters."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, delayed

from sk_inceptionxml._utils.blas import one_blas_thread

# Nodes of at most this many labels are split on their dense matrix of cosines.
GRAM_SIZE = 256
_GRAM_MAX_COLUMNS = 20_000


class Node(NamedTuple):
    """Labels still to be divided over clusters first .. first + n_clusters - 1."""

    members: np.ndarray
    first: int
    n_clusters: int


def left_share(n_members: int, n_clusters: int) -> tuple[int, int]:
    """Return (members, clusters) of the left half; leaf sizes then differ by at most one."""
    left_clusters = (n_clusters + 1) // 2
    size, larger = divmod(n_members, n_clusters)
    # Clusters of size + 1 are shared out in proportion, never more than there are clusters.
    left_larger = (2 * larger * left_clusters + n_clusters) // (2 * n_clusters)
    return left_clusters * size + left_larger, left_clusters


def _cut(scores: np.ndarray, n_left: int) -> np.ndarray:
    """Mark all but the `n_left` lowest scores (stable on ties)."""
    right = np.ones(len(scores), dtype=bool)
    right[np.argsort(scores, kind="stable")[:n_left]] = False
    return right


def two_means(
    apply: Callable[[np.ndarray], np.ndarray],
    n_members: int,
    n_left: int,
    rng: np.random.Generator,
    max_iter: int,
    tol: float,
) -> np.ndarray:
    """Split unit vectors into `n_left` and the rest, maximising similarity to the centroids.

    ``apply(w)`` returns ``K w`` for the matrix of cosines ``K``. For the 0/1 membership ``w``
    of one side, ``K w`` holds the similarities to its (unscaled) centroid and ``w' K w`` the
    squared length of that centroid, so the vectors themselves are never needed.
    """
    seeds = np.zeros(n_members, dtype=np.float32)
    seeds[rng.choice(n_members, size=2, replace=False)] = 1.0, -1.0
    right = _cut(apply(seeds), n_left)
    total = apply(np.ones(n_members, dtype=np.float32))
    best = -np.inf
    for _ in range(max_iter):
        to_right = apply(right.astype(np.float32))
        to_left = total - to_right
        right_norm = np.sqrt(max(float(to_right[right].sum(dtype=np.float64)), 1e-12))
        left_norm = np.sqrt(max(float(to_left[~right].sum(dtype=np.float64)), 1e-12))
        # Mean similarity of the members to the centroid of their own side.
        similarity = (right_norm + left_norm) / n_members
        moved = _cut(to_right / right_norm - to_left / left_norm, n_left)
        if similarity - best <= tol * similarity or np.array_equal(moved, right):
            break
        best, right = similarity, moved
    return right


def _compact(features: sp.csr_array, members: np.ndarray) -> sp.csr_array:
    """Rows `members` with the columns nobody uses taken out."""
    rows = features[members]
    used = np.zeros(features.shape[1], dtype=bool)
    used[rows.indices] = True
    position = np.cumsum(used, dtype=rows.indices.dtype) - 1
    n_used = int(position[-1]) + 1 if len(position) else 0
    shape = (len(members), max(n_used, 1))
    return sp.csr_array((rows.data, position[rows.indices], rows.indptr), shape=shape)


def _halve(
    features: sp.csr_array, node: Node, seed: int, max_iter: int, tol: float
) -> tuple[Node, Node]:
    """Split a large node on the sparse features."""
    rows = _compact(features, node.members)
    columns = rows.T
    n_left, left_clusters = left_share(len(node.members), node.n_clusters)
    rng = np.random.default_rng([seed, node.first, node.n_clusters])
    right = two_means(lambda w: rows @ (columns @ w), len(node.members), n_left, rng, max_iter, tol)
    return (
        Node(node.members[~right], node.first, left_clusters),
        Node(node.members[right], node.first + left_clusters, node.n_clusters - left_clusters),
    )


def _cosines(features: sp.csr_array, members: np.ndarray) -> np.ndarray:
    """Dense matrix of the cosines between `members`."""
    rows = _compact(features, members)
    if rows.shape[1] <= _GRAM_MAX_COLUMNS:
        dense = rows.toarray()
        return dense @ dense.T
    return (rows @ rows.T).toarray()


def _finish(features: sp.csr_array, node: Node, seed: int, max_iter: int, tol: float) -> np.ndarray:
    """Return the cluster of every member of a small node."""
    out = np.empty(len(node.members), dtype=np.int32)
    if node.n_clusters == 1:
        out[:] = node.first
        return out
    cosines = _cosines(features, node.members)
    rng = np.random.default_rng([seed, node.first, node.n_clusters])
    stack = [Node(np.arange(len(node.members)), node.first, node.n_clusters)]
    while stack:
        members, first, n_clusters = stack.pop()
        if n_clusters == 1 or n_clusters == len(members):
            out[members] = first + np.arange(len(members)) * (n_clusters > 1)
            continue
        n_left, left_clusters = left_share(len(members), n_clusters)
        sub = cosines[np.ix_(members, members)]
        right = two_means(sub.__matmul__, len(members), n_left, rng, max_iter, tol)
        stack.append(Node(members[right], first + left_clusters, n_clusters - left_clusters))
        stack.append(Node(members[~right], first, left_clusters))
    return out


def balanced_clusters(
    features: sp.csr_array,
    members: np.ndarray,
    n_clusters: int,
    *,
    seed: int,
    max_iter: int,
    tol: float,
    n_jobs: int | None = None,
) -> np.ndarray:
    """Cluster rows `members` of unit-length `features`; sizes differ by at most one.

    Returns the cluster, 0 .. n_clusters - 1, of every member (int32). The outcome depends on
    `seed` only: every node draws from a generator seeded by its place in the tree.
    """
    # Ties are cut in member order, so that order must not carry any meaning.
    shuffled = np.random.default_rng([seed, n_clusters]).permutation(members)
    pending, small = [Node(shuffled, 0, n_clusters)], []
    # One BLAS thread: rounding, and so the clusters, must not depend on the thread count.
    with one_blas_thread():
        parallel = Parallel(n_jobs=n_jobs, require="sharedmem")
        while pending:
            large = [n for n in pending if n.n_clusters > 1 and len(n.members) > GRAM_SIZE]
            small += [n for n in pending if n.n_clusters == 1 or len(n.members) <= GRAM_SIZE]
            halves = parallel(delayed(_halve)(features, n, seed, max_iter, tol) for n in large)
            pending = [half for pair in halves for half in pair]
        found = parallel(delayed(_finish)(features, n, seed, max_iter, tol) for n in small)
    out = np.empty(features.shape[0], dtype=np.int32)
    for node, clusters in zip(small, found, strict=True):
        out[node.members] = clusters
    return out[members]
