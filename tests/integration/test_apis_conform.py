"""Both APIs on real sockets answer as their OpenAPI documents say, to sensible requests and to nonsense."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import small_engine
from conformity import Conformity, ask
from pydantic import SecretStr
from test_alertmanager import Desk

from core.clock import SystemClock
from engine.api.app import routed as engine_routed
from lab.ports import free_port
from tidegate.web.app import application
from tidegate.web.app import routed as watch_routed
from tidegate.web.server import WebServer
from tidegate.web.settings import WebScope, WebSettings, WebToken

TOKEN = "conformity-token-0001"
KEY = "operator:203.0.113.7:microsoft"
THERE = {"domain": "d.example", "vmta": "default", "key": KEY, "address": "203.0.113.7"}


def lease() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "key": KEY,
        "scope": {"source_ip": "203.0.113.7", "provider": "microsoft"},
        "directive": "source-ip-max-msg-rate",
        "value": "20/h",
        "origin": "operator",
        "reason": "a rehearsal",
        "set_by": "ops",
        "set_at": now.isoformat(),
        "expires_at": (now + timedelta(hours=6)).isoformat(),
    }


async def test_the_engine_answers_as_its_document_says(tmp_path: Path) -> None:
    api = {
        "listen": "127.0.0.1:0",
        "tokens": [{"name": "chief", "token": TOKEN, "scope": "admin", "rate": "1000000/m"}],
    }
    settings: dict[str, Any] = {
        "control-api": api,
        "virtual-mtas": {"default": {"source-ips": [{"address": "203.0.113.7", "bind": "127.0.0.1"}]}},
    }
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with small_engine.engine(tmp_path, {"d.example": free_port()}, **settings) as run:
        await small_engine.send(run, "ann@d.example")
        async with httpx.AsyncClient(base_url=run.api, headers=headers) as asking:
            assert (await asking.put(f"/v1/leases/{KEY}", json=lease())).status_code == 201
        how = Conformity(run.api, headers, 4, THERE, frozenset({"/v1/events", "/v1/trace"}))
        answers = await asyncio.to_thread(ask, engine_routed().openapi(), how)
        async with httpx.AsyncClient(base_url=run.api, headers=headers) as asking:
            for path in ("/v1/status", "/v1/queues", "/v1/leases", "/v1/scopes", "/v1/audit", "/metrics"):
                assert (await asking.get(path)).status_code == 200, path
    assert answers["2xx"] > 60
    assert answers["4xx"] > 60


async def test_the_watch_process_answers_as_its_document_says(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    answers = 0
    for scope in WebScope:
        token = WebToken(name=scope, token=SecretStr(TOKEN), scope=scope, rate="1000000/m")
        app = application(WebSettings(tokens=(token,)), SystemClock(), desk)
        server = WebServer(app, "127.0.0.1:0")
        server.start()
        try:
            how = Conformity(server.address, {"Authorization": f"Bearer {TOKEN}"}, 8)
            found = await asyncio.to_thread(ask, watch_routed().openapi(), how)
            answers += found.total()
        finally:
            await server.stop()
    desk.engine.dispose()
    assert answers > 60
