"""Predict Parquet files of titles on a Spark cluster of two workers.

    python examples/cluster/spark_predict.py [--titles 10000]

Needs Java 17 or later. A Python process of a worker loads the model once and keeps it for later
tasks. It holds one Arrow batch at a time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from worker import predict_piece

HERE = Path(__file__).parent
SCHEMA = "row long, labels array<string>, scores array<float>, worker string, loads int"


def predict(titles: str, model: str, out: str) -> None:
    """Read titles from one folder and write their labels to another."""

    def predict_pieces(pieces: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for piece in pieces:
            yield predict_piece(piece, model)

    titles_a_piece = pq.read_metadata(next(Path(titles).iterdir())).num_rows
    # the master becomes the address of yours
    builder = SparkSession.builder.master("local-cluster[2,1,1024]")
    builder = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", titles_a_piece)
    spark = builder.config("spark.ui.enabled", "false").getOrCreate()
    try:
        spark.sparkContext.addPyFile(str(HERE / "worker.py"))
        spark.read.parquet(titles).mapInPandas(predict_pieces, SCHEMA).write.parquet(out)
    finally:
        spark.stop()


if __name__ == "__main__":
    import _setup

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    _setup.run(predict, _setup.options(__doc__))
