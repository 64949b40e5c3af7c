"""Predictions while the same object learns: the former model's answer or the new one's."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from _models import small

WORDS = ["red", "blue", "green", "old", "new", "small"]
THINGS = ["boat", "kite", "lamp", "house", "river"]
TITLES = [f"{a} {b}" for a in WORDS for b in THINGS] * 3
LISTS = [title.split() for title in TITLES]
QUERIES = [f"{a} {b} {c}" for a in WORDS[:3] for b in WORDS[3:] for c in THINGS]
N_THREADS, N_TIMES = 4, 20


def answer(clf):
    """Everything that a prediction says, as bytes."""
    names, scores = clf.predict_topk(QUERIES, k=4)
    return repr(names.tolist()).encode() + scores.tobytes()


def serve(clf, learn):
    """Answers of threads while ``learn(i)`` runs; those after each model, and the errors."""
    expected, found, errors = [answer(clf)], [], []
    over = threading.Event()

    def ask():
        while not over.is_set():
            first = len(expected) - 1
            try:
                given = answer(clf)
            except Exception as error:
                errors.append(error)
                continue
            found.append((first, len(expected), given))

    threads = [threading.Thread(target=ask) for _ in range(N_THREADS)]
    for thread in threads:
        thread.start()
    try:
        for i in range(N_TIMES):
            learn(i)
            expected.append(answer(clf))
    finally:
        over.set()
        for thread in threads:
            thread.join()
    return expected, found, errors


@pytest.mark.parametrize("head", ["ova", "sync"])
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_a_thread_gets_the_answer_of_one_model(how, head):
    clf = small(head=head, max_epochs=1, **({"n_clusters": 4} if head == "sync" else {}))
    clf.fit(TITLES, LISTS)

    def learn(i):
        clf.set_params(random_state=i)
        if how == "fit":
            clf.fit(TITLES[i:], LISTS[i:])
        else:
            clf.partial_fit([f"{WORDS[i % 6]} thing{i}"], [[WORDS[i % 6], f"label {i}"]])

    expected, found, errors = serve(clf, learn)
    assert not errors, errors[0]
    assert len(set(expected)) > N_TIMES // 2, "the models give the same answers"
    assert len(found) > N_THREADS
    for first, last, given in found:
        # a model is published a moment before its own answer is known
        assert given in expected[first : last + 1], "an answer of neither model"


def test_a_ranker_outlives_the_fit_that_replaces_it():
    clf = small().fit(TITLES, LISTS)
    ranker, rows = clf._model.ranker, clf._read_further(clf._model.ranker, QUERIES)
    before = ranker.rank(rows, 5)
    clf.partial_fit(["red moon"], [["moon"]])
    clf.fit(TITLES[:30], LISTS[:30])
    for old, new in zip(before, ranker.rank(rows, 5), strict=True):
        np.testing.assert_array_equal(old, new)
