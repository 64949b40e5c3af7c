"""The estimator: parameters, fit, predictions, persistence."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from numbers import Integral, Real
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sk_inceptionxml import persistence
from sk_inceptionxml._utils.params import (
    MOST_RATE,
    check_callbacks,
    check_kernel_sizes,
    check_values,
    whole,
)
from sk_inceptionxml._utils.settings import own_settings
from sk_inceptionxml._utils.storage import MEMORY
from sk_inceptionxml._utils.threads import gradients
from sk_inceptionxml.data import Dataset, Rows
from sk_inceptionxml.data.split import (
    MAX_GIVEN_ROWS,
    HeldOut,
    as_unseen,
    check_enough_rows,
    check_pair,
    check_rows_to_watch,
    read_pair,
    split,
)
from sk_inceptionxml.data.stream import check_stream, read_chunks, refuse_stream, storage_of
from sk_inceptionxml.data.weights import check_weight, repeat_rows, weighted_rows
from sk_inceptionxml.datasets import TextStream
from sk_inceptionxml.heads import HEADS, Head, resolve_head
from sk_inceptionxml.labels import (
    LabelSpace,
    check_label_texts,
    first_labels,
    further_labels,
    grow_label_space,
    label_texts_of,
    named_labels,
    same_labels,
)
from sk_inceptionxml.metrics import precision_at_k
from sk_inceptionxml.network.config import NetworkConfig
from sk_inceptionxml.persistence.checkpoint import Checkpoint, describe_training
from sk_inceptionxml.ranking.calibration import Calibration
from sk_inceptionxml.ranking.explanation import explain
from sk_inceptionxml.ranking.fusion import Fusion, recall
from sk_inceptionxml.ranking.label_texts import LabelTexts
from sk_inceptionxml.ranking.memory import LexicalMemory
from sk_inceptionxml.ranking.neighbours import MAX_NEIGHBOURS
from sk_inceptionxml.ranking.ranker import NETWORK_CANDIDATES, Ranker, Reading
from sk_inceptionxml.ranking.tuning import tune
from sk_inceptionxml.text import (
    TokenVectorizer,
    check_matrix,
    check_text,
    check_vectorizer,
    is_text,
)
from sk_inceptionxml.text.embeddings import check_embeddings
from sk_inceptionxml.training.config import TrainingConfig
from sk_inceptionxml.training.label_rows import label_rows
from sk_inceptionxml.training.log import TrainingLog
from sk_inceptionxml.training.new_labels import learn_more
from sk_inceptionxml.training.start import network_config, start_network
from sk_inceptionxml.training.trainer import draw_seed, first_pass, resolve_device, train

SCORES_AT_ONCE = 1 << 20  # bounds what a matrix of scores needs beside itself
USED_IN_PREDICTION = ("threshold", "top_k", "max_len")


class _Model(NamedTuple):
    """What ``fit`` has made, set at once: a prediction meanwhile sees one model or the other."""

    ranker: Ranker
    log: TrainingLog


def _fitted(path: str, doc: str) -> Any:
    """An attribute of the fitted model, by its way from there."""
    get = attrgetter(path)
    return property(lambda self: get(self._fitted_model()), doc=doc)


class InceptionXMLClassifier(ClassifierMixin, BaseEstimator):
    """Extreme multi-label classifier of short texts.

    A light convolutional encoder (InceptionXML) scores labels one-vs-all, or, from 20,000
    labels on, a meta-classifier shortlists clusters of labels and an extreme classifier ranks
    them (SyncXML). Lexical evidence from the nearest training texts joins in, and both are fused
    into one calibrated probability on held-out rows.

    Parameters
    ----------
    vectorizer : CountVectorizer, TfidfVectorizer, HashingVectorizer or None, default=None
        Splits raw text into words; cloned, never changed. None is a Unicode-aware, lower-casing
        word analyzer that keeps the order of words. Only for raw text.
    embeddings : None, "random", ndarray, path, mapping or KeyedVectors, default=None
        Start of the word vectors. None makes them from the training data (SVD of positive PMI
        between words and words + labels). A path names GloVe, word2vec or fastText text vectors
        (plain or ``.gz``); words without a vector start as with None.
    embedding_dim : int, default=300
        Width of the word vectors made here; given vectors bring their own.
    max_len : int, default=64
        Words of a text that the encoder reads. The lexical neighbours read the first 10,000
        characters.
    n_filters : int, default=32
        Filters of each convolution.
    kernel_sizes : sequence of int, default=(4, 8, 16)
        Kernel of each inception branch.
    hidden_dim : int or None, default=None
        Width of the hidden layer; None is the width of the encoder's feature (480 with the
        defaults).
    embedding_skip : bool, default=True
        Add a linear map of the average word vector to the encoder's feature.
    dropout : float, default=0.25
        Dropout rate inside the encoder.
    head : {"auto", "ova", "sync"}, OneVsAll or SyncXML, default="auto"
        How labels are scored: all of them (one-vs-all), or those of shortlisted clusters. "auto"
        is "sync" from 20,000 labels on. A parameter object of :mod:`sk_inceptionxml.heads`, such
        as ``SyncXML(n_clusters=4096)``, sets what only that head has.
    n_neighbors : int, default=100
        Training rows most like a text whose labels count for it, 10,000 at most; 0 leaves the
        lexical memory out.
    shuffle_words : bool, default=True
        Train on the words of each text in random order.
    word_dropout : float, default=0.1
        Share of the words left out in training.
    max_epochs : int or "auto", default="auto"
        Passes over the rows. "auto" is 3, or 5 with ``n_neighbors=0``, and more where that is
        under 500 steps.
    batch_size : int, default=128
        Rows of a training step.
    lr : float, default=3e-3
        Highest learning rate of encoder and word vectors (one-cycle schedule). That of the label
        vectors belongs to ``head``.
    mixed_precision : bool or "auto", default="auto"
        Train with products of matrices in bfloat16; weights and predictions stay float32. "auto"
        does so on a GPU that computes bfloat16 natively. On a CPU that does, True saves about a
        third of the training time if nothing else runs, and is very slow beside other programs.
    compile : bool or "reduce-overhead", default=False
        Compile the encoder for training by ``torch.compile``; "reduce-overhead" also uses CUDA
        graphs. This takes up to a minute at the start of ``fit``, so it is for long trainings.
        Where torch cannot compile, a warning says so and the training goes on. ``partial_fit``
        and distributed trainings do not compile.
    validation_fraction : float, default=0.1
        Share of rows (4,000 at most) held out to fit the fusion of network and neighbours.
        0, or fewer than 50 rows, leaves a fixed fusion.
    early_stopping : bool, default=False
        Stop when nDCG@5 of the network on the held-out rows has not improved for
        ``n_iter_no_change`` epochs, and keep the weights of the best epoch. The rows are those
        of ``validation_fraction``, or ``validation_data`` of ``fit``.
    n_iter_no_change : int, default=2
        Epochs without improvement before an early stop; those of the first 30 % of
        ``max_epochs``, in which the learning rate rises, do not count.
    tail_weight : float, default=0.05
        How much more a hit of a rare label counts in the fusion: one of a label with n training
        rows counts ``(1 + n) ** -tail_weight``. 0.1 to 0.3 bring rare labels to the front, and
        cost precision at 1. ``retune`` changes it after ``fit``.
    calibrate : {"auto", "isotonic", "sigmoid"} or None, default="auto"
        Maps of the fused probabilities, fitted on the held-out rows; never change the ranking.
    warm_start : bool, default=False
        ``fit`` continues from the network of the last fit, and holds the same share of the rows
        out. The words and labels of the data must be the same. For new rows and labels, see
        ``partial_fit``.
    checkpoint_dir : path or None, default=None
        Directory, for this training alone, in which the state is saved after every epoch. A
        later ``fit`` with the same data and parameters continues from there, and on the CPU ends
        bit-identical to one never stopped; once the training is complete it does not train
        again. Other data or parameters are an error.
    threshold : float, default=0.5
        ``predict`` returns the labels whose probability is at least this, for multi-label y.
    top_k : int or None, default=None
        ``predict`` returns at most this many labels a row, for multi-label y.
    callbacks : list of (str, skorch Callback) or None, default=None
        Further callbacks of the training.
    device : str, default="auto"
        "cpu", "cuda", ...; "auto" takes a GPU where there is one.
    random_state : int, RandomState or None, default=None
        Makes fits on the CPU bit-identical. Global random state is never touched.
    verbose : int, default=0
        1 shows a progress bar with loss and throughput.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        Names of the labels; those that ``partial_fit`` added stand last.
    n_labels_ : int
        Number of labels.
    n_samples_fit_ : int
        Training rows, those of ``partial_fit`` included.
    fit_seed_ : int
        What the last ``fit`` drew from ``random_state``.
    label_counts_ : ndarray of shape (n_labels,), int64
        Training rows of every label.
    head_ : {"ova", "sync"}
        The head in use.
    clusters_ : ndarray of shape (n_labels,), int64, or None
        Meta-label of every label; None for the one-vs-all head.
    net_ : skorch NeuralNet
        The trained net; ``net_.module_`` is the torch module, ``net_.history`` the log.
    memory_ : LexicalMemory or None
        The training rows by their words and character n-grams, with their labels.
    fusion_ : Fusion
        Weights of network and neighbours.
    calibration_ : Calibration
        Maps of the fused log-odds to probabilities.
    vectorizer_ : TokenVectorizer
        Words and their ids.
    n_features_in_ : int
        Words of the vocabulary or columns of X.
    n_iter_ : int
        Epochs trained.
    loss_curve_ : list of float
        Training loss of every epoch.
    history_ : DataFrame
        One row an epoch: ``epoch``, ``train_loss``, ``duration`` in seconds, ``rows_per_second``
        and, with early stopping or ``validation_data``, ``valid_ndcg@5``: nDCG@5 of the network
        alone on the held-out rows.
    best_epoch_ : int or None
        Epoch whose weights were kept, counted from 1; None without early stopping.
    best_score_ : float or None
        Its nDCG@5; None without early stopping.
    shortlist_recall_ : float or None
        Share of a held-out row's labels among the network's best 100 of the shortlist, mean over
        the rows; None for the one-vs-all head.

    See Also
    --------
    sk_inceptionxml.heads : The parameters of one-vs-all and of synchronized shortlisting.
    sk_inceptionxml.metrics : Ranking metrics on sparse data.
    sk_inceptionxml.presets : The paper's settings.

    Notes
    -----
    A thread may predict while another one runs ``fit`` or ``partial_fit`` of the same object. It
    gets the answer of the former model until the new one is complete. Both are in memory for that
    long.

    References
    ----------
    Kharbanda et al., "InceptionXML: A Lightweight Framework with Synchronized Negative Sampling
    for Short Text Extreme Classification", SIGIR 2023, arXiv 2109.07319.

    Examples
    --------
    >>> from sk_inceptionxml import InceptionXMLClassifier
    >>> titles = ["red wooden boat", "blue wooden boat", "red kite", "blue kite"] * 5
    >>> labels = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"]] * 5
    >>> clf = InceptionXMLClassifier(embedding_dim=64, random_state=0).fit(titles, labels)
    >>> names, scores = clf.predict_topk(["a red boat"], k=2)
    >>> sorted(names[0].tolist())
    ['boat', 'red']
    """

    _model: _Model | None = None

    _parameter_constraints = {
        "vectorizer": [None, object],
        "embeddings": [None, object],
        "embedding_dim": [whole(8, 1 << 14)],
        "max_len": [whole(1, 1 << 14)],
        "n_filters": [whole(1, 1 << 12)],
        "kernel_sizes": ["array-like"],
        "hidden_dim": [None, whole(1, 1 << 16)],
        "embedding_skip": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "head": [str, Head],
        "n_neighbors": [whole(0, MAX_NEIGHBOURS)],
        "shuffle_words": ["boolean"],
        "word_dropout": [Interval(Real, 0, 1, closed="left")],
        "max_epochs": [StrOptions({"auto"}), whole(1)],
        "batch_size": [whole(1)],
        "lr": [Interval(Real, 0, MOST_RATE, closed="right")],
        "mixed_precision": ["boolean", StrOptions({"auto"})],
        "compile": ["boolean", StrOptions({"reduce-overhead"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean"],
        "n_iter_no_change": [whole(1)],
        "tail_weight": [Interval(Real, -10, 10, closed="both")],
        "calibrate": [None, StrOptions({"auto", "isotonic", "sigmoid"})],
        "warm_start": ["boolean"],
        "checkpoint_dir": [None, str, os.PathLike],
        "threshold": [Interval(Real, 0, 1, closed="both")],
        "top_k": [None, whole(1)],
        "callbacks": [None, list],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        vectorizer: Any = None,
        embeddings: Any = None,
        embedding_dim: int = 300,
        max_len: int = 64,
        n_filters: int = 32,
        kernel_sizes: Sequence[int] = (4, 8, 16),
        hidden_dim: int | None = None,
        embedding_skip: bool = True,
        dropout: float = 0.25,
        head: str | Head = "auto",
        n_neighbors: int = 100,
        shuffle_words: bool = True,
        word_dropout: float = 0.1,
        max_epochs: int | str = "auto",
        batch_size: int = 128,
        lr: float = 3e-3,
        mixed_precision: bool | str = "auto",
        compile: bool | str = False,
        validation_fraction: float = 0.1,
        early_stopping: bool = False,
        n_iter_no_change: int = 2,
        tail_weight: float = 0.05,
        calibrate: str | None = "auto",
        warm_start: bool = False,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        threshold: float = 0.5,
        top_k: int | None = None,
        callbacks: list | None = None,
        device: str = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.vectorizer = vectorizer
        self.embeddings = embeddings
        self.embedding_dim = embedding_dim
        self.max_len = max_len
        self.n_filters = n_filters
        self.kernel_sizes = kernel_sizes
        self.hidden_dim = hidden_dim
        self.embedding_skip = embedding_skip
        self.dropout = dropout
        self.head = head
        self.n_neighbors = n_neighbors
        self.shuffle_words = shuffle_words
        self.word_dropout = word_dropout
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.mixed_precision = mixed_precision
        self.compile = compile
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.tail_weight = tail_weight
        self.calibrate = calibrate
        self.warm_start = warm_start
        self.checkpoint_dir = checkpoint_dir
        self.threshold = threshold
        self.top_k = top_k
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    classes_ = _fitted("ranker.labels.classes_", "Names of the labels.")
    n_labels_ = _fitted("ranker.labels.n_labels", "Number of labels.")
    n_samples_fit_ = _fitted("log.n_samples", "Training rows.")
    fit_seed_ = _fitted("log.seed", "What the last fit drew from random_state.")
    label_counts_ = _fitted("ranker.label_counts", "Training rows of every label.")
    head_ = _fitted("ranker.network.config.head.name", "The head in use.")
    clusters_ = _fitted("ranker.clusters", "Meta-label of every label, or None.")
    net_ = _fitted("ranker.net", "The trained skorch net.")
    memory_ = _fitted("ranker.memory", "The lexical memory, or None.")
    fusion_ = _fitted("ranker.fusion", "Weights of network and neighbours.")
    calibration_ = _fitted("ranker.calibration", "Maps of log-odds to probabilities.")
    vectorizer_ = _fitted("ranker.reader", "Words and their ids.")
    n_features_in_ = _fitted("ranker.reader.n_features_in_", "Words, or columns of X.")
    feature_names_in_ = _fitted("ranker.reader.feature_names_in_", "Names of the columns of X.")
    shortlist_recall_ = _fitted("ranker.shortlist_recall", "Recall of the shortlist, or None.")
    history_ = _fitted("log.history", "One row an epoch.")
    loss_curve_ = _fitted("log.loss_curve", "Training loss of every epoch.")
    best_epoch_ = _fitted("log.best_epoch", "Epoch whose weights were kept, or None.")
    best_score_ = _fitted("log.best_score", "Its nDCG@5, or None.")

    @property
    def n_iter_(self) -> int:
        """Epochs trained."""
        return len(self.loss_curve_)

    # -- fit -----------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    @own_settings()
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        validation_data: Any = None,
        label_texts: Any = None,
    ) -> InceptionXMLClassifier:
        """Train on texts or a matrix, and their labels.

        Ctrl-C during the training of the network ends it early: the estimator is then fitted
        with what it has learned so far. After any error it is as it was before.

        Parameters
        ----------
        X : sequence of str of length n_samples, matrix (n_samples, n_features), or TextStream
            Raw texts, or token weights (dense or sparse; word order is then lost: the non-zeros
            of a row are its words, largest first). A :class:`~sk_inceptionxml.datasets.TextStream`
            holds texts and labels that do not fit into memory.
        y : sparse or dense indicator of shape (n_samples, n_labels), label lists, or 1-D
            Labels of each row. Outputs mirror this form. Left out with a TextStream.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative. Rows of weight 0 are left out. Whole numbers of mean
            4 at most repeat rows where all of these are too few to hold some out; elsewhere
            weights count by their ratios. Not with a TextStream.
        validation_data : pair (X_val, y_val), default=None
            Rows of the same kind for early stopping and for the fusion, instead of rows held out
            of X; 10,000 of them at most are used. Labels that y lacks count as not found.
        label_texts : mapping, sequence or "names", default=None
            What the labels say, for raw texts in X: a mapping from label to text, or a sequence in
            the order of ``classes_``. A text is a str or a list of str, such as a name and its
            alternatives. "names" takes the labels themselves. The network trains on them as on
            further titles. Labels of the mapping that y lacks are learned too: their text alone
            finds them. For an indicator y, these are columns without an entry.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter, X, y, sample_weight, validation_data or label_texts is not as described,
            ``early_stopping`` has no rows to watch, or ``checkpoint_dir`` holds the training of
            other data or parameters.
        ModelFormatError
            If ``checkpoint_dir`` holds anything else than a checkpoint, or a damaged one.
        DivergenceError
            If loss, gradients or weights stop being finite.

        Warns
        -----
        ConvergenceWarning
            If Ctrl-C ended the training.
        """
        return self._fit_by(train, X, y, sample_weight, validation_data, label_texts)

    def _fit_by(
        self,
        train_network: Callable[..., Any],
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any,
        label_texts: Any,
    ) -> InceptionXMLClassifier:
        """``fit``, whose network ``train_network`` trains: it is called as ``train`` is."""
        check_stream(X, y, sample_weight)
        former = self._model if self.warm_start else None
        if former is None:
            read_labels: Callable[..., Any] = LabelSpace.from_y
        else:
            self._config_to_follow(former)
            check_label_texts(label_texts)
            labels = former.ranker.labels
            read_labels = partial(same_labels, labels, named=named_labels(label_texts, labels))
        self._model = self._fit(
            X,
            y,
            sample_weight,
            read_labels,
            validation_data,
            former,
            label_texts=label_texts,
            train_network=train_network,
        )
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    @own_settings()
    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
        label_texts: Any = None,
    ) -> InceptionXMLClassifier:
        """Train one pass over further rows, which may bring new labels.

        The first call on an unfitted estimator learns words, labels and clusters as ``fit``
        does. From then on words and clusters are fixed: a word never seen is read as in
        prediction. Each pass trains at a constant half of ``lr`` and of the head's ``label_lr``.
        Before rows are learned, some of them update the fusion. Rows join the lexical memory and
        the label counts, so give each row once. ``max_epochs`` and ``early_stopping`` play no
        part.

        Parameters
        ----------
        X : sequence of str of length n_samples, or matrix of shape (n_samples, n_features)
            Rows of the kind of the first call.
        y : sparse or dense indicator of shape (n_samples, n_labels), label lists, or 1-D
            Labels of each row. Label lists may hold labels never seen.
        classes : array-like of shape (n_classes,), default=None
            Names of labels, some perhaps without a row yet. For 1-D y: all of them, needed in the
            first call and when new ones come. For an indicator: the names of its columns in
            their order, needed when they are not those of ``classes_``. For label lists: those
            that y may hold besides the known ones; None allows any.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative, beside the 1 of rows without; in a first call, as in
            ``fit``. Rows of weight 0 are left out, whole numbers of mean 4 at most repeat rows.
        label_texts : mapping, sequence or "names", default=None
            What the labels say, for raw texts in X: a mapping from label to text, or a sequence in
            the order of ``classes_``. A text is a str or a list of str, such as a name and its
            alternatives. "names" takes the labels themselves. In later
            calls, the texts replace those that these labels had. A model that was fitted without
            texts takes none.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter, X, y, classes, sample_weight or label_texts is not as described.
        DivergenceError
            If loss, gradients or weights stop being finite.

        After any error, and after Ctrl-C, the estimator is as it was.

        Notes
        -----
        New labels are appended to ``classes_``, those of an indicator in its order, others
        sorted; known labels keep their columns. Before the pass, a new label starts from the mean
        feature of its rows, in the cluster that the meta-classifier gives them, which leaves the
        ranking of the other labels as it is.

        Where the fusion is updated, the probabilities are those of the fusion alone:
        ``calibration_``, made for another one, is dropped.

        Examples
        --------
        >>> from sk_inceptionxml import InceptionXMLClassifier
        >>> titles = ["red wooden boat", "blue wooden boat", "red kite", "blue kite"] * 5
        >>> labels = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"]] * 5
        >>> clf = InceptionXMLClassifier(embedding_dim=64, random_state=0).fit(titles, labels)
        >>> clf = clf.partial_fit(["green kite", "green boat"], [["green", "kite"], ["green"]])
        >>> clf.classes_.tolist()
        ['blue', 'boat', 'kite', 'red', 'green']
        """
        refuse_stream(X)
        model = self._model
        if model is None:
            read_labels = partial(first_labels, classes=classes)
            self._model = self._fit(
                X, y, sample_weight, read_labels, one_pass=True, label_texts=label_texts
            )
            return self
        check_label_texts(label_texts)
        self._check_parameters()
        resolve_device(self.device)
        network = self._config_to_follow(model)
        ranker = model.ranker
        rows = self._read_further(ranker, X)
        space, Y = grow_label_space(ranker.labels, y, n_samples=len(rows), classes=classes)
        all_texts = ranker.texts
        if label_texts is not None:
            if all_texts is None:
                raise ValueError(
                    "label_texts were not given when this model was first fitted, so it has not "
                    "learned what they are worth; fit again with label_texts."
                )
            more = further_labels(label_texts, space)
            if more:
                names = [*space.classes_.tolist(), *more]
                space, Y = grow_label_space(ranker.labels, y, n_samples=len(rows), classes=names)
            texts = label_texts_of(label_texts, space, ranker.reader.clean)
            all_texts = all_texts.replaced(*texts)
        data = Dataset(rows, Y)
        if sample_weight is not None:
            kept, weight = repeat_rows(check_weight(sample_weight, Y))
            data = replace(data.take(kept), weight=weight)
        data = data.in_content_order()
        random_state = np.random.RandomState(draw_seed(self.random_state))
        config = self._training_config(network.head)
        with gradients():
            self._model = _Model(
                *learn_more(
                    ranker,
                    model.log,
                    data,
                    space,
                    all_texts,
                    network,
                    config,
                    self.validation_fraction,
                    random_state,
                )
            )
        return self

    @own_settings()
    def retune(self, X: Any, y: Any, tail_weight: float | None = None) -> InceptionXMLClassifier:
        """Fit the fusion and the calibration anew, on rows that the training has not seen.

        The network and the lexical memory stay as they are, so that this takes seconds.

        Parameters
        ----------
        X : sequence of str of length n_samples, or matrix of shape (n_samples, n_features)
            Rows of the kind that ``fit`` has seen, but none of its rows. At most 10,000 of them
            are used; fewer than 1,000 give rough weights.
        y : as in ``fit``
            Labels that ``fit`` has not seen count as not found.
        tail_weight : float, default=None
            Becomes the parameter of that name; None leaves it.

        Returns
        -------
        self

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError, TypeError
            If X or y is not of the kind that ``fit`` has seen, there are fewer than 50 rows, or
            ``tail_weight`` is out of range. The estimator is then as it was.
        """
        model = self._fitted_model()
        if tail_weight is None:
            tail_weight = self.tail_weight
        constraints = self._parameter_constraints
        check_values({"tail_weight": tail_weight}, constraints, type(self).__name__)
        ranker = model.ranker
        rows = self._read_further(ranker, X)
        Y = ranker.labels.encode(y, n_samples=len(rows), unknown="ignore")
        check_enough_rows(len(rows))
        order = np.random.RandomState(model.log.seed).permutation(len(rows))
        chosen = np.sort(order[:MAX_GIVEN_ROWS])
        held_out = HeldOut(Dataset(rows, Y).take(chosen), None)
        net = ranker.net.copy_to_train_on()  # what the head chooses is set in place
        net.module_.eval()
        fusion = copy.copy(ranker.fusion)
        fusion.tail_weight = tail_weight
        ranker = tune(replace(ranker, net=net, fusion=fusion), held_out, self.calibrate)
        self._model, self.tail_weight = _Model(ranker, model.log), tail_weight
        return self

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        read_labels: Callable[..., tuple[LabelSpace, sp.csr_array]],
        validation_data: Any = None,
        former: _Model | None = None,
        one_pass: bool = False,
        label_texts: Any = None,
        train_network: Callable[..., Any] = train,
    ) -> _Model:
        """A new model; ``one_pass`` is that of ``partial_fit``, ``former`` that of a warm start."""
        self._check_parameters()
        check_pair(validation_data)
        check_label_texts(label_texts)
        resolve_device(self.device)
        seed = draw_seed(self.random_state) if former is None else former.log.seed
        if label_texts is not None:
            read_labels = partial(_with_further_labels, read_labels, label_texts)
        reader, labels, data = self._read(X, y, sample_weight, read_labels, former)
        texts = _read_label_texts(label_texts, labels, reader)
        read_rows = partial(self._read_kind, reader)
        given = read_pair(validation_data, read_rows, labels.encode)
        head = self._head(labels.n_labels, former)
        checkpoint = None
        if not one_pass:
            checkpoint = self._open_checkpoint(reader, data, head, given, seed, former, texts)
        seed = seed if checkpoint is None else checkpoint.seed
        random_state = np.random.RandomState(seed)
        train_data, held_out = split(data, self.validation_fraction, random_state, given)
        if self.early_stopping and not one_pass:
            fraction = self.validation_fraction if given is None else 0.0
            check_rows_to_watch(held_out, len(data), fraction)
        held_out = as_unseen(held_out, data, reader)
        with gradients():
            learn = None if one_pass else train_network
            further = label_rows(train_data, texts, reader, random_state)
            net = self._train(
                train_data, held_out, reader, head, random_state, checkpoint, former, learn, further
            )
        memory = None
        if self.n_neighbors:
            memory = LexicalMemory.fit(
                data.rows, data.Y, reader.n_tokens_, self.n_neighbors, data.storage
            )
        ranker = Ranker(
            reader=reader,
            labels=labels,
            net=net,
            memory=memory,
            fusion=Fusion(labels.n_labels, memory is not None, texts is not None, self.tail_weight),
            calibration=Calibration(),
            label_counts=data.label_counts,
            reading=Reading(self.max_len),
            texts=texts,
        )
        log = TrainingLog.of(net.history, self.early_stopping, seed, len(data))
        return _Model(tune(ranker, held_out, self.calibrate), log)

    def _read(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        read_labels: Callable[..., tuple[LabelSpace, sp.csr_array]],
        former: _Model | None,
    ) -> tuple[TokenVectorizer, LabelSpace, Dataset]:
        """Words, labels and rows, these in an order that depends on their content alone."""
        texts: Sequence[str] | None = None
        names, storage = None, MEMORY
        reader = TokenVectorizer(self.vectorizer, self.max_len)
        if isinstance(X, TextStream):
            storage = storage_of(X)
            texts, y = read_chunks(X, reader.clean, storage)
            n_samples = len(texts)
        elif is_text(X):
            X = texts = reader.clean(check_text(X))
            n_samples = len(texts)
        else:
            X, names = self._checked_matrix(X, None if former is None else former.ranker.reader)
            n_samples = X.shape[0]
        space, Y = read_labels(y, n_samples=n_samples)
        if isinstance(self.head, Head) and former is None:
            self.head.check_labels(space.n_labels)
        weight = None
        if sample_weight is not None:
            kept, weight = weighted_rows(check_weight(sample_weight, Y), self.validation_fraction)
            texts = None if texts is None else [texts[i] for i in kept]
            X, Y = X[kept] if texts is None else texts, Y[kept]
        if texts is None:
            tokens = reader.fit_matrix(X, names, full=True)
        else:
            tokens = reader.fit_texts(texts, full=True, storage=storage)
        if former is not None:
            _check_same_words(former.ranker.reader, reader)
        data = Dataset(Rows(tokens, texts), Y, weight, storage)
        return reader, space, data.in_content_order()

    def _train(
        self,
        data: Dataset,
        held_out: HeldOut,
        reader: TokenVectorizer,
        head: Head,
        random_state: np.random.RandomState,
        checkpoint: Checkpoint | None,
        former: _Model | None,
        train_network: Callable[..., Any] | None,
        further: Dataset | None,
    ) -> Any:
        """The trained net; where nothing trains it, one pass does."""
        if former is not None:
            network = copy.deepcopy(former.ranker.network)  # the old one stays for an error
            network.set_rates(self._config_to_follow(former))
        else:
            snapshot = None if checkpoint is None else checkpoint.snapshot
            network = start_network(
                data,
                head,
                self.get_params(deep=False) | {"embeddings": _vectors_for(reader, self.embeddings)},
                reader.n_tokens_,
                _words_of(reader),
                random_state,
                snapshot,
            )
        config = self._training_config(head)
        if train_network is None:
            return first_pass(network, data, config, random_state, further)
        watched = self.early_stopping or (len(held_out) and held_out.place is None)
        validation = held_out.data if watched else None
        return train_network(network, data, config, random_state, validation, checkpoint, further)

    def _open_checkpoint(
        self,
        reader: TokenVectorizer,
        data: Dataset,
        head: Head,
        given: Dataset | None,
        seed: int,
        former: _Model | None,
        texts: LabelTexts | None,
    ) -> Checkpoint | None:
        if self.checkpoint_dir is None:
            return None
        if former is not None:
            raise ValueError(
                "checkpoint_dir cannot continue a warm start, which begins from weights that no "
                "checkpoint holds; set checkpoint_dir=None or warm_start=False."
            )
        described = describe_training(
            self.get_params(deep=False),
            head,
            resolve_device(self.device).type,
            _words_of(reader),
            reader.n_tokens_,
            data,
            given,
            texts,
        )
        is_drawn = self.random_state is None
        return Checkpoint(self.checkpoint_dir, described, seed, is_drawn=is_drawn)

    def _training_config(self, head: Head) -> TrainingConfig:
        return TrainingConfig.of(self.get_params(deep=False), head)

    def _head(self, n_labels: int, former: _Model | None) -> Head:
        """The head to train, that of the former network where none is named."""
        if former is not None and self.head == "auto":
            return resolve_head(former.ranker.network.config.head, n_labels)
        return resolve_head(self.head, n_labels)

    def _config_to_follow(self, model: _Model) -> NetworkConfig:
        """The parameters for a fitted network to go on with, if it can."""
        fitted = model.ranker.network.config
        shape = fitted.n_tokens, fitted.embedding_dim
        n_labels = model.ranker.labels.n_labels
        wanted = network_config(
            self.get_params(deep=False), self._head(n_labels, model), shape, n_labels
        )
        wanted.check_follows(fitted)
        return replace(wanted, max_len=fitted.max_len)

    # -- input ---------------------------------------------------------------------------------

    def _checked_matrix(self, X: Any, reader: TokenVectorizer | None) -> tuple[Any, Any]:
        """A matrix, compared with that of a reader if there is one, and names of its columns."""
        # scikit-learn writes what it learns of X on the estimator: here, on a stand-in
        stand_in: Any = _columns_of(type(self).__name__)()
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(reader, name):
                setattr(stand_in, name, getattr(reader, name))
        X = check_matrix(stand_in, X, reset=reader is None)
        return X, getattr(stand_in, "feature_names_in_", None)

    def _read_further(self, ranker: Ranker, X: Any) -> Rows:
        """Rows of the kind that ``fit`` has seen, checked."""
        self._check_ready(ranker)
        return self._read_kind(ranker.reader, X)

    def _read_kind(self, reader: TokenVectorizer, X: Any) -> Rows:
        refuse_stream(X)
        if reader.kind_ == "text":
            texts = reader.clean(check_text(X))
            return Rows(reader.from_texts(texts, full=True), texts)
        if is_text(X):
            raise ValueError(
                "X is raw text, but the estimator was fitted on a matrix; give a matrix of "
                f"{reader.n_features_in_} columns."
            )
        X, _ = self._checked_matrix(X, reader)
        return Rows(reader.from_matrix(X, full=True))

    def _check_parameters(self) -> None:
        """Check what the table of constraints cannot say, before any work is done."""
        self._check_values()
        own = self.embeddings is None or isinstance(self.embeddings, str)
        width = self.embedding_dim if own and self.embeddings in (None, "random") else None
        check_kernel_sizes(self.kernel_sizes, width)
        check_vectorizer(self.vectorizer)
        check_embeddings(self.embeddings)
        check_callbacks(self.callbacks)

    def _check_values(self) -> None:
        """Check every parameter, those of the head too, by its constraints."""
        name = type(self).__name__
        check_values(self.get_params(deep=False), self._parameter_constraints, name)
        if isinstance(self.head, str) and self.head not in {"auto", *HEADS}:
            raise ValueError(
                f"The 'head' parameter of {name} must be a str among {sorted({'auto', *HEADS})} or "
                f"an object of sk_inceptionxml.heads. Got {self.head!r:.80} instead."
            )
        if isinstance(self.head, Head):
            values, constraints = self.head.get_params(deep=False), self.head._parameter_constraints
            check_values(values, constraints, type(self.head).__name__, "head__")

    def _check_ready(self, ranker: Ranker) -> None:
        """Check parameters that predictions read, which ``set_params`` may have changed since."""
        values = {name: getattr(self, name) for name in USED_IN_PREDICTION}
        check_values(values, self._parameter_constraints, type(self).__name__)
        beam = getattr(self.head, "predict_beam_size", None)
        if isinstance(self.head, Head) and beam is not None:
            constraints = self.head._parameter_constraints
            caller = type(self.head).__name__
            check_values({"predict_beam_size": beam}, constraints, caller, "head__")
        longest = ranker.network.config.max_len
        if self.max_len > longest:
            raise ValueError(
                f"max_len={self.max_len} exceeds the {longest} words that the fitted network "
                "reads; fit again."
            )

    def set_params(self, **params: Any) -> InceptionXMLClassifier:
        """Set parameters; ``head__NAME`` sets one of the head.

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is not known, or is one of a head while ``head`` is only a name.
        """
        nested = sorted(name for name in params if name.startswith("head__"))
        if nested and not isinstance(params.get("head", self.head), Head):
            raise ValueError(
                f"{nested[0]} needs a head with parameters, but head="
                f"{params.get('head', self.head)!r}; set head=SyncXML() or head=OneVsAll() of "
                "sk_inceptionxml.heads."
            )
        super().set_params(**params)
        return self

    # -- predictions ---------------------------------------------------------------------------

    def _fitted_model(self) -> _Model:
        model = self._model
        if model is None:
            check_is_fitted(self)
        assert model is not None
        return model

    def __sklearn_is_fitted__(self) -> bool:
        return self._model is not None

    def _reading(self) -> Reading:
        return Reading(self.max_len, getattr(self.head, "predict_beam_size", None))

    @own_settings()
    def _ranking(self, X: Any, k: int) -> tuple[Ranker, np.ndarray, np.ndarray]:
        """The ranker, columns (n, k) and log-odds (n, k) of the best labels."""
        ranker = self._fitted_model().ranker
        rows = self._read_further(ranker, X)
        return ranker, *ranker.rank(rows, k, self._reading())

    def _ranked_parts(self, ranker: Ranker, X: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rankings of all labels that are scored, as ``_ranking``, of some rows at a time."""
        rows, k = self._read_further(ranker, X), ranker.labels.n_labels
        if ranker.labels.form in ("sparse", "lists"):
            k = NETWORK_CANDIDATES
        step = max(1, SCORES_AT_ONCE // k)
        for start in range(0, max(1, len(rows)), step):
            part = np.arange(start, min(start + step, len(rows)))
            yield ranker.rank(rows.take(part), k, self._reading())

    def predict_topk(self, X: Any, k: int = 5, *, as_lists: bool = False) -> Any:
        """Best labels of each row and their probabilities.

        Parameters
        ----------
        X : sequence of str of length n_samples, or matrix of shape (n_samples, n_features)
            Samples of the kind that ``fit`` has seen.
        k : int, default=5
            Labels a row; at most ``n_labels_`` are returned.
        as_lists : bool, default=False
            Return plain Python data that JSON can hold.

        Returns
        -------
        labels : ndarray of shape (n_samples, min(k, n_labels))
            Names as in ``classes_``, best first. Places beyond the labels that were scored hold
            ``""``, -1 or None, for strings, signed integers and other names.
        scores : ndarray of shape (n_samples, min(k, n_labels)), float32
            Probabilities; 0 in places without a label.

        With ``as_lists=True`` instead one list a row of pairs (label, probability), best first,
        which are str or int and float. Places without a label are left out.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If k is not a positive integer or X is not of the kind that ``fit`` has seen.
        """
        ranker, indices, log_odds = self._ranking(X, _check_k(k))
        names, scores = ranker.labels.topk_names(indices), ranker.calibration(log_odds)
        return as_pairs(names, scores, indices) if as_lists else (names, scores)

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
        self._check_ready(self._fitted_model().ranker)
        ranker, indices, log_odds = self._ranking(X, self.top_k or NETWORK_CANDIDATES)
        keep = (ranker.calibration(log_odds) >= self.threshold) & (indices >= 0)
        return ranker.labels.predictions(indices, keep)

    @own_settings()
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
        ranker, found = self._fitted_model().ranker, []
        space = ranker.labels
        for indices, log_odds in self._ranked_parts(ranker, X):
            p = ranker.calibration(log_odds)
            if space.form in ("binary", "multiclass"):
                p = p / np.maximum(p.sum(axis=1, keepdims=True), 1e-12)
            found.append(space.probabilities(indices, np.where(indices >= 0, p, 0.0)))
        return _stacked(found)

    @own_settings()
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
        ranker = self._fitted_model().ranker
        form, lowest, found = ranker.labels.form, 0.0, []
        for indices, log_odds in self._ranked_parts(ranker, X):
            if form in ("sparse", "lists"):
                found.append(ranker.labels.probabilities(indices, log_odds))
                continue
            lowest = np.where(np.isfinite(log_odds), log_odds, np.inf).min(initial=lowest)
            if form == "binary":
                # monotone in the normalised probability, as scikit-learn asks
                log_odds = -np.logaddexp(0.0, -ranker.calibration.transform(log_odds))
            out = np.full((len(indices), ranker.labels.n_labels), -np.inf, dtype=log_odds.dtype)
            rows, places = np.nonzero(indices >= 0)
            out[rows, indices[rows, places]] = log_odds[rows, places]
            found.append(out)
        scores = _stacked(found)
        if form in ("sparse", "lists"):
            return scores
        scores[np.isneginf(scores)] = lowest - 1.0
        return (scores[:, 1] - scores[:, 0]).astype(np.float32) if form == "binary" else scores

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
        ranker, indices, _ = self._ranking(X, 1)
        if not len(indices):
            raise ValueError("X has 0 samples, which have no score; give at least one.")
        Y = ranker.labels.encode(y, n_samples=len(indices), unknown="ignore")
        return float(precision_at_k(Y, indices, k=1, sample_weight=sample_weight))

    @own_settings()
    def explain(self, text: str, label: Any = None, n_neighbors: int = 5) -> dict[str, Any]:
        """Why a label ranks where it does for a text.

        Parameters
        ----------
        text : str
        label : str or int, default=None
            One of ``classes_``; None is the best label of the text.
        n_neighbors : int, default=5
            Training rows to show. Those that have the label come first, the most decisive ahead.

        Returns
        -------
        explanation : dict
            Plain data that JSON can hold. ``label``, ``probability``, ``log_odds`` and
            ``label_count``, the training rows of the label. ``parts``: what network, memory,
            frequency and label text contribute to the log-odds; with the intercept they add up
            to it, to 1e-3 and better. ``words``: how much lower the log-odds are without each
            word; these need not add up. ``neighbours``: training rows by their number in the
            memory, with ``similarity``, ``weight``, ``contribution`` and labels. The weights of
            all rows with the label add up to the memory's score. The contribution is how much
            lower the log-odds are without the row; these need not add up.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError, ValueError
            If text is not a str, the estimator was fitted on a matrix, or the label is unknown.

        Notes
        -----
        The log-odds are those of the fusion. ``probability`` is calibrated after them, and 0 for a
        label that is not among the candidates.

        Examples
        --------
        >>> from sk_inceptionxml import InceptionXMLClassifier
        >>> titles = ["red wooden boat", "blue wooden boat", "red kite", "blue kite"] * 5
        >>> labels = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"]] * 5
        >>> clf = InceptionXMLClassifier(embedding_dim=64, random_state=0).fit(titles, labels)
        >>> found = clf.explain("a red boat", label="boat")
        >>> max(found["words"], key=lambda word: word["contribution"])["word"]
        'boat'
        """
        ranker = self._fitted_model().ranker
        if ranker.reader.kind_ != "text":
            raise ValueError("explain reads raw texts, but the estimator was fitted on a matrix.")
        if not isinstance(text, str):
            raise TypeError(f"text must be a str, got {type(text).__name__}.")
        n_neighbors = _check_k(n_neighbors, "n_neighbors")
        column = None
        if label is not None:
            known = np.flatnonzero(ranker.labels.classes_ == label)
            if len(known) != 1:
                raise ValueError(f"label must be one of classes_ or None, got {label!r:.80}.")
            column = int(known[0])
        words = text.split()[: ranker.network.config.max_len]
        rest = [" ".join(words[:i] + words[i + 1 :]) for i in range(len(words))]
        rows = self._read_further(ranker, [text, *rest])
        row, without = rows.take(np.arange(1)), rows.take(np.arange(1, len(rows)))
        found = explain(ranker, row, words, without, column, n_neighbors, self._reading())
        return {"text": text, **found}

    @own_settings()
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
        ranker = self._fitted_model().ranker
        tokens = self._read_further(ranker, X).tokens
        Y = ranker.labels.encode(y, n_samples=len(tokens), unknown="append")
        labels, _ = ranker.network_topk(tokens, min(k, ranker.labels.n_labels), self._reading())
        return recall(labels, Y)

    # -- persistence, tags ---------------------------------------------------------------------

    def save(
        self,
        directory: str | os.PathLike[str],
        precision: str = "exact",
        *,
        mmap: bool = False,
    ) -> None:
        """Write the fitted estimator to a directory: safetensors and JSON, nothing executable.

        Callbacks, clusters, embeddings and a RandomState, which predictions do not need, are left
        out, as is ``checkpoint_dir``: they are None in the loaded estimator.

        Parameters
        ----------
        directory : path
            Made if absent; files of an earlier save in it are replaced.
        precision : {"exact", "int8", "int4"}, default="exact"
            How the weights of the network are written. With "exact", the loaded model predicts
            exactly as this one: numbers of label vectors take one byte, other weights two. With
            "int8" all take one byte, with "int4" half of one, and 32 weights share a scale. The
            script ``benchmarks/accuracy/model_size.py`` measures what they lose.
        mmap : bool, default=False
            Write large arrays as predictions use them. ``load(directory, mmap=True)`` then shares
            them among the processes of a machine, and computes nothing. The files are several
            times as large.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        FileExistsError
            If the directory is a file, or holds anything else than a saved model.
        TypeError
            If the vectorizer holds a callable, which cannot be written as data.
        ValueError
            If ``precision`` is not one of these, or not "exact" with ``mmap``, the model exceeds a
            limit of the format, or a parameter set since is not in its range.
        """
        model = self._fitted_model()
        self._check_values()
        self._check_ready(model.ranker)
        persistence.save(*model, self.get_params(deep=False), directory, precision, mmap)

    @classmethod
    def load(
        cls, directory: str | os.PathLike[str], device: str = "auto", *, mmap: bool = False
    ) -> InceptionXMLClassifier:
        """Read what ``save`` wrote; executes nothing from the directory.

        Parameters
        ----------
        directory : path
        device : str, default="auto"
            Where the model is put, wherever it was trained.
        mmap : bool, default=False
            Map large arrays of the files into memory instead of reading them, so that the
            processes of a machine share one copy. Pays where the model was saved with
            ``mmap=True``. The files must stay as they are while the model is in use; another
            ``save`` to the directory leaves them in place for whoever has them open.

        Returns
        -------
        estimator : InceptionXMLClassifier

        Raises
        ------
        ModelFormatError
            If the directory is not a complete, unchanged model of a known format.
        ValueError, TypeError
            If ``directory`` is no path, ``device`` is not available or ``mmap`` is no bool.
        """
        ranker, log, parameters = persistence.load(directory, device, cls._complete, mmap)
        loaded = cls(**parameters)
        loaded._model = _Model(ranker, log)
        return loaded

    @classmethod
    def _complete(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """All parameters, from those that a file holds; each is checked."""
        unknown = sorted(parameters.keys() - set(cls._get_param_names()))
        if unknown:
            raise ValueError(f"parameters.{unknown[0]:.80} is unknown")
        found = cls(**parameters)
        found._check_values()
        found.kernel_sizes = tuple(found.kernel_sizes)
        complete: dict[str, Any] = found.get_params(deep=False)
        return complete

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.classifier_tags.multi_label = True
        return tags


@cache
def _columns_of(name: str) -> type:
    """A plain class of the name of an estimator, for scikit-learn's messages about columns."""
    return type(name, (BaseEstimator,), {"__sklearn_tags__": _matrix_tags})


def _matrix_tags(self: Any) -> Any:
    tags = BaseEstimator.__sklearn_tags__(self)
    tags.input_tags.sparse = True
    return tags


def _words_of(reader: TokenVectorizer) -> list[str] | None:
    """Words of raw text in the order of their ids, None where they have no names."""
    return list(getattr(reader, "vocabulary_", ())) or None


def _vectors_for(reader: TokenVectorizer, embeddings: Any) -> Any:
    """Given vectors of the columns in use, where only some are."""
    columns = getattr(reader, "columns_", None)
    given = isinstance(embeddings, np.ndarray) and len(embeddings) == reader.n_features_in_
    return embeddings[columns] if columns is not None and given else embeddings


def _columns_in_use(reader: TokenVectorizer) -> bytes:
    return np.asarray(getattr(reader, "columns_", ())).tobytes()


def _check_same_words(old: TokenVectorizer, new: TokenVectorizer) -> None:
    """Refuse a warm start on other words.

    Raises
    ------
    ValueError
        If the words, their order or the kind of X differ.
    """
    known = [
        (v.kind_, v.n_features_in_, getattr(v, "vocabulary_", None), _columns_in_use(v))
        for v in (old, new)
    ]
    if known[0] != known[1]:
        raise ValueError(
            f"warm_start can only be used where X has the words of the previous fit: it was "
            f"{old.kind_} with {old.n_features_in_} words, now it is {new.kind_} with "
            f"{new.n_features_in_}, of which some may be others. Use partial_fit for new rows, or "
            "warm_start=False."
        )


def _stacked(parts: list[Any]) -> Any:
    """Matrices below each other, sparse as they are or dense."""
    if len(parts) == 1:
        return parts[0]
    return sp.vstack(parts, format="csr") if sp.issparse(parts[0]) else np.concatenate(parts)


def as_pairs(
    names: np.ndarray, scores: np.ndarray, indices: np.ndarray
) -> list[list[tuple[Any, float]]]:
    """Pairs (name, score) of each row, as plain data, where there is a label (n, k)."""
    rows = zip(names.tolist(), scores.tolist(), (indices >= 0).tolist(), strict=True)
    return [
        [(name, score) for name, score, is_label in zip(*row, strict=True) if is_label]
        for row in rows
    ]


def _with_further_labels(
    read_labels: Callable[..., tuple[LabelSpace, sp.csr_array]],
    label_texts: Any,
    y: Any,
    n_samples: int | None = None,
) -> tuple[LabelSpace, sp.csr_array]:
    """Read y, with the labels that only ``label_texts`` names."""
    space, Y = read_labels(y, n_samples=n_samples)
    more = further_labels(label_texts, space)
    if not more:
        return space, Y
    names = np.array([*space.classes_.tolist(), *more], dtype=space.classes_.dtype)
    return LabelSpace.from_y(y, n_samples=n_samples, classes=names)


def _read_label_texts(
    label_texts: Any, labels: LabelSpace, reader: TokenVectorizer
) -> LabelTexts | None:
    if label_texts is None:
        return None
    if reader.kind_ != "text":
        raise ValueError(
            "label_texts are compared with the texts in X, but X is a matrix; give raw texts, or "
            "leave label_texts out."
        )
    return LabelTexts(*label_texts_of(label_texts, labels, reader.clean))


def _check_k(k: Any, name: str = "k") -> int:
    if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
        raise ValueError(f"{name} must be a positive integer, got {k!r:.80}.")
    return int(k)
