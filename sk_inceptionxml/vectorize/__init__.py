"""Turn raw short texts, or matrices of token weights, into rows of token ids."""

from ._matrix import check_matrix
from ._text import check_text, is_text
from ._tokens import PADDING, UNKNOWN, Tokens
from ._vectorizer import TokenVectorizer
from ._words import check_vectorizer

__all__ = [
    "PADDING",
    "UNKNOWN",
    "TokenVectorizer",
    "Tokens",
    "check_matrix",
    "check_text",
    "check_vectorizer",
    "is_text",
]
