"""Precision and recall at k."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sk_inceptionxml.metrics import ranking_report, recall_at_k
from sk_inceptionxml.model_selection import rank_rows, unwrap

from ._axes import check_matplotlib, label_of, open_axes, show_legend, style
from ._checks import INSTEAD, check_name, n_places, name_of, rising_counts, vector

MOST_PLACES = 10  # drawn where the caller does not say


class PrecisionRecallAtKDisplay:
    """Precision and recall of the first k places, against k.

    Make it with :meth:`from_estimator` or :meth:`from_predictions`. To compare models, pass the
    ``ax_`` of the first display as ``ax`` of the next.

    Parameters
    ----------
    ks : array-like of shape (n_ks,), int
        Numbers of places, rising.
    precision, recall : array-like of shape (n_ks,)
        Precision and recall at each of them.
    name : str, default=None
        Name of the model in the legend.

    Attributes
    ----------
    ks : ndarray of shape (n_ks,), int64
        As given.
    precision, recall : ndarray of shape (n_ks,), float64
        As given.
    name : str or None
        As given.
    ax_ : matplotlib Axes
        The axes, after :meth:`plot`.
    figure_ : matplotlib Figure
        Their figure.
    precision_line_, recall_line_ : matplotlib Line2D
        The lines.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described.

    See Also
    --------
    sk_inceptionxml.metrics.ranking_report : The same as numbers.

    Examples
    --------
    >>> from sk_inceptionxml.inspection import PrecisionRecallAtKDisplay
    >>> y_true, ranking = [[1, 0, 1], [0, 1, 0]], [[0, 1, 2], [2, 1, 0]]
    >>> display = PrecisionRecallAtKDisplay.from_predictions(y_true, ranking)
    >>> display.recall.tolist()
    [0.25, 0.75, 1.0]
    """

    def __init__(
        self,
        ks: npt.ArrayLike,
        precision: npt.ArrayLike,
        recall: npt.ArrayLike,
        *,
        name: str | None = None,
    ) -> None:
        self.ks = rising_counts(ks, "ks")
        self.precision = vector(precision, "precision", len(self.ks))
        self.recall = vector(recall, "recall", len(self.ks))
        self.name = check_name(name)

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        precision_kwargs: Mapping[str, Any] | None = None,
        recall_kwargs: Mapping[str, Any] | None = None,
    ) -> PrecisionRecallAtKDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        name : str, default=None
            Name in the legend instead of ``self.name``.
        precision_kwargs, recall_kwargs : dict, default=None
            Properties of the lines, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If an argument is not as described.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        name = self.name if check_name(name) is None else name
        ax, figure = open_axes(ax)
        own = style({"label": label_of(name, "precision")}, precision_kwargs, "precision_kwargs")
        (self.precision_line_,) = ax.plot(self.ks, self.precision, **own)
        own = style(
            {
                "label": label_of(name, "recall"),
                "color": self.precision_line_.get_color(),
                "marker": self.precision_line_.get_marker(),
                "markerfacecolor": "white",
                "linestyle": "--",
            },
            recall_kwargs,
            "recall_kwargs",
        )
        (self.recall_line_,) = ax.plot(self.ks, self.recall, **own)
        ax.set(xlabel="k (labels returned)", ylabel="Precision and recall at k", ylim=(0, 1.02))
        ax.xaxis.get_major_locator().set_params(integer=True)
        show_legend(ax, above=True)
        self.ax_, self.figure_ = ax, figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        ks: Sequence[int] | None = None,
        sample_weight: npt.ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
        precision_kwargs: Mapping[str, Any] | None = None,
        recall_kwargs: Mapping[str, Any] | None = None,
    ) -> PrecisionRecallAtKDisplay:
        """Rank rows, and draw precision and recall at k.

        Parameters
        ----------
        estimator : InceptionXMLClassifier, Pipeline or search
            Fitted.
        X : samples as ``estimator`` takes them
        y : sparse or dense indicator of shape (n_samples, n_labels), label lists, or 1-D
            True labels, in the form of the training labels. Labels that training has not seen
            count as not found.
        ks : sequence of int, default=None
            Numbers of places, rising; None is 1 to 10, or to the number of labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.
        name : str, default=None
            Name in the legend; None is the name of the class.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        precision_kwargs, recall_kwargs : dict, default=None
            Properties of the lines, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : PrecisionRecallAtKDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError, TypeError
            If an argument is not as described, or ``ks`` exceeds the number of labels.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        n_wanted = MOST_PLACES if ks is None else int(rising_counts(ks, "ks")[-1])
        name = name_of(unwrap(estimator, instead=INSTEAD)[0], name)
        rows = rank_rows(estimator, X, y, n_wanted, INSTEAD)
        return cls.from_predictions(
            rows.y_true,
            rows.topk,
            ks=ks,
            sample_weight=sample_weight,
            name=name,
            ax=ax,
            precision_kwargs=precision_kwargs,
            recall_kwargs=recall_kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        topk: Any,
        *,
        ks: Sequence[int] | None = None,
        sample_weight: npt.ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
        precision_kwargs: Mapping[str, Any] | None = None,
        recall_kwargs: Mapping[str, Any] | None = None,
    ) -> PrecisionRecallAtKDisplay:
        """Draw precision and recall at k of a ranking.

        Parameters
        ----------
        y_true : array-like or sparse matrix of shape (n_samples, n_labels), or label lists
            True labels, 0 or 1; or the names of the true labels of each row.
        topk : array-like or sparse matrix, or label lists
            Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse
            scores (n_samples, n_labels). With label lists: the names of each row, best first.
        ks : sequence of int, default=None
            Numbers of places, rising; None is 1 to 10, or to the last place of ``topk``.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.
        name : str, default=None
            Name of the model in the legend.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        precision_kwargs, recall_kwargs : dict, default=None
            Properties of the lines, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : PrecisionRecallAtKDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError, TypeError
            If an argument is not as described, or ``ks`` exceeds the places of ``topk``.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        check_name(name)
        held = n_places(topk)
        counts = np.arange(1, min(MOST_PLACES, held) + 1) if ks is None else rising_counts(ks, "ks")
        if counts[-1] > held:
            raise ValueError(
                f"ks goes up to {counts[-1]}, but topk has {held} places; rank more labels, or "
                "leave the larger numbers out."
            )
        wanted = counts.tolist()
        report = ranking_report(
            y_true, topk, ks=wanted, recall_ks=wanted, sample_weight=sample_weight
        )
        # sparse scores may have fewer entries than places: the report leaves these out
        recall = [
            report[f"R@{k}"] / 100
            if f"R@{k}" in report
            else recall_at_k(y_true, topk, k=k, sample_weight=sample_weight)
            for k in wanted
        ]
        display = cls(wanted, [report[f"P@{k}"] / 100 for k in wanted], recall, name=name)
        return display.plot(ax, precision_kwargs=precision_kwargs, recall_kwargs=recall_kwargs)
