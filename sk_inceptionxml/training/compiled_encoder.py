"""The encoder compiled by torch, for the time of a training."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from sk_inceptionxml.network.encoder import InceptionEncoder


class CompiledEncoder:
    """``encode`` of an encoder, compiled at its first call; as it is where that fails.

    Parameters
    ----------
    encoder : InceptionEncoder
    mode : str or None
        Of ``torch.compile``.
    """

    def __init__(self, encoder: InceptionEncoder, mode: str | None) -> None:
        self.plain = encoder.encode
        self.compiled: Any = torch.compile(self.plain, fullgraph=True, dynamic=True, mode=mode)

    def __call__(self, *args: Any) -> Tensor:
        if self.compiled is not None:
            try:
                # the compiler itself does what torch warns of
                with warnings.catch_warnings(action="ignore"):
                    return self.compiled(*args)  # type: ignore[no-any-return]
            except Exception as error:  # each compiler behind it has errors of its own
                self.compiled = None
                reason = " ".join(str(error).split("\n")[:2]).strip()
                warnings.warn(
                    f"the encoder could not be compiled ({type(error).__name__}: {reason:.200}); "
                    "training goes on without. Set compile=False.",
                    RuntimeWarning,
                    stacklevel=2,
                )
        return self.plain(*args)


@contextmanager
def compiled_encoder(encoder: InceptionEncoder, compile: bool | str) -> Iterator[None]:
    """Let an encoder train compiled, where ``compile`` is True or a mode of ``torch.compile``."""
    if compile:
        mode = compile if isinstance(compile, str) else None
        encoder.compiled = CompiledEncoder(encoder, mode)
    try:
        yield
    finally:
        encoder.compiled = None
