"""Errors of their own class."""

from __future__ import annotations

__all__ = ["DivergenceError", "ModelFormatError"]


class DivergenceError(FloatingPointError, ValueError):
    """Training ended in NaN or infinity: a learning rate, weight or vector is too large.

    Examples
    --------
    >>> from sk_inceptionxml.exceptions import DivergenceError
    >>> issubclass(DivergenceError, ValueError)
    True
    """


class ModelFormatError(ValueError):
    """A model or checkpoint directory is damaged, changed, incomplete or of an unknown format.

    The only error that :meth:`InceptionXMLClassifier.load` raises for what it finds in a
    directory, however the directory was made. ``fit`` raises it for the ``checkpoint_dir``.

    Examples
    --------
    >>> from sk_inceptionxml.exceptions import ModelFormatError
    >>> issubclass(ModelFormatError, ValueError)
    True
    """
