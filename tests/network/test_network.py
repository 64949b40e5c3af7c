"""The network that is built from a configuration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sk_inceptionxml.heads import OneVsAll, SyncXML
from sk_inceptionxml.network.config import NetworkConfig
from sk_inceptionxml.network.head import LabelStatistics
from sk_inceptionxml.network.layers import SpectralWeight
from sk_inceptionxml.network.losses import prior_logit
from sk_inceptionxml.network.network import build_network
from sk_inceptionxml.network.one_vs_all import OneVsAllHead
from sk_inceptionxml.network.synchronized import SyncHead

CONFIG = NetworkConfig(
    n_tokens=12,
    n_labels=9,
    embedding_dim=32,
    max_len=6,
    n_filters=4,
    kernel_sizes=(4, 8),
    hidden_dim=5,
    embedding_skip=True,
    dropout=0.2,
    head=OneVsAll(classifier_dropout=0.4),
)
CLUSTERS = np.array([2, 0, 1, 1, 0, 2, 2, 0, 1])
COUNTS = np.array([5, 1, 0, 2, 9, 9, 3, 1, 1])
LABELS = {
    "ova": LabelStatistics(COUNTS, 20),
    "sync": LabelStatistics(COUNTS, 20, CLUSTERS, np.array([9, 3, 12])),
}
CONFIGS = {
    "ova": CONFIG,
    "sync": replace(CONFIG, head=SyncXML(classifier_dropout=0.4, meta_dropout=0.1, beam_size=2)),
}


def table_of(config):
    g = torch.Generator().manual_seed(1)
    table = torch.randn(config.n_tokens, config.embedding_dim, generator=g)
    table[0] = 0
    return table


def build(name, seed=0, **changes):
    config = replace(CONFIGS[name], **changes)
    generator = torch.Generator().manual_seed(seed)
    return build_network(config, table_of(config), LABELS[name], generator)


@pytest.mark.parametrize("head", CONFIGS)
def test_network_has_the_sizes_of_its_configuration(head):
    network = build(head)
    config = CONFIGS[head]
    assert network.config == config
    assert isinstance(network.head, OneVsAllHead if head == "ova" else SyncHead)
    assert torch.equal(network.embedding.weight, table_of(config))
    assert network.head.weight.shape == (config.n_labels, config.hidden_dim)
    assert network.encoder.n_features == config.n_features
    network.eval()
    ids = torch.tensor([[3, 4, 5], [6, 0, 0]])
    h = network(ids)
    assert h.shape == (2, config.n_features)
    score, label = network.head.topk(h, 3)
    assert score.shape == label.shape == (2, 3)
    assert build(head, hidden_dim=None).head.weight.shape[1] == config.n_features
    assert network.encoder.skip is not None
    assert build(head, embedding_skip=False).encoder.skip is None


@pytest.mark.parametrize("head", CONFIGS)
def test_start_weights_come_from_the_generator_alone(head):
    state = torch.get_rng_state()
    one, same, other = build(head), build(head), build(head, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(one.state_dict(), same.state_dict(), rtol=0, atol=0)
    for name, parameter in one.named_parameters():
        drawn = parameter.ndim > 1 and not name.endswith("bias") and "embedding" not in name
        assert drawn != torch.equal(parameter, dict(other.named_parameters())[name]), name


@pytest.mark.parametrize("head", CONFIGS)
def test_biases_start_at_the_frequency_of_their_labels_and_clusters(head):
    built = build(head).head
    expected = prior_logit(torch.from_numpy(COUNTS), 20)
    if head == "ova":
        torch.testing.assert_close(built.bias.detach(), expected)
        return
    torch.testing.assert_close(built.bias[built.position_of, 0].detach(), expected)
    assert built.cluster_of.tolist() == CLUSTERS.tolist()
    of_clusters = prior_logit(torch.tensor([9, 3, 12]), 20)
    torch.testing.assert_close(built.meta_bias.detach(), of_clusters)


@pytest.mark.parametrize("head", CONFIGS)
def test_rates_are_those_of_the_configuration_and_may_change(head):
    network = build(head)

    def rates():
        encoder, top = network.encoder, network.head
        own = (top,) if head == "ova" else (top.extreme, top.meta)
        return (
            encoder.embed_dropout.p,
            encoder.branch_dropout.p,
            encoder.project_dropout.p,
            *(part.pre_dropout.p for part in own),
            *(part.dropout.p for part in own),
        )

    assert rates() == (
        (0.2, 0.2, 0.2, 0.2, 0.4) if head == "ova" else (0.2, 0.2, 0, 0.2, 0.2, 0.4, 0.1)
    )
    kind = type(CONFIGS[head].head)
    wanted = replace(network.config, dropout=0.5, head=kind(classifier_dropout=0.0))
    network.set_rates(wanted)
    assert network.config is wanted
    assert rates() == (
        (0.5, 0.5, 0.5, 0.5, 0) if head == "ova" else (0.5, 0.5, 0, 0.5, 0.5, 0, 0.3)
    )
    if head == "sync":
        assert network.head.beam_size == 4  # was 2


@pytest.mark.parametrize("head", CONFIGS)
def test_weights_are_single_whatever_torch_defaults_to(head):
    torch.set_default_dtype(torch.float64)
    try:
        config = CONFIGS[head]
        network = build_network(config, torch.zeros(12, 32), LABELS[head])
    finally:
        torch.set_default_dtype(torch.float32)
    floats = [t for t in network.state_dict().values() if t.is_floating_point()]
    assert {t.dtype for t in floats} == {torch.float32}


@pytest.mark.parametrize("head", CONFIGS)
def test_shapes_are_known_without_storage(head):
    with torch.device("meta"):
        network = build_network(CONFIGS[head], torch.empty(12, 32), LABELS[head])
    assert {p.device.type for p in network.parameters()} == {"meta"}
    real = {name: t.shape for name, t in build(head).state_dict().items()}
    assert {name: t.shape for name, t in network.state_dict().items()} == real


@pytest.mark.parametrize("head", CONFIGS)
def test_dropout_is_drawn_from_the_generator_that_is_set(head):
    network = build(head).train()
    ids = torch.arange(2, 12).view(5, 2)
    state, found = torch.get_rng_state(), []
    for seed in (0, 0, 1):
        for module in network.modules():
            if isinstance(module, SpectralWeight):
                module.reset(torch.Generator().manual_seed(0))  # a step moves it
        network.set_generator(torch.Generator().manual_seed(seed))
        branch = network.head.branches()[0]
        found.append(branch(network(ids)).detach())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_half_precision_is_of_the_label_vectors_alone_and_keeps_the_parameter():
    network = build("sync")
    before = network.head.weight
    network.keep_labels_in(torch.float16)
    assert network.head.weight is before and before.dtype == torch.float16
    others = [p for p in network.parameters() if p is not before]
    assert {p.dtype for p in others} == {torch.float32}


@pytest.mark.parametrize("head", CONFIGS)
def test_caches_are_filled_at_once(head):
    network = build(head).eval()
    network.fill_caches()
    spectral = [m for m in network.modules() if isinstance(m, SpectralWeight)]
    assert len(spectral) == (2 if head == "ova" else 4)
    assert all(m() is m() for m in spectral)


def test_a_head_of_no_module_is_an_error():
    class Lost(OneVsAll):
        name, module = "lost", "sk_inceptionxml.no_such_module"

    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        build("ova", head=Lost())
