"""``GridSearchCV`` whose fits run on a Ray cluster, by Ray's joblib backend.

python examples/cluster/grid_search_ray.py
"""

from __future__ import annotations

import ray
from _search import compare
from joblib import parallel_config
from ray.util.joblib import register_ray


def main() -> None:
    """Search on two workers."""
    ray.init(num_cpus=2, include_dashboard=False)  # address="auto" on a cluster
    try:
        register_ray()
        compare(parallel_config("ray"))
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
