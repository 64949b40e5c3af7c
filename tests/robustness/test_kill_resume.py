"""Trainings that are killed go on to the same bits: a small part of kill_resume.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import kill_resume
import pytest


def test_a_killed_training_goes_on_to_the_same_bits():
    program = Path(kill_resume.__file__)
    done = subprocess.run(
        [sys.executable, str(program), "--kills", "1", "--seed", "3"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kills of" in done.stdout and " 0 of them ended with other bits" in done.stdout


@pytest.mark.parametrize(
    ("found", "differs"), [("same", ""), ("other", "losses"), ("late", " complete")]
)
def test_other_bits_are_told(found, differs, tmp_path):
    whole = {"weights": "a", "losses": "b"}
    other = whole | {"losses": "c"}
    ends = {"same": [whole, whole], "other": [other, other], "late": [whole, other]}[found]
    fake = SimpleNamespace(
        seconds={("ova", "text"): 1.0},
        kill_one=lambda job, case: None,
        finish=lambda job: ends.pop(0),
        uninterrupted=lambda job, drawn_seed: whole,
    )
    case = kill_resume.Case("ova", "text", 7)
    kill_resume.Runner.run(fake, case, tmp_path, 1)
    assert case.differs == differs


def test_every_kind_of_head_is_a_training(tmp_path):
    for head in kill_resume.HEADS:
        job = {"head": head, "kind": "text", "random_state": 0, "drawn_seed": None}
        kill_resume.train(job | {"checkpoint_dir": None}, tmp_path / f"{head}.json")
    assert len({path.read_text() for path in tmp_path.iterdir()}) == len(kill_resume.HEADS)
