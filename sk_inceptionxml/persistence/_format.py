"""Names and limits of the format."""

from __future__ import annotations

import numpy as np

FORMAT, FORMAT_VERSION = "sk-inceptionxml", 3
MANIFEST, WEIGHTS, MEMORY = "model.json", "weights.safetensors", "memory.safetensors"
FILES = (MANIFEST, WEIGHTS, MEMORY)

MAX_MANIFEST = 32 << 20  # bytes; a JSON value takes up to 30 times its text in memory
MAX_HEADER = 1 << 20
MAX_TENSORS = 512
MAX_COUNT = 1 << 40
MAX_WIDTH = 4  # of a fixed-width array of names, in lengths of the longest
MAX_PATTERN = 2000  # characters of a token_pattern

# parameters that only fit needs, and that may hold objects that are no data
LEFT_OUT = ("callbacks", "checkpoint_dir", "clusters", "embeddings", "random_state")
# buffers that are rebuilt from head.cluster_of
DERIVED = ("head.starts", "head.label_at", "head.position_of")
# what may be in half precision
HALF = ("head.weight",)

Arrays = dict[str, np.ndarray]
