"""Scorers for ranked labels, and cross-validation that takes sparse label matrices."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import sklearn.model_selection
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import KFold
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest

from sk_inceptionxml.metrics import (
    inverse_propensity,
    ndcg_at_k,
    precision_at_k,
    psp_at_k,
    recall_at_k,
)

__all__ = [
    "RankingScorer",
    "cross_validate",
    "get_scorer",
    "ndcg_at_k_scorer",
    "precision_at_k_scorer",
    "predict_topk",
    "psp_at_k_scorer",
    "recall_at_k_scorer",
]

_METRICS: dict[str, Any] = {
    "precision": precision_at_k,
    "ndcg": ndcg_at_k,
    "recall": recall_at_k,
    "psp": psp_at_k,
}
_NAMES = {**{name: name for name in _METRICS}, "p": "precision", "r": "recall", "n": "ndcg"}
_NAME_AT_K = re.compile(r"([a-z]+)@([0-9]+)", re.ASCII)


class RankingScorer:
    """Scorer of the first k labels that a fitted classifier ranks.

    Pass it as ``scoring=`` to scikit-learn. It is called with ``(estimator, X, y,
    sample_weight=None)``. The estimator may be an ``InceptionXMLClassifier``, a ``Pipeline`` that
    ends in one, or a fitted search over either. Labels of ``y`` that it has not seen in training
    count as misses.

    Parameters
    ----------
    metric : {"precision", "ndcg", "recall", "psp"}
        Metric of :mod:`sk_inceptionxml.metrics`.
    k : int, default=5
        Number of places. Places beyond the number of labels count as misses.
    **options
        For "psp": ``A`` and ``B`` of :func:`sk_inceptionxml.metrics.inverse_propensity`.

    Raises
    ------
    ValueError
        If ``metric`` is not known or ``k`` is not a positive integer.
    TypeError
        If the metric does not have an option.

    Examples
    --------
    >>> from sk_inceptionxml.model_selection import RankingScorer
    >>> RankingScorer("precision", 3)
    RankingScorer('precision', k=3)
    """

    def __init__(self, metric: str, k: int = 5, **options: float) -> None:
        if metric not in _METRICS:
            raise ValueError(f"metric must be one of {list(_METRICS)}, got {metric!r}.")
        if not _is_positive_int(k):
            raise ValueError(f"k must be a positive integer, got {k!r}.")
        unknown = set(options) - ({"A", "B"} if metric == "psp" else set())
        if unknown:
            raise TypeError(f"metric={metric!r} has no option {sorted(unknown)[0]!r}.")
        self.metric = metric
        self.k = int(k)
        self.options = options
        self._weight_request: bool | str | None = None

    def __repr__(self) -> str:
        """Return the call that makes this scorer."""
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"RankingScorer({self.metric!r}, k={self.k}{options})"

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Score the ranking of X against y.

        Parameters
        ----------
        estimator : fitted estimator
            Classifier, pipeline or search.
        X : as in ``predict`` of the estimator
            Samples.
        y : sparse or dense indicator of shape (n_samples, n_labels), label lists, or 1-D
            True labels, in the form of the training labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        score : float
            Fraction, higher is better.

        Raises
        ------
        TypeError
            If the last step of the estimator does not rank labels.
        """
        ranked = rank_rows(estimator, X, y, self.k)
        extra: dict[str, Any] = {}
        if self.metric == "psp":
            # frequencies of the training rows: those of the test rows would leak
            extra["inverse_propensity"] = inverse_propensity(
                ranked.label_counts, n_samples=ranked.n_samples_fit, **self.options
            )
        metric = _METRICS[self.metric]
        return float(
            metric(ranked.y_true, ranked.topk, k=self.k, sample_weight=sample_weight, **extra)
        )

    def set_score_request(self, *, sample_weight: bool | str | None) -> RankingScorer:
        """Say whether metadata routing passes ``sample_weight``; only used when it is enabled.

        Parameters
        ----------
        sample_weight : bool, str or None
            True passes it, False does not, None refuses it; a str names it otherwise.

        Returns
        -------
        self
        """
        self._weight_request = sample_weight
        return self

    def get_metadata_routing(self) -> MetadataRequest:
        """Return what metadata routing needs to know.

        Returns
        -------
        request : MetadataRequest
        """
        request = MetadataRequest(owner=self)
        request.score.add_request(param="sample_weight", alias=self._weight_request)
        return request

    def _accept_sample_weight(self) -> bool:
        # asked by scikit-learn's searches while routing is off
        return True


def _is_positive_int(k: Any) -> bool:
    return isinstance(k, Integral) and not isinstance(k, bool) and int(k) >= 1


class RankedRows(NamedTuple):
    """Rows as a fitted classifier ranks them, beside their true labels.

    ``y_true`` is a csr_array (n_samples, n_columns), in which labels that training has not seen
    stand last. ``topk`` and ``probabilities`` have shape (n_samples, n_places), ``label_counts``
    (n_columns,) are training rows of every label.
    """

    y_true: Any
    topk: np.ndarray
    probabilities: np.ndarray
    label_counts: np.ndarray
    n_samples_fit: int


def rank_rows(
    estimator: Any, X: Any, y: Any, k: int, instead: str = "use a scorer of scikit-learn"
) -> RankedRows:
    """Rank rows by a classifier that may stand in pipelines or searches, and read their labels.

    ``instead`` is the advice for an estimator that does not rank labels.
    """
    classifier, X = unwrap(estimator, X, instead)
    ranker, topk, log_odds = classifier._ranking(X, k)
    Y = ranker.labels.encode(y, n_samples=len(topk), unknown="append")
    counts = np.zeros(Y.shape[1])
    counts[: ranker.labels.n_labels] = ranker.label_counts
    return RankedRows(Y, topk, ranker.calibration(log_odds), counts, classifier.n_samples_fit_)


def unwrap(
    estimator: Any, X: Any = None, instead: str = "use a scorer of scikit-learn"
) -> tuple[Any, Any]:
    """Return the classifier inside pipelines and searches, and X as it reaches it."""
    while True:
        if isinstance(estimator, BaseSearchCV):
            if not hasattr(estimator, "best_estimator_"):
                raise TypeError(
                    f"estimator is a {type(estimator).__name__} without best_estimator_; fit it "
                    "with refit switched on."
                )
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            if len(estimator) > 1 and X is not None:
                X = estimator[:-1].transform(X)
            estimator = estimator[-1]
        else:
            break
    if not hasattr(estimator, "predict_topk"):
        raise TypeError(
            f"estimator must rank labels (predict_topk), but {type(estimator).__name__} does "
            f"not; {instead}."
        )
    return estimator, X


def predict_topk(model: Any, X: Any, k: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Best labels of each row by a classifier that stands in pipelines or searches.

    A ``Pipeline`` or a search does not have the method ``predict_topk``. This function finds the
    classifier inside it.

    Parameters
    ----------
    model : InceptionXMLClassifier, Pipeline or search
        Fitted; a search with ``refit``.
    X : samples as ``model`` takes them
    k : int, default=5
        Labels a row; at most the number of labels are returned.

    Returns
    -------
    labels : ndarray of shape (n_samples, min(k, n_labels))
        Names, best first.
    scores : ndarray of shape (n_samples, min(k, n_labels)), float32
        Probabilities.

    Raises
    ------
    TypeError
        If what stands at the end does not rank labels, or a search was not refitted.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sk_inceptionxml import InceptionXMLClassifier
    >>> from sk_inceptionxml.model_selection import predict_topk
    >>> titles = ["red wooden boat", "blue wooden boat", "red kite", "blue kite"] * 5
    >>> labels = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"]] * 5
    >>> clf = InceptionXMLClassifier(embedding_dim=64, random_state=0)
    >>> model = make_pipeline(TfidfVectorizer(), clf).fit(titles, labels)
    >>> names, scores = predict_topk(model, ["a red boat"], k=2)
    >>> sorted(names[0].tolist())
    ['boat', 'red']
    """
    estimator, X = unwrap(model, X)
    labels, scores = estimator.predict_topk(X, k=k)
    return labels, scores


def precision_at_k_scorer(k: int = 5) -> RankingScorer:
    """Make a scorer of precision at k.

    Parameters
    ----------
    k : int, default=5
        Number of places.

    Returns
    -------
    scorer : RankingScorer
        Of :func:`sk_inceptionxml.metrics.precision_at_k`.

    Examples
    --------
    >>> from sk_inceptionxml.model_selection import precision_at_k_scorer
    >>> precision_at_k_scorer(3)
    RankingScorer('precision', k=3)
    """
    return RankingScorer("precision", k)


def ndcg_at_k_scorer(k: int = 5) -> RankingScorer:
    """Make a scorer of normalised discounted cumulative gain at k.

    Parameters
    ----------
    k : int, default=5
        Number of places.

    Returns
    -------
    scorer : RankingScorer
        Of :func:`sk_inceptionxml.metrics.ndcg_at_k`.

    Examples
    --------
    >>> from sk_inceptionxml.model_selection import ndcg_at_k_scorer
    >>> ndcg_at_k_scorer(3)
    RankingScorer('ndcg', k=3)
    """
    return RankingScorer("ndcg", k)


def recall_at_k_scorer(k: int = 5) -> RankingScorer:
    """Make a scorer of recall at k.

    Parameters
    ----------
    k : int, default=5
        Number of places.

    Returns
    -------
    scorer : RankingScorer
        Of :func:`sk_inceptionxml.metrics.recall_at_k`.

    Examples
    --------
    >>> from sk_inceptionxml.model_selection import recall_at_k_scorer
    >>> recall_at_k_scorer(10)
    RankingScorer('recall', k=10)
    """
    return RankingScorer("recall", k)


def psp_at_k_scorer(k: int = 5, *, A: float = 0.55, B: float = 1.5) -> RankingScorer:
    """Make a scorer of propensity-scored precision at k.

    The propensities come from the label counts of the fitted estimator, that is of the training
    fold alone.

    Parameters
    ----------
    k : int, default=5
        Number of places.
    A : float, default=0.55
        The usual values of (A, B) are (0.5, 0.4) for Wikipedia, (0.6, 2.6) for Amazon data.
    B : float, default=1.5
        See ``A``.

    Returns
    -------
    scorer : RankingScorer
        Callable for ``scoring=``.

    Examples
    --------
    >>> from sk_inceptionxml.model_selection import psp_at_k_scorer
    >>> psp_at_k_scorer(3, A=0.6, B=2.6)
    RankingScorer('psp', k=3, A=0.6, B=2.6)
    """
    return RankingScorer("psp", k, A=A, B=B)


def get_scorer(name: str) -> RankingScorer:
    """Make the scorer that a name stands for.

    Parameters
    ----------
    name : str
        ``"<metric>@<k>"`` in any case: precision or P, ndcg or N, recall or R, or psp.

    Returns
    -------
    scorer : RankingScorer
        Callable for ``scoring=``.

    Raises
    ------
    ValueError
        If the name is not of this form.

    Examples
    --------
    >>> from sk_inceptionxml.model_selection import get_scorer
    >>> get_scorer("P@5"), get_scorer("nDCG@3")
    (RankingScorer('precision', k=5), RankingScorer('ndcg', k=3))
    """
    scorer = _parse(name)
    if scorer is None:
        raise ValueError(
            f"name must be a metric at k, such as 'P@5', with a metric of {sorted(_NAMES)}; got "
            f"{name!r}."
        )
    return scorer


def _parse(name: Any) -> RankingScorer | None:
    match = _NAME_AT_K.fullmatch(name.lower()) if isinstance(name, str) else None
    if match is None or match[1] not in _NAMES or int(match[2]) < 1:
        return None
    return RankingScorer(_NAMES[match[1]], int(match[2]))


def _resolve(scoring: Any) -> Any:
    """Replace the names of :func:`get_scorer`; leave what else scikit-learn understands."""
    if isinstance(scoring, Mapping):
        return {name: _parse(scorer) or scorer for name, scorer in scoring.items()}
    if isinstance(scoring, (list, tuple, set, frozenset)):
        if any(_parse(name) for name in scoring):
            return {name: _parse(name) or name for name in scoring}
        return scoring
    if isinstance(scoring, str) and _parse(scoring) is None and scoring not in get_scorer_names():
        raise ValueError(
            f"scoring must be a metric at k, such as 'P@5', with a metric of {sorted(_NAMES)}, or "
            f"a name of sklearn.metrics.get_scorer_names(); got {scoring!r}."
        )
    return _parse(scoring) or scoring


def cross_validate(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = 5,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: Mapping[str, Any] | None = None,
    return_train_score: bool = False,
    return_estimator: bool = False,
    return_indices: bool = False,
    error_score: float | str = np.nan,
    random_state: Any = 0,
) -> dict[str, Any]:
    """Cross-validate as scikit-learn does, for labels in any form.

    :func:`sklearn.model_selection.cross_validate` refuses sparse ``y``, and with ``cv=int`` it
    does not shuffle multi-label rows and refuses label lists. This does neither.

    Parameters
    ----------
    estimator : estimator
        Cloned for every split, never changed.
    X : sequence of str of length n_samples, or matrix of shape (n_samples, n_features)
        Samples.
    y : sparse or dense indicator of shape (n_samples, n_labels), label lists, or 1-D
        Labels of each row.
    groups : array-like of shape (n_samples,), default=None
        Groups for a splitter that uses them.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in scikit-learn, and the names of :func:`get_scorer`. None is the estimator's own
        ``score``.
    cv : int, splitter or iterable, default=5
        An int is the number of shuffled folds, whatever the form of y.
    n_jobs : int or None, default=None
        Splits in parallel.
    verbose : int, default=0
        Verbosity.
    params : mapping or None, default=None
        Passed to ``fit``, such as ``{"sample_weight": w}``; what has one entry per row is cut
        with the rows.
    return_train_score : bool, default=False
        Score the training rows as well.
    return_estimator : bool, default=False
        Return the fitted estimators.
    return_indices : bool, default=False
        Return the rows of the splits.
    error_score : "raise" or float, default=nan
        Score of a split whose fit fails.
    random_state : int, RandomState or None, default=0
        Shuffling where cv is an int. The default gives the same folds in every call, so that
        results compare.

    Returns
    -------
    scores : dict
        ``fit_time``, ``score_time``, ``test_score`` (or ``test_<name>`` of several) and, where
        asked for, ``train_score``, ``estimator`` and ``indices``; arrays of length n_splits.

    Raises
    ------
    ValueError
        If X and y differ in length, or cv or scoring is not as described.

    Examples
    --------
    >>> from sk_inceptionxml import InceptionXMLClassifier
    >>> from sk_inceptionxml.model_selection import cross_validate
    >>> titles = ["red boat", "blue boat", "red kite", "blue kite"] * 5
    >>> labels = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"]] * 5
    >>> clf = InceptionXMLClassifier(embedding_dim=16, max_epochs=2, random_state=0)
    >>> scores = cross_validate(clf, titles, labels, cv=2, scoring=["P@1", "psp@2"])
    >>> sorted(scores)
    ['fit_time', 'score_time', 'test_P@1', 'test_psp@2']
    """
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        seed = random_state
        if seed is None:  # fresh entropy: scikit-learn would draw on the global state
            seed = int(np.random.default_rng().integers(2**31 - 1))
        cv = KFold(int(cv), shuffle=True, random_state=seed)
    # Only the decorator that validates parameters refuses sparse y; the function itself does not.
    run = inspect.unwrap(sklearn.model_selection.cross_validate)
    scores: dict[str, Any] = run(
        estimator,
        X,
        y,
        groups=groups,
        scoring=_resolve(scoring),
        cv=cv,
        n_jobs=n_jobs,
        verbose=verbose,
        params=dict(params) if params is not None else None,
        return_train_score=return_train_score,
        return_estimator=return_estimator,
        return_indices=return_indices,
        error_score=error_score,
    )
    return scores
