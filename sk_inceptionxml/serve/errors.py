"""What the service refuses, as exceptions that know their answer."""

from __future__ import annotations

from typing import Any

from fastapi import HTTPException


class ServiceError(HTTPException):
    """An error with a status, a code for programs and a message for people."""

    status = 422
    code = "invalid_request"
    own_headers: dict[str, str] = {}

    def __init__(self, message: str) -> None:
        super().__init__(self.status, message, self.own_headers)
        self.message = message

    def __str__(self) -> str:
        return self.message


class Unauthorized(ServiceError):
    """The token is missing or wrong."""

    status = 401
    code = "unauthorized"
    own_headers = {"WWW-Authenticate": "Bearer"}


class UnknownModel(ServiceError):
    """No model of that name."""

    status = 404
    code = "unknown_model"


class UnknownLabel(ServiceError):
    """The model has no such label."""

    code = "unknown_label"


class BodyTooLarge(ServiceError):
    """The body has more bytes than the limit."""

    status = 413
    code = "body_too_large"
    own_headers = {"Connection": "close"}


class QueueFull(ServiceError):
    """Too many texts wait already."""

    status = 503
    code = "queue_full"
    own_headers = {"Retry-After": "1"}


def error_body(code: str, message: str) -> dict[str, Any]:
    """The JSON of every error."""
    return {"error": {"code": code, "message": message}}
