"""Sizes that the network will have, and what a fitted network cannot follow."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sk_inceptionxml.heads import OneVsAll, SyncXML
from sk_inceptionxml.network.config import NetworkConfig
from sk_inceptionxml.network.encoder import InceptionEncoder

FITTED = NetworkConfig(
    n_tokens=50,
    n_labels=9,
    embedding_dim=32,
    max_len=8,
    n_filters=4,
    kernel_sizes=(4, 8),
    hidden_dim=None,
    embedding_skip=True,
    dropout=0.25,
    head=SyncXML(),
)


@pytest.mark.parametrize("width", [*range(4, 100), 127, 128, 300, 301, 512, 768, 1023])
@pytest.mark.parametrize("n_filters", [1, 3])
def test_width_of_the_feature_is_that_of_the_real_encoder(width, n_filters):
    config = replace(FITTED, embedding_dim=width, n_filters=n_filters, kernel_sizes=(3, 4))
    with torch.device("meta"):
        encoder = InceptionEncoder(
            config.max_len, width, n_filters, config.kernel_sizes, embedding_skip=True
        ).eval()
        feature = encoder(torch.zeros(2, 5, width), torch.ones(2))
    assert config.n_features == encoder.n_features == feature.shape[1] == config.width
    assert replace(config, hidden_dim=7).width == 7


def test_the_same_parameters_follow():
    FITTED.check_follows(FITTED)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("n_filters", {"n_filters": 5}),
        ("kernel_sizes", {"kernel_sizes": (4, 16)}),
        ("kernel_sizes", {"kernel_sizes": (8, 4)}),
        ("hidden_dim", {"hidden_dim": 3}),
        ("embedding_skip", {"embedding_skip": False}),
        ("head", {"head": OneVsAll()}),
        ("head__synchronized", {"head": SyncXML(synchronized=False)}),
        ("max_len", {"max_len": 9}),
    ],
)
def test_a_change_that_the_network_cannot_follow_is_named(name, changes):
    with pytest.raises(ValueError, match=f"^{name}=.* does not fit the fitted network"):
        replace(FITTED, **changes).check_follows(FITTED)


def test_a_head_that_replaces_one_without_parameters_of_its_own_is_named():
    with pytest.raises(ValueError, match="^head='sync' .* with head='ova'"):
        FITTED.check_follows(replace(FITTED, head=OneVsAll()))


@pytest.mark.parametrize(
    "changes",
    [
        {"max_len": 3},
        {"dropout": 0.0},
        {"hidden_dim": FITTED.n_features},
        {"head": SyncXML(beam_size=1, predict_beam_size=2, n_clusters=3, meta_dropout=0.0)},
        {"head": SyncXML(clusters=[0] * 9, label_dtype="float16")},
    ],
)
def test_what_is_no_structure_may_change(changes):
    replace(FITTED, **changes).check_follows(FITTED)
