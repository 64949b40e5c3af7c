"""``GridSearchCV`` whose fits run on a Dask cluster, by joblib's Dask backend.

python examples/cluster/grid_search_dask.py
"""

from __future__ import annotations

from _search import compare
from dask.distributed import Client, LocalCluster
from joblib import parallel_config


def main() -> None:
    """Search on two workers."""
    # LocalCluster(...) becomes the address of your scheduler
    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster):
        compare(parallel_config("dask"))


if __name__ == "__main__":
    main()
