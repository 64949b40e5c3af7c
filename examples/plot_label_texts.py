"""
=============================================
Label texts, and labels that nobody used yet
=============================================

Labels often say what they mean: they are names of subjects, categories or products. Pass these
texts as ``label_texts``. They help to rank, and they find labels that have no training row at all.
"""

# %%
# Books and their subjects
# ------------------------
# Two subjects have no book yet: calligraphy and volcanoes. A label may have several texts.

import itertools

import matplotlib.pyplot as plt
import numpy as np

from sk_inceptionxml import InceptionXMLClassifier

TOPICS = "sailing gardening weaving astronomy beekeeping carpentry chess opera pottery".split()
TOPICS += ["skating", "surgery", "printing"]
PLACES = "norway peru japan kenya canada greece india malta chile egypt france iceland".split()
FORMS = ["a history of {} in {}", "{} and {}: essays", "the {} of {}", "notes on {} from {}"]

books = list(itertools.product(FORMS, TOPICS, PLACES))
np.random.default_rng(0).shuffle(books)
titles = [form.format(topic, place) for form, topic, place in books]
subjects = [[f"S:{topic}", f"P:{place}"] for _, topic, place in books]
label_texts = {
    **{f"S:{topic}": topic for topic in TOPICS},
    **{f"P:{place}": place for place in PLACES},
    "S:calligraphy": "calligraphy",
    "S:volcanoes": ["volcanoes", "volcanology"],
}
print(titles[0], subjects[0])

# %%
# Train with the texts
# --------------------

clf = InceptionXMLClassifier(embedding_dim=64, max_epochs=10, random_state=0)
clf.fit(titles, subjects, label_texts=label_texts)
without_rows = clf.classes_[clf.label_counts_ == 0]
print(f"labels without a training row: {', '.join(without_rows)}")

# %%
# Ask for subjects without a book
# -------------------------------
# The place is a label that the network knows. The subject is found by its text alone.

queries = ["the volcanoes of japan", "calligraphy and india", "volcanology: an introduction"]
found = clf.predict_topk(queries, k=3, as_lists=True)
for query, labels in zip(queries, found, strict=True):
    print(f"{query}: " + ", ".join(f"{label} {p:.2f}" for label, p in labels))

# %%
# The first three labels of each query. Those without a training row are orange.

fig, axes = plt.subplots(1, len(queries), figsize=(9, 2.2), sharex=True)
for ax, query, labels in zip(axes, queries, found, strict=True):
    names, probabilities = zip(*labels[::-1], strict=True)
    colours = ["tab:orange" if name in without_rows else "tab:blue" for name in names]
    ax.barh(names, probabilities, color=colours)
    ax.set_title(query, fontsize=9)
    ax.set_xlim(0, 1)
    ax.spines[["top", "right"]].set_visible(False)
fig.supxlabel("probability", fontsize=9)
plt.tight_layout()
plt.show()
