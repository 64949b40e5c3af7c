"""The scikit-learn estimator that groups labels into meta-labels."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import validate_data

from ._balanced import balanced_clusters
from ._features import pifa
from ._graph import label_graph, verbose_labels
from ._sparse import as_indicator, blocked_product, label_counts, normalize_rows


def draw_seed(random_state: Any) -> int:
    """Draw one seed; None takes fresh entropy and leaves NumPy's global generator alone."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31 - 1))
    return int(check_random_state(random_state).randint(2**31 - 1))


def _check_count(value: Any, name: str) -> None:
    """Raise unless `value` is a positive integer."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}.")


def head_clusters(n_clusters: int, n_head: int, n_tail: int) -> int:
    """Return the head labels' share of the clusters, one at least where both groups fit."""
    if n_head == 0 or n_clusters == 1:
        return 0
    if n_tail == 0:
        return n_clusters
    share = round(n_clusters * n_head / (n_head + n_tail))
    return min(max(share, 1, n_clusters - n_tail), n_head, n_clusters - 1)


class BalancedLabelClustering(BaseEstimator):
    """Group labels into meta-labels of equal size by balanced spherical 2-means.

    A label is described by the features of its rows (:func:`pifa`), which may be smoothed over
    the label graph (:func:`label_graph`). Labels are then split again and again into halves of
    fixed sizes. Each split makes labels as similar as it can to the centroid of their half.

    You can ask for any number of clusters. Every label belongs to exactly one, even a label
    without a row. Head labels have more than `verbose_threshold` rows. They never share a cluster
    with tail labels, unless there is only one cluster. Sizes differ by at most one among the head
    clusters, and among the tail clusters.

    Parameters
    ----------
    n_clusters : int or None, default=None
        Number of meta-labels ``C``, at most one per label; None takes
        ``ceil(L / cluster_size)``.
    cluster_size : int, default=10
        Labels per cluster, used when `n_clusters` is None.
    graph : bool, default=True
        Whether to smooth the label features over the label graph.
    verbose_threshold : int or None, default=500
        Labels with more rows are head labels; None treats all labels alike.
    max_features : int or None, default=200
        Number of strongest features kept per label; None keeps all.
    restart : float, default=0.8
        Restart probability of the walks, see :func:`label_graph`.
    n_neighbors : int, default=10
        Neighbours per label in the label graph.
    max_iter : int, default=20
        Largest number of iterations of one split.
    tol : float, default=1e-4
        A split stops once the mean similarity gains no more than this, relatively.
    n_jobs : int or None, default=None
        Number of threads; the result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial centroids.

    Attributes
    ----------
    labels_ : ndarray of shape (L,), int32
        Meta-label of every label; ids of close-by clusters are close, head clusters first.
    n_clusters_ : int
        Number of meta-labels.
    n_head_clusters_ : int
        Number of meta-labels that hold head labels only.
    classes_ : ndarray of shape (L,)
        The class behind every label. Only if `y` was a 1-D class vector.
    n_features_in_ : int
        Number of features ``V`` seen in :meth:`fit`.
    feature_names_in_ : ndarray of shape (V,)
        Feature names, only if `X` has string column names.

    References
    ----------
    .. [1] Prabhu et al., "Parabel: Partitioned label trees for extreme classification with
       application to dynamic search advertising", WWW 2018.
    .. [2] Mittal et al., "ECLARE: Extreme classification with label graph correlations",
       WWW 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_inceptionxml.clustering import BalancedLabelClustering
    >>> X = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> Y = np.array([[1, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 1]])
    >>> meta = BalancedLabelClustering(n_clusters=2, random_state=0).fit(X, Y).labels_
    >>> bool(meta[0] == meta[2] and meta[1] == meta[3] and meta[0] != meta[1])
    True
    """

    def __init__(
        self,
        n_clusters: int | None = None,
        cluster_size: int = 10,
        *,
        graph: bool = True,
        verbose_threshold: int | None = 500,
        max_features: int | None = 200,
        restart: float = 0.8,
        n_neighbors: int = 10,
        max_iter: int = 20,
        tol: float = 1e-4,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.cluster_size = cluster_size
        self.graph = graph
        self.verbose_threshold = verbose_threshold
        self.max_features = max_features
        self.restart = restart
        self.n_neighbors = n_neighbors
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """Declare sparse input and required multilabel targets."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> BalancedLabelClustering:
        """Cluster the labels of `y`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, V)
            Row features, e.g. tf-idf weights.
        y : {array-like, sparse matrix} of shape (n, L) or array-like of shape (n,)
            Label indicator matrix (values above zero are relevant) or one class per row.

        Returns
        -------
        self : BalancedLabelClustering
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is out of range or the data are malformed.
        """
        self._check_params()
        X, y = validate_data(
            self, X, y, accept_sparse="csr", multi_output=True, dtype=(np.float64, np.float32)
        )
        indicator, classes = as_indicator(y, "y")
        if classes is not None:
            self.classes_ = classes
        elif hasattr(self, "classes_"):
            del self.classes_
        self._assign(self._label_features(indicator, X), label_counts(indicator))
        return self

    def _check_params(self) -> None:
        """Raise when a parameter of the estimator itself is out of range."""
        if self.n_clusters is not None:
            _check_count(self.n_clusters, "n_clusters")
        _check_count(self.cluster_size, "cluster_size")
        _check_count(self.max_iter, "max_iter")
        if not isinstance(self.tol, Real) or not self.tol >= 0:
            raise ValueError(f"tol must be a non-negative number, got {self.tol!r}.")

    def _label_features(self, indicator: sp.csr_array, X: Any) -> sp.csr_array:
        """Return unit-length label features (L, V), smoothed over the graph if asked for."""
        features = pifa(indicator, X, max_features=self.max_features, n_jobs=self.n_jobs)
        if not self.graph:
            return features
        graph = label_graph(
            indicator,
            restart=self.restart,
            n_neighbors=self.n_neighbors,
            verbose_threshold=self.verbose_threshold,
            n_jobs=self.n_jobs,
        )
        return normalize_rows(blocked_product(graph, features, self.max_features, self.n_jobs))

    def _assign(self, features: sp.csr_array, counts: np.ndarray) -> None:
        """Cluster head and tail labels apart and set the fitted attributes."""
        n_labels = len(counts)
        wanted = self.n_clusters or -(-n_labels // self.cluster_size)
        n_clusters = min(int(wanted), n_labels)
        head = verbose_labels(counts, self.verbose_threshold)
        n_head = head_clusters(n_clusters, int(head.sum()), int((~head).sum()))
        groups = [(head, n_head, 0), (~head, n_clusters - n_head, n_head)]
        if n_clusters == 1:
            groups = [(np.ones(n_labels, dtype=bool), 1, 0)]
        seed = draw_seed(self.random_state)
        labels = np.empty(n_labels, dtype=np.int32)
        for i, (members, size, first) in enumerate(groups):
            if size:
                labels[members] = first + balanced_clusters(
                    features,
                    np.flatnonzero(members),
                    size,
                    seed=seed + i,
                    max_iter=self.max_iter,
                    tol=self.tol,
                    n_jobs=self.n_jobs,
                )
        self.labels_ = labels
        self.n_clusters_ = n_clusters
        self.n_head_clusters_ = n_head
