"""Every route × method × role: generated from the OpenAPI document, so that no new door is forgotten."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_app import TOKENS, app_of, assembled, client

from engine.settings import TokenScope

OPEN = {"/-/healthy", "/-/ready"}
OPERATE = {"POST", "PUT", "DELETE", "PATCH"}
ADMIN = {("POST", "/-/reload"), ("GET", "/v1/tokens")}
FILLED = {
    "domain": "example.com",
    "vmta": "default",
    "key": "k",
    "act": "pause",
    "address": "203.0.113.7",
}
DOCUMENT = Path(__file__).parents[4] / "docs" / "openapi-engine.json"


def operations() -> Iterator[tuple[str, str]]:
    """What the committed document says; a test below proves that it is the true one."""
    for path, methods in json.loads(DOCUMENT.read_text())["paths"].items():
        for method in methods:
            yield method.upper(), path


def wanted(method: str, path: str) -> TokenScope | None:
    if path in OPEN:
        return None
    if (method, path) in ADMIN:
        return TokenScope.ADMIN
    return TokenScope.OPERATE if method in OPERATE else TokenScope.READ


def filled(path: str) -> str:
    return path.format(**FILLED)


@pytest.mark.parametrize("role", [None, "stranger", *TokenScope])
@pytest.mark.parametrize(("method", "path"), list(operations()))
async def test_a_door_opens_to_its_scope_and_to_no_lesser_one(
    tmp_path: Path, method: str, path: str, role: str | None
) -> None:
    engine = assembled(tmp_path)
    engine.events.close()  # those who follow are let go at once
    token = TOKENS.get(role, role) if role else None  # type: ignore[call-overload]
    async with client(app_of(engine), token) as asking:
        answer = await asking.request(method, filled(path))
    engine.state.close()
    need = wanted(method, path)
    if need is None:
        assert answer.status_code in {200, 503}  # an engine that does not run is not ready
    elif role not in set(TokenScope):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    elif not TokenScope(role).allows(need):
        assert answer.status_code == 403
    else:
        assert answer.status_code not in {401, 403}
        assert answer.status_code < 500
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


async def test_the_committed_openapi_document_is_the_generated_one(tmp_path: Path) -> None:
    engine = assembled(tmp_path)
    generated: dict[str, Any] = app_of(engine).openapi()
    engine.state.close()
    assert json.loads(DOCUMENT.read_text()) == json.loads(json.dumps(generated)), (
        "run: python -m engine.api.document > docs/openapi-engine.json"
    )


async def test_reading_changes_nothing(tmp_path: Path) -> None:
    """No GET has a body, and none is in the audit."""
    for method, path in operations():
        if method == "GET":
            assert "requestBody" not in json.loads(DOCUMENT.read_text())["paths"][path]["get"]
