"""The public face: ``fit`` of a classifier on all processes that ``torchrun`` started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from sk_inceptionxml._utils.settings import own_settings
from sk_inceptionxml._utils.threads import gradients
from sk_inceptionxml.network.network import InceptionXMLNetwork
from sk_inceptionxml.training.trainer import resolve_device

from .ranks import LONGEST_WAIT, Ranks
from .shards import cut_head
from .training import dismiss, follow, lead

Classifier = TypeVar("Classifier", bound=Any)

GIVEN_BY_TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@own_settings()
def fit_distributed(
    classifier: Classifier,
    X: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    validation_data: Any = None,
    label_texts: Any = None,
) -> Classifier | None:
    """``classifier.fit(X, y)`` on all processes that ``torchrun`` started.

    Every process has a copy of the encoder and encodes its share of each batch. Label vectors,
    meta-labels and their optimiser state are divided: N processes hold 1/N of them each. A batch
    has ``batch_size`` rows in all, so that the result is that of one process, apart from
    rounding, dropout masks and sampled negatives.

    Only rank 0 reads the arguments after the first, holds the lexical memory and writes to
    ``checkpoint_dir``. The other ranks may pass None. A checkpoint also goes on in one process, or
    in another number of them.

    Parameters
    ----------
    classifier : InceptionXMLClassifier
        With the head "ova" or "sync". With ``device="auto"`` or ``"cuda"``, rank i of a machine
        trains on its GPU i. Its ``callbacks`` are called on rank 0 alone.
    X, y, sample_weight, validation_data, label_texts : as in ``fit``

    Returns
    -------
    classifier : InceptionXMLClassifier or None
        On rank 0, the fitted classifier, with its network on the CPU. On the other ranks None.

    Raises
    ------
    RuntimeError
        If the process was not started by ``torchrun`` and has no process group of its own, if
        rank 0 failed, or on Ctrl-C.
    ValueError
        If ``device`` names one GPU, or there are fewer labels or clusters than processes.

    Other errors are those of ``fit``.

    Examples
    --------
    In a file that ``torchrun --nproc-per-node 2 train.py`` starts::

        fitted = fit_distributed(InceptionXMLClassifier(), titles, labels)
        if fitted is not None:
            fitted.save("model")
    """
    with process_group(), gradients():
        if dist.get_world_size() == 1:
            fitted: Classifier = classifier.fit(X, y, sample_weight, validation_data, label_texts)
            return fitted
        ranks = Ranks(rank_device(classifier.device))
        if not ranks.is_first:
            follow(ranks)
            return None
        begun = False

        def train_network(network: InceptionXMLNetwork, *rest: Any) -> Any:
            nonlocal begun
            shards = cut_head(network.head, ranks.size)
            begun = True  # from now on, the others hear from rank 0 what to do
            return lead(ranks, shards, network, *rest)

        try:
            return classifier._fit_by(  # type: ignore[no-any-return]
                train_network, X, y, sample_weight, validation_data, label_texts
            )
        except BaseException as error:
            if not begun:
                dismiss(ranks, error)
            raise


@contextmanager
def process_group() -> Iterator[None]:
    """The caller's process group, or one made of what ``torchrun`` tells and left afterwards."""
    if dist.is_initialized():
        yield
        return
    missing = [name for name in GIVEN_BY_TORCHRUN if name not in os.environ]
    if missing:
        raise RuntimeError(
            f"fit_distributed found no process group and no {missing[0]} in the environment; start "
            "the script with `torchrun --nproc-per-node N script.py`."
        )
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=LONGEST_WAIT)
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank_device(device: str) -> torch.device:
    """Where this process trains: on a GPU of its own, or on the CPU.

    Raises
    ------
    ValueError
        If the device names one GPU for all.
    """
    resolved = resolve_device(device)
    if resolved.index is not None:
        raise ValueError(
            f"device={device!r} names one device for all processes; use 'cuda' or 'auto', with "
            "which each has its own."
        )
    if resolved.type != "cuda":
        return resolved
    place = int(os.environ.get("LOCAL_RANK", dist.get_rank() % torch.cuda.device_count()))
    own = resolve_device(f"cuda:{place}")
    torch.cuda.set_device(own)
    return own
