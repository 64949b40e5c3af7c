"""Turn raw short texts, or matrices of token weights, into rows of token ids."""

from .analyzer import check_vectorizer
from .matrix import check_matrix
from .stored import StoredTexts
from .tokens import PADDING, UNKNOWN, Tokens
from .vectorizer import TokenVectorizer
from .words import check_text, is_text

__all__ = [
    "PADDING",
    "UNKNOWN",
    "StoredTexts",
    "TokenVectorizer",
    "Tokens",
    "check_matrix",
    "check_text",
    "check_vectorizer",
    "is_text",
]
