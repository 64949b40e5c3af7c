"""Settings of the whole test run."""

import os

# Before torch loads OpenMP: threads that spin while they wait slow down a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hypothesis import settings  # noqa: E402

# A time limit for each example would fail on a busy machine and prove nothing.
settings.register_profile("default", deadline=None, print_blob=True)
settings.load_profile("default")
