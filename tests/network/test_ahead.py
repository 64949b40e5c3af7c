"""Where the host runs ahead of the device, a step is the same and makes it wait for nothing.

There is no such device here: the CPU pretends to be one, which takes the same path.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _models import small
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from sk_inceptionxml.exceptions import DivergenceError
from sk_inceptionxml.network.ahead import first_of_equals, marked, sample_marked
from sk_inceptionxml.network.encoder import InceptionEncoder
from sk_inceptionxml.network.synchronized import SyncHead
from sk_inceptionxml.training.callbacks import NonFiniteGuard
from sk_inceptionxml.training.net import XMCNet
from sk_inceptionxml.training.optimizers import RowAdam

TITLES = ["red wooden boat", "blue wooden boat", "red kite", "blue kite", "old house", "leaf boat"]
LABELS = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"], ["house"], ["leaf"]]
B, D, L = 6, 5, 24
WAITS = {
    "_local_scalar_dense",
    "nonzero",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
    "masked_select",
    "_coalesce",
    "equal",
}
INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_"}
CHUNKS = "sk_inceptionxml.network.losses.LABEL_CHUNK_AHEAD"
MANY_OPERATORS = {"ova": 600, "sync": 900}


@pytest.fixture
def ahead(monkeypatch):
    """A function that says whether the CPU pretends to be a device the host runs ahead of."""

    def pretend(yes):
        monkeypatch.setattr("sk_inceptionxml.network.layers.PRETENDS", yes)

    return pretend


class NoWaits(TorchDispatchMode):
    """Refuses operators of whose result the host needs the numbers, or only their number."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name, kwargs = func.overloadpacket.__name__, kwargs or {}
        waits = name in WAITS
        if name in INDEXED:
            waits = any(x is not None and x.dtype == torch.bool for x in args[1])
        if name == "repeat_interleave" and kwargs.get("output_size") is None:
            waits = not isinstance(args[-1], int)
        if waits:
            raise AssertionError(f"the host waits for {name}")
        return func(*args, **kwargs)


def make_head(seed, n_clusters=6, **options):
    g = torch.Generator().manual_seed(seed)
    clusters = torch.randint(n_clusters, (L,), generator=g).numpy()
    clusters[:n_clusters] = np.arange(n_clusters)
    options = {"beam_size": 2, "predict_beam_size": 2} | options
    rates = {"dropout": 0.0, "classifier_dropout": 0.0, "meta_dropout": 0.0}
    counts = np.ones(L, dtype=np.int64)
    head = SyncHead(D, D, clusters, counts, 10, **rates, **options, generator=g)
    return head.double().train()


def batch(seed, n_positives=9):
    g = torch.Generator().manual_seed(seed)
    h = torch.randn(B, D, generator=g, dtype=torch.float64, requires_grad=True)
    places = torch.randperm(B * L, generator=g)[:n_positives].sort().values
    weight = torch.rand(B, generator=g, dtype=torch.float64)
    return h, places // L, places % L, weight


def loss_and_gradients(head, h, *y):
    head.zero_grad()
    h.grad = None
    state = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    loss = head.loss(h, *y)
    loss.backward()
    head.load_state_dict(state)  # a forward pass moves the estimates of the spectral norms
    gradients = {name: p.grad.to_dense() for name, p in head.named_parameters()}
    return {"loss": loss.detach(), "features": h.grad} | gradients


@pytest.mark.parametrize("n_clusters", [1, 6, 24], ids="{} clusters".format)
@pytest.mark.parametrize("forcing", [True, False])
@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("n_positives", [0, 9])
def test_losses_and_gradients_are_those_of_the_cpu(share, forcing, n_positives, n_clusters, ahead):
    head = make_head(3, n_clusters, share_negatives=share, teacher_forcing=forcing, beam_size=1)
    y = batch(4, n_positives)
    expected = loss_and_gradients(head, *y)
    ahead(True)
    found = loss_and_gradients(head, *y)
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("share", [True, False])
def test_sampled_negatives_give_the_full_loss_and_gradients_on_average(share, ahead):
    full = make_head(0, 12, share_negatives=share)
    sampled = make_head(0, 12, share_negatives=share, max_negatives=8)
    sampled.load_state_dict(full.state_dict())
    assert sampled.samples_clusters
    sampled.generator = torch.Generator().manual_seed(1)
    y = batch(2, 3)
    y = (y[0][:2].detach().requires_grad_(), y[1] * 0, y[2], y[3][:2])
    expected = loss_and_gradients(full, *y)
    ahead(True)
    total, n = {name: 0.0 for name in expected}, 300
    for _ in range(n):
        for name, tensor in loss_and_gradients(sampled, *y).items():
            total[name] = total[name] + tensor / n
    for name, tensor in expected.items():
        scale = float(tensor.norm())
        assert float((total[name] - tensor).norm()) < 0.1 * scale + 1e-3, name


def test_chunks_of_labels_change_nothing(ahead, monkeypatch):
    head, y = make_head(1), batch(1)
    ahead(True)
    expected = loss_and_gradients(head, *y)
    monkeypatch.setattr(CHUNKS, 7 * B)
    for name, tensor in loss_and_gradients(head, *y).items():
        torch.testing.assert_close(tensor, expected[name])


@pytest.mark.parametrize("most", [1, 6, 30])
def test_samples_hold_what_is_kept_and_weigh_the_rest(most):
    kept, known = torch.zeros(2, 20, dtype=torch.bool)
    kept[[3, 8]], known[:15] = True, True
    g = torch.Generator().manual_seed(0)
    values, n = torch.arange(20.0), 2000
    mean = 0.0
    for _ in range(n):
        columns, weight = sample_marked(kept, known, 4, most, torch.float32, g)
        assert len(columns) == {1: 5, 6: 6, 30: 20}[most]
        assert {3, 8} <= set(columns.tolist()) and bool((columns.diff() > 0).all())
        assert bool((weight[kept[columns]] == 1).all() and (weight[~known[columns]] == 0).all())
        mean += float((weight * values[columns]).sum()) / n
    assert mean == pytest.approx(float(values[:15].sum()), rel=0.05)


def test_numbers_are_marked_and_the_first_of_equals_is_found():
    index = torch.tensor([3, 1, 3])
    assert marked(5, index).tolist() == [False, True, False, True, False]
    on = torch.tensor([False, True, False])
    assert marked(5, index, on).tolist() == [False, True, False, False, False]
    assert first_of_equals(torch.tensor([7, 2, 7, 7, 2])).tolist() == [True, True, *[False] * 3]
    assert first_of_equals(torch.tensor([], dtype=torch.int64)).shape == (0,)


@pytest.mark.parametrize("rowwise", [False, True])
@pytest.mark.parametrize("shape", [(9, 3), (9, 1)])
def test_optimisers_of_tables_are_those_of_the_cpu(shape, rowwise, ahead):
    g = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=g)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    a, b = (RowAdam([p], lr=0.1, rowwise=rowwise) for p in (ours, theirs))
    for _ in range(5):
        rows = torch.randint(9, (6,), generator=g)
        values = torch.randn(6, *shape[1:], generator=g)
        for p, optimizer, yes in ((ours, a, True), (theirs, b, False)):
            p.grad = torch.sparse_coo_tensor(rows[None], values, shape, check_invariants=False)
            ahead(yes)
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def watched(check):
    """``XMCNet.train_step`` with something around it, and what skorch does after each."""
    original = XMCNet.train_step

    def train_step(self, *args, **kwargs):
        with check:
            return original(self, *args, **kwargs)

    return train_step


@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
@pytest.mark.parametrize(
    "params",
    [
        {"head": "ova"},
        {"head": "sync", "n_clusters": 4},
        {"head": "sync", "n_clusters": 4, "share_negatives": False, "teacher_forcing": False},
        {"head": "sync", "n_clusters": 6, "max_negatives": 4, "beam_size": 1},
    ],
    ids=["ova", "sync", "own negatives", "sampled"],
)
def test_a_step_makes_the_host_wait_for_nothing(params, optimizer, ahead, monkeypatch):
    monkeypatch.setattr(XMCNet, "train_step", watched(NoWaits()))
    monkeypatch.setattr(CHUNKS, 64)  # several chunks of labels
    clf = small(**params, label_optimizer=optimizer, max_epochs=1, batch_size=16)
    ahead(True)
    clf.fit(TITLES * 12, LABELS * 12)
    assert all(isinstance(loss, float) for loss in clf.loss_curve_)


@pytest.mark.parametrize("head", ["ova", "sync"])
def test_a_step_of_the_cpu_would_make_it_wait(head, monkeypatch):
    monkeypatch.setattr(XMCNet, "train_step", watched(NoWaits()))
    with pytest.raises(AssertionError, match="the host waits for"):
        small(head=head).fit(TITLES * 12, LABELS * 12)


@pytest.mark.parametrize("head", ["ova", "sync"])
def test_a_whole_fit_learns_the_same(head, ahead):
    params = {"max_epochs": 10, "word_dropout": 0.0} | ({"n_clusters": 4} if head == "sync" else {})
    alone = small(head=head, **params).fit(TITLES * 30, LABELS * 30)
    ahead(True)
    clf = small(head=head, **params).fit(TITLES * 30, LABELS * 30)
    assert clf.score(TITLES, LABELS) == alone.score(TITLES, LABELS) == 1.0
    assert clf.loss_curve_[-1] == pytest.approx(alone.loss_curve_[-1], rel=0.1)


def test_divergence_is_told_later_but_names_the_batch(ahead, monkeypatch):
    ahead(True)
    original = XMCNet.get_loss
    monkeypatch.setattr(
        XMCNet,
        "get_loss",
        lambda self, *args, **kwargs: (
            original(self, *args, **kwargs) * (torch.nan if guard(self).batch_ == 2 else 1.0)
        ),
    )
    with pytest.raises(DivergenceError, match="loss or a gradient .* in epoch 1, batch 3:"):
        small().fit(TITLES * 40, LABELS * 40)


def guard(net):
    return next(c for _, c in net.callbacks_ if isinstance(c, NonFiniteGuard))


def is_operator(event):
    """Whether it is an operator that no other one calls."""
    caller = event.cpu_parent
    is_inner = caller is not None and caller.name.startswith("aten::")
    return event.name.startswith("aten::") and not is_inner


@pytest.mark.parametrize("head", ["ova", "sync"])
def test_a_step_has_few_operators(head, ahead, monkeypatch):
    ahead(True)
    counts = []

    def train_step(self, *args, **kwargs):
        with profile(activities=[ProfilerActivity.CPU], acc_events=True) as found:
            step = original(self, *args, **kwargs)
        counts.append(sum(map(is_operator, found.events())))
        return step

    original = XMCNet.train_step
    monkeypatch.setattr(XMCNet, "train_step", train_step)
    params = {"n_clusters": 4} if head == "sync" else {}
    small(head=head, **params, max_epochs=1, batch_size=64).fit(TITLES * 20, LABELS * 20)
    assert 100 < max(counts[1:]) < MANY_OPERATORS[head], counts


def test_the_encoder_compiles_as_one_graph():
    """Without dropout, whose generator ``torch.compile`` cannot trace."""
    g = torch.Generator().manual_seed(0)
    encoder = InceptionEncoder(8, 16, 4, (4, 8), embedding_skip=True, generator=g)
    encoder.set_rates(0.0, True)
    compiled = torch.compile(encoder.train(), fullgraph=True, backend="aot_eager")
    for n_words in (6, 4):
        x = torch.randn(5, n_words, 16, generator=g)
        lengths = torch.full((5,), n_words)
        state = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
        expected = encoder(x, lengths)
        encoder.load_state_dict(state)
        torch.testing.assert_close(compiled(x, lengths), expected)
