"""Whether what ``explain`` names decides: the parts add up, and without its top the score falls.

    python benchmarks/accuracy/explanations.py DIR [--cases 1000] [--epochs 1] [--model MODEL]

Explains the best label of test titles. The top word is left out of the title, and the first
neighbour out of the lexical memory; each time the label's log-odds are computed anew. Ends with
status 1 if they fall in fewer than 90 % of the cases, or if parts add up to something else.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_jsonl
from sk_inceptionxml.ranking.explanation import log_odds_of

TOLERANCE = 1e-3  # of sums, in log-odds and in scores of the memory
BAR = 0.9


def main() -> int:
    """Explain, remove, and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--model", type=Path, help="saved model; one is trained without it")
    args = parser.parse_args()
    clf = trained(args)
    titles = load(args.data, "test").data
    chosen = np.random.default_rng(0).permutation(len(titles))[: args.cases]
    cases = [case(clf, titles[i]) for i in chosen]
    ok = report(cases)
    return 0 if ok else 1


def load(folder: Path, part: str) -> Any:
    """Rows of ``train`` or ``test``."""
    path = folder / f"{part}.jsonl"
    return load_jsonl(path if path.exists() else f"{path}.gz", drop_unlabelled=True)


def trained(args: argparse.Namespace) -> InceptionXMLClassifier:
    """The saved model, or one of few epochs."""
    if args.model is not None:
        return InceptionXMLClassifier.load(args.model)
    rows = load(args.data, "train")
    return InceptionXMLClassifier(max_epochs=args.epochs, random_state=0).fit(
        rows.data, rows.target
    )


def case(clf: InceptionXMLClassifier, title: str) -> dict[str, Any]:
    """One explanation, and what is left of the score without its top."""
    found = clf.explain(title)  # with as few neighbours as a user sees
    label, log_odds = found["label"], found["log_odds"]
    words = [word["word"] for word in found["words"]]
    out: dict[str, Any] = {
        "parts": abs(sum(part["contribution"] for part in found["parts"]) - log_odds),
        "words": len(words),
    }
    if words:
        top = int(np.argmax([word["contribution"] for word in found["words"]]))
        rest = " ".join(words[:top] + words[top + 1 :])
        without = clf.explain(rest, label)["log_odds"]
        out["word"] = log_odds - without
        # the same title a row further: batches of other sizes differ in the last digits
        out["word_same"] = abs(out["word"] - found["words"][top]["contribution"])
    ranker = clf._fitted_model().ranker
    row = clf._read_further(ranker, [title])
    column = int(np.flatnonzero(clf.classes_ == label)[0])
    c, _ = ranker.scored(row, clf._reading())
    lexical = float(c.lexical[0, c.labels[0] == column][0])
    having = [n for n in clf.explain(title, label, 10_000)["neighbours"] if label in n["labels"]]
    out["memory"] = abs(sum(n["weight"] for n in having) - lexical)
    out["having"] = len(having)
    if having:
        first = found["neighbours"][0]
        out["neighbour"] = log_odds - without_row(clf, ranker, row, column, first["row"])
        out["row_same"] = abs(out["neighbour"] - first["contribution"])
        heaviest = max(having, key=lambda n: n["weight"])
        out["heaviest"] = log_odds - without_row(clf, ranker, row, column, heaviest["row"])
    return out


def without_row(clf: Any, ranker: Any, row: Any, column: int, number: int) -> float:
    """Log-odds of a label if the memory lacked a row."""
    exclude, evidence = np.array([number]), ranker.evidence(row)
    c = ranker.candidates(
        row.tokens, ranker.features(row), exclude, clf._reading(), evidence=evidence
    )
    return float(log_odds_of(c, ranker.fusion.log_odds(c), column)[0])


def report(cases: list[dict[str, Any]]) -> bool:
    """Print a table; whether every bar is met."""
    ok = True
    for name, what in (
        ("parts", "parts against the log-odds"),
        ("memory", "weights of neighbours against the score of the memory"),
        ("word_same", "the top word against a title without it"),
        ("row_same", "the first neighbour against a memory without it"),
    ):
        worst = max(c[name] for c in cases if name in c)
        ok &= worst <= TOLERANCE
        print(f"{what}: largest difference {worst:.1e} (tolerance {TOLERANCE:.0e})")
    for name, what, is_bar in (
        ("word", "top word", True),
        ("neighbour", "first neighbour", True),
        ("heaviest", "neighbour of the largest weight", False),
    ):
        falls = np.array([c[name] for c in cases if name in c])
        share = float((falls > 0).mean())
        ok &= share >= BAR or not is_bar
        print(
            f"without the {what}: lower in {100 * share:.1f} % of {len(falls)} cases, "
            f"median {np.median(falls):.3f}"
        )
    several = np.array([c["word"] for c in cases if c["words"] > 1])
    print(f"titles of two words or more: lower in {100 * (several > 0).mean():.1f} %")
    print(f"no neighbour has the label: {sum(not c['having'] for c in cases)} cases")
    return ok


if __name__ == "__main__":
    sys.exit(main())
