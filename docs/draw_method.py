"""Draw the way of a text through the model into docs/pictures/architecture.svg.

python docs/draw_method.py

Greys and one colour read on white and on black.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

PICTURE = Path(__file__).parent / "pictures" / "architecture.svg"
WIDTH, HEIGHT = 860, 440
INK, LINE, OWN, PAPER = "#7a808a", "#8d939c", "#1a8f87", "#c2703d"
# name, note, left, top, width, height, colour
BOXES = [
    ("words", "64 at most", 20, 60, 110, 60, PAPER),
    ("word vectors", "300 numbers each", 160, 60, 130, 60, PAPER),
    ("encoder", "attention, convolutions", 320, 60, 170, 60, PAPER),
    ("one-vs-all", "every label", 530, 20, 150, 56, PAPER),
    ("synchronized", "clusters, then labels", 530, 104, 150, 56, PAPER),
    ("words and 4-grams", "TF-IDF", 160, 200, 150, 60, OWN),
    ("nearest rows", "ridge regression", 340, 200, 150, 60, OWN),
    ("label texts", "coverage of the query", 320, 290, 170, 56, OWN),
    ("label frequency", "training rows", 320, 370, 170, 56, OWN),
    ("fusion", "logistic regression", 560, 232, 130, 60, OWN),
    ("calibration", "", 720, 178, 120, 44, OWN),
    ("probability", "of each label", 720, 260, 120, 60, INK),
]
# points of each arrow
ARROWS = [
    [(130, 90), (160, 90)],
    [(290, 90), (320, 90)],
    [(490, 80), (510, 80), (510, 48), (530, 48)],
    [(490, 100), (510, 100), (510, 132), (530, 132)],
    [(75, 120), (75, 230), (160, 230)],
    [(310, 230), (340, 230)],
    [(490, 230), (525, 230), (525, 254), (560, 254)],
    [(490, 318), (535, 318), (535, 266), (560, 266)],
    [(490, 398), (548, 398), (548, 280), (560, 280)],
    [(680, 48), (700, 48), (700, 190), (650, 190), (650, 232)],
    [(605, 160), (605, 232)],
    [(690, 262), (704, 262), (704, 200), (720, 200)],
    [(780, 222), (780, 260)],
]


def box(name: str, note: str, x: int, y: int, w: int, h: int, colour: str) -> str:
    """A frame with a name and a note."""
    middle = y + h / 2 + (0 if note else 6)
    lines = [
        f"<rect x='{x}' y='{y}' width='{w}' height='{h}' rx='8' fill='none' stroke='{colour}' "
        "stroke-width='2'/>",
        f"<text x='{x + w / 2}' y='{middle - 2}' font-weight='600'>{escape(name)}</text>",
    ]
    if note:
        lines.append(
            f"<text x='{x + w / 2}' y='{middle + 17}' font-size='12'>{escape(note)}</text>"
        )
    return "\n".join(lines)


def picture() -> str:
    """The drawing as SVG."""
    arrows = "\n".join(
        f"<polyline points='{' '.join(f'{x},{y}' for x, y in points)}' marker-end='url(#tip)'/>"
        for points in ARROWS
    )
    return f"""<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' \
width='{WIDTH}' height='{HEIGHT}' role='img' font-family='system-ui, sans-serif' font-size='14'>
<title>From a text to a probability</title>
<desc>Words become vectors, and the encoder makes a feature of them, which a one-vs-all or a \
synchronized head scores. Words and character 4-grams find the nearest training rows. The fusion \
joins both with label texts and label frequencies, and calibration makes a probability of it.</desc>
<defs><marker id='tip' viewBox='0 0 8 8' refX='8' refY='4' markerWidth='8' markerHeight='8' \
orient='auto'><path d='M0,0 L8,4 L0,8 z' fill='{LINE}'/></marker></defs>
<g fill='none' stroke='{LINE}' stroke-width='1.5'>
{arrows}
</g>
<g fill='{INK}' text-anchor='middle'>
{chr(10).join(box(*each) for each in BOXES)}
<text x='75' y='30' font-weight='600'>a short text</text>
</g>
<g fill='{INK}' font-size='12'>
<rect x='20' y='400' width='12' height='12' rx='3' fill='none' stroke='{PAPER}' stroke-width='2'/>
<text x='40' y='411'>the paper</text>
<rect x='120' y='400' width='12' height='12' rx='3' fill='none' stroke='{OWN}' stroke-width='2'/>
<text x='140' y='411'>added here</text>
</g>
</svg>
"""


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(), encoding="utf-8")
