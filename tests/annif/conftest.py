"""Projects that the tests share, trained once."""

from __future__ import annotations

import itertools
import random

import pytest
from _annif import FORMS, PLACES, SMALL, TOPICS, UNSEEN, Place, uri, write_tsv


@pytest.fixture(scope="session")
def annif(tmp_path_factory):
    """Titles of two subjects each, and trained projects ``plain`` and ``named``."""
    place = Place(tmp_path_factory.mktemp("annif"))
    books = list(itertools.product(FORMS, TOPICS, PLACES))
    random.Random(0).shuffle(books)
    documents = [(form.format(a, b), [a, b]) for form, a, b in books]
    write_tsv(place.folder / "train.tsv", documents[:200])
    write_tsv(place.folder / "test.tsv", documents[200:])
    names = [*TOPICS, *PLACES, UNSEEN]
    lines = [f"<{uri(name)}>\t{name}" for name in names]
    (place.folder / "vocabulary.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ours = {"backend": "inceptionxml", **SMALL}
    place.write_projects(
        plain={**ours, "allow_learn": "yes"},
        named={**ours, "label_texts": "all", "allow_learn": "yes"},
        both={"backend": "ensemble", "sources": "plain,named"},
        wrong={**ours, "max_epoch": "3"},
        range={**ours, "lr": "-1"},
        texts={**ours, "label_texts": "some"},
    )
    place.well("load-vocab", "subjects", "vocabulary.tsv", "--language", "en")
    for project in ("plain", "named"):
        place.well("train", project, "train.tsv")
    return place
