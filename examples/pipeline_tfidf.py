"""The classifier as the last step of a pipeline, on TF-IDF features and label lists.

A matrix has no word order, which the encoder would use: give the classifier raw text where you
can. A pipeline fits where the features exist already, or come from another transformer.
"""

from __future__ import annotations

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.datasets import load_api_docs


def main() -> None:
    """Fit a pipeline and show what it predicts."""
    X_train, y_train = load_api_docs(subset="train", return_X_y=True)
    X_test, y_test = load_api_docs(subset="test", return_X_y=True)

    clf = InceptionXMLClassifier(embedding_dim=96, max_epochs=4, threshold=0.3, random_state=0)
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True), clf)
    model.fit(X_train, y_train)

    print(f"precision at 1: {model.score(X_test, y_test):.3f}")
    some = slice(100, None, 400)
    shown = zip(X_test[some], model.predict(X_test[some]), y_test[some], strict=True)
    for text, predicted, true in shown:
        print(f"\n{text}\n    predicted: {', '.join(predicted)}\n    true:      {', '.join(true)}")


if __name__ == "__main__":
    main()
