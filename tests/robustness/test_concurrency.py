"""One fitted model in many threads, processes and copies: the same bits everywhere."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import concurrent_predictions as threads
import joblib
import numpy as np
import pytest
import torch

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.network.layers import SpectralWeight

HERE = Path(__file__).parent


@pytest.fixture(scope="module", params=["ova", "sync"])
def model(request):
    settings = {**threads.SETTINGS, "head": request.param}
    return InceptionXMLClassifier(**settings).fit(threads.TITLES, threads.LISTS)


def test_threads_get_the_answers_of_one(model):
    _, batches = threads.questions("text")
    assert threads.differing(model, batches[:24], n_threads=8, n_calls=12) == 0


def test_threads_get_the_answers_of_one_on_a_matrix():
    X, batches = threads.questions("matrix")
    fitted = InceptionXMLClassifier(**threads.SETTINGS).fit(X, threads.LISTS)
    assert threads.differing(fitted, batches[:24], n_threads=8, n_calls=12) == 0


def test_a_differing_answer_is_counted(model, monkeypatch):
    answers = iter(range(1000))
    monkeypatch.setattr(threads, "ask", lambda *_: next(answers))
    _, batches = threads.questions("text")
    assert threads.differing(model, batches[:3], n_threads=2, n_calls=5) == 10


def test_copies_give_the_same_bits(model):
    _, batches = threads.questions("text")
    expected = [threads.ask(model, X) for X in batches[:10]]
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert [threads.ask(twin, X) for X in batches[:10]] == expected


def caches(model):
    """What evaluation reuses."""
    return [m._cached for m in model.net_.module_.modules() if isinstance(m, SpectralWeight)]


def test_caches_are_full_after_fit_and_load(model, tmp_path):
    model.save(tmp_path / "model")
    loaded = InceptionXMLClassifier.load(tmp_path / "model", device="cpu")
    for fitted in (model, loaded):
        assert len(caches(fitted)) == {"ova": 2, "sync": 4}[model.head_]
        assert all(cached is not None for cached in caches(fitted))
    module = loaded.net_.module_
    module.train()
    assert all(cached is None for cached in caches(loaded))


def test_the_net_can_be_differentiated_after_predictions(model):
    """A cache made in inference mode would break this."""
    twin = copy.deepcopy(model)
    twin.predict_topk(["a red boat"])
    ids = torch.tensor([[2, 3]])
    twin.net_.module_(ids).sum().backward()
    assert twin.net_.module_.embedding.weight.grad is not None


FORKED = """
import multiprocessing, sys
import torch
import concurrent_predictions as threads
from sk_inceptionxml import InceptionXMLClassifier

torch.set_num_threads(2)
_, batches = threads.questions("text")
long = [" ".join(threads.TITLES[i : i + 20]) for i in range(100)]
settings = {**threads.SETTINGS, "n_filters": 32, "n_neighbors": 0}
model = InceptionXMLClassifier(**settings).fit(threads.TITLES, threads.LISTS)
expected = [threads.ask(model, X) for X in (batches[0], long)]

def child():
    found = [threads.ask(model, X) for X in (batches[0], long)]
    same = found == expected and torch.get_num_threads() == 2
    InceptionXMLClassifier(**settings).fit(threads.TITLES, threads.LISTS)
    model.save(sys.argv[1])
    loaded = InceptionXMLClassifier.load(sys.argv[1], device="cpu")
    same = same and [threads.ask(loaded, X) for X in (batches[0], long)] == expected
    sys.exit(0 if same else 3)

process = multiprocessing.get_context("fork").Process(target=child)
process.start()
process.join(60)
print("exit code", process.exitcode)
process.kill()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_predicts_fits_and_loads(tmp_path):
    """Without care the child waits for ever for threads that were not copied."""
    path = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(tmp_path / "model")],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == "exit code 0", done.stdout + done.stderr


def threads_and_answer(model, X):
    return os.getpid(), torch.get_num_threads(), threads.ask(model, X)


def test_workers_of_joblib_share_the_processors(model):
    """Each worker gets its share of the threads, and the answers do not depend on it."""
    _, batches = threads.questions("text")
    jobs = [joblib.delayed(threads_and_answer)(model, X) for X in batches[:4]]
    found = joblib.Parallel(n_jobs=2)(jobs)
    assert os.getpid() not in {pid for pid, _, _ in found}
    assert max(n for _, n, _ in found) <= max(1, joblib.cpu_count() // 2)
    assert [answer for _, _, answer in found] == [threads.ask(model, X) for X in batches[:4]]
    assert np.isfinite(model.predict_topk(batches[0])[1]).all()
