"""Labels: any form of ``y`` to a CSR indicator, and rankings back to the form of ``y``."""

from ._growth import first_labels, grow_label_space, same_labels
from ._space import LabelSpace

__all__ = ["LabelSpace", "first_labels", "grow_label_space", "same_labels"]
