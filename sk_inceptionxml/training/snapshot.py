"""The whole state of a training between two epochs, as arrays and plain data, and back."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .net import XMCNet

BATCH_LOG = {"train_loss": np.float64, "train_batch_size": np.int64}


class Snapshot(NamedTuple):
    """State of a training: what is large as arrays, the rest as data that JSON can hold."""

    arrays: dict[str, np.ndarray]
    plain: dict[str, Any]

    @property
    def table_shape(self) -> tuple[int, ...]:
        """Shape of the embedding table."""
        return self.arrays["module.embedding.weight"].shape

    @property
    def clusters(self) -> np.ndarray | None:
        """Meta-label of every label, None where the head has none."""
        return self.arrays.get("clusters")


class Generators(NamedTuple):
    """Every source of random numbers that training draws from."""

    batches: np.random.Generator
    dropout: torch.Generator
    fit: np.random.RandomState


def take_snapshot(
    net: XMCNet, generators: Generators, best: dict[str, Tensor] | None, finished: bool
) -> Snapshot:
    """State after the last epoch of the net's history.

    Parameters
    ----------
    net : XMCNet
        Between two epochs.
    generators : Generators
    best : dict of str to Tensor, or None
        State of the module after its best epoch, None where that is the present one.
    finished : bool
        Whether no epoch is to follow.

    Returns
    -------
    snapshot : Snapshot
        Arrays share the memory of the net where it is on the CPU.
    """
    state, rebuilt = net.module_.state_dict(), _rebuilt(net)
    arrays = {f"module.{k}": _array(v) for k, v in state.items() if k not in rebuilt}
    if "head.cluster_of" in state:
        arrays["clusters"] = _array(state["head.cluster_of"])
    if best is not None:
        kept = {k: v for k, v in best.items() if k not in rebuilt}
        arrays.update({f"best.{k}": _array(v) for k, v in kept.items()})
    integers = {}
    for place, value in _optimizer_values(net):
        if isinstance(value, Tensor):
            arrays[place] = _array(value)
        else:
            integers[place] = int(value)
    key = generators.fit.get_state(legacy=False)
    arrays["random.dropout"] = _array(generators.dropout.get_state())
    arrays["random.fit"] = key["state"]["key"]
    log = [batch for epoch in net.history for batch in epoch["batches"]]
    for name, dtype in BATCH_LOG.items():
        arrays[f"history.{name}"] = np.array([batch[name] for batch in log], dtype=dtype)
    batches = generators.batches.bit_generator.state
    return Snapshot(
        arrays,
        {
            "finished": finished,
            "epochs": [_plain_epoch(epoch) for epoch in net.history],
            "integers": integers,
            "random": {
                "batches": {
                    # 128 bits are more than a JSON number holds
                    "state": hex(batches["state"]["state"]),
                    "inc": hex(batches["state"]["inc"]),
                    "has_uint32": batches["has_uint32"],
                    "uinteger": batches["uinteger"],
                },
                "fit": {
                    "pos": key["state"]["pos"],
                    "has_gauss": key["has_gauss"],
                    "gauss": key["gauss"],
                },
            },
        },
    )


def restore(net: XMCNet, generators: Generators, snapshot: Snapshot) -> dict[str, Tensor] | None:
    """Put an initialised net and the generators into the state of a snapshot.

    Returns
    -------
    best : dict of str to Tensor, or None
        As ``take_snapshot`` was given it.

    Raises
    ------
    KeyError, RuntimeError, ValueError
        If the snapshot is of another network.
    """
    arrays, plain = dict(snapshot.arrays), snapshot.plain
    module = net.module_
    rebuilt = _rebuilt(net)
    own = {k: v for k, v in module.state_dict().items() if k in rebuilt}
    arrays.pop("clusters", None)

    def state_of(prefix: str) -> dict[str, Tensor]:
        names = [name for name in arrays if name.startswith(prefix)]
        return {name.removeprefix(prefix): torch.from_numpy(arrays.pop(name)) for name in names}

    module.load_state_dict(own | state_of("module."))
    best = own | state_of("best.")
    _restore_optimizers(net, state_of("optimizer"), plain["integers"])
    generators.dropout.set_state(torch.from_numpy(arrays.pop("random.dropout")))
    key, state = arrays.pop("random.fit"), plain["random"]["fit"]
    rest = (state[name] for name in ("pos", "has_gauss", "gauss"))
    generators.fit.set_state(("MT19937", key, *rest))
    _restore_batches(generators.batches, plain["random"]["batches"])
    columns = {name: arrays.pop(f"history.{name}").tolist() for name in BATCH_LOG}
    _restore_history(net, plain["epochs"], columns)
    if arrays:
        raise ValueError(f"{next(iter(arrays))!r:.80} belongs to no training")
    return best if len(best) > len(own) else None


def _rebuilt(net: XMCNet) -> set[str]:
    """Buffers that the network makes from the clusters."""
    return {f"head.{name}" for name in net.module_.head.cluster_buffers}


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _optimizer_values(net: XMCNet) -> list[tuple[str, Any]]:
    """Name and value of all that the optimisers remember of the parameters."""
    names = {parameter: name for name, parameter in net.module_.named_parameters()}
    return [
        (f"optimizer{i}.{names[parameter]}.{key}", value)
        for i, optimizer in enumerate((net.optimizer_, net.optimizer_sparse_))
        for parameter, state in optimizer.state.items()
        for key, value in state.items()
    ]


def _restore_optimizers(net: XMCNet, tensors: dict[str, Tensor], integers: dict[str, int]) -> None:
    found: dict[str, Any] = {f"optimizer{name}": value for name, value in tensors.items()}
    found |= integers
    parameters = dict(net.module_.named_parameters())
    for place, value in found.items():
        owner, _, key = place.rpartition(".")
        prefix, _, name = owner.partition(".")
        optimizer = {"optimizer0": net.optimizer_, "optimizer1": net.optimizer_sparse_}[prefix]
        parameter = parameters[name]
        if isinstance(value, Tensor):
            if value.ndim and len(value) != len(parameter):
                raise ValueError(f"{place:.80} has shape {tuple(value.shape)}")
            value = value.to(parameter.device)
        optimizer.state[parameter][key] = value


def _restore_batches(generator: np.random.Generator, state: dict[str, Any]) -> None:
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": int(state["state"], 16), "inc": int(state["inc"], 16)},
        "has_uint32": state["has_uint32"],
        "uinteger": state["uinteger"],
    }


def _restore_history(net: XMCNet, epochs: list[Any], columns: dict[str, list[Any]]) -> None:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    start = 0
    for epoch in epochs:
        net.history.new_epoch()
        for name, value in epoch.items():
            is_odd = isinstance(value, dict)
            net.history.record(name, float(value["float"]) if is_odd else value)
        stop = start + epoch["train_batch_count"]
        net.history[-1]["batches"].extend(rows[start:stop])
        start = stop
    if start != len(rows):
        raise ValueError(f"it logs {len(rows)} batches instead of {start}")


def _plain_epoch(epoch: dict[str, Any]) -> dict[str, Any]:
    """Contents of the history of an epoch, apart from batches and what is no plain data."""
    plain = {}
    for name, value in epoch.items():
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and not math.isfinite(value):
            value = {"float": str(value)}  # JSON has no name for it
        elif not isinstance(value, (bool, int, float, str, type(None))):
            continue
        plain[name] = value
    return plain
