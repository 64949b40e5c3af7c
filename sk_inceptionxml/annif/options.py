"""Settings of an Annif project as parameters of the estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sk_inceptionxml.cli import parameters
from sk_inceptionxml.cli.failures import Failure

# what Annif reads of any project
OF_ANNIF = frozenset(
    "name language backend analyzer vocab access transform limit allow_learn".split()
)
LABEL_TEXTS = "label_texts"
WHOSE_TEXTS = ("no", "seen", "all")


def estimator_parameters(settings: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of ``InceptionXMLClassifier``.

    Parameters
    ----------
    settings : mapping of str to object
        Those of a project. Text is read as a Python or TOML value.
    shared : mapping of str to object
        Settings that every project of the file gets; those that are no parameters are left out.

    Raises
    ------
    ValueError, TypeError
        If a name or a value is wrong. The message names it.
    """
    from sk_inceptionxml import InceptionXMLClassifier

    known = InceptionXMLClassifier().get_params(deep=False)
    own = {name: value for name, value in settings.items() if name not in OF_ANNIF | {LABEL_TEXTS}}
    for name in set(own) & set(shared):
        if name.partition("__")[0] not in known:
            del own[name]
    given = {
        name: parameters.parse_value(value) if isinstance(value, str) else value
        for name, value in own.items()
    }
    try:
        return parameters.build(given, known)
    except Failure as error:
        raise ValueError(str(error)) from error


def whose_label_texts(settings: Mapping[str, Any]) -> str:
    """Which subjects the model knows by their labels in the vocabulary.

    Raises
    ------
    ValueError
        If ``label_texts`` is none of the known words.
    """
    word = str(settings.get(LABEL_TEXTS, "no")).lower()
    word = {"false": "no", "true": "seen", "yes": "seen", "none": "no"}.get(word, word)
    if word not in WHOSE_TEXTS:
        raise ValueError(
            f"label_texts must be one of {', '.join(WHOSE_TEXTS)}, got {settings[LABEL_TEXTS]!r}"
        )
    return word
