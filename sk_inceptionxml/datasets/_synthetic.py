"""Seeded synthetic short texts with power-law labels and words."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.utils import Bunch, check_random_state

IntArray = NDArray[np.int64]

WORDS_PER_LABEL = 3
WORDS_PER_TOPIC = 20
# The share of a sample's labels, and of its informative words, that come from the topic.
TOPIC_LABEL_SHARE = 0.8
TOPIC_WORD_SHARE = 0.25
_MAX_ZIPF_ROUNDS = 8
_MAX_ROUNDS = 40


def make_short_text(
    n_samples: int = 1000,
    n_labels: int = 100,
    *,
    n_words: int | None = None,
    mean_length: float = 6.0,
    labels_per_sample: float = 3.0,
    label_exponent: float = 1.0,
    word_exponent: float = 1.0,
    noise: float = 0.2,
    indicator: str = "lists",
    as_text: bool = True,
    random_state: int | RandomState | None = None,
) -> Bunch:
    """Generate short texts whose labels have a long tail.

    Label frequencies follow a power law, and labels are grouped in about ``sqrt(n_labels)``
    topics: most labels of a sample come from one topic, so that clusters of labels mean
    something. Each label has a few characteristic words and each topic some more; a text takes
    its words in turn from its labels, and the rest from a power-law background. Everything is
    vectorised: half a million samples with as many labels take seconds if ``as_text`` is False.

    Parameters
    ----------
    n_samples : int, default=1000
        The number of texts.
    n_labels : int, default=100
        The number of labels.
    n_words : int or None, default=None
        The size of the vocabulary. If None, three words a label, between 100 and 100,000.
    mean_length : float, default=6.0
        The mean number of words of a text, at least 1. Each text has one word or more.
    labels_per_sample : float, default=3.0
        The mean number of labels of a sample, met to the nearest total. From 1 on, each sample
        has a label or more; below 1, some have none.
    label_exponent : float, default=1.0
        The exponent of the power law of label frequencies; 0 is uniform.
    word_exponent : float, default=1.0
        The exponent of the power law of the background's word frequencies.
    noise : float, default=0.2
        The expected share of words taken from the background, between 0 and 1.
    indicator : {"lists", "csr"}, default="lists"
        The form of the target.
    as_text : bool, default=True
        Whether to return texts, or a matrix of word counts.
    random_state : int, RandomState instance or None, default=None
        The source of randomness. Pass an int for the same data on every call; the texts and the
        counts of one seed are the same data.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the keys

        data : list of str, or csr_matrix of shape (n_samples, n_words), float32
            The texts, or the word counts.
        target : list of list of int, or csr_matrix of shape (n_samples, n_labels), float32
            The sorted labels of each sample, or their 0/1 indicator. Each label occurs if there
            are at least ``n_labels`` labels to give, ``n_samples * labels_per_sample``.
        feature_names : ndarray of shape (n_words,), str
            The words.
        label_topics : ndarray of shape (n_labels,), int64
            The latent topic of each label.

    Raises
    ------
    ValueError, TypeError
        If a parameter is out of its range or not a number.

    Examples
    --------
    >>> from sk_inceptionxml.datasets import make_short_text
    >>> toy = make_short_text(n_samples=50, n_labels=10, random_state=0)
    >>> len(toy.data), len(toy.target), sum(map(len, toy.target))
    (50, 50, 150)
    >>> big = make_short_text(50, 10, indicator="csr", as_text=False, random_state=0)
    >>> big.data.shape, big.target.shape
    ((50, 100), (50, 10))
    """
    for name, value in (("n_samples", n_samples), ("n_labels", n_labels), ("n_words", n_words)):
        if value is not None:
            _check_number(name, value, 1, np.iinfo(np.int32).max, Integral)
    _check_number("mean_length", mean_length, 1, 1e6)
    _check_number("labels_per_sample", labels_per_sample, 0, n_labels)
    _check_number("label_exponent", label_exponent, 0, 100)
    _check_number("word_exponent", word_exponent, 0, 100)
    _check_number("noise", noise, 0, 1)
    if indicator not in ("lists", "csr"):
        raise ValueError(f"indicator must be 'lists' or 'csr', got {indicator!r}")
    # None is no reason to draw from numpy's global stream
    rng = check_random_state(RandomState() if random_state is None else random_state)
    if n_words is None:
        n_words = min(100_000, max(100, 3 * n_labels))

    model = _LabelModel(n_labels, label_exponent, rng)
    indptr, labels = _draw_targets(model, n_samples, labels_per_sample, rng)
    offsets, words = _draw_words(
        model, indptr, labels, n_words, mean_length, word_exponent, noise, rng
    )
    names = make_words(n_words)
    return Bunch(
        data=_as_texts(offsets, words, names) if as_text else _as_counts(offsets, words, n_words),
        target=_as_lists(indptr, labels)
        if indicator == "lists"
        else _as_indicator(indptr, labels, n_labels),
        feature_names=names,
        label_topics=model.topics,
    )


def _check_number(name: str, value: Any, low: float, high: float, kind: type = Real) -> None:
    if not isinstance(value, kind) or isinstance(value, bool):
        what = "an int" if kind is Integral else "a number"
        raise TypeError(f"{name} must be {what}, got {value!r} of type {type(value).__name__}")
    if not low <= value <= high:  # type: ignore[operator]
        raise ValueError(f"{name} must be between {low} and {high}, got {value!r}")


def _zipf(n: int, exponent: float) -> NDArray[np.float64]:
    return np.arange(1, n + 1, dtype=np.float64) ** -exponent


class _LabelModel:
    """The label distribution: topics, and cumulative weights with each topic contiguous."""

    def __init__(self, n_labels: int, exponent: float, rng: RandomState) -> None:
        self.n_labels = n_labels
        self.n_topics = max(1, round(n_labels**0.5))
        # Random order: neither the index nor the topic of a label tells its frequency.
        self.order: IntArray = rng.permutation(n_labels).astype(np.int64)
        bounds = np.linspace(0, n_labels, self.n_topics + 1).astype(np.int64)
        sizes = np.diff(bounds)
        self.topics: IntArray = np.empty(n_labels, dtype=np.int64)
        self.topics[self.order] = np.repeat(np.arange(self.n_topics), sizes)
        weights = _zipf(n_labels, exponent)[rng.permutation(n_labels)]
        self.cumulative = np.concatenate([[0.0], np.cumsum(weights)])
        self.edges = self.cumulative[bounds]
        self.bounds = bounds

    def draw_topics(self, size: int, rng: RandomState) -> IntArray:
        """Draw topics by their total label weight."""
        u = rng.random_sample(size) * self.edges[-1]
        return np.clip(np.searchsorted(self.edges, u, side="right") - 1, 0, self.n_topics - 1)

    def draw(self, topics: IntArray, uniform: bool, rng: RandomState) -> IntArray:
        """Draw one label for each given topic, some from all topics."""
        if uniform:
            return rng.randint(self.n_labels, size=topics.size).astype(np.int64)
        low, high = self.edges[topics], self.edges[topics + 1]
        free = rng.random_sample(topics.size) >= TOPIC_LABEL_SHARE
        low[free], high[free] = 0.0, self.edges[-1]
        u = low + rng.random_sample(topics.size) * (high - low)
        place = np.searchsorted(self.cumulative, u, side="right") - 1
        return self.order[np.clip(place, 0, self.n_labels - 1)]


def _draw_sizes(n_samples: int, n_labels: int, mean: float, rng: RandomState) -> IntArray:
    """Draw numbers of labels whose total is exact: Poisson-like, at least 1 if the mean is."""
    total = round(n_samples * mean)
    sizes = np.full(n_samples, 1 if total >= n_samples else 0, dtype=np.int64)
    missing = total - int(sizes.sum())
    while missing > 0:
        open_rows = np.flatnonzero(sizes < n_labels)
        drawn = rng.randint(open_rows.size, size=missing)
        sizes[open_rows] += np.bincount(drawn, minlength=open_rows.size)
        np.minimum(sizes, n_labels, out=sizes)
        missing = total - int(sizes.sum())
    return sizes


def _draw_targets(
    model: _LabelModel, n_samples: int, mean: float, rng: RandomState
) -> tuple[IntArray, IntArray]:
    """Draw distinct labels for every sample; return CSR ``indptr`` and ``indices``."""
    sizes = _draw_sizes(n_samples, model.n_labels, mean, rng)
    topics = model.draw_topics(n_samples, rng)
    keys: IntArray = np.empty(0, dtype=np.int64)
    deficit = sizes.copy()
    for step in range(_MAX_ROUNDS):
        rows = np.repeat(np.arange(n_samples), deficit)
        if not rows.size:
            break
        drawn = model.draw(topics[rows], step >= _MAX_ZIPF_ROUNDS, rng)
        keys = _sorted_unique(np.concatenate([keys, rows * model.n_labels + drawn]))
        deficit = sizes - np.bincount(keys // model.n_labels, minlength=n_samples)
    keys = _fill_rows(keys, deficit, model.n_labels, rng)
    rows, labels = keys // model.n_labels, keys % model.n_labels
    labels = _cover(rows, labels, topics, model, rng)
    keys = np.sort(rows * model.n_labels + labels)
    return np.concatenate([[0], np.cumsum(sizes)]), keys % model.n_labels


def _sorted_unique(keys: IntArray) -> IntArray:
    """Return the distinct keys, sorted; np.unique hashes integers, slowly for millions."""
    keys = np.sort(keys)
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if keys.size else keys


def _fill_rows(keys: IntArray, deficit: IntArray, n_labels: int, rng: RandomState) -> IntArray:
    """Complete the few rows that want almost every label, where rejection is hopeless."""
    parts = [keys]
    for row in np.flatnonzero(deficit):
        start, stop = np.searchsorted(keys, [row * n_labels, (row + 1) * n_labels])
        free = np.setdiff1d(np.arange(n_labels), keys[start:stop] - row * n_labels)
        chosen = rng.choice(free, size=deficit[row], replace=False)
        parts.append(row * n_labels + chosen)
    return np.concatenate(parts)


def _cover(
    rows: IntArray, labels: IntArray, topics: IntArray, model: _LabelModel, rng: RandomState
) -> IntArray:
    """Let absent labels replace surplus occurrences of others, in samples of their topic first."""
    shuffled = rng.permutation(labels.size)
    # One occurrence of each label is not surplus, so that replacing loses no label.
    keeper = np.full(model.n_labels, -1)
    keeper[labels[shuffled]] = shuffled
    absent = np.flatnonzero(keeper < 0)
    surplus = shuffled[keeper[labels[shuffled]] != shuffled]
    surplus = surplus[np.argsort(topics[rows[surplus]], kind="stable")]
    absent = absent[: surplus.size]
    absent = absent[np.argsort(model.topics[absent], kind="stable")]
    slots = _match_topics(model.topics[absent], topics[rows[surplus]], model.n_topics)
    unused = np.ones(surplus.size, dtype=bool)
    unused[slots[slots >= 0]] = False
    n_left = int((slots < 0).sum())
    slots[slots < 0] = rng.permutation(np.flatnonzero(unused))[:n_left]
    labels = labels.copy()
    labels[surplus[slots]] = absent
    return labels


def _match_topics(wanted: IntArray, offered: IntArray, n_topics: int) -> IntArray:
    """Give the i-th of each topic in sorted ``wanted`` the i-th of it in sorted ``offered``."""
    edges = np.arange(n_topics + 1)
    wanted_start = np.searchsorted(wanted, edges)
    offered_start = np.searchsorted(offered, edges)
    slots = np.arange(wanted.size) - wanted_start[wanted] + offered_start[wanted]
    return np.where(slots < offered_start[wanted + 1], slots, -1)


def _draw_words(
    model: _LabelModel,
    indptr: IntArray,
    labels: IntArray,
    n_words: int,
    mean_length: float,
    word_exponent: float,
    noise: float,
    rng: RandomState,
) -> tuple[IntArray, IntArray]:
    """Draw the words of every text; return the texts' offsets and the words."""
    n_samples = indptr.size - 1
    lengths = 1 + rng.poisson(mean_length - 1, size=n_samples)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    background = np.cumsum(_zipf(n_words, word_exponent))
    u = rng.random_sample(offsets[-1]) * background[-1]
    words = np.minimum(np.searchsorted(background, u, side="right"), n_words - 1)

    rows = np.repeat(np.arange(n_samples), lengths)
    sizes = np.diff(indptr)
    informative = (rng.random_sample(rows.size) >= noise) & (sizes[rows] > 0)
    places, rows = np.flatnonzero(informative), rows[informative]
    # In turn rather than at random: a short text still speaks of most of its labels.
    turn = places - offsets[rows] + rng.randint(2**30, size=n_samples)[rows]
    chosen = labels[indptr[rows] + turn % sizes[rows]]
    words[places] = _draw_label_words(model, chosen, n_words, rng)
    return offsets, words


def _draw_label_words(
    model: _LabelModel, labels: IntArray, n_words: int, rng: RandomState
) -> IntArray:
    """Draw a characteristic word of each given label, or of its topic."""
    own = rng.randint(n_words, size=(model.n_labels, WORDS_PER_LABEL))
    # The first word is unique to the label as long as there are as many words as labels.
    own[:, 0] = rng.permutation(n_words)[np.arange(model.n_labels) % n_words]
    shared = rng.randint(n_words, size=(model.n_topics, WORDS_PER_TOPIC))
    words = own[labels, rng.randint(WORDS_PER_LABEL, size=labels.size)]
    by_topic = rng.random_sample(labels.size) < TOPIC_WORD_SHARE
    topics = model.topics[labels[by_topic]]
    words[by_topic] = shared[topics, rng.randint(WORDS_PER_TOPIC, size=topics.size)]
    return words


def make_words(n_words: int) -> NDArray[np.str_]:
    """Return distinct pronounceable words, all of the same length, two syllables or more."""
    syllables = np.array([c + v for c in "bdfgklmnprstvz" for v in "aeiou"])
    digits, capacity = 2, syllables.size**2
    while capacity < n_words:
        digits, capacity = digits + 1, capacity * syllables.size
    rest = np.arange(n_words)
    words = np.full(n_words, "")
    for _ in range(digits):
        words = np.char.add(syllables[rest % syllables.size], words)
        rest = rest // syllables.size
    return words


def _as_texts(offsets: IntArray, words: IntArray, names: NDArray[np.str_]) -> list[str]:
    tokens = names.astype(object)[words].tolist()
    bounds = offsets.tolist()
    return [" ".join(tokens[a:b]) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


def _as_counts(offsets: IntArray, words: IntArray, n_words: int) -> csr_matrix:
    ones = np.ones(words.size, dtype=np.float32)
    counts = csr_matrix((ones, words, offsets), shape=(offsets.size - 1, n_words))
    counts.sum_duplicates()
    return counts


def _as_lists(indptr: IntArray, labels: IntArray) -> list[list[int]]:
    flat, bounds = labels.tolist(), indptr.tolist()
    return [flat[a:b] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


def _as_indicator(indptr: IntArray, labels: IntArray, n_labels: int) -> csr_matrix:
    ones = np.ones(labels.size, dtype=np.float32)
    return csr_matrix((ones, labels, indptr), shape=(indptr.size - 1, n_labels))
