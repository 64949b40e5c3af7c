"""The InceptionXML encoder: embedded words in, one feature vector a text out.

Everything is computed on the longest text of the batch instead of on ``max_len`` slots, and with
the embedding axis before the channel axis, so that every convolution is one dense matrix product.
Both leave the function unchanged: padding rows are zero and stay zero through both attentions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sk_inceptionxml.folding import FoldedConvolutions

STRIDE = 4
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
    keep = (words.view(torch.uint8)[:n] >= threshold).view(x.shape)
    return x * keep.to(x.dtype).mul_(256.0 / (256 - threshold))


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

    def forward(self, x: Tensor) -> Tensor:  # (B, S, E) -> (B, S, E)
        s = x.shape[1]
        w = self.words()[:s, :s]
        a = self.gamma_words * ((x @ x.transpose(1, 2)) @ (w @ x)) + x
        # x (y^T (W x)) instead of (x y^T)(W x): an (S, S) product instead of an (E, E) one.
        m = torch.matmul(a, self.dims().t()) @ x.transpose(1, 2)
        return self.gamma_dims * (m @ a) + a


class Part(NamedTuple):
    """One kernel of a block convolution."""

    phase: int  # position, below the stride, at which its blocks start
    first: int  # block in which the window of output 0 starts
    blocks: int  # blocks of a window


class _BlockConvolution(torch.autograd.Function):
    """Strided convolutions as products over blocks of the stride, then shifted additions.

    ``out[t] = sum_j block[t + first + j] @ w[j]`` for each kernel, side by side on the last axis.
    Kernels of one phase share a product. Written out because autograd would fill a buffer of
    zeros for every shifted slice.
    """

    @staticmethod
    def forward(ctx, x, length, circular, parts, *weights):  # type: ignore[no-untyped-def]
        b, e, f = x.shape
        t = e // STRIDE
        widths = [w.shape[0] for w in weights]
        out = x.new_empty(b, length, sum(widths))
        saved = []
        for phase, members in _by_phase(parts):
            view = _blocks_of(x, phase, t)
            w = torch.cat([_block_weight(weights[i]) for i in members], dim=1)
            product = (view @ w).view(b, t, -1)
            saved += [view, w]
            column = 0
            for i in members:
                target = out.narrow(2, sum(widths[:i]), widths[i])
                for j in range(parts[i].blocks):
                    source = product.narrow(2, column, widths[i])
                    column += widths[i]
                    for dst, src in _shifts(t, length, parts[i].first + j, circular):
                        if j:
                            target[:, dst] += source[:, src]
                        else:
                            target[:, dst] = source[:, src]
        ctx.save_for_backward(*saved)
        ctx.layout = (x.shape, length, circular, parts, [w.shape for w in weights])
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        (b, e, f), length, circular, parts, shapes = ctx.layout
        t = e // STRIDE
        widths = [shape[0] for shape in shapes]
        saved = iter(ctx.saved_tensors)
        grad_x: Tensor | None = None
        grad_w: list[Tensor | None] = [None] * len(shapes)
        for phase, members in _by_phase(parts):
            view, w = next(saved), next(saved)
            make = view.new_empty if circular and length == t else view.new_zeros
            grad_product = make(b, t, w.shape[1])
            column = 0
            for i in members:
                source = grad.narrow(2, sum(widths[:i]), widths[i])
                for j in range(parts[i].blocks):
                    target = grad_product.narrow(2, column, widths[i])
                    column += widths[i]
                    for dst, src in _shifts(t, length, parts[i].first + j, circular):
                        target[:, src] = source[:, dst]
            flat = grad_product.view(b * t, -1)
            columns = (view.t() @ flat).split([parts[i].blocks * widths[i] for i in members], dim=1)
            for i, part in zip(members, columns, strict=True):
                grad_w[i] = _filter_weight(part, shapes[i])
            part_x = (flat @ w.t()).view(b, t * STRIDE, f)
            if phase:
                part_x = torch.roll(part_x, phase, dims=1)
            grad_x = part_x if grad_x is None else grad_x.add_(part_x)
        if grad_x is not None and grad_x.shape[1] < e:
            grad_x = F.pad(grad_x, (0, 0, 0, e - grad_x.shape[1]))
        return grad_x, None, None, None, *grad_w


def _by_phase(parts: Sequence[Part]) -> list[tuple[int, list[int]]]:
    """Phases in ascending order with the kernels of each."""
    phases = sorted({p.phase for p in parts})
    return [(phase, [i for i, p in enumerate(parts) if p.phase == phase]) for phase in phases]


def _blocks_of(x: Tensor, phase: int, t: int) -> Tensor:
    """Positions (B, E, F) in t blocks a row (B * t, 4 F), rolled to start at ``phase``."""
    shifted = torch.roll(x, -phase, dims=1) if phase else x
    return shifted[:, : t * STRIDE].reshape(len(x) * t, STRIDE * x.shape[2])


def _shifts(t: int, length: int, shift: int, circular: bool) -> list[tuple[slice, slice]]:
    """Pairs (output slice, block slice) with block = output + shift, modulo t if circular."""
    if not circular:
        return [(slice(0, length), slice(shift, shift + length))]
    shift %= t
    if shift == 0:
        return [(slice(0, t), slice(0, t))]
    return [(slice(0, t - shift), slice(shift, t)), (slice(t - shift, t), slice(0, shift))]


def _block_weight(weight: Tensor) -> Tensor:
    """(F_out, F_in, 4 * blocks) filters to the (4 * F_in, blocks * F_out) matrix of the product."""
    f_out, f_in, k = weight.shape
    grouped = weight.view(f_out, f_in, k // STRIDE, STRIDE).permute(3, 1, 2, 0)
    return grouped.reshape(STRIDE * f_in, -1)


def _filter_weight(matrix: Tensor, shape: torch.Size) -> Tensor:
    """The inverse of ``_block_weight``."""
    f_out, f_in, k = shape
    return matrix.view(STRIDE, f_in, k // STRIDE, f_out).permute(3, 1, 2, 0).reshape(shape)


class BranchConvolution(nn.Module):
    """Inception branches over the embedding axis, stride 4, circular padding, concatenated.

    Where the sizes are multiples of the stride, each branch is a matrix product over blocks of
    four positions followed by rolled additions, which is exact because the padding is circular.
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
        self.blocked = embedding_dim % STRIDE == 0 and all(
            k % STRIDE == 0 and k <= embedding_dim for k in self.kernel_sizes
        )
        self.weights = nn.ParameterList(
            nn.init.xavier_uniform_(torch.empty(n_filters, n_filters, k), generator=generator)
            for k in self.kernel_sizes
        )
        self.bias = nn.Parameter(torch.zeros(n_filters * len(self.kernel_sizes)))

    def forward(self, x: Tensor) -> Tensor:  # (B, E, F) -> (B, E // 4, branches * F)
        return self.convolve(x, list(self.weights), self.bias)

    def convolve(self, x: Tensor, weights: Sequence[Tensor], bias: Tensor) -> Tensor:
        """The convolution with other weights of the same shapes."""
        out = self._by_blocks(x, weights) if self.blocked else self._by_convolution(x, weights)
        return out + bias

    def _by_blocks(self, x: Tensor, weights: Sequence[Tensor]) -> Tensor:
        parts = []
        for k in self.kernel_sizes:
            left = (k - STRIDE) // 2  # windows start at position 4 t - left
            phase = -left % STRIDE
            parts.append(Part(phase, (-left - phase) // STRIDE, k // STRIDE))
        out: Tensor = _BlockConvolution.apply(x, self.out_length, True, parts, *weights)
        return out

    def _by_convolution(self, x: Tensor, weights: Sequence[Tensor]) -> Tensor:
        x = x.transpose(1, 2)
        outputs = []
        for k, weight in zip(self.kernel_sizes, weights, strict=True):
            total = max(k - STRIDE, 0)
            padded = F.pad(x, (total // 2, total - total // 2), mode="circular") if total else x
            if padded.shape[2] < k:
                padded = F.pad(padded, (0, k - padded.shape[2]))
            out = F.conv1d(padded, weight, stride=STRIDE)
            outputs.append(out[:, :, : self.out_length])
        return torch.cat(outputs, dim=1).transpose(1, 2)


class SecondConvolution(nn.Module):
    """Convolution of kernel 16 and stride 4 without padding, as block products."""

    def __init__(
        self, n_in: int, n_out: int, length: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.kernel = min(SECOND_KERNEL, length)
        self.out_length = (length - self.kernel) // STRIDE + 1
        self.weight = nn.Parameter(
            nn.init.xavier_uniform_(torch.empty(n_out, n_in, self.kernel), generator=generator)
        )
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor) -> Tensor:  # (B, T, C) -> (B, out_length, F)
        return self.convolve(x, self.weight, self.bias)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """The convolution with other weights of the same shape."""
        if self.kernel % STRIDE:
            out = F.conv1d(x.transpose(1, 2), weight, bias, stride=STRIDE)
            return out.transpose(1, 2)
        parts = [Part(0, 0, self.kernel // STRIDE)]
        out = _BlockConvolution.apply(x, self.out_length, False, parts, weight)
        return out + bias


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
        self._cached: FoldedConvolutions | None = None
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
        s = x.shape[1]
        x = self.embed_dropout(x)
        enhanced = self.enhance(x)
        feature = self._convolve(enhanced) if self.training else self._folded()(enhanced)
        if self.skip is not None:
            n = x.new_full((len(x),), s) if lengths is None else lengths.to(x.dtype)
            feature = feature + self.skip(x.sum(1) / n.clamp(min=1).sqrt()[:, None])
        return feature

    def train(self, mode: bool = True) -> InceptionEncoder:
        """Forget the folded weights: training, or a new state, changes them."""
        self._cached = None
        return super().train(mode)

    def fill_cache(self) -> None:
        """Fold the weights now, in evaluation mode."""
        self._folded()

    def _folded(self) -> FoldedConvolutions:
        # threads that race compute equal values, and each uses the one that it holds
        folded = self._cached
        if folded is None or folded.project.device != self.project.device:
            folded = self._cached = FoldedConvolutions(self)
        return folded

    def _convolve(self, enhanced: Tensor) -> Tensor:
        project = self.project[:, : enhanced.shape[1]].t()
        h = torch.matmul(enhanced.transpose(1, 2), project) + self.project_bias
        h = self.project_dropout(self.project_norm(F.gelu(h)))  # (B, E, F)
        h = self.branch_dropout(self.branch_norm(F.gelu(self.branches(h))))
        h = self.second_norm(F.gelu(self.second(h)))  # (B, T, F)
        return h.transpose(1, 2).reshape(len(h), -1)
