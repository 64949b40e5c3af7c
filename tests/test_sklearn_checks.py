"""Every check of scikit-learn, none expected to fail."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_inceptionxml import InceptionXMLClassifier

SMALL = {
    "embedding_dim": 16,
    "n_filters": 4,
    "kernel_sizes": (4, 8),
    "max_epochs": 2,
    "batch_size": 32,
    "random_state": 0,
}


@parametrize_with_checks(
    [InceptionXMLClassifier(head="ova", **SMALL), InceptionXMLClassifier(head="sync", **SMALL)]
)
def test_sklearn_check(estimator, check):
    check(estimator)
