"""
==========
Quickstart
==========

Train on real short texts, compare with two baselines, and ask. The texts are the one-line summaries
of the public functions of the installed scientific packages. Their labels are the names of the
parameters: thousands, most of them rare. Nothing is downloaded.
"""

# %%
# Train
# -----
# A list of texts and a list of label lists. Shorter word vectors than the default, 300, make this
# quick. Everything else is the default.

import sys
import time

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import MultiLabelBinarizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.metrics import inverse_propensity, ranking_report, top_k_indices

train, test = load_api_docs(subset="train"), load_api_docs(subset="test")
print(f"{len(train.data)} training texts, such as {train.data[0]!r}: {train.target[0]}")

start = time.perf_counter()
in_a_terminal = sys.stderr.isatty()
clf = InceptionXMLClassifier(embedding_dim=100, random_state=0, verbose=int(in_a_terminal))
clf.fit(train.data, train.target)
print(f"trained on {clf.n_labels_} labels in {time.perf_counter() - start:.0f} s")

# %%
# Ask
# ---
# The best labels of each query, with their probabilities.

queries = [
    "compute the mean of an array along an axis",
    "read a table from a csv file",
    "apply a convolution over an input signal",
]
for query, labels in zip(queries, clf.predict_topk(queries, k=5, as_lists=True), strict=True):
    print(f"{query}\n    " + ", ".join(f"{label} {p:.2f}" for label, p in labels))

# %%
# Evaluate beside two baselines
# -----------------------------
# Held-out texts keep all their labels, also those that no training text has and nobody can find.
# One baseline gives everybody the most frequent labels. The other takes the votes of the 50 texts
# that are nearest in TF-IDF, weighted by the square of the cosine.

binarizer = MultiLabelBinarizer(sparse_output=True).fit([train.label_names, test.label_names])
Y_train, Y_test = binarizer.transform(train.target), binarizer.transform(test.target)
counts = np.bincount(Y_train.indices, minlength=Y_train.shape[1])
popularity = np.tile(np.argsort(-counts, kind="stable")[:5], (len(test.data), 1))

vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
search = NearestNeighbors(n_neighbors=50, metric="cosine")
search.fit(vectorizer.fit_transform(train.data))
distance, neighbour = search.kneighbors(vectorizer.transform(test.data))
weight = (1 - distance).clip(0) ** 2
votes = sparse.csr_array(
    (weight.ravel(), neighbour.ravel(), np.arange(0, weight.size + 1, 50)),
    shape=(len(test.data), len(train.data)),
)

names, _ = clf.predict_topk(test.data, k=5)
rankings = {
    "popularity": popularity,
    "TF-IDF neighbours": top_k_indices(votes @ Y_train, 5),
    "InceptionXMLClassifier": np.searchsorted(binarizer.classes_, names),
}

# %%
# All figures are percent. PSP is propensity-scored precision, in which rare labels weigh more.

weights = inverse_propensity(counts, n_samples=len(train.data))
columns = ["P@1", "P@3", "P@5", "nDCG@5", "PSP@1", "PSP@3", "PSP@5"]
print(f"{'held-out texts, percent':26}" + "".join(f"{column:>8}" for column in columns))
for name, ranking in rankings.items():
    report = ranking_report(Y_test, ranking, inverse_propensity=weights)
    print(f"{name:26}" + "".join(f"{report[column]:8.2f}" for column in columns))
