"""Training on several devices or machines, started by ``torchrun``."""

from __future__ import annotations

from .fit import fit_distributed

__all__ = ["fit_distributed"]
