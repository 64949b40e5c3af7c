"""What happens to every request before and after its route: token, size of the body, figures."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import BodyTooLarge, ServiceError, Unauthorized, error_body
from .service import Service

CLOSING = "sk_inceptionxml_closing"  # in the state of the server: it accepts no connection more
GUARDED = ("/v1/", "/metrics")


class Gate:
    """ASGI middleware around all routes.

    Parameters
    ----------
    app : ASGI application
    service : Service
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if scope.get("state", {}).get(CLOSING):  # or the next one meets a closed door
                    headers = [*message.get("headers", ()), (b"connection", b"close")]
                    message = {**message, "headers": headers}
            await send(message)

        try:
            await self._answer(scope, receive, watched)
        finally:
            self._count(scope, status, time.perf_counter() - start)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        settings = self.service.settings
        body = LimitedBody(receive, settings.max_body_bytes)
        try:
            if settings.token is not None and scope["path"].startswith(GUARDED):
                check_token(headers.get(b"authorization", b""), settings.token)
            body.check_announced(headers.get(b"content-length", b""))
            await self.app(scope, body, send)
        except ServiceError as error:
            await answer_of(error)(scope, receive, send)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        # the pattern of the route: paths that clients make up would be figures without number
        path = getattr(scope.get("route"), "path", "other")
        self.service.metrics.requests.labels(path, str(status)).inc()
        self.service.metrics.request_seconds.labels(path).observe(seconds)


class LimitedBody:
    """The ``receive`` of a request, up to a number of bytes."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most, self._seen = receive, most, 0

    def check_announced(self, length: bytes) -> None:
        """Refuse by the Content-Length, before anything is read."""
        if length.isdigit() and int(length[:20]) > self._most:
            raise self._too_large()

    async def __call__(self) -> Message:
        """The next part of the body."""
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._most:
            raise self._too_large()
        return message

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"The request body has more than {self._most:,} bytes. Send fewer texts at once."
        )


def check_token(authorization: bytes, token: str) -> None:
    """Compare the token of a request in constant time.

    Raises
    ------
    Unauthorized
    """
    kind, _, given = authorization.partition(b" ")
    given = given.strip()
    if kind.lower() == b"basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            given = b""
    elif kind.lower() != b"bearer":
        given = b""
    if not hmac.compare_digest(given, token.encode("ascii")):
        raise Unauthorized(
            "This service needs a token. Send the header 'Authorization: Bearer TOKEN'."
        )


def answer_of(error: ServiceError) -> JSONResponse:
    """The response that an error stands for."""
    content: dict[str, Any] = error_body(error.code, error.message)
    return JSONResponse(content, status_code=error.status, headers=error.own_headers)
