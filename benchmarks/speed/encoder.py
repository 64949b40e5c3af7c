"""Rows per second of the network up to the head, in training and in inference.

    python benchmarks/speed/encoder.py [--mean-length 6] [--batch-sizes 32,128,512] [--threads 2]

From token ids to features, with random weights of the default sizes. Texts are those of
``make_short_text``, in batches of similar length. A training pass is forward and backward, one
batch after the other. Inference has as many batches at once as there are threads, as
``predict_topk`` does.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from sk_inceptionxml._utils.allocator import reused_buffers
from sk_inceptionxml._utils.threads import side_by_side
from sk_inceptionxml.datasets import make_short_text
from sk_inceptionxml.heads import OneVsAll
from sk_inceptionxml.network.config import NetworkConfig
from sk_inceptionxml.network.head import LabelStatistics
from sk_inceptionxml.network.inputs import prediction_batches
from sk_inceptionxml.network.network import InceptionXMLNetwork, build_network
from sk_inceptionxml.text import Tokens, TokenVectorizer

MAX_LEN = 64


def make_problem(n_rows: int, mean_length: float) -> tuple[InceptionXMLNetwork, Tokens]:
    """A network of the default sizes, and texts for it."""
    texts = make_short_text(n_rows, 4000, mean_length=mean_length, random_state=0).data
    vectorizer = TokenVectorizer().fit(texts)
    config = NetworkConfig(
        n_tokens=vectorizer.n_tokens_,
        n_labels=1,  # the head takes no part
        embedding_dim=300,
        max_len=MAX_LEN,
        n_filters=32,
        kernel_sizes=(4, 8, 16),
        hidden_dim=None,
        embedding_skip=True,
        dropout=0.25,
        head=OneVsAll(),
    )
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(config.n_tokens, config.embedding_dim, generator=generator) * 0.15
    table[0] = 0.0
    network = build_network(config, table, LabelStatistics(np.ones(1), 1), generator)
    return network, vectorizer.transform(texts)


def train(network: InceptionXMLNetwork, tokens: Tokens, batch_size: int) -> None:
    """One pass over the rows, forward and backward."""
    network.train()
    for _, X in prediction_batches(tokens, MAX_LEN, batch_size):
        out = network(X["ids"])
        out.backward(torch.full_like(out, 1e-3))
        network.zero_grad(set_to_none=True)


def infer(network: InceptionXMLNetwork, tokens: Tokens, batch_size: int) -> None:
    """One pass over the rows, a batch on each thread."""
    network.eval()
    network.fill_caches()

    @torch.inference_mode()
    def forward(batch: tuple) -> None:
        network(batch[1]["ids"])

    side_by_side(forward, prediction_batches(tokens, MAX_LEN, batch_size))


def rows_per_second(run: Callable[[], None], n: int, repeats: int) -> float:
    """Median over some runs, after one that warms up."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return n / statistics.median(seconds[1:])


def main() -> None:
    """Print a table of rows/s."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mean-length", type=float, default=6.0)
    parser.add_argument("--batch-sizes", default="32,128,512", help="comma-separated")
    parser.add_argument("--rows", type=int, default=8192)
    parser.add_argument("--training-rows", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    network, tokens = make_problem(args.rows, args.mean_length)
    some = tokens.take(slice(0, args.training_rows))
    print(f"{args.threads} threads, {args.mean_length:g} words a text\n")
    print("| rows a batch | training rows/s | inference rows/s |\n|--:|--:|--:|")
    with reused_buffers():
        for size in map(int, args.batch_sizes.split(",")):
            trained = rows_per_second(partial(train, network, some, size), len(some), args.repeats)
            inferred = rows_per_second(
                partial(infer, network, tokens, size), len(tokens), args.repeats
            )
            print(f"| {size} | {trained:.0f} | {inferred:.0f} |", flush=True)


if __name__ == "__main__":
    main()
