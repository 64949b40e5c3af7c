"""
=======================
A map of label clusters
=======================

The synchronized head groups labels into clusters. Each mark of the map is a cluster: near ones
are alike, and the colour tells how frequent their labels are.
"""

# %%
# Data
# ----
# Texts and a sparse indicator of their labels.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import MultiLabelBinarizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.clustering import BalancedLabelClustering, pifa
from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.heads import SyncXML
from sk_inceptionxml.inspection import LabelClustersDisplay

X, y = load_api_docs(subset="train", return_X_y=True)
binarizer = MultiLabelBinarizer(sparse_output=True)
Y = binarizer.fit_transform(y)

# %%
# Before training: the words of the texts
# ---------------------------------------
# A label is described by the mean of its texts. This is what the clustering goes by.

features = TfidfVectorizer(sublinear_tf=True).fit_transform(X)
clustering = BalancedLabelClustering(n_clusters=64, random_state=0).fit(features, Y)
LabelClustersDisplay.from_clusters(
    clustering.labels_,
    pifa(Y, features),
    np.bincount(Y.indices, minlength=Y.shape[1]),
    label_names=binarizer.classes_,
)

# %%
# After training: the label vectors of the network
# ------------------------------------------------
# The settings are small, to finish quickly; with your data, start from the defaults.

clf = InceptionXMLClassifier(
    head=SyncXML(clusters=clustering.labels_),
    embedding_dim=64,
    n_filters=16,
    max_epochs=3,
    batch_size=32,
    random_state=0,
)
clf.fit(X, y)
LabelClustersDisplay.from_estimator(clf)
plt.show()
