"""Soft targets in the training of the network: from the lexical memory, and from labels' texts.

    python benchmarks/accuracy/soft_targets.py --data DIR [--held-out 4000] [--seed 0]
        [--only plain,memory,memory-rare,texts,start,rows] [--evidence] [--epochs 1]

The package trains on what a row has: 1 for its labels, 0 for all others. Here other targets are
put into the same loss, with the one-vs-all head:

* ``memory``: half the score that the lexical memory of all other rows gives a label (LEVER's idea,
  a teacher that knows rare labels better than the network);
* ``memory-rare``: the same for labels of at most ten rows alone;
* ``texts``: the label's text is a further row, whose targets are the label itself and, by the share
  of its rows that have them, the labels that go with it (Gandalf's idea);
* ``start``: no soft target; label vectors start in the direction of the encoder's feature of
  the label's text instead of a random one (PRIME's idea);
* ``rows``: no soft target; a label's text stands in for the title of one of its rows, for some of
  the labels in each epoch. This is what the package does with ``label_texts``.

Printed are the metrics of the network alone and of the fused ranking, on rows held out of the
training part. A label's text is its names in ``label_texts.jsonl(.gz)``, where there is one,
or the label without its number. With ``--evidence``, the ranking gets the texts as ``label_texts``,
too; ``rows`` has them always.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import held_out
import numpy as np
import scipy.sparse as sp
import torch
from label_texts import read, without_number

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml._utils.sparse import column_counts
from sk_inceptionxml.data import Dataset, Rows
from sk_inceptionxml.network.losses import one_vs_all_loss
from sk_inceptionxml.network.one_vs_all import OneVsAllHead
from sk_inceptionxml.ranking.memory import LexicalMemory
from sk_inceptionxml.text import TokenVectorizer
from sk_inceptionxml.training import trainer
from sk_inceptionxml.training.batches import TokenDataset
from sk_inceptionxml.training.new_labels import label_means, start_vectors

KINDS = ["plain", "memory", "memory-rare", "texts", "start", "rows"]
SHARE = 0.5  # of the memory's score
BEST = 20  # labels of a row that the memory adds
RARE = 10  # rows of a rare label


@contextmanager
def soft_targets() -> Iterator[None]:
    """A training whose targets are the values of ``Y`` instead of ones."""
    values: dict[str, torch.Tensor] = {}
    batch = TokenDataset.__getitems__

    def items(self: TokenDataset, rows: np.ndarray, rng: np.random.Generator) -> Any:
        X, y = batch(self, rows, rng)
        some = self.Y[rows]
        assert np.array_equal(some.indices, y[1].numpy())
        values["of the batch"] = torch.from_numpy(some.data.astype(np.float32))
        return X, y

    def loss(self: OneVsAllHead, h: Any, rows: Any, columns: Any, row_weight: Any) -> Any:
        targets, y = (rows, columns, row_weight), values["of the batch"]
        return one_vs_all_loss(
            self.features(h), self.weight, self.bias, *targets, positive_weight=y
        )

    with (
        patch.object(TokenDataset, "__getitems__", items),
        patch.object(OneVsAllHead, "loss", loss),
    ):
        yield


def from_memory(data: Dataset, n_tokens: int, only_rare: bool) -> Dataset:
    """Rows whose targets are at least a share of the score that the other rows give."""
    memory = LexicalMemory.fit(data.rows, data.Y, n_tokens, 100)
    X, own = memory.neighbours.X_, np.arange(len(data))
    scores = sp.csr_array(memory.score(X, torch.get_num_threads(), own), dtype=np.float32)
    scores.data = np.clip(scores.data, 0, 1)
    if only_rare:
        scores.data *= (column_counts(data.Y) <= RARE)[scores.indices]
    for start, stop in zip(scores.indptr[:-1], scores.indptr[1:], strict=True):
        some = scores.data[start:stop]
        if len(some) > BEST:
            some[some < np.partition(some, -BEST)[-BEST]] = 0
    scores.eliminate_zeros()
    Y = data.Y.astype(np.float32).maximum(SHARE * scores)
    Y.sort_indices()
    return Dataset(data.rows, sp.csr_array(Y))


def with_texts(data: Dataset, reader: TokenVectorizer, texts: list[str]) -> Dataset:
    """A further row for each label, whose targets are shares of the label's rows."""
    Y = data.Y.astype(np.float32)
    together = sp.csr_array(sp.diags_array(1 / np.maximum(column_counts(Y), 1)) @ (Y.T @ Y))
    together.data *= together.data > 0.1
    together.setdiag(1.0)
    together.eliminate_zeros()
    all_texts = [*(data.rows.texts or ()), *texts]
    tokens = reader.transform(all_texts, full=True)
    targets = sp.csr_array(sp.vstack([Y, together], format="csr"))
    targets.sort_indices()
    return Dataset(Rows(tokens, all_texts), targets)


def start_from_texts(network: Any, reader: TokenVectorizer, texts: list[str]) -> None:
    """Label vectors in the direction of their texts, as long as random ones."""
    n = len(texts)
    tokens, head = reader.transform(texts, full=True), network.head
    network.eval()
    means, others = label_means(network, tokens, sp.csr_array(sp.eye_array(n)), 32)
    counts = np.ones(n, dtype=np.int64)
    with torch.no_grad():
        head.weight.copy_(start_vectors(head.weight.data, means[0], others, counts, n)[0])


def fit(
    kind: str, split: held_out.Split, given: dict[str, list[str]], args: argparse.Namespace
) -> InceptionXMLClassifier:
    """A default model, trained in one of the ways."""
    clf = InceptionXMLClassifier(random_state=args.seed, head="ova", max_epochs=args.epochs)
    labels = sorted({label for row in split.labels for label in row})
    names = [given.get(label) or [without_number(label)] for label in labels]
    texts = [", ".join(some) for some in names]
    given_texts = dict(zip(labels, names, strict=True))
    label_texts = given_texts if args.evidence or kind == "rows" else None
    train = trainer.train

    def changed(network: Any, data: Dataset, *rest: Any) -> Any:
        rest = rest[:-1]  # the last one are the label texts
        if kind == "plain":
            return train(network, data, *rest)
        reader = TokenVectorizer().fit(split.texts)
        assert reader.n_tokens_ == len(network.embedding.weight)
        if kind == "start":
            start_from_texts(network, reader, texts)
            return train(network, data, *rest)
        if kind == "texts":
            data = with_texts(data, reader, texts)
        else:
            data = from_memory(data, reader.n_tokens_, kind == "memory-rare")
        with soft_targets():
            return train(network, data, *rest)

    if kind == "rows":
        return clf.fit(split.texts, split.labels, label_texts=label_texts)
    return clf._fit_by(changed, split.texts, split.labels, None, None, label_texts)


def main() -> None:
    """Print two rows for each way of training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--held-out", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=lambda n: n if n == "auto" else int(n), default="auto")
    parser.add_argument("--evidence", action="store_true")
    parser.add_argument("--only", default=",".join(KINDS))
    args = parser.parse_args()
    split = held_out.load(args.data, args.held_out)
    given = {entry["label"]: entry["names"] for entry in read(args.data, "label_texts")}
    held_out.print_header("training, ranking")
    for kind in args.only.split(","):
        clf = fit(kind, split, given, args)
        ranker = clf._fitted_model().ranker
        tokens = ranker.reader.transform(split.held_out_texts)
        held_out.print_row(f"{kind}, network", split, ranker.network_topk(tokens, 100)[0])
        rows = Rows(tokens, ranker.reader.clean(split.held_out_texts))
        held_out.print_row(f"{kind}, fused", split, ranker.rank(rows, 100)[0])


if __name__ == "__main__":
    main()
