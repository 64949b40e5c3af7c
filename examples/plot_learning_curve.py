"""
============================
Training loss and validation
============================

The log of a training: the loss of every epoch, and nDCG@5 of the network on rows that it has not
seen. With early stopping, the best epoch is marked, whose weights are kept.
"""

# %%
# Two learning rates
# ------------------
# ``early_stopping`` ranks the held-out rows after every epoch. The settings are small, to finish
# quickly; with your data, start from the defaults.

import matplotlib.pyplot as plt

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.inspection import TrainingHistoryDisplay

X, y = load_api_docs(subset="train", return_X_y=True)

ax = None
for lr in (1e-2, 3e-3):
    clf = InceptionXMLClassifier(
        lr=lr,
        early_stopping=True,
        embedding_dim=64,
        n_filters=16,
        max_epochs=8,
        batch_size=32,
        random_state=0,
    )
    clf.fit(X[::3], y[::3])
    display = TrainingHistoryDisplay.from_estimator(clf, name=f"lr={lr:g}", ax=ax)
    ax = display.ax_

# %%
# Against the clock
# -----------------
# The same log over seconds instead of epochs, and the numbers behind it.

display.plot(x="seconds")
print(clf.history_.round(3).to_string(index=False))
plt.show()
