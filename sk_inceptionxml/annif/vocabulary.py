"""What the subjects of an Annif vocabulary are called."""

from __future__ import annotations

from typing import Any


def subject_texts(
    vocab: Any, subjects: Any, language: str, uris: set[str] | None
) -> dict[str, list[str]]:
    """Preferred and alternative labels of subjects in one language, by URI.

    Parameters
    ----------
    vocab : AnnifVocabulary
    subjects : SubjectIndex
        Subjects in use.
    language : str
    uris : set of str or None
        Only these; None is all.
    """
    from rdflib import URIRef
    from rdflib.namespace import SKOS

    wanted = {
        subject.uri: subject.labels.get(language)
        for _, subject in subjects.active
        if uris is None or subject.uri in uris
    }
    if not wanted:
        return {}
    graph = vocab.as_graph()  # large ones take a while to load
    texts = {}
    for uri, preferred in wanted.items():
        others = graph.objects(URIRef(uri), SKOS.altLabel)
        own = [str(text) for text in others if text.language in (language, None)]
        names = dict.fromkeys(filter(None, [preferred, *sorted(own)]))
        if names:
            texts[uri] = list(names)
    return texts
