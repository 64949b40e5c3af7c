"""Every reader reads a text in one form, whatever Unicode form it comes in."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from _models import small
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.text import TokenVectorizer
from sk_inceptionxml.text.words import normalize

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
TITLES = [
    "Übungen für Häuser",
    "café crème brûlée",
    "straße nach süden",
    "한국어 문법 교실",
    "مدرسه‌ها در ایران",  # with a joiner that means something
    "हिन्दी व्याकरण",
    "カタカナ ヘボン",
    "USB stick 10 μm",
] * 6
LABELS = [[title.split()[0], str(i % 3)] for i, title in enumerate(TITLES)]


@pytest.fixture(scope="module")
def model():
    return small().fit(TITLES, LABELS)


@pytest.mark.parametrize(
    ("other", "usual"),
    [
        ("Ｕ Ｓ Ｂ", "U S B"),
        ("ﾍﾎﾞﾝ ｶﾀｶﾅ", "ヘボン カタカナ"),
        ("10 \u00b5m", "10 \u03bcm"),
        ("m² H₂O", "m2 H2O"),
        ("𝐀𝓫𝕮", "AbC"),
        ("ﻣﺪﺭﺳﻪ", "مدرسه"),
        ("ﬁne oﬃce", "fine office"),
        ("zero\u200bwidth", "zerowidth"),
        ("soft\u00adhyphen\ufeff", "softhyphen"),
        ("Latin\u200djoiner\u200c", "Latinjoiner"),
        ("\u202aleft\u202c to right\u200e", "left to right"),
        ("\u2764\ufe0f", "\u2764"),
        ("one\u00a0space", "one space"),
    ],
)
def test_compatibility_forms_are_the_usual_ones(other, usual):
    assert normalize(other) == usual
    vectorizer = TokenVectorizer().fit([usual, "another title"])
    assert vectorizer.transform([other]).ids.tolist() == vectorizer.transform([usual]).ids.tolist()


@pytest.mark.parametrize("text", ["مدرسه\u200cها", "क्\u200dष", "👩\u200d🚒", "&eacute;", "Aé ß"])
def test_what_carries_a_meaning_stays(text):
    assert normalize(text) == unicodedata.normalize("NFC", text)


@given(st.text(max_size=40))
@settings(max_examples=300)
def test_a_text_has_one_form(text):
    once = normalize(text)
    assert normalize(once) == once
    assert len({normalize(unicodedata.normalize(form, text)) for form in FORMS}) == 1


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
@settings(max_examples=60)
def test_all_readers_agree_on_the_form(model, text):
    forms = [unicodedata.normalize(form, text) for form in FORMS]
    names, scores = model.predict_topk([*forms, normalize(text)], k=3)
    assert (names == names[0]).all() and (scores == scores[0]).all()


def test_the_form_of_the_training_texts_does_not_matter():
    answers = []
    for form in FORMS:
        clf = small().fit([unicodedata.normalize(form, title) for title in TITLES], LABELS)
        answers.append(clf.predict_topk(TITLES[:8], k=3)[1])
    for found in answers[1:]:
        np.testing.assert_array_equal(found, answers[0])


def test_the_form_is_kept_by_save_and_load(model, tmp_path):
    model.save(tmp_path / "model")
    loaded = InceptionXMLClassifier.load(tmp_path / "model", device="cpu")
    query = [unicodedata.normalize("NFD", TITLES[0])]
    np.testing.assert_array_equal(loaded.predict_topk(query)[1], model.predict_topk(query)[1])
    assert loaded.vectorizer_.normalize
