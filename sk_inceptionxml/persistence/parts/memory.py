"""The lexical memory: features and rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer

from sk_inceptionxml._utils.storage import blocks
from sk_inceptionxml.persistence.checks import (
    FLAG,
    SIZE,
    Check,
    fail,
    object_of,
    one_of,
    optional,
    real,
    whole,
)
from sk_inceptionxml.persistence.files import (
    ArrayFile,
    put_indices,
    put_integers,
    put_sparse,
    put_strings,
)
from sk_inceptionxml.persistence.versions import Arrays
from sk_inceptionxml.ranking.features import LexicalFeatures, ngram_vectorizer
from sk_inceptionxml.ranking.memory import LexicalMemory
from sk_inceptionxml.ranking.neighbours import MAX_NEIGHBOURS, KernelNeighbours
from sk_inceptionxml.ranking.segments import Segment
from sk_inceptionxml.text import TokenVectorizer
from sk_inceptionxml.text.analyzer import vectorizer_from_data, vectorizer_to_data

from .text import check_vectorizer

NORM: dict[str, Check] = {
    "norm": one_of("l2"),
    "use_idf": one_of(True),
    "smooth_idf": FLAG,
    "sublinear_tf": one_of(True),
}
CHECK = object_of(
    ngrams=FLAG,
    words=optional(object_of(**NORM)),
    characters=optional(check_vectorizer),
    counts=FLAG,
    ready=FLAG,
    n_neighbors=SIZE,
    ridge=real(1e-9, 1e9),
    max_postings=whole(0),
)


def describe(
    memory: LexicalMemory | None, arrays: Arrays, ready: bool = False
) -> dict[str, Any] | None:
    """The memory as plain data; its rows go to ``arrays``.

    With ``ready``, as predictions use them, which takes several times the space.
    """
    if memory is None:
        return None
    lexical, neighbours = memory.features, memory.neighbours
    words, ngrams = lexical.words_, lexical.ngrams_
    if words is not None:
        arrays["lexical.idf"] = words.idf_
    if ngrams is not None:
        grams = sorted(ngrams.vocabulary_, key=ngrams.vocabulary_.__getitem__)
        put_strings(arrays, "lexical.ngrams", grams)
        arrays["lexical.ngrams.idf"] = ngrams.idf_
    counted = not ready and _put_rows(lexical, neighbours, arrays)
    if ready:
        _put_ready(neighbours, arrays)
    return {
        "ngrams": bool(lexical.ngrams),
        "words": None if words is None else tfidf_parameters(words),
        "characters": None if ngrams is None else vectorizer_to_data(ngrams),
        "counts": counted,
        "ready": ready,
        "n_neighbors": int(neighbours.n_neighbors),
        "ridge": float(neighbours.ridge),
        "max_postings": int(neighbours.max_postings),
    }


def _put_rows(lexical: LexicalFeatures, neighbours: KernelNeighbours, arrays: Arrays) -> bool:
    """Store the rows in little space, and tell whether it is counts that are stored."""
    X, Y = neighbours.X_, neighbours.Y_
    counts = _exact_counts(lexical, X)
    for name, matrix in (("X", X), ("Y", Y)):
        put_integers(arrays, f"{name}.lengths", np.diff(matrix.indptr))
        put_indices(arrays, f"{name}.indices", matrix.indices)
    if counts is None:
        arrays["X.data"] = X.data
        return False
    repeated = np.flatnonzero(counts > 1)  # few words occur twice in a short text
    put_integers(arrays, "X.repeated", repeated)
    arrays["X.repeats"] = counts[repeated]
    return True


def _put_ready(neighbours: KernelNeighbours, arrays: Arrays) -> None:
    """Store the rows, their labels and the rows of every feature as they lie in memory."""
    whole_memory = neighbours.segments_
    segment = (
        whole_memory[0] if len(whole_memory) == 1 else Segment.of(0, neighbours.X_, neighbours.Y_)
    )
    put_sparse(arrays, "X", segment.X)
    put_sparse(arrays, "Y", segment.Y)
    put_sparse(arrays, "postings", segment.postings)
    arrays["squared_norms"] = segment.squared_norms


def tfidf_parameters(tfidf: Any) -> dict[str, Any]:
    """Return the parameters of the weighting."""
    names = ("norm", "use_idf", "smooth_idf", "sublinear_tf")
    return {name: getattr(tfidf, name) for name in names}


def _exact_counts(lexical: LexicalFeatures, X: sp.csr_array) -> np.ndarray | None:
    """Word and n-gram counts, uint8, that give exactly the features X; None if none are found.

    Far fewer bytes than the features. Frequencies relative to the rarest feature of a row
    tell the counts, up to that feature's own count, for which small numbers are tried.
    """
    if lexical.words_ is None or not X.nnz:
        return None
    found = []
    for part in blocks(X.indptr):
        counts = _counts_of_rows(lexical, X[part])
        if counts is None:
            return None
        found.append(counts)
    return np.concatenate(found)


def _counts_of_rows(lexical: LexicalFeatures, X: sp.csr_array) -> np.ndarray | None:
    if not X.nnz:
        return np.empty(0, dtype=np.uint8)
    n_words = len(lexical.words_.idf_)
    idf = lexical.words_.idf_
    if lexical.ngrams_ is not None:
        idf = np.concatenate([idf, lexical.ngrams_.idf_])
    row = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    group = 2 * row + (X.indices >= n_words)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(group)) + 1])
    sizes = np.diff(np.append(starts, X.nnz))
    ratio = X.data.astype(np.float64) / idf[X.indices]
    ratio /= np.repeat(np.minimum.reduceat(ratio, starts), sizes)
    counts = np.ones(X.nnz, dtype=np.float32)
    wrong = np.ones(X.nnz, dtype=bool)
    for least in range(1, 9):
        guess = np.rint(np.exp(np.minimum(ratio * (1 + np.log(least)) - 1, 10.0)))
        counts[wrong] = np.clip(guess, 1, 255)[wrong]
        rebuilt = features_of_counts(lexical, X.indices, X.indptr, counts, X.shape)
        if not np.array_equal(rebuilt.indices, X.indices):
            return None
        wrong = np.repeat(np.logical_or.reduceat(rebuilt.data != X.data, starts), sizes)
        if not wrong.any():
            return counts.astype(np.uint8)
    return None


def features_of_counts(
    lexical: LexicalFeatures, indices: Any, indptr: Any, counts: np.ndarray, shape: tuple[int, int]
) -> sp.csr_array:
    """Lexical features by the very code that made them, from counts instead of texts."""
    matrix = sp.csr_array((counts.astype(np.float32), indices, indptr), shape=shape)
    if lexical.ngrams_ is None:
        return lexical.weigh(matrix, None)
    n_words = len(lexical.words_.idf_)
    return lexical.weigh(sp.csr_array(matrix[:, :n_words]), sp.csr_array(matrix[:, n_words:]))


def read(
    state: dict[str, Any] | None, arrays: ArrayFile, reader: TokenVectorizer, n_labels: int
) -> LexicalMemory | None:
    """The memory of a model that reads and labels like this."""
    if state is None:
        return None
    n_words = reader.n_tokens_ - 2
    lexical = LexicalFeatures(state["ngrams"])
    lexical.words_ = lexical.ngrams_ = None
    is_text = reader.kind_ == "text"
    if (state["words"] is not None) != is_text or (state["characters"] is not None and not is_text):
        fail("lexical does not fit the kind of input.")
    if state["words"] is not None:
        lexical.words_ = TfidfTransformer(**state["words"])
        lexical.words_.n_features_in_ = n_words
        lexical.words_.idf_ = _read_idf(arrays, "lexical.idf", n_words)
    if state["characters"] is not None:
        lexical.ngrams_ = _read_ngrams(state["characters"], arrays)
    neighbours = {name: state[name] for name in ("n_neighbors", "ridge", "max_postings")}
    segment = (
        _read_ready(lexical, arrays, n_words, n_labels)
        if state["ready"]
        else _read_segment(lexical, state["counts"], arrays, n_words, n_labels)
    )
    if min(state["n_neighbors"], segment.stop) > MAX_NEIGHBOURS:
        fail(f"lexical.n_neighbors must be {MAX_NEIGHBOURS} at most.")
    found = KernelNeighbours.of_segments((segment,), **neighbours)
    return LexicalMemory(lexical, found, reader.n_tokens_)


def _read_segment(
    lexical: LexicalFeatures, counted: bool, arrays: ArrayFile, n_words: int, n_labels: int
) -> Segment:
    """The rows in memory, of what ``_put_rows`` stored."""
    X = _read_rows(lexical, counted, arrays, n_words)
    indices, starts, n_rows = arrays.matrix("Y", n_labels, X.shape[0])
    ones = np.ones(len(indices), dtype=np.float32)
    return Segment.of(0, X, sp.csr_array((ones, indices, starts), shape=(n_rows, n_labels)))


def _read_ready(
    lexical: LexicalFeatures, arrays: ArrayFile, n_words: int, n_labels: int
) -> Segment:
    """The rows in memory, as ``_put_ready`` stored them: nothing is computed or copied."""
    norms = arrays.take("squared_norms", "f", (None,))
    n_rows, n_columns = len(norms), _n_columns(lexical, n_words)
    if n_rows == 0 or norms.dtype != np.float64 or not 0 <= norms.min() <= norms.max() < 1.01:
        fail(f"{arrays.file}: squared_norms are not those of rows of unit length.")
    X = arrays.sparse("X", (n_rows, n_columns))
    Y = arrays.sparse("Y", (n_rows, n_labels))
    postings = arrays.sparse("postings", (n_columns, n_rows))
    if postings.nnz != X.nnz:
        fail(f"{arrays.file}: postings does not fit X.")
    return Segment(0, X, Y, postings, norms, bool((X.data > 0).all()))


def _n_columns(lexical: LexicalFeatures, n_words: int) -> int:
    return n_words + (0 if lexical.ngrams_ is None else len(lexical.ngrams_.vocabulary_))


def _read_idf(arrays: ArrayFile, name: str, n: int) -> np.ndarray:
    idf = arrays.take(name, "f", (n,))
    if n and not (idf.min() > 0 and idf.max() < 1000):
        fail(f"{arrays.file}: {name} is out of range.")
    return idf


def _read_ngrams(data: dict[str, Any], arrays: ArrayFile) -> TfidfVectorizer:
    vectorizer = vectorizer_from_data(data)
    expected = ngram_vectorizer()
    if type(vectorizer) is not type(expected) or vectorizer.get_params() != expected.get_params():
        fail("lexical.characters must be the vectorizer that the lexical part makes.")
    grams = arrays.strings("lexical.ngrams", None)
    idf = _read_idf(arrays, "lexical.ngrams.idf", len(grams))
    vectorizer.vocabulary_ = {gram: i for i, gram in enumerate(grams)}
    vectorizer.fixed_vocabulary_ = False
    vectorizer.idf_ = idf
    vectorizer._tfidf.idf_ = idf  # the setter would make it float64
    return vectorizer


def _read_rows(
    lexical: LexicalFeatures, counted: bool, arrays: ArrayFile, n_words: int
) -> sp.csr_array:
    """Features of the rows in memory: from counts where these are stored."""
    n_columns = _n_columns(lexical, n_words)
    indices, starts, n_rows = arrays.matrix("X", n_columns, None)
    if not counted:
        data = arrays.take("X.data", "f", (len(indices),))
        X = sp.csr_array((data.astype(np.float32), indices, starts), shape=(n_rows, n_columns))
    else:
        repeated = arrays.take("X.repeated", "u", (None,))
        repeats = arrays.take("X.repeats", "u", repeated.shape)
        if lexical.words_ is None or repeats.min(initial=1) < 1:
            fail(f"{arrays.file}: X.repeats holds zeros or counts no words.")
        if repeated.max(initial=0) >= max(1, len(indices)):
            fail(f"{arrays.file}: X.repeated has an index beyond {len(indices)}.")
        counts = np.ones(len(indices), dtype=np.float32)
        counts[repeated] = repeats
        X = features_of_counts(lexical, indices, starts, counts, (n_rows, n_columns))
    rows = np.repeat(np.arange(n_rows), np.diff(X.indptr))
    norm = np.bincount(rows, weights=X.data.astype(np.float64) ** 2, minlength=n_rows)
    if not (np.isfinite(X.data).all() and norm.max() < 1.01):
        fail(f"{arrays.file}: rows of X are not of unit length.")
    return X
