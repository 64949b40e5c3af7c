"""
==========================
Search with ranking scores
==========================

``GridSearchCV`` chooses parameters for what you care about: the first label, the first five, or the
rare ones. Texts and a sparse label matrix go in as they are.
"""

# %%
# Data
# ----
# Every fourth text: the corpus is sorted by name, and its start is one package.

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import MultiLabelBinarizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.heads import OneVsAll
from sk_inceptionxml.model_selection import RankingScorer

docs = load_api_docs(subset="train")
texts = docs.data[::4][:700]
y = MultiLabelBinarizer(sparse_output=True).fit_transform(docs.target[::4][:700])

# %%
# The search
# ----------
# A parameter of the head is ``head__`` and its name. ``refit`` names the score that decides.
# Each scorer ranks the labels of the held-out part of each fold.

clf = InceptionXMLClassifier(
    embedding_dim=64, n_filters=16, head=OneVsAll(), max_epochs=5, batch_size=64, random_state=0
)
search = GridSearchCV(
    clf,
    {"n_neighbors": [0, 50], "head__classifier_dropout": [0.2, 0.5]},
    scoring={
        "P@1": RankingScorer("precision", 1),
        "recall@5": RankingScorer("recall", 5),
        "PSP@5": RankingScorer("psp", 5),
    },
    refit="PSP@5",
    cv=3,
)
search.fit(texts, y)
print(f"best for PSP@5: {search.best_params_}")

# %%
# All scores side by side
# -----------------------
# The line on a bar is the standard deviation over the folds.

results = pd.DataFrame(search.cv_results_)
names = [
    f"{n} neighbours, dropout {dropout}"
    for n, dropout in zip(
        results["param_n_neighbors"], results["param_head__classifier_dropout"], strict=True
    )
]
scores = ["P@1", "recall@5", "PSP@5"]
mean = results[[f"mean_test_{score}" for score in scores]].set_axis(scores, axis=1)
deviation = results[[f"std_test_{score}" for score in scores]].set_axis(scores, axis=1)
ax = mean.set_axis(names).T.plot.bar(
    yerr=deviation.set_axis(names).T, rot=0, width=0.75, figsize=(7, 4), capsize=2
)
ax.set(ylabel="mean over three folds", ylim=(0, None))
ax.spines[["top", "right"]].set_visible(False)
plt.tight_layout()
plt.show()
