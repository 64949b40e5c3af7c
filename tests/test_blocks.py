"""Layouts: circular axes and blocks of four positions."""

from __future__ import annotations

import pytest
import torch

from sk_inceptionxml.blocks import (
    STRIDE,
    block_taps,
    circular_blocks,
    project,
    with_bias,
    wrap,
)


@pytest.mark.parametrize(("first", "length"), [(0, 7), (0, 3), (-2, 7), (5, 9), (-6, 23), (3, 2)])
def test_wrap_reads_a_circular_axis(first, length):
    x = torch.randn(2, 7, 3, dtype=torch.float64, requires_grad=True)
    index = torch.arange(first, first + length) % 7
    assert torch.equal(wrap(x, first, length, dim=1), x[:, index])
    assert torch.autograd.gradcheck(lambda v: wrap(v, first, length, dim=1), x)


def test_wrap_takes_inputs_that_share_memory():
    x = torch.randn(1, 7, 3, dtype=torch.float64, requires_grad=True)
    wrap(x.expand(4, 7, 3), -2, 9, dim=1).sum().backward()
    counts = torch.bincount(torch.arange(-2, 7) % 7)
    assert torch.equal(x.grad, 4.0 * counts[None, :, None].expand(1, 7, 3))


@pytest.mark.parametrize("e", [8, 10, 3])
@pytest.mark.parametrize("n", [2, 3, 7])
def test_circular_blocks_start_again_where_the_positions_end(e, n):
    x = torch.randn(2, e, 3)
    out = circular_blocks(x, n)
    assert out.is_contiguous()
    index = torch.arange(n * STRIDE) % e
    assert torch.equal(out.transpose(0, 1).reshape(2, n * STRIDE, 3), x[:, index])


def test_a_product_with_block_taps_is_a_strided_convolution():
    x, weight = torch.randn(2, 12, 3).double(), torch.randn(5, 3, 8).double()
    taps, b = block_taps(weight), circular_blocks(x, 3)
    out = b[:-1] @ taps[0] + b[1:] @ taps[1]
    expected = torch.nn.functional.conv1d(x.transpose(1, 2), weight, stride=STRIDE)
    torch.testing.assert_close(out.permute(1, 2, 0), expected)


def test_words_with_bias_are_wrapped_words_above_ones():
    x = torch.randn(2, 3, 7).double()
    expected = torch.cat([wrap(x, -2, 10, dim=2), torch.ones(2, 1, 10).double()], dim=1)
    assert torch.equal(with_bias(x, -2, 10), expected)
    with torch.inference_mode():
        assert torch.equal(with_bias(x, -2, 10), expected)


def test_projection_enhances_and_adds_the_bias():
    x, mix = torch.randn(2, 3, 7).double(), torch.randn(2, 3, 3).double()
    weight, bias = torch.randn(4, 5).double(), torch.randn(4).double()
    expected = (mix @ x).transpose(1, 2) @ weight[:, :3].t() + bias
    torch.testing.assert_close(project(with_bias(x, 0, 7), mix, weight, bias), expected)
