"""What decides how a network is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from sk_inceptionxml.heads import Head

MIN_STEPS = 500  # fewer optimiser steps than this leave a small data set untrained
MIN_EPOCHS, MAX_EPOCHS = 5, 60
MIN_BESIDE_MEMORY = 3  # the fused ranking gains nothing from further epochs


@dataclass(frozen=True)
class TrainingConfig:
    """Parameters of a training, named and documented as those of the estimator.

    ``head`` is the parameter object of the head, never a name.
    """

    head: Head
    max_len: int
    shuffle_words: bool
    word_dropout: float
    max_epochs: int | str
    batch_size: int
    lr: float
    mixed_precision: bool | str
    compile: bool | str
    early_stopping: bool
    n_iter_no_change: int
    n_neighbors: int
    callbacks: list[Any] | None
    device: str
    verbose: int

    @classmethod
    def of(cls, parameters: dict[str, Any], head: Head) -> TrainingConfig:
        """The part of an estimator's parameters that training needs, with a head of its own."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: parameters[name] for name in names} | {"head": head})

    def n_epochs(self, n_rows: int) -> int:
        """Epochs of training: 3 beside a lexical memory, 5 alone, or 500 steps, 60 at most."""
        if self.max_epochs != "auto":
            return int(self.max_epochs)
        steps = math.ceil(n_rows / self.batch_size)
        least = MIN_BESIDE_MEMORY if self.n_neighbors else MIN_EPOCHS
        return int(np.clip(math.ceil(MIN_STEPS / steps), least, MAX_EPOCHS))
