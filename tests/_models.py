"""Small classifiers, quick to fit."""

from __future__ import annotations

from typing import Any

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.heads import HEADS, OneVsAll

SMALL: dict[str, Any] = {
    "embedding_dim": 16,
    "n_filters": 4,
    "kernel_sizes": (4, 8),
    "max_epochs": 2,
    "batch_size": 32,
    "random_state": 0,
    "device": "cpu",
}


def small(**params: Any) -> InceptionXMLClassifier:
    """A small classifier; parameters of its head may stand among the others.

    ``small(head="sync", n_clusters=3)`` has ``head=SyncXML(n_clusters=3)``. Without a name, they
    are those of ``OneVsAll``.
    """
    params = SMALL | params
    head = params.get("head", "auto")
    kind = HEADS.get(head, OneVsAll) if isinstance(head, str) else type(head)
    own = {name: params.pop(name) for name in kind._get_param_names() if name in params}
    if own:
        params["head"] = kind(**own)
    return InceptionXMLClassifier(**params)
