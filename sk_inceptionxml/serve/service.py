"""What every request shares: models, queue, figures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request

from .batching import Batcher, Pairs
from .errors import QueueFull
from .metrics import Metrics
from .models import LoadedModel, ModelStore
from .settings import Settings

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Service:
    """Models, queue and figures of one application.

    Parameters
    ----------
    settings : Settings
    store : ModelStore
    """

    settings: Settings
    store: ModelStore
    metrics: Metrics = field(default_factory=Metrics)
    draining: bool = False
    batcher: Batcher = field(init=False)
    _watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load what is not loaded, start to predict and to look for changed models."""
        await asyncio.to_thread(self.store.load)
        self.batcher = Batcher(
            self.settings.batch_size, self.settings.queue_size, self.metrics.batch
        )
        self.batcher.start()
        self.draining = False
        if self.settings.reload_interval:
            self._watcher = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Answer what was accepted, then stop."""
        self.draining = True
        if self._watcher is not None:
            self._watcher.cancel()
        await self.batcher.close()

    async def predict(
        self,
        loaded: LoadedModel,
        texts: Sequence[str],
        k: int,
        threshold: float = 0.0,
        labels: Sequence[str | int] | None = None,
    ) -> list[list[dict[str, Any]]]:
        """Best labels of each text with their probabilities and counts.

        Raises
        ------
        QueueFull, UnknownLabel, ServiceError
        """
        finish = _finisher(loaded, k, threshold, labels)
        depth = k if labels is None else max(k, self.settings.filter_depth)
        try:
            answer = await self.batcher.predict(loaded, texts, depth, finish)
        except QueueFull:
            self.metrics.refused.inc()
            raise
        self.metrics.texts.labels(loaded.name).inc(len(texts))
        return answer

    async def explain(self, loaded: LoadedModel, text: str, label: str | int) -> Any:
        """Why a text has a label, as the model tells it.

        Raises
        ------
        QueueFull, UnknownLabel, ServiceError
        """
        name = loaded.label(label)
        return await self.batcher.call(loaded, lambda: loaded.model.explain(text, name))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.settings.reload_interval)
            try:
                await asyncio.to_thread(self.store.reload_changed, self.metrics.reload)
            except Exception:  # whatever it is, the next look may succeed
                logger.exception("Looking for changed models has failed")


def _finisher(
    loaded: LoadedModel, k: int, threshold: float, labels: Sequence[str | int] | None
) -> Callable[[Pairs], list[dict[str, Any]]]:
    wanted = None if labels is None else {loaded.label(label) for label in labels}
    counts = loaded.label_counts

    def finish(pairs: Pairs) -> list[dict[str, Any]]:
        shown = [(label, round(p, 6)) for label, p in pairs]  # what a client compares with
        kept = [
            {"label": label, "probability": p, "label_count": counts.get(label, 0)}
            for label, p in shown
            if p >= threshold and (wanted is None or label in wanted)
        ]
        return kept[:k]

    return finish


async def service_of(request: Request) -> Service:
    """The service that a request came to. Not a plain function: those go to a thread."""
    service: Service = request.app.state.service
    return service
