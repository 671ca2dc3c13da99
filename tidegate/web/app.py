"""The watch process's application: the door for alerts, and the web monitor."""

from typing import Any

from fastapi import FastAPI

from core import problem
from core.clock import Clock
from tidegate.web import alerts, assets, refusals
from tidegate.web.access import OPEN, Doorkeeper
from tidegate.web.alerts import AlertDesk
from tidegate.web.headers import GuardedHeaders
from tidegate.web.pages import acts, api, digest, ips, leases, live, overview, queues, records, signing_in
from tidegate.web.settings import WebSettings
from tidegate.web.site import Site

_PAGES = (assets, signing_in, overview, ips, queues, leases, acts, records, digest, api, live)


class WatchApi(FastAPI):
    """FastAPI, with every problem in its OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """The document; made once."""
        return self.openapi_schema or problem.tell(super().openapi())


def routed() -> FastAPI:
    """The routes, over nothing yet; enough for the OpenAPI document."""
    app = WatchApi(title="Tidegate watch", version="1", docs_url=None, redoc_url=None)
    refusals.install(app)
    app.include_router(alerts.router)
    app.add_api_route("/-/healthy", healthy, methods=["GET"], tags=["status"], openapi_extra=OPEN)
    for module in _PAGES:
        app.include_router(module.router)
    return app


async def healthy() -> dict[str, str]:
    """The process lives."""
    return {"status": "healthy"}


def application(settings: WebSettings, clock: Clock, desk: AlertDesk, site: Site | None = None) -> FastAPI:
    """An ASGI application over a desk, and over a site if there are pages to show."""
    app = routed()
    app.state.desk = desk
    app.state.max_body = settings.max_body
    app.state.doorkeeper = Doorkeeper(settings, clock)
    app.state.assets = assets.load()
    app.state.site = site
    app.add_middleware(GuardedHeaders)
    return app
