"""Recall by the training frequency of the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sk_inceptionxml.metrics import frequency_report
from sk_inceptionxml.model_selection import rank_rows, unwrap

from ._axes import check_matplotlib, open_axes, show_legend, style
from ._checks import INSTEAD, check_name, name_of, positive, vector

PURPOSE = "sk_inceptionxml.label_frequency"


class LabelFrequencyDisplay:
    """Recall at k by the training frequency of the labels: head and tail apart.

    Make it with :meth:`from_estimator` or :meth:`from_predictions`. To compare models, pass the
    ``ax_`` of the first display as ``ax`` of the next.

    Parameters
    ----------
    buckets : sequence of str of length n_buckets
        Names of the ranges of training rows, rarest labels first.
    recall : array-like of shape (n_buckets,)
        Share of the true labels of each bucket that stand in the first k places; NaN where there
        are none.
    n_positives : array-like of shape (n_buckets,)
        True labels of each bucket, or the sum of their weights.
    k : int
        Number of places.
    name : str, default=None
        Name of the model in the legend.

    Attributes
    ----------
    buckets : list of str
        As given.
    recall, n_positives : ndarray of shape (n_buckets,), float64
        As given.
    k : int
        As given.
    name : str or None
        As given.
    ax_ : matplotlib Axes
        The axes, after :meth:`plot`.
    figure_ : matplotlib Figure
        Their figure.
    line_ : matplotlib Line2D
        The line.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described.

    See Also
    --------
    sk_inceptionxml.metrics.frequency_report : The same as a table.

    Examples
    --------
    >>> from sk_inceptionxml.inspection import LabelFrequencyDisplay
    >>> display = LabelFrequencyDisplay.from_predictions(
    ...     [[1, 0, 1], [0, 1, 0]], [[0, 1], [2, 1]], [9, 2, 0], k=2, edges=(0, 1, 5))
    >>> display.buckets, display.recall.tolist()
    (['0', '1-4', '5+'], [0.0, 1.0, 1.0])
    """

    def __init__(
        self,
        buckets: Sequence[str],
        recall: npt.ArrayLike,
        n_positives: npt.ArrayLike,
        k: int,
        *,
        name: str | None = None,
    ) -> None:
        self.buckets = [str(bucket) for bucket in buckets]
        self.recall = vector(recall, "recall", len(self.buckets))
        self.n_positives = vector(n_positives, "n_positives", len(self.buckets))
        self.k = positive(k, "k")
        self.name = check_name(name)

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        line_kwargs: Mapping[str, Any] | None = None,
    ) -> LabelFrequencyDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        name : str, default=None
            Name in the legend instead of ``self.name``.
        line_kwargs : dict, default=None
            Properties of the line, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``ax`` shows other buckets already.
        TypeError
            If an argument is not as described.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        name = self.name if check_name(name) is None else name
        ax, figure = open_axes(ax)
        shown = [tick.get_text().split("\n")[0] for tick in ax.get_xticklabels()]
        if any(line.get_gid() == PURPOSE for line in ax.lines) and shown != self.buckets:
            raise ValueError(
                f"ax shows the buckets {shown}, but this display has {self.buckets}; give both "
                "the same edges, or another ax."
            )
        default = {"gid": PURPOSE} if name is None else {"label": name, "gid": PURPOSE}
        own = style(default, line_kwargs, "line_kwargs")
        places = np.arange(len(self.buckets))
        (self.line_,) = ax.plot(places, self.recall, **own)
        ticks = [
            f"{bucket}\n({n:,.0f})"
            for bucket, n in zip(self.buckets, self.n_positives, strict=True)
        ]
        ax.set_xticks(places, ticks)
        ax.set(
            xlabel="Training rows of a label (true labels to find)",
            ylabel=f"Recall at {self.k}",
            xlim=(-0.4, len(places) - 0.6),
            ylim=(0, 1.02),
        )
        show_legend(ax)
        self.ax_, self.figure_ = ax, figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        k: int = 5,
        edges: Sequence[int] = (0, 1, 5, 20, 100),
        sample_weight: npt.ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
        line_kwargs: Mapping[str, Any] | None = None,
    ) -> LabelFrequencyDisplay:
        """Rank rows, and draw recall by the training frequency of the labels.

        Parameters
        ----------
        estimator : InceptionXMLClassifier, Pipeline or search
            Fitted. The frequencies are its ``label_counts_``.
        X : samples as ``estimator`` takes them
        y : sparse or dense indicator of shape (n_samples, n_labels), label lists, or 1-D
            True labels, in the form of the training labels. Labels that training has not seen
            have frequency 0.
        k : int, default=5
            Number of places.
        edges : sequence of int, default=(0, 1, 5, 20, 100)
            Lowest count of each bucket, rising from 0; the default gives the buckets 0, 1-4,
            5-19, 20-99 and 100+.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.
        name : str, default=None
            Name in the legend; None is the name of the class.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        line_kwargs : dict, default=None
            Properties of the line, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : LabelFrequencyDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError, TypeError
            If an argument is not as described, or ``ax`` shows other buckets already.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        name = name_of(unwrap(estimator, instead=INSTEAD)[0], name)
        rows = rank_rows(estimator, X, y, positive(k, "k"), INSTEAD)
        return cls.from_predictions(
            rows.y_true,
            rows.topk,
            rows.label_counts,
            k=k,
            edges=edges,
            sample_weight=sample_weight,
            name=name,
            ax=ax,
            line_kwargs=line_kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        topk: Any,
        label_counts: npt.ArrayLike,
        *,
        k: int = 5,
        edges: Sequence[int] = (0, 1, 5, 20, 100),
        sample_weight: npt.ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
        line_kwargs: Mapping[str, Any] | None = None,
    ) -> LabelFrequencyDisplay:
        """Draw recall of a ranking by the training frequency of the labels.

        Parameters
        ----------
        y_true : array-like or sparse matrix of shape (n_samples, n_labels)
            True labels, 0 or 1.
        topk : array-like or sparse matrix
            Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse
            scores (n_samples, n_labels).
        label_counts : array-like of shape (n_labels,)
            Training rows of each label.
        k : int, default=5
            Number of places.
        edges : sequence of int, default=(0, 1, 5, 20, 100)
            Lowest count of each bucket, rising from 0; the default gives the buckets 0, 1-4,
            5-19, 20-99 and 100+.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.
        name : str, default=None
            Name of the model in the legend.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        line_kwargs : dict, default=None
            Properties of the line, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : LabelFrequencyDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError, TypeError
            If an argument is not as described, or ``ax`` shows other buckets already.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        check_name(name)
        table = frequency_report(
            y_true, topk, label_counts, k=k, edges=edges, sample_weight=sample_weight
        )
        columns = table["bucket"].tolist(), table[f"recall@{k}"], table["n_positives"]
        return cls(*columns, k, name=name).plot(ax, line_kwargs=line_kwargs)
