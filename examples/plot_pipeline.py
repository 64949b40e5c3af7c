"""
==============================
Pipeline and ColumnTransformer
==============================

The classifier reads matrices, too, so it can be the last step of a pipeline. A table with a title
and further columns becomes such a matrix. If you have texts alone, pass them as they are: raw text
has word order, character n-grams and misspelt words, and a matrix has lost them.
"""

# %%
# A table with a text and a category
# ----------------------------------
# The category is the package of a function. Every second row is enough here.

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs


def table(docs):
    """Summary and package of each function."""
    packages = [name.split(".")[0] for name in docs.names]
    return pd.DataFrame({"summary": docs.data, "package": packages})


train, test = load_api_docs(subset="train"), load_api_docs(subset="test")
X_train, y_train = table(train)[::2], train.target[::2]
X_test, y_test = table(test), test.target
print(X_train.head(3).to_string(index=False))

# %%
# Three ways to fit
# -----------------
# The settings are small, to finish quickly; with your data, start from the defaults.

settings = {"embedding_dim": 64, "n_filters": 16, "max_epochs": 5, "random_state": 0}
tfidf = TfidfVectorizer(sublinear_tf=True)
columns = make_column_transformer(
    (tfidf, "summary"), (OneHotEncoder(handle_unknown="ignore"), ["package"])
)
raw = InceptionXMLClassifier(**settings).fit(X_train["summary"], y_train)
text_only = make_pipeline(tfidf, InceptionXMLClassifier(**settings))
text_only.fit(X_train["summary"], y_train)
both = make_pipeline(columns, InceptionXMLClassifier(**settings)).fit(X_train, y_train)

# %%
# Which way is best?
# ------------------
# Precision at 1 on the test texts.

scores = {
    "raw text": raw.score(X_test["summary"], y_test),
    "TF-IDF": text_only.score(X_test["summary"], y_test),
    "TF-IDF + package": both.score(X_test, y_test),
}
fig, ax = plt.subplots(figsize=(6, 2.4))
bars = ax.barh(list(scores)[::-1], list(scores.values())[::-1])
ax.bar_label(bars, fmt="%.3f", padding=3)
ax.set(xlim=(0, 1), xlabel="precision at 1")
ax.spines[["top", "right"]].set_visible(False)
plt.tight_layout()
plt.show()

# %%
# Labels in, labels out
# ---------------------
# ``predict`` returns lists of names, as ``y_train`` was.

both.set_params(inceptionxmlclassifier__threshold=0.3)
for text, labels in zip(X_test["summary"][:3], both.predict(X_test[:3]), strict=True):
    print(f"{text}\n    {', '.join(labels)}")
