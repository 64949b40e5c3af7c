"""Predictions, explanations, limits and errors over HTTP."""

import json
import re

import pytest

from sk_inceptionxml import InceptionXMLClassifier


@pytest.fixture(scope="module")
def model(model_dir):
    return InceptionXMLClassifier.load(model_dir, device="cpu")


def predict(client, **question):
    answer = client.post("/v1/predict", json=question)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(answer):
    return [[entry["label"] for entry in text["labels"]] for text in answer["predictions"]]


def test_answers_are_those_of_the_model(client, model):
    texts = ["a red boat", "blue kite", "", "unheard of", "红色"]
    answer = predict(client, texts=texts, k=3)
    assert answer["model"] == "toys"
    for text, found in zip(texts, answer["predictions"], strict=True):
        expected = model.predict_topk([text], k=3, as_lists=True)[0]
        assert [e["label"] for e in found["labels"]] == [label for label, _ in expected]
        for entry, (label, probability) in zip(found["labels"], expected, strict=True):
            assert entry["probability"] == pytest.approx(probability, abs=1e-5)
            column = model.classes_.tolist().index(label)
            assert entry["label_count"] == model.label_counts_[column] == 20


def test_half_a_surrogate_is_a_character_like_others(client):
    json_headers = {"content-type": "application/json"}
    answer = client.post("/v1/predict", content=b'{"texts": "\\ud800 boat"}', headers=json_headers)
    assert answer.status_code == 200


def test_one_text_and_a_list_of_one_get_the_same_answer(client):
    assert predict(client, texts="red boat") == predict(client, texts=["red boat"])


def test_no_text_gets_no_prediction(client):
    assert predict(client, texts=[])["predictions"] == []


def test_k_bounds_the_labels(client):
    assert len(names(predict(client, texts="red boat", k=2))[0]) == 2
    assert len(names(predict(client, texts="red boat", k=100))[0]) == 4


def test_threshold_leaves_out_unlikely_labels(client):
    every = predict(client, texts="red boat", k=4)["predictions"][0]["labels"]
    bar = every[1]["probability"]
    kept = predict(client, texts="red boat", k=4, threshold=bar)["predictions"][0]["labels"]
    assert kept == [entry for entry in every if entry["probability"] >= bar]
    assert 0 < len(kept) < 4


def test_a_filter_keeps_the_order_and_k_counts_after_it(client):
    order = names(predict(client, texts="red boat", k=4))[0]
    wanted = [order[3], order[1]]
    assert names(predict(client, texts="red boat", k=4, labels=wanted))[0] == [order[1], order[3]]
    assert names(predict(client, texts="red boat", k=1, labels=wanted))[0] == [order[1]]
    assert names(predict(client, texts="red boat", labels=[]))[0] == []


def test_a_model_is_chosen_by_name(client):
    answer = predict(client, texts="red boat", model="numbers")
    assert set(names(answer)[0]) == {3, 4}
    assert names(predict(client, texts="red", model="numbers", labels=["4"]))[0] == [4]


def test_models_are_described(client):
    toys, numbers = client.get("/v1/models").json()["models"]
    assert (toys["name"], toys["default"], numbers["default"]) == ("toys", True, False)
    assert (toys["n_labels"], toys["n_texts"]) == (4, 40)
    assert toys["version"] == predict(client, texts="x")["version"] != numbers["version"]


WRONG = {
    "no texts": {},
    "a number": {"texts": 3},
    "numbers": {"texts": [1]},
    "null in the list": {"texts": ["x", None]},
    "k of 0": {"texts": "x", "k": 0},
    "k of 101": {"texts": "x", "k": 101},
    "k as text": {"texts": "x", "k": "5"},
    "k as a flag": {"texts": "x", "k": True},
    "threshold of 2": {"texts": "x", "threshold": 2},
    "labels as text": {"texts": "x", "labels": "red"},
    "an unknown label": {"texts": "x", "labels": ["green"]},
    "an unknown field": {"texts": "x", "top": 3},
    "too many texts": {"texts": ["x"] * 51},
    "a long text": {"texts": ["x", "y" * 201]},
}


@pytest.mark.parametrize("question", WRONG.values(), ids=WRONG)
def test_bad_questions_are_refused_with_a_reason(client, question):
    answer = client.post("/v1/predict", json=question)
    assert answer.status_code == 422
    assert set(answer.json()["error"]) == {"code", "message"}
    field = next((name for name in question if name != "texts"), "text")
    assert field.rstrip("s") in answer.json()["error"]["message"].lower()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 15_000,
        b'{"texts": "\xff"}',
        b'{"texts": ["\\udfff"], "\\ud800": 1}',
        b'{"texts": "x", "threshold": NaN}',
        b'{"texts": "x", "k": NaN}',
        b'{"texts": "x", "k": Infinity}',
        b'{"texts": "x", "k": 1e999}',
        b'{"texts": "x", "k": ' + b"9" * 5000 + b"}",
        b'"texts"',
    ],
)
@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain"])
def test_malformed_bodies_are_the_clients_fault(client, path, body):
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["message"]


def test_large_bodies_are_refused_before_they_are_read(client):
    answer = client.post("/v1/predict", content=b"x" * 20_001)
    assert answer.status_code == 413
    assert "20,000 bytes" in answer.json()["error"]["message"]


def test_large_bodies_of_unknown_length_are_refused_too(client):
    answer = client.post("/v1/predict", content=(b"x" * 5000 for _ in range(100)))
    assert "content-length" not in answer.request.headers
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/v1/predict", 405),
        ("POST", "/v1/models", 405),
        ("GET", "/v1/projects/nothing", 404),
    ],
)
def test_wrong_addresses_are_errors_in_json(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_unknown_models_name_the_known_ones(client):
    answer = client.post("/v1/predict", json={"texts": "x", "model": "trees"})
    assert answer.status_code == 404
    assert "'toys', 'numbers'" in answer.json()["error"]["message"]


def test_explanations_are_those_of_the_model(client, monkeypatch):
    def explain(self, text, label):
        return {"text": text, "label": label, "log_odds": float("-inf"), "words": [{"word": "x"}]}

    monkeypatch.setattr(InceptionXMLClassifier, "explain", explain)
    answer = client.post("/v1/explain", json={"text": "a boat", "label": "4", "model": "numbers"})
    assert answer.json() == {
        "model": "numbers",
        "text": "a boat",
        "label": 4,
        "log_odds": None,
        "words": [{"word": "x"}],
    }
    unknown = client.post("/v1/explain", json={"text": "a boat", "label": "green"})
    assert unknown.status_code == 422
    assert "'green'" in unknown.json()["error"]["message"]


def test_a_failure_of_the_model_is_not_the_clients(client, monkeypatch):
    def explain(self, text, label):
        raise RuntimeError("secret path")

    monkeypatch.setattr(InceptionXMLClassifier, "explain", explain)
    answer = client.post("/v1/explain", json={"text": "x", "label": "red"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert names(predict(client, texts="red boat"))  # and the service goes on


def test_health_and_readiness(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["models"]) == (200, ["toys", "numbers"])


def test_figures_count_what_happened(client):
    def value(name):
        found = re.search(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    texts = 'inceptionxml_texts_total{model="toys"}'
    refused = 'inceptionxml_requests_total{path="/v1/predict",status="422"}'
    before = value(texts), value(refused)
    predict(client, texts=["a", "b", "c"])
    client.post("/v1/predict", json={})
    assert (value(texts), value(refused)) == (before[0] + 3, before[1] + 1)
    assert value("inceptionxml_batch_seconds_count") > 0


def test_paths_that_clients_make_up_add_no_figures(client):
    for i in range(3):
        client.get(f"/made-up-{i}")
    assert "made-up" not in client.get("/metrics").text


def test_the_api_is_described(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/predict", "/v1/explain", "/v1/models", "/healthz"} <= set(paths)
    example = paths["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert "schema" in example


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_use_nothing_from_outside(client, path):
    answer = client.get(path)
    assert answer.headers["content-type"].startswith("text/html")
    links = re.findall(r"""(?:src|href|action)=["']?([^"'\s>]+)""", answer.text)
    outside = [link for link in links if re.match(r"(https?:)?//", link)]
    assert not outside
    for link in (link for link in links if link.startswith("/")):
        assert client.get(link).status_code == 200


def test_the_page_runs_its_own_scripts_alone(client):
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert policy.count("'sha256-") == 2  # its script and its style


def test_json_is_unicode(client):
    raw = client.post("/v1/predict", json={"texts": "x"}).content
    assert json.loads(raw.decode("utf-8"))
