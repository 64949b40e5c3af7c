"""Across the data sets: what is public, no torch, missing files."""

import subprocess
import sys

import pytest

from sk_inceptionxml import datasets
from sk_inceptionxml.datasets import (
    load_jsonl,
    load_xmc_filter,
    load_xmc_json,
    load_xmc_matrix,
    load_xmc_sparse,
)


def test_import_does_not_load_torch():
    code = "import sys, sk_inceptionxml.datasets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_everything_public_is_exported():
    assert datasets.__all__ == sorted(datasets.__all__)
    assert all(callable(getattr(datasets, name)) for name in datasets.__all__)


def test_missing_file_is_file_not_found(tmp_path):
    for load in (load_xmc_sparse, load_xmc_matrix, load_xmc_json, load_jsonl, load_xmc_filter):
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "nowhere.txt")
