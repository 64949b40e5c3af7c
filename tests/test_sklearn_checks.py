"""Every check of scikit-learn, none expected to fail."""

from _models import small
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_inceptionxml.heads import SyncXML


@parametrize_with_checks([small(head="ova"), small(head="sync"), small(head=SyncXML())])
def test_sklearn_check(estimator, check):
    check(estimator)
