"""Training loss and validation metric over the epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sk_inceptionxml.model_selection import unwrap

from ._axes import (
    BEST,
    check_matplotlib,
    from_zero,
    label_of,
    open_axes,
    shared_marker,
    show_legend,
    style,
    twin_axes,
)
from ._checks import check_name, rising_counts, vector

VALIDATION = "valid_ndcg@5"  # column of ``history_``
PURPOSE = "sk_inceptionxml.validation"


class TrainingHistoryDisplay:
    """Training loss of every epoch and, where it was measured, nDCG@5 on the held-out rows.

    Make it with :meth:`from_estimator` or :meth:`from_history`. To compare trainings, pass the
    ``ax_`` of the first display as ``ax`` of the next.

    Parameters
    ----------
    epochs : array-like of shape (n_epochs,), int
        Numbers of the epochs, rising.
    train_loss : array-like of shape (n_epochs,)
        Training loss of each.
    valid_score : array-like of shape (n_epochs,), default=None
        nDCG@5 on held-out rows after each; NaN where it was not measured.
    seconds : array-like of shape (n_epochs,), default=None
        Time from the start to the end of each epoch.
    best_epoch : int, default=None
        Epoch whose weights were kept.
    name : str, default=None
        Name of the training in the legend.

    Attributes
    ----------
    epochs : ndarray of shape (n_epochs,), int64
        As given.
    train_loss : ndarray of shape (n_epochs,), float64
        As given.
    valid_score, seconds : ndarray of shape (n_epochs,), float64, or None
        As given.
    best_epoch : int or None
        As given.
    name : str or None
        As given.
    ax_ : matplotlib Axes
        The axes of the loss, after :meth:`plot`.
    valid_ax_ : matplotlib Axes or None
        Those of the validation metric, with its scale on the right.
    figure_ : matplotlib Figure
        Their figure.
    loss_line_ : matplotlib Line2D
        The loss.
    valid_line_ : matplotlib Line2D or None
        The validation metric.
    best_line_ : matplotlib Line2D or None
        The best epoch.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described.

    Examples
    --------
    >>> from sk_inceptionxml.inspection import TrainingHistoryDisplay
    >>> history = {"epoch": [1, 2, 3], "train_loss": [9.0, 5.0, 4.0]}
    >>> display = TrainingHistoryDisplay.from_history(history)
    >>> display.train_loss.tolist()
    [9.0, 5.0, 4.0]
    """

    def __init__(
        self,
        epochs: npt.ArrayLike,
        train_loss: npt.ArrayLike,
        valid_score: npt.ArrayLike | None = None,
        seconds: npt.ArrayLike | None = None,
        *,
        best_epoch: int | None = None,
        name: str | None = None,
    ) -> None:
        self.epochs = rising_counts(epochs, "epochs")
        n = len(self.epochs)
        self.train_loss = vector(train_loss, "train_loss", n)
        self.valid_score = None if valid_score is None else vector(valid_score, "valid_score", n)
        self.seconds = None if seconds is None else vector(seconds, "seconds", n)
        if best_epoch is not None and best_epoch not in self.epochs:
            raise ValueError(f"best_epoch must be one of epochs or None, got {best_epoch!r}.")
        self.best_epoch = best_epoch
        self.name = check_name(name)

    def plot(
        self,
        ax: Any = None,
        *,
        x: str = "epoch",
        name: str | None = None,
        loss_kwargs: Mapping[str, Any] | None = None,
        valid_kwargs: Mapping[str, Any] | None = None,
    ) -> TrainingHistoryDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        x : {"epoch", "seconds"}, default="epoch"
            What stands on the horizontal axis.
        name : str, default=None
            Name in the legend instead of ``self.name``.
        loss_kwargs, valid_kwargs : dict, default=None
            Properties of the lines, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``x`` is unknown, or "seconds" that are not known.
        TypeError
            If an argument is not as described.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        name = self.name if check_name(name) is None else name
        places = self._places(x)
        ax, figure = open_axes(ax)
        own = style({"label": label_of(name, "training loss")}, loss_kwargs, "loss_kwargs")
        (self.loss_line_,) = ax.plot(places, self.train_loss, **own)
        self.valid_ax_: Any = None
        self.valid_line_: Any = None
        self.best_line_: Any = None
        if self.valid_score is not None:
            self._plot_validation(ax, places, name, valid_kwargs)
        ax.set(
            xlabel="Epoch" if x == "epoch" else "Time of training (s)",
            ylabel="Training loss",
        )
        from_zero(ax)
        if x == "epoch":
            ax.xaxis.get_major_locator().set_params(integer=True)
        show_legend(ax, *filter(None, [self.valid_ax_]), above=True)
        self.ax_, self.figure_ = ax, figure
        return self

    def _places(self, x: str) -> npt.NDArray[Any]:
        """Places of the epochs on the horizontal axis."""
        if x == "epoch":
            return self.epochs
        if x != "seconds":
            raise ValueError(f"x must be 'epoch' or 'seconds', got {x!r:.80}.")
        if self.seconds is None or not np.isfinite(self.seconds).all():
            raise ValueError("x='seconds' needs the duration of every epoch; use x='epoch'.")
        return self.seconds

    def _plot_validation(
        self, ax: Any, places: npt.NDArray[Any], name: str | None, given: Mapping[str, Any] | None
    ) -> None:
        """The validation metric on a scale of its own, in the colour of the loss."""
        assert self.valid_score is not None
        alike = {
            "color": self.loss_line_.get_color(),
            "marker": self.loss_line_.get_marker(),
            "markerfacecolor": "white",
        }
        label = "Validation nDCG@5" if name is None else f"{name}, validation nDCG@5"
        own = style({**alike, "linestyle": "--", "label": label}, given, "valid_kwargs")
        self.valid_ax_ = twin_axes(ax, PURPOSE)
        (self.valid_line_,) = self.valid_ax_.plot(places, self.valid_score, **own)
        self.valid_ax_.set(ylabel="Validation nDCG@5", ylim=(0, 1.02))
        if self.best_epoch is not None:
            best = int(np.flatnonzero(self.epochs == self.best_epoch)[0])
            (self.best_line_,) = self.valid_ax_.plot(
                places[[best]],
                self.valid_score[[best]],
                color=self.valid_line_.get_color(),
                marker=shared_marker(self.valid_ax_, BEST, "*"),
                markersize=14,
                linestyle="none",
            )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        x: str = "epoch",
        name: str | None = None,
        ax: Any = None,
        loss_kwargs: Mapping[str, Any] | None = None,
        valid_kwargs: Mapping[str, Any] | None = None,
    ) -> TrainingHistoryDisplay:
        """Draw the training of a fitted classifier.

        The validation metric was measured with ``early_stopping`` or ``validation_data``.

        Parameters
        ----------
        estimator : InceptionXMLClassifier, Pipeline or search
            Fitted.
        x : {"epoch", "seconds"}, default="epoch"
            What stands on the horizontal axis.
        name : str, default=None
            Name in the legend.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        loss_kwargs, valid_kwargs : dict, default=None
            Properties of the lines, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : TrainingHistoryDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        ValueError, TypeError
            If an argument is not as described.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        classifier, _ = unwrap(estimator, instead="pass the log of its epochs to from_history")
        return cls.from_history(
            classifier.history_,
            best_epoch=classifier.best_epoch_,
            x=x,
            name=name,
            ax=ax,
            loss_kwargs=loss_kwargs,
            valid_kwargs=valid_kwargs,
        )

    @classmethod
    def from_history(
        cls,
        history: Any,
        *,
        best_epoch: int | None = None,
        x: str = "epoch",
        name: str | None = None,
        ax: Any = None,
        loss_kwargs: Mapping[str, Any] | None = None,
        valid_kwargs: Mapping[str, Any] | None = None,
    ) -> TrainingHistoryDisplay:
        """Draw a log of epochs.

        Parameters
        ----------
        history : DataFrame or mapping of str to array-like
            As ``history_`` of the classifier: ``epoch``, ``train_loss`` and, if known,
            ``valid_ndcg@5`` and ``duration`` in seconds.
        best_epoch : int, default=None
            Epoch whose weights were kept.
        x : {"epoch", "seconds"}, default="epoch"
            What stands on the horizontal axis.
        name : str, default=None
            Name of the training in the legend.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        loss_kwargs, valid_kwargs : dict, default=None
            Properties of the lines, as of ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        display : TrainingHistoryDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError, TypeError
            If an argument is not as described, or ``epoch`` or ``train_loss`` is missing.
        """
        check_matplotlib(f"{cls.__name__}.from_history")
        if not hasattr(history, "keys"):
            raise TypeError(
                "history must be a DataFrame or a mapping, such as history_ of the classifier, got "
                f"{type(history).__name__}."
            )
        missing = [column for column in ("epoch", "train_loss") if column not in history]
        if missing:
            raise ValueError(f"history has no {missing[0]!r}; pass history_ of the classifier.")
        duration = np.asarray(history["duration"]) if "duration" in history else None
        display = cls(
            history["epoch"],
            history["train_loss"],
            history[VALIDATION] if VALIDATION in history else None,
            None if duration is None else np.cumsum(duration),
            best_epoch=best_epoch,
            name=name,
        )
        return display.plot(ax, x=x, loss_kwargs=loss_kwargs, valid_kwargs=valid_kwargs)
