"""
===========
Tail labels
===========

Frequent labels are easy, rare ones are most of the labels. This figure sets them apart: recall at
5 by the number of training rows of a label. It shows what the lexical neighbours are worth at the
tail, and how ``retune`` brings rare labels to the front.
"""

# %%
# Data and two models
# -------------------
# The settings are small, to finish quickly; with your data, start from the defaults.

import matplotlib.pyplot as plt

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.inspection import LabelFrequencyDisplay

X_train, y_train = load_api_docs(subset="train", return_X_y=True)
X_test, y_test = load_api_docs(subset="test", return_X_y=True)

clf = InceptionXMLClassifier(
    embedding_dim=64, n_filters=16, max_epochs=4, batch_size=32, random_state=0
)
clf.fit(X_train[::2], y_train[::2])

alone = InceptionXMLClassifier(
    embedding_dim=64, n_filters=16, max_epochs=4, batch_size=32, n_neighbors=0, random_state=0
)
alone.fit(X_train[::2], y_train[::2])

# %%
# Recall from the tail to the head
# --------------------------------
# Below each range stands the number of true labels that are to be found. Labels that only the
# test texts have are in the range 0: nobody can find them. So short a training teaches the network
# little beyond the frequent labels; rare ones are found among the neighbours.

display = LabelFrequencyDisplay.from_estimator(clf, X_test, y_test, name="with neighbours")
LabelFrequencyDisplay.from_estimator(alone, X_test, y_test, name="network alone", ax=display.ax_)

# %%
# Rare labels first
# -----------------
# ``tail_weight`` says how much more a hit of a rare label counts. ``retune`` fits the fusion anew,
# in seconds, on rows that the training has not seen. Rare labels gain, and precision at 1 pays.

print(f"precision at 1, default: {clf.score(X_test, y_test):.3f}")
display = LabelFrequencyDisplay.from_estimator(clf, X_test, y_test, name="default")
clf.retune(X_train[1::2], y_train[1::2], tail_weight=0.4)
print(f"precision at 1, tail_weight=0.4: {clf.score(X_test, y_test):.3f}")
LabelFrequencyDisplay.from_estimator(clf, X_test, y_test, name="tail_weight=0.4", ax=display.ax_)
plt.show()
