"""Write every measured figure of the documentation from benchmarks/results/*.json.

python docs/write_results.py          # writes pages and pictures
python docs/write_results.py --check  # exit status 1 if one of them is out of date

A figure is typed once, in a JSON file. Pages take it by a comment:

``<!--= FILE / ROW / COLUMN -->74.60<!--/-->``
    one figure. ``A minus B`` and ``A over B`` compute, ``| .1f`` sets the digits.
``<!-- table: FILE / TABLE -->`` to ``<!-- end of table -->``
    a table. ``| P@1, P@5`` chooses columns; ``accuracy`` alone sets systems side by side.

``results-appendix.md`` and ``pictures/`` are written whole.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from draw_bars import Bars, draw

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
OURS = "InceptionXMLClassifier"  # "best peer" or names of systems stand beside it
APPENDIX = ROOT / "docs" / "results-appendix.md"
PICTURES = ROOT / "docs" / "pictures"
# the sections of the appendix in their order, by file
SECTIONS = [
    "accuracy", "current", "robustness", "calibration", "label_texts", "tail_weight",
    "label_numbers", "speed", "large", "heads", "scaling", "clustering", "cluster", "model_size",
    "precision", "claims", "parts", "epochs", "lexical", "few_rows", "word_vectors", "soft_targets",
    "synchronized", "encoder", "migrating", "annif", "streaming", "did_not_help", "damaged_models",
]  # fmt: skip
FIGURE = re.compile(r"<!--= (.+?) -->(.*?)<!--/-->", re.DOTALL)
TABLE = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- end of table -->)", re.DOTALL)
IN_NOTE = re.compile(r"\{(.+?)\}")
Files = dict[str, dict[str, Any]]


def load() -> Files:
    """Every file of results by its name."""
    paths = sorted(RESULTS.glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def pages() -> list[Path]:
    """Pages that may hold figures."""
    docs = ROOT / "docs"
    found = [*docs.glob("*.md"), ROOT / "README.md"]
    return sorted(path for path in found if path != APPENDIX)


# -- figures -----------------------------------------------------------------------------------


def find(files: Files, path: str) -> tuple[Any, int | None]:
    """A figure by its path, and its digits.

    Raises
    ------
    KeyError
        If there is no such file, row or column.
    """
    name, *steps = (step.strip() for step in path.split(" / "))
    node: dict[str, Any] = files[name]
    if "datasets" in node and len(steps) == 3 and steps[0] in node["datasets"]:
        data, system, metric = steps
        return node["datasets"][data][system][metric], 2
    if steps[0] in node.get("data", {}):
        return node["data"][steps[0]][steps[1]], 0
    table = node["tables"][steps.pop(0) if len(steps) == 3 else "main"]
    row, column = steps
    cells = next((r for r in table["rows"] if bare(r[0]) == bare(row)), None)
    columns = [bare(c) for c in table["columns"]]
    if cells is None or bare(column) not in columns:
        raise KeyError(path)
    return cells[columns.index(bare(column))], table.get("digits", {}).get(column, 2)


def bare(cell: str) -> str:
    """A cell without its marks."""
    return cell.strip("`* ")


def number(value: Any) -> float:
    """The number in a cell: a mean, or what a string says."""
    if isinstance(value, list):
        value = value[0]
    return float(value.replace(",", "")) if isinstance(value, str) else float(value)


def evaluate(files: Files, expression: str) -> str:
    """The text of a figure, as in the comment before it."""
    expression, _, form = (part.strip() for part in expression.partition(" | "))
    for word in (" minus ", " over "):
        if word in expression:
            a, b = (find(files, part) for part in expression.split(word))
            x, y = number(a[0]), number(b[0])
            return format(x - y if word == " minus " else x / y, form or ".2f")
    value, digits = find(files, expression)
    return format(number(value), form) if form else text(value, digits)


def text(value: Any, digits: int | None = 2, spread: float | None = None) -> str:
    """A cell as the tables show it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        value, spread = value
    shown = f"{value:,.{digits}f}"
    return shown if spread is None else f"{shown} ± {spread:.{digits}f}"


# -- tables ------------------------------------------------------------------------------------


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    """A table; columns of figures stand to the right."""
    figures = [
        all(re.fullmatch(r"[-*\d.,± ]*", row[j]) for row in rows) for j in range(len(columns))
    ]
    rule = ["---:" if figure and j else "---" for j, figure in enumerate(figures)]
    lines = ["| " + " | ".join(cells) + " |" for cells in [columns, rule, *rows]]
    return "\n".join(lines) + "\n"


def plain_table(table: dict[str, Any], chosen: list[str] | None = None) -> str:
    """A table of a file, all its columns or some."""
    columns = table["columns"]
    places = range(len(columns))
    if chosen:
        names = [bare(column) for column in columns]
        places = [0, *(names.index(bare(column)) for column in chosen)]
    digits = table.get("digits", {})
    rows = [[text(row[j], digits.get(columns[j], 2)) for j in places] for row in table["rows"]]
    return markdown([columns[j] for j in places], rows)


def systems_table(file: dict[str, Any], chosen: list[str] | None = None) -> str:
    """Systems side by side on each data set; the best of a column is bold."""
    sets, spreads = file["datasets"], file.get("spread", {})
    first = next(iter(next(iter(sets.values())).values()))
    columns = chosen or list(first)
    rows = []
    for name, systems in sets.items():
        data = file["data"][name]
        title = f"{name}, {data['labels']:,} labels, {data['rows']:,} titles"
        best = {c: max(s[c] for s in systems.values() if c in s) for c in columns}
        for system, values in systems.items():
            spread = {} if chosen else spreads.get(name, {}).get(system, {})
            cells = [text(values.get(c), 2, spread.get(c)) for c in columns]
            marked = [
                re.sub(r"^[\d.,]+", r"**\g<0>**", cell) if values.get(c) == best[c] else cell
                for c, cell in zip(columns, cells, strict=True)
            ]
            rows.append([title, system, *marked])
            title = ""
    return markdown(["", "", *columns], rows)


def table_of(files: Files, wanted: str) -> str:
    """The table that a comment asks for."""
    path, _, names = (part.strip() for part in wanted.partition(" | "))
    chosen = [name.strip() for name in names.split(",")] if names else None
    name, _, table = (part.strip() for part in path.partition(" / "))
    if "datasets" in files[name] and not table:
        return systems_table(files[name], chosen)
    return plain_table(files[name]["tables"][table or "main"], chosen)


# -- pages -------------------------------------------------------------------------------------


def filled(files: Files, page: str) -> str:
    """A page with the figures and tables of today."""
    page = TABLE.sub(lambda m: f"{m[1]}\n{table_of(files, m[2])}\n{m[3]}", page)
    return FIGURE.sub(lambda m: f"<!--= {m[1]} -->{evaluate(files, m[1])}<!--/-->", page)


def appendix(files: Files) -> str:
    """All that was measured, file by file."""
    lines = [
        "# Results in full",
        "",
        "<!-- Written by docs/write_results.py from benchmarks/results/. Do not edit. -->",
        "",
        "[Results](results.md) has the short answers. This page has every table, and the command "
        "that repeats it.",
        "",
        f"Machine: {files['machine']['about'][0]} Timings on such a machine differ by a tenth and "
        "more from run to run: compare ratios within a run.",
        "",
        "Not measured yet: full-size training on the published data sets, and anything on a GPU.",
    ]
    for name in SECTIONS:
        lines += ["", *section(files, name)]
    return "\n".join(lines) + "\n"


def section(files: Files, name: str) -> Iterator[str]:
    """Lines of one section."""
    file = files[name]
    yield from (f"## {file['title']}", "", f"Measured on: {file['version']}.")
    for paragraph in file["about"]:
        yield from ("", paragraph)
    if "datasets" in file:
        yield from ("", systems_table(file).rstrip())
    for table in file.get("tables", {}).values():
        yield from ("", plain_table(table).rstrip())
    notes = [IN_NOTE.sub(lambda m: evaluate(files, m[1]), note) for note in file.get("notes", [])]
    yield from ("", *(f"- {note}" for note in notes)) if notes else ()
    yield from ("", "```sh", *file["command"], "```")


def pictures(files: Files) -> dict[str, str]:
    """The pictures by file name."""
    accuracy = files["accuracy"]["datasets"]
    bars = {
        metric: [
            Bars(data, [(system, values[metric]) for system, values in systems.items()])
            for data, systems in accuracy.items()
        ]
        for metric in ("P@1", "PSP@1")
    }
    size = [(row[0], row[1]) for row in files["model_size"]["tables"]["main"]["rows"]]
    parts = files["parts"]["tables"]["Tate"]["rows"]
    steps = [(row[0].split(":")[0], number(row[1])) for row in parts[:8]]
    scaling = files["scaling"]["tables"]["main"]
    rows = {row[0]: row[1:4] for row in scaling["rows"]}
    sizes = [f"{c} labels" for c in scaling["columns"][1:4]]
    query = list(zip(sizes, map(number, rows["one query, median ms"]), strict=True))
    speed = files["heads"]["tables"]["speed"]
    heads = [
        Bars(row[0], [("one-vs-all", number(row[1])), ("synchronized", number(row[2]))])
        for row in speed["rows"]
    ]
    return {
        "accuracy.svg": draw("Precision at 1, percent", bars["P@1"], OURS),
        "rare-labels.svg": draw("Propensity-scored precision at 1, percent", bars["PSP@1"], OURS),
        "heads.svg": draw(
            "Seconds of LLMs4Subjects, each pair on its own scale",
            heads,
            "synchronized",
            own_scales=True,
        ),
        "size.svg": draw("Saved model of Tate, MB", [Bars("", size)], "int8", 1),
        "scaling.svg": draw("One query, milliseconds", [Bars("", query)], sizes[-1]),
        "parts.svg": draw("P@1 on Tate, percent, step by step", [Bars("", steps)], steps[-1][0]),
    }


def outputs() -> dict[Path, str]:
    """Everything that this script writes."""
    files = load()
    found = {page: filled(files, page.read_text(encoding="utf-8")) for page in pages()}
    found[APPENDIX] = appendix(files)
    return found | {PICTURES / name: content for name, content in pictures(files).items()}


def main() -> int:
    """Write, or check; the exit status."""
    stale = {
        path: content
        for path, content in outputs().items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    }
    for path, content in stale.items():
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
    return int("--check" in sys.argv and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
