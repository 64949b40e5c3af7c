"""Ranking metrics for extreme multi-label classification, on sparse data.

All functions read the truth and the predictions the same way.

``y_true``
    Indicator matrix of shape (n_samples, n_labels), sparse in any format of SciPy, or dense. It
    holds 0 and 1, in dtype bool, int or float. Explicit zeros are not labels; an entry stored
    twice counts once.
``topk``
    A *ranking* or *scores*. A ranking is an integer array of shape (n_samples, n_places) with
    column indices, best first, and -1 where nothing is predicted. Scores are a floating-point
    array or any sparse matrix of shape (n_samples, n_labels); :func:`top_k_indices` ranks them.
    The dtype decides: dense integers are a ranking, dense floats and sparse matrices are scores.
    Only the first ``k`` places count. A place that is missing, or holds -1, counts as a miss.
``sample_weight``
    Non-negative weights of shape (n_samples,). A weight of 2 is as good as the row given twice.

Samples without any label stay in the means with the value 0, as in the Extreme Classification
Repository [1]_. Values are fractions, except in :func:`ranking_report`, which gives percent.
No function densifies or modifies its inputs.

References
----------
.. [1] Bhatia et al., "The Extreme Classification Repository: Multi-label Datasets and Code",
   http://manikvarma.org/downloads/XC/XMLRepository.html, 2016.
"""

from ._calibration import expected_calibration_error, reliability_curve
from ._coverage import precision_coverage_curve
from ._propensity import inverse_propensity, psndcg_at_k, psp_at_k
from ._ranking import coverage_at_k, ndcg_at_k, precision_at_k, recall_at_k
from ._reports import frequency_report, ranking_report
from ._topk import top_k_indices

__all__ = [
    "coverage_at_k",
    "expected_calibration_error",
    "frequency_report",
    "inverse_propensity",
    "ndcg_at_k",
    "precision_at_k",
    "precision_coverage_curve",
    "psndcg_at_k",
    "psp_at_k",
    "ranking_report",
    "recall_at_k",
    "reliability_curve",
    "top_k_indices",
]
