"""Who may post alerts and look at them, what is refused, and that every refusal is a problem document."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from core.clock import ManualClock
from core.errors import OperatorError
from core.incident import Incident
from core.rate import Rate
from monitor.alerts import body
from monitor.alerts.alert import Context
from monitor.alerts.inbox import Taken
from monitor.watcher import WatchResult
from tests.unit import doors
from tests.unit.doors import UNDECLARED
from tests.unit.monitor.alerts.alert_bodies import context
from tidegate.web.app import application, routed
from tidegate.web.document import document
from tidegate.web.settings import WebScope, WebSettings, WebToken

DOCUMENT = Path(__file__).parents[4] / "docs" / "openapi-watch.json"
DOORS = doors.doors(routed())
ALERT, READ = "alert-token-0000001", "read-token-00000002"
PLAIN = {"ip": "203.0.113.7"}


class Desk:
    """Reads bodies and keeps nothing."""

    def __init__(self) -> None:
        self.senders: list[str] = []
        self.is_full = False
        self.context: Context = context()

    async def take(self, sender: str, raw: bytes) -> Taken:
        if self.is_full:
            raise OperatorError("another process holds the database")
        self.senders.append(sender)
        parsed = body.read(body.decode(raw), self.context)
        return Taken(parsed.alerts, parsed.refusals, WatchResult())

    async def standing(self) -> list[Incident]:
        return []


def token(name: str, secret: str, scope: WebScope = WebScope.ALERT, rate: str = "100/m") -> WebToken:
    return WebToken(name=name, token=SecretStr(secret), scope=scope, rate=Rate.parse(rate))


TOKENS = (token("hetrix", ALERT), token("panel", READ, WebScope.READ))


class Door:
    """An application, its desk, its clock and a client without a token."""

    def __init__(self, **settings: Any) -> None:
        self.desk, self.clock = Desk(), ManualClock()
        made = WebSettings(**({"tokens": TOKENS} | settings))
        transport = httpx.ASGITransport(app=application(made, self.clock, self.desk))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://watch")

    async def post(
        self, document: Any, secret: str | None = ALERT, path: str = "/v1/alerts"
    ) -> httpx.Response:
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        return await self.client.post(path, content=content, headers=bearer(secret))


def bearer(secret: str | None) -> dict[str, str]:
    return {} if secret is None else {"Authorization": f"Bearer {secret}"}


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    made = Door()
    async with made.client:
        yield made


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    return found


def test_the_committed_openapi_document_is_the_true_one() -> None:
    assert DOCUMENT.read_text() == document(), "run: make reference"


def test_every_door_says_whom_it_lets_in() -> None:
    undeclared = [str(one) for one in DOORS if one.role == UNDECLARED]
    assert not undeclared, "take Sender or Reader as a parameter, or write openapi_extra=OPEN"
    assert {one.path for one in DOORS if one.role is None} == {"/-/healthy"}


@pytest.mark.parametrize("secret", [None, "a-stranger-s-token", ALERT, READ])
@pytest.mark.parametrize("entry", DOORS, ids=str)
async def test_a_door_opens_to_its_role_alone(door: Door, entry: doors.Door, secret: str | None) -> None:
    answer = await door.client.request(entry.method, entry.path, json=PLAIN, headers=bearer(secret))
    held = {ALERT: WebScope.ALERT, READ: WebScope.READ}.get(secret or "")
    if entry.role is None or held == entry.role:
        assert answer.status_code == 200
    else:
        problem(answer, 403 if held else 401)
        assert door.desk.senders == []


async def test_a_stranger_is_told_how_to_come_in_and_nothing_of_what_he_tried(door: Door) -> None:
    answer = await door.post(PLAIN, "a-stranger-s-token")
    assert "web.tokens" in problem(answer, 401)["detail"]
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "stranger" not in answer.text


@pytest.mark.parametrize("header", ["", "Bearer", "Basic " + ALERT, "Bearer \u00fc" + ALERT, ALERT])
async def test_only_the_whole_token_after_bearer_counts(door: Door, header: str) -> None:
    answer = await door.client.post(
        "/v1/alerts", json=PLAIN, headers={"Authorization": header.encode("latin-1")}
    )
    problem(answer, 401)


async def test_what_was_taken_is_named_with_its_end(door: Door) -> None:
    answer = await door.post({"alerts": [PLAIN | {"expires_in": "6h"}, {"ip": "198.51.100.1"}]})
    assert answer.status_code == 200
    assert answer.json() == {
        "schema": "alerts-taken/v1",
        "taken": [{"ip": "203.0.113.7", "key": "alert", "state": "firing", "severity": "warning",
                   "provider": "*", "until": "2026-11-23T14:00:00Z"}],
        "refused": [{"pointer": "/alerts/1",
                     "detail": "198.51.100.1 is none of the configured source IPs; add it under ip-lists"}],
    }  # fmt: skip
    assert door.desk.senders == ["hetrix"]


async def test_an_unknown_ip_is_refused_by_name(door: Door) -> None:
    found = problem(await door.post({"ip": "198.51.100.1"}), 422)
    assert found["type"] == "urn:tidegate:unprocessable-entity"
    assert "198.51.100.1 is none of the configured source IPs" in found["detail"]
    assert found["errors"] == [{"pointer": "", "detail": found["detail"].partition(": ")[2]}]


async def test_a_body_that_is_not_json_is_a_bad_request(door: Door) -> None:
    assert "not JSON" in problem(await door.post(b"<html>"), 400)["detail"]


async def test_prometheus_may_post_where_it_would_to_an_alertmanager(door: Door) -> None:
    alert = {"labels": {"alertname": "x", "ip": "203.0.113.7"}}
    assert (await door.post([alert], path="/api/v2/alerts")).status_code == 200


async def test_a_body_that_is_too_big_is_refused_whatever_its_length_header_says() -> None:
    door = Door(max_body=2_048)

    async def dripping() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * 1_000

    async with door.client:
        assert (await door.post(b'{"ip":"203.0.113.7"}' + b" " * 2_000)).status_code == 200
        problem(await door.post(b" " * 2_049), 413)
        answer = await door.client.post("/v1/alerts", content=dripping(), headers=bearer(ALERT))
        problem(answer, 413)


async def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    door = Door(tokens=(token("hetrix", ALERT, rate="2/m"), token("other", READ, rate="2/m")))
    async with door.client:
        assert [(await door.post(PLAIN)).status_code for _ in range(2)] == [200, 200]
        door.clock.advance(45)
        answer = await door.post(PLAIN)
        problem(answer, 429)
        assert answer.headers["retry-after"] == "15"
        assert (await door.post(PLAIN, READ)).status_code == 200  # one token's haste is not another's
        door.clock.advance(15)
        assert (await door.post(PLAIN)).status_code == 200


async def test_a_database_that_cannot_be_written_asks_for_another_try(door: Door) -> None:
    door.desk.is_full = True
    answer = await door.post(PLAIN)
    problem(answer, 503)
    assert answer.headers["retry-after"] == "10"


async def test_whoever_may_open_the_socket_may_do_all() -> None:
    door = Door(listen="unix:/run/tidegate/watch.sock", tokens=())
    async with door.client:
        assert (await door.post(PLAIN, None)).status_code == 200
        assert (await door.client.get("/v1/alerts")).status_code == 200
    assert door.desk.senders == ["socket"]


async def test_a_path_that_is_not_there_is_a_problem_too(door: Door) -> None:
    problem(await door.client.get("/v1/nothing"), 404)
    problem(await door.client.delete("/v1/alerts"), 405)
