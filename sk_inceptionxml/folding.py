"""The encoder in evaluation mode.

In evaluation a batch norm is a scale and a shift of each channel. The convolution that follows
pads circularly or not at all, so that scale and shift pass into its weights and bias exactly.

What depends on a word alone is computed once a word: ``words`` holds each as the encoder reads it,
turned and continued on the circular axis, and beside it what the attention multiplies it with.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sk_inceptionxml.blocks import STRIDE, wrap

ROWS = 128  # texts at once, so that what belongs to them stays in the cache
WORDS = 512  # of a product: MKL takes up to half longer for many thousands of rows at once

gelu_ = torch.ops.aten.gelu_  # in place: a fresh buffer would push others out of the cache


def scale_and_shift(norm: torch.nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """The affine map of a batch norm in evaluation."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def fold(weight: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (F_out, F_in, k) and added bias (F_out,) of a convolution of ``scale * x + shift``."""
    return weight * scale[None, :, None], (weight * shift[None, :, None]).sum(dim=(1, 2))


class FoldedEncoder:
    """The encoder for inference.

    Parameters
    ----------
    encoder : InceptionEncoder
        In evaluation mode; its weights are copied.
    """

    @torch.no_grad()
    def __init__(self, encoder: Any) -> None:
        enhance, branches, second = encoder.enhance, encoder.branches, encoder.second
        self.project = encoder.project.clone()
        self.project_bias = encoder.project_bias.clone()
        affine = scale_and_shift(encoder.project_norm.norm)
        folded = [fold(w, *affine) for w in branches.weights]
        # the second convolution leaves out what its last window does not reach
        needed = (second.out_length - 1) * STRIDE + second.kernel
        self.convolve = branches.convolve._replace(length=needed)
        taps = branches.block_taps([weight for weight, _ in folded])
        self.branch_filters = self.convolve.filters(taps)
        self.branch_bias = branches.bias + torch.cat([bias for _, bias in folded])
        affine = scale_and_shift(encoder.branch_norm.norm)
        weight, bias = fold(second.weight, *affine)
        self.second = second.convolve
        self.second_filters = self.second.filters(second.block_taps(weight))
        self.second_bias = second.bias + bias
        self.scale, self.shift = scale_and_shift(encoder.second_norm.norm)
        self.size = len(enhance.dims.weight)
        self.n_positions = STRIDE * self.convolve.n_inputs
        self.width = max(self.size, self.n_positions)
        self.first = branches.first
        self.word_attention = enhance.gamma_words * enhance.words()
        dims = enhance.gamma_dims * enhance.dims()
        self.values = wrap(dims, self.first, self.size, dim=0).t().contiguous()
        self.skip = None
        if encoder.skip is not None:
            self.skip = wrap(encoder.skip.weight, self.first, self.size, dim=1)

    def words(self, x: Tensor) -> Tensor:
        """Words (n, E) as the encoder reads them, and ones below them: (n + 1, 2 * width)."""
        out = x.new_empty(len(x) + 1, 2, self.width)
        out[-1, 0], out[-1, 1], out[:, 1, self.size :] = 1.0, 0.0, 0.0
        for start in range(0, len(x), WORDS):
            some = x[start : start + WORDS]
            part = out[start : start + len(some)]
            part[:, 0] = wrap(some, self.first, self.width, dim=1)
            part[:, 1, : self.size] = some @ self.values
        return out.flatten(1)

    def __call__(self, x: Tensor, n_words: Tensor) -> Tensor:
        """Features (B, n_features) of texts of S words.

        Parameters
        ----------
        x : Tensor of shape (B, S + 1, 2 * width)
            Rows of ``words``; the last row of every text is that of the ones.
        n_words : Tensor of shape (B,)
            Words that are no padding.
        """
        b, s = len(x), x.shape[1] - 1
        both = x.view(b, 2 * (s + 1), self.width)
        x = both[:, ::2]
        filters = self._filters(both[:, : 2 * s, : self.size], x[:, :s, : self.size])
        parts = zip(x[:, :, : self.n_positions].split(ROWS), filters.split(ROWS), strict=True)
        feature = torch.cat([self._convolve(*part) for part in parts])
        if self.skip is not None:
            total = x[:, :s, : self.size].sum(1)
            feature += F.linear(total / n_words.clamp(min=1).to(x.dtype).sqrt()[:, None], self.skip)
        return feature

    def _filters(self, both: Tensor, x: Tensor) -> Tensor:
        """What is multiplied with the words and the ones: attentions and projection in one.

        Parameters
        ----------
        both : Tensor of shape (B, 2 * S, E)
            Every word and, below it, what the attention multiplies it with.
        x : Tensor of shape (B, S, E)

        Returns
        -------
        filters : Tensor of shape (B, S + 1, F)
        """
        b, s, _ = x.shape
        products = torch.bmm(both, x.transpose(1, 2))
        identity = torch.eye(s, dtype=x.dtype, device=x.device).expand(b, -1, -1)
        words = self.word_attention[:s, :s].expand(b, -1, -1)
        first = torch.baddbmm(identity, products[:, ::2], words)
        mix = torch.baddbmm(first, torch.bmm(first, products[:, 1::2]), first)
        combined = torch.matmul(mix.transpose(1, 2), self.project[:, :s].t())
        return torch.cat([combined, self.project_bias.expand(b, 1, -1)], dim=1)

    def _convolve(self, x: Tensor, filters: Tensor) -> Tensor:
        h = gelu_(torch.bmm(x.transpose(1, 2), filters))
        h = h.view(len(x), self.convolve.n_inputs, -1).transpose(0, 1).contiguous()
        h = gelu_(self.convolve(h, self.branch_filters, self.branch_bias))
        h = gelu_(self.second(h, self.second_filters, self.second_bias))
        h = torch.addcmul(self.shift, h, self.scale)
        return h.permute(1, 2, 0).reshape(len(x), -1)
