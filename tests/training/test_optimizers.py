"""Row-sparse optimisers equal their dense counterparts on the rows that have a gradient."""

from __future__ import annotations

import pytest
import torch

from sk_inceptionxml.network.head import take_rows
from sk_inceptionxml.training.optimizers import RowAdam, move_rows


def sparse_gradient(step, shape, g):
    rows = torch.randperm(shape[0], generator=g)[:4]
    values = torch.randn(4, *shape[1:], generator=g)
    doubled = torch.cat([rows, rows[:1]])  # a row that occurs twice
    values = torch.cat([values, values[:1]])
    return torch.sparse_coo_tensor(doubled[None], values, shape, check_invariants=False)


@pytest.mark.parametrize("shape", [(9, 3), (9, 1)])
def test_row_adam_equals_torch_sparse_adam(shape):
    g = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=g)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    a, b = RowAdam([ours], lr=0.1), torch.optim.SparseAdam([theirs], lr=0.1)
    for step in range(5):
        grad = sparse_gradient(step, shape, g)
        ours.grad, theirs.grad = grad.clone(), grad.clone()
        a.step()
        b.step()
    torch.testing.assert_close(ours, theirs)


def test_row_adam_equals_torch_adam_on_dense_gradients():
    g = torch.Generator().manual_seed(0)
    start = torch.randn(5, 4, generator=g)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    a, b = RowAdam([ours], lr=0.1), torch.optim.Adam([theirs], lr=0.1)
    for _ in range(4):
        ours.grad = torch.randn(5, 4, generator=g)
        theirs.grad = ours.grad.clone()
        a.step()
        b.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(9, 3), (9, 1), (9,)])
def test_rowwise_adagrad_is_the_same_sparse_and_dense_and_keeps_one_number_a_row(shape):
    g = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=g)
    sparse, dense = (torch.nn.Parameter(start.clone()) for _ in range(2))
    a, b = (RowAdam([p], lr=0.1, rowwise=True) for p in (sparse, dense))
    total = torch.zeros(9)
    expected = start.clone()
    for step in range(4):
        sparse.grad = sparse_gradient(step, shape, g)
        dense.grad = sparse.grad.to_dense()
        total += dense.grad.pow(2).reshape(9, -1).mean(1)
        scale = 0.1 / (total.sqrt() + 1e-8)
        expected -= dense.grad * scale.reshape(-1, *[1] * (len(shape) - 1))
        a.step()
        b.step()
    torch.testing.assert_close(sparse.detach(), expected)
    torch.testing.assert_close(dense.detach(), expected)
    assert a.state[sparse]["sum"].shape == (9,)


@pytest.mark.parametrize("rowwise", [False, True])
@pytest.mark.parametrize("kind", [RowAdam, torch.optim.Adam])
def test_moved_rows_go_on_as_if_they_had_stayed(kind, rowwise):
    if rowwise and kind is not RowAdam:
        pytest.skip("only tables have it")
    g = torch.Generator().manual_seed(0)
    options = {"rowwise": True} if rowwise else {}
    stayed = torch.nn.Parameter(torch.randn(5, 3, generator=g))
    old = torch.nn.Parameter(stayed.detach().clone())
    a, b = kind([stayed], lr=0.1, **options), kind([old], lr=0.1, **options)
    source = torch.tensor([3, -1, 0, 4, 1, 2, -1])
    moved = old
    for step in range(4):
        grad = torch.randn(5, 3, generator=g)
        stayed.grad = grad
        if step == 2:
            moved = torch.nn.Parameter(take_rows(old.detach(), source))
            move_rows(b, old, moved, source)
        moved.grad = grad.clone() if moved is old else take_rows(grad, source)
        a.step()
        b.step()
    assert set(b.state) == {moved}
    torch.testing.assert_close(moved[source >= 0], stayed[source[source >= 0]])
    assert (moved[source < 0] == 0).all()


@pytest.mark.parametrize("rowwise", [False, True])
@pytest.mark.parametrize("rows", [[], [4], [1, 2, 7], [7, 1, 2], [1, 1, 7]])
def test_rows_of_a_gradient_may_come_in_any_order_and_more_than_once(rows, rowwise):
    """Those that are sorted and distinct already are used as they are, the others summed first."""
    g = torch.Generator().manual_seed(0)
    start, values = torch.randn(9, 3, generator=g), torch.randn(len(rows), 3, generator=g)
    given, coalesced = (torch.nn.Parameter(start.clone()) for _ in range(2))
    index = torch.tensor([rows], dtype=torch.int64)
    for p in (given, coalesced):
        p.grad = torch.sparse_coo_tensor(index, values.clone(), start.shape, check_invariants=False)
    coalesced.grad = coalesced.grad.coalesce()
    for p in (given, coalesced):
        RowAdam([p], lr=0.1, rowwise=rowwise).step()
    assert torch.equal(given, coalesced)
    untouched = [i for i in range(9) if i not in rows]
    assert torch.equal(given[untouched], start[untouched])
    assert not rows or not torch.equal(given[rows], start[rows])
