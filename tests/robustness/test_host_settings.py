"""Settings of the process around a call: they change no result, and are as they were."""

from __future__ import annotations

import contextlib
import decimal
import gc
import locale
import os
import random

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from _models import small

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml._utils.settings import own_settings

TITLES = [f"{a} {b}" for a in ("red", "blue", "grün") for b in ("boat", "kite", "lamp")] * 8
LISTS = [title.split() for title in TITLES]


def answers(directory):
    """Bytes of what a fit, a further pass, a save and a load lead to."""
    clf = small(head="sync", n_clusters=3).fit(TITLES, LISTS)
    clf.partial_fit(["old river"], [["river"]])
    clf.save(directory)
    loaded = InceptionXMLClassifier.load(directory, device="cpu")
    found = []
    for model in (clf, loaded):
        names, scores = model.predict_topk(["a red boat", "blue lamps", ""], k=4)
        found += [repr(names.tolist()).encode(), scores.tobytes()]
        found.append(np.asarray(model.predict_proba(["kite"]).todense()).tobytes())
    found.append(b"".join(v.numpy().tobytes() for v in clf.net_.module_.state_dict().values()))
    return found


@contextlib.contextmanager
def undone(change, read, restore):
    before = read()
    change()
    changed = read()
    try:
        yield
        assert str(read()) == str(changed), "the setting is not as it was"
    finally:
        restore(before)


def default_type(kind):
    return undone(
        lambda: torch.set_default_dtype(kind), torch.get_default_dtype, torch.set_default_dtype
    )


def generator_states():
    return torch.get_rng_state().sum().item(), np.random.get_state()[1].sum(), random.getstate()[1]


@contextlib.contextmanager
def seeded():
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    before = generator_states()
    yield
    assert generator_states() == before, "a global generator was used"


SETTINGS = {
    "numpy raises": lambda: np.errstate(all="raise"),
    "numpy ignores": lambda: np.errstate(all="ignore"),
    "numpy prints little": lambda: np.printoptions(precision=1, threshold=3),
    "float64": lambda: default_type(torch.float64),
    "bfloat16": lambda: default_type(torch.bfloat16),
    "float16": lambda: default_type(torch.float16),
    "meta device": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "anomaly detection": lambda: torch.autograd.detect_anomaly(check_nan=True),
    "no garbage collection": lambda: undone(
        gc.disable, gc.isenabled, lambda was: gc.enable() if was else None
    ),
    "deterministic": lambda: undone(
        lambda: torch.use_deterministic_algorithms(True),
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    "seeds": seeded,
    "pandas output": lambda: sklearn.config_context(transform_output="pandas"),
    "metadata routing": lambda: sklearn.config_context(enable_metadata_routing=True),
    "skip checks": lambda: sklearn.config_context(
        assume_finite=True, skip_parameter_validation=True
    ),
    "pandas strings": lambda: pd.option_context("mode.string_storage", "python"),
    "decimal": lambda: decimal.localcontext(decimal.Context(prec=2)),
    "locale": lambda: undone(
        lambda: locale.setlocale(locale.LC_ALL, "C"),
        lambda: locale.setlocale(locale.LC_ALL),
        lambda old: locale.setlocale(locale.LC_ALL, old),
    ),
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return answers(tmp_path_factory.mktemp("expected") / "model")


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_changes_nothing_and_is_left(name, expected, tmp_path):
    before = np.geterr(), torch.get_default_dtype(), torch.get_default_device()
    with SETTINGS[name]():
        inside = np.geterr(), torch.get_default_dtype(), torch.is_autocast_enabled("cpu")
        found = answers(tmp_path / "model")
        assert inside == (
            np.geterr(),
            torch.get_default_dtype(),
            torch.is_autocast_enabled("cpu"),
        )
    assert [a == b for a, b in zip(found, expected, strict=True)] == [True] * len(expected)
    assert before == (np.geterr(), torch.get_default_dtype(), torch.get_default_device())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_within_a_call_has_the_settings_of_its_parent():
    with default_type(torch.float64), own_settings():
        child = os.fork()
        if not child:  # the call does not go on in the child
            os._exit(0 if torch.get_default_dtype() == torch.float64 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
