"""Damaged and malicious model directories: a small part of damaged_models.py, and its guards."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import damaged_models
import numpy as np
import pytest
from damaged_models import MANIFEST


def test_damaged_corpus(tmp_path):
    report = damaged_models.run(tmp_path, n_random=30, seed=1, limit=120)
    assert report.n_cases == 120
    assert report.loaded == []
    assert report.other_errors == []
    assert report.executed == []
    assert report.touched_outside == []
    assert report.slowest < 5.0
    assert report.peak_bytes < 200e6


def test_garbage_with_right_checksums_crashes_nothing(tmp_path):
    counts = damaged_models.survivors(tmp_path, n=8, seed=2)
    assert sum(counts.values()) == 24
    assert counts["predicted"] > 0 and counts["refused"] > 0


def test_the_guards_of_the_corpus_can_ring(tmp_path):
    """A guard that never rings would prove nothing."""
    with damaged_models.Guard(tmp_path) as guard:
        (tmp_path / "inside").mkdir()
        exec(compile("x = 1", "<text>", "exec"))
        with (Path(os.devnull)).open("w"):
            pass
        with pytest.raises(OSError, match="No such file"):
            subprocess.run(["/nonexistent/program"])
    assert {"exec", "subprocess.Popen"} <= {event for event, _ in guard.executed}
    assert (os.devnull,) == tuple(path for _, path in guard.touched)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_models_that_are_not_damaged_load(number, tmp_path):
    """Otherwise every case would be refused for nothing."""
    files = damaged_models.small_models()[number]
    report = damaged_models.Report()
    for name, content in (("whole", files), ("sealed", damaged_models.sealed(files))):
        (tmp_path / name).mkdir()
        damaged_models.writer(content)(tmp_path / name)
        damaged_models._load(name, tmp_path / name, report)
    assert report.loaded == ["whole", "sealed"]
    assert report.executed == report.touched_outside == []


@pytest.mark.parametrize("number", [0, 1, 2])
def test_wrong_values_stand_at_places_that_there_are(number):
    """A value at a place of an older format would be refused for its place alone."""
    manifest = json.loads(damaged_models.small_models()[number][MANIFEST])
    # the hostile ones stand where nothing may be
    hostile = {"__class__", "vectorizer", "unknown", "module", "beam_size"}
    for label, path, _ in damaged_models.wrong_values(manifest):
        node = manifest
        for key in path[:-1]:
            node = node[key]
        assert path[-1] in node or path[-1] in hostile or path[0] == "files", label


def test_cases_have_names_of_their_own():
    models = damaged_models.small_models()
    names = [name for name, _ in damaged_models.cases(models, np.random.default_rng(0), 0)]
    assert len(names) > 5000
    assert len(set(names)) > 0.98 * len(names)
