"""Two processes, which torchrun starts, train what one process does."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from _models import small
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from _problem import HEADS, LABELS, MANY, TEN_STEPS, TITLES, Kept, problem  # noqa: E402

from sk_inceptionxml import InceptionXMLClassifier  # noqa: E402
from sk_inceptionxml.distributed import fit_distributed  # noqa: E402
from sk_inceptionxml.distributed.fit import rank_device  # noqa: E402
from sk_inceptionxml.distributed.shards import cut_head, cut_labels  # noqa: E402
from sk_inceptionxml.network.layers import ChannelNorm  # noqa: E402
from sk_inceptionxml.training.trainer import train  # noqa: E402


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("ranks")


@pytest.fixture(scope="module")
def results(out):
    """What both ranks found, by the name of the job."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    jobs = str(Path(__file__).with_name("_jobs.py"))
    done = subprocess.run(
        [*launcher, "--nproc-per-node", "2", jobs, str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    found = [pickle.loads((out / f"rank-{rank}.pickle").read_bytes()) for rank in range(2)]
    return {name: [part[name] for part in found] for name in found[0]}


@pytest.mark.parametrize("name", TEN_STEPS)
def test_ten_steps_are_those_of_one_process(name, results):
    expected, (found, _) = Kept(), results[f"ten steps: {name}"]
    head, further = TEN_STEPS[name]
    network, *rest = problem(head)
    start = {k: v.numpy().copy() for k, v in network.state_dict().items()}
    train(network, *rest, store=expected, further=further)
    assert found.arrays.keys() == expected.last.arrays.keys()
    moved = 0.0
    for key, array in expected.last.arrays.items():
        if key == "random.dropout":  # every rank has its own masks
            continue
        assert found.arrays[key].dtype == array.dtype
        np.testing.assert_allclose(found.arrays[key], array, rtol=1e-5, atol=1e-6, err_msg=key)
        if array.dtype == np.float64 and key.startswith("module."):
            moved = max(moved, np.abs(array - start[key.removeprefix("module.")]).max())
    assert moved > 1e-3  # else there would be nothing to compare
    assert found.plain["integers"] == expected.last.plain["integers"]
    assert found.plain["random"] == expected.last.plain["random"]


@pytest.mark.parametrize("head", ["ova", "sync"])
def test_a_whole_fit_gives_an_ordinary_classifier(head, results, out):
    first, second = results[f"whole fit: {head}"]
    assert set(second) == {"held"}  # no classifier there
    params = {"n_clusters": 4} if head == "sync" else {}
    params |= {"max_epochs": 12, "batch_size": 32, "word_dropout": 0.0}
    alone = small(head=head, **params).fit(*MANY)
    assert first["score"] == alone.score(TITLES, LABELS) == 1.0
    for ours, loaded in zip(*first["rankings"], strict=True):
        np.testing.assert_array_equal(ours, loaded)
    loaded = InceptionXMLClassifier.load(out / f"model-{head}")
    assert loaded.score(TITLES, LABELS) == 1.0


@pytest.mark.parametrize("job", ["whole fit: ova", "whole fit: sync"])
def test_each_rank_holds_half_of_the_labels_and_of_their_optimiser_state(job, results):
    (rows, state), (other_rows, other_state) = (part["held"] for part in results[job])
    whole_rows, whole_state = results[job][0]["whole"]
    for name, n in whole_rows.items():
        assert rows[name] + other_rows[name] == n
        assert max(rows[name], other_rows[name]) <= n // 2 + 1
    assert state + other_state == whole_state > 0
    assert max(state, other_state) <= 0.6 * whole_state


def test_a_training_that_broke_off_goes_on_as_if_it_had_not(results):
    (losses, weights), (resumed_losses, resumed_weights) = results["resumed"][0]
    assert losses == resumed_losses and len(losses) == 3
    for name, weight in weights.items():
        np.testing.assert_array_equal(weight, resumed_weights[name], err_msg=name)


def test_one_process_goes_on_with_a_checkpoint_of_two(results, out):
    directory = out / "broken"
    params = {"max_epochs": 3, "dropout": 0.5, "early_stopping": True, "n_iter_no_change": 5}
    params["validation_fraction"] = 0.2
    params |= {"batch_size": 32, "word_dropout": 0.0, "head": "sync", "n_clusters": 4}
    alone = small(checkpoint_dir=directory, **params).fit(*MANY)
    assert alone.loss_curve_ == results["resumed"][0][1][0]


def test_a_callback_of_the_user_stops_every_rank(results):
    assert results["stopped by a callback"] == [2, 2]


def test_mixed_precision_learns(results):
    curve = results["mixed precision"][0]
    assert curve[-1] < curve[0]


def test_errors_of_rank_0_are_known_everywhere(results):
    (bad, few), (also_bad, also_few) = results["refused"]
    assert bad.startswith("InvalidParameterError") and "lr" in bad
    assert few.startswith("ValueError: 1 labels cannot be divided among 2 processes")
    for first, second in ((bad, also_bad), (few, also_few)):
        assert second == f"RuntimeError: rank 0 failed before the training began: {first}"


def test_without_torchrun_the_error_names_it(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(RuntimeError, match="torchrun --nproc-per-node"):
        fit_distributed(small(), TITLES, LABELS)


def test_a_device_that_all_would_share_is_refused():
    assert rank_device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match="device='cpu:0' names one device for all"):
        rank_device("cpu:0")


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(1, 6), st.randoms())
def test_labels_are_divided_at_the_borders_of_clusters(sizes, n_ranks, random):
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    random.shuffle(clusters)
    if len(sizes) < n_ranks:
        with pytest.raises(ValueError, match="clusters of labels cannot be divided"):
            cut_labels(len(clusters), clusters, n_ranks)
        return
    shards = cut_labels(len(clusters), clusters, n_ranks)
    assert len(shards) == n_ranks
    first = 0
    for shard in shards:
        np.testing.assert_array_equal(clusters[shard.columns], shard.clusters + first)
        found = set(shard.clusters)
        assert found == set(range(len(found)))
        first += len(found)
        assert np.all(np.diff(shard.columns) > 0)
        assert len(shard.columns) <= len(clusters) / n_ranks + 2 * max(sizes)
    together = np.concatenate([shard.columns for shard in shards])
    np.testing.assert_array_equal(np.sort(together), np.arange(len(clusters)))


def test_labels_without_clusters_are_divided_evenly():
    sizes = [len(shard.columns) for shard in cut_labels(23, None, 4)]
    assert sizes == [6, 6, 6, 5]


def test_a_head_that_cannot_be_divided_is_refused(monkeypatch):
    network, *_ = problem(HEADS["ova, adam"])
    monkeypatch.setattr(type(network.head), "divisible", False)
    with pytest.raises(ValueError, match="does not divide its labels"):
        cut_head(network.head, 2)
    assert any(isinstance(module, ChannelNorm) for module in network.modules())
