"""Predict Parquet files of titles on a Dask cluster of two workers.

    python examples/cluster/dask_predict.py [--titles 10000]

A worker loads the model once. One partition, which is one file, is in its memory at a time.
"""

from __future__ import annotations

from pathlib import Path

import dask.dataframe as dd
import pyarrow as pa
from dask.distributed import Client, LocalCluster
from worker import predict_piece

HERE = Path(__file__).parent
COLUMNS = {"row": "i8", "labels": object, "scores": object, "worker": object, "loads": "i8"}
SCHEMA = pa.schema(
    {
        "row": pa.int64(),
        "labels": pa.list_(pa.string()),
        "scores": pa.list_(pa.float32()),
        "worker": pa.string(),
        "loads": pa.int64(),
    }
)


def predict(titles: str, model: str, out: str) -> None:
    """Read titles from one folder and write their labels to another."""
    # LocalCluster(...) becomes the address of your scheduler
    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster) as client:
        client.upload_file(str(HERE / "worker.py"))
        pieces = dd.read_parquet(titles, blocksize=None)
        results = pieces.map_partitions(predict_piece, model, meta=COLUMNS)
        results.to_parquet(out, write_index=False, schema=SCHEMA)


if __name__ == "__main__":
    import _setup

    _setup.run(predict, _setup.options(__doc__))
