"""``info``: what a saved model is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .models import load
from .sizes import human, size_of, tensor_sizes
from .tables import print_table

# what a tensor is for, by the first word of its name
PARTS = {
    "embedding": "word vectors",
    "encoder": "encoder",
    "head": "head, with the label vectors",
    "X": "lexical memory: features of the rows",
    "Y": "lexical memory: labels of the rows",
    "lexical": "lexical memory: n-grams",
    "vectorizer": "words",
    "labels": "label names",
    "label_texts": "label texts",
    "label_counts": "label counts",
    "log_counts": "label counts",
    "feature_names": "feature names",
}


def run(directory: Path, output_format: str) -> int:
    """Describe and print; the exit status."""
    found = describe(directory)
    if output_format == "json":
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        as_tables(found)
    return 0


def describe(directory: Path) -> dict[str, Any]:
    """What there is to know about a saved model, as plain data."""
    from sk_inceptionxml.persistence.versions import MANIFEST, MEMORY, WEIGHTS

    model = load(directory, "cpu")
    manifest = json.loads((directory / MANIFEST).read_bytes())
    history = model.history_.astype(object).where(model.history_.notna(), None)
    files = size_of(directory)
    return {
        "model": str(directory),
        "package_version": manifest["package_version"],
        "format_version": manifest["format_version"],
        "input": model.vectorizer_.kind_,
        "rows": int(model.n_samples_fit_),
        "labels": int(model.n_labels_),
        "vocabulary": int(model.n_features_in_),
        "head": model.head_,
        "shortlist_recall": model.shortlist_recall_,
        "lexical_memory": model.memory_ is not None,
        "calibrated": manifest["calibration"] is not None,
        "parameters": changed_parameters(model),
        "bytes": sum(files.values()),
        "bytes_by_part": {
            **parts(directory / WEIGHTS),
            **parts(directory / MEMORY),
            "parameters and training log": files[MANIFEST],
        },
        "training": {
            "seed": int(model.fit_seed_),
            "epochs": int(model.n_iter_),
            "best_epoch": model.best_epoch_,
            "best_ndcg@5": model.best_score_,
            "history": history.to_dict("records"),
        },
    }


def changed_parameters(model: Any) -> dict[str, Any]:
    """Parameters that differ from the defaults."""
    defaults = type(model)().get_params(deep=False)
    changed = {}
    for name, value in model.get_params(deep=False).items():
        if name == "device":  # where it was loaded just now
            continue
        if name == "head" and not isinstance(value, str):
            own = type(value)().get_params(deep=False)
            changed["head"] = value.name
            changed |= {f"head__{k}": v for k, v in value.get_params().items() if v != own[k]}
        elif name == "vectorizer" and value is not None:
            changed[name] = " ".join(repr(value).split())
        elif value != defaults[name]:
            changed[name] = list(value) if isinstance(value, tuple) else value
    return changed


def parts(path: Path) -> dict[str, int]:
    """Bytes of the tensors of a file, together by what they are for."""
    found: dict[str, int] = {}
    sizes = tensor_sizes(path)
    for name, size in sizes.items():
        stem = name.partition(".")[0]
        part = PARTS.get(stem, stem)
        found[part] = found.get(part, 0) + size
    found[f"tables of contents of {path.name}"] = path.stat().st_size - sum(sizes.values())
    return found


def as_tables(found: dict[str, Any]) -> None:
    """Print for people."""
    known = {"text": "texts", "matrix": "a matrix"}
    training = found["training"]
    rows = [
        ["written by", f"version {found['package_version']}, format {found['format_version']}"],
        ["trained on", f"{found['rows']:,} rows, {known[found['input']]}"],
        ["labels", f"{found['labels']:,}"],
        ["vocabulary", f"{found['vocabulary']:,}"],
        ["head", found["head"]],
        ["lexical memory", "yes" if found["lexical_memory"] else "no"],
        ["calibrated", "yes" if found["calibrated"] else "no"],
        ["size", human(found["bytes"])],
    ]
    if found["shortlist_recall"] is not None:
        rows.append(["shortlist recall", f"{found['shortlist_recall']:.3f}"])
    if training["best_epoch"] is not None:
        best = f"{training['best_epoch']} (nDCG@5 {training['best_ndcg@5']:.4f})"
        rows.append(["best epoch", best])
    print_table(found["model"], ["", ""], rows)
    changed = [[name, repr(value)] for name, value in found["parameters"].items()]
    print_table("Parameters that differ from the defaults", ["parameter", "value"], changed)
    sizes = sorted(found["bytes_by_part"].items(), key=lambda part: -part[1])
    print_table("Size by part", ["part", "size"], [[name, human(size)] for name, size in sizes])
    history = training["history"]
    if history:
        columns = list(history[0])
        cells = [[_cell(epoch[name]) for name in columns] for epoch in history]
        print_table(f"Training, seed {training['seed']}", columns, cells)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.5g}"
