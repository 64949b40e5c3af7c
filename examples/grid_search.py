"""Choose parameters by cross-validation with raw text X and a sparse label matrix y.

The settings are small, to finish quickly; with yours, start from the defaults.
"""

from __future__ import annotations

from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import MultiLabelBinarizer

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs
from sk_inceptionxml.heads import OneVsAll

N_TEXTS = 900


def main() -> None:
    """Search a grid of two parameters and print the scores."""
    docs = load_api_docs(subset="train")
    # every fourth text: the corpus is sorted by name, and its start is one package
    texts = docs.data[::4][:N_TEXTS]
    y = MultiLabelBinarizer(sparse_output=True).fit_transform(docs.target[::4][:N_TEXTS])

    clf = InceptionXMLClassifier(
        embedding_dim=64, head=OneVsAll(), max_epochs=6, batch_size=64, random_state=0
    )
    grid = {"n_neighbors": [0, 50], "head__classifier_dropout": [0.2, 0.5]}
    search = GridSearchCV(clf, grid, cv=3).fit(texts, y)

    for params, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        print(f"precision at 1 {score:.3f} with {params}")
    print(f"best: {search.best_params_}")


if __name__ == "__main__":
    main()
