"""A web monitor over an empty database and an engine by script: pages without sockets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sqlalchemy import Engine

from core.clock import ManualClock
from storage import audit, database, orders
from storage.audit import AuditEntry
from storage.orders import Order
from tests.unit.tidegate.carrying import carrying
from tidegate.client import EngineClient
from tidegate.config.load import Loaded, parse
from tidegate.web.app import application
from tidegate.web.engine_desk import EngineDesk
from tidegate.web.guard import COOKIE
from tidegate.web.sessions import Patience, SessionBook
from tidegate.web.site import Site

Found = TypeVar("Found")
IP = "203.0.113.7"
TOKENS = {
    "guest": ("read", "guest-may-look-00001"),
    "ada": ("operate", "ada-may-operate-0001"),
    "chief": ("admin", "chief-may-do-all-0001"),
    "monitor": ("alert", "monitor-may-alert-001"),
}
LEASE = {
    "key": f"auto:{IP}:microsoft:source-ip-max-msg-rate", "scope": {"source_ip": IP, "provider": "microsoft"},
    "directive": "source-ip-max-msg-rate", "value": "50/h", "base": "500/h", "origin": "controller", "rule": "dnsbl-listed",
    "reason": "INC-1 listed", "set_by": "controller", "set_at": "2026-11-23T07:00:00Z",
    "expires_at": "2026-11-23T13:00:00Z", "state": "active", "evidence": ["127.0.0.2"],
}  # fmt: skip
STATUS = {
    "hostname": "mta.example", "started_at": "2026-11-20T08:00:00Z", "now": "2026-11-23T08:00:00Z",
    "traffic": {"received": 12}, "queues": {"normal": 1, "backoff": 1, "paused": 0, "recipients": 46},
    "connections": {"in": 1, "out": 2}, "leases": 1, "epoch": 1,
}  # fmt: skip


@dataclass
class ScriptedEngine:
    """Answers the control API; `asked` are the requests, `held` the leases. `is_away`: nobody is there."""

    held: list[dict[str, Any]] = field(default_factory=lambda: [dict(LEASE)])
    asked: list[tuple[str, str]] = field(default_factory=list)
    queues: list[dict[str, Any]] = field(default_factory=list)
    is_away: bool = False

    @property
    def chain(self) -> dict[str, Any]:
        """What bounds the IP at microsoft: each lease, and the operator's limit."""
        terms = [
            {
                **{k: one[k] for k in ("directive", "value", "origin", "set_by", "reason")},
                "lease_key": one["key"],
            }
            for one in self.held
        ]
        configured = {
            "directive": "source-ip-max-msg-rate", "value": "500/h", "origin": "configuration",
            "set_by": "operator", "reason": "config.yaml:7", "binding": not self.held,
        }  # fmt: skip
        return {
            "subject": f"{IP} × microsoft",
            "directive": "source-ip-max-msg-rate",
            "terms": [*terms, configured],
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.is_away:
            raise httpx.ConnectError("connection refused")
        self.asked.append((request.method, request.url.raw_path.decode()))
        path = request.url.path
        if request.method in {"PUT", "DELETE", "POST"}:
            if request.url.params.get("dry_run"):
                return httpx.Response(200, json={"before": self.chain, "value": "200/h", "binding": False})
            if request.method == "DELETE":
                self.held = [one for one in self.held if not path.endswith(one["key"])]
            return httpx.Response(200, json={})
        answers: dict[str, Any] = {
            "/v1/status": STATUS,
            "/v1/leases": {"leases": self.held},
            "/v1/scopes": {"scopes": [{"source_ip": IP, "provider": "microsoft", "operator_limit": "500/h"}]},
            "/v1/queues": {"matching": len(self.queues), "queues": self.queues},
            "/v1/explain": {"chains": [self.chain] if self.held else []},
            "/v1/statistics": {"minutes": []},
            "/v1/audit": {"entries": []},
        }
        if path not in answers:
            return httpx.Response(404, json={"detail": f"there is no queue {path[11:]}"})
        return httpx.Response(200, json=answers[path])


async def _at_once(work: Callable[[], Found]) -> Found:
    return work()


class World:
    """An application, what it rests on, and a browser without scripts."""

    def __init__(self, directory: Path) -> None:
        text = "\n".join(
            [
                f"database: sqlite:///{directory}/t.db",
                f"ip-lists: {{marketing: [{IP}, 203.0.113.8]}}",
                "controller: {engine: {url: 'http://engine', token: the-engines-own-token}}",
                "web:",
                "  tokens:",
                *(f"    - {{name: {n}, scope: {s}, token: {t}}}" for n, (s, t) in TOKENS.items()),
            ]
        )
        self.loaded: Loaded = parse(text, "config.yaml", {})
        config = self.loaded.config
        self.clock, self.people, self.engine, self.looks = ManualClock(), ManualClock(), ScriptedEngine(), 0
        self.records: Engine = database.open_database(config.database)
        database.upgrade(self.records)
        client = EngineClient("http://engine", "the-engines-own-token", carrying(self.engine))
        self.site = Site(
            config, self.clock, self.records, EngineDesk(client), _at_once, self._act, self.loaded.places
        )
        self.site.sessions = SessionBook(config.web.session_idle, self.people)
        self.site.patience = Patience(self.people)
        app = application(config.web, self.clock, object(), self.site)  # type: ignore[arg-type] - nobody posts alerts
        self.browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://watch", headers={"Accept": "text/html"}
        )

    def _act(self) -> None:
        self.looks += 1

    async def close(self) -> None:
        await self.browser.aclose()
        await self.site.close()
        self.records.dispose()

    async def sign_in(self, name: str) -> httpx.Response:
        return await self.browser.post("/login", data={"token": TOKENS[name][1], "next": "/"})

    @property
    def csrf(self) -> str:
        session = self.site.sessions.find(self.browser.cookies[COOKIE], counts=False)
        assert session is not None
        return session.csrf

    async def do(self, kind: str, **fields: str) -> httpx.Response:
        return await self.browser.post(f"/acts/{kind}", data={"csrf": self.csrf, **fields})

    def audited(self) -> list[AuditEntry]:
        with database.reading(self.records) as session:
            return audit.entries(session)

    def standing(self) -> list[Order]:
        with database.reading(self.records) as session:
            return orders.standing(session, self.clock.now())
