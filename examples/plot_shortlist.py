"""
=========================
What the shortlist misses
=========================

The synchronized head scores only the labels of some clusters. With more clusters in the
shortlist, fewer true labels are missed, and a query takes longer. The beam size may be changed
after ``fit``.
"""

# %%
# Two models, with few clusters and with many
# -------------------------------------------
# The settings are small, to finish quickly; with your data, start from the defaults.

import matplotlib.pyplot as plt

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.heads import SyncXML
from sk_inceptionxml.inspection import ShortlistRecallDisplay

X_train, y_train = load_api_docs(subset="train", return_X_y=True)
X_test, y_test = load_api_docs(subset="test", return_X_y=True)

ax = None
for n_clusters in (64, 256):
    clf = InceptionXMLClassifier(
        head=SyncXML(n_clusters=n_clusters),
        embedding_dim=64,
        n_filters=16,
        max_epochs=6,
        batch_size=32,
        random_state=0,
    )
    clf.fit(X_train[::2], y_train[::2])
    display = ShortlistRecallDisplay.from_estimator(
        clf, X_test[:500], y_test[:500], name=f"{n_clusters} clusters", ax=ax
    )
    ax = display.ax_

# %%
# Choose a beam size
# ------------------
# Take the smallest beyond which the recall hardly rises. The time is that of a whole prediction,
# with the search among the training rows.

clf.set_params(head__predict_beam_size=32)
print(f"precision at 1 with a beam of 32: {clf.score(X_test, y_test):.3f}")
plt.show()
