"""The Annif backend ``inceptionxml`` beside Annif's own backends, by ``annif eval``.

    .venv-annif/bin/python benchmarks/annif.py DIR --out results/ [--only inceptionxml]

DIR holds ``train.jsonl`` and ``test.jsonl`` (or ``.jsonl.gz``), one ``{"text", "labels"}`` a line.
The script writes them as an Annif corpus and a vocabulary, then trains and evaluates each project
by Annif's command line, every command in a process of its own. Run it in an environment with Annif,
such as the one that ``make test-annif`` makes. What OUT already holds is not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from sk_inceptionxml.datasets import load_jsonl, load_vocabulary

BONSAI = {"cluster_balanced": "False", "cluster_k": "100", "max_depth": "3"}
PROJECTS: dict[str, dict[str, str]] = {
    "inceptionxml": {"backend": "inceptionxml", "random_state": "0"},
    "omikuji-bonsai": {"backend": "omikuji", **BONSAI},
    "omikuji-bonsai-bigrams": {"backend": "omikuji", **BONSAI, "ngram": "2"},
    "omikuji-parabel": {"backend": "omikuji"},
    "fasttext": {"backend": "fasttext", "dim": "500", "lr": "0.25", "epoch": "30", "loss": "hs"},
    "svc": {"backend": "svc"},
    "mllm": {"backend": "mllm"},
    "tfidf": {"backend": "tfidf"},
}
USUAL = ["inceptionxml", "omikuji-bonsai", "omikuji-bonsai-bigrams", "omikuji-parabel"]
COLUMNS = {
    "F1@5": "F1@5",
    "nDCG": "NDCG",
    "nDCG@5": "NDCG@5",
    "P@1": "Precision@1",
    "P@5": "Precision@5",
    "recall": "Recall_doc_avg",
}


class Cost(NamedTuple):
    """What a command took."""

    seconds: float
    peak_mib: float


def main() -> None:
    """Write the corpus, measure each project, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--only", action="append", choices=list(PROJECTS))
    parser.add_argument("--language", default="de", help="of texts and vocabulary")
    parser.add_argument("--analyzer", default="snowball(german)", help="of Annif's own backends")
    parser.add_argument("--vocabulary", help="TSV or SKOS; without it a label is its own name")
    parser.add_argument("--share", type=float, default=1.0, help="of the training rows, seed 0")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    os.chdir(args.out)
    names = args.only or USUAL
    write_projects(args.language, args.analyzer)
    if not Path("data/vocabs/subjects").exists():
        write_corpus(Path(args.data), args.share, args.vocabulary, args.language)
        annif("load-vocab", "subjects", "vocabulary.tsv", "--language", args.language)
    for name in names:
        if not Path(f"{name}.json").exists():
            measure(name)
    print_table([name for name in PROJECTS if Path(f"{name}.json").exists()])


def write_projects(language: str, analyzer: str) -> None:
    """One project for each system."""
    sections = []
    for name, settings in PROJECTS.items():
        lines = {"name": name, "language": language, "vocab": "subjects", "limit": "100"}
        if settings["backend"] != "inceptionxml":
            lines["analyzer"] = analyzer
        lines |= settings
        body = "\n".join(f"{key}={value}" for key, value in lines.items())
        sections.append(f"[{name}]\n{body}\n")
    Path("projects.cfg").write_text("\n".join(sections), encoding="utf-8")


def write_corpus(data: Path, share: float, vocabulary: str | None, language: str) -> None:
    """``train.tsv``, ``test.tsv`` and ``vocabulary.tsv`` in the form of Annif."""
    uris: set[str] = set()
    for part in ("train", "test"):
        path = data / f"{part}.jsonl"
        rows = load_jsonl(path if path.exists() else f"{path}.gz", drop_unlabelled=True)
        kept = np.arange(len(rows.data))
        if part == "train" and share < 1:
            kept = np.random.default_rng(0).permutation(kept)[: int(share * len(kept))]
        with open(f"{part}.tsv", "w", encoding="utf-8") as stream:
            for i in np.sort(kept):
                labels = [uri_of(label) for label in rows.target[i]]
                uris.update(labels)
                marked = " ".join(f"<{label}>" for label in labels)
                stream.write(f"{' '.join(rows.data[i].split())}\t{marked}\n")
    texts = {} if vocabulary is None else load_vocabulary(vocabulary, language=language)
    with open("vocabulary.tsv", "w", encoding="utf-8") as stream:
        for uri in sorted(uris):
            stream.write(f"<{uri}>\t{texts.get(uri, [uri])[0]}\n")


def uri_of(label: str) -> str:
    """A label without what Annif's corpora cannot hold."""
    return quote(label, safe="/:#?&=%-_.~,;@+()'!")


def measure(name: str) -> None:
    """Train and evaluate one project."""
    trained = annif("train", name, "train.tsv")
    asked = annif("eval", name, "test.tsv", "--metrics-file", f"{name}-metrics.json")
    metrics = json.loads(Path(f"{name}-metrics.json").read_text(encoding="utf-8"))
    n_bytes = sum(p.stat().st_size for p in model_files(Path("data/projects", name)))
    found = {
        "metrics": metrics,
        "train": trained._asdict(),
        "eval": asked._asdict(),
        "model_mb": n_bytes / 1e6,
    }
    Path(f"{name}.json").write_text(json.dumps(found, indent=2), encoding="utf-8")


def model_files(folder: Path) -> list[Path]:
    """What a prediction needs, which is all but the prepared training data."""
    return [p for p in folder.rglob("*") if p.is_file() and "-train" not in p.name]


def annif(*arguments: str) -> Cost:
    """Run a command of Annif; its time and the most memory it had."""
    program = Path(sys.executable).with_name("sk-inceptionxml-annif")
    command = (
        [str(program)] if program.exists() else [sys.executable, "-m", "sk_inceptionxml.annif"]
    )
    with open("annif.log", "ab") as log:  # progress bars of omikuji are of many megabytes
        start = time.perf_counter()
        process = subprocess.Popen([*command, *arguments], stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    if status:
        sys.exit(f"annif {' '.join(arguments)} failed; see {Path('annif.log').absolute()}")
    return Cost(seconds, used.ru_maxrss / 1024)


def print_table(names: list[str]) -> None:
    """One row a system, as Markdown."""
    header = [*COLUMNS, "training", "memory", "evaluation", "memory", "model"]
    print(f"| project | {' | '.join(header)} |\n|{'---|' * (len(header) + 1)}")
    for name in names:
        found: dict[str, Any] = json.loads(Path(f"{name}.json").read_text(encoding="utf-8"))
        values = [f"{found['metrics'][metric]:.4f}" for metric in COLUMNS.values()]
        for part in ("train", "eval"):
            cost = Cost(**found[part])
            values += [f"{cost.seconds:.0f} s", f"{cost.peak_mib / 1024:.1f} GiB"]
        print(f"| {name} | {' | '.join(values)} | {found['model_mb']:.0f} MB |")


if __name__ == "__main__":
    if shutil.which("annif", path=str(Path(sys.executable).parent)) is None:
        sys.exit("there is no Annif in this environment: make test-annif makes one")
    main()
