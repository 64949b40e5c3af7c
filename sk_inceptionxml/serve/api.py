"""The service's own routes: predict, explain, models, health, metrics."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from .errors import ServiceError, error_body
from .models import LoadedModel
from .service import Service, service_of
from .settings import Settings

Shared = Annotated[Service, Depends(service_of)]
LabelName = StrictStr | StrictInt

ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"description": "The token is missing or wrong."},
    404: {"description": "There is no such model."},
    413: {"description": "The body is too large."},
    422: {"description": "The request is not valid; the message says why."},
    503: {"description": "The queue is full. Try again after the seconds of Retry-After."},
}


class Question(BaseModel):
    """Texts to predict labels for."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"texts": ["The river at night"], "k": 5}]},
    )

    texts: StrictStr | list[StrictStr] = Field(description="One text, or a list of texts.")
    k: StrictInt = Field(5, ge=1, description="Labels a text.")
    threshold: float = Field(
        0.0, ge=0.0, le=1.0, description="Leave out labels of a lower probability."
    )
    labels: list[LabelName] | None = Field(None, description="Return only labels of this list.")
    model: StrictStr | None = Field(None, description="Name of a model; the first by default.")


class WhyQuestion(BaseModel):
    """A text and the label to explain."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": "The river at night", "label": "river"}]},
    )

    text: StrictStr
    label: LabelName
    model: StrictStr | None = Field(None, description="Name of a model; the first by default.")


class Suggestion(BaseModel):
    """A label of a text."""

    label: str | int
    probability: float
    label_count: int = Field(description="Training texts with this label.")


class TextAnswer(BaseModel):
    """The labels of one text, best first."""

    labels: list[Suggestion]


class Answer(BaseModel):
    """One entry for each text, in their order."""

    model: str
    version: str = Field(description="Changes when another model is loaded under this name.")
    predictions: list[TextAnswer]


router = APIRouter()


def plain_json(content: Any) -> Response:
    """A response of data that is known to be right, without a second check."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "replace"), media_type="application/json")


@router.post("/v1/predict", response_model=Answer, responses=ERRORS, tags=["predictions"])
async def predict(question: Question, service: Shared) -> Response:
    """Best labels of one or many texts."""
    texts = [question.texts] if isinstance(question.texts, str) else question.texts
    check_texts(texts, service.settings)
    if question.k > service.settings.max_k:
        raise ServiceError(
            f"k is {question.k}; this service returns up to {service.settings.max_k}."
        )
    if question.labels is not None and len(question.labels) > 1000:
        raise ServiceError("labels holds more than 1,000 labels.")
    loaded = service.store.get(question.model)
    found = await service.predict(loaded, texts, question.k, question.threshold, question.labels)
    predictions = [{"labels": labels} for labels in found]
    return plain_json({"model": loaded.name, "version": loaded.version, "predictions": predictions})


@router.post(
    "/v1/explain",
    responses=ERRORS,
    tags=["predictions"],
)
async def explain(question: WhyQuestion, service: Shared) -> Response:
    """Why a text has a label: parts of the score, words and similar training texts."""
    check_texts([question.text], service.settings)
    loaded = service.store.get(question.model)
    found = await service.explain(loaded, question.text, question.label)
    return plain_json({"model": loaded.name, **finite(found)})


@router.get("/v1/models", tags=["models"])
async def models(service: Shared) -> dict[str, Any]:
    """Models that this service answers from. The first one is the default."""
    return {
        "models": [describe(loaded, loaded.name == service.store.default)
                   for loaded in service.store.all()],
        "limits": {
            "max_texts": service.settings.max_texts,
            "max_text_length": service.settings.max_text_length,
            "max_body_bytes": service.settings.max_body_bytes,
            "max_k": service.settings.max_k,
        },
        "examples": list(service.settings.examples),
    }  # fmt: skip


@router.get("/healthz", tags=["operation"])
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get(
    "/readyz", tags=["operation"], responses={503: {"description": "The service is stopping."}}
)
async def readyz(service: Shared, response: Response) -> dict[str, Any]:
    """The models are loaded, and the service is not about to stop."""
    if service.draining:
        response.status_code = 503
        return error_body("stopping", "The service is stopping.")
    return {"status": "ready", "models": [loaded.name for loaded in service.store.all()]}


@router.get("/metrics", tags=["operation"], response_class=Response)
async def metrics(service: Shared) -> Response:
    """Figures in the text form of Prometheus."""
    service.metrics.waiting.set(service.batcher.waiting)
    return Response(service.metrics.page(), media_type=CONTENT_TYPE_LATEST)


def describe(loaded: LoadedModel, default: bool) -> dict[str, Any]:
    """A model as clients see it."""
    model = loaded.model
    return {
        "name": loaded.name,
        "default": default,
        "version": loaded.version,
        "n_labels": int(model.n_labels_),
        "n_texts": int(model.n_samples_fit_),
        "modification_time": loaded.modified.isoformat(),
        "load_time": loaded.loaded.isoformat(),
    }


def check_texts(texts: list[str], settings: Settings) -> None:
    """Refuse too many or too long texts.

    Raises
    ------
    ServiceError
    """
    if len(texts) > settings.max_texts:
        raise ServiceError(
            f"texts holds {len(texts):,} texts; this service takes up to {settings.max_texts:,} "
            "in a request."
        )
    for i, text in enumerate(texts):
        if len(text) > settings.max_text_length:
            raise ServiceError(
                f"Text {i} has {len(text):,} characters; this service reads up to "
                f"{settings.max_text_length:,}."
            )


def finite(value: Any) -> Any:
    """Plain data in which numbers that JSON does not know are null."""
    if isinstance(value, dict):
        return {str(key): finite(x) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(x) for x in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
