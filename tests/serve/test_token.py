"""Who is let in."""

import base64

import pytest
from starlette.testclient import TestClient

from sk_inceptionxml.serve import Settings, create_app

TOKEN = "s3cret-token"


@pytest.fixture(scope="module")
def guarded(model_dir):
    with TestClient(create_app({"toys": model_dir}, Settings(token=TOKEN))) as client:
        yield client


def basic(pair):
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize("path", ["/v1/models", "/v1/projects/toys", "/metrics"])
@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic(f"annif:{TOKEN}")])
def test_the_token_opens(guarded, path, header):
    assert guarded.get(path, headers={"Authorization": header}).status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/v1/projects/toys", "/metrics", "/v1/nothing"])
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        "Bearer wrong",
        f"Token {TOKEN}",
        TOKEN,
        basic(TOKEN),
        basic("annif:wrong"),
        "Basic %%%",
        "Bearer \xfc",
    ],
)
def test_anything_else_does_not(guarded, path, header):
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = guarded.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text


def test_bodies_are_not_read_without_the_token(guarded):
    assert guarded.post("/v1/predict", content=b"x" * 3_000_000).status_code == 401


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/healthz", "/readyz"])
def test_what_holds_no_secret_is_open(guarded, path):
    assert guarded.get(path).status_code == 200
