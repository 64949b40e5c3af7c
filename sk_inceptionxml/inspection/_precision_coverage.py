"""Precision of the answered rows against the share of rows answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from sk_inceptionxml.metrics import precision_coverage_curve
from sk_inceptionxml.model_selection import rank_rows, unwrap

from ._axes import (
    MARKERS,
    THRESHOLD,
    check_matplotlib,
    open_axes,
    shared_marker,
    show_legend,
    style,
)
from ._checks import INSTEAD, check_name, name_of, vector

MARKS = (0.25, 0.5, 0.75)


class PrecisionCoverageDisplay:
    """Precision of the answered rows against the share of rows answered, threshold by threshold.

    A row is answered where its best label has at least the probability of the threshold. Make it
    with :meth:`from_estimator` or :meth:`from_predictions`. To compare models, pass the ``ax_``
    of the first display as ``ax`` of the next.

    Parameters
    ----------
    precision : array-like of shape (n_thresholds,)
        Share of the answered rows whose best label is right.
    coverage : array-like of shape (n_thresholds,)
        Share of the rows that are answered, rising.
    thresholds : array-like of shape (n_thresholds,)
        Least probability of an answer, falling.
    name : str, default=None
        Name of the model in the legend.

    Attributes
    ----------
    precision, coverage, thresholds : ndarray of shape (n_thresholds,), float64
        As given.
    name : str or None
        As given.
    ax_ : matplotlib Axes
        The axes, after :meth:`plot`.
    figure_ : matplotlib Figure
        Their figure.
    line_ : matplotlib Line2D
        The curve.
    mark_lines_ : list of matplotlib Line2D
        The marks on it, one for each threshold.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described.

    See Also
    --------
    sk_inceptionxml.metrics.precision_coverage_curve : The same as numbers.

    Examples
    --------
    >>> from sk_inceptionxml.inspection import PrecisionCoverageDisplay
    >>> y_true, ranking = [[1, 0], [0, 1], [1, 0]], [[0], [0], [0]]
    >>> display = PrecisionCoverageDisplay.from_predictions(
    ...     y_true, ranking, [[0.9], [0.4], [0.8]])
    >>> display.precision.round(2).tolist(), display.coverage.round(2).tolist()
    ([1.0, 1.0, 0.67], [0.33, 0.67, 1.0])
    """

    def __init__(
        self,
        precision: npt.ArrayLike,
        coverage: npt.ArrayLike,
        thresholds: npt.ArrayLike,
        *,
        name: str | None = None,
    ) -> None:
        self.precision = vector(precision, "precision")
        self.coverage = vector(coverage, "coverage", len(self.precision))
        self.thresholds = vector(thresholds, "thresholds", len(self.precision))
        if (np.diff(self.coverage) < 0).any() or (np.diff(self.thresholds) > 0).any():
            raise ValueError("coverage must rise and thresholds must fall.")
        self.name = check_name(name)

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        marks: Sequence[float] = MARKS,
        line_kwargs: Mapping[str, Any] | None = None,
        mark_kwargs: Mapping[str, Any] | None = None,
    ) -> PrecisionCoverageDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        name : str, default=None
            Name in the legend instead of ``self.name``.
        marks : sequence of float, default=(0.25, 0.5, 0.75)
            Thresholds in [0, 1] to mark on the curve. Those that no row reaches are left out.
        line_kwargs : dict, default=None
            Properties of the curve, as of ``matplotlib.axes.Axes.plot``.
        mark_kwargs : dict, default=None
            Properties of the marks, as of ``matplotlib.axes.Axes.plot``.

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
        name = self.name if check_name(name) is None else name
        wanted = _check_marks(marks)
        ax, figure = open_axes(ax)
        label = {} if name is None else {"label": name}
        own = style({**label, "marker": ""}, line_kwargs, "line_kwargs")
        (self.line_,) = ax.plot(self.coverage, self.precision, **own)
        self.mark_lines_ = []
        for threshold in wanted:
            last = np.searchsorted(-self.thresholds, -threshold, side="right") - 1
            if last >= 0:
                alike = {"color": self.line_.get_color(), "marker": _marker(ax, threshold)}
                own = style({**alike, "linestyle": "none"}, mark_kwargs, "mark_kwargs")
                self.mark_lines_ += ax.plot(self.coverage[last], self.precision[last], **own)
        ax.set(
            xlabel="Share of rows answered",
            ylabel="Precision of the answered rows",
            xlim=(0, 1.02),
            ylim=(0, 1.05),
        )
        show_legend(ax, loc="lower left")
        self.ax_, self.figure_ = ax, figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        sample_weight: npt.ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
        marks: Sequence[float] = MARKS,
        line_kwargs: Mapping[str, Any] | None = None,
        mark_kwargs: Mapping[str, Any] | None = None,
    ) -> PrecisionCoverageDisplay:
        """Rank rows, and draw precision against the share of rows answered.

        Parameters
        ----------
        estimator : InceptionXMLClassifier, Pipeline or search
            Fitted. The probabilities are those of ``predict_topk``.
        X : samples as ``estimator`` takes them
        y : sparse or dense indicator of shape (n_samples, n_labels), label lists, or 1-D
            True labels, in the form of the training labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.
        name : str, default=None
            Name in the legend; None is the name of the class.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        marks : sequence of float, default=(0.25, 0.5, 0.75)
            Thresholds in [0, 1] to mark on the curve.
        line_kwargs, mark_kwargs : dict, default=None
            Properties of the curve and of the marks, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : PrecisionCoverageDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError, TypeError
            If an argument is not as described.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        _check_marks(marks)
        name = name_of(unwrap(estimator, instead=INSTEAD)[0], name)
        rows = rank_rows(estimator, X, y, 1, INSTEAD)
        return cls.from_predictions(
            rows.y_true,
            rows.topk,
            rows.probabilities,
            sample_weight=sample_weight,
            name=name,
            ax=ax,
            marks=marks,
            line_kwargs=line_kwargs,
            mark_kwargs=mark_kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        topk: Any,
        probabilities: Any,
        *,
        sample_weight: npt.ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
        marks: Sequence[float] = MARKS,
        line_kwargs: Mapping[str, Any] | None = None,
        mark_kwargs: Mapping[str, Any] | None = None,
    ) -> PrecisionCoverageDisplay:
        """Draw precision of a ranking against the share of rows answered.

        Parameters
        ----------
        y_true : array-like or sparse matrix of shape (n_samples, n_labels), or label lists
            True labels, 0 or 1; or the names of the true labels of each row.
        topk : array-like or sparse matrix, or label lists
            Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse
            scores (n_samples, n_labels). With label lists: the names of each row, best first.
        probabilities : array-like or sparse matrix of the same shape as ``topk``
            Probability of the label in each place of a ranking or, with scores, of each label.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.
        name : str, default=None
            Name of the model in the legend.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        marks : sequence of float, default=(0.25, 0.5, 0.75)
            Thresholds in [0, 1] to mark on the curve.
        line_kwargs, mark_kwargs : dict, default=None
            Properties of the curve and of the marks, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : PrecisionCoverageDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError, TypeError
            If an argument is not as described.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        check_name(name)
        _check_marks(marks)
        curve = precision_coverage_curve(y_true, topk, probabilities, sample_weight=sample_weight)
        display = cls(*curve, name=name)
        return display.plot(ax, marks=marks, line_kwargs=line_kwargs, mark_kwargs=mark_kwargs)


def _marker(ax: Any, threshold: float) -> Any:
    """The marker of a threshold, the same for all curves of the axes and named in the legend."""
    n_known = sum(name.startswith(THRESHOLD) for name in ax.get_legend_handles_labels()[1])
    return shared_marker(ax, f"{THRESHOLD}{threshold:g}", MARKERS[n_known % len(MARKERS)])


def _check_marks(marks: Any) -> npt.NDArray[np.float64]:
    """Thresholds to mark.

    Raises
    ------
    ValueError
        If one is not a number in [0, 1].
    """
    given = list(marks) if isinstance(marks, (Sequence, np.ndarray)) else [None]
    if not all(isinstance(mark, Real) and 0 <= float(mark) <= 1 for mark in given):
        raise ValueError(f"marks must be a sequence of numbers from 0 to 1, got {marks!r:.80}.")
    return np.array(given, dtype=np.float64)
