"""Horizontal bars as SVG, in greys and one colour that read on white and on black."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

WIDTH, LEFT, RIGHT = 760, 320, 60
BAR, GAP, GROUP, TITLE = 18, 6, 14, 34
MARKED, OTHER, INK = "#1a8f87", "#8d939c", "#7a808a"
FONT = "font-family='system-ui, sans-serif' font-size='13'"


class Bars(NamedTuple):
    """Bars that stand together under a name."""

    name: str
    bars: list[tuple[str, float]]


def draw(
    title: str, groups: list[Bars], marked: str, digits: int = 2, *, own_scales: bool = False
) -> str:
    """Draw groups of bars below each other; those named ``marked`` have the colour."""
    longest = [max(value for _, value in group.bars) for group in groups]
    scales = longest if own_scales else [max(longest)] * len(groups)
    described = "; ".join(
        f"{group.name} {label} {value:g}".strip() for group in groups for label, value in group.bars
    )
    parts, y = [f"<text x='0' y='16' font-weight='600'>{escape(title)}</text>"], TITLE
    for group, most in zip(groups, scales, strict=True):
        if group.name:
            parts.append(f"<text x='0' y='{y + 13}'>{escape(group.name)}</text>")
            y += BAR + GAP
        for label, value in group.bars:
            width = round((WIDTH - LEFT - RIGHT) * value / most, 1)
            colour = MARKED if label == marked else OTHER
            parts += [
                f"<text x='{LEFT - 10}' y='{y + 14}' text-anchor='end'>{escape(label)}</text>",
                f"<rect x='{LEFT}' y='{y}' width='{width}' height='{BAR}' rx='2' fill='{colour}'/>",
                f"<text x='{LEFT + width + 6}' y='{y + 14}'>{value:,.{digits}f}</text>",
            ]
            y += BAR + GAP
        y += GROUP
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {y}' width='{WIDTH}' "
        f"height='{y}' role='img' {FONT} fill='{INK}'>"
    )
    said = f"<title>{escape(title)}</title>\n<desc>{escape(described)}</desc>"
    return "\n".join([head, said, *parts, "</svg>\n"])
