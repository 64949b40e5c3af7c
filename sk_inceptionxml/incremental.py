"""Learning more: passes over new rows, and labels that join a fitted network."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.base import _fit_context
from torch import Tensor

from sk_inceptionxml import training
from sk_inceptionxml.after_fork import fork_safe
from sk_inceptionxml.batches import prediction_batches
from sk_inceptionxml.calibration import Calibration
from sk_inceptionxml.callbacks import NonFiniteGuard, Progress
from sk_inceptionxml.fusion import hits
from sk_inceptionxml.heads import prior_logit
from sk_inceptionxml.held_out import MAX_VALIDATION_ROWS, MIN_VALIDATION_ROWS, answerable
from sk_inceptionxml.history import record_history
from sk_inceptionxml.inference import BATCH
from sk_inceptionxml.labels import LabelSpace, first_labels, grow_label_space
from sk_inceptionxml.net import XMCNet
from sk_inceptionxml.network import InceptionXMLNetwork
from sk_inceptionxml.optimizers import move_rows
from sk_inceptionxml.parameters import check_parameters
from sk_inceptionxml.rollback import undone_by_errors
from sk_inceptionxml.row_order import check_weight, content_order, repeat_rows
from sk_inceptionxml.sync import SyncHead
from sk_inceptionxml.vectorize import Tokens, TokenVectorizer

if TYPE_CHECKING:
    from sk_inceptionxml.classifier import InceptionXMLClassifier

RATE = 0.5  # of lr and label_lr, about the mean of fit's schedule: nobody knows the last pass
NO_DIRECTION = 1e-3  # features closer than this share of their length do not differ
CLUSTERS_TRIED = 64  # by a new label, until one has room


class IncrementalLearner:
    """The half of the estimator that learns from further rows."""

    fit_seed_: int

    @_fit_context(prefer_skip_nested_validation=True)
    @fork_safe()
    def partial_fit(
        self: InceptionXMLClassifier,  # type: ignore[misc]
        X: Any,
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
    ) -> InceptionXMLClassifier:
        """Train one pass over further rows, which may bring new labels.

        The first call on an unfitted estimator learns words, labels and clusters as ``fit``
        does. From then on words and clusters are fixed: a word never seen is read as in
        prediction. Each pass trains at a constant half of ``lr`` and ``label_lr``, and updates
        the fusion on rows of the call before they are learned. Rows join the lexical memory and
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

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter, X, y, classes or sample_weight is not as described.
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
        if not hasattr(self, "label_counts_"):
            read_labels = partial(first_labels, classes=classes)
            return self._fit(X, y, sample_weight, read_labels, first_pass=True)
        check_parameters(self)
        training.resolve_device(self.device)
        check_structure(self)
        with undone_by_errors(self), training.gradients():
            learn_more(self, X, y, classes, sample_weight)
        return self


def learn_more(
    estimator: InceptionXMLClassifier, X: Any, y: Any, classes: Any, sample_weight: Any
) -> None:
    """Let a fitted estimator learn from further rows; what it held before is not changed."""
    rows = estimator._rows(X)
    space, Y = grow_label_space(
        estimator.label_space_, y, n_samples=len(rows.tokens), classes=classes
    )
    weight = None
    if sample_weight is not None:
        repeats, weight = repeat_rows(check_weight(sample_weight, Y))
        rows, Y = rows.take(repeats), Y[repeats]
    order = content_order(rows.tokens, Y)
    rows, Y = rows.take(order), Y[order]
    weight = None if weight is None else weight[order]
    random_state = np.random.RandomState(training.draw_seed(estimator.random_state))
    # what follows changes these in place; the old ones stay for an error
    estimator.net_ = estimator.net_.copy_to_train_on()
    estimator.fusion_ = copy.copy(estimator.fusion_)
    estimator.neighbours_ = copy.copy(estimator.neighbours_)
    lexical = estimator._lexical(rows)
    update_fusion(estimator, rows.tokens, lexical, Y, weight, random_state)
    grow(estimator, space, rows.tokens, Y)
    train_pass(estimator, estimator.net_, rows.tokens, Y, weight, random_state)
    record_history(estimator)
    if estimator.neighbours_ is not None:
        estimator.neighbours_.add(lexical, Y)
    estimator.n_samples_fit_ += Y.shape[0]
    set_counts(estimator, estimator.label_counts_ + _positives(Y))


# -- training ----------------------------------------------------------------------------------


def train_first_pass(
    params: InceptionXMLClassifier,
    network: InceptionXMLNetwork,
    tokens: Tokens,
    Y: sp.csr_array,
    sample_weight: np.ndarray | None,
    random_state: np.random.RandomState,
) -> XMCNet:
    """One pass of a network just built; the net goes on to the passes that follow."""
    device = training.resolve_device(params.device)
    net = training.make_net(params, network.to(device), 1)
    net.initialize()
    train_pass(params, net, tokens, Y, sample_weight, random_state)
    return net


def train_pass(
    params: InceptionXMLClassifier,
    net: XMCNet,
    tokens: Tokens,
    Y: sp.csr_array,
    sample_weight: np.ndarray | None,
    random_state: np.random.RandomState,
) -> None:
    """Train one pass at a constant rate, from the state of the net and its optimisers."""
    network = net.module_
    dropout = torch.Generator(device=network.embedding.weight.device)
    # an integer random_state gives the same stream in every call
    seeds = np.random.SeedSequence([random_state.randint(2**31 - 1), len(net.history)])
    dropout.manual_seed(int(seeds.generate_state(1)[0]))
    net.rng = np.random.default_rng(seeds)
    net.batch_size = params.batch_size
    _set_rates(net, params)
    callbacks: list = [NonFiniteGuard()]
    if params.verbose:
        callbacks.append(Progress(1))
    net.callbacks = [(type(c).__name__, c) for c in callbacks] + list(params.callbacks or [])
    net.initialize_callbacks()
    dataset = training.make_dataset(params, tokens, Y, sample_weight)
    if isinstance(network.head, SyncHead):
        network.head.detached = False
    net.mixed_precision = params.mixed_precision
    with training.in_training(params, network, dropout):
        net.notify("on_train_begin", X=dataset, y=None)
        try:
            net.fit_loop(dataset, epochs=1)  # partial_fit would swallow an interrupt
        finally:
            net.notify("on_train_end", X=dataset, y=None)


def update_fusion(
    estimator: InceptionXMLClassifier,
    tokens: Tokens,
    lexical: sp.csr_array | None,
    Y: sp.csr_array,
    sample_weight: np.ndarray | None,
    random_state: np.random.RandomState,
) -> None:
    """Refresh the fusion on rows that neither network nor memory has seen yet.

    A fusion fitted on an early network would distrust it for ever. As many rows are used as
    ``fit`` would hold out, 50 at least where there are so many.
    """
    if not estimator.validation_fraction:
        return
    n = len(tokens)
    n_used = max(MIN_VALIDATION_ROWS, int(n * estimator.validation_fraction))
    used = np.sort(random_state.permutation(n)[: min(n_used, MAX_VALIDATION_ROWS)])
    known = np.zeros(Y.shape[1], dtype=np.int64)
    known[: estimator.n_labels_] = estimator.label_counts_
    used = used[answerable(Y[used], known)]
    if not len(used):
        return
    evidence = None if lexical is None else lexical[used]
    candidates = estimator._candidates(tokens.take(used), evidence)
    weight = None if sample_weight is None else sample_weight[used]
    n_before = estimator.fusion_.n_rows
    estimator.fusion_.update(candidates, hits(candidates, Y[used]), weight)
    if estimator.fusion_.n_rows > n_before:
        estimator.calibration_ = Calibration()  # the old one was made for another fusion


def _set_rates(net: XMCNet, params: InceptionXMLClassifier) -> None:
    labels = {id(p) for p in net.module_.label_parameters()}
    label_lr = training.resolve_label_lr(params.label_lr, net.label_optimizer)
    for optimizer in (net.optimizer_, net.optimizer_sparse_):
        for group in optimizer.param_groups:
            of_labels = any(id(p) in labels for p in group["params"])
            group["lr"] = RATE * (label_lr if of_labels else params.lr)


# -- growth ------------------------------------------------------------------------------------


def grow(estimator: InceptionXMLClassifier, space: LabelSpace, tokens: Tokens, Y: Any) -> None:
    """Add the labels of a grown space, without training.

    Labels without a row so far, new or not, start from the rows that they have in ``Y``.

    Parameters
    ----------
    estimator : InceptionXMLClassifier
        Fitted.
    space : LabelSpace
        The known labels, then new ones.
    tokens : Tokens
        Of n rows.
    Y : csr_array of shape (n, n_labels)
        Their labels. They are not added to the counts, nor to the lexical memory.
    """
    n_known, n_labels = estimator.n_labels_, space.n_labels
    counts = np.concatenate([estimator.label_counts_, np.zeros(n_labels - n_known, np.int64)])
    starting = np.flatnonzero(
        (counts == 0) & (_positives(Y) > 0) | (np.arange(n_labels) >= n_known)
    )
    if len(starting):
        _start_labels(estimator, starting, tokens, Y)
    if n_labels > n_known and estimator.neighbours_ is not None:
        memory = estimator.neighbours_
        memory.add(memory.X_[:0], sp.csr_array((0, n_labels), dtype=np.float32))
    estimator.label_space_, estimator.classes_ = space, space.classes_
    estimator.n_labels_ = n_labels
    set_counts(estimator, counts)


def set_counts(estimator: InceptionXMLClassifier, counts: np.ndarray) -> None:
    """Set the training rows of every label, here and in the fusion."""
    estimator.label_counts_ = counts
    estimator.fusion_.log_counts = np.log1p(counts).astype(np.float32)


def _positives(Y: sp.csr_array) -> np.ndarray:
    return np.bincount(Y.indices, minlength=Y.shape[1]).astype(np.int64)


def _start_labels(
    estimator: InceptionXMLClassifier, labels: np.ndarray, tokens: Tokens, Y: sp.csr_array
) -> None:
    net, head = estimator.net_, estimator.net_.module_.head
    Y = sp.csr_array(Y[:, labels])
    means = label_means(net.module_, tokens, Y, estimator.max_len)
    n_rows = estimator.n_samples_fit_ + len(tokens)
    weight, bias = start_vectors(head.weight.data, means, _positives(Y), n_rows)
    old = net.module_.label_parameters()
    chosen = torch.from_numpy(labels).to(head.weight.device)
    if isinstance(head, SyncHead):
        assert means.meta is not None
        clusters = choose_clusters(head, means.meta, labels)
        source = head.start_labels(chosen, weight, bias, clusters)
    else:
        source = head.start_labels(chosen, weight, bias)
    for before, after in zip(old, net.module_.label_parameters(), strict=True):
        for optimizer in (net.optimizer_, net.optimizer_sparse_):
            move_rows(optimizer, before, after, source)


class LabelMeans(NamedTuple):
    """Mean features of the rows of some labels, and of rows at large."""

    own: Tensor  # (m, D), before the label vectors
    meta: Tensor | None  # (m, D), before the meta-classifier
    others: Tensor  # (D,)


def label_means(
    network: InceptionXMLNetwork, tokens: Tokens, Y: sp.csr_array, max_len: int
) -> LabelMeans:
    """Mean features of the positives of every column of ``Y`` (n, m), batch by batch."""
    head, device = network.head, network.embedding.weight.device
    if isinstance(head, SyncHead):
        branches: list[Any] = [head.extreme, head.meta]
    else:
        branches = [head.features]
    sums: list[Any] = [0.0] * (len(branches) + 1)
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        for rows, X in prediction_batches(tokens, max_len, BATCH):
            h = network(**{name: x.to(device) for name, x in X.items()})
            part = sp.coo_array(Y[rows])
            place = torch.from_numpy(np.stack([part.col, part.row]).astype(np.int64))
            ones = torch.ones(part.nnz, dtype=torch.float32)
            shape = Y.shape[1], len(rows)
            pick = torch.sparse_coo_tensor(place, ones, shape, check_invariants=False).to(device)
            features = [branch(h) for branch in branches]
            parts = [torch.sparse.mm(pick, r) for r in features] + [features[0].sum(0)]
            sums = [old + new for old, new in zip(sums, parts, strict=True)]
    counts = torch.from_numpy(np.maximum(_positives(Y), 1)).to(device)[:, None]
    meta = sums[1] / counts if len(branches) == 2 else None
    return LabelMeans(sums[0] / counts, meta, sums[-1] / len(tokens))


def start_vectors(
    weight: Tensor, means: LabelMeans, counts: np.ndarray, n_rows: int
) -> tuple[Tensor, Tensor]:
    """Vector (m, D) and bias (m,) at which labels of ``counts`` positives start.

    The vector points from the mean of the rows at large to that of the label's own, and is as
    long as known ones are. A label without a row, or whose rows are like all, starts from zero.
    """
    direction = means.own - means.others
    length = direction.norm(dim=1, keepdim=True)
    positives = torch.from_numpy(counts).to(weight.device)
    clear = (length > NO_DIRECTION * means.others.norm()) & (positives > 0)[:, None]
    scale = weight.norm(dim=1).median()
    vector = torch.where(clear, direction / length.clamp(min=1e-12) * scale, 0.0)
    # the row at large then has the frequency of the label
    return vector, prior_logit(positives, n_rows) - vector @ means.others


def choose_clusters(head: SyncHead, features: Tensor, labels: np.ndarray) -> np.ndarray:
    """Meta-label (m,) of labels to start: the best one by the meta-classifier that has room."""
    n_clusters = len(head.meta_weight)
    cluster_of = head.cluster_of.cpu().numpy()
    known = labels < len(cluster_of)
    sizes = np.bincount(cluster_of, minlength=n_clusters)
    n_labels = max(len(cluster_of), labels.max() + 1)
    room = max(sizes.max(), 2 * -(-n_labels // n_clusters))
    chosen = np.empty(len(labels), dtype=np.int64)
    with torch.no_grad():
        for i in range(len(labels)):
            logits = torch.addmv(head.meta_bias, head.meta_weight, features[i])
            ranked = logits.topk(min(CLUSTERS_TRIED, n_clusters)).indices.cpu().numpy()
            if known[i]:
                old = cluster_of[labels[i]]
                if sizes[old] == 1:
                    chosen[i] = old
                    continue
                sizes[old] -= 1
            free = ranked[sizes[ranked] < room]
            chosen[i] = free[0] if len(free) else sizes.argmin()
            sizes[chosen[i]] += 1
    return chosen


# -- what stays as it is -----------------------------------------------------------------------


def check_structure(params: InceptionXMLClassifier) -> None:
    """Refuse parameters that the fitted network, which goes on, cannot follow.

    Raises
    ------
    ValueError
        If a parameter of the structure was changed after the fit.
    """
    network = params.net_.module_
    encoder, head = network.encoder, network.head
    fitted = {
        "max_len": min(encoder.max_len, params.max_len),
        "n_filters": encoder.project.shape[0],
        "kernel_sizes": tuple(map(int, encoder.branches.kernel_sizes)),
        "hidden_dim": head.weight.shape[1],
        "embedding_skip": encoder.skip is not None,
        "head": "sync" if isinstance(head, SyncHead) else "ova",
    }
    hidden_dim = training.resolve_hidden_dim(params.hidden_dim, encoder.n_features)
    wanted = {
        **{name: getattr(params, name) for name in fitted},
        "kernel_sizes": tuple(params.kernel_sizes),
        "hidden_dim": hidden_dim,
        "head": fitted["head"] if params.head == "auto" else params.head,
    }
    if isinstance(head, SyncHead):
        fitted["synchronized"] = head.meta.hidden is not None
        wanted["synchronized"] = params.synchronized
    for name, value in fitted.items():
        if wanted[name] != value:
            raise ValueError(
                f"{name}={wanted[name]!r} does not fit the fitted network, which goes on with "
                f"{name}={value!r}; set it back, or fit with warm_start=False."
            )


def check_same_words(old: TokenVectorizer, new: TokenVectorizer) -> None:
    """Refuse a warm start on other words.

    Raises
    ------
    ValueError
        If the words, their order or the kind of X differ.
    """
    words, others = (getattr(v, "vocabulary_", None) for v in (old, new))
    if (old.kind_, old.n_features_in_, words) != (new.kind_, new.n_features_in_, others):
        raise ValueError(
            f"warm_start can only be used where X has the words of the previous fit: it was "
            f"{old.kind_} with {old.n_features_in_} words, now it is {new.kind_} with "
            f"{new.n_features_in_}, of which some may be others. Use partial_fit for new rows, or "
            "warm_start=False."
        )
