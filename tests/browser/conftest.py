"""A real Chromium against a real service. Run by ``make test-browser``, not by ``make test``."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from _models import small
from selenium import webdriver
from selenium.webdriver.chrome.service import Service as Driver

from sk_inceptionxml import InceptionXMLClassifier
from sk_inceptionxml.serve import Settings, create_app

TOKEN = "open-sesame"
TITLES = ["red wooden boat", "blue wooden boat", "red paper kite", "blue paper kite"] * 10
LABELS = [["red", "boat"], ["blue", "boat"], ["red", "kite"], ["blue", "kite"]] * 10
QUIET = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


def explain(self: Any, text: str, label: Any) -> dict[str, Any]:
    """An explanation of the documented form, where the estimator has none of its own."""
    return {
        "text": text,
        "label": label,
        "probability": 0.75,
        "log_odds": 1.1,
        "parts": [
            {"name": "network", "contribution": 1.5},
            {"name": "neighbours", "contribution": -0.4},
        ],
        "words": [{"word": word, "contribution": 0.3} for word in text.split()],
        "neighbours": [
            {"row": 3, "text": None, "labels": ["kite"], "similarity": 0.5, "contribution": 0.1}
        ],
        "label_count": 20,
    }


@pytest.fixture(scope="session", autouse=True)
def explanations() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if not hasattr(InceptionXMLClassifier, "explain"):
            patch.setattr(InceptionXMLClassifier, "explain", explain, raising=False)
        yield


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("PLAYGROUND_MODEL")
    path = Path(given) if given else tmp_path_factory.mktemp("models") / "toys"
    if not given:
        small().fit(TITLES, LABELS).save(path)
    return path


class Running:
    """A service in a thread."""

    def __init__(self, models: dict[str, Path], settings: Settings) -> None:
        app = create_app(models, settings)
        self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive(), "the service has not started"
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}/"

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)


@pytest.fixture(scope="session")
def service(model_dir: Path) -> Iterator[Running]:
    settings = Settings(examples=("red boat", "blue kite"), reload_interval=0, device="cpu")
    running = Running({"toys": model_dir, "twin": model_dir}, settings)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def guarded(model_dir: Path) -> Iterator[Running]:
    running = Running({"toys": model_dir}, Settings(token=TOKEN, reload_interval=0, device="cpu"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def chromium(downloads: Path) -> Iterator[webdriver.Chrome]:
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    assert binary and driver, "install Chromium and its driver: apt-get install chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in QUIET:
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Driver(driver))
    yield browser
    browser.quit()
