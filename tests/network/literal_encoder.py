"""The encoder written out literally, on all slots of a text: the oracle of the real one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sk_inceptionxml.network.config import STRIDE
from sk_inceptionxml.network.encoder import InceptionEncoder
from sk_inceptionxml.network.layers import ChannelNorm, SpectralWeight


def _attend(spectral: SpectralWeight, x: Tensor, y: Tensor, gamma: Tensor) -> Tensor:
    """gamma (x y^T)(W x) + x with W a kernel-1 convolution over the channels."""
    convolved = F.conv1d(x, spectral().unsqueeze(-1))
    return gamma * torch.bmm(torch.bmm(x, y.transpose(1, 2)), convolved) + x


def _norm(x: Tensor, layer: ChannelNorm, training: bool) -> Tensor:
    """Batch norm of (B, C, L) over all but the channels, written out."""
    norm = layer.norm
    mean, variance = norm.running_mean, norm.running_var
    if training and x.numel() > x.shape[1]:  # one value a channel has no variance
        mean, variance = x.mean(dim=(0, 2)), x.var(dim=(0, 2), correction=0)
    x = (x - mean[:, None]) / torch.sqrt(variance[:, None] + norm.eps)
    return x * norm.weight[:, None] + norm.bias[:, None]


def literal_forward(encoder: InceptionEncoder, x: Tensor) -> Tensor:
    """Features of (B, S, E) embedded words on all ``max_len`` slots, without embedding skip."""
    training = encoder.training
    x = F.pad(x, (0, 0, 0, encoder.max_len - x.shape[1]))
    x = F.dropout(x, encoder.embed_dropout.p, training)
    e = encoder.enhance
    h = _attend(e.words, x, x, e.gamma_words)
    h = _attend(e.dims, h.transpose(1, 2), x.transpose(1, 2), e.gamma_dims).transpose(1, 2)
    h = F.gelu(F.conv1d(h, encoder.project.unsqueeze(-1), encoder.project_bias))
    h = _norm(h, encoder.project_norm, training)
    h = F.dropout(h, encoder.project_dropout.p, training)
    branches = []
    for i, (k, w) in enumerate(
        zip(encoder.branches.kernel_sizes, encoder.branches.weights, strict=True)
    ):
        bias = encoder.branches.bias.view(len(encoder.branches.kernel_sizes), -1)[i]
        pad = max(k - STRIDE, 0)
        padded = F.pad(h, (pad // 2, pad - pad // 2), mode="circular") if pad else h
        out = F.conv1d(padded, w, bias, stride=STRIDE)
        branches.append(out[:, :, : encoder.branches.out_length])
    h = _norm(F.gelu(torch.cat(branches, dim=1)), encoder.branch_norm, training)
    h = F.dropout(h, encoder.branch_dropout.p, training)
    h = F.conv1d(h, encoder.second.weight, encoder.second.bias, stride=STRIDE)
    h = _norm(F.gelu(h), encoder.second_norm, training)
    return h.flatten(1)
