"""The watch process's application."""

from typing import Any

from fastapi import FastAPI

from core import problem
from core.clock import Clock
from tidegate.web import alerts, problems
from tidegate.web.access import OPEN, Doorkeeper
from tidegate.web.alerts import AlertDesk
from tidegate.web.settings import WebSettings


class WatchApi(FastAPI):
    """FastAPI, with every problem in its OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """The document; made once."""
        return self.openapi_schema or problem.tell(super().openapi())


def routed() -> FastAPI:
    """The routes, over nothing yet; enough for the OpenAPI document."""
    app = WatchApi(title="Tidegate watch", version="1", docs_url=None, redoc_url=None)
    problems.install(app)
    app.include_router(alerts.router)
    app.add_api_route("/-/healthy", healthy, methods=["GET"], tags=["status"], openapi_extra=OPEN)
    return app


async def healthy() -> dict[str, str]:
    """The process lives."""
    return {"status": "healthy"}


def application(settings: WebSettings, clock: Clock, desk: AlertDesk) -> FastAPI:
    """An ASGI application over a desk."""
    app = routed()
    app.state.desk = desk
    app.state.max_body = settings.max_body
    app.state.doorkeeper = Doorkeeper(settings, clock)
    return app
