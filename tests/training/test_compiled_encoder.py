"""A compiled encoder computes what the plain one does, without a break, or gives way to it."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from _models import small

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.network.encoder import InceptionEncoder
from sk_inceptionxml.training import compiled_encoder as compiling

TITLES = ["red wooden boat", "blue wooden boat", "red kite", "blue kite flies", "leaf"] * 12
LABELS = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"], ["leaf"]] * 12


@pytest.fixture
def traced(monkeypatch):
    """Trace and differentiate as the compiler does, without its minute of making code."""
    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    yield
    torch.compiler.reset()


def make_encoder(project_dropout=0.25):
    generator = torch.Generator().manual_seed(0)
    encoder = InceptionEncoder(
        12, 32, 4, (4, 8), 0.25, project_dropout, embedding_skip=True, generator=generator
    )
    for module in encoder.modules():
        if hasattr(module, "generator"):
            module.generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        encoder.enhance.gamma_words.fill_(0.3)
        encoder.enhance.gamma_dims.fill_(0.2)
    return encoder.train()


@pytest.mark.parametrize("project_dropout", [0.0, 0.25])
def test_features_and_gradients_are_those_of_the_plain_encoder_without_a_break(
    traced, project_dropout
):
    plain, other = make_encoder(project_dropout), make_encoder(project_dropout)
    rng = np.random.default_rng(0)
    with compiling.compiled_encoder(other, True):
        for n, s in [(16, 7), (16, 3), (5, 12), (16, 1), (1, 4), (9, 9)]:
            x = torch.from_numpy(rng.normal(size=(n, s, 32)).astype(np.float32))
            lengths = torch.full((n,), s)
            found = []
            for encoder in (plain, other):
                encoder.zero_grad()
                h = encoder(x, lengths)
                h.square().sum().backward()
                found.append([h, *(p.grad for p in encoder.parameters())])
            for a, b in zip(*found, strict=True):
                torch.testing.assert_close(a, b, rtol=2e-4, atol=1e-4)
        assert other.compiled.compiled is not None  # nothing has given way
    for a, b in zip(plain.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("head", ["ova", "sync"])
def test_a_compiled_training_learns_the_same_and_leaves_no_trace(traced, head, tmp_path):
    plain, other = (
        small(head=head, max_epochs=4, compile=value).fit(TITLES, LABELS) for value in (False, True)
    )
    np.testing.assert_allclose(other.loss_curve_, plain.loss_curve_, rtol=1e-3)
    assert other.net_.module_.encoder.compiled is None
    pickle.loads(pickle.dumps(other))
    copy.deepcopy(other)
    other.save(tmp_path / "m")
    assert InceptionXMLClassifier.load(tmp_path / "m").get_params()["compile"] is True


def test_where_torch_cannot_compile_the_training_goes_on(monkeypatch):
    def broken(function, **kwargs):
        def fail(*args):
            raise OSError("no compiler\nin this place")

        return fail

    plain = small(max_epochs=3).fit(TITLES, LABELS)
    monkeypatch.setattr(torch, "compile", broken)
    with pytest.warns(RuntimeWarning, match="could not be compiled.*no compiler") as caught:
        other = small(max_epochs=3, compile="reduce-overhead").fit(TITLES, LABELS)
    assert len(caught) == 1
    assert other.loss_curve_ == plain.loss_curve_


def test_the_mode_is_that_of_torch(monkeypatch):
    seen = []
    monkeypatch.setattr(torch, "compile", lambda f, **kwargs: seen.append(kwargs["mode"]) or f)
    for value in (False, True, "reduce-overhead"):
        small(compile=value).fit(TITLES, LABELS)
    assert seen == [None, "reduce-overhead"]
    with pytest.raises(ValueError, match="compile"):
        small(compile="faster").fit(TITLES, LABELS)
