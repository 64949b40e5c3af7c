"""Rows per second of the encoder against its literal formulation, in one interleaved run.

    python benchmarks/encoder.py [--mean-length 6] [--batch-size 256] [--threads 2]

From token ids to features. The literal formulation computes on all 32 slots, multiplies the
attentions in the order of the paper and convolves channel first; it is the oracle of the tests.
Texts are those of ``make_short_text``, whose words repeat as they do in real titles, in batches of
similar length; inference is that of ``predict_topk`` up to the head. With several threads the
literal formulation infers both ways, batch by batch and as many batches at once as there are
threads, and the faster one counts. The exactness check is printed first.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from literal_encoder import literal_forward

from sk_inceptionxml.allocator import reused_buffers
from sk_inceptionxml.batches import prediction_batches
from sk_inceptionxml.datasets import make_short_text
from sk_inceptionxml.encoder import InceptionEncoder
from sk_inceptionxml.inference import distinct_words
from sk_inceptionxml.network import InceptionXMLNetwork
from sk_inceptionxml.parallel import side_by_side
from sk_inceptionxml.vectorize import Tokens, TokenVectorizer

MAX_LEN, DIM = 32, 300


def make_problem(n_rows: int, mean_length: float) -> tuple[InceptionXMLNetwork, Tokens]:
    """A network whose attentions are at work, and texts for it."""
    texts = make_short_text(n_rows, 4000, mean_length=mean_length, random_state=0).data
    vectorizer = TokenVectorizer().fit(texts)
    generator = torch.Generator().manual_seed(0)
    encoder = InceptionEncoder(MAX_LEN, DIM, generator=generator)
    with torch.no_grad():
        encoder.enhance.gamma_words.fill_(0.05)
        encoder.enhance.gamma_dims.fill_(0.05)
    table = torch.randn(vectorizer.n_tokens_, DIM, generator=generator) * 0.15
    table[0] = 0.0
    network = InceptionXMLNetwork(table, encoder, torch.nn.Identity())  # no head: features only
    return network, vectorizer.transform(texts)


class Formulation:
    """One way of computing the features, for ids (B, S)."""

    def __init__(self, network: InceptionXMLNetwork, literal: bool) -> None:
        self.network, self.literal = network, literal

    def features(self, ids: torch.Tensor, words: torch.Tensor | None = None) -> torch.Tensor:
        """Features (B, n_features)."""
        if self.literal:
            return literal_forward(self.network.encoder, self.network.embedding(ids))
        return self.network(ids, None, words)

    def train(self, tokens: Tokens, batch_size: int) -> float:
        """Seconds of one pass over the rows with the backward pass, one batch after the other."""
        self.network.train()
        start = time.perf_counter()
        for _, X in prediction_batches(tokens, MAX_LEN, batch_size):
            out = self.features(X["ids"])
            out.backward(torch.full_like(out, 1e-3))
            self.network.zero_grad(set_to_none=True)
        return time.perf_counter() - start

    def infer(self, tokens: Tokens, batch_size: int, together: bool) -> float:
        """Seconds of one pass over the rows without it, several batches together or not."""
        self.network.eval()
        start = time.perf_counter()
        words = None
        if not self.literal:
            tokens, words = distinct_words(self.network, tokens)
        batches = prediction_batches(tokens, MAX_LEN, batch_size)

        @torch.inference_mode()
        def forward(batch: tuple) -> None:
            self.features(batch[1]["ids"], words)

        if together:
            side_by_side(forward, batches)
        else:
            for batch in batches:
                forward(batch)
        return time.perf_counter() - start


def check_exactness(ours: Formulation, literal: Formulation, tokens: Tokens) -> float:
    """Largest difference of the two outputs relative to the largest output."""
    ours.network.eval()
    few = tokens.take(slice(0, 256))
    renamed, words = distinct_words(ours.network, few)
    (_, ids), (_, places) = (next(prediction_batches(t, MAX_LEN, 256)) for t in (few, renamed))
    with torch.inference_mode():
        fast, slow = ours.features(places["ids"], words), literal.features(ids["ids"])
    return float((fast - slow).abs().max() / slow.abs().max())


def measure(name: str, n: int, repeats: int, *ways: Callable[[], float]) -> None:
    """Print a row of the table; the first way is ours, the fastest of the others the literal."""
    runs = [[way() for way in ways] for _ in range(repeats + 1)][1:]  # the first warms up
    ours = [run[0] for run in runs]
    literal = min(zip(*(run[1:] for run in runs), strict=True), key=statistics.median)
    ratio = statistics.median(x / y for x, y in zip(literal, ours, strict=True))
    x, y = statistics.median(literal), statistics.median(ours)
    print(f"| {name} | {n / x:.0f} | {n / y:.0f} | {ratio:.2f} |", flush=True)


def main() -> None:
    """Print a table of rows/s."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mean-length", type=float, default=6.0)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--rows", type=int, default=8192)
    parser.add_argument("--training-rows", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    network, tokens = make_problem(a.rows, a.mean_length)
    ours, literal = Formulation(network, False), Formulation(network, True)
    print(f"largest relative difference of outputs: {check_exactness(ours, literal, tokens):.1e}")
    print("| | literal rows/s | ours rows/s | ratio (median of pairs) |\n|---|---|---|---|")
    with reused_buffers():
        some = tokens.take(slice(0, a.training_rows))
        ways = (partial(w.train, some, a.batch_size) for w in (ours, literal))
        measure("training", len(some), a.repeats, *ways)
        kinds = [(ours, True), (literal, False), (literal, True)]
        ways = (partial(w.infer, tokens, a.batch_size, together) for w, together in kinds)
        measure("inference", len(tokens), a.repeats, *ways)


if __name__ == "__main__":
    main()
