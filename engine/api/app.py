"""The control API's application."""

from typing import Any

from fastapi import FastAPI

from core import problem
from engine.api import leases, messages, problems, queues, status, trace, upkeep
from engine.api.bodies import BodyLimit
from engine.api.tokens import TokenBook
from engine.engine import Engine

_JSON_OVERHEAD = 1024 * 1024


class ControlApi(FastAPI):
    """FastAPI, with every problem in its OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """The document; made once."""
        return self.openapi_schema or problem.tell(super().openapi())


def routed() -> FastAPI:
    """The routes, over no engine yet; enough for the OpenAPI document."""
    app = ControlApi(title="Tidegate engine", version="1", docs_url=None, redoc_url=None)
    problems.install(app)
    for module in (status, queues, leases, messages, trace, upkeep):
        app.include_router(module.router)
    return app


def application(engine: Engine) -> FastAPI:
    """An ASGI application over one engine."""
    app = routed()
    app.state.engine = engine
    app.state.api = engine.settings.control_api
    app.state.tokens = TokenBook(engine.clock)
    # base64 makes four bytes of three
    app.add_middleware(BodyLimit, most=engine.settings.max_message_size * 4 // 3 + _JSON_OVERHEAD)
    return app
