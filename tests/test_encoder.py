"""The fast encoder equals the literal one, forward and gradients, for any sizes."""

from __future__ import annotations

import pytest
import torch
from literal_encoder import literal_forward

from sk_inceptionxml.encoder import InceptionEncoder, SpectralWeight, fast_dropout

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


def make_encoder(max_len, dim, n_filters, kernels, seed=0, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    encoder = InceptionEncoder(
        max_len, dim, n_filters, kernels, dropout=0.0, project_dropout=0.0, generator=g
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


def outputs_and_gradients(encoder, x, training):
    """Pairs (fast, literal) of outputs and, in training, of every gradient."""
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

    return list(zip(run(encoder), run(lambda v: literal_forward(encoder, v)), strict=True))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("n_rows", [9, 2])
def test_fast_encoder_equals_literal_forward_and_gradients(size, training, n_rows):
    encoder = make_encoder(*size).train(training)
    x = make_batch(n_rows, min(5, size[0]), size[1]).requires_grad_(True)
    (fast, literal), *gradients = outputs_and_gradients(encoder, x, training)
    torch.testing.assert_close(fast, literal, rtol=1e-9, atol=1e-10)
    for a, b in gradients:
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("training", [True, False])
def test_single_precision_is_close_to_the_literal_encoder_in_double(training):
    results = []
    for dtype in (torch.float32, torch.float64):
        encoder = make_encoder(*SIZES[0], dtype=torch.float32).to(dtype).train(training)
        x = make_batch(70, 6, SIZES[0][1], dtype=torch.float32).to(dtype).requires_grad_(True)
        results.append(outputs_and_gradients(encoder, x, training))
    for (fast, literal), (_, truth) in zip(*results, strict=True):
        size = truth.abs().max()
        # gradients of biases are sums that cancel: no formulation has them to 1e-5
        bound = max(1e-5, 10 * float((literal - truth).abs().max() / size))
        assert (fast - truth).abs().max() / size < bound
        assert bound < 2e-3


@pytest.mark.parametrize("size", [SIZES[0], SIZES[5]])
def test_one_row_of_one_word_equals_literal(size):
    encoder = make_encoder(*size).eval()
    x = make_batch(1, 1, size[1])
    torch.testing.assert_close(encoder(x), literal_forward(encoder, x), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("size", [SIZES[0], SIZES[3], SIZES[9]])
def test_words_looked_up_and_weighted_with_the_embedding_skip_equal_literal(size):
    encoder = make_encoder(*size)
    encoder.skip = torch.nn.Linear(size[1], encoder.n_features, bias=False).double()
    encoder.eval()
    g = torch.Generator().manual_seed(4)
    table = torch.randn(9, size[1], generator=g, dtype=torch.float64) * 0.3
    table[0] = 0.0
    ids = torch.tensor([[3, 8, 3], [5, 0, 0], [1, 2, 0], [0, 0, 0]])
    weights = torch.rand(4, 3, generator=g, dtype=torch.float64) + 0.5
    x, lengths = table[ids] * weights[..., None], (ids != 0).sum(1)
    total = x.sum(1) / torch.tensor([3.0, 1.0, 2.0, 1.0]).double().sqrt()[:, None]
    expected = literal_forward(encoder, x) + encoder.skip(total)
    close = {"rtol": 1e-9, "atol": 1e-10}
    torch.testing.assert_close(encoder(x, lengths), expected, **close)
    found = encoder.evaluate(ids, weights, encoder.words(table), lengths)
    torch.testing.assert_close(found, expected, **close)


def test_features_of_a_row_do_not_depend_on_its_neighbours():
    encoder = make_encoder(*SIZES[1]).eval()
    x = make_batch(150, 4, SIZES[1][1])  # more than are computed at once
    with torch.inference_mode():
        together = encoder(x)
        alone = torch.cat([encoder(x[i : i + 1]) for i in (0, 127, 128, 149)])
    torch.testing.assert_close(together[[0, 127, 128, 149]], alone, rtol=1e-10, atol=1e-11)


def test_result_does_not_depend_on_the_padding_of_the_batch():
    encoder = make_encoder(*SIZES[0]).eval()
    x = make_batch(4, 6, 300)
    padded = torch.nn.functional.pad(x, (0, 0, 0, 20))
    torch.testing.assert_close(encoder(x), encoder(padded), rtol=1e-10, atol=1e-11)


def test_spectral_weight_has_unit_norm_and_evaluation_does_not_move_it():
    s = SpectralWeight(20, 30, torch.Generator().manual_seed(3))
    s.train()
    for _ in range(60):
        w = s()
    assert torch.linalg.matrix_norm(w, 2).item() == pytest.approx(1.0, abs=1e-3)
    s.eval()
    u = s.u.clone()
    assert torch.equal(s(), s())
    assert torch.equal(u, s.u)


def test_dropout_keeps_the_expectation_and_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    g = torch.Generator().manual_seed(0)
    x = torch.ones(1000, 1003)
    out = fast_dropout(x, 0.25, g)
    assert torch.equal(torch.get_rng_state(), state)
    assert (out == 0).double().mean().item() == pytest.approx(0.25, abs=2e-3)
    assert out.double().mean().item() == pytest.approx(1.0, abs=3e-3)
    pairs = ((out[:, 1:] == 0) & (out[:, :-1] == 0)).double().mean().item()
    assert pairs == pytest.approx(0.0625, abs=2e-3)  # neighbours are independent
    assert torch.equal(fast_dropout(x, 0.0, g), x)


def test_batch_of_one_row_trains():
    encoder = make_encoder(*SIZES[5]).train()
    out = encoder(make_batch(1, 3, 30))
    assert torch.isfinite(out).all()


def test_encoder_runs_without_storage_as_its_operations_are_counted():
    with torch.device("meta"):
        encoder = InceptionEncoder(8, 64, 4, (4, 8)).eval()
        assert encoder(torch.randn(5, 6, 64)).shape == (5, encoder.n_features)
