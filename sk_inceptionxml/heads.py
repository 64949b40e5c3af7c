"""The heads of the network as parameter objects: one-vs-all, or synchronized shortlisting.

>>> from sk_inceptionxml import InceptionXMLClassifier
>>> from sk_inceptionxml.heads import SyncXML
>>> clf = InceptionXMLClassifier(head=SyncXML(n_clusters=4096))
>>> clf.set_params(head__beam_size=8).head.beam_size
8

A head of your own is a subclass of :class:`Head`. Its ``module`` names the file with the torch
module. ``register`` makes it known by its name, which ``load`` needs.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import Interval, StrOptions

from sk_inceptionxml._utils.params import MOST_RATE, whole
from sk_inceptionxml._utils.sparse import unit_rows
from sk_inceptionxml.clustering import BalancedLabelClustering, validate_clusters

__all__ = ["HEADS", "Head", "OneVsAll", "SyncXML", "register", "resolve_head"]

SYNC_LABELS = 20_000  # one-vs-all takes longer from here on, and is no more accurate
CLUSTER_SIZE = 8
MAX_CLUSTERS = 16_384  # beyond, the meta-classifier would cost more than larger clusters do
LABEL_LR = {"adam": 1e-3, "adagrad": 3e-2}

HEADS: dict[str, type[Head]] = {}
"""The heads that are known by a name."""


class Head(BaseEstimator):
    """Parameters that every head has; subclasses add their own.

    Parameters
    ----------
    classifier_dropout : float, default=0.5
        Dropout rate before the label vectors.
    label_lr : float or "auto", default="auto"
        Highest learning rate of the label vectors; "auto" is 1e-3 with "adam" and 3e-2 with
        "adagrad".
    label_optimizer : {"auto", "adam", "adagrad"}, default="auto"
        Optimiser of the label vectors. Row-wise "adagrad" keeps one number a label.
    label_dtype : {"float32", "float16"}, default="float32"
        Type of the label vectors after training; "float16" halves them in memory and on disk.
    """

    name: ClassVar[str]
    module: ClassVar[str]  # dotted name of the file that defines ``build``
    default_label_optimizer: ClassVar[str] = "adam"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "classifier_dropout": [Interval(Real, 0, 1, closed="left")],
        "label_lr": [StrOptions({"auto"}), Interval(Real, 0, MOST_RATE, closed="right")],
        "label_optimizer": [StrOptions({"auto", "adam", "adagrad"})],
        "label_dtype": [StrOptions({"float32", "float16"})],
    }

    def __init__(
        self,
        *,
        classifier_dropout: float = 0.5,
        label_lr: float | str = "auto",
        label_optimizer: str = "auto",
        label_dtype: str = "float32",
    ) -> None:
        self.classifier_dropout = classifier_dropout
        self.label_lr = label_lr
        self.label_optimizer = label_optimizer
        self.label_dtype = label_dtype

    def resolved_label_optimizer(self) -> str:
        """The optimiser of the label vectors, that of the head unless given."""
        given = self.label_optimizer
        return self.default_label_optimizer if given == "auto" else given

    def resolved_label_lr(self, label_optimizer: str) -> float:
        """The learning rate of the label vectors, that of their optimiser unless given.

        Parameters
        ----------
        label_optimizer : {"adam", "adagrad"}
            What ``resolved_label_optimizer`` returns.
        """
        given = self.label_lr
        return LABEL_LR[label_optimizer] if given == "auto" else float(given)

    def structure(self) -> dict[str, Any]:
        """Parameters that a fitted network cannot change."""
        return {}

    def check_labels(self, n_labels: int) -> None:
        """Refuse parameters that do not fit the number of labels.

        Parameters
        ----------
        n_labels : int

        Raises
        ------
        ValueError
            If they do not fit.
        """

    def make_clusters(
        self, counts: sp.csr_array, Y: sp.csr_array, random_state: np.random.RandomState
    ) -> np.ndarray | None:
        """Make the meta-labels, for a head that has some.

        Parameters
        ----------
        counts : csr_array of shape (n_samples, n_features)
            Words of the training rows.
        Y : csr_array of shape (n_samples, n_labels)
            Labels of the training rows.
        random_state : RandomState

        Returns
        -------
        clusters : ndarray of shape (n_labels,) or None
            Meta-label of every label; None for a head without meta-labels.
        """
        return None


def register(head: type[Head]) -> type[Head]:
    """Make a head known by its name; usable as a class decorator.

    Parameters
    ----------
    head : subclass of Head
        Its ``name`` is what ``head=`` and saved models call it.

    Returns
    -------
    head : subclass of Head
        The same one.
    """
    HEADS[head.name] = head
    return head


@register
class OneVsAll(Head):
    """A linear classifier over every label: InceptionXML.

    Parameters
    ----------
    classifier_dropout : float, default=0.5
        Dropout rate before the label vectors.
    label_lr : float or "auto", default="auto"
        Highest learning rate of the label vectors; "auto" is 1e-3 with "adam" and 3e-2 with
        "adagrad".
    label_optimizer : {"auto", "adam", "adagrad"}, default="auto"
        Optimiser of the label vectors; "auto" is "adam". Row-wise "adagrad" keeps one number a
        label.
    label_dtype : {"float32", "float16"}, default="float32"
        Type of the label vectors after training; "float16" halves them in memory and on disk.

    Examples
    --------
    >>> from sk_inceptionxml.heads import OneVsAll
    >>> OneVsAll(label_dtype="float16")
    OneVsAll(label_dtype='float16')
    """

    name = "ova"
    module = "sk_inceptionxml.network.one_vs_all"


@register
class SyncXML(Head):
    """A meta-classifier shortlists clusters of labels, an extreme classifier ranks them: SyncXML.

    Parameters
    ----------
    n_clusters : int or None, default=None
        Number of meta-labels. None makes clusters of 8 labels, and 16,384 clusters at most.
    clusters : array-like of shape (n_labels,) or None, default=None
        Meta-label of every label, in the order of ``classes_``, instead of the clustering.
    beam_size : int, default=4
        Clusters in the shortlist of a row in training, besides its true ones.
    predict_beam_size : int, default=64
        Clusters in the shortlist of a row in prediction. May be changed after ``fit``.
    meta_dropout : float, default=0.3
        Dropout rate before the meta-classifier.
    meta_loss_weight : float, default=1.0
        Weight of the meta-classifier's loss.
    warmup_epochs : int, default=1
        Number of first epochs in which the extreme classifier's gradient stays out of the
        encoder.
    teacher_forcing : bool, default=True
        Add the true clusters of a row to its shortlist in training.
    share_negatives : bool, default=True
        Labels that any row of a batch shortlists are negatives of all its rows. False keeps each
        row to its own shortlist.
    synchronized : bool, default=True
        False leaves out the hidden layer of the meta-classifier. That is hard-negative mining
        without synchronisation, the baseline of the paper.
    max_negatives : int or None, default=8192
        A training step computes the losses of about this many shortlisted labels, and of a
        quarter as many meta-labels. Positive labels are kept, and so are positive or shortlisted
        meta-labels. The others are sampled, and weighted so that the loss is right on average.
        None takes all.
    n_jobs : int or None, default=None
        Parallel jobs of the clustering.
    classifier_dropout : float, default=0.5
        Dropout rate before the label vectors.
    label_lr : float or "auto", default="auto"
        Highest learning rate of the label vectors; "auto" is 1e-3 with "adam" and 3e-2 with
        "adagrad".
    label_optimizer : {"auto", "adam", "adagrad"}, default="auto"
        Optimiser of the label vectors; "auto" is "adagrad", which keeps one number a label.
    label_dtype : {"float32", "float16"}, default="float32"
        Type of the label vectors after training; "float16" halves them in memory and on disk.

    Examples
    --------
    >>> from sk_inceptionxml.heads import SyncXML
    >>> SyncXML(beam_size=8).get_params()["beam_size"]
    8
    """

    name = "sync"
    module = "sk_inceptionxml.network.synchronized"
    default_label_optimizer = "adagrad"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Head._parameter_constraints,
        "n_clusters": [None, whole(1)],
        "clusters": [None, object],
        "beam_size": [whole(1)],
        "predict_beam_size": [whole(1)],
        "meta_dropout": [Interval(Real, 0, 1, closed="left")],
        "meta_loss_weight": [Interval(Real, 0, 1e9, closed="both")],
        "warmup_epochs": [whole(0)],
        "teacher_forcing": ["boolean"],
        "share_negatives": ["boolean"],
        "synchronized": ["boolean"],
        "max_negatives": [None, whole(1)],
        "n_jobs": [None, Interval(Integral, None, -1, closed="right"), whole(1)],
    }

    def __init__(
        self,
        *,
        n_clusters: int | None = None,
        clusters: Any = None,
        beam_size: int = 4,
        predict_beam_size: int = 64,
        meta_dropout: float = 0.3,
        meta_loss_weight: float = 1.0,
        warmup_epochs: int = 1,
        teacher_forcing: bool = True,
        share_negatives: bool = True,
        synchronized: bool = True,
        max_negatives: int | None = 8192,
        n_jobs: int | None = None,
        classifier_dropout: float = 0.5,
        label_lr: float | str = "auto",
        label_optimizer: str = "auto",
        label_dtype: str = "float32",
    ) -> None:
        super().__init__(
            classifier_dropout=classifier_dropout,
            label_lr=label_lr,
            label_optimizer=label_optimizer,
            label_dtype=label_dtype,
        )
        self.n_clusters = n_clusters
        self.clusters = clusters
        self.beam_size = beam_size
        self.predict_beam_size = predict_beam_size
        self.meta_dropout = meta_dropout
        self.meta_loss_weight = meta_loss_weight
        self.warmup_epochs = warmup_epochs
        self.teacher_forcing = teacher_forcing
        self.share_negatives = share_negatives
        self.synchronized = synchronized
        self.max_negatives = max_negatives
        self.n_jobs = n_jobs

    def structure(self) -> dict[str, Any]:
        return {"synchronized": self.synchronized, "max_negatives": self.max_negatives}

    def check_labels(self, n_labels: int) -> None:
        if self.clusters is not None:
            validate_clusters(self.clusters, n_labels)

    def make_clusters(
        self, counts: sp.csr_array, Y: sp.csr_array, random_state: np.random.RandomState
    ) -> np.ndarray:
        """The user's clusters, or balanced ones of the labels' mean rows of ``counts``."""
        n_labels = Y.shape[1]
        if self.clusters is not None:
            return np.asarray(validate_clusters(self.clusters, n_labels))
        n_clusters = self.n_clusters or min(math.ceil(n_labels / CLUSTER_SIZE), MAX_CLUSTERS)
        clustering = BalancedLabelClustering(
            n_clusters=n_clusters,
            n_jobs=self.n_jobs,
            random_state=random_state.randint(2**31 - 1),
        )
        return np.asarray(clustering.fit(unit_rows(counts), Y).labels_)


def resolve_head(head: str | Head, n_labels: int) -> Head:
    """A head of its own for the network: a copy of the given one, or the named one's defaults.

    Parameters
    ----------
    head : {"auto", "ova", "sync"} or Head
        "auto" is "sync" from 20,000 labels on.
    n_labels : int
    """
    if isinstance(head, Head):
        return clone(head)
    if head == "auto":
        head = "sync" if n_labels >= SYNC_LABELS else "ova"
    return HEADS[head]()
