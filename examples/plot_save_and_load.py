"""
=============
Save and load
=============

A saved model is a directory of safetensors and JSON. Loading it executes nothing, unlike a pickle.
"""

# %%
# Train, save, load
# -----------------
# ``precision`` makes a model smaller: its numbers take eight or four bits.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs

X, y = load_api_docs(subset="train", return_X_y=True)
X_test, y_test = load_api_docs(subset="test", return_X_y=True)
clf = InceptionXMLClassifier(embedding_dim=96, max_epochs=3, random_state=0).fit(X[::2], y[::2])

sizes, scores, loaded = {}, {}, {}
with tempfile.TemporaryDirectory() as folder:
    for precision in ("exact", "int8", "int4"):
        model = Path(folder) / precision
        clf.save(model, precision=precision)
        sizes[precision] = {p.name: p.stat().st_size / 1e6 for p in sorted(model.iterdir())}
        loaded[precision] = InceptionXMLClassifier.load(model)
        scores[precision] = loaded[precision].score(X_test, y_test)

# %%
# The exact model answers as before, bit by bit
# ---------------------------------------------

before, after = clf.predict_topk(X_test[:100]), loaded["exact"].predict_topk(X_test[:100])
print(np.array_equal(before[0], after[0]) and np.array_equal(before[1], after[1]))

# %%
# Size and precision at 1
# -----------------------

fig, ax = plt.subplots(figsize=(6.5, 2.8))
names = list(sizes)[::-1]
left = np.zeros(len(names))
for file in ("weights.safetensors", "memory.safetensors", "model.json"):
    widths = np.array([sizes[name][file] for name in names])
    ax.barh(names, widths, left=left, label=file)
    left += widths
for place, name in enumerate(names):
    ax.text(left[place] + 0.1, place, f"P@1 {scores[name]:.3f}", va="center")
ax.set(xlabel="MB", xlim=(0, left.max() * 1.3))
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, fontsize=8, loc="lower right")
plt.tight_layout()
plt.show()
