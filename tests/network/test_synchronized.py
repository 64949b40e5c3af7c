"""The synchronized head against literal formulations of its shortlist, loss and ranking."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sk_inceptionxml.network.synchronized import (
    CLUSTER_WEIGHTS,
    SyncHead,
    round_up,
    sample_others,
)

N_LABELS, N_FEATURES = 37, 8


def make_head(seed=0, **options):
    rng = np.random.default_rng(seed)
    clusters = rng.permutation(np.arange(N_LABELS) % 6)
    counts = rng.integers(1, 9, N_LABELS)
    head = SyncHead(
        N_FEATURES,
        N_FEATURES,
        clusters,
        counts,
        50,
        **{
            "beam_size": 3,
            "predict_beam_size": 2,
            "dropout": 0.0,
            "classifier_dropout": 0.0,
            "meta_dropout": 0.0,
            "generator": torch.Generator().manual_seed(seed),
            **options,
        },
    )
    return head.double(), clusters


def make_batch(seed=0, n=5):
    g = torch.Generator().manual_seed(seed)
    h = torch.randn(n, N_FEATURES, generator=g, dtype=torch.float64)
    y = torch.rand(n, N_LABELS, generator=g) < 0.08
    rows, columns = y.nonzero(as_tuple=True)
    return h, y, rows, columns, torch.full((n,), 1 / n, dtype=torch.float64)


def literal_loss(head, clusters, h, y, own_only, forcing=True):
    """Loops over rows, clusters and labels, with label vectors in the order of the labels."""
    weight = head.weight[head.position_of]
    bias = head.bias[head.position_of, 0]
    z_meta = head.meta(h) @ head.meta_weight.t() + head.meta_bias
    truth = torch.zeros_like(z_meta)
    shortlists = []
    for i in range(len(h)):
        true = {int(clusters[j]) for j in y[i].nonzero()[:, 0]}
        for c in true:
            truth[i, c] = 1.0
        order = sorted(range(z_meta.shape[1]), key=lambda c: -z_meta[i, c].item())
        shortlists.append(set(order[: head.beam_size]) | (true if forcing else set()))
    union = set().union(*shortlists)
    meta = F.binary_cross_entropy_with_logits(z_meta, truth, reduction="none").sum() / len(h)
    extreme = 0.0
    r = head.extreme(h)
    for i in range(len(h)):
        for label in range(N_LABELS):
            if int(clusters[label]) in (shortlists[i] if own_only else union):
                z = r[i] @ weight[label] + bias[label]
                extreme = extreme + F.binary_cross_entropy_with_logits(z, y[i, label].double())
    return meta * head.meta_loss_weight + extreme / len(h)


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("forcing", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_loss_and_gradients_equal_the_literal_ones(share, forcing, seed):
    head, clusters = make_head(seed, share_negatives=share, teacher_forcing=forcing)
    head.eval()  # spectral norms stand still
    h, y, rows, columns, row_weight = make_batch(seed)
    h.requires_grad_(True)
    parameters = [h, head.weight, head.meta_weight, head.bias]
    fast = head.loss(h, rows, columns, row_weight)
    literal = literal_loss(head, clusters, h, y, own_only=not share, forcing=forcing)
    torch.testing.assert_close(fast, literal)
    for a, b in zip(
        torch.autograd.grad(fast, parameters),
        torch.autograd.grad(literal, parameters),
        strict=True,
    ):
        torch.testing.assert_close(a.to_dense() if a.is_sparse else a, b)


@pytest.mark.parametrize("share", [True, False])
def test_sampled_negatives_give_the_full_loss_and_gradients_on_average(share):
    options = {"share_negatives": share, "beam_size": 2}
    full, _ = make_head(1, **options)
    sampled, _ = make_head(1, max_negatives=5, **options)
    assert sampled.samples_clusters and not full.samples_clusters
    h, _, rows, columns, row_weight = make_batch(1)
    h.requires_grad_(True)
    sampled.generator = torch.Generator().manual_seed(0)
    for head in (full, sampled):
        head.eval()

    def draw(head):
        parameters = [h, head.weight, head.meta_weight, head.meta_bias, head.bias]
        loss = head.loss(h, rows, columns, row_weight)
        grads = [g.to_dense() if g.is_sparse else g for g in torch.autograd.grad(loss, parameters)]
        return torch.cat([loss.detach().view(1), *(g.flatten() for g in grads)])

    draws = torch.stack([draw(sampled) for _ in range(1000)])
    error = draws.std(0) / len(draws) ** 0.5
    assert ((draws.mean(0) - draw(full)).abs() <= 5 * error + 1e-9).all()
    assert draws.std(0).max() > 0


def test_a_budget_that_suffices_changes_nothing():
    plain, _ = make_head(2)
    bounded, _ = make_head(2, max_negatives=N_LABELS)
    batch = make_batch(2)
    plain.eval(), bounded.eval()
    losses = [head.loss(batch[0], *batch[2:]) for head in (plain, bounded)]
    assert torch.equal(*losses)


@pytest.mark.parametrize("most", [1, 4, 7, 30])
def test_samples_hold_what_is_kept_and_weigh_the_rest(most):
    kept, n = torch.tensor([1, 4, 5]), 12
    generator = torch.Generator().manual_seed(0)
    x = torch.arange(n, dtype=torch.float64) ** 2
    sums = []
    for _ in range(2000):
        columns, weight = sample_others(kept, n, most, torch.float64, generator)
        assert (columns[1:] > columns[:-1]).all() and torch.isin(kept, columns).all()
        assert len(columns) <= max(most, len(kept) + max(1, most // 4))
        sums.append((weight * x[columns]).sum())
    assert torch.stack(sums).mean().item() == pytest.approx(x.sum().item(), rel=0.05)


def test_gradient_of_label_vectors_is_row_sparse_and_only_on_the_shortlist():
    head, clusters = make_head(beam_size=1)
    head.eval()
    h, _, rows, columns, row_weight = make_batch(n=1)
    head.loss(h, rows[:1], columns[:1], row_weight).backward()
    touched = set(head.label_at[head.weight.grad.coalesce().indices()[0]].tolist())
    cluster = clusters[columns[0]]
    best = (head.meta(h) @ head.meta_weight.t() + head.meta_bias).argmax().item()
    assert touched == set(np.flatnonzero(np.isin(clusters, [cluster, best])).tolist())


def test_detached_keeps_the_extreme_gradient_out_of_the_encoder():
    head, _ = make_head(meta_loss_weight=0.0)
    h, _, rows, columns, row_weight = make_batch()
    h.requires_grad_(True)
    head.detached = True
    head.loss(h, rows, columns, row_weight).backward()
    assert h.grad.abs().max() == 0
    assert head.weight.grad.coalesce().values().abs().max() > 0
    head.detached = False
    head.loss(h, rows, columns, row_weight).backward()
    assert h.grad.abs().max() > 0


@pytest.mark.parametrize("shared", [0, 1e9], ids=["by cluster", "by row"])
@pytest.mark.parametrize("budget", [1, 40, 1 << 22])
def test_topk_equals_scoring_every_label_of_the_best_clusters(budget, shared, monkeypatch):
    monkeypatch.setattr("sk_inceptionxml.network.synchronized.GATHER_BUDGET", budget)
    monkeypatch.setattr("sk_inceptionxml.network.synchronized.ROWS_A_CLUSTER", shared)
    head, clusters = make_head(3)
    head.eval()
    head.cluster_weight = 0.7
    h = make_batch(3)[0]
    score, label = head.topk(h, 8)
    weight, bias = head.weight[head.position_of], head.bias[head.position_of, 0]
    z_meta = head.meta(h) @ head.meta_weight.t() + head.meta_bias
    z = head.extreme(h) @ weight.t() + bias
    for i in range(len(h)):
        best = z_meta[i].topk(2).indices
        p = torch.sigmoid(z[i]) * torch.sigmoid(z_meta[i])[torch.as_tensor(clusters)] ** 0.7
        p[~torch.isin(torch.as_tensor(clusters), best)] = 0.0
        expected = p.topk(8)
        assert label[i].tolist() == expected.indices.tolist()
        torch.testing.assert_close(torch.sigmoid(score[i]), expected.values)


def test_label_vectors_in_half_precision_score_alike_by_cluster_and_by_row(monkeypatch):
    head, _ = make_head(predict_beam_size=4)
    head = head.float().eval()
    head.weight.data = head.weight.data.half()
    h = make_batch(n=9)[0].float()
    found = []
    for shared in (0, 1e9):
        monkeypatch.setattr("sk_inceptionxml.network.synchronized.ROWS_A_CLUSTER", shared)
        found.append(head.topk(h, 12))
    for by_cluster, by_row in zip(*found, strict=True):
        torch.testing.assert_close(by_cluster, by_row)


def test_numbers_of_slots_are_few_and_hardly_too_large():
    n = torch.arange(2000)
    slots = round_up(n)
    assert (slots >= n).all()
    assert (slots < 1.25 * n)[1:].all()
    assert len(slots.unique()) <= 50
    assert torch.equal(round_up(slots), slots)


def test_places_beyond_the_shortlist_hold_no_label():
    head, _ = make_head(predict_beam_size=1)
    head.eval()
    score, label = head.topk(make_batch()[0], 7)
    assert (label[score == -torch.inf] == -1).all()
    assert ((label >= 0).sum(1) >= 6).all()


def test_started_labels_join_their_clusters_and_leave_the_scores_of_the_others():
    head, clusters = make_head(3)
    head.eval()
    head.meta_weight.data = F.normalize(head.meta_weight.data)
    h = make_batch(3)[0]
    full = N_LABELS + 3
    score, label = head.topk(h, full)
    labels = torch.tensor([5, N_LABELS, N_LABELS + 1])  # a known one starts anew and moves
    weight = torch.arange(3.0)[:, None].expand(3, N_FEATURES).double()
    means = head.meta_weight.detach()[[2, 0, 2]] * 1e6  # like these clusters most
    source = head.start_labels(labels, weight, torch.arange(3.0).double(), [weight, means])
    expected = np.concatenate([clusters, [0, 2]])
    expected[5] = 2
    assert head.cluster_of.tolist() == expected.tolist()
    assert head.label_at[head.position_of].tolist() == list(range(N_LABELS + 2))
    assert set(head.label_at[source < 0].tolist()) == set(labels.tolist())
    assert head.bias[head.position_of[labels], 0].tolist() == [0, 1, 2]
    assert torch.equal(head.weight[head.position_of[labels]], weight)
    after, names = head.topk(h, full, N_LABELS)
    for i in range(len(h)):
        old = {j: z for j, z in zip(label[i].tolist(), score[i].tolist(), strict=True) if j >= 0}
        new = {j: z for j, z in zip(names[i].tolist(), after[i].tolist(), strict=True) if j >= 0}
        kept = [j for j in new if j < N_LABELS and j != 5]
        assert kept == [j for j in old if j != 5]
        assert [new[j] for j in kept] == pytest.approx([old[j] for j in kept])
    # the best clusters bring their new labels along, and nothing else
    shortlists = head.shortlist(h)[1]
    for i in range(len(h)):
        for j in (5, N_LABELS, N_LABELS + 1):
            assert (j in names[i].tolist()) == (expected[j] in shortlists[i].tolist())


def test_a_new_label_goes_to_the_best_cluster_that_has_room():
    head, clusters = make_head(0)
    head.meta_weight.data = F.normalize(head.meta_weight.data)
    n_clusters = len(head.meta_weight)
    means = head.meta_weight.detach()[[1]].expand(20, -1) * 1e6
    new = torch.arange(N_LABELS, N_LABELS + 20)
    zeros = torch.zeros(20, N_FEATURES).double()
    head.start_labels(new, zeros, zeros[:, 0], [zeros, means])
    found = head.cluster_of[new].tolist()
    most = 2 * -(-(N_LABELS + 20) // n_clusters)
    n_own = min(20, most - (clusters == 1).sum())
    ranked = (means[0] @ head.meta_weight.t() + head.meta_bias).argsort(descending=True).tolist()
    assert ranked[0] == 1 and 0 < n_own < 20
    assert found == [1] * n_own + [ranked[1]] * (20 - n_own)


def test_a_label_alone_in_its_cluster_stays_there():
    head = make_head(0)[0]
    head.set_clusters(np.array([6, *head.cluster_of.tolist()[1:]]))
    head.meta_weight = torch.nn.Parameter(torch.eye(7, N_FEATURES).double() * 9)
    head.meta_bias = torch.nn.Parameter(torch.zeros(7).double())
    one, zeros = torch.tensor([0]), torch.zeros(1, N_FEATURES).double()
    head.start_labels(one, zeros, zeros[:, 0], [zeros, head.meta_weight.detach()[[1]]])
    assert head.cluster_of[0] == 6


def test_tuning_takes_the_weight_of_the_best_ranking_and_plain_numbers_keep_it():
    head, other = make_head()[0], make_head()[0]
    asked = []

    def quality():
        asked.append(head.cluster_weight)
        return -abs(head.cluster_weight - 0.6)

    head.tune(quality)
    assert asked == list(CLUSTER_WEIGHTS)
    assert head.tuned() == {"cluster_weight": 0.5}
    other.set_tuned(head.tuned())
    assert other.cluster_weight == 0.5


@pytest.mark.parametrize(
    ("warmup", "n_epochs", "detached"), [(0, 3, 0), (1, 3, 1), (2, 5, 2), (9, 3, 2), (1, 1, 0)]
)
def test_first_epochs_are_detached_but_never_the_last(warmup, n_epochs, detached):
    head = make_head()[0]
    head.warmup_epochs = warmup
    found = []
    for epoch in range(1, n_epochs + 1):
        head.begin_epoch(epoch, n_epochs)
        found.append(head.detached)
    assert found == [True] * detached + [False] * (n_epochs - detached)
