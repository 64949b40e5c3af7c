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
from svg import MUTED, OURS, TEXT, inline

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


def draw(datasets: dict[str, Scores], metric: str) -> Figure:
    """Two bars a data set: ours above the best peer's."""
    names = list(datasets)[::-1]
    figure = Figure(figsize=(3, 0.75 * len(names) + 0.35))
    ax = figure.add_axes((0, 0, 1, 1))
    for y, name in enumerate(names):
        ours, theirs = datasets[name][OUR_NAME][metric], best_peers(datasets[name], metric)
        ax.text(0, y + 0.31, name, va="bottom", fontsize=9, color=MUTED)
        for value, place, colour in ((ours, y + 0.15, OURS), (theirs, y - 0.15, MUTED)):
            ax.barh(place, value, height=0.24, color=colour)
            ax.text(value + 2, place, f"{value:.1f}", va="center", fontsize=9, color=TEXT)
    ax.set(xlim=(0, 116), ylim=(-0.35, len(names) - 0.1))
    ax.text(0, len(names) - 0.15, METRICS[metric], fontsize=10.5, color=TEXT)
    ax.axis("off")
    return figure


class ResultsPicture(SphinxDirective):
    """``{results-picture}``: a drawing for each metric, and a legend."""

    def run(self) -> list[nodes.Node]:
        """The drawings as HTML."""
        self.env.note_dependency(str(RESULTS))
        datasets = json.loads(RESULTS.read_text(encoding="utf-8"))["datasets"]
        parts = [
            '<p class="drawing-legend"><span class="ours">■</span> InceptionXMLClassifier '
            '<span class="peers">■</span> the best other system, in percent</p>\n'
            '<div class="drawings">'
        ]
        for i, (metric, title) in enumerate(METRICS.items()):
            said = "; ".join(
                f"{name} {systems[OUR_NAME][metric]} against {best_peers(systems, metric)}"
                for name, systems in datasets.items()
            )
            parts.append(
                inline(draw(datasets, metric), html.escape(f"{title}: {said}"), f"result-{i}")
            )
        return [nodes.raw("", "".join([*parts, "</div>\n"]), format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("results-picture", ResultsPicture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
