"""Turn raw short texts, or matrices of token weights, into rows of token ids."""

# Not public: saving a whole model writes a vectorizer in the same way.
from ._state import vectorizer_from_data as _vectorizer_from_data  # noqa: F401
from ._state import vectorizer_to_data as _vectorizer_to_data  # noqa: F401
from ._text import check_text, is_text
from ._tokens import PADDING, UNKNOWN, Tokens
from ._vectorizer import TokenVectorizer

__all__ = ["PADDING", "UNKNOWN", "TokenVectorizer", "Tokens", "check_text", "is_text"]
