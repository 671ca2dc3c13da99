"""The control API over an engine that is assembled but does not run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from core.clock import ManualClock
from engine.api.app import application
from engine.engine import Engine
from engine.queue.item import QueuedMessage, QueuedRecipient
from engine.settings import EngineSettings, TokenScope
from engine.spool.memory import MemorySpool
from engine.state import StateStore

TOKENS = {scope: f"{scope}-sesame" for scope in TokenScope}


def settings(folder: Path, **more: Any) -> EngineSettings:
    tokens = [{"name": scope, "token": token, "scope": scope} for scope, token in TOKENS.items()]
    written = {
        "spool": str(folder / "spool"),
        "accounting-files": [],
        "control-api": {"listen": "127.0.0.1:0", "tokens": tokens},
        "virtual-mtas": {"default": {"source-ips": ["203.0.113.7", "203.0.113.8"]}},
        **more,
    }
    return EngineSettings.model_validate(written)


def assembled(folder: Path, clock: ManualClock | None = None, **more: Any) -> Engine:
    """An engine that is paused as a whole: nothing it queues is sent."""
    (folder / "spool").mkdir(exist_ok=True)
    clock = clock or ManualClock()
    engine = Engine(settings(folder, **more), clock, MemorySpool(), StateStore(folder / "state.db"))
    engine.scheduler.stop()
    return engine


def queued(engine: Engine, domain: str, *rcpts: str, **more: Any) -> None:
    """Put recipients of one message into a queue; the spool knows nothing of it."""
    now = engine.clock.now().timestamp()
    message = QueuedMessage(
        id=more.get("id", 7),
        sender=more.get("orig", "news@sender.test"),
        recipients=rcpts,
        size=100,
        vmta="default",
        job=more.get("job", ""),
        eight_bit=False,
        smtp_utf8=False,
        received_at=now - more.get("age", 0),
    )
    queue = engine.queues.queue(domain, "default")
    queue.ready.extend(QueuedRecipient(message, index) for index in range(len(rcpts)))
    queue.size += 100 * len(rcpts)


@asynccontextmanager
async def client(
    app: FastAPI, token: str | None = TOKENS[TokenScope.ADMIN]
) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://engine", headers=headers
    ) as found:
        yield found


def app_of(engine: Engine) -> FastAPI:
    return application(engine)
