"""Label features, label graph and balanced clustering of labels into meta-labels."""

from ._estimator import BalancedLabelClustering
from ._features import pifa
from ._graph import label_graph
from ._validation import validate_clusters

__all__ = ["BalancedLabelClustering", "label_graph", "pifa", "validate_clusters"]
