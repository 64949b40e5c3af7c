"""The whole network: embedding table, encoder and head."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sk_inceptionxml.encoder import Dropout, InceptionEncoder, SpectralWeight
from sk_inceptionxml.heads import OneVsAllHead
from sk_inceptionxml.sync import SyncHead
from sk_inceptionxml.vectorize import PADDING


class InceptionXMLNetwork(nn.Module):
    """Token ids in, encoder features out; the head turns features into a loss or a ranking.

    Parameters
    ----------
    table : Tensor of shape (n_tokens, embedding_dim)
        Start of the word vectors; the padding row is zero.
    encoder : InceptionEncoder
    head : OneVsAllHead or SyncHead
    """

    def __init__(
        self, table: Tensor, encoder: InceptionEncoder, head: OneVsAllHead | SyncHead
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(
            table, freeze=False, padding_idx=PADDING, sparse=True
        )
        self.encoder = encoder
        self.head = head
        self.float()  # torch's default type may be another

    def forward(
        self, ids: Tensor, weights: Tensor | None = None, words: Tensor | None = None
    ) -> Tensor:
        """Features (B, n_features) of padded token ids (B, S) and their weights (B, S).

        With ``words``, of ``self.words``, the ids are its rows; the first is the padding.
        """
        n_words = (ids != PADDING).sum(1)
        if words is not None:
            return self.encoder.evaluate(ids, weights, words, n_words)
        x = self.embedding(ids)
        if weights is not None:
            x = x * weights.unsqueeze(-1)
        return self.encoder(x, n_words)

    def words(self, ids: Tensor) -> Tensor:
        """Tokens (n,) as the encoder reads them in evaluation, the same in every text."""
        return self.encoder.words(self.embedding(ids))

    def topk(
        self,
        ids: Tensor,
        weights: Tensor | None,
        k: int,
        n_first: int | None = None,
        words: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Scores and labels (B, k) of a batch, best first.

        With ``n_first``, the best k of the first labels, then the best k of the others. ``words``
        as in ``forward``.
        """
        h = self(ids, weights, words)
        if n_first is None or n_first == len(self.head.weight):
            return self.head.topk(h, k)
        return self.head.grouped_topk(h, k, n_first)

    @torch.no_grad()
    def fill_caches(self) -> None:
        """Compute what evaluation reuses, so that threads and processes find it ready."""
        for module in self.modules():
            if isinstance(module, SpectralWeight):
                module()
        self.encoder.fill_cache()

    def row_sparse_parameters(self) -> list[nn.Parameter]:
        """Tables of which a step touches only some rows."""
        tables = [self.embedding.weight]
        if isinstance(self.head, SyncHead):
            tables += self.label_parameters()
            if self.head.samples_clusters:
                tables += [self.head.meta_weight, self.head.meta_bias]
        return tables

    def label_parameters(self) -> list[nn.Parameter]:
        """Vector and bias of every label."""
        return [self.head.weight, self.head.bias]

    def follow(self, params: Any) -> None:
        """Take over the parameters of the estimator that may change while the network goes on."""
        encoder, head = self.encoder, self.head
        encoder.embed_dropout.p = encoder.branch_dropout.p = params.dropout
        if isinstance(head, OneVsAllHead):
            encoder.project_dropout.p = head.pre_dropout.p = params.dropout
            head.dropout.p = params.classifier_dropout
            return
        head.meta.pre_dropout.p = head.extreme.pre_dropout.p = params.dropout
        head.meta.dropout.p, head.extreme.dropout.p = params.meta_dropout, params.classifier_dropout
        names = ("beam_size", "predict_beam_size", "meta_loss_weight")
        for name in (*names, "teacher_forcing", "share_negatives"):
            setattr(head, name, getattr(params, name))

    def keep_labels_in(self, dtype: torch.dtype) -> None:
        """Type of the label vectors; the biases stay float32. The parameter stays the same."""
        self.head.weight.data = self.head.weight.data.to(dtype)

    def set_generator(self, generator: torch.Generator | None) -> None:
        """Draw every dropout mask and sample of negatives from ``generator``."""
        for module in self.modules():
            if isinstance(module, (Dropout, SyncHead)):
                module.generator = generator
