"""Settings of the whole test run."""

import os
from importlib.util import find_spec

# Before torch loads OpenMP: threads that spin while they wait slow down a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hypothesis import settings  # noqa: E402

# A time limit for each example would fail on a busy machine and prove nothing.
settings.register_profile("default", deadline=None, print_blob=True)
settings.load_profile("default")

# `make test-cluster` runs these in an environment of their own.
collect_ignore = [] if all(map(find_spec, ("dask", "pyspark", "ray"))) else ["cluster"]
