"""Every route × method × role of the control API: a new door joins by itself, and must say whom it lets in."""

import json
from pathlib import Path

import pytest
from engine_app import TOKENS, app_of, assembled, client, queued

from engine.api.app import routed
from engine.api.document import document
from engine.settings import TokenScope
from tests.unit.doors import UNDECLARED, Door, doors

ADMIN = {("POST", "/-/reload"), ("GET", "/v1/tokens")}
OPEN = {"/-/healthy", "/-/ready"}
FILLED = {
    "domain": "example.com",
    "vmta": "default",
    "key": "k",
    "act": "pause",
    "address": "203.0.113.7",
}
DOCUMENT = Path(__file__).parents[4] / "docs" / "openapi-engine.json"
DOORS = doors(routed())


@pytest.mark.parametrize("role", [None, "stranger", *TokenScope])
@pytest.mark.parametrize("door", DOORS, ids=str)
async def test_a_door_opens_to_its_role_and_to_no_lesser_one(
    tmp_path: Path, door: Door, role: str | None
) -> None:
    engine = assembled(tmp_path)
    queued(engine, "example.com", "ann@example.com")
    engine.events.close()  # those who follow are let go at once
    engine.traces.close()
    token = TOKENS.get(role, role) if role else None  # type: ignore[call-overload]
    async with client(app_of(engine), token) as asking:
        answer = await asking.request(door.method, door.filled(FILLED))
        audit = await engine.audit.entries()
    engine.state.close()
    if door.role is None:
        assert answer.status_code in {200, 503}  # an engine that does not run is not ready
    elif role not in set(TokenScope):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    elif not TokenScope(role).allows(TokenScope(door.role)):
        assert answer.status_code == 403
    else:
        assert answer.status_code not in {401, 403}
        assert answer.status_code < 500
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert audit == []


def test_every_door_says_whom_it_lets_in() -> None:
    undeclared = [str(door) for door in DOORS if door.role == UNDECLARED]
    assert not undeclared, "take Reader, Operator or Admin as a parameter, or write openapi_extra=OPEN"


def test_what_changes_something_needs_more_than_to_read_and_few_doors_are_open() -> None:
    assert {door.path for door in DOORS if door.role is None} == OPEN
    assert {(door.method, door.path) for door in DOORS if door.role == TokenScope.ADMIN} == ADMIN
    for door in DOORS:
        assert door.method == "GET" or door.role in {TokenScope.OPERATE, TokenScope.ADMIN}, str(door)


async def test_a_request_counts_once_against_the_rate_of_its_token(tmp_path: Path) -> None:
    """What tells the document of a role must not make FastAPI ask for the caller twice."""
    engine = assembled(tmp_path)
    async with client(app_of(engine)) as asking:
        await asking.request("DELETE", "/v1/leases/k")
        rows = (await asking.get("/v1/tokens")).json()["tokens"]
    engine.state.close()
    assert {row["name"]: row["requests"] for row in rows} == {"read": 0, "operate": 0, "admin": 2}


def test_the_committed_openapi_document_is_the_generated_one() -> None:
    assert DOCUMENT.read_text() == document(), "run: make reference"


def test_reading_takes_no_body() -> None:
    paths = json.loads(document())["paths"]
    for door in DOORS:
        if door.method == "GET":
            assert "requestBody" not in paths[door.path]["get"]
