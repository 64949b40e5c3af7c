"""The application: routes, errors, start and end."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from sk_inceptionxml import __version__

from . import annif, api, page
from .errors import ServiceError, error_body
from .middleware import Gate, answer_of
from .models import ModelStore
from .service import Service
from .settings import Settings

SUMMARY = "Labels for short texts."


def create_app(
    models: Mapping[str, str | os.PathLike[str]], settings: Settings | None = None
) -> FastAPI:
    """The service as an ASGI application, for a server of your own or for tests.

    Parameters
    ----------
    models : mapping of str to path
        Directories of saved models by the names they are served under; the first one is the
        default. They are loaded when the application starts.
    settings : Settings, optional

    Returns
    -------
    app : FastAPI

    Raises
    ------
    TypeError, ValueError
        If there is no model, or a name cannot stand in a URL.
    """
    settings = settings or Settings()
    return build_app(ModelStore(models, settings.device, settings.mmap), settings)


def build_app(store: ModelStore, settings: Settings) -> FastAPI:
    """The application around models that may be loaded already."""
    service = Service(settings, store)
    app = FastAPIOffline(
        title="sk-inceptionxml",
        summary=SUMMARY,
        version=__version__,
        docs_url="/docs",
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.service = service
    guards = [Depends(HTTPBearer(auto_error=False))] if settings.token else []  # for /docs alone
    app.include_router(api.router, dependencies=guards)
    app.include_router(annif.router, dependencies=guards)
    app.include_router(page.router)
    app.add_middleware(Gate, service=service)
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    await service.start()
    try:
        with _accept_for_a_while(service):
            yield
    finally:
        await service.stop()


@contextmanager
def _accept_for_a_while(service: Service) -> Iterator[None]:
    """Put off SIGTERM: ``/readyz`` says no, and all else goes on until senders have seen it.

    Then the server that runs the application handles the signal as it would have.
    """
    seconds = service.settings.drain_seconds
    before = signal.getsignal(signal.SIGTERM)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not seconds or not callable(before) or not in_main_thread:
        yield
        return
    loop = asyncio.get_running_loop()

    def later(number: int, frame: Any) -> None:
        service.draining = True
        loop.call_soon_threadsafe(loop.call_later, seconds, before, number, frame)

    signal.signal(signal.SIGTERM, later)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is later:
            signal.signal(signal.SIGTERM, before)


async def _service_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return answer_of(error)


async def _invalid(_: Request, error: Exception) -> Response:
    """Say what is wrong without repeating the input, which may be anything."""
    assert isinstance(error, RequestValidationError)
    found = []
    for problem in error.errors()[:5]:
        where = ".".join(str(part) for part in problem["loc"][1:])[:100]
        found.append(f"{where}: {problem['msg']}" if where else str(problem["msg"]))
    message = "; ".join(found)[:1000].encode("utf-8", "replace").decode()
    return JSONResponse(error_body("invalid_request", message), status_code=422)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed"}
    code = codes.get(error.status_code, "invalid_request")
    message = str(error.detail)
    return JSONResponse(
        error_body(code, message), status_code=error.status_code, headers=error.headers
    )


async def _unexpected(_: Request, error: Exception) -> Response:
    message = "The service has failed on this request. Its log says more."
    return JSONResponse(error_body("internal_error", message), status_code=500)
