"""``fit``: train on a file and save the model."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import parameters
from .failures import INTERRUPTED, Failure, Interrupted, describe, wrong_input
from .inputs import Columns, check_readable, open_stream, read_labelled
from .label_texts import read as read_label_texts
from .sizes import human, size_of

ENDED_EARLY = "training was interrupted"  # how the warning of the estimator begins


def run(
    train: Path,
    target: Path,
    columns: Columns,
    *,
    validation: Path | None,
    label_texts: Path | None,
    label_language: str | None,
    precision: str,
    mmap: bool,
    config: Path | None,
    assigned: list[str],
    options: dict[str, Any],
    force: bool,
    quiet: bool,
    stream: bool = False,
) -> int:
    """Train and save; the exit status."""
    check_readable(train, validation, label_texts, columns.label_matrix, columns.label_names)
    if validation is not None and columns.label_matrix is not None:
        raise Failure("--validation does not go with --label-matrix, which is that of TRAIN")
    if label_language is not None and label_texts is None:
        raise Failure("--label-language goes with --label-texts")
    given = parameters.merge(
        {} if config is None else parameters.read_config(config),
        parameters.parse_assignments(assigned),
        options,
    )
    _check_target(target, force)
    if mmap and precision != "exact":
        raise Failure(f"--mmap does not go with --precision {precision}: arrays stay as they are")
    model, verbose = _unfitted(given, config, quiet)
    texts = None if label_texts is None else read_label_texts(label_texts, label_language)
    X, y = _rows(train, columns, stream)
    held_out = None if validation is None else read_labelled(validation, columns)
    pair = None if held_out is None else (held_out.X, held_out.y)
    start = time.perf_counter()
    with _interrupts(model.checkpoint_dir, target) as ended_early:
        with wrong_input(f"cannot fit on {train}"):
            model.fit(X, y, validation_data=pair, label_texts=texts)
        seconds = time.perf_counter() - start
        model.set_params(verbose=verbose)  # what this terminal shows is no part of the model
        with wrong_input(str(target)):
            model.save(target, precision=precision, mmap=mmap)
    if not quiet:
        sys.stdout.write(
            f"saved {target} ({human(sum(size_of(target).values()))}): "
            f"{model.n_samples_fit_:,} rows, {model.n_labels_:,} labels, {model.n_iter_} "
            f"epochs, loss {model.loss_curve_[-1]:.4g}, {seconds:.0f} s\n"
        )
    if ended_early:
        sys.stderr.write(
            f"interrupted: {target} holds what was learned in {model.n_iter_} epochs\n"
        )
        return INTERRUPTED
    return 0


def _rows(train: Path, columns: Columns, stream: bool) -> tuple[Any, Any]:
    """X and y for ``fit``."""
    if stream:
        return open_stream(train, columns), None
    rows = read_labelled(train, columns)
    return rows.X, rows.y


def _unfitted(given: parameters.Parameters, config: Path | None, quiet: bool) -> tuple[Any, Any]:
    """The estimator, its parameters checked, and its ``verbose``."""
    from sk_inceptionxml import InceptionXMLClassifier
    from sk_inceptionxml.training.trainer import resolve_device

    known = InceptionXMLClassifier().get_params(deep=False)
    try:
        with wrong_input():
            arguments = parameters.build(given, known)
            shown = int(not quiet and sys.stderr.isatty())
            wanted: dict[str, Any] = {"verbose": shown} | arguments
            model = InceptionXMLClassifier(**wanted)
            model._check_parameters()
            resolve_device(model.device)
    except Failure as error:
        message = str(error)
        if config is not None:  # perhaps it came from there
            message = f"{message} (parameters of {config} and of the command line)"
        raise Failure(message) from error
    return model, arguments.get("verbose", known["verbose"])


def _check_target(target: Path, force: bool) -> None:
    """Refuse a place where the model could not be written, before any work."""
    if os.path.lexists(target):
        is_empty = target.is_dir() and not any(target.iterdir())
        if not is_empty and not force:
            raise Failure(f"{target}: it exists; --force replaces a saved model")
        from sk_inceptionxml.persistence import check_replaceable

        with wrong_input(str(target)):
            check_replaceable(target)
    above = next(path for path in target.absolute().parents if os.path.lexists(path))
    if not above.is_dir():
        raise Failure(f"{target}: {above} is not a directory")
    if not os.access(above, os.W_OK):
        raise Failure(f"{target}: no permission to write in {above}")


@contextmanager
def _interrupts(checkpoint_dir: Any, target: Path) -> Iterator[list[str]]:
    """Collect the warning of a training that Ctrl-C ended, or stop where it can go on.

    Raises
    ------
    Interrupted
        If nothing is left to save, or a checkpoint is.
    """
    from sklearn.exceptions import ConvergenceWarning

    ended_early: list[str] = []
    show = warnings.showwarning

    def collect(message: Any, *rest: Any, **more: Any) -> None:
        if str(message).startswith(ENDED_EARLY):
            ended_early.append(str(message))
        else:
            show(message, *rest, **more)

    action: Any = "always" if checkpoint_dir is None else "error"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(action, ENDED_EARLY, ConvergenceWarning)
            warnings.showwarning = collect
            yield ended_early
    except (KeyboardInterrupt, ConvergenceWarning) as error:
        advice = "--checkpoint-dir DIR keeps what was learned"
        if checkpoint_dir is not None:
            advice = f"the same command goes on from {checkpoint_dir}"
        if not isinstance(error, KeyboardInterrupt) and not describe(error).startswith(ENDED_EARLY):
            raise
        raise Interrupted(f"nothing was written to {target}; {advice}") from None
