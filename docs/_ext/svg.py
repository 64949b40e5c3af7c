"""Figures of matplotlib as SVG inside a page, in the colours of its light or dark theme."""

from __future__ import annotations

import io
import re

from matplotlib import rc_context
from matplotlib.figure import Figure

# a colour to draw with, and the theme's variable that takes its place
TEXT, MUTED, FILL, OURS, LINE = "#010101", "#020202", "#030303", "#040404", "#050505"
VARIABLES = {
    TEXT: "var(--pst-color-text-base)",
    MUTED: "var(--pst-color-text-muted)",
    FILL: "var(--pst-color-surface)",
    OURS: "var(--pst-color-primary)",
    LINE: "var(--pst-color-border)",
}


def inline(figure: Figure, description: str, css_class: str) -> str:
    """HTML of the figure. ``description`` is read aloud in place of the drawing."""
    stream = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": css_class}):
        figure.savefig(stream, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.02)
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r"font: [^;\"]*?(\d+(?:\.\d+)?)px[^;\"]*", r"font-size: \1px", svg)
    # ids of two drawings on one page must differ
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{css_class}-", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    return f'<div class="drawing {css_class}" role="img" aria-label="{description}">{svg}</div>\n'
