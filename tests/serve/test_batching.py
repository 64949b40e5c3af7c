"""The queue: who is answered together, in which order, and what is refused."""

import asyncio
import threading
import time
from datetime import UTC, datetime

import pytest

from sk_inceptionxml.serve.batching import Batcher
from sk_inceptionxml.serve.errors import QueueFull, ServiceError
from sk_inceptionxml.serve.models import LoadedModel


class Model:
    """Answers with the text itself, as soon as ``gate`` is open."""

    def __init__(self):
        self.batches, self.gate = [], threading.Event()
        self.gate.set()

    def predict_topk(self, texts, k, as_lists):
        self.gate.wait(10)
        self.batches.append(list(texts))
        if "bad" in texts:
            raise ValueError("bad text")
        return [[(text, 1.0)] * k for text in texts]


def loaded(model):
    now = datetime.now(UTC)
    return LoadedModel("m", model, "1", now, now, (), {})


def first_label(pairs):
    return pairs[0][0]


def run(scenario, **limits):
    """Run a coroutine function with a model, its loaded form and a batcher."""

    async def whole():
        model = Model()
        sizes = {"batch_size": 4, "queue_size": 10} | limits
        batcher = Batcher(**sizes, observe=lambda n, seconds: None)
        batcher.start()
        try:
            return await asyncio.wait_for(scenario(model, loaded(model), batcher), 20)
        finally:
            model.gate.set()
            await batcher.close()

    return asyncio.run(whole())


async def ask(batcher, served, texts, k=1):
    return await batcher.predict(served, texts, k, first_label)


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


async def busy(model, served, batcher):
    """Keep the thread in a batch of its own until the gate opens."""
    model.gate.clear()
    task = asyncio.create_task(ask(batcher, served, ["first"]))
    await asyncio.sleep(0)  # until it is in the queue
    await until(lambda: batcher.waiting == 0)  # and then with the model
    return task


def test_answers_come_in_the_order_of_the_texts():
    async def scenario(model, served, batcher):
        texts = [f"t{i}" for i in range(11)]
        assert await ask(batcher, served, texts[:10]) == texts[:10]
        assert max(map(len, model.batches)) == 4

    run(scenario)


def test_a_lone_request_waits_for_nobody():
    async def scenario(model, served, batcher):
        start = time.perf_counter()
        for _ in range(20):
            await ask(batcher, served, ["x"])
        assert (time.perf_counter() - start) / 20 < 0.02
        assert model.batches == [["x"]] * 20

    run(scenario)


def test_requests_that_wait_are_answered_together():
    async def scenario(model, served, batcher):
        first = await busy(model, served, batcher)
        others = [asyncio.create_task(ask(batcher, served, [f"t{i}"], k=i + 1)) for i in range(4)]
        await until(lambda: batcher.waiting == 4)
        model.gate.set()
        assert await asyncio.gather(first, *others) == [["first"], ["t0"], ["t1"], ["t2"], ["t3"]]
        assert model.batches == [["first"], ["t0", "t1", "t2", "t3"]]

    run(scenario)


def test_a_long_list_lets_others_in_between():
    async def scenario(model, served, batcher):
        first = await busy(model, served, batcher)
        long = asyncio.create_task(ask(batcher, served, [f"long{i}" for i in range(9)]))
        await until(lambda: batcher.waiting == 9)
        short = asyncio.create_task(ask(batcher, served, ["short"]))
        await until(lambda: batcher.waiting == 10)
        model.gate.set()
        await asyncio.gather(first, long, short)
        place = next(i for i, batch in enumerate(model.batches) if "short" in batch)
        assert place == 2  # after one batch of the long list, before the rest of it

    run(scenario)


def test_versions_of_a_model_are_never_mixed():
    async def scenario(model, served, batcher):
        other = Model()
        first = await busy(model, served, batcher)
        pairs = [(served, "a0"), (loaded(other), "b0"), (served, "a1"), (loaded(other), "b1")]
        tasks = [asyncio.create_task(ask(batcher, which, [text])) for which, text in pairs]
        await until(lambda: batcher.waiting == 4)
        model.gate.set()
        assert await asyncio.gather(*tasks) == [["a0"], ["b0"], ["a1"], ["b1"]]
        await first
        assert model.batches == [["first"], ["a0", "a1"]]
        assert other.batches == [["b0"], ["b1"]]

    run(scenario)


def test_a_full_queue_refuses_and_recovers():
    async def scenario(model, served, batcher):
        first = await busy(model, served, batcher)
        waiting = asyncio.create_task(ask(batcher, served, ["x"] * 9))
        await until(lambda: batcher.waiting == 9)
        with pytest.raises(QueueFull):
            await ask(batcher, served, ["y"] * 2)
        fits = asyncio.create_task(ask(batcher, served, ["z"]))
        model.gate.set()
        assert await fits == ["z"]
        await asyncio.gather(first, waiting)
        assert batcher.waiting == 0

    run(scenario)


def test_a_request_larger_than_the_queue_is_taken_by_an_empty_one():
    async def scenario(model, served, batcher):
        assert len(await ask(batcher, served, ["x"] * 25)) == 25

    run(scenario)


def test_a_bad_text_fails_no_other_request():
    async def scenario(model, served, batcher):
        first = await busy(model, served, batcher)
        tasks = [asyncio.create_task(ask(batcher, served, [t])) for t in ("good", "bad", "fine")]
        await until(lambda: batcher.waiting == 3)
        model.gate.set()
        found = await asyncio.gather(first, *tasks, return_exceptions=True)
        assert [found[1], found[3]] == [["good"], ["fine"]]
        assert isinstance(found[2], ServiceError) and found[2].status == 422
        with pytest.raises(ServiceError):  # a later part of it is not asked again
            await ask(batcher, served, ["bad"] + ["x"] * 8)
        await until(lambda: batcher.waiting == 0)

    run(scenario)


def test_requests_that_were_given_up_take_no_time():
    async def scenario(model, served, batcher):
        first = await busy(model, served, batcher)
        given_up = asyncio.create_task(ask(batcher, served, ["nobody waits"]))
        await until(lambda: batcher.waiting == 1)
        given_up.cancel()
        await asyncio.sleep(0)
        model.gate.set()
        await first
        await ask(batcher, served, ["last"])
        assert ["nobody waits"] not in model.batches

    run(scenario)


def test_closing_answers_what_waits_and_takes_no_more():
    async def scenario(model, served, batcher):
        first = await busy(model, served, batcher)
        waiting = [asyncio.create_task(ask(batcher, served, ["x"] * 3)) for _ in range(3)]
        await until(lambda: batcher.waiting == 9)
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0.01)
        with pytest.raises(QueueFull):
            await ask(batcher, served, ["late"])
        model.gate.set()
        await closing
        assert await asyncio.gather(*waiting) == [["x"] * 3] * 3
        await first

    run(scenario)


def test_calls_run_in_the_same_thread():
    async def scenario(model, served, batcher):
        name = await batcher.call(served, lambda: threading.current_thread().name)
        assert name == "predictions"
        with pytest.raises(ServiceError, match="no such text"):
            await batcher.call(served, _refuse)

    run(scenario)


def _refuse():
    raise ValueError("no such text")
