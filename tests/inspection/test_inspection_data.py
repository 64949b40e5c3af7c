"""What the displays draw, against brute force."""

import numpy as np
import pytest
import scipy.sparse as sp
from _figures import problem
from numpy.testing import assert_allclose, assert_array_equal

from sk_inceptionxml.clustering import BalancedLabelClustering, pifa
from sk_inceptionxml.heads import SyncXML
from sk_inceptionxml.inspection import (
    LabelClustersDisplay,
    LabelFrequencyDisplay,
    PrecisionCoverageDisplay,
    PrecisionRecallAtKDisplay,
    ReliabilityDisplay,
    ShortlistRecallDisplay,
    TrainingHistoryDisplay,
)

WEIGHT = np.arange(300) % 4


def drawn(line):
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)


def repeated(*parts):
    """Each row as often as its weight."""
    rows = np.repeat(np.arange(len(WEIGHT)), WEIGHT)
    return [part[rows] for part in parts]


def test_precision_and_recall_are_those_of_counting():
    y_true, ranking, *_ = problem()
    display = PrecisionRecallAtKDisplay.from_predictions(y_true, ranking, ks=[1, 4, 12])
    precision, recall = [], []
    for k in (1, 4, 12):
        found = [
            len(set(row[:k]) & set(np.flatnonzero(true)))
            for row, true in zip(ranking, y_true, strict=True)
        ]
        precision.append(np.mean(found) / k)
        recall.append(np.mean([n / max(1, m) for n, m in zip(found, y_true.sum(1), strict=True)]))
    assert_array_equal(display.precision_line_.get_xdata(), [1, 4, 12])
    assert_allclose(drawn(display.precision_line_)[1], precision)
    assert_allclose(drawn(display.recall_line_)[1], recall)


def test_recall_reaches_beyond_the_entries_of_sparse_scores():
    y_true, ranking, probabilities, _ = problem()
    scores = np.zeros(y_true.shape)
    np.put_along_axis(scores, ranking[:, :3], probabilities[:, :3], axis=1)
    display = PrecisionRecallAtKDisplay.from_predictions(y_true, sp.csr_array(scores), ks=[1, 3, 6])
    expected = PrecisionRecallAtKDisplay.from_predictions(y_true, ranking[:, :3])
    assert_allclose(display.recall, expected.recall[[0, 2, 2]])
    assert_allclose(display.precision, expected.precision[[0, 2, 2]] / [1, 1, 2])


@pytest.mark.parametrize("form", ["lists", "strings", "scores"])
def test_rankings_of_every_form_give_the_same_figure(form):
    y_true, ranking, *_ = problem()
    expected = PrecisionRecallAtKDisplay.from_predictions(y_true, ranking)
    given = y_true, ranking
    if form == "lists":
        given = [set(np.flatnonzero(row).tolist()) for row in y_true], ranking.tolist()
    elif form == "strings":
        given = (
            [[f"label {i}" for i in np.flatnonzero(row)] for row in y_true],
            np.char.add("label ", ranking.astype(str)),
        )
    elif form == "scores":
        scores = np.full(y_true.shape, -1.0)
        np.put_along_axis(scores, ranking, np.arange(12, 0, -1.0)[None], axis=1)
        given = sp.csc_array(y_true), scores
    display = PrecisionRecallAtKDisplay.from_predictions(*given)
    assert_array_equal(display.ks, np.arange(1, 11))
    assert_allclose(display.recall, expected.recall)
    assert_allclose(display.precision, expected.precision)


def test_recall_by_frequency_is_that_of_counting():
    y_true, ranking, _, counts = problem()
    display = LabelFrequencyDisplay.from_predictions(
        y_true, ranking, counts, k=3, edges=(0, 4, 9, 1000)
    )
    hits = np.zeros_like(y_true)
    np.put_along_axis(hits, ranking[:, :3], 1, axis=1)
    hits &= y_true
    inside = [counts < 4, (counts >= 4) & (counts < 9), (counts >= 9) & (counts < 1000)]
    expected = [hits[:, own].sum() / y_true[:, own].sum() for own in inside]
    assert display.buckets == ["0-3", "4-8", "9-999", "1000+"]
    assert_allclose(drawn(display.line_)[1], [*expected, np.nan])
    n_positives = [y_true[:, own].sum() for own in inside]
    assert_array_equal(display.n_positives, [*n_positives, 0])
    ticks = [tick.get_text() for tick in display.ax_.get_xticklabels()]
    assert ticks[0] == f"0-3\n({n_positives[0]})" and ticks[3] == "1000+\n(0)"


def test_reliability_is_that_of_bins_and_their_gaps_are_the_error():
    y_true, ranking, probabilities, _ = problem()
    display = ReliabilityDisplay.from_predictions(y_true, ranking, probabilities, k=5, n_bins=8)
    hits = np.take_along_axis(y_true, ranking[:, :5], axis=1).ravel()
    values = probabilities[:, :5].ravel()
    expected, error = [], 0.0
    for low in np.arange(8) / 8:
        own = (values > low) & (values <= low + 1 / 8)
        if own.any():
            expected.append((values[own].mean(), hits[own].mean()))
            error += own.sum() / len(own) * abs(np.subtract(*expected[-1]))
    assert_allclose(np.transpose(drawn(display.line_)), expected)
    assert display.calibration_error == pytest.approx(error)
    assert display.line_.get_label() == f"ECE = {error:.3f}"


def test_coverage_is_the_share_of_rows_above_each_threshold():
    y_true, ranking, probabilities, _ = problem()
    ranking = ranking.copy()
    ranking[:20] = -1  # rows without an answer
    first = probabilities[:, 0].round(2)  # with ties
    display = PrecisionCoverageDisplay.from_predictions(
        y_true, ranking[:, :1], first[:, None], marks=[0.3, 0.6, 1.0]
    )
    right = y_true[np.arange(300), ranking[:, 0]].astype(bool) & (ranking[:, 0] >= 0)
    points = []
    for threshold in sorted(set(first[20:]), reverse=True):
        answered = (first >= threshold) & (ranking[:, 0] >= 0)
        points.append((answered.mean(), right[answered].mean(), threshold))
    assert_allclose(np.transpose(drawn(display.line_)), [point[:2] for point in points])
    assert_allclose(display.thresholds, [point[2] for point in points])
    assert display.coverage[-1] == pytest.approx(280 / 300)
    marked = [next(p for p in reversed(points) if p[2] >= mark) for mark in (0.3, 0.6)]
    for line, point in zip(display.mark_lines_, marked, strict=True):  # none reaches 1
        assert_allclose(np.ravel(drawn(line)), point[:2])


def test_weights_count_as_repeated_rows():
    y_true, ranking, probabilities, counts = problem()
    more = repeated(y_true, ranking, probabilities)
    weighted = {"sample_weight": WEIGHT}
    one = PrecisionRecallAtKDisplay.from_predictions(y_true, ranking, **weighted)
    other = PrecisionRecallAtKDisplay.from_predictions(*more[:2])
    assert_allclose(one.precision, other.precision)
    assert_allclose(one.recall, other.recall)
    one = LabelFrequencyDisplay.from_predictions(y_true, ranking, counts, **weighted)
    other = LabelFrequencyDisplay.from_predictions(*more[:2], counts)
    assert_allclose(one.recall, other.recall)
    assert_allclose(one.n_positives, other.n_positives)
    one = ReliabilityDisplay.from_predictions(y_true, ranking, probabilities, **weighted)
    other = ReliabilityDisplay.from_predictions(*more)
    assert_allclose(one.prob_true, other.prob_true)
    assert one.calibration_error == pytest.approx(other.calibration_error)
    one = PrecisionCoverageDisplay.from_predictions(y_true, ranking, probabilities, **weighted)
    other = PrecisionCoverageDisplay.from_predictions(*more)
    for name in ("precision", "coverage", "thresholds"):
        assert_allclose(getattr(one, name), getattr(other, name))


def test_of_an_estimator_the_answers_are_those_of_predict_topk(ova, texts):
    X, y = texts[2:]
    names, probabilities = ova.predict_topk(X, k=6)
    weight = np.arange(len(X)) % 3
    display = PrecisionRecallAtKDisplay.from_estimator(ova, X, y, ks=[2, 6], sample_weight=weight)
    expected = PrecisionRecallAtKDisplay.from_predictions(y, names, ks=[2, 6], sample_weight=weight)
    assert_allclose(display.recall, expected.recall)
    assert display.precision_line_.get_label() == "InceptionXMLClassifier, precision"
    display = ReliabilityDisplay.from_estimator(ova, X, y, k=6)
    expected = ReliabilityDisplay.from_predictions(y, names, probabilities, k=6)
    assert_allclose(display.prob_true, expected.prob_true)
    display = PrecisionCoverageDisplay.from_estimator(ova, X, y)
    expected = PrecisionCoverageDisplay.from_predictions(y, names, probabilities)
    assert_allclose(display.precision, expected.precision)
    assert display.coverage[-1] == 1 and display.precision[-1] == pytest.approx(ova.score(X, y))


def test_of_an_estimator_the_frequencies_are_those_of_training(ova, texts):
    X, y = texts[2:]
    y = [*y[:-1], [*y[-1], 1000]]  # a label that training has not seen
    display = LabelFrequencyDisplay.from_estimator(ova, X, y, k=4, edges=(0, 1, 20))
    counts = dict(zip(ova.classes_.tolist(), ova.label_counts_.tolist(), strict=True))
    names, _ = ova.predict_topk(X, k=4)
    found, total = np.zeros(3), np.zeros(3)
    for true, ranked in zip(y, names.tolist(), strict=True):
        for label in true:
            bucket = np.searchsorted([0, 1, 20], counts.get(label, 0), side="right") - 1
            total[bucket] += 1
            found[bucket] += label in ranked
    assert total[0] == 1
    assert_allclose(display.recall, found / total)


def test_shortlist_recall_is_that_of_the_method_and_changes_nothing(sync, texts):
    X, y = texts[2:]
    head, before = sync.head, sync.get_params()
    answer = sync.predict_topk(X)[1]
    display = ShortlistRecallDisplay.from_estimator(sync, X, y, beam_sizes=[1, 3, 8], k=7)
    assert sync.head is head and sync.get_params() == before
    assert_array_equal(sync.predict_topk(X)[1], answer)
    expected = []
    for beam in (1, 3, 8):
        sync.set_params(head__predict_beam_size=beam)
        expected.append(sync.shortlist_recall(X, y, k=7))
    sync.set_params(head__predict_beam_size=before["head__predict_beam_size"])
    assert_allclose(drawn(display.recall_line_), ([1, 3, 8], expected))
    assert expected[0] < expected[2]
    assert (display.query_time > 0).all()
    assert_allclose(drawn(display.time_line_)[1], 1e3 * display.query_time)


def test_beam_sizes_go_up_to_the_number_of_clusters(sync, texts):
    display = ShortlistRecallDisplay.from_estimator(sync, *texts[2:], n_repeats=0)
    assert display.beam_sizes.tolist() == [1, 2, 4, 8]
    assert display.query_time is None and display.time_ax_ is None


def test_a_head_that_is_only_named_is_measured_too(sync, texts):
    X, y = texts[2:]
    expected = ShortlistRecallDisplay.from_estimator(sync, X, y, n_repeats=0)
    head = sync.head
    try:
        sync.head = "sync"
        display = ShortlistRecallDisplay.from_estimator(sync, X, y, n_repeats=0)
    finally:
        sync.head = head
    assert_array_equal(display.recall, expected.recall)


def test_clusters_have_the_size_and_the_frequency_of_their_labels():
    clusters, counts = np.array([2, 0, 1, 2, 1, 2]), np.array([4, 1, 6, 9, 2, 8])
    features = np.random.default_rng(0).normal(size=(6, 2))
    names = list("abcdef")
    display = LabelClustersDisplay.from_clusters(clusters, features, counts, label_names=names)
    assert display.n_labels.tolist() == [1, 2, 3]
    assert display.frequency.tolist() == [1.0, 4.0, 7.0]
    assert display.names == ["b", "c", "d"]
    # all of two dimensions is on the map: distances are those of the centroids
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    centroids = np.array([unit[clusters == i].mean(axis=0) for i in range(3)])
    places = np.asarray(display.points_.get_offsets())
    for i in range(3):
        assert_allclose(
            np.linalg.norm(places - places[i], axis=1),
            np.linalg.norm(centroids - centroids[i], axis=1),
        )
    assert_allclose(np.asarray(display.points_.get_array()), display.frequency)
    sizes = display.points_.get_sizes()
    assert sizes[2] == pytest.approx(3 * sizes[0])


def test_sparse_features_make_the_map_of_dense_ones(texts):
    X, y = texts[:2]
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import MultiLabelBinarizer

    Y = MultiLabelBinarizer(sparse_output=True).fit_transform(y)
    features = TfidfVectorizer().fit_transform(X)
    clusters = BalancedLabelClustering(n_clusters=6, random_state=0).fit(features, Y).labels_
    counts = np.asarray(Y.sum(axis=0)).ravel()
    given = pifa(Y, features)
    sparse = LabelClustersDisplay.from_clusters(clusters, given, counts)
    dense = LabelClustersDisplay.from_clusters(clusters, given.toarray(), counts)
    assert_allclose(np.abs(sparse.positions), np.abs(dense.positions), atol=1e-5)
    two = LabelClustersDisplay.from_clusters(clusters % 2, given, counts)
    assert_allclose(two.positions[:, 1], 0, atol=1e-6)  # two points are on one line


def test_the_clusters_of_a_classifier_are_those_of_its_head(texts, sync, ova):
    from _models import small

    X, y = texts[:2]
    head = SyncXML(clusters=np.arange(sync.n_labels_) % 5)
    clf = small(head=head, max_epochs=1).fit(X, y)
    assert_array_equal(clf.clusters_, head.clusters)
    assert ova.clusters_ is None
    clf.clusters_[:] = 0  # a copy: the model stays as it is
    assert_array_equal(clf.clusters_, head.clusters)
    display = LabelClustersDisplay.from_estimator(clf)
    module = clf.net_.module_.head
    at = module.label_at.numpy()
    vectors = np.empty(module.weight.shape)
    vectors[at] = module.weight.detach().numpy()
    expected = LabelClustersDisplay.from_clusters(head.clusters, vectors, clf.label_counts_)
    assert_allclose(display.positions, expected.positions, atol=1e-5)
    assert_allclose(display.frequency, expected.frequency)
    assert set(display.names) <= {str(name) for name in clf.classes_}


def test_the_training_is_that_of_the_log(ova):
    history = ova.history_
    display = TrainingHistoryDisplay.from_estimator(ova)
    assert_allclose(drawn(display.loss_line_), (history["epoch"], history["train_loss"]))
    assert_allclose(drawn(display.valid_line_)[1], history["valid_ndcg@5"])
    assert display.best_line_ is None
    display.plot(x="seconds")
    assert_allclose(drawn(display.loss_line_)[0], history["duration"].cumsum())


def test_the_best_epoch_is_marked():
    history = {"epoch": [1, 2, 3], "train_loss": [3.0, 2, 1], "valid_ndcg@5": [0.1, 0.4, 0.3]}
    display = TrainingHistoryDisplay.from_history(history, best_epoch=2)
    assert_allclose(np.ravel(drawn(display.best_line_)), (2, 0.4))
    alone = TrainingHistoryDisplay.from_history({k: history[k] for k in ("epoch", "train_loss")})
    assert alone.valid_ax_ is None and alone.valid_line_ is None
