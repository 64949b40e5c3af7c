"""
=====================================
Precision and recall at k, two models
=====================================

How many of the first k labels are right, and how many of the right labels are among them? The
classifier is compared with nearest neighbours in TF-IDF, on summaries of functions whose labels
are the names of their parameters.
"""

# %%
# Data
# ----
# Texts and a sparse indicator of their labels. Every second training text is enough here.

import matplotlib.pyplot as plt
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import MultiLabelBinarizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.inspection import PrecisionRecallAtKDisplay

train, test = load_api_docs(subset="train"), load_api_docs(subset="test")
binarizer = MultiLabelBinarizer(sparse_output=True).fit([train.label_names])
X_train, y_train = train.data[::2], binarizer.transform(train.target[::2])
X_test, y_test = test.data, binarizer.transform(test.target)

# %%
# The classifier
# --------------
# The settings are small, to finish quickly; with your data, start from the defaults.

clf = InceptionXMLClassifier(
    embedding_dim=64, n_filters=16, max_epochs=6, batch_size=32, random_state=0
)
clf.fit(X_train, y_train)

# %%
# Nearest neighbours on the same axes
# -----------------------------------
# Any model has a place in the figure: its scores go into ``from_predictions``.

vectorizer = TfidfVectorizer(sublinear_tf=True)
search = NearestNeighbors(n_neighbors=50, metric="cosine").fit(vectorizer.fit_transform(X_train))
distance, neighbour = search.kneighbors(vectorizer.transform(X_test))
votes = sparse.csr_array(
    ((1 - distance).clip(0).ravel() ** 2, neighbour.ravel(), range(0, neighbour.size + 1, 50)),
    shape=(len(X_test), len(X_train)),
)

display = PrecisionRecallAtKDisplay.from_estimator(clf, X_test, y_test, name="InceptionXML")
PrecisionRecallAtKDisplay.from_predictions(
    y_test, votes @ y_train, name="TF-IDF neighbours", ax=display.ax_
)
plt.show()
