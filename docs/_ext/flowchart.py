"""Flow charts in Mermaid's language, drawn while the site is built.

GitHub draws ``mermaid`` blocks by itself. Here no script and no network is needed. Understood are
``flowchart TD`` and ``flowchart LR`` with nodes such as ``name``, ``name[a text]`` and arrows.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable
from typing import Any

import networkx as nx
from docutils import nodes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from svg import FILL, LINE, MUTED, TEXT, inline

NODE = re.compile(r"\s*(?P<name>[\w.-]+?)\s*(?:[\[({]+\"?(?P<text>.*?)\"?[\])}]+)?\s*$")
ARROW = re.compile(r"\s*-->(?:\|[^|]*\|)?\s*|\s+---\s+")
SWEEPS = 12  # passes that bring neighbours close to each other


def parse(lines: list[str]) -> tuple[nx.DiGraph, bool]:
    """The graph, with a ``text`` at each node, and whether it runs from left to right."""
    head, *rest = [line.strip() for line in lines if line.strip() and not line.startswith("%%")]
    found = re.fullmatch(r"(?:flowchart|graph)\s+(TD|TB|LR)", head)
    if not found:
        raise ValueError(f"Only flow charts can be drawn, got {head!r}.")
    graph = nx.DiGraph()
    for line in rest:
        names = []
        for part in ARROW.split(line):
            node = NODE.fullmatch(part)
            if not node:
                raise ValueError(f"Not understood in a flow chart: {line!r}.")
            name, text = node["name"], node["text"]
            graph.add_node(name)
            if text or "text" not in graph.nodes[name]:
                graph.nodes[name]["text"] = text or name
            names.append(name)
        nx.add_path(graph, names)
    return graph, found[1] == "LR"


def _mean_place(place: dict[str, float], name: str, others: Iterable[str]) -> float:
    places = [place[other] for other in others]
    return sum(places) / len(places) if places else place[name]


def arrange(graph: nx.DiGraph) -> dict[str, tuple[float, int]]:
    """Place (along the layer, layer) of every node; arrows run from a layer to a later one."""
    layers = [sorted(layer) for layer in nx.topological_generations(graph)]
    place = {name: float(i) for layer in layers for i, name in enumerate(layer)}
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        near = graph.predecessors if down else graph.successors
        for layer in layers if down else layers[::-1]:
            means = {name: _mean_place(place, name, near(name)) for name in layer}
            layer.sort(key=means.__getitem__)
            place |= {name: i - (len(layer) - 1) / 2 for i, name in enumerate(layer)}
    return {name: (place[name], depth) for depth, layer in enumerate(layers) for name in layer}


def draw(graph: nx.DiGraph, from_left: bool) -> Figure:
    """Boxes with texts, and arrows between them."""
    texts = {n: "\n".join(textwrap.wrap(graph.nodes[n]["text"], 22)) for n in graph}
    across = max(len(line) for text in texts.values() for line in text.split("\n")) * 0.085 + 0.55
    down = max(text.count("\n") for text in texts.values()) * 0.2 + 0.75
    spots = {
        n: (depth * (across + 0.4), -side * down) if from_left else (side * across, -depth * down)
        for n, (side, depth) in arrange(graph).items()
    }
    xs, ys = zip(*spots.values(), strict=True)
    size = (max(xs) - min(xs) + across, max(ys) - min(ys) + down)
    figure = Figure(figsize=size)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(min(xs) - across / 2, max(xs) + across / 2))
    ax.set(ylim=(min(ys) - down / 2, max(ys) + down / 2))
    ax.axis("off")
    boxes = {}
    for n, (x, y) in spots.items():
        style = {"boxstyle": "round,pad=0.45", "facecolor": FILL, "edgecolor": LINE}
        boxes[n] = ax.text(
            x, y, texts[n], ha="center", va="center", fontsize=10, color=TEXT, bbox=style, zorder=2
        )
    figure.canvas.draw()
    for a, b in graph.edges:
        arrow = FancyArrowPatch(
            spots[a],
            spots[b],
            patchA=boxes[a].get_bbox_patch(),
            patchB=boxes[b].get_bbox_patch(),
            arrowstyle="-|>",
            mutation_scale=11,
            color=MUTED,
            linewidth=1,
            zorder=1,
        )
        ax.add_patch(arrow)
    return figure


class Flowchart(SphinxDirective):
    """The directive that a ``mermaid`` block becomes."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The drawing as HTML; other builders show the text."""
        try:
            graph, from_left = parse(list(self.content))
        except ValueError as error:
            raise self.error(str(error)) from error
        arrows = ", ".join(f"{a} to {b}" for a, b in graph.edges)
        drawn = inline(draw(graph, from_left), html.escape(f"Flow chart: {arrows}"), "flowchart")
        return [nodes.raw("", drawn, format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("mermaid", Flowchart)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
