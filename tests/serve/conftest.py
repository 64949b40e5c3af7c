"""A saved model of a few titles, and the service around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _models import small
from starlette.testclient import TestClient

from sk_inceptionxml.serve import Settings, create_app

TITLES = ["red wooden boat", "blue wooden boat", "red paper kite", "blue paper kite"] * 10
LABELS = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"]] * 10


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "toys"
    small().fit(TITLES, LABELS).save(path)
    return path


@pytest.fixture(scope="session")
def other_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with integers as labels."""
    path = tmp_path_factory.mktemp("models") / "numbers"
    small().fit(TITLES, [[len(word) for word in names] for names in LABELS]).save(path)
    return path


@pytest.fixture(scope="session")
def client(model_dir: Path, other_dir: Path) -> Iterator[TestClient]:
    """Two models, small limits."""
    settings = Settings(
        max_body_bytes=20_000, max_texts=50, max_text_length=200, reload_interval=0, device="cpu"
    )
    app = create_app({"toys": model_dir, "numbers": other_dir}, settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
