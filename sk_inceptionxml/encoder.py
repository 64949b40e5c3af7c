"""The InceptionXML encoder: embedded words in, one feature vector a text out.

Everything is computed on the longest text of the batch instead of on ``max_len`` slots, both
attentions as one small matrix a text, and the convolutions by minimal filtering over blocks of the
stride. All of it leaves the function unchanged: padding rows are zero and stay zero through both
attentions, which multiply the words from the left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sk_inceptionxml.blocks import STRIDE, block_taps, circular_blocks, project, with_bias
from sk_inceptionxml.convolution import Convolution
from sk_inceptionxml.folding import FoldedEncoder

SECOND_KERNEL = 16


def fast_dropout(x: Tensor, p: float, generator: torch.Generator | None = None) -> Tensor:
    """Inverted dropout whose mask costs one random byte an element instead of one double.

    The rate is rounded to a multiple of 1/256 and the survivors are scaled by the rounded rate,
    so that the expectation is exact. Elements are dropped independently.
    """
    threshold = round(p * 256)
    if threshold <= 0:
        return x
    if threshold >= 256:
        return x * 0.0
    n = x.numel()
    words = torch.empty((n + 7) // 8, dtype=torch.int64, device=x.device)
    words.random_(-(2**63), None, generator=generator)
    draws = words.view(torch.uint8)[:n]
    keep = torch.ge(draws, threshold, out=draws)  # into bytes: booleans are ten times slower
    return x * keep.view(x.shape).to(x.dtype).mul_(256.0 / (256 - threshold))


def uninitialised_linear(n_in: int, n_out: int, bias: bool = True) -> nn.Linear:
    """Linear layer whose weights the caller sets: torch's own would draw from global state."""
    device = torch.get_default_device()
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, n_in, n_out, bias=bias, device=device)
    return layer


class Dropout(nn.Module):
    """Dropout drawn from a generator that the training step sets, never from global state."""

    generator: torch.Generator | None = None

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return fast_dropout(x, self.p, self.generator) if self.training else x


class SpectralWeight(nn.Module):
    """A weight matrix divided by its largest singular value (Miyato et al., 2018).

    One power iteration a training step; in evaluation mode the quotient is computed once.
    """

    u: Tensor

    def __init__(self, n_out: int, n_in: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_out, n_in))
        self.register_buffer("u", torch.empty(n_out))
        self._cached: Tensor | None = None
        self.reset(generator)

    def reset(self, generator: torch.Generator | None) -> None:
        with torch.no_grad():
            nn.init.xavier_normal_(self.weight, generator=generator)
            self.u.normal_(generator=generator)
            for _ in range(15):
                self._iterate()

    @torch.no_grad()
    def _iterate(self) -> Tensor:
        v = F.normalize(self.weight.t() @ self.u, dim=0)
        self.u.copy_(F.normalize(self.weight @ v, dim=0))
        return v

    def train(self, mode: bool = True) -> SpectralWeight:
        self._cached = None
        return super().train(mode)

    def forward(self) -> Tensor:
        if self.training:
            with torch.autocast(self.weight.device.type, enabled=False):
                v = self._iterate()
                return self.weight / torch.dot(self.u.clone(), self.weight @ v)
        cached = self._cached
        if cached is None or cached.device != self.weight.device:
            with torch.no_grad():
                v = F.normalize(self.weight.t() @ self.u, dim=0)
                cached = self.weight / torch.dot(self.u, self.weight @ v)
            self._cached = cached
        return cached


class SpectralLinear(nn.Module):
    """Linear layer with a spectral-normed weight."""

    def __init__(self, n_in: int, n_out: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.spectral = SpectralWeight(n_out, n_in, generator)
        with torch.no_grad():
            nn.init.xavier_uniform_(self.spectral.weight, generator=generator)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.spectral(), self.bias)


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

        Both attentions act on the words from the left, so that they are one matrix of the size of
        the text, and no product with the wide words is needed but theirs with each other.
        """
        s = x.shape[1]
        values = torch.matmul(x, (self.gamma_dims * self.dims()).t())
        w = self.gamma_words * self.words()[:s, :s]
        xt = x.transpose(1, 2)
        first = torch.matmul(x @ xt, w) + torch.eye(s, dtype=x.dtype, device=x.device)
        return torch.baddbmm(first, first @ (values @ xt), first)


class BranchConvolution(nn.Module):
    """Inception branches over the embedding axis, stride 4, circular padding, concatenated.

    Blocks of four positions turn the stride into channels. The branches are one convolution over
    the blocks, whose taps outside of a branch's kernel are zero.
    """

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
        lefts = [max(k - STRIDE, 0) // 2 for k in self.kernel_sizes]
        self.first = -max(lefts)  # position of the first tap for output 0
        self.offsets = [max(lefts) - left for left in lefts]
        ends = [o + k for o, k in zip(self.offsets, self.kernel_sizes, strict=True)]
        n_blocks = -(-max(ends) // STRIDE)
        # branches that reach the first or the last block
        long = [
            i
            for i, (start, end) in enumerate(zip(self.offsets, ends, strict=True))
            if start < STRIDE or end > STRIDE * (n_blocks - 1)
        ]
        columns = slice(n_filters * long[0], n_filters * (long[-1] + 1))
        self.convolve = Convolution(n_blocks, self.out_length, columns)
        self.weights = nn.ParameterList(
            nn.init.xavier_uniform_(torch.empty(n_filters, n_filters, k), generator=generator)
            for k in self.kernel_sizes
        )
        self.bias = nn.Parameter(torch.zeros(n_filters * len(self.kernel_sizes)))

    def forward(self, x: Tensor) -> Tensor:  # (n_inputs, B, 4 F) -> (E // 4, B, branches * F)
        filters = self.convolve.filters(self.block_taps(list(self.weights)))
        return self.convolve(x, filters, self.bias)

    def block_taps(self, weights: Sequence[Tensor]) -> Tensor:
        """Taps over blocks from one weight a branch, of the shapes of ``self.weights``."""
        width = STRIDE * self.convolve.n_taps
        placed = [
            F.pad(w, (offset, width - offset - w.shape[2]))
            for w, offset in zip(weights, self.offsets, strict=True)
        ]
        return block_taps(torch.cat(placed))


class SecondConvolution(nn.Module):
    """Convolution of kernel 16 and stride 4 without padding."""

    def __init__(
        self, n_in: int, n_out: int, length: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.kernel = min(SECOND_KERNEL, length)
        self.out_length = (length - self.kernel) // STRIDE + 1
        self.convolve = Convolution(-(-self.kernel // STRIDE), self.out_length, stride=STRIDE)
        self.weight = nn.Parameter(
            nn.init.xavier_uniform_(torch.empty(n_out, n_in, self.kernel), generator=generator)
        )
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor) -> Tensor:  # (length, B, C) -> (out_length, B, F)
        filters = self.convolve.filters(self.block_taps(self.weight))
        return self.convolve(x, filters, self.bias)

    def block_taps(self, weight: Tensor) -> Tensor:
        """Taps over blocks from a weight of the shape of ``self.weight``."""
        return block_taps(F.pad(weight, (0, STRIDE * self.convolve.n_taps - self.kernel)))


class ChannelNorm(nn.Module):
    """Batch norm of the last axis over every other axis."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(n_channels)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        if self.training and len(flat) == 1:  # one row has no variance
            n = self.norm
            out = F.batch_norm(flat, n.running_mean, n.running_var, n.weight, n.bias, False)
            return out.view(x.shape)
        return self.norm(flat).view(x.shape)


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
    """

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
        self._cached: FoldedEncoder | None = None
        self.max_len = max_len
        self.embed_dropout = Dropout(dropout)
        self.enhance = EmbeddingEnhancement(max_len, embedding_dim, generator)
        self.project = nn.Parameter(torch.empty(n_filters, max_len))
        self.project_bias = nn.Parameter(torch.zeros(n_filters))
        nn.init.xavier_uniform_(self.project, generator=generator)
        self.project_norm = ChannelNorm(n_filters)
        self.project_dropout = Dropout(project_dropout)
        self.branches = BranchConvolution(n_filters, kernel_sizes, embedding_dim, generator)
        n_channels = n_filters * len(tuple(kernel_sizes))
        self.branch_norm = ChannelNorm(n_channels)
        self.branch_dropout = Dropout(dropout)
        self.second = SecondConvolution(n_channels, n_filters, self.branches.out_length, generator)
        self.second_norm = ChannelNorm(n_filters)
        self.n_features = n_filters * self.second.out_length
        self.skip: nn.Linear | None = None
        if embedding_skip:
            self.skip = uninitialised_linear(embedding_dim, self.n_features, bias=False)
            bound = 1.0 / math.sqrt(embedding_dim)
            nn.init.uniform_(self.skip.weight, -bound, bound, generator=generator)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Features (B, n_features) of embedded words (B, S, E) with zero rows where padded.

        ``lengths`` (B,), the number of words, is used by the embedding skip alone.
        """
        b, s, _ = x.shape
        if lengths is None:
            lengths = torch.full((b,), s, device=x.device)
        if not self.training:
            words = self.words(x.flatten(0, 1))
            ids = torch.arange(b * s, device=x.device).view(b, s)
            return self.evaluate(ids, None, words, lengths)
        x = self.embed_dropout(x)
        feature = self._convolve(x, self.enhance(x))
        if self.skip is not None:
            feature = feature + self.skip(
                x.sum(1) / lengths.clamp(min=1).to(x.dtype).sqrt()[:, None]
            )
        return feature

    def words(self, x: Tensor) -> Tensor:
        """Words (n, E) as ``evaluate`` reads them, in evaluation mode."""
        return self._folded().words(x)

    def evaluate(
        self, ids: Tensor, weights: Tensor | None, words: Tensor, lengths: Tensor
    ) -> Tensor:
        """Features (B, n_features) of texts in evaluation mode.

        Parameters
        ----------
        ids : Tensor of shape (B, S), int64
            Rows of ``words``.
        weights : Tensor of shape (B, S) or None
            Of the words.
        words : Tensor
            Result of ``self.words``.
        lengths : Tensor of shape (B,)
            Words that are no padding.
        """
        x = F.embedding(F.pad(ids, (0, 1), value=len(words) - 1), words)
        if weights is not None:
            x = x * F.pad(weights, (0, 1), value=1.0).unsqueeze(-1)
        return self._folded()(x, lengths)

    def train(self, mode: bool = True) -> InceptionEncoder:
        """Forget the folded weights: training, or a new state, changes them."""
        self._cached = None
        return super().train(mode)

    def fill_cache(self) -> None:
        """Fold the weights now, in evaluation mode."""
        self._folded()

    def _folded(self) -> FoldedEncoder:
        # threads that race compute equal values, and each uses the one that it holds
        folded = self._cached
        if folded is None or folded.project.device != self.project.device:
            folded = self._cached = FoldedEncoder(self)
        return folded

    def _convolve(self, x: Tensor, mix: Tensor) -> Tensor:
        branches = self.branches
        h = with_bias(x, branches.first, x.shape[2])
        h = project(h, mix, self.project, self.project_bias)  # (B, E, F)
        h = self.project_dropout(self.project_norm(F.gelu(h)))
        h = circular_blocks(h, branches.convolve.n_inputs)
        h = F.gelu(branches(h))  # (E // 4, B, channels)
        h = self.branch_dropout(self.branch_norm(h))
        h = F.gelu(self.second(h))  # (T, B, F)
        return self.second_norm(h).permute(1, 2, 0).reshape(len(x), -1)
