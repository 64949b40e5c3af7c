"""The InceptionXML encoder: embedded words in, one feature vector a text out.

Two linear self-attentions mix the words of a text. A projection turns its words into filters, and
convolutions run along the *embedding* dimension: three of different kernels side by side, then one
over all of them. Shapes: B texts, S words, E embedding dimensions, F filters.

A batch is as long as its longest text. Padding words are zero and stay zero in both attentions,
which multiply the words from the left, so that the result is that on ``max_len`` slots.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sk_inceptionxml.network.config import SECOND_KERNEL, STRIDE
from sk_inceptionxml.network.layers import (
    ChannelNorm,
    Dropout,
    SpectralWeight,
    UninitialisedLinear,
    masked,
)


class EmbeddingEnhancement(nn.Module):
    """Two linear self-attentions: along the words, then along the embedding dimensions.

    ``attend(x, y) = gamma * (x y^T)(W x) + x`` without softmax; gamma starts at 0.
    """

    def __init__(
        self, max_len: int, embedding_dim: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.words = SpectralWeight(max_len, max_len, generator)
        self.dims = SpectralWeight(embedding_dim, embedding_dim, generator)
        self.gamma_words = nn.Parameter(torch.zeros(()))
        self.gamma_dims = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:  # (B, S, E) -> (B, S, S)
        """The matrix of every text that, multiplied by its words, enhances them.

        Both attentions act on the words from the left. Multiplied out in this order, they are one
        matrix of the size of the text, and no product is as large as E x E.
        """
        s = x.shape[1]
        xt = x.transpose(1, 2)
        along_words = self.gamma_words * (x @ xt) @ self.words()[:s, :s]
        along_words = along_words + torch.eye(s, dtype=x.dtype, device=x.device)
        values = F.linear(x, self.gamma_dims * self.dims())
        return along_words + along_words @ (values @ xt) @ along_words


class Branches(nn.Module):
    """Inception branches over the embedding axis, stride 4, circular padding, concatenated."""

    def __init__(
        self,
        n_filters: int,
        kernel_sizes: Sequence[int],
        embedding_dim: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.kernel_sizes = tuple(kernel_sizes)
        self.out_length = embedding_dim // STRIDE
        self.weights = nn.ParameterList(
            nn.init.xavier_uniform_(torch.empty(n_filters, n_filters, k), generator=generator)
            for k in self.kernel_sizes
        )
        self.bias = nn.Parameter(torch.zeros(n_filters * len(self.kernel_sizes)))

    def forward(self, h: Tensor) -> Tensor:  # (B, F, E) -> (B, branches * F, E // 4)
        out = []
        biases = self.bias.chunk(len(self.kernel_sizes))
        for k, weight, bias in zip(self.kernel_sizes, self.weights, biases, strict=True):
            pad = max(k - STRIDE, 0)
            padded = F.pad(h, (pad // 2, pad - pad // 2), mode="circular") if pad else h
            out.append(F.conv1d(padded, weight, bias, STRIDE)[:, :, : self.out_length])
        return torch.cat(out, dim=1)


class SecondConvolution(nn.Module):
    """Convolution of kernel 16 and stride 4 without padding."""

    def __init__(
        self, n_in: int, n_out: int, length: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        kernel = min(SECOND_KERNEL, length)
        self.out_length = (length - kernel) // STRIDE + 1
        self.weight = nn.Parameter(
            nn.init.xavier_uniform_(torch.empty(n_out, n_in, kernel), generator=generator)
        )
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, h: Tensor) -> Tensor:  # (B, C, length) -> (B, F, out_length)
        return F.conv1d(h, self.weight, self.bias, STRIDE)


class InceptionEncoder(nn.Module):
    """Word vectors of a batch of texts to features.

    Parameters
    ----------
    max_len : int
        Largest number of words of a text, the slots of the word attention and the projection.
    embedding_dim : int
        Width E of the word vectors.
    n_filters : int
        Filters F of the projection, of every branch and of the second convolution.
    kernel_sizes : sequence of int
        Kernel of every inception branch.
    dropout : float
        Rate after the embedding and after the branches.
    project_dropout : float
        Rate after the projection (InceptionXML has it, SyncXML has not).
    embedding_skip : bool
        Adds a linear map of the average word vector to the feature.
    generator : torch.Generator, optional
        Source of the initial weights.

    Attributes
    ----------
    compiled : callable or None
        What stands in for ``encode`` in training.
    """

    compiled: Callable[..., Tensor] | None = None

    def __init__(
        self,
        max_len: int,
        embedding_dim: int,
        n_filters: int = 32,
        kernel_sizes: Sequence[int] = (4, 8, 16),
        dropout: float = 0.25,
        project_dropout: float = 0.25,
        embedding_skip: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.max_len = max_len
        self.embed_dropout = Dropout(dropout)
        self.enhance = EmbeddingEnhancement(max_len, embedding_dim, generator)
        self.project = nn.Parameter(torch.empty(n_filters, max_len))
        self.project_bias = nn.Parameter(torch.zeros(n_filters))
        nn.init.xavier_uniform_(self.project, generator=generator)
        self.project_norm = ChannelNorm(n_filters)
        self.project_dropout = Dropout(project_dropout)
        self.branches = Branches(n_filters, kernel_sizes, embedding_dim, generator)
        n_channels = n_filters * len(tuple(kernel_sizes))
        self.branch_norm = ChannelNorm(n_channels)
        self.branch_dropout = Dropout(dropout)
        self.second = SecondConvolution(n_channels, n_filters, self.branches.out_length, generator)
        self.second_norm = ChannelNorm(n_filters)
        self.n_features = n_filters * self.second.out_length
        self.skip: nn.Linear | None = None
        if embedding_skip:
            self.skip = UninitialisedLinear(embedding_dim, self.n_features, bias=False)
            bound = 1.0 / math.sqrt(embedding_dim)
            nn.init.uniform_(self.skip.weight, -bound, bound, generator=generator)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Features (B, n_features) of embedded words (B, S, E) with zero rows where padded.

        ``lengths`` (B,), the number of words, is used by the embedding skip alone.
        """
        encode = self.encode if self.compiled is None or not self.training else self.compiled
        return encode(x, lengths, self.draw_masks(x))

    def draw_masks(self, x: Tensor) -> list[Tensor | None]:
        """Masks of the three dropouts for embedded words (B, S, E)."""
        n, _, width = x.shape
        n_filters, n_channels = len(self.project), len(self.branches.bias)
        return [
            self.embed_dropout.mask(x.shape, x),
            self.project_dropout.mask((n, n_filters, width), x),
            self.branch_dropout.mask((n, n_channels, self.branches.out_length), x),
        ]

    def encode(self, x: Tensor, lengths: Tensor, masks: Sequence[Tensor | None]) -> Tensor:
        """``forward`` under given masks, which draws no random number."""
        x = masked(x, masks[0])
        filters = self.project[:, : x.shape[1]] @ self.enhance(x)  # (B, F, S)
        h = filters @ x + self.project_bias[:, None]  # (B, F, E)
        h = masked(self.project_norm(F.gelu(h)), masks[1])
        h = masked(self.branch_norm(F.gelu(self.branches(h))), masks[2])
        feature = self.second_norm(F.gelu(self.second(h))).flatten(1)
        if self.skip is not None:
            mean = x.sum(1) / lengths.clamp(min=1).to(x.dtype).sqrt()[:, None]
            feature = feature + self.skip(mean)
        return feature

    def set_rates(self, dropout: float, project: bool) -> None:
        """Rates of dropout; ``project`` tells whether there is one after the projection."""
        self.embed_dropout.p = self.branch_dropout.p = dropout
        self.project_dropout.p = dropout if project else 0.0
