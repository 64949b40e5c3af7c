"""Run the application under uvicorn, in one process or in several."""

from __future__ import annotations

import copy
import ipaddress
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from numbers import Integral
from typing import Any

import uvicorn
from fastapi import FastAPI
from threadpoolctl import threadpool_limits
from uvicorn.config import LOGGING_CONFIG
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.supervisors import Multiprocess

from sk_inceptionxml.persistence.files import format_errors
from sk_inceptionxml.persistence.model import read_manifest

from .app import build_app
from .metrics import SHARED
from .middleware import CLOSING
from .models import ModelStore
from .settings import Settings

SWITCH_INTERVAL = 5e-4  # seconds
KEEP_ALIVE = 75  # seconds; longer than proxies keep theirs, which must not meet a closed one
WORKER_TIMEOUT = 60  # seconds; a worker that imports torch on a busy machine is not dead
LAST_REQUESTS = 0.5  # seconds in which open connections may still ask when the service ends

logger = logging.getLogger(__name__)


class PatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """A connection that is not closed while its next request may be on its way."""

    def shutdown(self) -> None:
        """Close after the next answer, or a little later if no request comes."""
        self.app_state[CLOSING] = True
        self.loop.call_later(LAST_REQUESTS, super().shutdown)


class Workers(Multiprocess):
    """Worker processes around one socket."""

    def terminate_all(self) -> None:
        """End the workers; without them nobody would answer what this process's socket accepts."""
        for sock in self.sockets:
            sock.close()
        super().terminate_all()


def run(
    models: Mapping[str, str | os.PathLike[str]],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    workers: int = 1,
    settings: Settings | None = None,
    log_level: str = "info",
    access_log: bool = False,
) -> None:
    """Serve saved models over HTTP until SIGTERM or Ctrl-C.

    Parameters
    ----------
    models : mapping of str to path
        Directories of saved models by the names they are served under; the first one is the
        default.
    host : str, default="127.0.0.1"
        Address to listen at. The default is reachable from this machine alone.
    port : int, default=8000
        0 takes a free one, which the log names.
    token : str or None, default=None
        Bearer token that clients must send; takes the place of that of ``settings``.
    workers : int, default=1
        Processes that answer. Each has the models in memory.
    settings : Settings, optional
        Limits and habits.
    log_level : str, default="info"
    access_log : bool, default=False
        Log a line for every request. Texts are never logged.

    Raises
    ------
    ModelFormatError
        If a directory is not a saved model.
    TypeError, ValueError
        If an argument is not of its type or not in its range.
    """
    for name, value, least, most in (("port", port, 0, 65535), ("workers", workers, 1, 1024)):
        if not isinstance(value, Integral) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(
                f"{name} must be an integer from {least} to {most}, got {value!r:.80}."
            )
    settings = settings or Settings()
    if token is not None:
        settings = replace(settings, token=token)
    # one processor is left to what is not prediction: sockets, JSON, the system
    threads = settings.threads or max(1, (_processors() - 1) // workers)
    store = ModelStore(models, settings.device, settings.mmap)
    _check_directories(store)
    config = uvicorn.Config(
        partial(_start_app, models, settings, threads),
        factory=True,
        host=host,
        port=int(port),
        workers=int(workers),
        log_config=_log_config(log_level),
        log_level=log_level,
        access_log=access_log,
        timeout_keep_alive=KEEP_ALIVE,
        server_header=False,
        lifespan="on",
        ws="none",
        http=PatientProtocol,
        timeout_worker_healthcheck=WORKER_TIMEOUT,
    )
    if settings.token is None and not _is_loopback(host):
        logger.warning("Everybody who reaches %s can use this service; set a token.", host)
    if workers == 1:
        store.load()  # an error of a model is the caller's to see
        config.app = partial(build_app, store, settings)
        with _few_threads(threads):
            uvicorn.Server(config).run()
        return
    with _shared_figures():
        Workers(config, sockets=[config.bind_socket()]).run()


def _start_app(
    models: Mapping[str, str | os.PathLike[str]], settings: Settings, threads: int
) -> FastAPI:
    """The application of one of several workers, which is this process."""
    _use_few_threads(threads)
    return build_app(ModelStore(models, settings.device, settings.mmap), settings)


def _use_few_threads(threads: int) -> None:
    """Bound the threads of torch and BLAS, and let Python's threads take turns often.

    The thread that predicts holds the interpreter for as long as the others let it. With the
    usual 5 ms a request would wait for that in each of its steps.
    """
    import torch

    torch.set_num_threads(threads)
    threadpool_limits(threads)
    sys.setswitchinterval(SWITCH_INTERVAL)


@contextmanager
def _few_threads(threads: int) -> Iterator[None]:
    """The same within the block, for a process that is the caller's."""
    import torch

    before, interval = torch.get_num_threads(), sys.getswitchinterval()
    with threadpool_limits(threads):
        _use_few_threads(threads)
        try:
            yield
        finally:
            sys.setswitchinterval(interval)
            torch.set_num_threads(before)


def _log_config(level: str) -> dict[str, Any]:
    """The log of uvicorn, with the lines of this package in it."""
    config = copy.deepcopy(LOGGING_CONFIG)
    own = {"handlers": ["default"], "level": level.upper(), "propagate": False}
    config["loggers"][__package__] = own
    return config


def _check_directories(store: ModelStore) -> None:
    """Say in the first second what is no model, whatever the number of workers."""
    for path in store.directories.values():
        with format_errors(path):
            read_manifest(path)


@contextmanager
def _shared_figures() -> Iterator[None]:
    """A folder in which the workers keep their figures, so that one page shows all of them."""
    before = os.environ.get(SHARED)
    with tempfile.TemporaryDirectory(prefix="sk-inceptionxml-") as folder:
        os.environ[SHARED] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[SHARED]
            else:
                os.environ[SHARED] = before


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
