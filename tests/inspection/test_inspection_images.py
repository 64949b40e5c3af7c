"""The figures look as they did.

``python tests/inspection/test_inspection_images.py`` draws the ones to compare with.
"""

from pathlib import Path

import matplotlib
import pytest
from _figures import FIGURES
from matplotlib import pyplot, style
from matplotlib.testing.compare import compare_images
from PIL import Image

BASELINE = Path(__file__).parent / "baseline"
STYLE = {
    "figure.figsize": (5.2, 3.7),
    "savefig.dpi": 72,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.hinting": "no_hinting",
}
TOLERANCE = 3.0  # root mean square of 255 levels: other versions of matplotlib draw a shade apart
MOST_BYTES = 20_000


def draw(name: str, path: Path) -> None:
    with style.context(["default", STYLE]):
        figure = FIGURES[name]().figure_
        # the file holds no version of matplotlib
        figure.savefig(path, metadata={"Software": None})
        pyplot.close(figure)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_look_as_they_did(name, tmp_path):
    path = tmp_path / f"{name}.png"
    draw(name, path)
    message = compare_images(str(BASELINE / path.name), str(path), tol=TOLERANCE)
    assert message is None, message


def test_another_figure_is_found_out(tmp_path):
    """The tolerance is not so wide that a curve may go missing."""
    path = tmp_path / "one_curve_less.png"
    with style.context(["default", STYLE]):
        display = FIGURES["precision_recall"]()
        display.recall_line_.remove()
        display.figure_.savefig(path)
    assert compare_images(str(BASELINE / "precision_recall.png"), str(path), tol=TOLERANCE)


def test_every_baseline_is_small_and_of_a_figure():
    files = list(BASELINE.glob("*"))
    assert {path.stem for path in files} == set(FIGURES)
    assert max(path.stat().st_size for path in files) < MOST_BYTES


if __name__ == "__main__":
    matplotlib.use("Agg")
    for each in FIGURES:
        drawn = BASELINE / f"{each}.png"
        draw(each, drawn)
        # a palette halves the size, at differences far below the tolerance
        Image.open(drawn).convert("RGB").quantize(96).save(drawn, optimize=True)
