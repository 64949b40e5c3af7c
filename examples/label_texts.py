"""Labels that say what they mean: rank by their texts, also where a label has no training row.

Titles of library books get subjects. Two subjects have no book yet. Their names alone find them.

    python examples/label_texts.py
"""

from __future__ import annotations

import itertools

import numpy as np

from sk_inceptionxml import InceptionXMLClassifier

TOPICS = [
    "sailing",
    "gardening",
    "weaving",
    "astronomy",
    "beekeeping",
    "carpentry",
    "chess",
    "opera",
]
PLACES = ["norway", "peru", "japan", "kenya", "canada", "greece", "india", "malta"]
FORMS = ["a history of {} in {}", "{} and {}: essays", "the {} of {}", "notes on {} from {}"]
WITHOUT_BOOKS = {"S:calligraphy": "calligraphy", "S:volcanoes": ["volcanoes", "volcanology"]}


def main() -> None:
    """Train with the names of the subjects, and ask for subjects that have no book."""
    books = list(itertools.product(FORMS, TOPICS, PLACES))
    np.random.default_rng(0).shuffle(books)
    titles = [form.format(topic, place) for form, topic, place in books]
    subjects = [[f"S:{topic}", f"P:{place}"] for _, topic, place in books]
    texts = {f"S:{topic}": topic for topic in TOPICS} | {f"P:{place}": place for place in PLACES}

    clf = InceptionXMLClassifier(embedding_dim=64, random_state=0)
    clf.fit(titles, subjects, label_texts=texts | WITHOUT_BOOKS)

    queries = ["the volcanoes of japan", "calligraphy and india", "volcanology: an introduction"]
    for query, found in zip(queries, clf.predict_topk(queries, k=3, as_lists=True), strict=True):
        print(f"{query}: " + ", ".join(f"{label} {p:.2f}" for label, p in found))


if __name__ == "__main__":
    main()
