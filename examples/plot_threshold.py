"""
===================================
Precision against the rows answered
===================================

A service need not answer every query. Where it answers only those whose best label is probable
enough, more answers are right. This figure shows the price of each threshold.
"""

# %%
# Model
# -----
# The settings are small, to finish quickly; with your data, start from the defaults.

import matplotlib.pyplot as plt
import numpy as np

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.inspection import PrecisionCoverageDisplay

X_train, y_train = load_api_docs(subset="train", return_X_y=True)
X_test, y_test = load_api_docs(subset="test", return_X_y=True)

clf = InceptionXMLClassifier(
    embedding_dim=64, n_filters=16, max_epochs=6, batch_size=32, random_state=0
)
clf.fit(X_train[::2], y_train[::2])

# %%
# All thresholds in one curve
# ---------------------------
# Some of them are marked. At the right end every text is answered.

display = PrecisionCoverageDisplay.from_estimator(
    clf, X_test, y_test, name="InceptionXML", marks=[0.25, 0.5, 0.75, 0.9]
)

# %%
# A threshold for a wanted precision
# ----------------------------------
# The display keeps what it has drawn: the lowest threshold at which 9 of 10 answers are right.

enough = np.flatnonzero(display.precision >= 0.9)[-1]
print(
    f"threshold {display.thresholds[enough]:.2f} answers {display.coverage[enough]:.0%} of the "
    f"texts, {display.precision[enough]:.0%} of them right"
)
display.ax_.axhline(0.9, color="0.6", linewidth=1)
plt.show()
