"""The encoder written out literally, slot by slot: the oracle of the fast one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sk_inceptionxml.encoder import STRIDE, InceptionEncoder, SpectralWeight


def _attend(spectral: SpectralWeight, x: Tensor, y: Tensor, gamma: Tensor) -> Tensor:
    """gamma (x y^T)(W x) + x with W a kernel-1 convolution over the channels."""
    convolved = F.conv1d(x, spectral().unsqueeze(-1))
    return gamma * torch.bmm(torch.bmm(x, y.transpose(1, 2)), convolved) + x


def _norm(x: Tensor, layer: torch.nn.BatchNorm1d, training: bool) -> Tensor:
    return F.batch_norm(
        x,
        layer.running_mean.clone(),
        layer.running_var.clone(),
        layer.weight,
        layer.bias,
        training,
        eps=layer.eps,
    )


def literal_forward(encoder: InceptionEncoder, x: Tensor) -> Tensor:
    """Features of (B, S, E) embedded words on all ``max_len`` slots, without embedding skip."""
    training = encoder.training
    x = F.pad(x, (0, 0, 0, encoder.max_len - x.shape[1]))
    x = F.dropout(x, encoder.embed_dropout.p, training)
    e = encoder.enhance
    h = _attend(e.words, x, x, e.gamma_words)
    h = _attend(e.dims, h.transpose(1, 2), x.transpose(1, 2), e.gamma_dims).transpose(1, 2)
    h = F.gelu(F.conv1d(h, encoder.project.unsqueeze(-1), encoder.project_bias))
    h = _norm(h, encoder.project_norm.norm, training)
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
    h = _norm(F.gelu(torch.cat(branches, dim=1)), encoder.branch_norm.norm, training)
    h = F.dropout(h, encoder.branch_dropout.p, training)
    h = F.conv1d(h, encoder.second.weight, encoder.second.bias, stride=STRIDE)
    h = _norm(F.gelu(h), encoder.second_norm.norm, training)
    return h.flatten(1)
