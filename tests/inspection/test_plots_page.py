"""The page about plots: its blocks run, and it shows every display."""

import re
from pathlib import Path

from matplotlib import pyplot

from sk_inceptionxml import inspection

PAGE = Path(__file__).parents[2] / "docs" / "plots.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def test_the_blocks_of_the_page_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # one of them writes a file
    monkeypatch.delenv("DISPLAY", raising=False)
    names = {}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), names)
    assert (tmp_path / "clusters.png").stat().st_size > 1000
    assert len(pyplot.get_fignums()) == len(inspection.__all__)


def test_every_display_has_its_block():
    for name in inspection.__all__:
        assert any(f"import {name}" in block for block in BLOCKS)
