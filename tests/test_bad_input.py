"""Every row of docs/bad-input.md, by doing what it says."""

from __future__ import annotations

import copy
import re
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from _models import small
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

from sk_inceptionxml import InceptionXMLClassifier, classifier
from sk_inceptionxml.datasets import TextStream, load_vocabulary
from sk_inceptionxml.exceptions import DivergenceError, ModelFormatError
from sk_inceptionxml.heads import SyncXML
from sk_inceptionxml.metrics import precision_at_k

PAGE = Path(__file__).parent.parent / "docs" / "bad-input.md"
TEXTS = ["red boat", "blue kite", "green lamp", "red kite"] * 5
LISTS = [["red", "boat"], ["blue", "kite"], ["blue", "lamp"], ["red", "kite"]] * 5
NAMES = sorted({name for row in LISTS for name in row})
DENSE = np.array([[int(name in row) for name in NAMES] for row in LISTS])
MATRIX = np.abs(np.random.default_rng(0).normal(size=(20, 6)))
MATRIX[0, 0] = 0.5
ERRORS = {
    error.__name__: error for error in (ValueError, TypeError, NotFittedError, ModelFormatError)
}


def fit(X=TEXTS, y=LISTS, sample_weight=None, **params):
    return lambda _: small(**params).fit(X, y, sample_weight=sample_weight)


def fit_with_texts(label_texts, X=TEXTS):
    return lambda _: small().fit(X, LISTS, label_texts=label_texts)


def fit_chunks(*chunks):
    return fit(X=TextStream(list(chunks)), y=None)


def in_a_file(given):
    path = given["directory"] / "file"
    path.touch()
    small().fit(TextStream([(TEXTS, LISTS)], cache_dir=path))


def second(value, of=TEXTS):
    """The rows with another one in the second place."""
    return [of[0], value, *of[2:]]


def with_index(matrix, value):
    damaged = sp.csr_array(matrix)
    damaged.indices = damaged.indices.copy()
    damaged.indices[0] = value
    return damaged


def with_indptr(matrix):
    damaged = sp.csr_array(matrix)
    damaged.indptr = damaged.indptr.copy()
    damaged.indptr[3] = 10_000
    return damaged


def changed(matrix, value):
    return np.where(np.arange(matrix.size).reshape(matrix.shape) == 7, value, matrix)


def from_file(content, name="vectors.txt"):
    def run(given):
        path = given["directory"] / name
        path.write_bytes(content)
        small(embeddings=path).fit(TEXTS, LISTS)

    return run


def vocabulary(content, name="x.tsv", **options):
    def run(given):
        path = given["directory"] / name
        path.write_bytes(content)
        load_vocabulary(path, **options)

    return run


def on(model, call):
    return lambda given: call(given[model])


def with_params(**params):
    return lambda given: copy.copy(given["text"]).set_params(**params).predict(TEXTS)


FIRST_ONLY = sp.csr_array(np.vstack([DENSE[:1], np.zeros((19, len(NAMES)), dtype=int)]))
REFUSED = {
    # X
    "None as X": fit(X=None),
    "a bare str as X": fit(X="red boat"),
    "a dict as X": fit(X=dict(enumerate(TEXTS))),
    "a generator as X": fit(X=(text for text in TEXTS)),
    "a set as X": fit(X=set(TEXTS)),
    "None among the texts": fit(X=second(None)),
    "bytes among the texts": fit(X=second(b"blue kite")),
    "a number among the texts": fit(X=second(3)),
    "lists of words as rows": fit(X=[text.split() for text in TEXTS]),
    "a DataFrame with two columns of text": fit(X=pd.DataFrame({"a": TEXTS, "b": TEXTS})),
    "rows of different lengths": fit(X=[[1.0, 2.0], [1.0]] * 10),
    "label_texts that are a number": fit_with_texts(7),
    "label_texts of another length": fit_with_texts(["a boat"]),
    "a label text that is no str": fit_with_texts({"boat": 7}),
    "label_texts with a matrix as X": fit_with_texts("names", X=MATRIX),
    "no row at fit": fit(X=[], y=[]),
    "a matrix without columns": fit(X=np.zeros((20, 0))),
    "texts without any word": fit(X=["", "!?"] * 10),
    "NaN among the token weights": fit(X=changed(MATRIX, np.nan)),
    "infinity among the token weights": fit(X=sp.csr_array(changed(MATRIX, np.inf))),
    "token weights beyond 1e10": fit(X=changed(MATRIX, -1e30)),
    "complex token weights": fit(X=MATRIX.astype(complex)),
    "dates as a matrix": fit(X=np.full((20, 2), "2020-01-01", dtype="M8[D]")),
    "a matrix of three dimensions": fit(X=np.ones((20, 2, 2))),
    "dense embeddings as X": fit(X=np.random.default_rng(1).normal(size=(20, 384))),
    "a CSR matrix with an index out of range": fit(X=with_index(MATRIX, 99)),
    "a CSR matrix with a broken indptr": fit(X=with_indptr(MATRIX)),
    "a generator as the source of a TextStream": lambda _: TextStream(x for x in ()),
    "a TextStream of a file that is not there": lambda _: TextStream("absent.jsonl"),
    "a chunk that is no pair": fit(X=TextStream([TEXTS]), y=None),
    "a number among the texts of a chunk": fit_chunks((TEXTS, LISTS), (second(3), LISTS)),
    "a chunk with more texts than labels": fit_chunks((TEXTS, LISTS[1:])),
    "chunks whose labels are of several types": fit_chunks((TEXTS, LISTS), (TEXTS, [[1]] * 20)),
    "a TextStream without rows": fit_chunks(),
    "a cache_dir that cannot be written": in_a_file,
    "y beside a TextStream": fit(X=TextStream([(TEXTS, LISTS)])),
    "weights beside a TextStream": fit(
        X=TextStream([(TEXTS, LISTS)]), y=None, sample_weight=np.ones(20)
    ),
    "a TextStream in partial_fit": lambda _: small().partial_fit(TextStream([]), None),
    "a TextStream in predict": on("text", lambda c: c.predict(TextStream([]))),
    # y
    "None as y": fit(y=None),
    "a str as y": fit(y="red"),
    "a dict as y": fit(y=dict(enumerate(LISTS))),
    "y of another length than X": fit(y=LISTS[1:]),
    "no positive label at all": fit(y=np.zeros_like(DENSE)),
    "float weights in an indicator": fit(y=DENSE * 0.5),
    "counts in a sparse y": fit(y=sp.csr_array(DENSE * 2)),
    "NaN in y": fit(y=changed(DENSE.astype(float), np.nan)),
    "fractions as 1-D labels": fit(y=np.linspace(0, 1, 20)),
    "labels of mixed types in lists": fit(y=[["red"], [3]] * 10),
    "labels of mixed types in 1-D": fit(y=["red", 3] * 10),
    "None for the labels of a row": fit(y=second(None, LISTS)),
    "None among the labels of a row": fit(y=second([None], LISTS)),
    "None as a 1-D label": fit(y=second(None)),
    "a dict for the labels of a row": fit(y=[["red"], {"red": 0.5}, *LISTS[2:]]),
    "a frame of names as y": fit(y=pd.DataFrame(LISTS)),
    "bytes as labels": fit(y=[[b"red"]] * 20),
    "integers beyond 64 bits as labels": fit(y=[2**70, 1] * 10),
    "repeated column names of y": fit(y=pd.DataFrame(DENSE, columns=["a"] * len(NAMES))),
    "a sparse y with an index out of range": fit(y=with_index(DENSE, 99)),
    # sample_weight
    "sample_weight of another length": fit(sample_weight=np.ones(3)),
    "a negative weight": fit(sample_weight=changed(np.ones(20), -1.0)),
    "NaN as a weight": fit(sample_weight=changed(np.ones(20), np.nan)),
    "only zero weights": fit(sample_weight=np.zeros(20)),
    "strings as weights": fit(sample_weight=["heavy"] * 20),
    "weights beyond 1e10": fit(sample_weight=changed(np.ones(20), 1e30)),
    "weight 0 wherever y has a label": fit(
        y=FIRST_ONLY, sample_weight=np.minimum(np.arange(20), 1)
    ),
    # parameters
    "max_len of 0": fit(max_len=0),
    "max_len of a million": fit(max_len=10**6),
    "lr of 0": fit(lr=0.0),
    "lr beyond float32": fit(lr=1e300),
    "a head that does not exist": fit(head="tree"),
    "n_jobs of 0": fit(head=SyncXML(n_jobs=0)),
    "a parameter of a head that is only a name": lambda _: small().set_params(head__beam_size=8),
    "True for a number": fit(n_neighbors=True),
    "no kernel": fit(kernel_sizes=()),
    "a kernel too wide": fit(kernel_sizes=(33,)),
    "a device that does not exist": fit(device="abacus"),
    "a device without numbers": fit(device="meta"),
    "a callback that is none": fit(callbacks=[("a", 3)]),
    "a function as vectorizer": fit(vectorizer=str.split),
    "a class as vectorizer": fit(vectorizer=CountVectorizer),
    "a vectorizer with a bad pattern": fit(vectorizer=CountVectorizer(token_pattern="(")),
    "a vectorizer that cuts every word": fit(vectorizer=CountVectorizer(min_df=100)),
    "a vectorizer that hashes to nothing": fit(vectorizer=HashingVectorizer(n_features=0)),
    "a vectorizer that opens files": fit(vectorizer=CountVectorizer(input="filename")),
    "a vectorizer whose function fails": fit(
        vectorizer=CountVectorizer(analyzer=lambda text: 1 / 0)
    ),
    "a vectorizer of numbers": fit(vectorizer=CountVectorizer(analyzer=lambda text: [1])),
    "a vectorizer for a matrix": fit(X=MATRIX, vectorizer=CountVectorizer()),
    "embeddings of an unsupported kind": fit(embeddings=[[0.1] * 16] * 6),
    "embeddings with NaN": fit(embeddings=changed(np.ones((6, 16)), np.nan)),
    "infinity in a vector of a mapping": fit(embeddings={"red": [np.inf] * 16}),
    "embeddings with a row too few": fit(X=second("blue kites"), embeddings=np.ones((6, 16))),
    "embeddings of width 2": fit(embeddings={"red": [1.0, 2.0]}),
    "vectors of several widths": fit(embeddings={"red": [1.0] * 16, "blue": [1.0] * 8}),
    "a file of vectors that is not there": fit(embeddings="absent.txt"),
    "an empty file of vectors": from_file(b""),
    "a file of vectors with a short line": from_file(
        b"red " + b"1 " * 16 + b"\nblue " + b"1 " * 8 + b"\n"
    ),
    "words in a file of vectors instead of numbers": from_file(b"red " + b"x " * 16 + b"\n"),
    "a broken gzip file of vectors": from_file(b"no gzip", "vectors.gz"),
    "clusters of another length": fit(head=SyncXML(clusters=[0, 1])),
    "names as clusters": fit(head=SyncXML(clusters=["a"] * len(NAMES))),
    # after fit
    "anything before fit": lambda _: small().predict(TEXTS),
    "k of 0": on("text", lambda c: c.predict_topk(TEXTS, k=0)),
    "k that is no integer": on("text", lambda c: c.shortlist_recall(TEXTS, LISTS, k=2.5)),
    "a matrix of other columns than in training": on("matrix", lambda c: c.predict(MATRIX[:, 1:])),
    "a matrix of no rows at predict": on("matrix", lambda c: c.predict(MATRIX[:0])),
    "texts for a model of matrices": on("matrix", lambda c: c.predict(TEXTS)),
    "a matrix for a model of texts": on("text", lambda c: c.predict(MATRIX)),
    "weights that overflow the network": on("matrix", lambda c: c.predict(1e9 * MATRIX)),
    "threshold set to 2": with_params(threshold=2),
    "max_len set beyond the network": with_params(max_len=100),
    "y of another form in score": on("text", lambda c: c.score(TEXTS, DENSE)),
    "no rows in score": on("text", lambda c: c.score([], [])),
    "a directory that is no path": lambda _: InceptionXMLClassifier.load(3),
    "a directory without a model": lambda given: InceptionXMLClassifier.load(given["directory"]),
    "a 0/1 matrix as a ranking": lambda _: precision_at_k(DENSE, DENSE, k=1),
    "names of labels for an indicator": lambda _: precision_at_k(DENSE, LISTS, k=1),
    "label lists for scores": lambda _: precision_at_k(LISTS, DENSE / 2, k=1),
    "a device that is no str in load": lambda given: InceptionXMLClassifier.load(
        given["directory"], device=None
    ),
    # vocabularies
    "a line of a vocabulary without a tab": vocabulary(b"a\tb\nboat\n"),
    "a vocabulary that is not UTF-8": vocabulary(b"a\t\xff\n"),
    "a vocabulary without any text": vocabulary(b"\n"),
    "a CSV vocabulary of other columns": vocabulary(b"id,name\na,b\n", "x.csv"),
    "a SKOS file that is no RDF": vocabulary(b"a b c .", "x.ttl"),
    "RDF without concepts": vocabulary(b"", "x.ttl"),
    "a language that a vocabulary lacks": vocabulary(
        b"uri,label_en,label_de\na,b,c\n", "x.csv", language="fi"
    ),
    "a language for a file without languages": vocabulary(b"a\tb\n", language="en"),
    "an unknown format of a vocabulary": vocabulary(b"a\tb\n", format="marc"),
}


def same(found, expected):
    """Whether two classifiers predict the same bits."""
    for a, b in zip(found.predict_topk(TEXTS), expected.predict_topk(TEXTS), strict=True):
        np.testing.assert_array_equal(a, b)


def unchanged(y, fitted_on):
    """Fit on y, and see that its arrays stay as they are."""
    before = copy.deepcopy(y)
    same(small().fit(TEXTS, y), small().fit(TEXTS, fitted_on))
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(y, name), getattr(before, name))


def noisy_y(zeros):
    """DENSE with a stored zero, or with every entry twice."""
    csr = sp.csr_array(DENSE)
    if zeros:
        full = sp.csr_array(np.ones_like(DENSE))
        full.data = DENSE.ravel().copy()
        return full
    twice = np.repeat(csr.indices, 2)
    return sp.csr_array((np.ones(len(twice)), twice, 2 * csr.indptr), shape=csr.shape)


def noisy_x(given, twice):
    clean = sp.csr_array(MATRIX)
    rows = [slice(a, b) for a, b in zip(clean.indptr[:-1], clean.indptr[1:], strict=True)]
    indices = np.concatenate([clean.indices[row][::-1] for row in rows])
    data = np.concatenate([clean.data[row][::-1] for row in rows])
    indptr = clean.indptr
    if twice:
        indices, data, indptr = np.repeat(indices, 2), np.repeat(data / 2, 2), 2 * indptr
    noisy = sp.csr_array((data, indices, indptr), shape=clean.shape)
    before = copy.deepcopy(noisy)
    for found, expected in zip(
        given["matrix"].predict_topk(noisy), given["matrix"].predict_topk(MATRIX), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(noisy.indices, before.indices)
    np.testing.assert_array_equal(noisy.data, before.data)


def one_dense_column(_):
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        classifier = small().fit(TEXTS, DENSE[:, :1])
    assert classifier.classes_.tolist() == [0, 1]
    assert classifier.predict(TEXTS).shape == (20,)


def one_sparse_column(_):
    classifier = small().fit(TEXTS, sp.csr_array(DENSE[:, :1]))
    assert classifier.predict(TEXTS).shape == (20, 1)


def one_row(_):
    for n_neighbors in (0, 5):
        classifier = small(n_neighbors=n_neighbors).fit(["red boat"], [["red", "boat"]])
        assert np.isfinite(classifier.predict_topk(TEXTS)[1]).all()


def one_label(_):
    classifier = small().fit(TEXTS, ["only"] * 20)
    assert set(classifier.predict([*TEXTS, ""])) == {"only"}


def many_places(given):
    names, scores = given["text"].predict_topk(TEXTS, k=10**12)
    assert names.shape == scores.shape == (20, len(NAMES))


def no_text(given):
    names, scores = given["text"].predict_topk([], k=2)
    assert names.shape == scores.shape == (0, 2)


def empty_text(given):
    names, scores = given["text"].predict_topk(["", "zzyzx"], k=len(NAMES))
    assert sorted(names[0]) == NAMES and np.isfinite(scores).all()


def strange_characters(given):
    strange = "red\ud800boat\x00\x1b\u2028kite"
    vectorizer = given["text"].vectorizer_
    assert (
        vectorizer.transform([strange]).ids.tolist()
        == vectorizer.transform(["red boat kite"]).ids.tolist()
    )
    assert np.isfinite(given["text"].predict_topk([strange])[1]).all()
    small().fit([strange, *TEXTS], [["\udfff"], *LISTS])


def ten_megabytes(given):
    for text in ("w" * 10_000_000, " ".join(map(str, range(1_400_000)))):
        found, expected = (given["text"].predict_topk([t]) for t in (text, text[:10_000]))
        np.testing.assert_array_equal(found[1], expected[1])
    long, cut = (["word " * n, *TEXTS] for n in (2_000_000, 2_000))
    same(small().fit(long, [["red"], *LISTS]), small().fit(cut, [["red"], *LISTS]))


def row_without_labels(_):
    classifier = small().fit(TEXTS, [[], *LISTS[1:]])
    assert classifier.n_samples_fit_ == 20


def zero_weights(_):
    weight = np.where(np.arange(20) < 4, 0.0, 0.5)  # every label keeps a row
    kept = np.flatnonzero(weight)
    expected = small().fit(
        [TEXTS[i] for i in kept], [LISTS[i] for i in kept], sample_weight=weight[kept]
    )
    same(small().fit(TEXTS, LISTS, sample_weight=weight), expected)


class Name(str):
    """Says something else of itself than it is."""

    def __str__(self):
        return "another name"


def another_form(given):
    for form in ("NFD", "NFKD"):
        text = unicodedata.normalize(form, "grüne Bootﬂaggen\u200b")
        found, expected = (given["text"].predict_topk([t])[1] for t in (text, "grüne Bootflaggen"))
        np.testing.assert_array_equal(found, expected)


def subclasses(_):
    wrapped = [[Name(name) for name in row] for row in LISTS]
    same(small().fit(list(map(Name, TEXTS)), wrapped), small().fit(TEXTS, LISTS))


def arrow_columns(_):
    pa, pl = (pytest.importorskip(name) for name in ("pyarrow", "polars"))
    for column in (pa.array(TEXTS), pa.chunked_array([TEXTS]), pl.Series(TEXTS)):
        same(small().fit(column, LISTS), small().fit(TEXTS, LISTS))


def series_as_rows(_):
    rows = [pd.Series(row) for row in LISTS]
    same(small().fit(TEXTS, rows), small().fit(TEXTS, LISTS))


def joined_labels(_):
    with pytest.warns(UserWarning, match="split it"):
        fitted = small().fit(TEXTS, ["a,b", "b,c", "a,c", "c,b", "b"] * 4)
    assert fitted.n_labels_ == 5


def many_words(_):
    words = [" ".join(f"word{(i * j) % 997}" for j in range(500)) for i in range(20)]
    assert np.isfinite(small().fit(words, LISTS).predict_topk(words)[1]).all()


def million_columns(_):
    hashed = HashingVectorizer().transform(TEXTS)
    fitted = small().fit(hashed, LISTS)
    assert fitted.n_features_in_ == 1 << 20 and len(fitted.net_.module_.embedding.weight) == 8
    other = HashingVectorizer().transform(["words never seen"])
    assert np.isfinite(fitted.predict_topk(other)[1]).all()


def host_settings(_):
    expected = small().fit(TEXTS, LISTS)
    with np.errstate(all="raise"), torch.autocast("cpu", torch.bfloat16):
        same(small().fit(TEXTS, LISTS), expected)
        assert torch.is_autocast_enabled("cpu") and np.geterr()["over"] == "raise"


REPAIRED = {
    "a label repeated in a row": lambda _: same(
        small().fit(TEXTS, [[*row, row[0]] for row in LISTS]), small().fit(TEXTS, LISTS)
    ),
    "explicit zeros in a sparse y": lambda _: unchanged(noisy_y(zeros=True), DENSE),
    "repeated entries in a sparse y": lambda _: unchanged(noisy_y(zeros=False), DENSE),
    "unsorted indices in a sparse X": lambda given: noisy_x(given, twice=False),
    "repeated entries in a sparse X": lambda given: noisy_x(given, twice=True),
    "a dense y of one column": one_dense_column,
    "a sparse y of one column": one_sparse_column,
    "a single row": one_row,
    "a single label": one_label,
    "k beyond the number of labels": many_places,
    "no text at predict": no_text,
    "an empty text": empty_text,
    "surrogates and control characters": strange_characters,
    "a text of 10 MB": ten_megabytes,
    "a row without labels": row_without_labels,
    "weights of 0": zero_weights,
    "a text in another Unicode form": another_form,
    "strings of a subclass of str": subclasses,
    "a column of Arrow or polars": arrow_columns,
    "rows of y as Series or other collections": series_as_rows,
    "classes that look like joined labels": joined_labels,
    "a text of many words": many_words,
    "a matrix of a million columns": million_columns,
    "settings of NumPy and torch for the whole process": host_settings,
}


def rows_of_page():
    """Cells of every table row: three for what is refused, two for what is repaired."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in lines
        if line[:2] == "| "
    ]
    return [row for row in rows if row[0] != "What you pass"]


PAGE_REFUSED = {row[0]: row[1:] for row in rows_of_page() if len(row) == 3}
PAGE_REPAIRED = {row[0]: row[1] for row in rows_of_page() if len(row) == 2}


@pytest.fixture(scope="module")
def models():
    return {"text": small().fit(TEXTS, LISTS), "matrix": small().fit(MATRIX, DENSE)}


@pytest.fixture
def given(models, tmp_path):
    return {**models, "directory": tmp_path}


def test_page_and_cases_are_the_same():
    assert list(PAGE_REFUSED) == list(REFUSED)
    assert list(PAGE_REPAIRED) == list(REPAIRED)


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, given, monkeypatch):
    def train(*args):
        raise AssertionError("training began before the error")

    monkeypatch.setattr(classifier, "train", train)
    kind, message = PAGE_REFUSED[case]
    pattern = ".*".join(map(re.escape, message[1:-1].split("…")))
    with pytest.raises(ERRORS[kind]) as caught:
        REFUSED[case](given)
    assert re.fullmatch(pattern, str(caught.value), re.DOTALL), str(caught.value)


@pytest.mark.parametrize("case", REPAIRED)
def test_repaired(case, given):
    REPAIRED[case](given)


def test_divergence_names_the_learning_rate():
    for rate in ({"lr": 1e30}, {"label_lr": 1e38}):
        with pytest.raises(DivergenceError, match="lower lr or label_lr"):
            small(max_epochs=3, **rate).fit(TEXTS, LISTS)
