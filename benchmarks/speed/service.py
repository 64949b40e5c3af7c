"""The HTTP service under load: a steady rate, malformed requests, SIGTERM, a changed model.

python benchmarks/speed/service.py MODEL [--data DIR] [--rate 200] [--seconds 60] [--workers 1]

This process is the load generator; the service runs in a process of its own, on a loopback
address. Requests go out at fixed times, whether or not earlier ones are answered, and the time of
an answer counts from then. The program ends with status 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

HOST = "127.0.0.1"
SERVE = (
    "import sys; from sk_inceptionxml.serve import run\n"
    "if __name__ == '__main__': "
    "run({'model': sys.argv[1]}, port=int(sys.argv[2]), workers=int(sys.argv[3]))"
)
SAVE_ANEW = (
    "import sys; from sk_inceptionxml import InceptionXMLClassifier as C\n"
    "m = C.load(sys.argv[1], device='cpu'); m.set_params(threshold=float(sys.argv[2]))\n"
    "m.save(sys.argv[1])"
)


class Lost(Exception):
    """A request that was sent and not answered."""


class Client:
    """Connections that are kept and used again."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.opens = True  # as a load balancer that has not seen /readyz say no
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, raw: bytes) -> tuple[int, bytes]:
        """Send a request and return the status and the body.

        Raises
        ------
        ConnectionRefusedError
            If there is no connection, and none may be opened or is accepted.
        Lost
            If it accepted one and did not answer.
        """
        while self.idle and (self.idle[-1][0].at_eof() or self.idle[-1][1].is_closing()):
            self.idle.pop()[1].close()
        if not self.idle and not self.opens:
            raise ConnectionRefusedError
        pair = self.idle.pop() if self.idle else await asyncio.open_connection(HOST, self.port)
        reader, writer = pair
        try:
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(
                line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:] if b":" in line
            )
            body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
        except (OSError, EOFError) as error:
            writer.close()
            raise Lost(repr(error)) from error
        if fields.get(b"connection", b"").strip() == b"close":
            writer.close()
        else:
            self.idle.append(pair)
        return int(head.split(b" ", 2)[1]), body

    def close(self) -> None:
        for _, writer in self.idle:
            writer.close()


def post(path: str, body: bytes, kind: str = "application/json") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
    return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def question(text: str) -> bytes:
    return post("/v1/predict", json.dumps({"texts": text, "k": 5}).encode())


@contextlib.contextmanager
def service(model: Path, workers: int) -> Iterator[tuple[subprocess.Popen, int]]:
    """A service in a process of its own, ready to answer; stopped at the end of the block."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", SERVE, str(model), str(port), str(workers)]
    if workers > 1:  # workers import the main module, which must be a file
        script = Path(tempfile.gettempdir()) / "serve_model.py"
        script.write_text(SERVE)
        command[1:3] = [str(script)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), 5) as s:
                s.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if b" 200 " in s.recv(64):
                    break
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("the service has not started")
            time.sleep(0.1)
        yield process, port
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)


class Load:
    """Requests at a fixed rate and what became of them."""

    def __init__(self, port: int, texts: list[str], rate: float) -> None:
        self.client, self.texts, self.rate = Client(port), texts, rate
        self.milliseconds: list[float] = []
        self.outcomes: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.stopped = asyncio.Event()

    async def one(self, text: str, due: float) -> None:
        try:
            status, body = await self.client.ask(question(text))
        except ConnectionRefusedError:
            self.outcomes["not accepted"] += 1
            self.stopped.set()
            return
        except (Lost, OSError) as error:
            self.outcomes[f"lost: {error}"] += 1
            return
        self.milliseconds.append((time.perf_counter() - due) * 1e3)
        self.outcomes[str(status)] += 1
        if status == 200:
            self.versions[json.loads(body)["version"]] += 1

    async def run(self, seconds: float) -> None:
        """Ask until the time is over or the service accepts nothing more."""
        start, tasks = time.perf_counter(), []
        for i in range(int(seconds * self.rate)):
            due = start + i / self.rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if self.stopped.is_set():
                break
            tasks.append(asyncio.create_task(self.one(self.texts[i % len(self.texts)], due)))
        await asyncio.gather(*tasks)
        self.client.close()

    @property
    def n_lost(self) -> int:
        return sum(
            n for outcome, n in self.outcomes.items() if outcome not in ("200", "not accepted")
        )

    def __str__(self) -> str:
        p50, p95, p99, most = np.quantile(self.milliseconds, [0.5, 0.95, 0.99, 1.0])
        times = f"p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f}, longest {most:.0f} ms"
        return f"{dict(self.outcomes)}; {times}"


def steady(model: Path, texts: list[str], args: argparse.Namespace) -> bool:
    """A fixed rate for a while: no error, p99 below the bar."""
    with service(model, args.workers) as (_, port):
        asyncio.run(_load(port, texts, 100, 3))  # what is made on first use is no part of it
        load = asyncio.run(_load(port, texts, args.rate, args.seconds))
    print(f"{args.rate:.0f} requests/s for {args.seconds:.0f} s: {load}")
    return not load.n_lost and float(np.quantile(load.milliseconds, 0.99)) < args.p99


async def _load(port: int, texts: list[str], rate: float, seconds: float) -> Load:
    load = Load(port, texts, rate)
    await load.run(seconds)
    return load


def stopped(model: Path, texts: list[str], args: argparse.Namespace) -> bool:
    """SIGTERM under load: every request on an open connection is answered."""
    with service(model, args.workers) as (process, port):

        async def both() -> Load:
            load = Load(port, texts, args.rate)
            running = asyncio.create_task(load.run(30))
            await asyncio.sleep(4)
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.5)  # a balancer has looked at /readyz by now
            load.client.opens = False
            await running
            return load

        load = asyncio.run(both())
    print(f"SIGTERM under load: {load}")
    return not load.n_lost and load.outcomes["not accepted"] > 0


def swapped(model: Path, texts: list[str], args: argparse.Namespace) -> bool:
    """A model saved over the one that is served, twice, at half the rate: no request is lost."""
    with service(model, args.workers) as (_, port):

        async def both() -> Load:
            load = Load(port, texts, args.rate / 2)
            running = asyncio.create_task(load.run(120))
            for n_versions, threshold in ((2, "0.4"), (3, "0.6")):
                await asyncio.sleep(2)
                saving = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", SAVE_ANEW, str(model), threshold
                )
                await saving.wait()
                while len(load.versions) < n_versions and not running.done():
                    await asyncio.sleep(0.1)
            load.stopped.set()
            await running
            return load

        load = asyncio.run(both())
    print(f"model changed twice under load: {load}; answers by version {dict(load.versions)}")
    return not load.n_lost and len(load.versions) >= 3


def malformed_requests(draw: random.Random) -> list[Callable[[], bytes]]:
    """Makers of requests that a correct service refuses."""

    def noise(n: int) -> bytes:
        return draw.randbytes(draw.randint(1, n))

    def bodies() -> bytes:
        wrong = [
            {}, [], 3, None, "x", {"texts": 3}, {"texts": None}, {"texts": [1]}, {"texts": [None]},
            {"texts": "x", "k": 0}, {"texts": "x", "k": -1}, {"texts": "x", "k": 10**30},
            {"texts": "x", "k": "5"}, {"texts": "x", "k": 1.5}, {"texts": "x", "k": True},
            {"texts": "x", "threshold": 2}, {"texts": "x", "threshold": "no"},
            {"texts": "x", "labels": "x"}, {"texts": "x", "labels": [[]]},
            {"texts": "x", "labels": ["no such label"]}, {"texts": "x", "model": "none"},
            {"texts": "x", "model": 3}, {"texts": "x", "extra": 1}, {"texts": "x" * 10_001},
            {"texts": ["x"] * 1001}, {"text": "x"}, {"texts": {"a": 1}}, {"texts": [["x"]]},
        ]  # fmt: skip
        return post("/v1/predict", json.dumps(draw.choice(wrong)).encode())

    return [
        bodies,
        lambda: post("/v1/predict", noise(200)),
        lambda: post("/v1/predict", b'{"texts": "' + noise(50)),
        lambda: post("/v1/predict", b"[" * draw.randint(1, 100_000)),
        lambda: post("/v1/predict", b'{"texts": "\xff\xfe"}'),
        lambda: post("/v1/predict", b'{"texts": "\\ud800", "threshold": NaN}'),
        lambda: post("/v1/predict", b'{"texts": "x", "k": NaN, "\\udfff": 1}'),
        lambda: post("/v1/predict", b'{"texts": "x", "threshold": Infinity}'),
        lambda: post("/v1/predict", b'{"texts": "' + b"x" * (1 << 20) + b'"}'),
        lambda: post("/v1/predict", b"texts=x", "application/x-www-form-urlencoded"),
        lambda: post(
            "/v1/predict", b'{"texts": "x"}', "text/plain; charset=\xff".encode().decode()
        ),
        lambda: post("/v1/explain", json.dumps({"text": draw.choice([1, [], None])}).encode()),
        lambda: post("/v1/projects/model/suggest", b"", "application/x-www-form-urlencoded"),
        lambda: post(
            "/v1/projects/model/suggest", b"text=x&limit=-1", "application/x-www-form-urlencoded"
        ),
        lambda: post("/v1/projects/model/suggest", noise(99), "multipart/form-data; boundary=x"),
        lambda: post("/v1/projects/none/suggest", b"text=x", "application/x-www-form-urlencoded"),
        lambda: b"GET /v1/predict HTTP/1.1\r\nHost: x\r\n\r\n",
        lambda: f"GET /{draw.random()} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        lambda: b"DELETE /v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
        lambda: b"GET /%ff%00../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        lambda: b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        lambda: b"\x16\x03\x01" + noise(100) + b"\r\n\r\n",
        lambda: (
            b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n2\r\n{]\r\n0\r\n\r\n"
        ),
    ]


def malformed(model: Path, texts: list[str], args: argparse.Namespace) -> bool:
    """Malformed requests: all are refused by a status of 4xx, and the memory stays as it was."""
    draw = random.Random(0)
    makers = malformed_requests(draw)
    with service(model, 1) as (process, port):

        async def send(n: int) -> Counter[str]:
            found: Counter[str] = Counter()
            client = Client(port)

            async def some() -> None:
                for _ in range(n // 8):
                    raw = draw.choice(makers)()
                    try:
                        status, _ = await asyncio.wait_for(client.ask(raw), 20)
                        found[f"{status // 100}xx"] += 1
                        if status >= 500 or status < 400:
                            print(status, raw[:200])
                    except (Lost, OSError, TimeoutError) as error:
                        found[type(error).__name__] += 1
                        print(repr(error)[:100], raw[:100])

            await asyncio.gather(*(some() for _ in range(8)))
            client.close()
            return found

        asyncio.run(send(args.malformed // 5))
        before = _memory(process.pid)
        found = asyncio.run(send(args.malformed))
        growth = _memory(process.pid) - before
        load = asyncio.run(_load(port, texts, 20, 1))  # it is as well as before
    print(
        f"{args.malformed} malformed requests: {dict(found)}; memory {growth:+.1f} MB; then {load}"
    )
    return set(found) == {"4xx"} and growth < 20 and not load.n_lost


def _memory(pid: int) -> float:
    """Resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def titles(model: Path, data: Path | None) -> list[str]:
    """Texts to ask: those of a data set, or words of the model put together."""
    if data:
        with gzip.open(data / "test.jsonl.gz", "rt", encoding="utf-8") as lines:
            return [json.loads(line)["text"] for line in lines][:5000]
    from sk_inceptionxml import InceptionXMLClassifier

    words = sorted(InceptionXMLClassifier.load(model, device="cpu").vectorizer_.vocabulary_)
    draw = random.Random(0)
    return [" ".join(draw.choices(words, k=draw.randint(2, 8))) for _ in range(2000)]


CHECKS = {"steady": steady, "malformed": malformed, "stopped": stopped, "swapped": swapped}


def main() -> None:
    """Run the checks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, help="folder with test.jsonl.gz to ask texts of")
    parser.add_argument("--rate", type=float, default=200, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--p99", type=float, default=50, help="bar in milliseconds")
    parser.add_argument("--malformed", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--check", action="append", choices=CHECKS)
    args = parser.parse_args()
    texts = titles(args.model, args.data)
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        shutil.copytree(args.model, model)  # one check saves another model over it
        for name in args.check or CHECKS:
            if not CHECKS[name](model, texts, args):
                failed.append(name)
                print(f"  {name}: below its bar")
    sys.exit(", ".join(failed) + " below the bar" if failed else 0)


if __name__ == "__main__":
    main()
