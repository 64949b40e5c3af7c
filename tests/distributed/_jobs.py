"""What the tests let two processes do; ``torchrun`` starts this file."""

from __future__ import annotations

import os
import pickle
import sys
import traceback
import warnings
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
from _models import small  # noqa: E402
from _problem import LABELS, MANY, TEN_STEPS, TITLES, Kept, problem  # noqa: E402
from skorch.callbacks import Callback  # noqa: E402

from sk_inceptionxml import InceptionXMLClassifier  # noqa: E402
from sk_inceptionxml.distributed import fit_distributed, training  # noqa: E402
from sk_inceptionxml.distributed.ranks import Ranks  # noqa: E402
from sk_inceptionxml.distributed.shards import cut_head  # noqa: E402

OUT = Path(sys.argv[1])


def ten_steps(name):
    """The state after ten steps, as a checkpoint has it, on rank 0."""
    ranks = Ranks(torch.device("cpu"))
    if not ranks.is_first:
        return training.follow(ranks)
    head, further = TEN_STEPS[name]
    network, *rest = problem(head)
    store, shards = Kept(), cut_head(network.head, ranks.size)
    training.lead(ranks, shards, network, *rest, store=store, further=further)
    return store.last


def held(net):
    """Rows of the tables of labels and clusters, and numbers that their optimisers keep."""
    tables = dict(net.module_.head.named_parameters(recurse=False))
    states = [net.optimizer_.state, net.optimizer_sparse_.state]
    kept = sum(
        x.numel()
        for state in states
        for p in tables.values()
        for x in state.get(p, {}).values()
        if isinstance(x, torch.Tensor) and x.ndim
    )
    return {name: len(p) for name, p in tables.items()}, kept


def fit(head, check=lambda net: None, **params):
    """The fitted classifier on rank 0, and what ``check`` finds in every rank's net."""
    found = []
    original = training.take_snapshot

    def spy(net, *rest):
        found[:] = [check(net)]
        return original(net, *rest)

    training.take_snapshot = spy
    try:
        params = {"max_epochs": 12, "batch_size": 32, "word_dropout": 0.0} | params
        params |= {"n_clusters": 4} if head == "sync" else {}
        fitted = fit_distributed(small(head=head, **params), *MANY)
    finally:
        training.take_snapshot = original
    return fitted, found[0]


def whole_fit(head, **params):
    fitted, sizes = fit(head, held, **params)
    if fitted is None:
        return {"held": sizes}
    fitted.save(OUT / f"model-{head}")
    models = (fitted, InceptionXMLClassifier.load(OUT / f"model-{head}"))
    rankings = [model.predict_topk(TITLES, 3) for model in models]
    score = fitted.score(TITLES, LABELS)
    fitted.partial_fit(TITLES, LABELS)  # an ordinary classifier goes on
    return {"held": sizes, "score": score, "rankings": rankings, "whole": held(fitted.net_)}


class Broken(RuntimeError):
    pass


def broken_and_resumed(head):
    """Loss curves and weights of a training in one go, and of one that broke off between."""
    params = {"max_epochs": 3, "dropout": 0.5, "early_stopping": True, "n_iter_no_change": 5}
    params["validation_fraction"] = 0.2
    straight, _ = fit(head, checkpoint_dir=OUT / "straight", **params)
    directory = OUT / "broken"
    original, calls = training.DividedStore.write, []

    def write(self, snapshot):
        original(self, snapshot)
        calls.append(1)
        if len(calls) == 3:  # before the first epoch, and after two of them
            raise Broken

    training.DividedStore.write = write
    try:
        fit(head, checkpoint_dir=directory, **params)
    except Broken:
        pass
    finally:
        training.DividedStore.write = original
    resumed, _ = fit(head, checkpoint_dir=directory, **params)
    if resumed is None:
        return None
    return [
        (clf.loss_curve_, {k: v.numpy() for k, v in clf.net_.module_.state_dict().items()})
        for clf in (straight, resumed)
    ]


class StopAfter(Callback):
    """Ends the training as skorch's own ``EarlyStopping`` does."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.n_epochs:
            raise KeyboardInterrupt


def stopped_by_callback():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the training says that it ended early
        return fit("ova", lambda net: len(net.history), callbacks=[StopAfter(2)])[1]


def mixed_precision(head):
    fitted, _ = fit(head, mixed_precision=True, max_epochs=4)
    return None if fitted is None else fitted.loss_curve_


def refused():
    """Errors of every rank: of a bad parameter, and of too few labels."""
    messages = []
    for params, y in [({"lr": -1.0}, LABELS), ({}, ["one"] * len(TITLES))]:
        try:
            fit_distributed(small(**params), TITLES, y)
        except Exception as error:  # each rank has its own
            messages.append(f"{type(error).__name__}: {error}")
    return messages


JOBS = {
    **{f"ten steps: {name}": (ten_steps, name) for name in TEN_STEPS},
    "whole fit: ova": (whole_fit, "ova"),
    "whole fit: sync": (lambda: whole_fit("sync", max_negatives=4),),  # some are sampled
    "resumed": (broken_and_resumed, "sync"),
    "stopped by a callback": (stopped_by_callback,),
    "mixed precision": (mixed_precision, "sync"),
    "refused": (refused,),
}


def main():
    torch.set_num_threads(1)
    np.random.seed(0)
    dist.init_process_group("gloo")
    results = {}
    for name, (job, *args) in JOBS.items():
        try:
            results[name] = job(*args)
        except Exception:
            traceback.print_exc()
            sys.exit(f"{name} failed on rank {dist.get_rank()}")
    with open(OUT / f"rank-{os.environ['RANK']}.pickle", "wb") as file:
        pickle.dump(results, file)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
