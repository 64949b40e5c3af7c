"""What a network is built from, and what a saved one is rebuilt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sk_inceptionxml.heads import Head

STRIDE = 4  # of the encoder's convolutions
SECOND_KERNEL = 16


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of a network, its dropout rate and its head.

    Parameters
    ----------
    n_tokens : int
        Rows of the embedding table, padding and unknown word included.
    n_labels : int
    embedding_dim : int
        Width of the word vectors.
    max_len : int
        Words of a text that the encoder can read.
    n_filters : int
    kernel_sizes : tuple of int
    hidden_dim : int or None
        Width of the label vectors; None is ``n_features``.
    embedding_skip : bool
    dropout : float
        Rate inside the encoder.
    head : Head
        Parameter object of the head.
    """

    n_tokens: int
    n_labels: int
    embedding_dim: int
    max_len: int
    n_filters: int
    kernel_sizes: tuple[int, ...]
    hidden_dim: int | None
    embedding_skip: bool
    dropout: float
    head: Head

    @property
    def n_features(self) -> int:
        """Width of the encoder's feature."""
        length = self.embedding_dim // STRIDE
        return self.n_filters * ((length - min(SECOND_KERNEL, length)) // STRIDE + 1)

    @property
    def width(self) -> int:
        """Width of the label vectors."""
        return self.n_features if self.hidden_dim is None else self.hidden_dim

    def structure(self) -> dict[str, Any]:
        """What a fitted network cannot change, by the names of the estimator's parameters."""
        own = {f"head__{name}": value for name, value in self.head.structure().items()}
        return {
            "n_filters": self.n_filters,
            "kernel_sizes": self.kernel_sizes,
            "hidden_dim": self.width,
            "embedding_skip": self.embedding_skip,
            "head": self.head.name,
            **own,
        }

    def check_follows(self, fitted: NetworkConfig) -> None:
        """Refuse parameters that the fitted network, which goes on, cannot follow.

        Raises
        ------
        ValueError
            If a parameter of the structure was changed after the fit.
        """
        known, wanted = fitted.structure(), self.structure()
        if self.max_len > fitted.max_len:
            known, wanted = {"max_len": fitted.max_len}, {"max_len": self.max_len}
        for name, value in known.items():
            if wanted.get(name) != value:
                raise ValueError(
                    f"{name}={wanted.get(name)!r} does not fit the fitted network, which goes on "
                    f"with {name}={value!r}; set it back, or fit with warm_start=False."
                )
