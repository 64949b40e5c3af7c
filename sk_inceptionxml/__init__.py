"""Extreme multi-label classification of short texts, in the manner of scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sk_inceptionxml.classifier import InceptionXMLClassifier

__all__ = ["InceptionXMLClassifier", "__version__"]


def __getattr__(name: str) -> Any:
    # torch takes seconds to import: it waits for the first use
    if name == "InceptionXMLClassifier":
        from sk_inceptionxml.classifier import InceptionXMLClassifier

        return InceptionXMLClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "InceptionXMLClassifier"])
