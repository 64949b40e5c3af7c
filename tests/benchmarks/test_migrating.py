"""The scripts that set another package and this one side by side, in their short form."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = {
    "from_fasttext": "fasttext",
    "from_napkinxc": "napkinxc",
    "from_omikuji": "omikuji",
    "from_one_vs_rest": "sklearn",
    "from_pecos": "pecos",
}


def test_every_script_is_here():
    folder = ROOT / "benchmarks" / "migrating"
    assert {path.stem for path in folder.glob("from_*.py")} == set(SCRIPTS)
    page = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
    assert all(f"benchmarks/migrating/{name}.py" in page for name in SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_compares_or_says_what_is_missing(name):
    script = ROOT / "benchmarks" / "migrating" / f"{name}.py"
    command = [sys.executable, str(script), "--rows", "200", "--epochs", "1", "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    if importlib.util.find_spec(SCRIPTS[name]) is None:
        assert done.stdout.startswith("skipped: ") and "pip install" in done.stdout
        return
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("rows") == 200 and len(found) == 2
    assert all(0 < values["P@5"] and values["P@1"] < 100 for values in found.values())
