"""Short-text data sets for extreme multi-label classification.

``load_api_docs`` harvests a real corpus from the installed packages, without a network.
``make_short_text`` makes synthetic texts with up to hundreds of thousands of labels. The other
functions read JSON Lines, CSV, TSV, Parquet, vocabularies, and the formats of the Extreme
Classification Repository. Nothing here imports torch.
"""

from ._api_docs import load_api_docs
from ._csv import load_csv
from ._jsonl import load_jsonl
from ._parquet import load_parquet
from ._stream import TextStream
from ._synthetic import make_short_text
from ._texts import iter_texts
from ._vocabulary import load_vocabulary
from ._xmc_repository import (
    load_xmc_filter,
    load_xmc_json,
    load_xmc_matrix,
    load_xmc_raw_text,
    load_xmc_sparse,
)

__all__ = [
    "TextStream",
    "iter_texts",
    "load_api_docs",
    "load_csv",
    "load_jsonl",
    "load_parquet",
    "load_vocabulary",
    "load_xmc_filter",
    "load_xmc_json",
    "load_xmc_matrix",
    "load_xmc_raw_text",
    "load_xmc_sparse",
    "make_short_text",
]
