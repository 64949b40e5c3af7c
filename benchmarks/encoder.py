"""Rows per second of the encoder against its literal formulation, in one interleaved run.

    python benchmarks/encoder.py [--mean-length 6] [--batch-size 256] [--threads 2]

The literal formulation computes on all 32 slots, multiplies the attentions in the order of the
paper and convolves channel first; it is the oracle of the tests. Lengths are Poisson, batches are
formed by length as in training. The exactness check is printed first.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from literal_encoder import literal_forward

from sk_inceptionxml.allocator import reused_buffers
from sk_inceptionxml.encoder import InceptionEncoder

MAX_LEN, DIM = 32, 300


def make_batches(mean_length: float, batch_size: int, n_batches: int) -> list[torch.Tensor]:
    """Embedded batches of texts sorted by length, padded to the longest of the batch."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.poisson(mean_length, n_batches * batch_size), 1, MAX_LEN)
    lengths = np.sort(lengths).reshape(n_batches, batch_size)
    g = torch.Generator().manual_seed(0)
    batches = []
    for row in lengths:
        x = torch.randn(batch_size, row.max(), DIM, generator=g) * 0.15
        batches.append(x * (torch.arange(row.max()) < torch.from_numpy(row)[:, None])[..., None])
    return batches


def check_exactness(encoder: InceptionEncoder, x: torch.Tensor) -> float:
    """Largest difference of the two outputs relative to the largest output."""
    encoder.eval()
    with torch.inference_mode():
        fast, literal = encoder(x), literal_forward(encoder, x)
    return float((fast - literal).abs().max() / literal.abs().max())


def seconds(forward, encoder, batches, training: bool) -> float:
    """Seconds of one pass over the batches, with the backward pass in training."""
    encoder.train(training)
    start = time.perf_counter()
    for x in batches:
        if training:
            out = forward(x.requires_grad_(True))
            out.backward(torch.full_like(out, 1e-3))
            encoder.zero_grad(set_to_none=True)
            x.grad = None
        else:
            with torch.inference_mode():
                forward(x)
    return time.perf_counter() - start


def main() -> None:
    """Print a table of rows/s."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mean-length", type=float, default=6.0)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    encoder = InceptionEncoder(MAX_LEN, DIM, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        encoder.enhance.gamma_words.fill_(0.05)
        encoder.enhance.gamma_dims.fill_(0.05)
    batches = make_batches(a.mean_length, a.batch_size, a.batches)
    print(f"largest relative difference of outputs: {check_exactness(encoder, batches[0]):.1e}")
    print("| | literal rows/s | ours rows/s | ratio (median of pairs) |\n|---|---|---|---|")
    n = a.batches * a.batch_size
    with reused_buffers():
        for training in (True, False):
            pairs = []
            for i in range(a.repeats + 1):
                ours = seconds(encoder, encoder, batches, training)
                literal = seconds(lambda x: literal_forward(encoder, x), encoder, batches, training)
                if i:  # the first pair warms up
                    pairs.append((literal, ours))
            name = "training" if training else "inference"
            ratio = statistics.median(x / y for x, y in pairs)
            x, y = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"| {name} | {n / x:.0f} | {n / y:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
