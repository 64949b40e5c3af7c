"""The prepared run for a GPU, on the CPU: its fields, its budget, and that it can fail."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]
MEASURED = "amazon/paper"


def run(*options, device="cpu"):
    """The finished process of a quick run."""
    command = [sys.executable, "benchmarks/gpu.py", "--device", device, "--quick", *options]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
    )


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    out = tmp_path_factory.mktemp("gpu") / "gpu.json"
    done = run("--only", f"equality,training/ova,{MEASURED},estimator", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert MEASURED in done.stdout
    return json.loads(out.read_text())


def test_it_says_what_was_measured(result):
    assert result["environment"].keys() >= {"package", "torch", "card", "driver", "cuda", "cpus"}
    assert result["passed"]
    asked = {"equality/ova", "equality/sync", "training/ova", MEASURED, "estimator"}
    assert set(result["phases"]) == asked


@pytest.mark.parametrize("head", ["ova", "sync"])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_step_is_compared_in_all_its_parts(result, head, kind):
    part = result["phases"][f"equality/{head}"][kind]
    assert part["equal"] and not part["failed"]
    assert part["largest"].keys() == {"features", "loss", "gradient", "buffer", "scores"}


def test_a_training_is_compared_with_the_noise_of_seeds(result):
    part = result["phases"]["training/ova"]
    assert part["equal"]
    assert min(part["mean_differences_between_seeds"]) > part["mean_difference_cpu_device"]
    assert part["loss_cpu"][-1] < part["loss_cpu"][0]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_phase_of_a_step_takes_time(result, precision):
    part = result["phases"][MEASURED][precision]
    assert part["training"]["rows_s"] > 0 and part["training"]["steps"] > 0
    assert len(part["phases_ms"]) == 7 and min(part["phases_ms"].values()) > 0


def test_rows_shortlist_other_clusters_than_each_other(result):
    beam_size = 40
    assert result["phases"][MEASURED]["clusters_shortlisted_by_128_rows"] > 4 * beam_size


def test_the_profile_names_operators_and_waits(result):
    part = result["phases"][MEASURED]["float32"]
    top = part["profile"]["top"]
    assert part["profile"]["bound_by"] == top[0]["operator"]
    assert 0.5 < sum(event["share"] for event in top) <= 1
    waits = part["waits"]
    total = sum(wait["a_step"] for wait in waits["waiting_operators"])
    assert waits["waiting_operators_a_step"] == pytest.approx(total, abs=0.01)
    assert waits["operators_a_step"] > total > 0


def test_a_quick_run_projects_nothing(result):
    assert result["projection"] == {"epochs": 45, "rows": 485_000, "paper_h": 4.5}


def test_the_estimator_is_split_into_its_parts(result):
    parts = result["phases"]["estimator"]["predict_s"]
    assert parts.keys() == {"network", "lexical", "fusion", "reading and the rest"}
    assert min(parts.values()) > 0


def test_another_parameter_on_the_device_is_found(tmp_path):
    out = tmp_path / "gpu.json"
    done = run("--only", "equality/sync", "--perturb", "encoder.project", "--out", str(out))
    assert done.returncode == 1 and "NOT EQUAL" in done.stdout
    found = json.loads(out.read_text())
    assert not found["passed"]
    assert any("features" in name for name in found["phases"]["equality/sync"]["float64"]["failed"])


def test_phases_that_do_not_fit_are_skipped(tmp_path):
    out = tmp_path / "gpu.json"
    assert run("--minutes", "0", "--out", str(out)).returncode == 1  # it has shown nothing
    phases = json.loads(out.read_text())["phases"]
    assert len(phases) == 10 and all("skipped" in part for part in phases.values())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_one_clear_line():
    done = run(device="cuda")
    assert done.returncode == 2
    assert "no GPU here; use --device cpu" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("shift", "p_at_1", "equal"), [(0.05, 0.5, True), (0.5, 0.5, False), (0.0, 0.3, False)]
)
def test_a_training_further_off_than_seeds_differs(monkeypatch, shift, p_at_1, equal):
    monkeypatch.syspath_prepend(ROOT / "benchmarks" / "_common")
    from gpu_equality import compare_curves

    reference = np.linspace(5, 1, 12)
    seeds = [reference + shift, reference + shift + 0.1, reference + shift - 0.1]
    found = compare_curves(reference, seeds, 0.5, [p_at_1, p_at_1 + 0.02, p_at_1 - 0.02])
    assert found["equal"] is equal
