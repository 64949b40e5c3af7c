"""One-vs-all: a linear classifier over every label (InceptionXML)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sk_inceptionxml._utils.optional import module_or_none
from sk_inceptionxml.network.config import NetworkConfig
from sk_inceptionxml.network.head import (
    HeadModule,
    LabelStatistics,
    set_rows,
    started_rows,
    take_rows,
)
from sk_inceptionxml.network.inputs import FEW
from sk_inceptionxml.network.layers import ChannelNorm, Dropout, SkipPool, UninitialisedLinear
from sk_inceptionxml.network.losses import largest, logits_of, one_vs_all_loss, prior_logit
from sk_inceptionxml.network.quantized import QuantizedLabels, exactly

MOST_INTEGERS = 1 << 28  # of all label vectors; more of them would take seconds to make, and memory


class OneVsAllHead(HeadModule):
    """Hidden layer with a skip connection and a linear classifier over every label."""

    project_dropout = True
    divisible = True

    def __init__(
        self,
        n_features: int,
        hidden_dim: int,
        label_counts: Tensor,
        n_rows: int,
        dropout: float,
        classifier_dropout: float,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        n_labels = len(label_counts)
        self.pre_dropout = Dropout(dropout)
        self.hidden = UninitialisedLinear(n_features, hidden_dim)
        nn.init.xavier_uniform_(self.hidden.weight, generator=generator)
        nn.init.zeros_(self.hidden.bias)
        self.norm = ChannelNorm(hidden_dim)
        self.skip = SkipPool(n_features, hidden_dim)
        self.dropout = Dropout(classifier_dropout)
        self.weight = nn.Parameter(torch.empty(n_labels, hidden_dim))
        nn.init.xavier_uniform_(self.weight, generator=generator)
        self.bias = nn.Parameter(prior_logit(label_counts, n_rows))
        self._rounded: tuple[Any, QuantizedLabels | None] = None, None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_rounded": (None, None)}

    def features(self, h: Tensor) -> Tensor:
        r = self.norm(F.gelu(self.hidden(self.pre_dropout(h))))
        return self.dropout(r + self.skip(h))

    def loss(self, h: Tensor, rows: Tensor, columns: Tensor, row_weight: Tensor) -> Tensor:
        r = self.of_all_rows(self.features(h), len(row_weight))
        return one_vs_all_loss(r, self.weight, self.bias, rows, columns, row_weight)

    def topk(
        self, h: Tensor, k: int, n_first: int | None = None, beam: int | None = None
    ) -> tuple[Tensor, Tensor]:
        r, n_labels = self.features(h), len(self.weight)
        if n_first is None or n_first == n_labels:
            return largest(self._logits(r, 0, n_labels), k)
        parts = []
        for start, stop in ((0, n_first), (n_first, n_labels)):
            # a product of the first labels alone keeps the bits that it had without the others
            z = self._logits(r, start, stop)
            score, label = largest(z, k)
            parts.append((score, label + start))
        return torch.cat([p[0] for p in parts], 1), torch.cat([p[1] for p in parts], 1)

    def _logits(self, r: Tensor, start: int, stop: int) -> Tensor:
        """Scores (B, stop - start) of some labels for hidden features r."""
        weight, bias = self.weight[start:stop], self.bias[start:stop]
        rounded = self._integers() if len(r) <= FEW and r.dtype == torch.float32 else None
        if rounded is None:
            return logits_of(r, weight, bias)
        z = bias.new_empty(len(r), stop - start)
        labels = rounded.integers[start:stop], rounded.scale[start:stop], bias.detach()
        rows = r.detach().contiguous()
        compiled().label_scores(*(part.numpy() for part in (*labels, rows, z)))
        return z

    def _integers(self) -> QuantizedLabels | None:
        """The label vectors, where they are integers times a scale and numba can read them."""
        weight = self.weight
        few = weight.device.type == "cpu" and weight.numel() <= MOST_INTEGERS
        if self.training or not few or weight.is_inference() or compiled() is None:
            return None
        state = weight.data_ptr(), weight._version
        if self._rounded[0] != state:
            self._rounded = state, exactly(weight)
        return self._rounded[1]

    def set_rates(self, config: NetworkConfig) -> None:
        self.pre_dropout.p, self.dropout.p = config.dropout, config.head.classifier_dropout

    def branches(self) -> list[Callable[[Tensor], Tensor]]:
        return [self.features]

    def start_labels(self, labels: Tensor, weight: Tensor, bias: Tensor, means: Any) -> Tensor:
        source = started_rows(len(self.weight), labels)
        self.weight = set_rows(take_rows(self.weight.data, source), labels, weight)
        self.bias = set_rows(take_rows(self.bias.data, source), labels, bias)
        return source


def compiled() -> Any:
    """The module of compiled products; None without numba."""
    return module_or_none("sk_inceptionxml.network.compiled")


def build(
    config: NetworkConfig, labels: LabelStatistics, generator: torch.Generator | None
) -> OneVsAllHead:
    """The head of a network."""
    return OneVsAllHead(
        config.n_features,
        config.width,
        torch.as_tensor(labels.counts),
        labels.n_rows,
        config.dropout,
        config.head.classifier_dropout,
        generator,
    )
