"""The readers of vocabularies."""

import builtins
import gzip
import json

import pytest
from _dataset_files import NO_FIXTURE_CHECK, json_lines, write
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_inceptionxml.datasets import load_vocabulary, load_xmc_json, load_xmc_raw_text

TURTLE = """
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix s: <http://example.org/> .
s:1 a skos:Concept ; skos:prefLabel "boats"@en, "Boote"@de ; skos:altLabel "vessels"@en, "ark" .
s:2 a skos:Concept ; skos:prefLabel "kites"@en ; rdfs:label "never read"@en .
s:3 a skos:Concept ; rdfs:label "lamps"@en .
s:4 a skos:Concept ; skos:prefLabel "old"@en ; owl:deprecated true .
s:5 a skos:ConceptScheme ; skos:prefLabel "a scheme"@en .
"""
BOATS, KITES, LAMPS = (f"http://example.org/{i}" for i in (1, 2, 3))
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1)


@settings(max_examples=40, deadline=None, suppress_health_check=NO_FIXTURE_CHECK)
@given(
    texts=st.dictionaries(
        WORDS.filter(lambda word: word[0] + word[-1] != "<>" and word[0] != "\ufeff"),
        st.lists(WORDS, min_size=1, max_size=3, unique=True),
        min_size=1,
        max_size=5,
    ),
    compress=st.booleans(),
    is_one_line=st.booleans(),
)
def test_tsv_round_trip(tmp_path, texts, compress, is_one_line):
    lines = [
        line
        for label, own in texts.items()
        for line in (["\t".join([label, *own])] if is_one_line else [f"{label}\t{t}" for t in own])
    ]
    path = write(tmp_path / "names.tsv", "\n".join(lines) + "\n", compress)
    assert load_vocabulary(path) == texts


def test_tsv_of_annif(tmp_path):
    content = "<http://a/1>\tkites\t621.3\n<http://a/2>\n<http://a/3>\tboats\n<http://a/3>\tboats\n"
    path = write(tmp_path / "subjects.tsv", content)
    assert load_vocabulary(path) == {"http://a/1": ["kites"], "http://a/3": ["boats"]}


def test_csv_of_annif(tmp_path):
    rows = 'uri,label_en,notation,label_de\n<http://a/1>,"kites, toys",1,Drachen\n\nx,,,Boote\n'
    path = write(tmp_path / "subjects.csv", rows)
    assert load_vocabulary(path) == {"http://a/1": ["kites, toys", "Drachen"], "x": ["Boote"]}
    assert load_vocabulary(path, language="en") == {"http://a/1": ["kites, toys"]}


@pytest.mark.parametrize("compress", [False, True])
def test_skos(tmp_path, compress):
    path = write(tmp_path / "subjects.ttl.gz", TURTLE, compress)
    assert load_vocabulary(path) == {
        BOATS: ["Boote", "boats", "ark", "vessels"],
        KITES: ["kites"],
        LAMPS: ["lamps"],
    }
    english = load_vocabulary(path, language="en")
    assert english == {BOATS: ["boats", "ark", "vessels"], KITES: ["kites"], LAMPS: ["lamps"]}
    assert load_vocabulary(path, language="de", alternatives=False) == {BOATS: ["Boote"]}


@pytest.mark.parametrize(("ending", "syntax"), [("rdf", "xml"), ("nt", "nt")])
def test_skos_in_other_syntaxes(tmp_path, ending, syntax):
    from rdflib import Graph

    path = tmp_path / f"subjects.{ending}"
    Graph().parse(data=TURTLE, format="turtle").serialize(path, format=syntax, encoding="utf-8")
    plain = write(tmp_path / "subjects.ttl", TURTLE)
    assert load_vocabulary(path) == load_vocabulary(plain)


def test_label_files_of_the_repository(tmp_path):
    rows = json_lines({"uid": "B01", "title": "red kite"}, {"title": ""}, {"title": " boats "})
    path = write(tmp_path / "lbl.json.gz", rows, True)
    assert load_vocabulary(path) == {0: ["red kite"], 2: ["boats"]}
    labels = load_xmc_json(path)
    assert labels.uids == ["B01", None, None] and labels.target is None
    assert labels.data == load_xmc_raw_text(path) == ["red kite", "", " boats "]


@pytest.mark.parametrize("rows", [[{}, {"target_ind": [0]}], [{"target_ind": [0]}, {}]])
def test_a_label_file_has_no_row_with_labels(tmp_path, rows):
    path = write(tmp_path / "lbl.json", json_lines(*({"title": "a", **row} for row in rows)))
    with pytest.raises(ValueError, match=r"lbl\.json, line 2: .*'target_ind'"):
        load_xmc_json(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.tsv", "a\tb\nboat\n", "line 2: expected a label, a tab and a text"),
        ("x.tsv", "a\tb\n\tc\n", "line 2: expected a label, a tab and a text"),
        ("x.tsv", "<>\tb\n", "line 1: expected a label, a tab and a text"),
        ("x.tsv", b"a\t\xff\n", "line 1: not valid UTF-8"),
        ("x.tsv", "\n", "it holds no label with a text"),
        ("x.tsv", "a\t \n", "it holds no label with a text"),
        ("x.csv", "", "line 1: expected the columns uri and label_en"),
        ("x.csv", "uri,name\na,b\n", "line 1: expected the columns uri and label_en"),
        ("x.csv", "uri,label_en\na\n", "line 2: expected 2 fields, got 1"),
        ("x.csv", "uri,label_en\n,b\n", "line 2: the uri is empty"),
        ("x.csv", 'uri,label_en\na,"b\n', "line 2: not valid CSV"),
        ("x.json", '{"title": 3}\n', "line 1: 'title' must be a str"),
        ("x.ttl", "a b c .", "it cannot be read as RDF (turtle)"),
        ("x.rdf", "<rdf", "it cannot be read as RDF (xml)"),
        ("x.ttl", "", "it holds no skos:Concept"),
    ],
)
def test_errors_name_the_file(tmp_path, name, content, message):
    path = write(tmp_path / name, content)
    with pytest.raises(ValueError) as caught:
        load_vocabulary(path)
    assert str(caught.value).startswith(str(path)) and message in str(caught.value)


def test_a_damaged_gzip_file_is_an_error(tmp_path):
    for name in ("x.tsv.gz", "x.ttl.gz"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(b"a\tb\n")[:-6])
        with pytest.raises(ValueError, match="x.t"):
            load_vocabulary(path)


def test_arguments_are_checked(tmp_path):
    ttl, tsv = write(tmp_path / "x.ttl", TURTLE), write(tmp_path / "y.tsv", "a\tb\n")
    with pytest.raises(ValueError, match="language='fi' has no text in .*; .* are de, en"):
        load_vocabulary(ttl, language="fi")
    with pytest.raises(ValueError, match="language='en' chooses among"):
        load_vocabulary(tsv, language="en")
    with pytest.raises(ValueError, match="format must be one of tsv, csv, skos, xmc-json"):
        load_vocabulary(tsv, format="marc")
    assert load_vocabulary(write(tmp_path / "z.txt", TURTLE), format="skos")


def test_skos_needs_rdflib(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == "rdflib":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'sk-inceptionxml\[skos\]'"):
        load_vocabulary(write(tmp_path / "x.ttl", TURTLE))


def test_texts_go_into_fit(tmp_path):
    from _models import small

    path = write(tmp_path / "names.tsv", "b\tred boat\nk\tblue kite\no\tgreen organ\n")
    titles, labels = ["a red boat", "a blue kite"] * 20, [["b"], ["k"]] * 20
    fitted = small().fit(titles, labels, label_texts=load_vocabulary(path))
    assert fitted.classes_.tolist() == ["b", "k", "o"]
    assert json.dumps(fitted.predict_topk(["an organ"], k=3)[0].tolist())
