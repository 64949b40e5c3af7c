"""The commands and their options; the work of each is in the file of its name."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Exit, Option, Typer, echo
from typer.core import TyperGroup

from .failures import Interrupted, OutputClosed
from .inputs import Columns


class Commands(TyperGroup):
    """Keeps typer from ending the process where ``program.main`` decides how it ends."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise OutputClosed from error
        except KeyboardInterrupt as error:
            raise Interrupted from error


app = Typer(
    cls=Commands,
    name="sk-inceptionxml",
    help="Extreme multi-label classification of short texts: train, evaluate, predict and serve.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

READING, TRAINING, PRINTING = "Input files", "Parameters", "Output"


class Format(StrEnum):
    """Formats of input files."""

    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"
    TEXT = "text"
    XMC_JSON = "xmc-json"
    XMC_SPARSE = "xmc-sparse"
    XMC_MATRIX = "xmc-matrix"


class Report(StrEnum):
    """Formats of a report."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class Description(StrEnum):
    """Formats of a description."""

    TABLE = "table"
    JSON = "json"


class Answers(StrEnum):
    """Formats of predictions."""

    JSONL = "jsonl"
    TSV = "tsv"


class Precision(StrEnum):
    """How weights are saved."""

    EXACT = "exact"
    INT8 = "int8"
    INT4 = "int4"


class HeadName(StrEnum):
    """Heads by name."""

    AUTO = "auto"
    OVA = "ova"
    SYNC = "sync"


Model = Annotated[Path, Argument(metavar="MODEL", help="Directory that fit wrote.")]
FormatOption = Annotated[
    Format | None,
    Option(
        "--format",
        metavar="FORMAT",
        rich_help_panel=READING,
        help="jsonl, csv, tsv, parquet, text, xmc-json, xmc-sparse or xmc-matrix (default: by "
        "the ending of the file name)",
    ),
]
TextColumn = Annotated[
    str | None,
    Option(
        "--text-column",
        metavar="NAME",
        rich_help_panel=READING,
        help="Column, or key of JSON, of the text. (default: text)",
    ),
]
LabelColumn = Annotated[
    str | None,
    Option(
        "--label-column",
        metavar="NAME",
        rich_help_panel=READING,
        help="Column, or key of JSON, of the labels. (default: labels)",
    ),
]
Separator = Annotated[
    str,
    Option(
        "--label-separator",
        metavar="TEXT",
        rich_help_panel=READING,
        help="What stands between two labels in one field of CSV, TSV or Parquet.",
    ),
]
Quotes = Annotated[
    bool,
    Option(
        "--quotes/--no-quotes",
        rich_help_panel=READING,
        help="Whether quotes in CSV and TSV enclose fields, or are part of the text.",
    ),
]
LabelMatrix = Annotated[
    Path | None,
    Option(
        "--label-matrix",
        metavar="FILE",
        rich_help_panel=READING,
        help="Labels of a file of raw texts or of a matrix, such as trn_X_Y.txt.",
    ),
]
LabelNames = Annotated[
    Path | None,
    Option(
        "--label-names",
        metavar="FILE",
        rich_help_panel=READING,
        help="Names of label numbers, such as Y.txt or lbl.json.",
    ),
]
Device = Annotated[
    str, Option("--device", help="cpu, cuda, ...; auto takes a GPU where there is one.")
]
# program.main looks for it; here it is for --help
Traceback = Annotated[
    bool, Option("--traceback", help="Show where an error comes from.", show_default=False)
]


def _version(wanted: bool) -> None:
    if wanted:
        from sk_inceptionxml import __version__

        echo(f"sk-inceptionxml {__version__}")
        raise Exit


@app.callback()
def common(
    version: Annotated[
        bool, Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    traceback: Traceback = False,
) -> None:
    """Nothing to do before a command."""


@app.command()
def fit(
    train: Annotated[Path, Argument(metavar="TRAIN", help="File of texts and labels.")],
    model: Annotated[Path, Argument(metavar="MODEL", help="Directory to write.")],
    format: FormatOption = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    label_separator: Separator = "|",
    quotes: Quotes = True,
    label_matrix: LabelMatrix = None,
    label_names: LabelNames = None,
    stream: Annotated[
        bool,
        Option(
            "--stream",
            rich_help_panel=READING,
            help="Keep the rows on disk, in the directory TMPDIR, instead of in memory.",
        ),
    ] = False,
    validation: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            rich_help_panel=READING,
            help="Rows held out for early stopping and for the fusion, instead of some of TRAIN.",
        ),
    ] = None,
    label_texts: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            rich_help_panel=READING,
            help="What labels say: a label, a tab and its text a line; or a vocabulary in CSV or "
            "SKOS; or lbl.json of the Extreme Classification Repository.",
        ),
    ] = None,
    label_language: Annotated[
        str | None,
        Option(
            metavar="LANGUAGE",
            rich_help_panel=READING,
            help="Language of label texts, such as en, where the file has several.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            rich_help_panel=TRAINING,
            help="Parameters in TOML or YAML; the command line wins.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        Option(
            "--set",
            metavar="NAME=VALUE",
            rich_help_panel=TRAINING,
            help="Any parameter of the classifier, such as n_filters=64, "
            "kernel_sizes=[4,8] or, with --head sync, head__beam_size=8. May be repeated.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        Option(
            help="Make the training repeatable.",
            rich_help_panel=TRAINING,
            min=0,  # the classifier checks the maximum, whose digits would squeeze the help
            metavar="INT",
        ),
    ] = None,
    head: Annotated[
        HeadName | None,
        Option(
            metavar="HEAD",
            help="What scores labels: ova scores all, sync those of shortlisted clusters, and "
            "auto takes sync from 20,000 labels on.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    max_epochs: Annotated[
        int | None, Option(help="Passes over the rows.", rich_help_panel=TRAINING)
    ] = None,
    batch_size: Annotated[
        int | None, Option(help="Rows of a training step.", rich_help_panel=TRAINING)
    ] = None,
    lr: Annotated[
        float | None, Option(help="Highest learning rate.", rich_help_panel=TRAINING)
    ] = None,
    n_neighbors: Annotated[
        int | None,
        Option(help="Training rows whose labels count; 0 is none.", rich_help_panel=TRAINING),
    ] = None,
    embeddings: Annotated[
        str | None,
        Option(
            metavar="FILE",
            rich_help_panel=TRAINING,
            help="Word vectors in text form, plain or .gz; or the word random.",
        ),
    ] = None,
    early_stopping: Annotated[
        bool | None,
        Option(
            "--early-stopping/--no-early-stopping",
            rich_help_panel=TRAINING,
            help="Keep the best epoch on held-out rows.",
        ),
    ] = None,
    checkpoint_dir: Annotated[
        Path | None,
        Option(
            metavar="DIR",
            rich_help_panel=TRAINING,
            help="Keep the state of every epoch here: after a crash or Ctrl-C the same "
            "command goes on.",
        ),
    ] = None,
    device: Annotated[str | None, Option(help="cpu, cuda, ...", rich_help_panel=TRAINING)] = None,
    precision: Annotated[
        Precision,
        Option(help="How weights are written: as they are, or smaller.", rich_help_panel=PRINTING),
    ] = Precision.EXACT,
    mmap: Annotated[
        bool,
        Option(
            "--mmap",
            help="Write MODEL so that processes share one copy of it; it is larger.",
            rich_help_panel=PRINTING,
        ),
    ] = False,
    force: Annotated[
        bool, Option("--force", help="Replace a saved model.", rich_help_panel=PRINTING)
    ] = False,
    quiet: Annotated[
        bool, Option("--quiet", "-q", help="No progress, no summary.", rich_help_panel=PRINTING)
    ] = False,
    traceback: Traceback = False,
) -> int:
    """Train on TRAIN and save the model to the directory MODEL."""
    from .fit import run

    options = {
        "random_state": seed,
        "head": None if head is None else str(head),
        "max_epochs": max_epochs,
        "batch_size": batch_size,
        "lr": lr,
        "n_neighbors": n_neighbors,
        "embeddings": embeddings,
        "early_stopping": early_stopping,
        "checkpoint_dir": None if checkpoint_dir is None else str(checkpoint_dir),
        "device": device,
    }
    columns = _columns(
        format, text_column, label_column, label_separator, quotes, label_matrix, label_names
    )
    return run(
        train,
        model,
        columns,
        validation=validation,
        label_texts=label_texts,
        label_language=label_language,
        precision=str(precision),
        mmap=mmap,
        config=config,
        assigned=set_ or [],
        options={name: value for name, value in options.items() if value is not None},
        force=force,
        quiet=quiet,
        stream=stream,
    )


@app.command()
def evaluate(
    model: Model,
    test: Annotated[Path, Argument(metavar="TEST", help="File of texts and labels.")],
    format: FormatOption = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    label_separator: Separator = "|",
    quotes: Quotes = True,
    label_matrix: LabelMatrix = None,
    label_names: LabelNames = None,
    train: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            rich_help_panel=READING,
            help="Training rows for label frequencies; by default the model has them.",
        ),
    ] = None,
    baselines: Annotated[
        bool,
        Option(
            "--baselines",
            help="Compare with the most frequent labels and with nearest "
            "neighbours in TF-IDF; needs --train.",
        ),
    ] = False,
    k: Annotated[
        list[int] | None,
        Option(
            "--k",
            min=1,
            metavar="K",
            show_default=False,
            help="Places that count; may be repeated. (default: 1, 3 and 5)",
        ),
    ] = None,
    recall_k: Annotated[
        list[int] | None,
        Option(
            "--recall-k",
            min=1,
            metavar="K",
            show_default=False,
            help="Places for recall. (default: 10 and 100)",
        ),
    ] = None,
    propensity_a: Annotated[
        float, Option("--propensity-a", min=0, help="Constant A of the propensities.")
    ] = 0.55,
    propensity_b: Annotated[
        float, Option("--propensity-b", min=0, help="Constant B of the propensities.")
    ] = 1.5,
    device: Device = "auto",
    output_format: Annotated[
        Report,
        Option("--output-format", "-o", help="Format of the report.", rich_help_panel=PRINTING),
    ] = Report.TABLE,
    traceback: Traceback = False,
) -> int:
    """Print all metrics of MODEL on the texts and labels of TEST."""
    from .evaluate import Places, run

    columns = _columns(
        format, text_column, label_column, label_separator, quotes, label_matrix, label_names
    )
    return run(
        model,
        test,
        columns,
        train=train,
        with_baselines=baselines,
        places=Places(k or [1, 3, 5], recall_k or [10, 100], propensity_a, propensity_b),
        device=device,
        output_format=str(output_format),
    )


@app.command()
def predict(
    model: Model,
    file: Annotated[
        Path | None,
        Argument(
            metavar="[FILE]", help="File of texts; without it, standard input.", show_default=False
        ),
    ] = None,
    format: FormatOption = None,
    text_column: TextColumn = None,
    quotes: Quotes = True,
    top_k: Annotated[
        int, Option("--top-k", "-k", min=1, help="Labels of each text.", rich_help_panel=PRINTING)
    ] = 5,
    threshold: Annotated[
        float,
        Option(
            min=0, max=1, help="Only labels of this probability or more.", rich_help_panel=PRINTING
        ),
    ] = 0.0,
    output_format: Annotated[
        Answers,
        Option("--output-format", "-o", help="Format of the answers.", rich_help_panel=PRINTING),
    ] = Answers.JSONL,
    batch_size: Annotated[
        int | None,
        Option(
            min=1,
            show_default=False,
            rich_help_panel=PRINTING,
            help="Texts that are answered at once. (default: 8192, or 1 in a terminal)",
        ),
    ] = None,
    device: Device = "auto",
    traceback: Traceback = False,
) -> int:
    """Print the best labels for each text of FILE, or of standard input with one text a line."""
    from .predict import run

    return run(
        model,
        file,
        _columns(format, text_column, None, "|", quotes),
        top_k=top_k,
        threshold=threshold,
        output_format=str(output_format),
        batch_size=batch_size,
        device=device,
    )


@app.command()
def explain(
    model: Model,
    text: Annotated[str, Argument(metavar="TEXT", help="One text, in quotes.")],
    label: Annotated[
        str | None, Option(metavar="NAME", help="The label to explain. (default: the best one)")
    ] = None,
    neighbours: Annotated[int, Option(min=1, help="Training rows to show.")] = 5,
    device: Device = "auto",
    output_format: Annotated[
        Description, Option("--output-format", "-o", help="Format of the explanation.")
    ] = Description.TABLE,
    traceback: Traceback = False,
) -> int:
    """Show why a label ranks where it does for TEXT."""
    from .explain import run

    return run(model, text, label, neighbours, str(output_format), device)


@app.command()
def info(
    model: Model,
    output_format: Annotated[
        Description, Option("--output-format", "-o", help="Format of the description.")
    ] = Description.TABLE,
    traceback: Traceback = False,
) -> int:
    """Describe MODEL: labels, rows, parameters, size and training."""
    from .info import run

    return run(model, str(output_format))


@app.command()
def serve(
    models: Annotated[
        list[str],
        Argument(metavar="MODEL...", help="Directories that fit wrote, or NAME=DIRECTORY."),
    ],
    host: Annotated[str, Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Option(help="Port to listen on.", min=0, max=65535)] = 8000,
    token_file: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            help="File with the token that requests must carry; by default "
            "the environment variable SK_INCEPTIONXML_TOKEN.",
        ),
    ] = None,
    workers: Annotated[int, Option(help="Processes.", min=1)] = 1,
    traceback: Traceback = False,
) -> int:
    """Answer requests over HTTP with one or more models."""
    from .serve import run

    return run(models, token_file, host=host, port=port, workers=workers)


def _columns(
    format: Format | None,
    text: str | None,
    labels: str | None,
    separator: str,
    quotes: bool,
    *files: Any,
) -> Columns:
    return Columns(None if format is None else str(format), text, labels, separator, quotes, *files)
