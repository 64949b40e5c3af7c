"""The form that the ``http`` backend of Annif speaks."""

from datetime import datetime

import pytest
from starlette.testclient import TestClient

from sk_inceptionxml.serve import Settings, create_app

ENDPOINT = "/v1/projects/toys/suggest"


def suggest(client, **form):
    answer = client.post(ENDPOINT, data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def test_a_project_is_found_where_annif_looks(client):
    project = client.get(ENDPOINT.replace("/suggest", "")).json()
    assert project["is_trained"] is True
    assert datetime.fromisoformat(project["modification_time"]).tzinfo is not None
    assert project["project_id"] == "toys"
    listed = client.get("/v1/projects").json()["projects"]
    assert [p["project_id"] for p in listed] == ["toys", "numbers"]


def test_suggestions_are_the_predictions(client):
    found = suggest(client, text="red boat", limit="3", project="toys", metadata_title="x")
    answer = client.post("/v1/predict", json={"texts": "red boat", "k": 3}).json()
    expected = [(e["label"], e["probability"]) for e in answer["predictions"][0]["labels"]]
    assert [(hit["uri"], hit["score"]) for hit in found] == expected
    assert all(hit["label"] == hit["uri"] for hit in found)


def test_limit_and_threshold(client):
    assert len(suggest(client, text="red boat")) == 4  # of 10
    assert len(suggest(client, text="red boat", limit="5000")) == 4
    assert suggest(client, text="red boat", limit="0") == []
    assert suggest(client, text="red boat", threshold="1") == []


def test_documents_are_cut_and_not_refused(client):
    long = "red boat " + "x" * 1000
    assert suggest(client, text=long) == suggest(client, text=long[:200])


def test_labels_that_are_numbers_become_text(client):
    answer = client.post("/v1/projects/numbers/suggest", data={"text": "red boat"}).json()
    assert {hit["uri"] for hit in answer["results"]} == {"3", "4"}


@pytest.mark.parametrize("form", [{}, {"text": "x", "limit": "-1"}, {"text": "x", "limit": "y"}])
def test_bad_forms_are_refused(client, form):
    assert client.post(ENDPOINT, data=form).status_code == 422


def test_the_name_of_the_directory_is_a_project_too(model_dir):
    app = create_app({"other": model_dir}, Settings(reload_interval=0))
    with TestClient(app) as client:
        assert client.get("/v1/projects/toys").json()["project_id"] == "other"
        assert client.get("/v1/projects/other").json()["project_id"] == "other"
