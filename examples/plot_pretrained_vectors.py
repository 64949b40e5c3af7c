"""
=======================
Pretrained word vectors
=======================

``embeddings`` takes a path to word vectors: GloVe, word2vec or fastText text files, plain or
``.gz``. This example makes such a file, so that nothing is downloaded. Give your own path instead.
"""

# %%
# A file in the form of GloVe
# ---------------------------
# A line has a word and its numbers. These vectors come from words that occur together in the texts.

import gzip
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.inspection import TrainingHistoryDisplay

X_train, y_train = load_api_docs(subset="train", return_X_y=True)
X_test, y_test = load_api_docs(subset="test", return_X_y=True)

counter = CountVectorizer(min_df=2, binary=True)
present = counter.fit_transform(X_train)
together = (present.T @ present).astype(np.float64)
together.data = np.log1p(together.data)
vectors = TruncatedSVD(64, random_state=0).fit_transform(together)

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "vectors.txt.gz"
with gzip.open(path, "wt", encoding="utf-8") as file:
    for word, vector in zip(counter.get_feature_names_out(), vectors, strict=True):
        file.write(word + " " + " ".join(f"{value:.5f}" for value in vector) + "\n")
print(f"{len(vectors)} words")

# %%
# Train from the file, and from random vectors
# --------------------------------------------
# Without lexical neighbours the vectors matter most, so they are off here. ``validation_data``
# shows the network after each epoch.

ax = None
for name, source in [("from the file", path), ("random", "random")]:
    clf = InceptionXMLClassifier(
        embeddings=source,
        embedding_dim=64,
        n_filters=16,
        max_epochs=6,
        n_neighbors=0,
        random_state=0,
    )
    clf.fit(X_train[::2], y_train[::2], validation_data=(X_test, y_test))
    display = TrainingHistoryDisplay.from_estimator(clf, name=name, ax=ax)
    ax = display.ax_
    print(f"precision at 1, vectors {name}: {clf.score(X_test, y_test):.3f}")

folder.cleanup()
plt.show()
