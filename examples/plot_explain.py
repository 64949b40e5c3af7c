"""
============
Explanations
============

``explain`` says why a label ranks where it does: what the parts of the model contribute, what each
word changes, and which training rows speak for it.
"""

# %%
# A model and a question
# ----------------------
# The settings are small, to finish quickly; with your data, start from the defaults.

import matplotlib.pyplot as plt

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs

X, y = load_api_docs(subset="train", return_X_y=True)
clf = InceptionXMLClassifier(embedding_dim=64, n_filters=16, max_epochs=8, random_state=0)
clf.fit(X[::2], y[::2])

text = "Compute the arithmetic mean along the specified axis."
for label, probability in clf.predict_topk([text], k=5, as_lists=True)[0]:
    print(f"{probability:.2f} {label}")

# %%
# Why the first label?
# --------------------
# The answer is plain data, which JSON can hold.

found = clf.explain(text, n_neighbors=4)
print(f"{found['label']}: probability {found['probability']:.2f}")
for row in found["neighbours"]:
    print(f"similarity {row['similarity']:.2f}: {', '.join(map(str, row['labels']))}")

# %%
# Parts and words
# ---------------
# With the intercept, the parts add up to the log-odds of the label. A word's bar is how much lower
# the log-odds are without it.


def draw(ax, rows, key, title):
    """Horizontal bars of contributions."""
    names = [row[key] for row in rows][::-1]
    values = [row["contribution"] for row in rows][::-1]
    colours = ["tab:blue" if value >= 0 else "tab:orange" for value in values]
    ax.barh(range(len(names)), values, color=colours)
    ax.set_yticks(range(len(names)), names)
    ax.axvline(0, color="0.6", linewidth=1)
    ax.set(title=title, xlabel="log-odds")
    ax.spines[["top", "right"]].set_visible(False)


fig, axes = plt.subplots(1, 2, figsize=(9, 3.4))
draw(axes[0], found["parts"], "name", f"parts of “{found['label']}”")
draw(axes[1], found["words"], "word", "words")
plt.tight_layout()
plt.show()
