"""Figures of classifiers and rankings, as displays in the manner of scikit-learn.

Each display computes and draws with ``from_estimator`` or with a method for results that you have,
such as ``from_predictions``. It keeps what it has drawn as plain data, and ``plot`` draws it again.
To compare models, pass the ``ax_`` of one display as ``ax`` of the next. Drawing needs
matplotlib: ``pip install 'sk-inceptionxml[plot]'``.
"""

from ._label_clusters import LabelClustersDisplay
from ._label_frequency import LabelFrequencyDisplay
from ._precision_coverage import PrecisionCoverageDisplay
from ._precision_recall import PrecisionRecallAtKDisplay
from ._reliability import ReliabilityDisplay
from ._shortlist_recall import ShortlistRecallDisplay
from ._training_history import TrainingHistoryDisplay

__all__ = [
    "LabelClustersDisplay",
    "LabelFrequencyDisplay",
    "PrecisionCoverageDisplay",
    "PrecisionRecallAtKDisplay",
    "ReliabilityDisplay",
    "ShortlistRecallDisplay",
    "TrainingHistoryDisplay",
]
