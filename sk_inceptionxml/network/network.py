"""The whole network: embedding table, encoder and head."""

from __future__ import annotations

from importlib import import_module

import torch
from torch import Tensor, nn

from sk_inceptionxml.network.config import NetworkConfig
from sk_inceptionxml.network.encoder import InceptionEncoder
from sk_inceptionxml.network.head import HeadModule, LabelStatistics
from sk_inceptionxml.network.layers import SpectralWeight, gather_rows, runs_ahead
from sk_inceptionxml.network.quantized import fits, quantize
from sk_inceptionxml.text import PADDING


class InceptionXMLNetwork(nn.Module):
    """Token ids in, encoder features out; the head turns features into a loss or a ranking.

    Parameters
    ----------
    table : Tensor of shape (n_tokens, embedding_dim)
        Start of the word vectors; the padding row is zero.
    encoder : InceptionEncoder
    head : HeadModule
    config : NetworkConfig
        What the network was built from.
    """

    def __init__(
        self,
        table: Tensor,
        encoder: InceptionEncoder,
        head: HeadModule,
        config: NetworkConfig,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(
            table, freeze=False, padding_idx=PADDING, sparse=True
        )
        self.encoder = encoder
        self.head = head
        self.config = config
        self.float()  # torch's default type may be another

    def forward(self, ids: Tensor, weights: Tensor | None = None) -> Tensor:
        """Features (B, n_features) of padded token ids (B, S) and their weights (B, S)."""
        return self.encoder(self.embed(ids, weights), (ids != PADDING).sum(1))

    def embed(self, ids: Tensor, weights: Tensor | None = None) -> Tensor:
        """Word vectors (B, S, embedding_dim) of padded token ids, times their weights."""
        if runs_ahead(ids.device):
            # torch's own gradient leaves padding out by a mask, for whose size the host waits
            x = gather_rows(self.embedding.weight, ids.flatten()).view(*ids.shape, -1)
            x = x * (ids != PADDING).unsqueeze(-1)
        else:
            x = self.embedding(ids)
        return x if weights is None else x * weights.unsqueeze(-1)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.embedding.weight.device

    @torch.no_grad()
    def fill_caches(self) -> None:
        """Compute what evaluation reuses, so that threads and processes find it ready."""
        for module in self.modules():
            if isinstance(module, SpectralWeight):
                module()

    def row_sparse_parameters(self) -> list[nn.Parameter]:
        """Tables of which a step touches only some rows."""
        return [self.embedding.weight, *self.head.row_sparse_parameters()]

    def label_parameters(self) -> list[nn.Parameter]:
        """Vector and bias of every label."""
        return [self.head.weight, self.head.bias]

    def set_rates(self, config: NetworkConfig) -> None:
        """Take over the parameters that may change while the network goes on."""
        self.config = config
        self.encoder.set_rates(config.dropout, self.head.project_dropout)
        self.head.set_rates(config)

    def keep_labels_in(self, dtype: torch.dtype) -> None:
        """Type of the label vectors; the biases stay float32. The parameter stays the same."""
        self.head.weight.data = self.head.weight.data.to(dtype)

    @torch.no_grad()
    def round_weights(self) -> None:
        """Round label vectors to eight bits and other weights to half precision, in float32.

        A saved model then takes a quarter to half the space, and predicts as the fitted one does.
        """
        for parameter in self.parameters():
            if parameter is self.head.weight and self.rounds_labels and fits(parameter):
                parameter.copy_(quantize(parameter).values())
                continue
            half = parameter.to(torch.float16)
            if parameter.ndim > 1 and torch.isfinite(half).all():
                parameter.copy_(half)

    @property
    def rounds_labels(self) -> bool:
        """Whether label vectors are rounded to eight bits."""
        return self.config.head.label_dtype == "float32"

    def set_generator(self, generator: torch.Generator | None) -> None:
        """Draw every dropout mask and sample of negatives from ``generator``."""
        for module in self.modules():
            if hasattr(module, "generator"):
                setattr(module, "generator", generator)  # noqa: B010, torch's type is a tensor


def build_network(
    config: NetworkConfig,
    table: Tensor,
    labels: LabelStatistics,
    generator: torch.Generator | None = None,
) -> InceptionXMLNetwork:
    """A network with its start weights, on torch's default device.

    Parameters
    ----------
    config : NetworkConfig
    table : Tensor of shape (n_tokens, embedding_dim)
    labels : LabelStatistics
    generator : torch.Generator or None
        Source of the start weights.
    """
    module = import_module(config.head.module)
    encoder = InceptionEncoder(
        config.max_len,
        config.embedding_dim,
        config.n_filters,
        config.kernel_sizes,
        embedding_skip=config.embedding_skip,
        generator=generator,
    )
    head: HeadModule = module.build(config, labels, generator)
    network = InceptionXMLNetwork(table, encoder, head, config)
    network.set_rates(config)
    return network
