"""The control API's application."""

from fastapi import FastAPI

from engine.api import leases, problems, queues, status
from engine.engine import Engine


def application(engine: Engine) -> FastAPI:
    """An ASGI application over one engine."""
    app = FastAPI(title="Tidegate engine", version="1", docs_url=None, redoc_url=None)
    app.state.engine = engine
    app.state.api = engine.settings.control_api
    problems.install(app)
    for module in (status, queues, leases):
        app.include_router(module.router)
    return app
