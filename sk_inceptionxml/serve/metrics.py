"""Figures of the service in the form of Prometheus, of all workers together."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # where the workers of one service keep their figures
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """Counters and histograms of one application."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "inceptionxml_requests",
            "Answered requests.",
            ["path", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "inceptionxml_request_seconds",
            "Time from the arrival of a request to its answer.",
            ["path"],
            buckets=SECONDS,
            registry=registry,
        )
        self.texts = Counter(
            "inceptionxml_texts", "Texts in accepted requests.", ["model"], registry=registry
        )
        self.batch_texts = Histogram(
            "inceptionxml_batch_texts", "Texts of a batch.", buckets=TEXTS, registry=registry
        )
        self.batch_seconds = Histogram(
            "inceptionxml_batch_seconds",
            "Time that the model takes for a batch.",
            buckets=SECONDS,
            registry=registry,
        )
        self.waiting = Gauge(
            "inceptionxml_queue_texts",
            "Texts that wait for the model.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.refused = Counter(
            "inceptionxml_queue_full",
            "Requests refused since the queue was full.",
            registry=registry,
        )
        self.reloads = Counter(
            "inceptionxml_reloads",
            "Models that changed on disk, by outcome.",
            ["model", "outcome"],
            registry=registry,
        )

    def batch(self, n_texts: int, seconds: float) -> None:
        """Count a batch."""
        self.batch_texts.observe(n_texts)
        self.batch_seconds.observe(seconds)

    def reload(self, model: str, outcome: str) -> None:
        """Count a changed model."""
        self.reloads.labels(model, outcome).inc()

    def page(self) -> bytes:
        """All figures as text, those of other workers included."""
        folder = os.environ.get(SHARED)
        if not folder:
            return generate_latest(self.registry)
        _forget_dead_workers(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=folder)
        return generate_latest(registry)


def _forget_dead_workers(folder: Path) -> None:
    for path in folder.glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid, path=str(folder))
        except OSError:
            pass
