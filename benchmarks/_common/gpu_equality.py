"""Whether a device computes what the CPU does: one step, the ranking, and a short training."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import Any

import numpy as np
import torch
from gpu_problem import Problem, Shape, default, make_network, make_problem, run_training
from torch import Tensor

from sk_inceptionxml.data import Dataset
from sk_inceptionxml.heads import HEADS, Head, OneVsAll, SyncXML
from sk_inceptionxml.metrics import precision_at_k
from sk_inceptionxml.network.network import InceptionXMLNetwork
from sk_inceptionxml.ranking.batched import network_topk
from sk_inceptionxml.training.batches import Batch, LengthBucketedBatches
from sk_inceptionxml.training.config import TrainingConfig
from sk_inceptionxml.training.trainer import make_dataset

# largest difference of a tensor in relation to its norm: of features and losses, and of the rest,
# where the bias before a batch norm has a gradient that is the difference of large numbers
TOLERANCE = {"float32": (1e-5, 2e-3), "float64": (1e-12, 1e-10)}
NEGLIGIBLE = 1e-6  # of the norm of all gradients: below, a gradient is rounding
SAME_LABELS = 0.99  # of the best labels; the others are ties
BEST = 10
BATCH_SIZE = 128
NOISE, LEAST_P_AT_1 = 1.5, 0.03  # times the difference of two seeds; share of the rows


@contextmanager
def exact_products() -> Iterator[None]:
    """Float32 without TF32."""
    switches = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    for switch in switches:
        switch.allow_tf32 = False
    try:
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.allow_tf32 = value


def without_dropout(head: str, quick: bool) -> dict[str, Any]:
    """Parameters under which a training step draws no random number."""
    made: Head = OneVsAll(classifier_dropout=0.0)
    if head == "sync":
        made = SyncXML(classifier_dropout=0.0, meta_dropout=0.0, max_negatives=None)
    return default(made, quick, shuffle_words=False, word_dropout=0.0, dropout=0.0)


def first_batch(problem: Problem, parameters: dict[str, Any]) -> Batch:
    """One batch of the training."""
    dataset = make_dataset(problem.data, TrainingConfig.of(parameters, parameters["head"]))
    return next(iter(LengthBucketedBatches(dataset, BATCH_SIZE, np.random.default_rng(0))))


@torch.no_grad()
def wake_up(network: InceptionXMLNetwork) -> None:
    """Give parameters that start at zero a value, so that every part has a gradient."""
    generator = torch.Generator().manual_seed(1)
    for p in network.parameters():
        if not p.any():
            p.add_(torch.randn(p.shape, generator=generator) * 0.1)


def one_step(
    network: InceptionXMLNetwork,
    batch: Batch,
    device: torch.device,
    dtype: torch.dtype,
    perturb: str | None = None,
) -> dict[str, Tensor]:
    """Features, loss, gradients and buffers of a training step, and the ranking, on the CPU."""
    X, (rows, columns, weight) = batch
    network = copy.deepcopy(network).to(device, dtype).train()
    if perturb:
        with torch.no_grad():
            network.get_parameter(perturb).mul_(1.01)
    ids = X["ids"].to(device)
    h = network(ids)
    loss = network.head.loss(h, rows.to(device), columns.to(device), weight.to(device, dtype))
    loss.backward()
    found = {"features": h.detach(), "loss": loss.detach()}
    for name, p in network.named_parameters():
        if p.grad is not None:
            found[f"gradient of {name}"] = p.grad.to_dense()
    for name, buffer in network.named_buffers():
        if buffer.is_floating_point():
            found[f"buffer {name}"] = buffer
    with torch.inference_mode():
        found["scores"], found["labels"] = network.eval().head.topk(network(ids), BEST)
    return {name: x.cpu() for name, x in found.items()}


def compare_steps(ours: dict[str, Tensor], theirs: dict[str, Tensor], kind: str) -> dict[str, Any]:
    """Largest differences of two steps, in relation to the norms, and whether they are small."""
    near, far = TOLERANCE[kind]
    gradients = [x.double().norm() for name, x in theirs.items() if name.startswith("gradient")]
    floor = NEGLIGIBLE * float(torch.stack(gradients).norm())
    worst: dict[str, tuple[float, str]] = {}
    failed = [] if ours.keys() == theirs.keys() else ["other parameters have a gradient"]
    for name in sorted(ours.keys() & theirs.keys() - {"labels"}):
        a, b = ours[name].double(), theirs[name].double()
        group = name.split()[0]
        size = max(float(b.norm()), floor if group == "gradient" else 1e-30)
        error = float((a - b).norm()) / size
        worst[group] = max(worst.get(group, (0.0, name)), (error, name))
        if not error <= (near if group in ("features", "loss") else far):
            failed.append(f"{name}: {error:.1e}")
    same = float((ours["labels"] == theirs["labels"]).float().mean())
    if same < SAME_LABELS:
        failed.append(f"labels: {same:.3f} are the same")
    return {
        "largest": {group: {"error": e, "of": name} for group, (e, name) in worst.items()},
        "same_labels": same,
        "tolerance": {"features and loss": near, "others": far},
        "failed": failed,
        "equal": not failed,
    }


def steps_equal(
    head: str, device: torch.device, quick: bool, perturb: str | None = None
) -> dict[str, Any]:
    """One step on the CPU and on the device, in float32 without TF32 and in float64."""
    problem = make_problem(Shape(1000, 400, 1200, 3.0, 6.0))
    parameters = without_dropout(head, quick)
    network = make_network(problem, parameters)
    wake_up(network)
    batch = first_batch(problem, parameters)
    found: dict[str, Any] = {}
    with exact_products():
        for kind in TOLERANCE:
            dtype = getattr(torch, kind)
            theirs = one_step(network, batch, torch.device("cpu"), dtype)
            ours = one_step(network, batch, device, dtype, perturb)
            found[kind] = compare_steps(ours, theirs, kind)
    found["equal"] = all(part["equal"] for part in found.values())
    return found


def learn(
    problem: Problem, held_out: Dataset, parameters: dict[str, Any], device: torch.device, seed: int
) -> tuple[np.ndarray, float]:
    """Loss of every epoch, and P@1 of the network on held-out rows."""
    network = make_network(problem, parameters)
    net = run_training(network, problem.data, parameters, device, seed)
    best, _ = network_topk(network, held_out.tokens, parameters["max_len"], 1)
    return np.array(net.history[:, "train_loss"]), float(precision_at_k(held_out.Y, best, k=1))


def compare_curves(
    reference: np.ndarray, curves: list[np.ndarray], p_reference: float, p_at_1: list[float]
) -> dict[str, Any]:
    """Whether a curve of the same seed is as near as those of other seeds are to each other.

    Parameters
    ----------
    reference : ndarray
        Losses on the CPU with the first seed.
    curves : list of ndarray
        Losses on the device, one a seed; the first has the seed of the reference.
    p_reference, p_at_1
        Held-out P@1 of the same trainings.
    """
    between = [float(np.abs(a - b).mean()) for a, b in combinations(curves, 2)]
    apart = float(np.abs(curves[0] - reference).mean())
    p_between = max(abs(a - b) for a, b in combinations(p_at_1, 2))
    p_apart = abs(p_at_1[0] - p_reference)
    within = apart <= NOISE * max(between)
    p_within = p_apart <= max(NOISE * p_between, LEAST_P_AT_1)
    return {
        "loss_cpu": reference.tolist(),
        "loss_device": [curve.tolist() for curve in curves],
        "mean_difference_cpu_device": apart,
        "mean_differences_between_seeds": between,
        "p_at_1_cpu": p_reference,
        "p_at_1_device": p_at_1,
        "equal": bool(within and p_within),
    }


def trainings_equal(head: str, device: torch.device, quick: bool) -> dict[str, Any]:
    """A training of 300 steps on both with one seed, beside further seeds on the device."""
    steps_an_epoch, n_epochs, n_seeds = (8, 3, 2) if quick else (25, 12, 3)
    n_rows, n_held_out = steps_an_epoch * BATCH_SIZE, 1000
    whole = make_problem(Shape(n_rows + n_held_out, 200, 1200, 2.0, 6.0))
    order = np.random.default_rng(0).permutation(len(whole.data))
    problem = whole._replace(data=whole.data.take(np.sort(order[:n_rows])))
    held_out = whole.data.take(np.sort(order[n_rows:]))
    made = HEADS[head]()
    parameters = default(made, quick, max_epochs=n_epochs, batch_size=BATCH_SIZE)
    own = [learn(problem, held_out, parameters, device, seed) for seed in range(n_seeds)]
    cpu = learn(problem, held_out, parameters, torch.device("cpu"), 0)
    curves, p_at_1 = zip(*own, strict=True)
    found = compare_curves(cpu[0], list(curves), cpu[1], list(p_at_1))
    return {"steps": n_epochs * steps_an_epoch, "seeds": n_seeds, **found}
