"""The picture of the start page, from benchmarks/results/accuracy.json."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from docutils import nodes
from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from svg import LINE, MUTED, OURS, TEXT, inline

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "accuracy.json"
OUR_NAME = "InceptionXMLClassifier"
METRICS = {
    "P@1": "First label right (P@1)",
    "PSP@1": "Rare labels weigh more (PSP@1)",
    "R@100": "Found in the first 100 (R@100)",
}
Scores = dict[str, dict[str, float]]


def best_peers(systems: Scores, metric: str) -> float:
    """The best value that another system reaches."""
    return max(v[metric] for name, v in systems.items() if name != OUR_NAME and metric in v)


def draw(datasets: dict[str, Scores]) -> Figure:
    """One panel a metric, two bars a data set: ours above the best peer's."""
    names = list(datasets)[::-1]
    figure = Figure(figsize=(8.4, 0.62 * len(names) + 0.4))
    for i, (metric, title) in enumerate(METRICS.items()):
        ax = figure.add_subplot(1, len(METRICS), i + 1)
        for y, name in enumerate(names):
            ours, theirs = datasets[name][OUR_NAME][metric], best_peers(datasets[name], metric)
            for value, place, colour in ((ours, y + 0.19, OURS), (theirs, y - 0.19, MUTED)):
                ax.barh(place, value, height=0.32, color=colour)
                ax.text(value + 2, place, f"{value:.1f}", va="center", fontsize=9, color=TEXT)
        ax.axvline(0, color=LINE, linewidth=1)
        ax.set(xlim=(0, 118), ylim=(-0.6, len(names) - 0.4), xticks=[])
        ax.set_title(title, fontsize=10, color=TEXT, loc="left")
        ax.set_yticks(range(len(names)), names if i == 0 else [""] * len(names))
        ax.tick_params(length=0, labelsize=10, labelcolor=TEXT)
        for spine in ax.spines.values():
            spine.set_visible(False)
    figure.subplots_adjust(wspace=0.08)
    return figure


class ResultsPicture(SphinxDirective):
    """``{results-picture}``: the drawing with a legend."""

    def run(self) -> list[nodes.Node]:
        """The drawing as HTML."""
        self.env.note_dependency(str(RESULTS))
        datasets = json.loads(RESULTS.read_text(encoding="utf-8"))["datasets"]
        said = "; ".join(
            f"{name}, {metric}: {systems[OUR_NAME][metric]} against {best_peers(systems, metric)}"
            for name, systems in datasets.items()
            for metric in METRICS
        )
        legend = (
            '<p class="drawing-legend"><span class="ours">■</span> InceptionXMLClassifier '
            '<span class="peers">■</span> the best other system, in percent</p>\n'
        )
        drawn = inline(draw(datasets), html.escape(f"Results. {said}"), "results-picture")
        return [nodes.raw("", legend + drawn, format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("results-picture", ResultsPicture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
