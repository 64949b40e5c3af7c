"""What the displays share: matplotlib, axes, colours and styles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Okabe and Ito, "Color Universal Design", 2008, without the yellow that white paper swallows
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
REFERENCE: dict[str, Any] = {"color": "0.55", "linestyle": ":", "linewidth": 1.2}
THRESHOLD, BEST = "Threshold ", "Best epoch"  # begin entries of the legend that curves share
ABOVE = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 2, "frameon": False}


def check_matplotlib(caller: str) -> None:
    """Say which extra to install, before any computation.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib; install it with: pip install 'sk-inceptionxml[plot]'"
        ) from error


def open_axes(ax: Any) -> tuple[Any, Any]:
    """The axes to draw on, new ones for None, and their figure.

    Fresh axes get colours that colour-blind readers tell apart, unless the user has set others.

    Raises
    ------
    TypeError
        If ``ax`` is not an Axes.
    """
    import matplotlib
    from matplotlib import pyplot
    from matplotlib.axes import Axes

    if ax is None:
        ax = pyplot.subplots(layout="constrained")[1]
    elif not isinstance(ax, Axes):
        raise TypeError(
            f"ax must be one matplotlib Axes or None, got {type(ax).__name__}; of an array of "
            "axes pass one element."
        )
    own, default = matplotlib.rcParams, matplotlib.rcParamsDefault
    if not ax.has_data() and own["axes.prop_cycle"] == default["axes.prop_cycle"]:
        ax.set_prop_cycle(color=COLOURS, marker=MARKERS)
    return ax, ax.figure


def twin_axes(ax: Any, purpose: str) -> Any:
    """Axes with the same x and a scale on the right, shared by all displays of one purpose."""
    for other in ax.get_shared_x_axes().get_siblings(ax):
        if other.get_gid() == purpose and other.bbox.bounds == ax.bbox.bounds:
            return other
    twin = ax.twinx()
    twin.set_gid(purpose)
    return twin


def style(
    default: Mapping[str, Any], given: Mapping[str, Any] | None, name: str, artist: Any = None
) -> dict[str, Any]:
    """Keywords of an artist, the given ones before the default ones, whatever their alias.

    ``artist`` is its class, None for a line.

    Raises
    ------
    TypeError
        If the given ones are not a mapping, or name one property twice.
    """
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    if given is None:
        return dict(default)
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{name} must be a dict of properties of matplotlib or None, got {given!r:.80}."
        )
    return {**default, **normalize_kwargs(dict(given), artist or Line2D)}


def from_zero(ax: Any) -> None:
    """Let the vertical scale begin at 0 and hold every line, also those drawn before."""
    ax.relim()
    highest = float(ax.dataLim.y1)
    if 0 < highest < float("inf"):
        ax.set_ylim(0, 1.05 * highest)


def label_of(name: str | None, what: str) -> str:
    """Entry of the legend for one of several lines of a model."""
    return what.capitalize() if name is None else f"{name}, {what}"


def show_legend(ax: Any, *others: Any, above: bool = False, loc: str = "best") -> None:
    """One legend for the lines of some axes, if any has a name; above them, or inside."""
    lines = [line for a in (ax, *others) for line in a.get_legend_handles_labels()[0]]
    lines.sort(key=lambda line: line.get_label().startswith((THRESHOLD, BEST)))
    if lines:
        place = ABOVE if above else {"loc": loc}
        ax.legend(lines, [line.get_label() for line in lines], **place)


def shared_marker(ax: Any, label: str, marker: str) -> Any:
    """The marker of an entry of the legend that curves share, named there once, in grey."""
    lines, labels = ax.get_legend_handles_labels()
    known = dict(zip(labels, lines, strict=True))
    if label not in known:
        (known[label],) = ax.plot([], [], color="0.4", marker=marker, linestyle="none", label=label)
    return known[label].get_marker()


def draw_reference(ax: Any, x: Any, y: Any, label: str) -> None:
    """A line to compare with, once on the same axes."""
    from matplotlib.lines import Line2D

    if label not in ax.get_legend_handles_labels()[1]:
        # not by ``plot``, which would take a colour out of the cycle
        ax.add_line(Line2D(x, y, label=label, zorder=1, **REFERENCE))
