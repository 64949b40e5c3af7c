"""Recall of the shortlist and the time of a query against the beam size."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sk_inceptionxml.heads import Head, resolve_head
from sk_inceptionxml.model_selection import unwrap

from ._axes import check_matplotlib, from_zero, label_of, open_axes, show_legend, style, twin_axes
from ._checks import check_name, positive, rising_counts, vector

PURPOSE = "sk_inceptionxml.query_time"
PLACES_ASKED = 5  # of a query whose time is measured
MOST_BEAMS = 256  # tried where the caller does not say


class ShortlistRecallDisplay:
    """Recall of the shortlist of the synchronized head, and the time of a query, by beam size.

    Make it with :meth:`from_estimator`. To compare models, pass the ``ax_`` of the first display
    as ``ax`` of the next.

    Parameters
    ----------
    beam_sizes : array-like of shape (n_beams,), int
        Numbers of shortlisted clusters, rising.
    recall : array-like of shape (n_beams,)
        Share of the true labels among the best ``k`` of the shortlist.
    query_time : array-like of shape (n_beams,), default=None
        Seconds that a prediction takes for each row.
    k : int, default=100
        Number of labels.
    name : str, default=None
        Name of the model in the legend.

    Attributes
    ----------
    beam_sizes : ndarray of shape (n_beams,), int64
        As given.
    recall : ndarray of shape (n_beams,), float64
        As given.
    query_time : ndarray of shape (n_beams,), float64, or None
        As given.
    k : int
        As given.
    name : str or None
        As given.
    ax_ : matplotlib Axes
        The axes of the recall, after :meth:`plot`.
    time_ax_ : matplotlib Axes or None
        Those of the time, with its scale on the right.
    figure_ : matplotlib Figure
        Their figure.
    recall_line_ : matplotlib Line2D
        The recall.
    time_line_ : matplotlib Line2D or None
        The time.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described.

    Examples
    --------
    >>> from sk_inceptionxml.inspection import ShortlistRecallDisplay
    >>> display = ShortlistRecallDisplay([1, 4, 16], [0.4, 0.7, 0.8], [1e-3, 2e-3, 4e-3]).plot()
    >>> display.ax_.get_ylabel()
    'Recall of the shortlist at 100'
    """

    def __init__(
        self,
        beam_sizes: npt.ArrayLike,
        recall: npt.ArrayLike,
        query_time: npt.ArrayLike | None = None,
        *,
        k: int = 100,
        name: str | None = None,
    ) -> None:
        self.beam_sizes = rising_counts(beam_sizes, "beam_sizes")
        n = len(self.beam_sizes)
        self.recall = vector(recall, "recall", n)
        self.query_time = None if query_time is None else vector(query_time, "query_time", n)
        self.k = positive(k, "k")
        self.name = check_name(name)

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        recall_kwargs: Mapping[str, Any] | None = None,
        time_kwargs: Mapping[str, Any] | None = None,
    ) -> ShortlistRecallDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        name : str, default=None
            Name in the legend instead of ``self.name``.
        recall_kwargs, time_kwargs : dict, default=None
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
        own = style({"label": label_of(name, "recall")}, recall_kwargs, "recall_kwargs")
        (self.recall_line_,) = ax.plot(self.beam_sizes, self.recall, **own)
        self.time_ax_: Any = None
        self.time_line_: Any = None
        if self.query_time is not None:
            self.time_ax_ = twin_axes(ax, PURPOSE)
            default = {
                "label": label_of(name, "time"),
                "color": self.recall_line_.get_color(),
                "marker": self.recall_line_.get_marker(),
                "markerfacecolor": "white",
                "linestyle": "--",
            }
            own = style(default, time_kwargs, "time_kwargs")
            milliseconds = 1e3 * self.query_time
            (self.time_line_,) = self.time_ax_.plot(self.beam_sizes, milliseconds, **own)
            self.time_ax_.set_ylabel("Time of a query (ms)")
            from_zero(self.time_ax_)
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.set(
            xlabel="Beam size (clusters in the shortlist)",
            ylabel=f"Recall of the shortlist at {self.k}",
            ylim=(0, 1.02),
        )
        show_legend(ax, *filter(None, [self.time_ax_]), above=True)
        self.ax_, self.figure_ = ax, figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        beam_sizes: Sequence[int] | None = None,
        k: int = 100,
        n_repeats: int = 3,
        name: str | None = None,
        ax: Any = None,
        recall_kwargs: Mapping[str, Any] | None = None,
        time_kwargs: Mapping[str, Any] | None = None,
    ) -> ShortlistRecallDisplay:
        """Measure recall and time at each beam size, and draw them.

        The estimator is not changed. The time is that of ``predict_topk`` on all rows at once,
        the fastest of ``n_repeats`` calls, divided by the number of rows.

        Parameters
        ----------
        estimator : InceptionXMLClassifier, Pipeline or search
            Fitted with the synchronized head.
        X : samples as ``estimator`` takes them
        y : sparse or dense indicator of shape (n_samples, n_labels), label lists, or 1-D
            True labels, in the form of the training labels.
        beam_sizes : sequence of int, default=None
            Numbers of shortlisted clusters, rising; None is 1, 2, 4 and so on, to the number of
            clusters or 256.
        k : int, default=100
            Labels of the shortlist among which true ones are sought.
        n_repeats : int, default=3
            Predictions whose time is taken; 0 leaves the time out.
        name : str, default=None
            Name in the legend.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        recall_kwargs, time_kwargs : dict, default=None
            Properties of the lines, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : ShortlistRecallDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        ValueError, TypeError
            If an argument is not as described, or the head of the estimator has no shortlist.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_name(name)
        if n_repeats != 0:
            positive(n_repeats, "n_repeats")
        instead = "only a classifier with head=SyncXML() has a shortlist"
        classifier, X = unwrap(estimator, X, instead)
        if classifier.clusters_ is None:
            raise ValueError(
                f"estimator has head_={classifier.head_!r}, which scores every label and has no "
                "shortlist; fit with head=SyncXML() of sk_inceptionxml.heads."
            )
        if beam_sizes is None:
            most = min(MOST_BEAMS, int(classifier.clusters_.max()) + 1)
            beam_sizes = [1 << i for i in range(most.bit_length())]
        beams = rising_counts(beam_sizes, "beam_sizes")
        recall, seconds = [], []
        for beam in beams.tolist():
            narrowed = _with_beam(classifier, beam)
            recall.append(narrowed.shortlist_recall(X, y, k=k))
            seconds.append(_seconds_a_row(narrowed, X, n_repeats))
        display = cls(beams, recall, seconds if n_repeats else None, k=k, name=name)
        return display.plot(ax, recall_kwargs=recall_kwargs, time_kwargs=time_kwargs)


def _with_beam(classifier: Any, beam: int) -> Any:
    """The same fitted model with another beam; the classifier and its head stay as they are."""
    given = classifier.head
    head = resolve_head(
        given if isinstance(given, Head) else classifier.head_, classifier.n_labels_
    )
    return copy.copy(classifier).set_params(head=head.set_params(predict_beam_size=beam))


def _seconds_a_row(classifier: Any, X: Any, n_repeats: int) -> float:
    """The least time of a prediction, for each row."""
    times = []
    for _ in range(n_repeats):
        start = time.perf_counter()
        labels, _scores = classifier.predict_topk(X, k=PLACES_ASKED)
        times.append((time.perf_counter() - start) / max(1, len(labels)))
    return float(np.min(times, initial=np.inf))
