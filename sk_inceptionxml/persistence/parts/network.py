"""The network: its sizes, its head and its weights."""

from __future__ import annotations

from dataclasses import fields as fields_of
from typing import Any

import numpy as np
import torch

from sk_inceptionxml._utils.params import check_values
from sk_inceptionxml.heads import HEADS, Head
from sk_inceptionxml.network.config import NetworkConfig
from sk_inceptionxml.network.head import LabelStatistics
from sk_inceptionxml.network.network import InceptionXMLNetwork, build_network
from sk_inceptionxml.persistence import precision
from sk_inceptionxml.persistence.checks import (
    FLAG,
    SIZE,
    fail,
    head_of,
    list_of,
    object_of,
    real,
    scalars,
    whole,
)
from sk_inceptionxml.persistence.files import ArrayFile, put_integers
from sk_inceptionxml.persistence.versions import Arrays

CHECK = object_of(
    n_tokens=whole(3),
    n_labels=SIZE,
    embedding_dim=whole(4, 1 << 20),
    max_len=whole(1, 1 << 20),
    n_filters=whole(1, 1 << 16),
    kernel_sizes=list_of(whole(1, 1 << 16), 1, 64),
    hidden_dim=whole(1, 1 << 20),
    embedding_skip=FLAG,
    dropout=real(0, 0.9999999),
    head=head_of,
    tuned=scalars,
)
NOT_WRITTEN = ("head.starts", "head.label_at", "head.position_of")  # rebuilt from the clusters


def describe_head(head: Head) -> dict[str, Any]:
    """Name and parameters of a head as plain data, without those that are not."""
    if HEADS.get(head.name) is not type(head):
        fail(
            f"its head {head.name!r} is not known by that name; call "
            "sk_inceptionxml.heads.register on its class first."
        )
    parameters = {}
    for name, value in head.get_params(deep=False).items():
        plain = value.item() if isinstance(value, np.generic) else value
        parameters[name] = plain if isinstance(plain, (bool, int, float, str)) else None
    return {"name": head.name, "parameters": parameters}


def read_head(state: dict[str, Any]) -> Head:
    """The head that ``describe_head`` described."""
    if state["name"] not in HEADS:
        fail(
            f"it has the head {state['name']!r}, which is not known here; import the module that "
            "registers it first."
        )
    kind = HEADS[state["name"]]
    unknown = sorted(state["parameters"].keys() - set(kind._get_param_names()))
    if unknown:
        fail(f"head.parameters.{unknown[0]:.80} is unknown.")
    if state["parameters"].get("clusters") is not None:
        fail("head.parameters.clusters must be null.")
    head = kind(**state["parameters"])
    check_values(head.get_params(deep=False), kind._parameter_constraints, kind.__name__, "head__")
    return head


def describe(network: InceptionXMLNetwork) -> dict[str, Any]:
    """Sizes and head as plain data."""
    config = network.config
    state = {field.name: getattr(config, field.name) for field in fields_of(config)}
    weights = network.embedding.weight, network.head.weight
    return {
        **state,
        "n_tokens": len(weights[0]),
        "n_labels": len(weights[1]),  # of partial_fit, perhaps
        "kernel_sizes": list(map(int, config.kernel_sizes)),
        "hidden_dim": config.width,
        "head": describe_head(config.head),
        "tuned": network.head.tuned(),
        **{name: int(state[name]) for name in ("max_len", "n_filters")},
        "embedding_skip": bool(config.embedding_skip),
        "dropout": float(config.dropout),
    }


def describe_weights(network: InceptionXMLNetwork) -> Arrays:
    """The state of the network, on the CPU, without what loading rebuilds."""
    state = {k: v.detach().cpu().numpy() for k, v in network.state_dict().items()}
    for name in NOT_WRITTEN:
        state.pop(name, None)
    if "head.members" in state:  # could be rebuilt, but its size bounds what loading allocates
        fits = state["head.members"].max() <= np.iinfo(np.int32).max
        state["head.members"] = state["head.members"].astype(np.int32 if fits else np.int64)
        put_integers(state, "head.cluster_of", state["head.cluster_of"])
    return state


def read(state: dict[str, Any], arrays: ArrayFile) -> InceptionXMLNetwork:
    """The network of checked sizes, with its weights, in evaluation mode on the CPU."""
    n_labels = state["n_labels"]
    clusters = members = None
    if "head.cluster_of" in arrays.arrays:
        clusters, members = _read_clusters(n_labels, arrays)
    sizes = {k: v for k, v in state.items() if k not in ("head", "tuned", "kernel_sizes")}
    config = NetworkConfig(
        **sizes, kernel_sizes=tuple(state["kernel_sizes"]), head=read_head(state["head"])
    )
    with torch.device("meta"):  # shapes alone: no memory, no random numbers
        none = LabelStatistics(np.zeros(n_labels), 1, clusters)
        table = torch.empty(config.n_tokens, config.embedding_dim)
        network = build_network(config, table, none)
    rebuilt = tuple(f"head.{name}" for name in network.head.cluster_buffers)
    if (clusters is None) != (not rebuilt):
        fail(f"{arrays.file} does not fit the head {config.head.name!r}.")
    if clusters is not None:
        network.head.set_clusters(clusters)
        found = network.state_dict()["head.members"].numpy()
        if not np.array_equal(found, members):  # type: ignore[arg-type]
            fail(f"{arrays.file}: head.members does not fit head.cluster_of.")
    keeps_half = config.head.label_dtype == "float16"
    weights = {}
    for name, expected in network.state_dict().items():
        if name in rebuilt:
            weights[name] = expected
            continue
        shape = tuple(expected.shape)
        if expected.is_floating_point():
            tensor = torch.from_numpy(precision.take(arrays, name, shape))
        else:
            tensor = torch.from_numpy(arrays.take(name, "u", shape))
        if tensor.dtype == torch.float16 and not (name == "head.weight" and keeps_half):
            tensor = tensor.to(torch.float32)
        if tensor.dtype not in (expected.dtype, torch.float16):
            fail(f"{arrays.file}: {name} has dtype {tensor.dtype}.")
        if name.endswith("running_var") and tensor.min() < 0:
            fail(f"{arrays.file}: {name} is negative.")
        weights[name] = tensor
    network.load_state_dict(weights, strict=True, assign=True)
    if state["tuned"].keys() != network.head.tuned().keys():
        fail("network.tuned does not fit the head.")
    network.head.set_tuned({k: real(-1e9, 1e9)(v, k) for k, v in state["tuned"].items()})
    return network.eval()


def _read_clusters(n_labels: int, arrays: ArrayFile) -> tuple[np.ndarray, np.ndarray]:
    """Meta-label of every label, and the table of members, whose shape bounds the memory."""
    clusters = arrays.take("head.cluster_of", "u", (n_labels,)).astype(np.int64)
    members = arrays.arrays.pop("head.members", None)
    if members is None or members.ndim != 2 or members.dtype.kind != "i":
        fail(f"{arrays.file} has no table of the clusters' members.")
    if clusters.max() + 1 != len(members):
        fail(f"{arrays.file}: {len(members)} clusters, but a label in cluster {clusters.max()}.")
    sizes = np.bincount(clusters)
    if members.shape != (len(sizes), sizes.max()) or sizes.min() == 0:
        fail(f"{arrays.file}: the clusters have other sizes than head.members.")
    return clusters, members
