"""The estimator: parameters, fit, predictions, persistence."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from sk_inceptionxml import incremental, persistence, training
from sk_inceptionxml.after_fork import fork_safe
from sk_inceptionxml.checkpoints import Checkpoint, open_checkpoint
from sk_inceptionxml.clustering import validate_clusters
from sk_inceptionxml.held_out import (
    HeldOut,
    check_pair,
    fit_fusion,
    hold_out,
    read_given,
    weighted_rows,
)
from sk_inceptionxml.history import record_history
from sk_inceptionxml.labels import LabelSpace, same_labels
from sk_inceptionxml.lexical import LexicalFeatures
from sk_inceptionxml.neighbours import KernelNeighbours
from sk_inceptionxml.parameters import CONSTRAINTS, check_parameters
from sk_inceptionxml.prediction import LabelRanker, Rows, vocabulary
from sk_inceptionxml.rollback import undone_by_errors
from sk_inceptionxml.row_order import check_weight, content_order
from sk_inceptionxml.sync import SyncHead
from sk_inceptionxml.vectorize import Tokens, TokenVectorizer, check_matrix, check_text, is_text


class InceptionXMLClassifier(
    LabelRanker, incremental.IncrementalLearner, ClassifierMixin, BaseEstimator
):
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
    classifier_dropout : float, default=0.5
        Dropout rate before the label vectors.
    head : {"auto", "ova", "sync"}, default="auto"
        One-vs-all over every label, or synchronized shortlisting. "auto" is "sync" from 20,000
        labels on.
    n_clusters : int or None, default=None
        Meta-labels of the sync head; None makes clusters of 8 labels, but 16,384 at most.
    clusters : array-like of shape (n_labels,) or None, default=None
        Meta-label of every label, in the order of ``classes_``, instead of the clustering.
    beam_size : int, default=4
        Clusters in the shortlist of a row in training, besides its true ones.
    predict_beam_size : int, default=64
        Clusters in the shortlist of a row in prediction.
    meta_dropout : float, default=0.3
        Dropout rate before the meta-classifier.
    meta_loss_weight : float, default=1.0
        Weight of the meta-classifier's loss.
    warmup_epochs : int, default=1
        First epochs in which the extreme classifier's gradient stays out of the encoder.
    teacher_forcing : bool, default=True
        The true clusters of a row join its shortlist in training.
    share_negatives : bool, default=True
        Labels shortlisted for any row of a batch are negatives of all its rows; otherwise only
        those of the row's own shortlist.
    synchronized : bool, default=True
        False leaves out the meta-classifier's hidden layer: hard-negative mining without
        synchronisation, the baseline of the paper.
    max_negatives : int or None, default=8192
        Shortlisted labels of whose losses a training step of the sync head computes about as
        many, and a quarter as many meta-labels, where there are more. Positive labels and
        positive or shortlisted meta-labels are kept and the others sampled, weighted so that the
        loss is right on average. None takes all.
    n_neighbors : int, default=100
        Training rows, 10,000 at most, whose labels are regressed on a query; 0 is none.
    shuffle_words : bool, default=True
        Train on the words of each text in random order.
    word_dropout : float, default=0.1
        Share of the words left out in training.
    max_epochs : int or "auto", default="auto"
        Passes over the rows; "auto" is 5, and more where that is under 500 steps.
    batch_size : int, default=128
        Rows of a training step.
    lr : float, default=3e-3
        Highest learning rate of encoder and word vectors (one-cycle schedule).
    label_lr : float or "auto", default="auto"
        Highest one of the label vectors; "auto" is 1e-3 with "adam" and 3e-2 with "adagrad".
    label_optimizer : {"auto", "adam", "adagrad"}, default="auto"
        Optimiser of the label vectors; row-wise "adagrad" keeps one number a label. "auto" is
        "adagrad" with the sync head, whose labels are many, and "adam" with one-vs-all.
    mixed_precision : bool, default=False
        Train with products of matrices in bfloat16; weights and predictions stay float32.
    label_dtype : {"float32", "float16"}, default="float32"
        Type of the label vectors after training; "float16" halves them in memory and on disk.
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
    n_jobs : int or None, default=None
        Parallel jobs of the clustering.
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
    net_ : skorch NeuralNet
        The trained net; ``net_.module_`` is the torch module, ``net_.history`` the log.
    lexical_ : LexicalFeatures or None
        TF-IDF of words and character n-grams.
    neighbours_ : KernelNeighbours or None
        The lexical memory.
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
    sk_inceptionxml.metrics : Ranking metrics on sparse data.
    sk_inceptionxml.presets : The paper's settings.

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

    _parameter_constraints = CONSTRAINTS

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
        classifier_dropout: float = 0.5,
        head: str = "auto",
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
        n_neighbors: int = 100,
        shuffle_words: bool = True,
        word_dropout: float = 0.1,
        max_epochs: int | str = "auto",
        batch_size: int = 128,
        lr: float = 3e-3,
        label_lr: float | str = "auto",
        label_optimizer: str = "auto",
        mixed_precision: bool = False,
        label_dtype: str = "float32",
        validation_fraction: float = 0.1,
        early_stopping: bool = False,
        n_iter_no_change: int = 2,
        calibrate: str | None = "auto",
        warm_start: bool = False,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        threshold: float = 0.5,
        top_k: int | None = None,
        callbacks: list | None = None,
        device: str = "auto",
        n_jobs: int | None = None,
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
        self.classifier_dropout = classifier_dropout
        self.head = head
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
        self.n_neighbors = n_neighbors
        self.shuffle_words = shuffle_words
        self.word_dropout = word_dropout
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.label_lr = label_lr
        self.label_optimizer = label_optimizer
        self.mixed_precision = mixed_precision
        self.label_dtype = label_dtype
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.calibrate = calibrate
        self.warm_start = warm_start
        self.checkpoint_dir = checkpoint_dir
        self.threshold = threshold
        self.top_k = top_k
        self.callbacks = callbacks
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    # -- fit -----------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    @fork_safe()
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None
    ) -> InceptionXMLClassifier:
        """Train on texts or a matrix, and their labels.

        Ctrl-C during the training of the network ends it early: the estimator is then fitted
        with what it has learned so far. After any error it is as it was before.

        Parameters
        ----------
        X : sequence of str of length n_samples, or matrix of shape (n_samples, n_features)
            Raw texts, or token weights (dense or sparse; word order is then lost: the non-zeros
            of a row are its words, largest first).
        y : sparse or dense indicator of shape (n_samples, n_labels), label lists, or 1-D
            Labels of each row. Outputs mirror this form.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative. Rows of weight 0 are left out. Whole numbers of mean
            4 at most repeat rows where all of these are too few to hold some out; elsewhere
            weights count by their ratios.
        validation_data : pair (X_val, y_val), default=None
            Rows of the same kind for early stopping and for the fusion, instead of rows held out
            of X; 10,000 of them at most are used. Labels that y lacks count as not found.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter, X, y, sample_weight or validation_data is not as described,
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
        continues = self._continues()
        if continues:
            incremental.check_structure(self)
        read_labels = partial(same_labels, self.label_space_) if continues else LabelSpace.from_y
        return self._fit(X, y, sample_weight, read_labels, validation_data)

    def _continues(self) -> bool:
        return self.warm_start and hasattr(self, "label_counts_")

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        read_labels: Callable,
        validation_data: Any = None,
        first_pass: bool = False,
    ) -> InceptionXMLClassifier:
        """Fit, or leave everything as it was; ``first_pass`` is that of ``partial_fit``."""
        with undone_by_errors(self), training.gradients():
            self._learn(X, y, sample_weight, read_labels, validation_data, first_pass)
        return self

    def _learn(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        read_labels: Callable,
        validation_data: Any,
        first_pass: bool,
    ) -> None:
        check_parameters(self)
        check_pair(validation_data)
        device = training.resolve_device(self.device)
        seed: int = self.fit_seed_ if self._continues() else training.draw_seed(self.random_state)
        rows, Y, weight = self._read(X, y, sample_weight, read_labels)
        given = read_given(self, validation_data)
        checkpoint = None
        if not first_pass:
            checkpoint = open_checkpoint(self, device.type, rows, Y, weight, given, seed)
        self.fit_seed_ = seed if checkpoint is None else checkpoint.seed
        random_state = np.random.RandomState(self.fit_seed_)
        watches = self.early_stopping and not first_pass
        train, held_out = hold_out(self, rows, Y, weight, given, random_state, watches)
        some = rows.tokens.take(train), Y[train], _part(weight, train)
        self._fit_network(*some, held_out, random_state, checkpoint, first_pass)
        lexical = self._fit_lexical(rows)
        self._remember(lexical, Y)
        fit_fusion(self, held_out, np.bincount(Y.indices, minlength=self.n_labels_))
        self.label_counts_ = np.bincount(Y.indices, minlength=self.n_labels_).astype(np.int64)

    def _read(
        self, X: Any, y: Any, sample_weight: Any, read_labels: Callable
    ) -> tuple[Rows, sp.csr_array, np.ndarray | None]:
        """Rows, labels and weights, in an order that depends on their content alone."""
        if is_text(X):
            X = np.array(check_text(X), dtype=object)
            self.__dict__.pop("feature_names_in_", None)  # of an earlier fit on a DataFrame
        else:
            reset = not self._continues()
            X = check_matrix(self, X, reset=reset)
        space, Y = read_labels(y, n_samples=X.shape[0])
        if self.clusters is not None and not self._continues():
            validate_clusters(self.clusters, space.n_labels)
        weight = None
        if sample_weight is not None:
            kept, weight = weighted_rows(check_weight(sample_weight, Y), self.validation_fraction)
            X, Y = X[kept], Y[kept]
        texts = list(X) if is_text(X) else None
        vectorizer = TokenVectorizer(self.vectorizer, self.max_len)
        tokens = vectorizer.fit_transform(X if texts is None else texts, full=True)
        if self._continues():
            incremental.check_same_words(self.vectorizer_, vectorizer)
        self.vectorizer_, self.n_features_in_ = vectorizer, vectorizer.n_features_in_
        self.label_space_, self.classes_, self.n_labels_ = space, space.classes_, space.n_labels
        self.n_samples_fit_ = len(tokens)
        order = content_order(tokens, Y)
        return Rows(tokens, texts).take(order), Y[order], _part(weight, order)

    def _fit_network(
        self,
        tokens: Tokens,
        Y: sp.csr_array,
        weight: np.ndarray | None,
        held_out: HeldOut,
        random_state: np.random.RandomState,
        checkpoint: Checkpoint | None,
        first_pass: bool,
    ) -> None:
        if self._continues():
            network = copy.deepcopy(self.net_.module_)  # the old one stays for an error
        else:
            snapshot = None if checkpoint is None else checkpoint.snapshot
            words, n_tokens = vocabulary(self), self.vectorizer_.n_tokens_
            network = training.build_network(
                self, tokens, Y, n_tokens, words, random_state, snapshot
            )
        if first_pass:
            self.net_ = incremental.train_first_pass(self, network, tokens, Y, weight, random_state)
        else:
            watched = None
            if self.early_stopping or (len(held_out) and held_out.place is None):
                watched = held_out.rows.tokens, held_out.Y
            self.net_ = training.train_network(
                self, network, tokens, Y, weight, random_state, watched, checkpoint
            )
        self.head_ = "sync" if isinstance(network.head, SyncHead) else "ova"
        record_history(self)

    def _fit_lexical(self, rows: Rows) -> sp.csr_array | None:
        """Lexical features of the rows, None where lexical evidence is off."""
        self.lexical_: LexicalFeatures | None = None
        if not self.n_neighbors:
            return None
        self.lexical_ = LexicalFeatures()
        return self.lexical_.fit_transform(self._counts(rows.tokens), rows.texts)

    def _remember(self, lexical: sp.csr_array | None, Y: sp.csr_array) -> None:
        """Fill the lexical memory."""
        self.neighbours_: KernelNeighbours | None = None
        if lexical is not None:
            self.neighbours_ = KernelNeighbours(self.n_neighbors).fit(lexical, Y)

    # -- persistence, tags ---------------------------------------------------------------------

    def save(self, directory: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to a directory: safetensors and JSON, nothing executable.

        Callbacks, clusters, embeddings and a RandomState, which predictions do not need, are left
        out, as is ``checkpoint_dir``: they are None in the loaded estimator.

        Parameters
        ----------
        directory : path
            Made if absent; files of an earlier save in it are replaced.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        FileExistsError
            If the directory is a file, or holds anything else than a saved model.
        TypeError
            If the vectorizer holds a callable, which cannot be written as data.
        ValueError
            If the model exceeds a limit of the format, or a parameter set since is not in its
            range.
        """
        check_is_fitted(self)
        persistence.save(self, directory)

    @classmethod
    def load(
        cls, directory: str | os.PathLike[str], device: str = "auto"
    ) -> InceptionXMLClassifier:
        """Read what ``save`` wrote; executes nothing from the directory.

        Parameters
        ----------
        directory : path
        device : str, default="auto"
            Where the model is put, wherever it was trained.

        Returns
        -------
        estimator : InceptionXMLClassifier

        Raises
        ------
        ModelFormatError
            If the directory is not a complete, unchanged model of a known format.
        ValueError, TypeError
            If ``directory`` is no path or ``device`` is not available.
        """
        loaded: InceptionXMLClassifier = persistence.load(cls, directory, device)
        return loaded

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.classifier_tags.multi_label = True
        return tags


def _part(weight: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if weight is None else weight[rows]
