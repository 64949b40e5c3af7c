"""The paper's settings, as constructor parameters.

>>> from sk_inceptionxml import InceptionXMLClassifier, presets
>>> clf = InceptionXMLClassifier(**presets.sync("AmazonTitles-670K"))
>>> clf.head.n_clusters, clf.head.predict_beam_size
(65536, 800)
"""

from __future__ import annotations

from typing import Any

from sk_inceptionxml.heads import OneVsAll, SyncXML

ENCODER: dict[str, Any] = {
    "embedding_dim": 300,
    "max_len": 32,
    "n_filters": 32,
    "kernel_sizes": (4, 8, 16),
    "embedding_skip": False,
    "dropout": 0.25,
    "n_neighbors": 0,
    "shuffle_words": False,
    "word_dropout": 0.0,
    "validation_fraction": 0.0,
    "max_epochs": 45,
    "batch_size": 128,
}
"""The sizes of the paper's encoder. What this package adds to it is switched off.

The learning rates are this package's own. The paper's rate of 5e-3 was made for a loss that is a
mean over batch and labels. With a sum over labels that rate does not learn.
"""

DATASETS: dict[str, dict[str, Any]] = {
    "WikiSeeAlsoTitles-350K": {
        "n_clusters": 32_768, "meta_dropout": 0.5, "classifier_dropout": 0.5,
    },
    "WikiTitles-500K": {
        "n_clusters": 65_536, "meta_dropout": 0.4, "classifier_dropout": 0.4,
    },
    "AmazonTitles-670K": {
        "n_clusters": 65_536, "meta_dropout": 0.3, "classifier_dropout": 0.5,
    },
    "AmazonTitles-3M": {
        "n_clusters": 131_072, "meta_dropout": 0.3, "classifier_dropout": 0.4,
    },
    "LF-AmazonTitles-131K": {
        "n_clusters": 16_384, "meta_dropout": 0.3, "classifier_dropout": 0.5,
    },
}  # fmt: skip
"""Settings of ``SyncXML`` by data set of the Extreme Classification Repository.

The paper's code has no dropout for LF-AmazonTitles-131K: the preset takes that of 670K.
"""

HIDDEN_DIM: dict[str, int] = {"AmazonTitles-3M": 300}
"""Width of the hidden layer by data set; elsewhere that of the encoder's feature."""

PROPENSITY: dict[str, tuple[float, float]] = {
    "WikiSeeAlsoTitles-350K": (0.55, 1.5),
    "WikiTitles-500K": (0.5, 0.4),
    "AmazonTitles-670K": (0.6, 2.6),
    "AmazonTitles-3M": (0.6, 2.6),
    "LF-AmazonTitles-131K": (0.6, 2.6),
}
"""Constants A and B of the propensity model by data set (Jain et al., 2016)."""


def _check(dataset: str) -> dict[str, Any]:
    if dataset not in DATASETS:
        raise ValueError(f"dataset must be one of {sorted(DATASETS)}, got {dataset!r}.")
    return DATASETS[dataset]


def inceptionxml(dataset: str = "AmazonTitles-670K") -> dict[str, Any]:
    """Parameters of InceptionXML, one-vs-all over every label.

    Parameters
    ----------
    dataset : str, default="AmazonTitles-670K"
        A key of ``DATASETS``.

    Returns
    -------
    parameters : dict
        For the constructor of ``InceptionXMLClassifier``.

    Raises
    ------
    ValueError
        If the data set is unknown.
    """
    own = _check(dataset)
    return {
        **ENCODER,
        "hidden_dim": HIDDEN_DIM.get(dataset),
        "head": OneVsAll(classifier_dropout=own["classifier_dropout"]),
    }


def sync(dataset: str = "AmazonTitles-670K") -> dict[str, Any]:
    """Parameters of SyncXML: 800 clusters a shortlist, extreme gradient detached for 10 epochs.

    Parameters
    ----------
    dataset : str, default="AmazonTitles-670K"
        A key of ``DATASETS``.

    Returns
    -------
    parameters : dict
        For the constructor of ``InceptionXMLClassifier``.

    Raises
    ------
    ValueError
        If the data set is unknown.
    """
    head = SyncXML(
        **_check(dataset),
        beam_size=800,
        predict_beam_size=800,
        warmup_epochs=10,
        share_negatives=False,
        max_negatives=None,
        label_optimizer="adam",
    )
    return {**ENCODER, "hidden_dim": HIDDEN_DIM.get(dataset), "head": head}
