"""Training in mixed precision, and label vectors in half precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _models import small
from safetensors.numpy import load_file

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.exceptions import ModelFormatError
from sk_inceptionxml.network import losses
from sk_inceptionxml.network.losses import one_vs_all_loss, one_vs_all_loss_and_best
from sk_inceptionxml.network.one_vs_all import OneVsAllHead
from sk_inceptionxml.network.quantized import exactly
from sk_inceptionxml.persistence.files import ArrayFile

THINGS = ["boat", "kite", "lamp", "drum", "door", "rope"]
COLOURS = ["red", "blue", "green", "white"]
PAIRS = [(colour, thing) for colour in COLOURS for thing in THINGS]
TITLES = [f"a {colour} {thing}" for _ in range(6) for colour, thing in PAIRS]
LISTS = [list(pair) for _ in range(6) for pair in PAIRS]
HEADS = ["ova", "sync"]


def fit(head, **params):
    settings = dict(embedding_dim=32, n_filters=8, batch_size=16, max_epochs=12, n_neighbors=0)
    settings |= dict(lr=1e-2, label_lr=3e-2, validation_fraction=0.0)
    settings |= dict(dropout=0.0, classifier_dropout=0.0, mixed_precision=False)
    if head == "sync":
        settings |= dict(n_clusters=3, meta_dropout=0.0)
    return small(head=head, **settings | params).fit(TITLES, LISTS)


def labels_of(clf):
    return clf.net_.module_.head.weight


@pytest.mark.parametrize("chunk", [1 << 24, 40])
@pytest.mark.parametrize("masked", [False, True])
def test_the_loss_in_mixed_precision_is_that_in_full_up_to_rounding(chunk, masked, monkeypatch):
    monkeypatch.setattr(losses, "LABEL_CHUNK", chunk)
    torch.manual_seed(0)
    h, weight, bias = torch.randn(8, 16), torch.randn(23, 16) / 4, torch.randn(23)
    rows, columns = torch.arange(8), torch.arange(8) * 2
    mask = torch.ones(8, 23, dtype=torch.bool) if masked else None
    if masked:
        mask[:, 17:] = False
    results = []
    for mixed in (False, True):
        leaves = [x.clone().requires_grad_() for x in (h, weight, bias)]
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            loss = one_vs_all_loss(*leaves, rows, columns, torch.full((8,), 1 / 8), mask)
        loss.backward()
        assert {x.dtype for x in (loss, *(leaf.grad for leaf in leaves))} == {torch.float32}
        results.append([loss.detach(), *(leaf.grad for leaf in leaves)])
    for full, mixed in zip(*results, strict=True):
        assert torch.norm(full - mixed) <= 0.02 * torch.norm(full)
        assert not torch.equal(full, mixed)


def test_the_best_labels_come_from_the_logits_of_mixed_precision():
    h, weight, bias = torch.randn(8, 16), torch.randn(23, 16), torch.zeros(23)
    with torch.autocast("cpu", torch.bfloat16):
        none = torch.empty(0, dtype=torch.int64)
        _, best = one_vs_all_loss_and_best(h, weight, bias, none, none, torch.ones(8), k=3)
    z = (h.bfloat16() @ weight.bfloat16().t()).float()
    assert torch.equal(z.gather(1, best), z.topk(3).values)


@pytest.mark.parametrize("head", HEADS)
def test_mixed_precision_learns_what_full_does(head):
    full, mixed = fit(head=head), fit(head=head, mixed_precision=True)
    assert mixed.score(TITLES, LISTS) >= full.score(TITLES, LISTS) - 0.05 > 0.8
    assert mixed.loss_curve_ != full.loss_curve_
    np.testing.assert_allclose(mixed.loss_curve_, full.loss_curve_, rtol=0.2)
    assert {p.dtype for p in mixed.net_.module_.parameters()} == {torch.float32}
    again = fit(head=head, mixed_precision=True)
    assert torch.equal(labels_of(again), labels_of(mixed))


@pytest.mark.parametrize("head", HEADS)
def test_half_precision_rounds_the_label_vectors_and_nothing_else(head):
    full, half = fit(head=head), fit(head=head, label_dtype="float16")
    states = [clf.net_.module_.state_dict() for clf in (full, half)]
    for name, value in states[0].items():
        if name == "head.weight":  # in eight bits and in half precision
            step = value.abs().amax(1, keepdim=True) / 127
            assert ((states[1][name].float() - value).abs() <= 0.52 * step + 1e-3).all()
        else:
            assert torch.equal(value, states[1][name]), name
    p, q = (clf.predict_proba(TITLES[:24]).toarray() for clf in (full, half))
    assert np.abs(p - q).max() < 0.01


def test_half_precision_logits_are_those_of_the_rounded_vectors(monkeypatch):
    monkeypatch.setattr(losses, "CAST_BUDGET", 5 * 16)  # five labels at once
    head = OneVsAllHead(16, 16, torch.ones(23), 100, 0.0, 0.0).eval()
    with torch.no_grad():
        torch.nn.init.normal_(head.weight)
        head.weight.data = head.weight.data.half()
        h = torch.randn(4, 16)
        z = head.features(h) @ head.weight.float().t() + head.bias
        score, label = head.topk(h, 6)
        torch.testing.assert_close(score, z.topk(6).values)
        assert torch.equal(label, z.topk(6).indices)
        first, last = (part.topk(6) for part in (z[:, :12], z[:, 12:]))
        score, label = head.topk(h, 6, n_first=12)
        assert torch.equal(label, torch.cat([first.indices, last.indices + 12], 1))


@pytest.mark.parametrize("head", HEADS)
def test_half_precision_round_trips_in_half_the_bytes(head, tmp_path):
    half = fit(head=head, label_dtype="float16")
    half.save(tmp_path / "half")
    stored = load_file(tmp_path / "half" / "weights.safetensors")["head.weight"]
    assert stored.dtype == np.float16
    loaded = InceptionXMLClassifier.load(tmp_path / "half")
    assert labels_of(loaded).dtype == torch.float16
    for a, b in zip(half.predict_topk(TITLES[:24]), loaded.predict_topk(TITLES[:24]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_only_weights_may_be_stored_in_half_precision():
    half = np.ones((3, 2), dtype=np.float16)
    file = ArrayFile({"head.weight": half, "X.data": half}, "weights.safetensors")
    assert file.take("head.weight", "f", (3, 2), half=True) is half
    with pytest.raises(ModelFormatError, match=r"X\.data has dtype float16"):
        file.take("X.data", "f", (3, 2))


@pytest.mark.parametrize("head", HEADS)
def test_few_bits_hold_every_weight_after_training(head):
    clf = fit(head=head)
    for _ in range(2):
        for name, weight in clf.net_.module_.named_parameters():
            assert weight.dtype == torch.float32
            if name == "head.weight":
                assert exactly(weight.detach()) is not None
            else:
                assert weight.ndim < 2 or torch.equal(weight, weight.half().float()), name
        clf.partial_fit(TITLES[:20], LISTS[:20])


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_training_goes_on_in_full_precision(head, optimizer):
    clf = fit(head=head, label_dtype="float16", label_optimizer=optimizer)
    before = labels_of(clf).detach().clone()
    clf.partial_fit([*TITLES[:20], "a red flag"], [*LISTS[:20], ["red", "flag"]])
    assert labels_of(clf).dtype == torch.float16
    assert len(labels_of(clf)) == len(before) + 1
    net = clf.net_
    states = [s for o in (net.optimizer_, net.optimizer_sparse_) for s in o.state.values()]
    kinds = {x.dtype for s in states for x in s.values() if isinstance(x, torch.Tensor)}
    assert kinds == {torch.float32}
    warm = fit(head=head, label_dtype="float16", label_optimizer=optimizer)
    warm.set_params(warm_start=True, head__label_dtype="float32").fit(TITLES, LISTS)
    assert labels_of(warm).dtype == torch.float32
    assert warm.score(TITLES, LISTS) > 0.9


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("head", HEADS)
def test_on_a_gpu(head):
    clf = fit(head=head, device="cuda", mixed_precision=True, label_dtype="float16")
    assert clf.score(TITLES, LISTS) > 0.9
