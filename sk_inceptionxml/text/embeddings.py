"""Word vectors: made from the training data, or read, and aligned with a vocabulary."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils.extmath import randomized_svd

from sk_inceptionxml._utils.sparse import column_counts, row_numbers, stack_rows
from sk_inceptionxml._utils.storage import AT_ONCE, blocks

MIN_WIDTH = 4
MAX_VALUE = 1e15  # of given vectors: its square must fit float32
VECTOR_NORM = 2.6  # of a 300-dimensional row; measured best with the encoder's initial scale
MAX_PAIRED = 64  # words of a row that are paired with each other
CONTEXT_SMOOTHING = 0.75  # Levy, Goldberg and Dagan (TACL 2015)


def ppmi_svd(
    counts: sp.csr_array,
    Y: sp.csr_array,
    n_components: int,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Truncated SVD of the positive PMI of words with the words and labels of the same row.

    Rows are scaled to equal norm and rotated at random, so that a convolution along the
    dimensions meets no ordered axes.

    Parameters
    ----------
    counts : csr_array of shape (n_samples, n_words)
        Words of each row.
    Y : csr_array of shape (n_samples, n_labels)
        Label indicator.
    n_components : int
        Width of the vectors.
    random_state : RandomState
        Source of the range finder and of the rotation.

    Returns
    -------
    vectors : ndarray of shape (n_words, n_components), float32
        A word that co-occurs with nothing gets a random direction.

    References
    ----------
    Levy and Goldberg, "Neural word embedding as implicit matrix factorization", NIPS 2014.
    """
    table = _pmi_table(counts, Y, random_state)
    n_words = table.shape[0]
    rank = min(n_components, min(table.shape) - 1)
    noise = random_state.standard_normal((n_words, n_components)).astype(np.float32)
    vectors = np.zeros((n_words, n_components), dtype=np.float32)
    if rank >= 1 and table.nnz:
        u, s, _ = randomized_svd(table, rank, n_iter=3, random_state=random_state)
        vectors[:, :rank] = u * np.sqrt(s)
    norms = np.linalg.norm(vectors, axis=1)
    lost = norms < 1e-6 * max(norms.max(initial=0.0), 1e-12)
    vectors[lost] = noise[lost]
    rotation, _ = np.linalg.qr(random_state.standard_normal((n_components, n_components)))
    return scale_rows(vectors @ rotation.astype(np.float32))


def _pmi_table(
    counts: sp.csr_array, Y: sp.csr_array, random_state: np.random.RandomState
) -> sp.csr_array:
    """Positive PMI of words (rows) with words and labels (columns), some rows at a time."""
    ones = np.ones(counts.nnz, dtype=np.float32)
    presence = sp.csr_array((ones, counts.indices, counts.indptr), shape=counts.shape)
    parts = _in_parts(presence, random_state)
    words = sp.csr_array(presence.T)
    words_of_parts = words if parts is presence else sp.csr_array(parts.T)
    labels = Y.astype(np.float32, copy=False)
    width = counts.shape[1] + Y.shape[1]

    def together() -> Iterator[sp.csr_array]:
        for rows in blocks(words_of_parts.indptr, AT_ONCE // 4):  # each meets the words beside it
            among_words = words_of_parts[rows] @ parts
            own = among_words.indices == row_numbers(among_words) + rows.start
            among_words.data[own] = 0
            table = sp.csr_array(sp.hstack([among_words, words[rows] @ labels], format="csr"))
            table.sum_duplicates()
            table.eliminate_zeros()
            yield table

    table = stack_rows(together(), width)
    context = np.zeros(width)
    for start in range(0, table.nnz, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        context += np.bincount(table.indices[part], table.data[part], minlength=width)
    context **= CONTEXT_SMOOTHING
    context /= max(context.sum(), 1e-12)
    for rows in blocks(table.indptr):
        some = table[rows]
        row = row_numbers(some)
        row_sum = np.bincount(row, some.data, minlength=some.shape[0])
        pmi = np.log(some.data / (row_sum[row] * context[some.indices]))
        entries = slice(table.indptr[rows.start], table.indptr[rows.stop])
        table.data[entries] = np.maximum(pmi, 0.0)
    table.eliminate_zeros()
    return table


def _in_parts(presence: sp.csr_array, random_state: np.random.RandomState) -> sp.csr_array:
    """Rows of few words as they are, longer ones cut at random into parts of equal length.

    Pairs of words grow with the square of a row's words, pairs within parts only with the words.
    """
    lengths = np.diff(presence.indptr)
    if lengths.max(initial=0) <= MAX_PAIRED:
        return presence
    row = row_numbers(presence)
    long = lengths[row] > MAX_PAIRED
    key = np.where(long, random_state.random_sample(len(row)), 0.0)
    order = np.lexsort((key, row))  # row is sorted: it is the same in this order
    place = np.arange(len(row)) - presence.indptr[row]
    starts = np.flatnonzero(place % MAX_PAIRED == 0)
    indptr = np.append(starts, len(row)).astype(presence.indptr.dtype)
    shape = (len(starts), presence.shape[1])
    parts = sp.csr_array((presence.data, presence.indices[order], indptr), shape=shape)
    parts.sort_indices()
    return parts


def scale_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to the one norm that suits the encoder, whatever their width."""
    target = VECTOR_NORM * np.sqrt(vectors.shape[1] / 300)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors * (target / np.maximum(norms, 1e-12))).astype(np.float32)


def read_vectors(path: str | os.PathLike[str], wanted: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Vectors of the wanted words from a GloVe, word2vec or fastText text file.

    Parameters
    ----------
    path : str or path
        Text file, or the same compressed with gzip and named ``*.gz``. A first line of two
        numbers (word2vec, fastText) is a header.
    wanted : mapping of str to int
        Words to keep; a lower-cased form is used where the exact one is absent.

    Returns
    -------
    vectors : dict of str to ndarray of shape (width,), float32

    Raises
    ------
    ValueError
        If the file cannot be read, a line has fewer numbers than the first, or the vector of a
        wanted word holds anything but numbers.
    """
    try:
        return _read_lines(path, wanted)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ValueError(
            f"embeddings: {os.fspath(path)!r} cannot be read as a file of vectors ({reason})."
        ) from error


def _read_lines(path: str | os.PathLike[str], wanted: Mapping[str, int]) -> dict[str, np.ndarray]:
    opener = gzip.open if os.fspath(path).endswith(".gz") else open
    found: dict[str, np.ndarray] = {}
    lower: dict[str, np.ndarray] = {}
    width = 0
    with opener(path, "rt", encoding="utf-8-sig", errors="replace", newline="\n") as file:
        for number, line in enumerate(file, 1):
            parts = line.rstrip().split(" ")
            if number == 1 and len(parts) == 2:
                continue
            width = width or len(parts) - 1
            if len(parts) <= width and parts != [""]:
                raise ValueError(
                    f"embeddings: line {number} of {os.fspath(path)!r} has fewer than the {width} "
                    "numbers of the first; the file is cut short or of another format."
                )
            word = " ".join(parts[:-width]) if width else ""
            vectors = found
            if word not in wanted:
                word, vectors = word.lower(), lower
            if not word or word not in wanted or word in vectors:
                continue
            try:
                vector = np.array(parts[-width:], dtype=np.float32)
            except ValueError as error:
                raise ValueError(
                    f"embeddings: line {number} of {os.fspath(path)!r} does not hold {width} "
                    f"numbers after its word ({error})."
                ) from None
            vectors[word] = vector
    return lower | found


def _lookup(source: Any, words: Sequence[str]) -> dict[str, np.ndarray]:
    """Vectors of the known words from a path or from gensim's KeyedVectors interface."""
    if isinstance(source, (str, os.PathLike)):
        found = read_vectors(source, {w: i for i, w in enumerate(words)})
    else:
        keyed = _is_keyed(source)
        known, get = (source.key_to_index, source.get_vector) if keyed else (source, source.get)
        found = {}
        for word in words:
            try:
                if word in known:
                    found[word] = get(word)
            except Exception as error:  # any class: the object is the user's
                raise ValueError(
                    f"embeddings gave no vector for {word!r} ({type(error).__name__}: {error})."
                ) from error
    return {word: _as_numbers(vector, f" for {word!r}", 1) for word, vector in found.items()}


def _is_keyed(source: Any) -> bool:
    """Whether this is gensim's KeyedVectors, or looks like one."""
    has_interface = hasattr(source, "key_to_index") and hasattr(source, "get_vector")
    return has_interface and not isinstance(source, type)


def _as_numbers(values: Any, where: str, ndim: int) -> np.ndarray:
    """Values as float32, if they are finite numbers that float32 can work with."""
    try:
        array = np.asarray(values)
        numbers = array.astype(np.float64) if array.dtype.kind in "biufO" else None
    except (TypeError, ValueError, OverflowError):
        numbers = None
    if numbers is None or numbers.ndim != ndim:
        raise ValueError(
            f"embeddings{where} must be {'a vector' if ndim == 1 else 'an array'} of numbers, got "
            f"{type(values).__name__}{'' if numbers is None else f' of shape {numbers.shape}'}."
        )
    if not np.isfinite(numbers).all() or np.abs(numbers).max(initial=0.0) > MAX_VALUE:
        raise ValueError(
            f"embeddings{where} must be finite and at most {MAX_VALUE:.0e} in size, but hold NaN, "
            "infinity or larger numbers."
        )
    if not numbers.shape[-1]:
        raise ValueError(f"embeddings{where} must not be empty.")
    return numbers.astype(np.float32)


def check_width(width: int) -> None:
    """Refuse vectors too narrow for the encoder, whose first convolution has stride 4."""
    if width < MIN_WIDTH:
        raise ValueError(f"embeddings must be at least {MIN_WIDTH} numbers wide, got {width}.")


def check_embeddings(source: Any) -> None:
    """Refuse anything that is not a source of word vectors, before any work is done.

    Parameters
    ----------
    source : object
        The parameter ``embeddings``.

    Raises
    ------
    TypeError
        If it is of no known kind.
    ValueError
        If it is a path without a file, or an array that holds no finite numbers.
    """
    if source is None or (isinstance(source, str) and source == "random"):
        return
    if isinstance(source, np.ndarray):
        check_width(_as_numbers(source, "", 2).shape[1])
    elif isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        if "\0" in os.fsdecode(path) or not os.path.isfile(path):
            raise ValueError(f"embeddings: there is no file {path!r}.")
    elif not _is_keyed(source) and not isinstance(source, Mapping):
        raise TypeError(
            "embeddings must be None, 'random', an array, a path to text vectors, a mapping of "
            f"words to vectors or a gensim KeyedVectors; got {type(source).__name__}."
        )


def pretrained_vectors(source: Any, words: Sequence[str] | None, n_words: int) -> np.ndarray:
    """Vectors of a vocabulary from what the user gave; NaN rows where a word is unknown.

    Parameters
    ----------
    source : array, path, mapping or KeyedVectors
        Where the vectors come from. An array has one row a word of the vocabulary.
    words : sequence of str or None
        The vocabulary in the order of the rows; None for matrix input, which has no words.
    n_words : int
        Rows to return.

    Returns
    -------
    vectors : ndarray of shape (n_words, width), float32

    Raises
    ------
    ValueError, TypeError
        If the array has the wrong shape, the source is of no known kind, or no word is found.
    """
    if isinstance(source, np.ndarray):
        if source.ndim != 2 or source.shape[0] != n_words:
            raise ValueError(
                f"embeddings must be a finite array of shape ({n_words}, embedding_dim), one row "
                f"a word of the vocabulary; got shape {source.shape}."
            )
        return _as_numbers(source, "", 2)
    check_embeddings(source)
    if words is None:
        raise ValueError(
            "embeddings by word need raw text; for matrix input give an array of shape "
            f"({n_words}, embedding_dim)."
        )
    found = _lookup(source, words)
    if not found:
        raise ValueError("embeddings hold no word of the training vocabulary.")
    widths = {len(v) for v in found.values()}
    if len(widths) != 1:
        raise ValueError(f"embeddings have vectors of several widths: {sorted(widths)}.")
    vectors = np.full((n_words, widths.pop()), np.nan, dtype=np.float32)
    for i, word in enumerate(words):
        if word in found:
            vectors[i] = found[word]
    return vectors


def embedding_table(
    counts: sp.csr_array,
    Y: sp.csr_array,
    *,
    source: Any = None,
    words: Sequence[str] | None = None,
    embedding_dim: int = 300,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """The start of the embedding table: padding row, unknown row, then the vocabulary.

    The unknown word starts at the mean of the words seen once, which it resembles most.

    Returns
    -------
    table : ndarray of shape (n_words + 2, embedding_dim), float32
        The width is that of ``source`` where vectors are given.
    """
    n_words = counts.shape[1]
    if source is None:
        vectors = ppmi_svd(counts, Y, embedding_dim, random_state)
    elif isinstance(source, str) and source == "random":
        vectors = scale_rows(random_state.standard_normal((n_words, embedding_dim)))
    else:
        vectors = pretrained_vectors(source, words, n_words)
        missing = np.isnan(vectors[:, 0])
        if missing.any():
            start = ppmi_svd(counts, Y, vectors.shape[1], random_state)
            vectors[missing] = start[missing]
        vectors = scale_rows(vectors)
    frequency = column_counts(counts)
    rare = vectors[frequency <= 1]
    unknown = (rare if len(rare) else vectors).mean(axis=0)
    return np.vstack([np.zeros_like(unknown), unknown, vectors]).astype(np.float32)
