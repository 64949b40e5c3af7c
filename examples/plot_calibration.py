"""
============================
Calibration of probabilities
============================

Of the labels with a probability of 0.8, are 80 % right? The reliability diagram tells, and the
expected calibration error (ECE) in its legend sums it up.
"""

# %%
# A model with calibration and one without
# ----------------------------------------
# The settings are small, to finish quickly; with your data, start from the defaults.

import matplotlib.pyplot as plt

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.inspection import ReliabilityDisplay

X_train, y_train = load_api_docs(subset="train", return_X_y=True)
X_test, y_test = load_api_docs(subset="test", return_X_y=True)

clf = InceptionXMLClassifier(embedding_dim=64, n_filters=16, max_epochs=8, random_state=0)
clf.fit(X_train[::2], y_train[::2])
raw = InceptionXMLClassifier(
    embedding_dim=64, n_filters=16, max_epochs=8, calibrate=None, random_state=0
)
raw.fit(X_train[::2], y_train[::2])

# %%
# The best label of each text
# ---------------------------
# Bins of equally many texts make all points equally certain.

options = {"n_bins": 8, "strategy": "quantile"}
display = ReliabilityDisplay.from_estimator(clf, X_test, y_test, name="calibrated", **options)
ReliabilityDisplay.from_estimator(
    raw, X_test, y_test, name="calibrate=None", ax=display.ax_, **options
)

# %%
# The best five labels
# --------------------
# Probabilities of later places are smaller, and there are more of them.

ReliabilityDisplay.from_estimator(clf, X_test, y_test, k=5, name="first five places", **options)
plt.show()
