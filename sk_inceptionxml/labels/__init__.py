"""Labels: any form of ``y`` to a CSR indicator, and rankings back to the form of ``y``."""

from ._space import LabelSpace

__all__ = ["LabelSpace"]
