"""Predict Parquet files of titles on a Ray cluster with two workers.

    python examples/cluster/ray_predict.py [--titles 10000]

A worker is an actor that loads the model when it starts. The names of the files travel, and a
worker reads one file at a time. (``ray.data.read_parquet`` would merge small files into one.)
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import ray
from worker import load_model, predict_piece

HERE = Path(__file__).parent


class Predictor:
    """A worker with its model."""

    def __init__(self, model: str) -> None:
        self.model = model
        load_model(model)

    def __call__(self, files: pd.DataFrame) -> pd.DataFrame:
        return predict_piece(pd.read_parquet(files["path"].iloc[0]), self.model)


def predict(titles: str, model: str, out: str) -> None:
    """Read titles from one folder and write their labels to another."""
    # num_cpus becomes address="auto" on a cluster; the actors take 2, writing the rest
    ray.init(num_cpus=4, include_dashboard=False, runtime_env={"working_dir": str(HERE)})
    try:
        files = [{"path": str(path)} for path in sorted(Path(titles).iterdir())]
        results = ray.data.from_items(files, override_num_blocks=len(files)).map_batches(
            Predictor,
            fn_constructor_args=[model],
            compute=ray.data.ActorPoolStrategy(size=2),
            batch_size=1,  # file
            batch_format="pandas",
        )
        results.write_parquet(out)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    import _setup

    _setup.run(predict, _setup.options(__doc__))
