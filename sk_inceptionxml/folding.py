"""The encoder in evaluation mode, with its batch norms folded into the convolutions after them.

In evaluation a batch norm is a scale and a shift of each channel. The convolution that follows
pads circularly or not at all, so that scale and shift pass into its weights and bias exactly.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

ROWS = 64  # texts computed at once: their intermediate values stay in the processor's cache


def scale_and_shift(norm: torch.nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """The affine map of a batch norm in evaluation."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def fold(weight: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (F_out, F_in, k) and added bias (F_out,) of a convolution of ``scale * x + shift``."""
    return weight * scale[None, :, None], (weight * shift[None, :, None]).sum(dim=(1, 2))


class FoldedConvolutions:
    """Everything after the attentions, for inference on blocked convolutions.

    Parameters
    ----------
    encoder : InceptionEncoder
        In evaluation mode; its weights are copied.
    """

    @torch.no_grad()
    def __init__(self, encoder: Any) -> None:
        self.branches, self.second = encoder.branches, encoder.second
        self.project = encoder.project.t().contiguous()
        self.project_bias = encoder.project_bias.clone()
        affine = scale_and_shift(encoder.project_norm.norm)
        folded = [fold(w, *affine) for w in self.branches.weights]
        self.branch_weights = [weight for weight, _ in folded]
        self.branch_bias = self.branches.bias + torch.cat([bias for _, bias in folded])
        affine = scale_and_shift(encoder.branch_norm.norm)
        self.second_weight, bias = fold(self.second.weight, *affine)
        self.second_bias = self.second.bias + bias
        self.scale, self.shift = scale_and_shift(encoder.second_norm.norm)

    def __call__(self, enhanced: Tensor) -> Tensor:
        """Features (B, n_features) of enhanced words (B, S, E)."""
        parts = [self._features(part) for part in enhanced.split(ROWS)]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _features(self, x: Tensor) -> Tensor:
        h = F.gelu(torch.matmul(x.transpose(1, 2), self.project[: x.shape[1]]) + self.project_bias)
        h = F.gelu(self.branches.convolve(h, self.branch_weights, self.branch_bias))
        h = F.gelu(self.second.convolve(h, self.second_weight, self.second_bias))
        h = torch.addcmul(self.shift, h, self.scale)
        return h.transpose(1, 2).reshape(len(h), -1)
