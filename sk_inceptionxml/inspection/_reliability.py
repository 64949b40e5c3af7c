"""Reliability diagram: whether probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from sk_inceptionxml.metrics import expected_calibration_error, reliability_curve
from sk_inceptionxml.model_selection import rank_rows, unwrap

from ._axes import check_matplotlib, draw_reference, open_axes, show_legend, style
from ._checks import INSTEAD, check_name, name_of, positive, vector

PERFECT = "Perfectly calibrated"


class ReliabilityDisplay:
    """Reliability diagram of the first k places, with the calibration error in the legend.

    The calibration curve of ranked labels: each point is a bin of places, by their probability.
    Make it with :meth:`from_estimator` or :meth:`from_predictions`. To compare models, pass the
    ``ax_`` of the first display as ``ax`` of the next.

    Parameters
    ----------
    prob_true : array-like of shape (n_bins,)
        Share of the places of each bin that hold a true label.
    prob_pred : array-like of shape (n_bins,)
        Mean probability of these places.
    calibration_error : float, default=None
        Expected calibration error, for the legend.
    name : str, default=None
        Name of the model in the legend.

    Attributes
    ----------
    prob_true, prob_pred : ndarray of shape (n_bins,), float64
        As given.
    calibration_error : float or None
        As given.
    name : str or None
        As given.
    ax_ : matplotlib Axes
        The axes, after :meth:`plot`.
    figure_ : matplotlib Figure
        Their figure.
    line_ : matplotlib Line2D
        The curve.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described.

    See Also
    --------
    sk_inceptionxml.metrics.reliability_curve : The same as numbers.
    sk_inceptionxml.metrics.expected_calibration_error : The number in the legend.

    Examples
    --------
    >>> from sk_inceptionxml.inspection import ReliabilityDisplay
    >>> y_true, ranking = [[1, 0], [0, 1], [1, 0]], [[0], [0], [0]]
    >>> display = ReliabilityDisplay.from_predictions(y_true, ranking, [[0.75], [0.75], [0.25]])
    >>> display.prob_pred.tolist(), display.prob_true.tolist()
    ([0.25, 0.75], [1.0, 0.5])
    """

    def __init__(
        self,
        prob_true: npt.ArrayLike,
        prob_pred: npt.ArrayLike,
        *,
        calibration_error: float | None = None,
        name: str | None = None,
    ) -> None:
        self.prob_true = vector(prob_true, "prob_true")
        self.prob_pred = vector(prob_pred, "prob_pred", len(self.prob_true))
        self.calibration_error = calibration_error
        self.name = check_name(name)

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        ref_line: bool = True,
        line_kwargs: Mapping[str, Any] | None = None,
    ) -> ReliabilityDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        name : str, default=None
            Name in the legend instead of ``self.name``.
        ref_line : bool, default=True
            Draw the diagonal of perfect calibration.
        line_kwargs : dict, default=None
            Properties of the curve, as of ``matplotlib.axes.Axes.plot``.

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
        if ref_line:
            draw_reference(ax, [0, 1], [0, 1], PERFECT)
        error = self.calibration_error
        if error is not None:
            name = f"ECE = {error:.3f}" if name is None else f"{name} (ECE = {error:.3f})"
        own = style({} if name is None else {"label": name}, line_kwargs, "line_kwargs")
        (self.line_,) = ax.plot(self.prob_pred, self.prob_true, **own)
        ax.set(
            xlabel="Mean predicted probability",
            ylabel="Share of true labels",
            xlim=(-0.02, 1.02),
            ylim=(-0.02, 1.02),
            aspect="equal",
        )
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
        k: int = 1,
        n_bins: int = 15,
        strategy: str = "uniform",
        sample_weight: npt.ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
        ref_line: bool = True,
        line_kwargs: Mapping[str, Any] | None = None,
    ) -> ReliabilityDisplay:
        """Rank rows, and draw the reliability diagram of the first k places.

        Parameters
        ----------
        estimator : InceptionXMLClassifier, Pipeline or search
            Fitted. The probabilities are those of ``predict_topk``.
        X : samples as ``estimator`` takes them
        y : sparse or dense indicator of shape (n_samples, n_labels), label lists, or 1-D
            True labels, in the form of the training labels.
        k : int, default=1
            Number of places.
        n_bins : int, default=15
            Number of bins; empty ones are not drawn.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of equal width, or of equally many places.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.
        name : str, default=None
            Name in the legend; None is the name of the class.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        ref_line : bool, default=True
            Draw the diagonal of perfect calibration.
        line_kwargs : dict, default=None
            Properties of the curve, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : ReliabilityDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError, TypeError
            If an argument is not as described.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        name = name_of(unwrap(estimator, instead=INSTEAD)[0], name)
        rows = rank_rows(estimator, X, y, positive(k, "k"), INSTEAD)
        return cls.from_predictions(
            rows.y_true,
            rows.topk,
            rows.probabilities,
            k=k,
            n_bins=n_bins,
            strategy=strategy,
            sample_weight=sample_weight,
            name=name,
            ax=ax,
            ref_line=ref_line,
            line_kwargs=line_kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        topk: Any,
        probabilities: Any,
        *,
        k: int = 1,
        n_bins: int = 15,
        strategy: str = "uniform",
        sample_weight: npt.ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
        ref_line: bool = True,
        line_kwargs: Mapping[str, Any] | None = None,
    ) -> ReliabilityDisplay:
        """Draw the reliability diagram of the first k places of a ranking.

        Parameters
        ----------
        y_true : array-like or sparse matrix of shape (n_samples, n_labels), or label lists
            True labels, 0 or 1; or the names of the true labels of each row.
        topk : array-like or sparse matrix, or label lists
            Integer ranking (n_samples, n_places), best first, -1 for none; or float or sparse
            scores (n_samples, n_labels). With label lists: the names of each row, best first.
        probabilities : array-like or sparse matrix of the same shape as ``topk``
            Probability of the label in each place of a ranking or, with scores, of each label.
        k : int, default=1
            Number of places.
        n_bins : int, default=15
            Number of bins; empty ones are not drawn.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of equal width, or of equally many places.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.
        name : str, default=None
            Name of the model in the legend.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        ref_line : bool, default=True
            Draw the diagonal of perfect calibration.
        line_kwargs : dict, default=None
            Properties of the curve, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : ReliabilityDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError, TypeError
            If an argument is not as described.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        check_name(name)
        given: dict[str, Any] = {
            "k": k,
            "n_bins": n_bins,
            "strategy": strategy,
            "sample_weight": sample_weight,
        }
        prob_true, prob_pred, _ = reliability_curve(y_true, topk, probabilities, **given)
        error = expected_calibration_error(y_true, topk, probabilities, **given)
        display = cls(prob_true, prob_pred, calibration_error=error, name=name)
        return display.plot(ax, ref_line=ref_line, line_kwargs=line_kwargs)
