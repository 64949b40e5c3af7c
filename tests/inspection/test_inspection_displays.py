"""What all displays have in common: axes, styles, names, and clear errors."""

import re
import sys

import numpy as np
import pytest
from _figures import FIGURES, problem
from _models import small
from matplotlib import pyplot
from matplotlib.colors import to_hex
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sk_inceptionxml import inspection
from sk_inceptionxml.inspection import (
    LabelClustersDisplay,
    LabelFrequencyDisplay,
    PrecisionCoverageDisplay,
    PrecisionRecallAtKDisplay,
    ReliabilityDisplay,
    ShortlistRecallDisplay,
    TrainingHistoryDisplay,
)

DISPLAYS = [getattr(inspection, name) for name in inspection.__all__]
OF_ROWS = [
    LabelFrequencyDisplay,
    PrecisionCoverageDisplay,
    PrecisionRecallAtKDisplay,
    ReliabilityDisplay,
]
Y_TRUE, RANKING, PROBABILITIES, COUNTS = problem()


@pytest.mark.parametrize("name", FIGURES)
def test_a_display_draws_again_from_what_it_keeps(name):
    display = FIGURES[name]()
    first = display.ax_
    assert display.plot() is display
    assert display.ax_ is not first and display.figure_ is display.ax_.figure
    fresh = pyplot.subplots()[1]
    assert display.plot(fresh).ax_ is fresh
    assert display.ax_.get_xlabel() and display.ax_.get_ylabel()


@pytest.mark.parametrize("name", sorted(set(FIGURES) - {"label_clusters"}))
def test_a_second_model_is_drawn_on_the_same_axes(name):
    before = len(pyplot.get_fignums())
    display = FIGURES[name]()  # of two models
    assert len(pyplot.get_fignums()) == before + 1
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert len(labels) == len(set(labels))
    names = {label.split(",")[0].split(" (")[0] for label in labels}
    assert {"strong", "weak"} <= names or len(names) >= 2
    assert len(display.figure_.axes) <= 2  # the second model shares the scale on the right


def test_everything_drawn_is_inside_the_axes():
    first = TrainingHistoryDisplay.from_history({"epoch": [1, 2], "train_loss": [1.0, 0.5]})
    TrainingHistoryDisplay.from_history({"epoch": [1, 2], "train_loss": [9.0, 3.0]}, ax=first.ax_)
    low, high = first.ax_.get_ylim()
    assert low == 0 and high >= 9


def test_colours_are_those_for_the_colour_blind_unless_the_user_has_his_own():
    display = FIGURES["precision_recall"]()
    colours = [to_hex(line.get_color()) for line in display.ax_.lines]
    assert colours == ["#0072b2"] * 2 + ["#d55e00"] * 2
    with pyplot.rc_context({"axes.prop_cycle": pyplot.cycler(color=["#123456"])}):
        display = PrecisionRecallAtKDisplay.from_predictions(Y_TRUE, RANKING)
    assert to_hex(display.recall_line_.get_color()) == "#123456"


def test_styles_replace_the_default_ones_under_any_name():
    given = {"c": "red", "lw": 5}
    display = PrecisionRecallAtKDisplay.from_predictions(
        Y_TRUE, RANKING, precision_kwargs=given, recall_kwargs={"ls": "-.", "label": "mine"}
    )
    assert to_hex(display.precision_line_.get_color()) == "#ff0000"
    assert display.precision_line_.get_linewidth() == 5
    assert display.recall_line_.get_linestyle() == "-."
    assert display.recall_line_.get_label() == "mine"
    assert given == {"c": "red", "lw": 5}
    with pytest.raises(TypeError, match="alias"):
        display.plot(precision_kwargs={"c": "red", "color": "blue"})
    with pytest.raises(TypeError, match="precision_kwargs must be a dict"):
        display.plot(precision_kwargs="red")


def test_marks_and_names_of_the_map_have_styles_too():
    display = LabelClustersDisplay([[0, 0], [1, 1]], [1, 2], [3, 4], names=["a", "b"])
    given = {"scatter_kwargs": {"ec": "red", "alpha": 0.5}, "text_kwargs": {"size": 17, "c": "red"}}
    display.plot(**given)
    assert display.points_.get_alpha() == 0.5
    assert to_hex(display.points_.get_edgecolor()[0]) == "#ff0000"
    assert {text.get_fontsize() for text in display.ax_.texts} == {17}
    assert {text.get_color() for text in display.ax_.texts} == {"red"}
    for name in given:
        with pytest.raises(TypeError, match=f"{name} must be a dict"):
            display.plot(**{name: "red"})


def test_names_stand_in_the_legend():
    display = ReliabilityDisplay.from_predictions(Y_TRUE, RANKING, PROBABILITIES, name="mine")
    assert display.line_.get_label().startswith("mine (ECE = ")
    display.plot(name="yours", ref_line=False)
    assert display.line_.get_label().startswith("yours (ECE = ")
    assert len(display.ax_.lines) == 1


def test_names_on_the_map_do_not_cover_each_other():
    positions = np.repeat(np.eye(2), 5, axis=0)  # five clusters in each of two places
    display = LabelClustersDisplay(
        positions, np.ones(10), np.arange(10.0), names=[f"cluster {i}" for i in range(10)]
    ).plot()
    assert {text.get_text() for text in display.ax_.texts} == {"cluster 9", "cluster 4"}
    assert not display.plot(n_names=0).ax_.texts


@pytest.mark.parametrize("display", DISPLAYS)
def test_without_matplotlib_the_extra_is_named(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in ("from_estimator", "from_predictions", "from_history", "from_clusters"):
        if hasattr(display, name):
            # nothing of what is given was looked at
            given = [None] * (1 if name == "from_history" else 3)
            given = given[:1] if name == "from_estimator" and display not in OF_ROWS else given
            if name == "from_estimator" and display is ShortlistRecallDisplay:
                given = [None] * 3
            if name == "from_predictions" and display is PrecisionRecallAtKDisplay:
                given = given[:2]
            with pytest.raises(ImportError, match=re.escape("pip install 'sk-inceptionxml[plot]'")):
                getattr(display, name)(*given)


def test_drawing_without_matplotlib_names_the_extra(monkeypatch):
    display = PrecisionRecallAtKDisplay([1], [0.5], [0.5])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"PrecisionRecallAtKDisplay.plot needs matplotlib"):
        display.plot()


@pytest.mark.parametrize("display", OF_ROWS)
def test_other_and_unfitted_estimators_are_refused(display, texts):
    X, y = texts[2:]
    with pytest.raises(TypeError, match="LogisticRegression does not; pass its ranking or scores"):
        display.from_estimator(LogisticRegression(), X, y)
    with pytest.raises(NotFittedError):
        display.from_estimator(small(), X, y)


def test_a_pipeline_is_the_classifier_in_it(texts):
    X, y, X_test, y_test = texts
    model = make_pipeline(CountVectorizer(), small(head="sync", n_clusters=4)).fit(X, y)
    display = PrecisionRecallAtKDisplay.from_estimator(model, X_test, y_test, ks=[1])
    transformed = model[0].transform(X_test)
    assert display.precision[0] == pytest.approx(model[1].score(transformed, y_test))
    display = ShortlistRecallDisplay.from_estimator(model, X_test, y_test, n_repeats=1)
    assert display.recall[-1] == pytest.approx(model[1].shortlist_recall(transformed, y_test))
    assert len(LabelClustersDisplay.from_estimator(model).n_labels) == 4
    assert len(TrainingHistoryDisplay.from_estimator(model).epochs) == model[1].n_iter_


def predictions(display, **given):
    parts = {
        LabelFrequencyDisplay: (Y_TRUE, RANKING, COUNTS),
        PrecisionRecallAtKDisplay: (Y_TRUE, RANKING),
    }.get(display, (Y_TRUE, RANKING, PROBABILITIES))
    return lambda: display.from_predictions(*parts, **given)


REFUSED = [
    (predictions(PrecisionRecallAtKDisplay, ax="left"), TypeError, "ax must be one matplotlib"),
    (predictions(PrecisionRecallAtKDisplay, ks=[2, 1]), ValueError, "ks must be rising"),
    (predictions(PrecisionRecallAtKDisplay, ks=[]), ValueError, "ks must be rising"),
    (predictions(PrecisionRecallAtKDisplay, ks=5), TypeError, "ks must be a sequence"),
    (predictions(PrecisionRecallAtKDisplay, ks=[1.5]), TypeError, "ks must hold integers"),
    (predictions(PrecisionRecallAtKDisplay, ks=[13]), ValueError, "topk has 12 places"),
    (predictions(PrecisionRecallAtKDisplay, name=3), TypeError, "name must be a str"),
    (predictions(LabelFrequencyDisplay, edges=(1, 2)), ValueError, "edges must be"),
    (predictions(LabelFrequencyDisplay, k=0), ValueError, "k must be"),
    (predictions(ReliabilityDisplay, strategy="log"), ValueError, "strategy must be"),
    (predictions(ReliabilityDisplay, n_bins=0), ValueError, "n_bins must be"),
    (predictions(PrecisionCoverageDisplay, marks=[2]), ValueError, "marks must be"),
    (predictions(PrecisionCoverageDisplay, marks=0.5), ValueError, "marks must be"),
    (
        predictions(PrecisionCoverageDisplay, sample_weight=[1]),
        ValueError,
        "sample_weight must have shape",
    ),
    (
        lambda: PrecisionCoverageDisplay([1.0, 1.0], [0.5, 0.4], [0.9, 0.8]),
        ValueError,
        "coverage must rise",
    ),
    (lambda: PrecisionRecallAtKDisplay([1, 2], [0.5], [0.5, 0.6]), ValueError, "precision must be"),
    (lambda: TrainingHistoryDisplay.from_history([1.0]), TypeError, "history must be"),
    (lambda: TrainingHistoryDisplay.from_history({"epoch": [1]}), ValueError, "no 'train_loss'"),
    (lambda: TrainingHistoryDisplay([1, 2], ["a", "b"]), TypeError, "train_loss must hold"),
    (lambda: TrainingHistoryDisplay([1], [2.0], best_epoch=4), ValueError, "best_epoch must be"),
    (lambda: TrainingHistoryDisplay([1], [2.0]).plot(x="time"), ValueError, "x must be"),
    (lambda: TrainingHistoryDisplay([1], [2.0]).plot(x="seconds"), ValueError, "needs the dura"),
    (lambda: ShortlistRecallDisplay([1], [0.5], k=0), ValueError, "k must be a positive"),
    (lambda: ShortlistRecallDisplay([1], [0.5], [1, 2]), ValueError, "query_time must be"),
    (
        lambda: LabelClustersDisplay.from_clusters([0, 0], np.eye(2), [1, 1]),
        ValueError,
        "only one cluster",
    ),
    (
        lambda: LabelClustersDisplay.from_clusters([0, 1], np.eye(2), [1, 1, 1]),
        ValueError,
        "label_counts must be",
    ),
    (
        lambda: LabelClustersDisplay.from_clusters([0, 1], np.eye(2), [1, 1], label_names=["a"]),
        ValueError,
        "label_names must hold 2",
    ),
    (lambda: LabelClustersDisplay([[1, 2, 3]], [1], [1]), ValueError, "positions must have"),
    (
        lambda: LabelClustersDisplay([[1, 2]], [1], [1]).plot(n_names=-1),
        ValueError,
        "n_names must be",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_other_buckets_are_not_drawn_over_each_other():
    display = predictions(LabelFrequencyDisplay)()
    with pytest.raises(ValueError, match="ax shows the buckets"):
        predictions(LabelFrequencyDisplay, edges=(0, 9), ax=display.ax_)()


def test_a_head_without_clusters_is_refused(ova, texts):
    with pytest.raises(ValueError, match="head_='ova', which has no clusters"):
        LabelClustersDisplay.from_estimator(ova)
    with pytest.raises(ValueError, match="head_='ova', which scores every label"):
        ShortlistRecallDisplay.from_estimator(ova, *texts[2:])


def test_inputs_are_not_changed():
    copies = [part.copy() for part in (Y_TRUE, RANKING, PROBABILITIES)]
    for display in OF_ROWS:
        predictions(display)()
    for part, copy in zip((Y_TRUE, RANKING, PROBABILITIES), copies, strict=True):
        assert (part == copy).all()
