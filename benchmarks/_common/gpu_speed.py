"""What a training step and a prediction cost on a device, phase by phase, and what bounds them."""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_problem import Stopwatch, run_training, synchronize
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

import sk_inceptionxml
from sk_inceptionxml.data import Dataset
from sk_inceptionxml.network.network import InceptionXMLNetwork
from sk_inceptionxml.ranking.batched import network_topk
from sk_inceptionxml.training.callbacks import NonFiniteGuard
from sk_inceptionxml.training.config import TrainingConfig
from sk_inceptionxml.training.trainer import in_training, make_dataset, make_net

PACKAGE = str(Path(sk_inceptionxml.__file__).parent)
PHASES = ("batch", "to_device", "forward", "loss", "backward", "checks", "optimizers")
CANDIDATES = 100  # labels a row, as the fusion asks for
COMPILED_BY = 40  # steps, among which are texts of every length
ROWS_AT_ONCE = 8192
TOP = 12
BUSY = 0.6  # share of the time below which the device waits for the host
# operators after which the host has to know a number that the device computes
WAITS = {
    "aten::_local_scalar_dense",
    "aten::nonzero",
    "aten::_unique2",
    "aten::unique_dim",
    "aten::unique_consecutive",
    "aten::masked_select",
    "aten::bincount",
    "aten::_coalesce",
    "aten::equal",
}
WAITS_BY_MASK = {"aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"}


class Peak:
    """Peak memory that a block takes on the device, in MB; None on the CPU, which has no count."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.mb: float | None = None

    def __enter__(self) -> Peak:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
        return self

    def __exit__(self, *_: object) -> None:
        if self.device.type == "cuda":
            self.mb = round(torch.cuda.max_memory_allocated(self.device) / 1e6, 1)


def throughput(
    network: InceptionXMLNetwork,
    data: Dataset,
    parameters: dict[str, Any],
    device: torch.device,
    seconds: float,
    warm_up: int | None = None,
) -> dict[str, Any]:
    """Rows/s of the training that ``fit`` does, callbacks included, for some seconds."""
    if warm_up is None:
        warm_up = 1 if device.type == "cpu" else 20
    watch = Stopwatch(seconds, warm_up)
    changes = {"max_epochs": 1000, "early_stopping": False}
    with Peak(device) as peak:
        run_training(network, data, parameters, device, callbacks=[("stopwatch", watch)], **changes)
    return {
        "rows_s": round(watch.rows / watch.took, 1),
        "step_ms": round(1e3 * watch.took / (watch.steps - watch.warm_up), 3),
        "steps": watch.steps - watch.warm_up,
        "peak_mb": peak.mb,
    }


@contextmanager
def stepper(
    network: InceptionXMLNetwork,
    data: Dataset,
    parameters: dict[str, Any],
    device: torch.device,
) -> Iterator[Callable[[Callable[[str], None]], int]]:
    """A function that does one training step and tells, by a callback, when a phase has ended.

    It is the step of the training, without the bookkeeping of skorch, and returns the rows.
    """
    config = TrainingConfig.of(parameters | {"device": str(device)}, parameters["head"])
    network = network.to(device).train()
    net = make_net(network, config, 1, rng=np.random.default_rng(0))
    net.initialize()
    net.history.new_epoch()
    guard = NonFiniteGuard()
    guard.on_train_begin(net)
    generator = torch.Generator(device=device)
    generator.manual_seed(0)
    dataset = make_dataset(data, config)

    def endless() -> Iterator[Any]:
        while True:
            yield from net.get_iterator(dataset, training=True)

    batches = endless()

    def step(ended: Callable[[str], None]) -> int:
        X, y = next(batches)
        ended("batch")
        X = {name: x.to(device) for name, x in X.items()}
        y = tuple(x.to(device) for x in y)
        ended("to_device")
        network.zero_grad(set_to_none=True)
        h = net.infer(X)
        ended("forward")
        loss = net.get_loss(h, y, training=True)
        ended("loss")
        loss.backward()
        ended("backward")
        guard.on_grad_computed(net)
        guard.on_batch_end(net, loss=loss, training=True)
        loss.item()  # which skorch keeps in its history
        ended("checks")
        net.optimizer_.step()
        net.optimizer_sparse_.step()
        ended("optimizers")
        return len(X["ids"])

    with in_training(network, config.head, generator):
        network.head.begin_epoch(1, 1)
        yield step


def ignore(_: str) -> None:
    """A phase has ended, and nobody asks."""


def phases(step: Callable[..., int], device: torch.device, seconds: float) -> dict[str, float]:
    """Mean milliseconds of every phase of a step, with a wait for the device after each."""
    spent = dict.fromkeys(PHASES, 0.0)
    last = time.perf_counter()

    def ended(name: str) -> None:
        nonlocal last
        synchronize(device)
        now = time.perf_counter()
        spent[name] += now - last
        last = now

    for _ in range(1 if device.type == "cpu" else 5):
        step(ignore)
    synchronize(device)
    n = 0
    start = last = time.perf_counter()
    while not n or time.perf_counter() - start < seconds:
        step(ended)
        n += 1
    return {name: round(1e3 * total / n, 3) for name, total in spent.items()}


class Waits(TorchDispatchMode):
    """Counts the operators whose result the host has to wait for, by phase and by line.

    It finds them on the CPU too, where they cost nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[tuple[str, str, str]] = Counter()
        self.operators = 0
        self.phase = PHASES[0]

    def ended(self, name: str) -> None:
        """A phase has ended, the next one begins."""
        self.phase = PHASES[(PHASES.index(name) + 1) % len(PHASES)]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = f"aten::{func.overloadpacket.__name__}"
        self.operators += 1
        if self._waits(name, args, kwargs or {}):
            self.found[self.phase, package_line(), name] += 1
        return func(*args, **(kwargs or {}))

    @staticmethod
    def _waits(name: str, args: Any, kwargs: Any) -> bool:
        if name in WAITS_BY_MASK:
            return any(x is not None and x.dtype == torch.bool for x in args[1])
        if name == "aten::repeat_interleave":
            return kwargs.get("output_size") is None
        return name in WAITS


def package_line() -> str:
    """The innermost line of the package that is being run, if torch was not asked by another."""
    frame = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(PACKAGE):
            return f"{path[len(PACKAGE) + 1 :]}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "not of the package"


def waits(step: Callable[..., int], device: torch.device, n_steps: int) -> dict[str, Any]:
    """How often a step makes the host wait: by operators, and on a GPU as CUDA reports it."""
    with Waits() as counter:
        for _ in range(n_steps):
            step(counter.ended)
    found = {
        "operators_a_step": round(counter.operators / n_steps, 1),
        "waiting_operators_a_step": round(counter.found.total() / n_steps, 2),
        "waiting_operators": [
            {"phase": phase, "line": line, "operator": name, "a_step": count / n_steps}
            for (phase, line, name), count in counter.found.most_common()
        ],
        "synchronisations_a_step": None,
    }
    if device.type == "cuda":
        found |= reported_waits(step, n_steps)
    return found


def reported_waits(step: Callable[..., int], n_steps: int) -> dict[str, Any]:
    """Synchronisations that CUDA's debug mode warns of, by Python line."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(n_steps):
                step(ignore)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    lines = Counter(
        f"{w.filename.removeprefix(PACKAGE + '/')}:{w.lineno}"
        for w in caught
        if "synchroniz" in str(w.message).lower()
    )
    return {
        "synchronisations_a_step": round(lines.total() / n_steps, 2),
        "synchronisations": [
            {"line": line, "a_step": count / n_steps} for line, count in lines.most_common()
        ],
    }


def operators(step: Callable[..., int], device: torch.device, n_steps: int) -> dict[str, Any]:
    """The operators that take most of a step, and whether the device or the host bounds it."""
    cuda = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with profile(activities=activities, acc_events=True) as profiled:
        synchronize(device)
        start = time.perf_counter()
        for _ in range(n_steps):
            step(ignore)
        synchronize(device)
        wall = time.perf_counter() - start
    key = "self_device_time_total" if cuda else "self_cpu_time_total"
    events = profiled.key_averages()
    on_host = [e for e in events if e.device_type == torch.autograd.DeviceType.CPU]
    total = sum(getattr(e, key) for e in on_host) or 1.0
    top = sorted(on_host, key=lambda e: -getattr(e, key))[:TOP]
    found: dict[str, Any] = {
        "step_ms": round(1e3 * wall / n_steps, 3),
        "operator_ms": round(total / 1e3 / n_steps, 3),
        "top": [
            {
                "operator": e.key,
                "share": round(getattr(e, key) / total, 4),
                "calls_a_step": e.count / n_steps,
            }
            for e in top
        ],
    }
    if cuda:
        kernels = sum(e.count for e in events if e.device_type == torch.autograd.DeviceType.CUDA)
        found["launches_a_step"] = round(kernels / n_steps, 1)
        found["device_busy"] = round(total / 1e6 / wall, 3)
    waiting = cuda and found["device_busy"] < BUSY
    found["bound_by"] = "the host" if waiting else top[0].key
    return found


def prediction(
    network: InceptionXMLNetwork,
    data: Dataset,
    parameters: dict[str, Any],
    device: torch.device,
    seconds: float,
) -> dict[str, Any]:
    """Rows/s of the network's best 100 labels, for some seconds."""
    network = network.to(device).eval()
    network.fill_caches()
    k = min(CANDIDATES, len(network.head.weight))
    tokens = data.tokens.take(slice(0, ROWS_AT_ONCE))
    small = tokens.take(slice(0, 1024))
    with Peak(device) as peak:
        start = time.perf_counter()
        network_topk(network, small, parameters["max_len"], k)  # warms up, and tells the pace
        some = small if time.perf_counter() - start > seconds / 8 else tokens
        rows, start = 0, time.perf_counter()
        while not rows or time.perf_counter() - start < seconds:
            network_topk(network, some, parameters["max_len"], k)
            rows += len(some)
        took = time.perf_counter() - start
    return {"rows_s": round(rows / took, 1), "labels_a_row": k, "peak_mb": peak.mb}


def compiled(
    make: Callable[[], InceptionXMLNetwork],
    data: Dataset,
    parameters: dict[str, Any],
    device: torch.device,
    seconds: float,
) -> dict[str, Any]:
    """Rows/s of the training with the encoder as it is and compiled, also by CUDA graphs."""
    found: dict[str, Any] = {}
    graphs = {"CUDA graphs": "reduce-overhead"} if device.type == "cuda" else {}
    for name, mode in ({"as it is": False, "compiled": True} | graphs).items():
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", RuntimeWarning)
            found[name] = throughput(
                make(), data, parameters | {"compile": mode}, device, seconds, COMPILED_BY
            )
        found[name]["seconds"] = round(time.perf_counter() - start, 1)
        said = [str(w.message) for w in caught if "could not be compiled" in str(w.message)]
        if said:
            found["error"] = f"{name}: {said[0]}"
    return found


def as_run(precision: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters with a precision of the products of matrices."""
    return parameters | {"mixed_precision": precision == "bfloat16"}


def costs(
    network: InceptionXMLNetwork,
    data: Dataset,
    parameters: dict[str, Any],
    device: torch.device,
    seconds: float,
) -> dict[str, Any]:
    """Everything above, in both precisions; the profile in the precision that was first."""
    found: dict[str, Any] = {}
    for precision in ("float32", "bfloat16"):
        own = as_run(precision, parameters)
        part = {"training": throughput(network, data, own, device, seconds)}
        with stepper(network, data, own, device) as step:
            part["phases_ms"] = phases(step, device, seconds / 2)
            if precision == "float32":
                n_steps = 2 if device.type == "cpu" else 10
                part["waits"] = waits(step, device, n_steps)
                part["profile"] = operators(step, device, n_steps)
        found[precision] = part
    found["prediction"] = prediction(network, data, parameters, device, seconds)
    return found
