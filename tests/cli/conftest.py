"""A model that the command line has fitted, for all of these tests."""

from __future__ import annotations

import pytest
from _command_line import ON_SMALL, make_rows, run, write_jsonl


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A directory with train.jsonl, test.jsonl and the model of the first."""
    folder = tmp_path_factory.mktemp("cli")
    rows = make_rows(100)
    write_jsonl(folder / "train.jsonl", rows[:70])
    write_jsonl(folder / "test.jsonl", rows[70:])
    ended = run("fit", folder / "train.jsonl", folder / "model", "--seed", 0, *ON_SMALL)
    assert (ended.status, ended.err) == (0, "")
    return folder
