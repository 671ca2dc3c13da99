"""The watch process's application."""

from fastapi import FastAPI

from core.clock import Clock
from tidegate.web import alerts, problems
from tidegate.web.access import Doorkeeper
from tidegate.web.alerts import AlertDesk
from tidegate.web.settings import WebSettings


def routed() -> FastAPI:
    """The routes, over nothing yet; enough for the OpenAPI document."""
    app = FastAPI(title="Tidegate watch", version="1", docs_url=None, redoc_url=None)
    problems.install(app)
    app.include_router(alerts.router)
    app.add_api_route("/-/healthy", healthy, methods=["GET"], tags=["status"])
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
