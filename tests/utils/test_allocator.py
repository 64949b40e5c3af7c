"""Buffers are reused within the block, and those of later calls are not mapped anew each time."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from sk_inceptionxml._utils.allocator import reused_buffers

def faults(n=1 << 21):  # 8 MB: 2,048 pages
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.empty(n).zero_()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
with reused_buffers():
    faults()
    within = faults()
    with reused_buffers():  # as a prediction within a training
        faults(1 << 24)
    still_within = faults(1 << 24)  # 64 MB: 16,384 pages
faults()
print(within, still_within, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told anything")
def test_buffers_are_reused_within_and_after_the_block():
    out = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True
    ).stdout
    within, still_within, after = map(int, out.split())
    assert within < 2048
    assert still_within < 16384
    assert after < 2 * 2048  # of 20 * 2,048 where each is mapped anew
