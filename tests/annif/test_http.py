"""Annif's own http backend, unchanged, against ``sk-inceptionxml serve``."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from _annif import ROOT


@pytest.fixture(scope="module")
def served(annif):
    """The model of the project ``plain``, as the service ``titles``; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = annif.folder / "data/projects/plain/model"
    process = subprocess.Popen(
        [sys.executable, "-m", "sk_inceptionxml", "serve", f"titles={model}", "--port", str(port)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}/v1/projects/titles"
    try:
        for _ in range(300):
            assert process.poll() is None, "the service ended"
            try:
                with urllib.request.urlopen(address, timeout=1) as answer:
                    assert json.load(answer)["is_trained"]
                    break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail("the service did not start")
        annif.write_projects(
            plain={"backend": "inceptionxml"},
            remote={"backend": "http", "endpoint": f"{address}/suggest"},
        )
        yield annif
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_the_unchanged_annif_finds_the_same(served):
    text = "Notes on beekeeping from Greece"
    near = served.suggest("plain", text)
    far = served.suggest("remote", text, program="annif.cli")
    assert far == pytest.approx(near, abs=2e-4) and list(far)[:2] == list(near)[:2]


def test_the_unchanged_annif_evaluates(served):
    near = served.metrics("plain")
    far = served.metrics("remote", program="annif.cli")
    assert far == pytest.approx(near, abs=0.02)
    assert "remote" in served.well("list-projects", program="annif.cli")
