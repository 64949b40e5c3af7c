"""Readers for what labels say: vocabularies of libraries, and label files of the repository."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Iterable, Iterator
from typing import Any, cast

from ._io import GZIP_MAGIC, PathLike, decode, fail, get_field, iter_json, iter_lines

_RDF = {"ttl": "turtle", "turtle": "turtle", "nt": "nt"}
_RDF |= dict.fromkeys(("rdf", "xml", "owl", "skos"), "xml")
_FORMATS = {"csv": "csv", "json": "xmc-json", "jsonl": "xmc-json"} | dict.fromkeys(_RDF, "skos")
_KNOWN = ("tsv", "csv", "skos", "xmc-json")


def load_vocabulary(
    path: PathLike,
    *,
    format: str | None = None,
    language: str | None = None,
    alternatives: bool = True,
) -> dict[Any, list[str]]:
    """Load what labels say, for ``label_texts`` of ``InceptionXMLClassifier.fit``.

    Parameters
    ----------
    path : str or path-like
        The file, which may be gzip-compressed.
    format : {"tsv", "csv", "skos", "xmc-json"} or None, default=None
        None is what the name of the file ends in, with or without ``.gz``; "tsv" if it tells
        nothing.

        - "tsv": a label, a tab and its text a line. A label may have several lines, or several
          texts in a line. Annif's vocabularies are read too: after a URI in angle brackets comes
          the text and perhaps a notation, which is left out. A URI alone is out of use.
        - "csv": the CSV vocabularies of Annif, with the columns ``uri`` and ``label_en``,
          ``label_de`` and so on.
        - "skos": SKOS as Turtle, N-Triples or RDF/XML (``.ttl``, ``.nt``, ``.rdf``, ``.xml``).
          Needs rdflib, the extra ``skos``. Deprecated concepts are left out.
        - "xmc-json": ``lbl.json`` of the Extreme Classification Repository, one JSON object with
          a ``title`` a line. A label is its number, from 0, as in ``target_ind``.
    language : str or None, default=None
        Take the texts of this language, such as "en", and those without one. None takes all. Only
        for "csv" and "skos".
    alternatives : bool, default=True
        Whether to take ``skos:altLabel`` besides ``skos:prefLabel``.

    Returns
    -------
    texts : dict of str, or int for "xmc-json", to list of str
        Texts of each label, preferred ones first. Labels without a text are left out.

    Raises
    ------
    ValueError
        If the format is not known, the file is not as the format asks, holds no label, or no text
        in the language. The message names the file and, where there is one, the line.
    ImportError
        If the format is "skos" and rdflib is not installed.

    See Also
    --------
    load_xmc_raw_text : Texts of labels in the order of their numbers.

    Examples
    --------
    >>> import os, tempfile
    >>> from sk_inceptionxml.datasets import load_vocabulary
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "subjects.tsv")
    ...     with open(path, "w") as stream:
    ...         _ = stream.write("<http://example.org/s1>\\tkites\\nS2\\tboats\\nS2\\tships\\n")
    ...     load_vocabulary(path)
    {'http://example.org/s1': ['kites'], 'S2': ['boats', 'ships']}
    """
    ending = os.fspath(path).lower().removesuffix(".gz").rpartition(".")[2]
    kind = _FORMATS.get(ending, "tsv") if format is None else format
    if kind not in _KNOWN:
        raise ValueError(f"format must be one of {', '.join(_KNOWN)} or None, got {format!r}.")
    if language is not None and kind in ("tsv", "xmc-json"):
        raise ValueError(
            f"language={language!r} chooses among the languages of csv and skos, but "
            f"{os.fspath(path)} is {kind}; leave it out."
        )
    pairs: Iterable[tuple[Any, str]]
    if kind == "skos":
        pairs = _skos_pairs(path, _RDF.get(ending, "turtle"), language, alternatives)
    elif kind == "csv":
        pairs = _csv_pairs(path, language)
    elif kind == "xmc-json":
        rows = enumerate(iter_json(path))
        pairs = ((i, get_field(path, n, row, "title", str)) for i, (n, row) in rows)
    else:
        pairs = _tsv_pairs(path)
    texts: dict[Any, dict[str, None]] = {}
    for label, text in pairs:
        if text.strip():
            texts.setdefault(label, {})[text.strip()] = None
    if not texts:
        raise ValueError(f"{os.fspath(path)}: it holds no label with a text.")
    return {label: list(own) for label, own in texts.items()}


def _tsv_pairs(path: PathLike) -> Iterator[tuple[str, str]]:
    for number, line in iter_lines(path):
        if not line.strip():
            continue
        label, *texts = decode(path, number, line, "UTF-8").split("\t")
        label = label.strip()
        if label.startswith("<") and label.endswith(">"):
            label, texts = label[1:-1], texts[:1]  # a notation may follow, or nothing
        elif not texts:
            fail(path, number, "expected a label, a tab and a text")
        if not label:
            fail(path, number, "expected a label, a tab and a text")
        for text in texts:
            yield label, text


def _csv_pairs(path: PathLike, language: str | None) -> Iterator[tuple[str, str]]:
    lines = ((n, decode(path, n, line)) for n, line in iter_lines(path, keep_ends=True))
    place = [1]

    def text_lines() -> Iterator[str]:
        for place[0], line in lines:
            yield line

    rows = csv.reader(text_lines(), strict=True)
    try:
        header = next(rows, [])
        found = [name.removeprefix("label_") for name in header if name.startswith("label_")]
        if "uri" not in header or not found:
            fail(path, 1, f"expected the columns uri and label_en or the like, got {header}")
        _check_language(path, language, found)
        wanted = [header.index(f"label_{x}") for x in found if language in (None, x)]
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                fail(path, place[0], f"expected {len(header)} fields, got {len(row)}")
            uri = row[header.index("uri")].strip().removeprefix("<").removesuffix(">")
            if not uri:
                fail(path, place[0], "the uri is empty")
            for i in wanted:
                yield uri, row[i]
    except csv.Error as error:
        fail(path, place[0], f"not valid CSV ({error})")


def _check_language(path: PathLike, language: str | None, found: Iterable[str]) -> None:
    if language is not None and language not in found:
        known = ", ".join(sorted(found)) or "none"
        raise ValueError(
            f"language={language!r} has no text in {os.fspath(path)}; its languages are {known}."
        )


def _skos_pairs(
    path: PathLike, syntax: str, language: str | None, alternatives: bool
) -> Iterator[tuple[str, str]]:
    try:
        from rdflib import Graph, Literal
        from rdflib.namespace import OWL, RDF, RDFS, SKOS
    except ImportError as error:
        raise ImportError(
            "reading SKOS needs rdflib: pip install 'sk-inceptionxml[skos]'"
        ) from error
    graph = _parsed(path, syntax, Graph())
    concepts = {
        concept
        for concept in graph.subjects(RDF.type, SKOS.Concept)
        if (concept, OWL.deprecated, Literal(True)) not in graph
    }
    if not concepts:
        raise ValueError(f"{os.fspath(path)}: it holds no skos:Concept.")
    kinds = (SKOS.prefLabel, RDFS.label, SKOS.altLabel)
    labels = {
        kind: [(s, cast(Literal, o)) for s, o in graph.subject_objects(kind) if s in concepts]
        for kind in (kinds if alternatives else kinds[:2])
    }
    tags = {o.language for own in labels.values() for _, o in own if getattr(o, "language", None)}
    _check_language(path, language, cast("set[str]", tags))
    preferred = {s for s, _ in labels[SKOS.prefLabel]}
    labels[RDFS.label] = [(s, o) for s, o in labels[RDFS.label] if s not in preferred]
    for own in labels.values():
        found = [(str(s), o.language or "", str(o)) for s, o in own if isinstance(o, Literal)]
        # a graph has no order: without one, every read would give another
        for concept, tag, text in sorted(found):
            if language is None or tag in ("", language):
                yield concept, text


def _parsed(path: PathLike, syntax: str, graph: Any) -> Any:
    with open(path, "rb") as opened:
        is_gzip = opened.peek(2)[:2] == GZIP_MAGIC
        try:
            content = gzip.decompress(opened.read()) if is_gzip else opened.read()
            # read from memory: rdflib takes no address from the file's name then
            graph.parse(io.BytesIO(content), format=syntax, publicID="file:///vocabulary")
        except Exception as error:  # every syntax has errors of its own
            message = " ".join(str(error).split())
            raise ValueError(
                f"{os.fspath(path)}: it cannot be read as RDF ({syntax}): {message:.200}"
            ) from error
    return graph
