"""One thread that predicts, for many requests together.

No request waits for a batch to fill: the thread takes what is there. While it is busy, further
texts gather, so that batches grow with the load alone.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import QueueFull, ServiceError
from .models import LoadedModel
from .settings import MOST_LABELS

logger = logging.getLogger(__name__)

Pairs = list[tuple[Any, float]]


@dataclass(eq=False)
class Job:
    """A request on its way through the queue.

    Parameters
    ----------
    loaded : LoadedModel
        The version that was current when the request was accepted.
    texts : sequence of str
    k : int
        Labels that are ranked.
    finish : callable
        Makes the answer of one text from its pairs (label, probability).
    call : callable, optional
        What is done instead of a prediction.
    """

    loaded: LoadedModel
    texts: Sequence[str]
    k: int
    finish: Callable[[Pairs], Any]
    future: asyncio.Future[Any]
    call: Callable[[], Any] | None = None
    answers: list[Any] = field(default_factory=list)
    taken: int = 0

    @property
    def size(self) -> int:
        """Texts that wait; a call counts as one."""
        return 1 if self.call else len(self.texts) - self.taken

    def goes_with(self, other: Job) -> bool:
        """Whether both can be ranked in one batch."""
        if self.call or other.call or self.loaded is not other.loaded:
            return False
        return self.k == other.k or max(self.k, other.k) <= MOST_LABELS


class Batcher:
    """The queue and its thread.

    Parameters
    ----------
    batch_size : int
        Texts of a batch at most.
    queue_size : int
        Texts that may wait. One request is always accepted where none waits.
    observe : callable
        Called with the number of texts and the seconds of every batch.
    """

    def __init__(
        self, batch_size: int, queue_size: int, observe: Callable[[int, float], None]
    ) -> None:
        self._batch_size, self._queue_size, self._observe = batch_size, queue_size, observe
        self._jobs: deque[Job] = deque()
        self._waiting = 0  # texts in the queue
        self._changed = threading.Condition()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._work, name="predictions", daemon=True)

    @property
    def waiting(self) -> int:
        """Texts in the queue."""
        return self._waiting

    def start(self) -> None:
        """Start the thread; answers go to the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """Answer everything that waits, then end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)

    async def predict(
        self,
        loaded: LoadedModel,
        texts: Sequence[str],
        k: int,
        finish: Callable[[Pairs], Any],
    ) -> list[Any]:
        """Rank texts and finish each answer, in the order of the texts.

        Raises
        ------
        QueueFull
        ServiceError
            If the model refuses a text.
        """
        answers: list[Any] = await self._submit(Job(loaded, texts, k, finish, self._future()))
        return answers

    async def call(self, loaded: LoadedModel, function: Callable[[], Any]) -> Any:
        """Call a function in the thread.

        Raises
        ------
        QueueFull
        """
        return await self._submit(Job(loaded, (), 0, list, self._future(), call=function))

    def _future(self) -> asyncio.Future[Any]:
        assert self._loop is not None, "start() comes first"
        return self._loop.create_future()

    async def _submit(self, job: Job) -> Any:
        if not job.size:
            return []
        with self._changed:
            full = self._jobs and self._waiting + job.size > self._queue_size
            if full or self._closed:
                raise QueueFull("The service is busy: too many texts wait. Try again in a second.")
            self._jobs.append(job)
            self._waiting += job.size
            self._changed.notify()
        return await job.future

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs and not self._closed:
                    self._changed.wait()
                if not self._jobs:
                    return
                batch = self._take()
            if batch:
                start = time.perf_counter()
                self._run(batch)
                n_texts = sum(len(texts) for _, texts in batch)
                self._observe(n_texts, time.perf_counter() - start)

    def _take(self) -> list[tuple[Job, Sequence[str]]]:
        """A batch from the front of the queue. A job that is not done yet goes to its end."""
        batch: list[tuple[Job, Sequence[str]]] = []
        left, kept, unfinished = self._batch_size, [], []
        while self._jobs and left:
            job = self._jobs.popleft()
            if job.future.done():  # given up, or one of its texts has failed
                self._waiting -= job.size
            elif batch and not job.goes_with(batch[0][0]):
                kept.append(job)
            elif job.call:
                batch.append((job, ()))
                self._waiting -= 1
                break
            else:
                texts = job.texts[job.taken : job.taken + left]
                job.taken += len(texts)
                left -= len(texts)
                self._waiting -= len(texts)
                batch.append((job, texts))
                if job.size:
                    unfinished.append(job)
        self._jobs.extendleft(reversed(kept))
        self._jobs.extend(unfinished)
        return batch

    def _run(self, batch: list[tuple[Job, Sequence[str]]]) -> None:
        """Answer a batch. If it fails, each job is tried alone: one bad text fails no other."""
        done: list[tuple[Job, Any]] = []
        try:
            done += self._answers(batch)
        except Exception as error:
            if len(batch) == 1:
                done.append((batch[0][0], _as_failure(error)))
            else:
                for part in batch:
                    self._run([part])
        if done:
            self._deliver(done)

    def _answers(self, batch: list[tuple[Job, Sequence[str]]]) -> list[tuple[Job, Any]]:
        """The jobs that are complete, with their answers."""
        first = batch[0][0]
        if first.call:
            return [(first, first.call())]
        texts = [text for _, some in batch for text in some]
        k = max(job.k for job, _ in batch)
        found = iter(first.loaded.model.predict_topk(texts, k=k, as_lists=True))
        parts = [[job.finish(next(found)[: job.k]) for _ in some] for job, some in batch]
        complete = []
        for (job, _), answers in zip(batch, parts, strict=True):
            job.answers += answers
            if len(job.answers) == len(job.texts):
                complete.append((job, job.answers))
        return complete

    def _deliver(self, done: list[tuple[Job, Any]]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(_resolve, done)
        except RuntimeError:  # the loop has been closed: nobody waits any more
            logger.warning("%d answers came after the end of the service", len(done))


def _as_failure(error: Exception) -> Exception:
    """What the model refuses is the client's, all else is ours."""
    if isinstance(error, (ValueError, TypeError)):
        return ServiceError(f"The model refuses this text: {error}")
    return error


def _resolve(done: list[tuple[Job, Any]]) -> None:
    for job, answer in done:
        if job.future.done():
            continue
        if isinstance(answer, Exception):
            job.future.set_exception(answer)
        else:
            job.future.set_result(answer)
