"""What labels say: how much of a label's text stands in a query.

A label has one text or several, such as a preferred and an alternative name. A text is read as its
words and as the character 4-grams inside them. Its *coverage* by a query is the share of them that
the query holds, each weighted by its inverse document frequency among the texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from sk_inceptionxml._utils.sparse import row_numbers
from sk_inceptionxml.text.words import split_words

from .features import word_ngrams
from .neighbours import compiled, scratch
from .pairs import best_places, find
from .segments import stored

LEAST_COVERAGE = 0.3  # of n-grams, below which a text is no evidence
MOST_TEXTS = 1_000  # a query is compared with, those that it covers furthest
QUERIES_AT_ONCE = 256
# n-grams of more texts than this and than this share of all say little, and cost most
COMMON, COMMON_SHARE = 5_000, 0.005


class TextEvidence(NamedTuple):
    """(query, label) pairs whose text is evidence, sorted by query, then label."""

    n_queries: int
    row: np.ndarray  # int64
    label: np.ndarray  # int64
    ngrams: np.ndarray  # float32, coverage of the n-grams of the label's text
    words: np.ndarray  # float32, coverage of its words
    query: np.ndarray  # float32, share of the query's known n-grams that the text holds

    def at(self, labels: np.ndarray) -> np.ndarray:
        """Coverages (3, n, m) of labels (n, m); 0 where there is no evidence."""
        out = np.zeros((3, *labels.shape), dtype=np.float32)
        width = 1 + max(int(self.label.max(initial=0)), int(labels.max(initial=0)))
        wanted = np.arange(len(labels))[:, None] * width + labels
        place, found = find(self.row * width + self.label, wanted)
        found &= labels >= 0
        for values, kind in zip((self.ngrams, self.words, self.query), out, strict=True):
            kind[found] = values[place[found]]
        return out

    def best(self, k: int) -> np.ndarray:
        """Labels (n_queries, k) with the best evidence, best first; -1 where there are fewer."""
        strength = self.ngrams * self.query * (1 + self.words)
        order = np.lexsort((self.label, -strength, self.row))
        row = self.row[order]
        place, kept = best_places(row, self.n_queries, k)
        labels = np.full((self.n_queries, k), -1, dtype=np.int64)
        labels[row[kept], place[kept]] = self.label[order[kept]]
        return labels


class _Index:
    """Terms of texts and which texts hold them."""

    def __init__(self, documents: Sequence[Iterable[str]]) -> None:
        self.column: dict[str, int] = {}
        columns = [
            [self.column.setdefault(term, len(self.column)) for term in dict.fromkeys(document)]
            for document in documents
        ]
        n = len(columns)
        sizes = np.fromiter(map(len, columns), np.int64, n)
        flat = np.fromiter(chain.from_iterable(columns), np.int64, int(sizes.sum()))
        frequency = np.bincount(flat, minlength=len(self.column))
        self.idf = np.log((1 + n) / (1 + frequency)).astype(np.float32) + np.float32(1)
        self.idf[frequency > max(COMMON, COMMON_SHARE * n)] = 0
        row = np.repeat(np.arange(n), sizes)
        weight = self.idf[flat]
        self.total = np.bincount(row, weight, minlength=n).astype(np.float32)
        kept = weight > 0
        self.postings = stored(
            sp.csr_array((weight[kept], (flat[kept], row[kept])), shape=(len(self.column), n))
        )

    def known(self, documents: Sequence[Iterable[str]]) -> tuple[sp.csr_array, np.ndarray]:
        """Terms (n_queries, n_terms) of queries that texts have, and the weight of each query's."""
        known = [
            sorted({c for term in document if (c := self.column.get(term)) is not None})
            for document in documents
        ]
        sizes = np.fromiter(map(len, known), np.int64, len(known))
        columns = np.fromiter(chain.from_iterable(known), np.int64, int(sizes.sum()))
        starts = np.concatenate([[0], np.cumsum(sizes)])
        ones = np.ones(len(columns), dtype=np.float32)
        terms = sp.csr_array((ones, columns, starts), shape=(len(known), len(self.column)))
        own = np.bincount(
            np.repeat(np.arange(len(known)), sizes), self.idf[columns], minlength=len(known)
        )
        return terms, own.astype(np.float32)

    def covered(self, terms: sp.csr_array, least: float) -> tuple[np.ndarray, ...]:
        """Queries, texts that they cover so far or further, and the weight that they share.

        Sorted by query, then text.
        """
        kernels, postings = compiled(), self.postings
        if kernels is None or postings.indptr.dtype != np.int32:
            shared = sp.csr_array(terms @ postings)
            kept = np.flatnonzero(shared.data / self.total[shared.indices] >= least)
            row, text = row_numbers(shared)[kept], shared.indices[kept].astype(np.int64)
            order = np.lexsort((text, row))
            return row[order], text[order], shared.data[kept[order]]
        held = postings.indptr, postings.indices, postings.data, self.total
        memory = [
            scratch(name, len(self.total), kind)
            for name, kind in (("sums", np.float32), ("seen", np.uint8), ("touched", np.int64))
        ]
        columns = terms.indices.astype(np.int32, copy=False)
        found = [
            kernels.covered_texts(columns[start:stop], *held, least, *memory)
            for start, stop in pairwise(terms.indptr)
        ]
        row = np.repeat(np.arange(len(found)), [len(text) for text, _ in found])
        text, weight = (
            np.concatenate([np.empty(0, kind), *part])
            for part, kind in zip(zip(*found, strict=True), (np.int64, np.float32), strict=True)
        )
        return row, text, weight


class LabelTexts:
    """Texts of labels, ready to be compared with queries.

    Parameters
    ----------
    texts : sequence of str
        Cleaned as queries are.
    owner : ndarray of shape (n_texts,), int64
        Column of the label that each belongs to.
    """

    def __init__(self, texts: Sequence[str], owner: np.ndarray) -> None:
        self.texts, self.owner = list(texts), np.asarray(owner, dtype=np.int64)

    def __getstate__(self) -> dict[str, object]:
        return {"texts": self.texts, "owner": self.owner}

    @cached_property
    def _ngrams(self) -> _Index:
        return _Index([_ngrams_of(split_words(text)) for text in self.texts])

    @cached_property
    def _words(self) -> _Index:
        return _Index([split_words(text) for text in self.texts])

    def replaced(self, texts: Sequence[str], owner: np.ndarray) -> LabelTexts:
        """With other texts for the labels of ``owner``."""
        kept = np.flatnonzero(~np.isin(self.owner, owner))
        owner = np.concatenate([self.owner[kept], owner])
        return LabelTexts([*(self.texts[i] for i in kept), *texts], owner)

    def evidence(self, queries: Sequence[str]) -> TextEvidence:
        """What the texts of labels are for each query: of several texts of a label the best."""
        parts = [
            self._evidence(queries[start : start + QUERIES_AT_ONCE], start)
            for start in range(0, len(queries), QUERIES_AT_ONCE)
        ]
        empty = [np.empty(0, t) for t in (np.int64, np.int64, *[np.float32] * 3)]
        columns = zip(empty, *parts, strict=True)
        return TextEvidence(len(queries), *(np.concatenate(column) for column in columns))

    def _evidence(self, queries: Sequence[str], first: int) -> list[np.ndarray]:
        words = list(map(split_words, queries))
        terms, own = self._ngrams.known(list(map(_ngrams_of, words)))
        row, text, shared = self._ngrams.covered(terms, LEAST_COVERAGE)
        coverage = shared / self._ngrams.total[text]
        kept = _largest_of_each(row, coverage, len(words), MOST_TEXTS)
        row, text, shared, coverage = row[kept], text[kept], shared[kept], coverage[kept]
        of_query = shared / np.maximum(own[row], 1e-9)
        words_row, words_text, of_words = self._words.covered(self._words.known(words)[0], 0)
        n_texts = len(self.texts)
        place, found = find(words_row * n_texts + words_text, row * n_texts + text)
        whole = np.zeros(len(row), dtype=np.float32)
        whole[found] = of_words[place[found]] / self._words.total[text[found]]
        label = self.owner[text]
        order = np.lexsort((-of_query, -coverage - whole, label, row))
        row, label = row[order], label[order]
        best = np.ones(len(row), dtype=bool)
        best[1:] = (row[1:] != row[:-1]) | (label[1:] != label[:-1])
        chosen = order[best]
        values = (coverage, whole, of_query)
        return [row[best] + first, label[best], *(v[chosen].astype(np.float32) for v in values)]


def _largest_of_each(row: np.ndarray, values: np.ndarray, n_rows: int, k: int) -> np.ndarray:
    """Whether a value is among the k largest of its row, or equals the last of them."""
    bounds = np.searchsorted(row, np.arange(n_rows + 1))
    least = [
        np.partition(values[start:stop], stop - start - k)[stop - start - k]
        if stop - start > k
        else -np.inf
        for start, stop in pairwise(bounds.tolist())
    ]
    return values >= np.array(least, dtype=values.dtype)[row]


def _ngrams_of(words: Iterable[str]) -> list[str]:
    return list(chain.from_iterable(map(word_ngrams, words)))
