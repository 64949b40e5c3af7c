"""Dense vectors are no rows of words."""

import numpy as np
import pytest
from _models import small

from sk_inceptionxml.text import TokenVectorizer

RNG = np.random.default_rng(0)


def test_embeddings_are_refused_before_any_work():
    X = RNG.standard_normal((40, 384))
    with pytest.raises(ValueError, match="X looks like dense embeddings.*max_len=64"):
        small().fit(X, np.arange(40) % 4)


@pytest.mark.parametrize(
    "X",
    [
        RNG.standard_normal((20, 10)),
        np.abs(RNG.standard_normal((20, 100))),
        np.where(RNG.random((20, 300)) < 0.1, RNG.standard_normal((20, 300)), 0.0),
    ],
    ids=["few columns", "no negative", "mostly zeros"],
)
def test_token_weights_are_not(X):
    assert len(TokenVectorizer(max_len=64).fit_transform(X)) == len(X)
