"""A map of the clusters of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize
from sklearn.utils import check_array

from sk_inceptionxml.clustering import validate_clusters
from sk_inceptionxml.model_selection import unwrap

from ._axes import ABOVE, check_matplotlib, open_axes, style
from ._checks import vector

LARGEST, SMALLEST = 160.0, 16.0  # areas of marks, in square points
ALL_MARKS = 10_000.0  # about their sum, so that many clusters do not cover each other


class LabelClustersDisplay:
    """Map of the clusters of labels: near ones are alike.

    A mark is a cluster, at its centroid in two dimensions. Its size is the number of its labels,
    its colour the mean number of their training rows. Make it with :meth:`from_estimator`, or
    with :meth:`from_clusters` for clusters of :mod:`sk_inceptionxml.clustering`.

    Parameters
    ----------
    positions : array-like of shape (n_clusters, 2)
        Centroids on the map.
    n_labels : array-like of shape (n_clusters,)
        Labels of each cluster.
    frequency : array-like of shape (n_clusters,)
        Mean training rows of a label of each cluster.
    names : sequence of str of length n_clusters, default=None
        Names of the clusters.

    Attributes
    ----------
    positions : ndarray of shape (n_clusters, 2), float64
        As given.
    n_labels, frequency : ndarray of shape (n_clusters,), float64
        As given.
    names : list of str or None
        As given.
    ax_ : matplotlib Axes
        The axes, after :meth:`plot`.
    figure_ : matplotlib Figure
        Their figure.
    points_ : matplotlib PathCollection
        The marks.
    colorbar_ : matplotlib Colorbar
        The scale of the colours.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described.

    Examples
    --------
    >>> from sk_inceptionxml.inspection import LabelClustersDisplay
    >>> features = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.8]]
    >>> display = LabelClustersDisplay.from_clusters([0, 0, 1, 1], features, [9, 3, 2, 2])
    >>> display.n_labels.tolist(), display.frequency.tolist()
    ([2.0, 2.0], [6.0, 2.0])
    """

    def __init__(
        self,
        positions: npt.ArrayLike,
        n_labels: npt.ArrayLike,
        frequency: npt.ArrayLike,
        *,
        names: Sequence[str] | None = None,
    ) -> None:
        self.positions = np.asarray(positions, dtype=np.float64)
        if self.positions.ndim != 2 or self.positions.shape[1] != 2 or not len(self.positions):
            raise ValueError(
                f"positions must have shape (n_clusters, 2), got {self.positions.shape}."
            )
        n = len(self.positions)
        self.n_labels = vector(n_labels, "n_labels", n)
        self.frequency = vector(frequency, "frequency", n)
        self.names = None if names is None else [str(name) for name in names]
        if self.names is not None and len(self.names) != n:
            raise ValueError(f"names must hold {n} names, got {len(self.names)}.")

    def plot(
        self,
        ax: Any = None,
        *,
        n_names: int = 12,
        scatter_kwargs: Mapping[str, Any] | None = None,
        text_kwargs: Mapping[str, Any] | None = None,
    ) -> LabelClustersDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_names : int, default=12
            Names to write, most frequent clusters first. A name that would cover
            another one is left out.
        scatter_kwargs : dict, default=None
            Properties of the marks, as of ``matplotlib.axes.Axes.scatter``.
        text_kwargs : dict, default=None
            Properties of the names, as of ``matplotlib.text.Text``.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError, TypeError
            If an argument is not as described.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        from matplotlib.collections import PathCollection
        from matplotlib.colors import LogNorm

        if isinstance(n_names, bool) or not isinstance(n_names, (int, np.integer)) or n_names < 0:
            raise ValueError(f"n_names must be an integer of 0 or more, got {n_names!r:.80}.")
        ax, figure = open_axes(ax)
        shown = np.maximum(self.frequency, 0.5)  # a cluster without rows has a colour too
        default: dict[str, Any] = {
            "s": _areas(self.n_labels, self.n_labels),
            "c": shown,
            "cmap": "cividis",
            "norm": LogNorm(shown.min(), max(shown.max(), 1.01 * shown.min())),
            "edgecolor": "0.3",
            "linewidth": 0.4,
        }
        own = style(default, scatter_kwargs, "scatter_kwargs", PathCollection)
        self.points_ = ax.scatter(*self.positions.T, **own)
        self.colorbar_ = figure.colorbar(self.points_, ax=ax)
        self.colorbar_.ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        self.colorbar_.set_label("Mean training rows of a label")
        ax.set(xlabel="First principal component", ylabel="Second principal component")
        _show_sizes(ax, self.n_labels)
        if self.names is not None:
            order = np.argsort(-self.frequency, kind="stable")[:n_names]
            named = [(self.names[i], self.positions[i]) for i in order]
            _write_apart(ax, named, text_kwargs)
        self.ax_, self.figure_ = ax, figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        random_state: Any = 0,
        ax: Any = None,
        n_names: int = 12,
        scatter_kwargs: Mapping[str, Any] | None = None,
        text_kwargs: Mapping[str, Any] | None = None,
    ) -> LabelClustersDisplay:
        """Draw the clusters of a fitted classifier, by the label vectors of its network.

        Parameters
        ----------
        estimator : InceptionXMLClassifier, Pipeline or search
            Fitted with the synchronized head.
        random_state : int, RandomState or None, default=0
            Of the principal components.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_names : int, default=12
            Names to write, most frequent clusters first. A cluster has the name of
            its most frequent label.
        scatter_kwargs : dict, default=None
            Properties of the marks, as of ``matplotlib.axes.Axes.scatter``.
        text_kwargs : dict, default=None
            Properties of the names, as of ``matplotlib.text.Text``.

        Returns
        -------
        display : LabelClustersDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        ValueError, TypeError
            If an argument is not as described, or the head of the estimator has no clusters.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        classifier, _ = unwrap(estimator, instead="pass its clusters to from_clusters")
        if classifier.clusters_ is None:
            raise ValueError(
                f"estimator has head_={classifier.head_!r}, which has no clusters of labels; fit "
                "with head=SyncXML() of sk_inceptionxml.heads, or pass clusters to from_clusters."
            )
        return cls.from_clusters(
            classifier.clusters_,
            classifier.net_.module_.head.label_vectors(),
            classifier.label_counts_,
            label_names=classifier.classes_,
            random_state=random_state,
            ax=ax,
            n_names=n_names,
            scatter_kwargs=scatter_kwargs,
            text_kwargs=text_kwargs,
        )

    @classmethod
    def from_clusters(
        cls,
        clusters: Any,
        label_features: Any,
        label_counts: npt.ArrayLike,
        *,
        label_names: Any = None,
        random_state: Any = 0,
        ax: Any = None,
        n_names: int = 12,
        scatter_kwargs: Mapping[str, Any] | None = None,
        text_kwargs: Mapping[str, Any] | None = None,
    ) -> LabelClustersDisplay:
        """Draw clusters of labels by features of the labels.

        Parameters
        ----------
        clusters : array-like of int of shape (n_labels,), list of lists of int or sparse matrix
            Meta-label of every label, in a form that
            :func:`sk_inceptionxml.clustering.validate_clusters` takes.
        label_features : array-like or sparse matrix of shape (n_labels, n_features)
            Such as :func:`sk_inceptionxml.clustering.pifa` makes. Rows are scaled to unit length.
        label_counts : array-like of shape (n_labels,)
            Training rows of each label.
        label_names : array-like of shape (n_labels,), default=None
            Names of the labels. A cluster has the name of its most frequent label.
        random_state : int, RandomState or None, default=0
            Of the principal components.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_names : int, default=12
            Names to write, most frequent clusters first.
        scatter_kwargs : dict, default=None
            Properties of the marks, as of ``matplotlib.axes.Axes.scatter``.
        text_kwargs : dict, default=None
            Properties of the names, as of ``matplotlib.text.Text``.

        Returns
        -------
        display : LabelClustersDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError, TypeError
            If an argument is not as described, or there is only one cluster.
        """
        check_matplotlib(f"{cls.__name__}.from_clusters")
        features = check_array(
            label_features, accept_sparse="csr", input_name="label_features", dtype=np.float64
        )
        n_labels = features.shape[0]
        member_of = validate_clusters(clusters, n_labels)
        counts = vector(label_counts, "label_counts", n_labels)
        sizes = np.bincount(member_of)
        if len(sizes) < 2:
            raise ValueError("clusters holds only one cluster; a map needs at least two.")
        names = None
        if label_names is not None:
            if len(label_names) != n_labels:
                raise ValueError(f"label_names must hold {n_labels} names, got {len(label_names)}.")
            # the last one written is the most frequent of its cluster
            rising = np.argsort(counts, kind="stable")
            most_frequent = np.zeros(len(sizes), dtype=np.int64)
            most_frequent[member_of[rising]] = rising
            names = [str(label_names[i]) for i in most_frequent]
        positions = _on_a_map(_centroids(features, member_of, sizes), random_state)
        frequency = np.bincount(member_of, counts) / sizes
        display = cls(positions, sizes, frequency, names=names)
        return display.plot(
            ax, n_names=n_names, scatter_kwargs=scatter_kwargs, text_kwargs=text_kwargs
        )


def _centroids(features: Any, member_of: npt.NDArray[Any], sizes: npt.NDArray[Any]) -> Any:
    """Mean of the unit features of each cluster, sparse as the features are."""
    n_labels = len(member_of)
    entries = (1.0 / sizes[member_of], (member_of, np.arange(n_labels)))
    mean = sp.csr_array(entries, shape=(len(sizes), n_labels))
    return mean @ normalize(features)


def _on_a_map(centroids: Any, random_state: Any) -> npt.NDArray[np.float64]:
    """The first two principal components, zeros where there are fewer."""
    n_components = min(2, *centroids.shape)
    solver = "auto"
    if sp.issparse(centroids):
        centroids, solver = sp.csr_array(centroids), "arpack"
        if min(centroids.shape) <= n_components:  # too few for the sparse solver
            centroids, solver = centroids.toarray(), "full"
    found = PCA(n_components, svd_solver=solver, random_state=random_state).fit_transform(centroids)
    return np.pad(found, ((0, 0), (0, 2 - n_components)))


def _show_sizes(ax: Any, n_labels: npt.NDArray[np.float64]) -> None:
    """A legend of marks for the smallest and the largest number of labels."""
    from matplotlib.lines import Line2D

    shown = np.unique([n_labels.min(), n_labels.max()])
    marks = [
        Line2D(
            [],
            [],
            marker="o",
            linestyle="none",
            color="0.5",
            markersize=float(np.sqrt(_areas(n, n_labels))),
            label=f"Cluster of {n:g} label{'' if n == 1 else 's'}",
        )
        for n in shown
    ]
    ax.legend(handles=marks, **ABOVE)


def _areas(n: Any, of_all: npt.NDArray[np.float64]) -> Any:
    """Areas of the marks of clusters of n labels, in square points."""
    largest = np.clip(ALL_MARKS / len(of_all), 2 * SMALLEST, LARGEST)
    return np.maximum(SMALLEST, largest * n / of_all.max())


def _write_apart(
    ax: Any, named: list[tuple[str, npt.NDArray[np.float64]]], given: Mapping[str, Any] | None
) -> None:
    """Names at their places, without those that would cover one before them."""
    from matplotlib.patheffects import withStroke
    from matplotlib.text import Text

    default = {
        "textcoords": "offset points",
        "fontsize": "small",
        "path_effects": [withStroke(linewidth=2, foreground="white")],
    }
    ax.figure.canvas.figure.draw_without_rendering()  # names are measured where they will stand
    written: list[Any] = []
    middle = float(np.mean(ax.get_xlim()))
    for name, place in named:
        # towards the middle, so that no name leaves the map
        side = (
            {"xytext": (4, 3)}
            if place[0] < middle
            else {"xytext": (-4, 3), "horizontalalignment": "right"}
        )
        text = ax.annotate(name, place, **style({**default, **side}, given, "text_kwargs", Text))
        extent = text.get_window_extent()
        if any(extent.overlaps(other) for other in written):
            text.remove()
        else:
            written.append(extent)
