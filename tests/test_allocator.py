"""Buffers are reused within the block, and those of later calls are not mapped anew each time."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from contextlib import nullcontext
from sk_inceptionxml.allocator import reused_buffers

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.empty(1 << 21).zero_()  # 8 MB: 2,048 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
with reused_buffers():
    faults()
    within = faults()
faults()
print(within, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told anything")
def test_buffers_are_reused_within_and_after_the_block():
    out = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True
    ).stdout
    within, after = map(int, out.split())
    assert within < 2048
    assert after < 2 * 2048  # of 20 * 2,048 where each is mapped anew
