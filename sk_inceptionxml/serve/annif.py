"""Routes in the form of Annif, for its ``http`` backend."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Response

from .api import ERRORS, Shared, plain_json
from .models import LoadedModel

router = APIRouter(prefix="/v1/projects", tags=["Annif"])


@router.get("")
async def projects(service: Shared) -> dict[str, Any]:
    """All models as Annif projects."""
    return {"projects": [describe(loaded) for loaded in service.store.all()]}


@router.get("/{project_id}", responses={404: ERRORS[404]})
async def project(project_id: str, service: Shared) -> dict[str, Any]:
    """A model as an Annif project."""
    return describe(service.store.of_project(project_id))


@router.post("/{project_id}/suggest", responses=ERRORS)
async def suggest(
    project_id: str,
    service: Shared,
    text: Annotated[str, Form(description="Documents are cut to the length of a text.")],
    limit: Annotated[int, Form(ge=0)] = 10,
    threshold: Annotated[float, Form(ge=0.0, le=1.0)] = 0.0,
) -> Response:
    """Suggest labels as Annif does. The URI of a label is its name."""
    loaded = service.store.of_project(project_id)
    k = min(limit, service.settings.max_k)
    found: list[dict[str, Any]] = []
    if k:
        short = text[: service.settings.max_text_length]
        found = (await service.predict(loaded, [short], k, threshold))[0]
    results = [
        {
            "uri": str(entry["label"]),
            "label": str(entry["label"]),
            "notation": None,
            "score": entry["probability"],
        }
        for entry in found
    ]
    return plain_json({"results": results})


def describe(loaded: LoadedModel) -> dict[str, Any]:
    """A model as Annif describes a project."""
    return {
        "project_id": loaded.name,
        "name": loaded.name,
        "backend": {"backend_id": "sk-inceptionxml"},
        "is_trained": True,
        "modification_time": loaded.modified.isoformat(),
    }
