"""The examples of clusters, each on a local cluster of two workers; they check themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "cluster"


def run(name, *options, **env):
    """Output of an example that has to end well."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *options],
        env={**os.environ, "PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0", **env},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


NO_JAVA = not (shutil.which("java") or os.environ.get("JAVA_HOME"))
SPARK = pytest.param("spark", marks=pytest.mark.skipif(NO_JAVA, reason="Spark needs Java"))


@pytest.mark.parametrize("engine", ["dask", "ray", SPARK])
def test_predictions_are_those_of_a_single_process(engine):
    out = run(f"{engine}_predict.py", "--titles", "6000", "--titles-a-piece", "1000")
    assert "equal to a single process, bit for bit; 2 workers" in out


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_a_search_finds_what_a_local_one_finds(engine):
    out = run(f"grid_search_{engine}.py")
    there, here = (line for line in out.splitlines() if line.startswith("best "))
    assert there.removeprefix("best there:").split() == here.removeprefix("best here:").split()


def test_the_check_refuses_a_bit_too_much(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    import _setup
    from worker import predict_piece

    model, titles = _setup.save_model(tmp_path, 0), _setup.write_titles(tmp_path, 40, 20)
    pieces = [predict_piece(pd.read_parquet(path), model) for path in Path(titles).iterdir()]
    found = pd.concat(pieces, ignore_index=True)
    (tmp_path / "out").mkdir()
    found.to_parquet(tmp_path / "out" / "0.parquet")
    _setup.check(titles, model, str(tmp_path / "out"))
    found.loc[3, "scores"][0] = np.nextafter(np.float32(found.loc[3, "scores"][0]), np.float32(2))
    found.to_parquet(tmp_path / "out" / "0.parquet")
    with pytest.raises(AssertionError, match="scores differ"):
        _setup.check(titles, model, str(tmp_path / "out"))
    found.iloc[:-1].to_parquet(tmp_path / "out" / "0.parquet")
    with pytest.raises(AssertionError):
        _setup.check(titles, model, str(tmp_path / "out"))
