"""Minimal filtering equals the direct convolution, forward and gradients, at every length."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sk_inceptionxml import convolution
from sk_inceptionxml.convolution import Convolution, Filters

SIZES = [
    (1, 5),
    (2, 7),
    (2, 30),
    (3, 11),
    (4, 1),
    (4, 5),
    (4, 15),
    (4, 17),
    (4, 24),
    (5, 12),
    (6, 20),
]


def make_problem(n_taps, length, dtype, stride=1, more=0):
    rows, n_in, n_out = 5, 6, 3
    g = torch.Generator().manual_seed(n_taps * 100 + length)
    n_inputs = Convolution(n_taps, length, stride=stride).n_inputs + more
    x = torch.randn(n_inputs, rows, n_in, generator=g, dtype=dtype).requires_grad_()
    weight = torch.randn(n_taps, stride * n_in, n_out, generator=g, dtype=dtype).requires_grad_()
    bias = torch.randn(n_out, generator=g, dtype=dtype).requires_grad_()
    return x, weight, bias


def minimal(x, weight, bias, length, ends=slice(None), stride=1):
    convolve = Convolution(len(weight), length, ends, stride)
    return convolve(x, convolve.filters(weight), bias)


def direct(x, weight, bias, length, stride=1):
    kernel = weight.reshape(len(weight) * stride, x.shape[2], -1).permute(2, 1, 0)
    n_read = stride * (length + len(weight) - 1)
    x = F.pad(x, (0, 0, 0, 0, 0, max(0, n_read - len(x))))[:n_read]
    out = F.conv1d(x.permute(1, 2, 0), kernel, bias, stride=stride)
    return out.permute(2, 0, 1)


def relative(a, b):
    return float((a - b).detach().abs().max() / b.detach().abs().max())


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize(("n_taps", "length"), SIZES)
@pytest.mark.parametrize("ends", [slice(None), slice(2)])
@pytest.mark.parametrize(("stride", "more"), [(1, 0), (4, 0), (4, 3), (3, 17), (2, -1), (4, -7)])
def test_equals_the_direct_convolution(
    stride, more, ends, n_taps, length, dtype, bound, monkeypatch
):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(convolution, "ROWS", 10)  # groups of two tiles, the last one smaller
    problem = make_problem(n_taps, length, dtype, stride, more)
    x, weight, bias = problem
    mask = torch.ones(weight.shape, dtype=dtype)
    mask[[0, -1]] = 0.0  # filters without ends,
    mask[:, :, ends] = 1.0  # but for these
    out = minimal(x, weight * mask, bias, length, ends, stride)
    expected = direct(x, weight * mask, bias, length, stride)
    assert out.shape == (length, 5, 3)
    assert relative(out, expected) < bound
    direction = torch.randn(expected.shape, dtype=dtype, generator=torch.Generator().manual_seed(1))
    grads = torch.autograd.grad((out * direction).sum(), problem)
    expected_grads = torch.autograd.grad((expected * direction).sum(), problem)
    for a, b in zip(grads, expected_grads, strict=True):
        # inputs past the last window get an exact zero
        assert relative(a, b) < bound


def test_takes_fewer_products_where_it_is_used():
    for n_taps, length in SIZES:
        convolve = Convolution(n_taps, length)
        minimal = isinstance(convolve.filters(torch.ones(n_taps, 1, 1)), Filters)
        assert minimal == (convolve.n_points > 0)
        if minimal:
            assert convolve.n_points * -(-length // convolve.step) <= n_taps * length
    assert [Convolution(4, n).n_points for n in (75, 72, 15)] == [8, 9, 8]
    assert Convolution(1, 75).n_points == 0


def test_without_gradients_the_result_is_the_same_and_can_be_used_in_training_later():
    convolution._scheme.cache_clear()
    problem = make_problem(4, 15, torch.float32)
    with torch.inference_mode():
        inferred = minimal(*problem, 15)
    trained = minimal(*problem, 15)  # the matrices were made in inference mode
    trained.sum().backward()
    assert torch.equal(inferred, trained)
    assert problem[0].grad.isfinite().all()


def test_inputs_are_left_as_they_are():
    x, weight, bias = make_problem(4, 15, torch.float32)
    before = [t.detach().clone() for t in (x, weight, bias)]
    minimal(x, weight, bias, 15).sum().backward()
    assert all(torch.equal(a, b) for a, b in zip(before, (x, weight, bias), strict=True))
