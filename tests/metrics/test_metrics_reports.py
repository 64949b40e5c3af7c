"""Reports of several metrics against the single ones and brute force."""

import numpy as np
import pytest
import scipy.sparse as sp
from _ranking_problems import TOP, Y, indicator, problems, quick, score
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sk_inceptionxml.metrics import (
    frequency_report,
    inverse_propensity,
    ndcg_at_k,
    precision_at_k,
    psndcg_at_k,
    psp_at_k,
    ranking_report,
    recall_at_k,
)


@quick
@given(problem=problems(), k=st.integers(1, 9))
def test_report_equals_the_single_metrics(problem, k):
    truth, ranking, n_labels, row_weight, label_weight = problem
    y = indicator(truth, n_labels)
    report = ranking_report(
        y,
        ranking,
        ks=(1, k),
        recall_ks=(1, k),
        inverse_propensity=label_weight,
        sample_weight=row_weight,
    )
    names = {precision_at_k: "P", ndcg_at_k: "nDCG", psp_at_k: "PSP", psndcg_at_k: "PSnDCG"}
    expected = {
        f"{name}@{j}": 100 * score(metric, y, ranking, j, label_weight, row_weight)
        for metric, name in names.items()
        for j in (1, k)
    }
    for j in (1, k):
        if j <= ranking.shape[1]:
            expected[f"R@{j}"] = 100 * recall_at_k(y, ranking, k=j, sample_weight=row_weight)
    assert report == pytest.approx(expected)


@quick
@given(problem=problems(), k=st.integers(1, 9), data=st.data())
def test_frequency_report_equals_brute_force(problem, k, data):
    truth, ranking, n_labels, row_weight, _ = problem
    count = st.integers(0, 12)
    counts = data.draw(st.lists(count, min_size=n_labels, max_size=n_labels))
    weight = data.draw(st.sampled_from([None, row_weight]))
    table = frequency_report(
        indicator(truth, n_labels), ranking, counts, k=k, edges=(0, 1, 3, 10), sample_weight=weight
    )
    assert table["bucket"].tolist() == ["0", "1-2", "3-9", "10+"]
    members = [{0}, {1, 2}, set(range(3, 10)), set(range(10, 99))]
    for allowed, row in zip(members, table.to_dict("records"), strict=True):
        inside = {label for label in range(n_labels) if counts[label] in allowed}
        positives = predicted = found = 0
        for labels, ranked, w in zip(
            truth, ranking.tolist(), weight or [1] * len(truth), strict=True
        ):
            shown = inside & set(ranked[:k])
            positives += w * len(labels & inside)
            predicted += w * len(shown)
            found += w * len(shown & labels)
        assert row["n_labels"] == len(inside)
        assert (row["n_positives"], row["n_predicted"]) == (positives, predicted)
        assert_allclose(row[f"recall@{k}"], found / positives if positives else np.nan)
        assert_allclose(row["precision"], found / predicted if predicted else np.nan)


def messy_copies(y):
    """Yield the same labels in every storage a caller may hand over."""
    rng = np.random.default_rng(1)
    rows, cols = np.nonzero(y)
    zero_rows, zero_cols = np.nonzero(y == 0)
    for dtype in (bool, np.int8, np.float32):
        r = np.concatenate([rows, rows, zero_rows])
        c = np.concatenate([cols, cols, zero_cols])
        v = np.concatenate([np.ones(2 * len(rows)), np.zeros(len(zero_rows))]).astype(dtype)
        order = rng.permutation(len(r))
        order = order[np.argsort(r[order], kind="stable")]
        indptr = np.searchsorted(r[order], np.arange(len(y) + 1)).astype(np.int32)
        parts = (v[order], c[order].astype(np.int32), indptr)
        for part in parts:
            part.flags.writeable = False
        csr = sp.csr_array(parts, shape=y.shape)
        coo = sp.coo_matrix((v, (r, c)), shape=y.shape)
        yield from (csr, sp.csr_matrix(y.astype(dtype)), sp.csc_array(y.astype(dtype)), coo)
        yield y.astype(dtype)
    # Sorted, every label stored twice.
    once = sp.csr_array(y)
    parts = (np.repeat(once.data, 2), np.repeat(once.indices, 2), 2 * once.indptr)
    yield sp.csr_array(parts, shape=y.shape)
    yield y.tolist()
    yield sp.lil_matrix(y)
    yield sp.dok_array(y)


def test_storage_of_the_truth_does_not_matter():
    rng = np.random.default_rng(2)
    y = (rng.random((9, 14)) < 0.25).astype(int)
    y[3] = 0
    weights = inverse_propensity(y)
    topk = np.argsort(rng.random(y.shape), axis=1)[:, :6].astype(np.int32)
    topk.flags.writeable = False
    expected = ranking_report(y, topk, inverse_propensity=weights, recall_ks=[6])
    table = frequency_report(y, topk, y.sum(axis=0), k=6)
    assert 0 < expected["P@5"] < 100
    for form in messy_copies(y):
        before = form.copy() if sp.issparse(form) else None
        report = ranking_report(form, topk, inverse_propensity=weights, recall_ks=[6])
        assert report == expected
        assert table.equals(frequency_report(form, topk, y.sum(axis=0), k=6))
        assert_array_equal(inverse_propensity(form), weights)
        if sp.issparse(form) and form.format == "csr":
            assert form.nnz == before.nnz
            assert_array_equal(form.indices, before.indices)
    for dtype in (np.uint8, np.int16, np.int64, np.uint64):
        assert precision_at_k(y, topk.astype(dtype)) == precision_at_k(y, topk)
    assert precision_at_k(y, topk.tolist()) == precision_at_k(y, topk)


def test_report_holds_what_topk_holds():
    y = sp.csr_array(np.eye(20, dtype=int))
    ranking = np.tile(np.arange(20), (20, 1))
    plain = ["P@1", "P@3", "P@5", "nDCG@1", "nDCG@3", "nDCG@5"]
    assert list(ranking_report(y, ranking[:, :9])) == plain
    assert list(ranking_report(y, ranking)) == [*plain, "R@10"]
    assert list(ranking_report(y, np.zeros((20, 20)))) == [*plain, "R@10"]
    scores = sp.csr_array(np.tri(20) * 0.5)
    assert list(ranking_report(y, scores, recall_ks=(20, 21))) == [*plain, "R@20"]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: frequency_report(Y, TOP, [1, 2]), "label_counts must have shape"),
        (lambda: frequency_report(Y, TOP, [1, 2, 3], edges=(1, 5)), "rising from 0"),
        (lambda: frequency_report(Y, TOP, [1, 2, 3], edges=(0, 5, 5)), "rising from 0"),
        (lambda: frequency_report(Y, TOP, [1, 2, 3], edges=()), "rising from 0"),
    ],
)
def test_errors_of_the_frequency_report(call, match):
    with pytest.raises(ValueError, match=match):
        call()
