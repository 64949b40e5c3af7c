"""Mixed precision and half-precision label vectors: time, accuracy, size.

    python benchmarks/accuracy/precision.py --data DIR [--limit-train 10000] [--epochs 5]

Trainings in full and in mixed precision follow each other in pairs of equal seeds; the network
alone ranks held-out rows. A model with label vectors in half precision is the same training, so
only its accuracy and size are of interest.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import held_out
import torch
from parts import model_mb

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.heads import HEADS

VARIANTS: dict[str, dict[str, Any]] = {
    "full precision": {"mixed_precision": False},
    "mixed_precision=True": {"mixed_precision": True},
    'label_dtype="float16"': {"head__label_dtype": "float16"},
}


def main() -> None:
    """Print the table of every variant, and the ratio of the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--head", choices=["ova", "sync"], default="ova")
    parser.add_argument("--limit-train", type=int, default=10_000)
    parser.add_argument("--held-out", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", default="0,1,2")
    args = parser.parse_args()
    split = held_out.load(args.data, args.held_out)
    texts, Y = split.texts[: args.limit_train], split.Y[: args.limit_train]
    print(f"{args.data}: {len(texts)} rows, {Y.shape[1]} labels, {torch.get_num_threads()} threads")
    held_out.print_header("")
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    sizes = {}
    for seed in map(int, args.seeds.split(",")):
        for name, params in VARIANTS.items():
            clf = InceptionXMLClassifier(
                head=HEADS[args.head](), max_epochs=args.epochs, n_neighbors=0, random_state=seed
            )
            clf.set_params(**params).fit(texts, Y)
            seconds[name].append(statistics.median(clf.net_.history[:, "dur"]))
            sizes[name] = model_mb(clf.net_.module_)
            ranking = clf.predict_topk(split.held_out_texts, k=100)[0]
            held_out.print_row(f"{name}, seed {seed}", split, ranking)
    pairs = zip(*list(seconds.values())[:2], strict=True)
    print(
        f"\nepoch: {', '.join(f'{n} {statistics.median(s):.2f} s' for n, s in seconds.items())}"
        f"\nfull / mixed, median of pairs: {statistics.median(a / b for a, b in pairs):.2f}"
        f"\nmodel: {', '.join(f'{n} {mb:.1f} MB' for n, mb in sizes.items())}"
    )


if __name__ == "__main__":
    main()
