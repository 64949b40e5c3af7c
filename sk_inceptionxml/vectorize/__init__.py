"""Turn raw short texts, or matrices of token weights, into rows of token ids."""

from ._text import check_text, is_text
from ._tokens import PADDING, UNKNOWN, Tokens
from ._vectorizer import TokenVectorizer

__all__ = ["PADDING", "UNKNOWN", "TokenVectorizer", "Tokens", "check_text", "is_text"]
