"""The HTTP APIs of both processes, to read."""

from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from core.errors import NotFoundError
from engine.api.app import routed as engine_routes
from tidegate.web import render
from tidegate.web.guard import Reader
from tidegate.web.views.api import api

router = APIRouter(include_in_schema=False)


@cache
def _engine_document() -> dict[str, Any]:
    return engine_routes().openapi()


def _documents(request: Request) -> dict[str, dict[str, Any]]:
    return {"engine": _engine_document(), "watch": request.app.openapi()}


@router.get("/api")
async def show(request: Request, who: Reader) -> HTMLResponse:
    """Both documents as a page."""
    found = [api(told, f"/api/{name}.json") for name, told in _documents(request).items()]
    return render.page(request, who, "api", {"apis": found, "trouble": ""})


@router.get("/api/{name}.json")
async def document(request: Request, _who: Reader, name: str) -> Response:
    """One document. Raises NotFoundError."""
    found = _documents(request).get(name)
    if found is None:
        raise NotFoundError(f"there is no API {name}")
    return JSONResponse(found)
