"""
============================
New labels in a fitted model
============================

Titles arrive in batches, and some labels come with the last batch only. ``partial_fit`` learns
both, without a new fit. Known labels keep their place; new ones join at the end of ``classes_``.
"""

# %%
# Four batches, the last with new labels
# --------------------------------------
# Every second text is enough to see it.

import time

import matplotlib.pyplot as plt
import numpy as np

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs

LATE = {"ddof", "rcond", "sep", "keepdims"}  # labels that only the last batch has

X, y = load_api_docs(subset="train", return_X_y=True)
X_test, y_test = load_api_docs(subset="test", return_X_y=True)
order = np.random.default_rng(0).permutation(len(X))
late = [i for i in order if LATE & set(y[i])]
batches = np.array_split([i for i in order[::2] if not LATE & set(y[i])], 4)
batches[-1] = np.append(batches[-1], late)


def share_found(clf):
    """Share of the test texts with a late label that get it among their best five."""
    rows = [i for i, labels in enumerate(y_test) if LATE & set(labels)]
    names, _ = clf.predict_topk([X_test[i] for i in rows], k=5)
    hits = [bool(LATE & set(y_test[i]) & set(row)) for i, row in zip(rows, names, strict=True)]
    return np.mean(hits)


# %%
# Fit once, then go on
# --------------------
# ``fit`` makes many passes over what there is; ``partial_fit`` makes one over each batch.

clf = InceptionXMLClassifier(embedding_dim=64, n_filters=16, max_epochs=10, random_state=0)
log = []
for number, batch in enumerate(batches):
    texts, labels = [X[i] for i in batch], [y[i] for i in batch]
    start = time.perf_counter()
    if number == 0:
        clf.fit(texts, labels)
    else:
        clf.partial_fit(texts, labels)
    seconds = time.perf_counter() - start
    log.append((clf.n_labels_, clf.score(X_test, y_test), share_found(clf)))
    print(f"batch {number}: {len(texts)} texts in {seconds:4.1f} s, {clf.n_labels_} labels")

# %%
# What it has learned
# -------------------
# Late labels are found as soon as they have come.

n_labels, precision, found = zip(*log, strict=True)
fig, ax = plt.subplots(figsize=(6, 3.6))
places = np.arange(len(batches))
ax.plot(places, precision, "o-", label="P@1, all test texts")
ax.plot(places, found, "s--", label="late labels found among the first five")
ax.set(xlabel="after batch", xticks=places, ylim=(-0.03, 1), ylabel="share")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="upper left")
plt.tight_layout()
plt.show()
