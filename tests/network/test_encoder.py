"""The encoder equals the literal one, forward and gradients, for any sizes."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from literal_encoder import literal_forward

from sk_inceptionxml.network.encoder import InceptionEncoder
from sk_inceptionxml.network.layers import ChannelNorm, SpectralWeight, dropout_mask, masked
from sk_inceptionxml.network.network import InceptionXMLNetwork

SIZES = [
    # max_len, embedding_dim, n_filters, kernel_sizes
    (32, 300, 32, (4, 8, 16)),
    (12, 128, 16, (4, 8, 16)),
    (8, 96, 8, (4,)),
    (10, 90, 8, (4, 8)),
    (6, 64, 8, (3, 5, 7)),
    (5, 30, 4, (4, 16)),
    (7, 100, 8, (8, 12, 20, 24)),
    (1, 66, 4, (3, 16)),
    (4, 12, 4, (4, 8, 16)),
    (3, 7, 4, (1, 2, 6)),
]
CLOSE = {"rtol": 1e-9, "atol": 1e-10}


def make_encoder(max_len, dim, n_filters, kernels, dtype=torch.float64, **options):
    g = torch.Generator().manual_seed(0)
    rates = {"dropout": 0.0, "project_dropout": 0.0}
    encoder = InceptionEncoder(
        max_len, dim, n_filters, kernels, **rates, **options, generator=g
    ).to(dtype)
    with torch.no_grad():  # gammas of zero would hide both attentions
        encoder.enhance.gamma_words.fill_(0.03)
        encoder.enhance.gamma_dims.fill_(-0.02)
        for p in encoder.parameters():
            if p.ndim == 1:
                p.add_(0.1 * torch.randn(p.shape, generator=g, dtype=dtype))
    return encoder


def make_batch(n, length, dim, seed=1, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, length, dim, generator=g, dtype=dtype) * 0.3
    lengths = torch.randint(1, length + 1, (n,), generator=g)
    lengths[0] = length
    return x * (torch.arange(length)[None] < lengths[:, None])[..., None]


def features(encoder, x):
    return encoder(x, (x != 0).any(dim=2).sum(1))


def outputs_and_gradients(encoder, x, training):
    """Pairs (real, literal) of outputs and, in training, of every gradient."""
    states = [s.u.clone() for s in (encoder.enhance.words, encoder.enhance.dims)]
    params = list(encoder.parameters())
    g = torch.Generator().manual_seed(2)
    direction = torch.randn(len(x), encoder.n_features, generator=g).to(x.dtype)

    def run(forward):
        for s, u in zip((encoder.enhance.words, encoder.enhance.dims), states, strict=True):
            s.u.copy_(u)
        out = forward(x)
        grads = (
            torch.autograd.grad((out * direction).sum(), [x, *params], allow_unused=True)
            if training
            else []
        )
        return [out.detach(), *grads]

    return list(zip(*(run(partial(f, encoder)) for f in (features, literal_forward)), strict=True))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("n_rows", [9, 2, 1])
def test_encoder_equals_literal_forward_and_gradients(size, training, n_rows):
    encoder = make_encoder(*size).train(training)
    x = make_batch(n_rows, min(5, size[0]), size[1]).requires_grad_(True)
    (found, literal), *gradients = outputs_and_gradients(encoder, x, training)
    torch.testing.assert_close(found, literal, **CLOSE)
    for a, b in gradients:
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("training", [True, False])
def test_single_precision_is_close_to_the_literal_encoder_in_double(training):
    results = []
    for dtype in (torch.float32, torch.float64):
        encoder = make_encoder(*SIZES[0], dtype=torch.float32).to(dtype).train(training)
        x = make_batch(70, 6, SIZES[0][1], dtype=torch.float32).to(dtype).requires_grad_(True)
        results.append(outputs_and_gradients(encoder, x, training))
    for (found, literal), (_, truth) in zip(*results, strict=True):
        size = truth.abs().max()
        # gradients of biases are sums that cancel: no formulation has them to 1e-5
        bound = max(1e-5, 10 * float((literal - truth).abs().max() / size))
        assert (found - truth).abs().max() / size < bound
        assert bound < 2e-3


@pytest.mark.parametrize("size", [SIZES[0], SIZES[5]])
def test_one_row_of_one_word_equals_literal(size):
    encoder = make_encoder(*size).eval()
    x = make_batch(1, 1, size[1])
    torch.testing.assert_close(features(encoder, x), literal_forward(encoder, x), **CLOSE)


@pytest.mark.parametrize("size", [SIZES[0], SIZES[3], SIZES[9]])
def test_words_looked_up_and_weighted_with_the_embedding_skip_equal_literal(size):
    encoder = make_encoder(*size, embedding_skip=True).eval()
    table = torch.zeros(9, size[1])
    network = InceptionXMLNetwork(table, encoder, torch.nn.Identity(), None).double().eval()
    g = torch.Generator().manual_seed(4)
    table = torch.randn(9, size[1], generator=g, dtype=torch.float64) * 0.3
    table[0] = 0.0
    ids = torch.tensor([[3, 8, 3], [5, 0, 0], [1, 2, 0], [0, 0, 0]])
    weights = torch.rand(4, 3, generator=g, dtype=torch.float64) + 0.5
    x, lengths = table[ids] * weights[..., None], (ids != 0).sum(1)
    total = x.sum(1) / torch.tensor([3.0, 1.0, 2.0, 1.0]).double().sqrt()[:, None]
    expected = literal_forward(encoder, x) + encoder.skip(total)
    torch.testing.assert_close(encoder(x, lengths), expected, **CLOSE)
    network.embedding.weight.data = table
    torch.testing.assert_close(network(ids, weights), expected, **CLOSE)
    torch.testing.assert_close(network(ids), network(ids, torch.ones(4, 3)), **CLOSE)


def test_features_of_a_row_do_not_depend_on_its_neighbours():
    encoder = make_encoder(*SIZES[1]).eval()
    x = make_batch(150, 4, SIZES[1][1])
    with torch.inference_mode():
        together = features(encoder, x)
        alone = torch.cat([features(encoder, x[i : i + 1]) for i in (0, 127, 128, 149)])
    torch.testing.assert_close(together[[0, 127, 128, 149]], alone, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("skip", [True, False])
def test_result_does_not_depend_on_the_padding_of_the_batch(training, skip):
    encoder = make_encoder(*SIZES[0], embedding_skip=skip).train(training)
    other = copy.deepcopy(encoder)
    x = make_batch(4, 6, 300)
    padded = torch.nn.functional.pad(x, (0, 0, 0, 20))
    # a step moves spectral norms and running statistics, in both alike
    for _ in range(2):
        found, again = features(encoder, x), features(other, padded)
        torch.testing.assert_close(found, again, rtol=1e-10, atol=1e-11)
    for a, b in zip(encoder.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("shape", [(5, 3, 7), (5, 3)])
def test_norm_of_channels_moves_its_statistics_as_batch_norm_does(shape):
    norm, plain = ChannelNorm(3).train(), torch.nn.BatchNorm1d(3).train()
    g = torch.Generator().manual_seed(0)
    for _ in range(3):
        x = torch.randn(*shape, generator=g) + 2
        torch.testing.assert_close(norm(x), plain(x))
    torch.testing.assert_close(norm.norm.state_dict(), plain.state_dict())


def test_one_value_a_channel_is_normed_by_the_statistics_so_far():
    norm = ChannelNorm(3).train()
    norm(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)) + 2)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    x = torch.tensor([[1.0, 2.0, 3.0]])
    found = norm(x)
    torch.testing.assert_close(norm.state_dict(), before)
    torch.testing.assert_close(found, norm.eval()(x))


def test_spectral_weight_has_unit_norm_and_evaluation_does_not_move_it():
    s = SpectralWeight(20, 30, torch.Generator().manual_seed(3))
    s.train()
    for _ in range(60):
        w = s()
    assert torch.linalg.matrix_norm(w, 2).item() == pytest.approx(1.0, abs=1e-3)
    s.eval()
    u = s.u.clone()
    assert s() is s()  # computed once
    assert torch.equal(u, s.u)
    torch.testing.assert_close(s(), w.detach(), rtol=1e-4, atol=1e-5)


def test_spectral_weight_follows_new_weights_after_training():
    s = SpectralWeight(6, 5, torch.Generator().manual_seed(3)).eval()
    before = s()
    s.train()
    s.weight.data.mul_(-3.0)
    s()
    torch.testing.assert_close(s.eval()(), -before, rtol=1e-3, atol=1e-3)


def test_dropout_keeps_the_expectation_and_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    g = torch.Generator().manual_seed(0)
    x = torch.ones(1000, 1003)
    out = masked(x, dropout_mask(x.shape, 0.25, g, x))
    assert torch.equal(torch.get_rng_state(), state)
    assert (out == 0).double().mean().item() == pytest.approx(0.25, abs=2e-3)
    assert out.double().mean().item() == pytest.approx(1.0, abs=3e-3)
    pairs = ((out[:, 1:] == 0) & (out[:, :-1] == 0)).double().mean().item()
    assert pairs == pytest.approx(0.0625, abs=2e-3)  # neighbours are independent
    assert dropout_mask(x.shape, 0.0, g, x) is None


def test_batch_of_one_row_trains():
    encoder = make_encoder(*SIZES[5]).train()
    features(encoder, make_batch(1, 3, 30)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters())
    assert all(torch.isfinite(b).all() for b in encoder.buffers())


def test_encoder_runs_without_storage_as_its_operations_are_counted():
    with torch.device("meta"):
        encoder = InceptionEncoder(8, 64, 4, (4, 8)).eval()
        found = encoder(torch.randn(5, 6, 64), torch.ones(5))
    assert found.is_meta and found.shape == (5, encoder.n_features)
