"""The fitted model: it reads rows and ranks labels, and never changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from sk_inceptionxml.data import Rows
from sk_inceptionxml.labels import LabelSpace
from sk_inceptionxml.network.network import InceptionXMLNetwork
from sk_inceptionxml.text import Tokens, TokenVectorizer

from .batched import network_topk
from .calibration import Calibration
from .fusion import Candidates, Fusion, add_further, join_candidates, rank
from .label_texts import LabelTexts, TextEvidence
from .memory import LexicalMemory

ROWS_AT_ONCE = 8192  # bounds the candidates held in a prediction
NETWORK_CANDIDATES = 100  # labels of the network that the fusion ranks again
LEXICAL_CANDIDATES = 100


@dataclass(frozen=True)
class Reading:
    """How much of a row the network looks at.

    Parameters
    ----------
    max_len : int
        Words read of each row.
    beam : int or None
        Clusters in the shortlist of a row; None is what the head was built with.
    """

    max_len: int
    beam: int | None = None


@dataclass(frozen=True, eq=False)
class Ranker:
    """Everything that predictions need.

    Parameters
    ----------
    reader : TokenVectorizer
        Words and their ids.
    labels : LabelSpace
    net : skorch NeuralNet
        Its ``module_`` is the network.
    memory : LexicalMemory or None
    fusion : Fusion
    calibration : Calibration
    label_counts : ndarray of shape (n_labels,), int64
        Training rows of every label.
    reading : Reading
        What is read of a row where the caller does not say.
    texts : LabelTexts or None
        What the labels say.
    shortlist_recall : float or None
    stored_log_counts : ndarray of shape (n_labels,) or None
        Counts as the fusion of an old format knew them.
    """

    reader: TokenVectorizer
    labels: LabelSpace
    net: Any
    memory: LexicalMemory | None
    fusion: Fusion
    calibration: Calibration
    label_counts: np.ndarray
    reading: Reading
    texts: LabelTexts | None = None
    shortlist_recall: float | None = None
    stored_log_counts: np.ndarray | None = None

    @property
    def network(self) -> InceptionXMLNetwork:
        """The network, in evaluation mode."""
        network: InceptionXMLNetwork = self.net.module_
        return network

    @property
    def clusters(self) -> np.ndarray | None:
        """Meta-label of every label, int64 (n_labels,); None for a head without."""
        return self.network.head.clusters()

    @cached_property
    def log_counts(self) -> np.ndarray:
        """``log(1 + training rows)`` of every label, float32."""
        if self.stored_log_counts is not None:
            return self.stored_log_counts
        return np.log1p(self.label_counts).astype(np.float32)

    def features(self, rows: Rows, known: np.ndarray | None = None) -> sp.csr_array | None:
        """Lexical features of rows; None without a lexical memory."""
        return None if self.memory is None else self.memory.transform(rows, known)

    def evidence(self, rows: Rows) -> TextEvidence | None:
        """What the texts of labels are for rows; None without them."""
        if self.texts is None or rows.texts is None:
            return None
        return self.texts.evidence(rows.texts)

    def network_topk(
        self, tokens: Tokens, k: int, reading: Reading | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The network's best labels of each row and their log-odds, as ``network_topk``.

        Raises
        ------
        ValueError
            If a score is no number.
        """
        how = reading or self.reading
        n_first = self.fusion.n_first
        labels, logits = network_topk(self.network, tokens, how.max_len, k, n_first, how.beam)
        if np.isnan(logits).any():
            raise ValueError(
                "X gives scores that are no numbers: its token weights, or the weights of the "
                "network, are too large. Scale the columns of X, or train with a lower lr."
            )
        return labels, logits

    def candidates(
        self,
        tokens: Tokens,
        features: sp.csr_array | None,
        exclude: np.ndarray | None = None,
        reading: Reading | None = None,
        evidence: TextEvidence | None = None,
    ) -> Candidates:
        """Candidates of rows.

        Parameters
        ----------
        tokens : Tokens
            Of n rows.
        features : csr_array of shape (n, n_features) or None
            Their lexical features; None leaves the memory out.
        exclude : ndarray of shape (n,), int, optional
            Place of each row itself in the lexical memory.
        reading : Reading, optional
        evidence : TextEvidence, optional
            Of the same rows.
        """
        n_network = min(NETWORK_CANDIDATES, self.labels.n_labels)
        labels, logits = self.network_topk(tokens, n_network, reading)
        scores = None
        if features is not None and self.memory is not None:
            scores = self.memory.score(features, torch.get_num_threads(), exclude)
        n_first = self.fusion.n_first
        return join_candidates(
            labels, logits, scores, LEXICAL_CANDIDATES, self.log_counts, n_first, evidence
        )

    def scored(self, rows: Rows, reading: Reading | None = None) -> tuple[Candidates, np.ndarray]:
        """Candidates of rows and their log-odds (n, m), -inf where there is none."""
        evidence = self.evidence(rows)
        c = self.candidates(rows.tokens, self.features(rows), reading=reading, evidence=evidence)
        return c, self.fusion.log_odds(c)

    def rank(
        self, rows: Rows, k: int, reading: Reading | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Best labels of each row.

        Parameters
        ----------
        rows : Rows
            Of n rows.
        k : int
        reading : Reading, optional

        Returns
        -------
        labels : ndarray of shape (n, min(k, n_labels)), int64
            Columns of the label space, best first; -1 where fewer were scored.
        log_odds : ndarray of shape (n, min(k, n_labels)), float32
            Not calibrated; -inf where there is no label.
        """
        k, n = min(k, self.labels.n_labels), len(rows)
        indices = np.full((n, k), -1, dtype=np.int64)
        scores = np.full((n, k), -np.inf, dtype=np.float32)
        for start in range(0, n, ROWS_AT_ONCE):
            part = np.arange(start, min(start + ROWS_AT_ONCE, n))
            some = rows.take(part)
            candidates, log_odds = self.scored(some, reading)
            ranked = candidates.labels, log_odds
            if k > NETWORK_CANDIDATES:
                further = self.network_topk(some.tokens, k, reading)
                ranked = add_further(candidates, ranked[1], *further, self.fusion.n_first)
            indices[part], scores[part] = rank(*ranked, k)
        return indices, scores
