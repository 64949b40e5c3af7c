"""From a fitted estimator to labels: rankings, probabilities, scores."""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.utils.validation import check_is_fitted

from sk_inceptionxml.calibration import Calibration
from sk_inceptionxml.fusion import (
    Candidates,
    Fusion,
    add_further,
    join_candidates,
    rank,
    recall,
)
from sk_inceptionxml.inference import network_topk
from sk_inceptionxml.labels import LabelSpace
from sk_inceptionxml.lexical import LexicalFeatures
from sk_inceptionxml.metrics import precision_at_k
from sk_inceptionxml.neighbours import KernelNeighbours
from sk_inceptionxml.parameters import check_prediction_parameters
from sk_inceptionxml.vectorize import Tokens, TokenVectorizer, check_matrix, check_text, is_text

ROWS_AT_ONCE = 8192  # bounds the candidates held in a prediction
NETWORK_CANDIDATES = 100  # labels of the network that the fusion ranks again
LEXICAL_CANDIDATES = 100


class Rows(NamedTuple):
    """Rows of X: their tokens, and the texts themselves where X is raw text."""

    tokens: Tokens
    texts: list[str] | None

    def take(self, rows: np.ndarray) -> Rows:
        """The rows of these numbers, in this order."""
        texts = None if self.texts is None else [self.texts[i] for i in rows]
        return Rows(self.tokens.take(rows), texts)


class LabelRanker:
    """The predicting half of the estimator; every method needs a fitted one."""

    label_space_: LabelSpace
    vectorizer_: TokenVectorizer
    lexical_: LexicalFeatures | None
    neighbours_: KernelNeighbours | None
    fusion_: Fusion
    calibration_: Calibration
    net_: Any
    n_labels_: int
    n_features_in_: int
    threshold: float
    top_k: int | None
    max_len: int
    predict_beam_size: int

    def predict_topk(self, X: Any, k: int = 5) -> tuple[np.ndarray, np.ndarray]:
        """Best labels of each row and their probabilities.

        Parameters
        ----------
        X : sequence of str of length n_samples, or matrix of shape (n_samples, n_features)
            Samples of the kind that ``fit`` has seen.
        k : int, default=5
            Labels a row; at most ``n_labels_`` are returned.

        Returns
        -------
        labels : ndarray of shape (n_samples, min(k, n_labels_))
            Names as in ``classes_``, best first. Places beyond the labels that were scored hold
            ``""``, -1 or None, for strings, signed integers and other names.
        scores : ndarray of shape (n_samples, min(k, n_labels_)), float32
            Probabilities; 0 in places without a label.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If k is not a positive integer or X is not of the kind that ``fit`` has seen.
        """
        indices, log_odds = self._ranking(X, _check_k(k))
        return self.label_space_.topk_names(indices), self.calibration_(log_odds)

    def predict(self, X: Any) -> Any:
        """Labels of each row, in the form of y.

        For multi-label y those of probability ``threshold`` or more, ``top_k`` at most, or 100
        where ``top_k`` is None; for 1-D y the best one.

        Parameters
        ----------
        X : sequence of str of length n_samples, or matrix of shape (n_samples, n_features)
            Samples of the kind that ``fit`` has seen.

        Returns
        -------
        y : sparse or dense indicator, list of lists, or ndarray of shape (n_samples,)
        """
        self._check_ready()
        indices, log_odds = self._ranking(X, self.top_k or NETWORK_CANDIDATES)
        keep = (self.calibration_(log_odds) >= self.threshold) & (indices >= 0)
        return self.label_space_.predictions(indices, keep)

    def predict_proba(self, X: Any) -> Any:
        """Probabilities of the top-scored labels.

        Parameters
        ----------
        X : sequence of str of length n_samples, or matrix of shape (n_samples, n_features)
            Samples of the kind that ``fit`` has seen.

        Returns
        -------
        probabilities : csr_array or ndarray of shape (n_samples, n_labels), float32
            CSR for sparse y and for label lists, in which a label without an entry was not
            among the best 100; dense otherwise. Rows sum to 1 for 1-D y.
        """
        indices, log_odds = self._ranking(X, self._n_scored())
        p = self.calibration_(log_odds)
        if self.label_space_.form in ("binary", "multiclass"):
            p = p / np.maximum(p.sum(axis=1, keepdims=True), 1e-12)
        return self.label_space_.probabilities(indices, np.where(indices >= 0, p, 0.0))

    def decision_function(self, X: Any) -> Any:
        """Log-odds of the top-scored labels.

        Parameters
        ----------
        X : sequence of str of length n_samples, or matrix of shape (n_samples, n_features)
            Samples of the kind that ``fit`` has seen.

        Returns
        -------
        scores : csr_array or ndarray of shape (n_samples, n_labels), float32
            As ``predict_proba``; ndarray of shape (n_samples,) for binary y. Labels that were
            not scored have no entry (CSR) or a score below every scored one (dense).
        """
        indices, log_odds = self._ranking(X, self._n_scored())
        if self.label_space_.form in ("sparse", "lists"):
            return self.label_space_.probabilities(indices, log_odds)
        lowest = np.where(np.isfinite(log_odds), log_odds, np.inf).min(initial=0.0) - 1.0
        if self.label_space_.form == "binary":
            # monotone in the normalised probability, as scikit-learn asks
            log_odds = -np.logaddexp(0.0, -self.calibration_.transform(log_odds))
        out = np.full((len(indices), self.n_labels_), lowest, dtype=log_odds.dtype)
        rows, places = np.nonzero(indices >= 0)
        out[rows, indices[rows, places]] = log_odds[rows, places]
        if self.label_space_.form == "binary":
            return (out[:, 1] - out[:, 0]).astype(np.float32)
        return out

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Precision at 1: the share of rows whose best label is right.

        Parameters
        ----------
        X : sequence of str of length n_samples, or matrix of shape (n_samples, n_features)
            Samples of the kind that ``fit`` has seen.
        y : as in ``fit``
            True labels; labels that ``fit`` has not seen count as not found.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        p_at_1 : float in [0, 1]
        """
        indices, _ = self._ranking(X, 1)
        if not len(indices):
            raise ValueError("X has 0 samples, which have no score; give at least one.")
        Y = self.label_space_.encode(y, n_samples=len(indices), unknown="ignore")
        return float(precision_at_k(Y, indices, k=1, sample_weight=sample_weight))

    def shortlist_recall(self, X: Any, y: Any, k: int = 100) -> float:
        """Share of the true labels among the ``k`` best candidates of the network alone.

        The first thing to look at when accuracy is low.

        Parameters
        ----------
        X, y : as in ``fit``
            Labels that ``fit`` has not seen count as not found.
        k : int, default=100

        Returns
        -------
        recall : float in [0, 1]
            Mean over the rows that have a label.
        """
        k = _check_k(k)
        tokens = self._rows(X).tokens
        Y = self.label_space_.encode(y, n_samples=len(tokens), unknown="append")
        k = min(k, self.n_labels_)
        labels, logits = network_topk(self.net_.module_, tokens, self.max_len, k)
        return recall(join_candidates(labels, logits, None, 0), Y)

    def _n_scored(self) -> int:
        check_is_fitted(self)
        dense = self.label_space_.form not in ("sparse", "lists")
        return self.n_labels_ if dense else min(NETWORK_CANDIDATES, self.n_labels_)

    def _check_ready(self) -> None:
        check_is_fitted(self)
        check_prediction_parameters(self, self.net_.module_.encoder.max_len)
        self.net_.module_.head.predict_beam_size = self.predict_beam_size

    def _rows(self, X: Any) -> Rows:
        self._check_ready()
        return self._read_more(X)

    def _read_more(self, X: Any) -> Rows:
        """Rows of the kind that ``fit`` has seen, once it has read its own."""
        if self.vectorizer_.kind_ == "text":
            texts = check_text(X)
            return Rows(self.vectorizer_.transform(texts, full=True), texts)
        if is_text(X):
            raise ValueError(
                "X is raw text, but the estimator was fitted on a matrix; give a matrix of "
                f"{self.n_features_in_} columns."
            )
        X = check_matrix(self, X, reset=False)
        return Rows(self.vectorizer_.transform(X, full=True), None)

    def _counts(self, tokens: Tokens) -> sp.csr_array:
        return tokens.to_csr(self.vectorizer_.n_tokens_, first=2)

    def _lexical(self, rows: Rows, known: np.ndarray | None = None) -> sp.csr_array | None:
        """Lexical features of rows, those that are known; None where lexical evidence is off."""
        if self.lexical_ is None:
            return None
        return self.lexical_.transform(self._counts(rows.tokens), rows.texts, known)

    def _ranking(self, X: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Columns (n, k) and log-odds (n, k) of the best labels."""
        rows = self._rows(X)
        k = min(k, self.n_labels_)
        n = len(rows.tokens)
        indices = np.full((n, k), -1, dtype=np.int64)
        scores = np.full((n, k), -np.inf, dtype=np.float32)
        for start in range(0, n, ROWS_AT_ONCE):
            part = np.arange(start, min(start + ROWS_AT_ONCE, n))
            some = rows.take(part)
            candidates = self._candidates(some.tokens, self._lexical(some))
            ranked = candidates.labels, self.fusion_.log_odds(candidates)
            if k > NETWORK_CANDIDATES:
                network = self._network_topk(some.tokens, k)
                ranked = add_further(candidates, ranked[1], *network, self.fusion_.n_first)
            indices[part], scores[part] = rank(*ranked, k)
        return indices, scores

    def _network_topk(self, tokens: Tokens, k: int) -> tuple[np.ndarray, np.ndarray]:
        n_first = self.fusion_.n_first
        labels, logits = network_topk(self.net_.module_, tokens, self.max_len, k, n_first)
        if np.isnan(logits).any():
            raise ValueError(
                "X gives scores that are no numbers: its token weights, or the weights of the "
                "network, are too large. Scale the columns of X, or train with a lower lr."
            )
        return labels, logits

    def _candidates(
        self, tokens: Tokens, lexical: sp.csr_array | None, exclude: np.ndarray | None = None
    ) -> Candidates:
        """Candidates of rows; ``exclude`` holds their own places in the lexical memory."""
        labels, logits = self._network_topk(tokens, min(NETWORK_CANDIDATES, self.n_labels_))
        scores = None
        if lexical is not None and self.neighbours_ is not None:
            scores = self.neighbours_.score(lexical, torch.get_num_threads(), exclude)
        return join_candidates(labels, logits, scores, LEXICAL_CANDIDATES, self.fusion_.n_first)


def vocabulary(estimator: LabelRanker) -> list[str] | None:
    """Words of raw text in the order of their ids, None where they have no names."""
    return list(getattr(estimator.vectorizer_, "vocabulary_", ())) or None


def _check_k(k: Any) -> int:
    if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k must be a positive integer, got {k!r:.80}.")
    return int(k)
