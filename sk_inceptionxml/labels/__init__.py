"""Labels: any form of ``y`` to a CSR indicator, and rankings back to the form of ``y``."""

from ._growth import first_labels, grow_label_space, same_labels
from ._parts import TargetParts
from ._space import LabelSpace
from ._texts import check_label_texts, further_labels, label_texts_of, named_labels

__all__ = [
    "LabelSpace",
    "TargetParts",
    "check_label_texts",
    "first_labels",
    "further_labels",
    "grow_label_space",
    "label_texts_of",
    "named_labels",
    "same_labels",
]
