"""Values that can be read and cannot be worked with are refused at the door: none of them may poison the engine."""

from pathlib import Path
from typing import Any

import pytest
from engine_app import app_of, assembled, client, queued


def lease(**changes: Any) -> dict[str, Any]:
    return {
        "key": "k",
        "scope": {"source_ip": "203.0.113.7", "provider": "microsoft"},
        "directive": "source-ip-max-msg-rate",
        "value": "20/h",
        "origin": "controller",
        "reason": "listed",
        "set_by": "controller",
        "set_at": "2026-11-23T08:00:00Z",
        "expires_at": "2026-11-23T14:00:00Z",
        "base": "100/h",
        **changes,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": "2026-11-23T14:00:00"},
        {"set_at": "2026-11-23T08:00:00"},
        {"expires_at": "0001-01-01T00:00:00Z"},
        {"expires_at": "9999-12-31T23:59:59Z"},
        {"value": "00/h"},
        {"value": "1" + "0" * 400 + "/h"},
        {"value": "1/99999999999999999999d"},
        {"epoch": 10**30},
        {"reason": "x" * 5_000},
    ],
    ids=lambda changes: str(changes)[:40],
)
async def test_a_lease_that_cannot_be_worked_with_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    engine = assembled(tmp_path)
    async with client(app_of(engine)) as asking:
        answer = await asking.put("/v1/leases/k", json=lease(**changes))
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"].startswith(f"/body/{next(iter(changes))}")
        assert (await asking.get("/v1/leases")).json()["leases"] == []
    engine.state.close()


async def test_a_lease_that_ran_out_long_ago_has_ended(tmp_path: Path) -> None:
    """An engine that was off for years: the ramp must not overflow."""
    engine = assembled(tmp_path)
    async with client(app_of(engine)) as asking:
        put = await asking.put("/v1/leases/k", json=lease(expires_at="1999-01-01T00:00:00Z"))
        assert put.json()["state"] == "ended"
        assert (await asking.get("/v1/leases")).json()["leases"] == []
    engine.state.close()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/audit?since=2026-01-01T00:00:00",
        "/v1/audit?since=17",
        "/v1/statistics?since=0001-01-01T00:00:00Z",
        "/v1/messages?older_than=99999999999999999999w",
        "/v1/messages?older_than=999999w",
    ],
)
async def test_a_time_that_cannot_be_compared_is_refused(tmp_path: Path, path: str) -> None:
    engine = assembled(tmp_path)
    queued(engine, "example.com", "ann@example.com")
    async with client(app_of(engine)) as asking:
        await asking.put("/v1/leases/k", json=lease())  # so that there is an audit to compare with
        answer = await asking.get(path)
    engine.state.close()
    assert answer.status_code == 422


async def test_half_a_character_is_no_content(tmp_path: Path) -> None:
    engine = assembled(tmp_path)
    body = b'{"sender": "a@b.example", "recipients": ["a@b.example"], "content": "\\ud800"}'
    async with client(app_of(engine)) as asking:
        answer = await asking.post("/v1/messages", content=body, headers={"Content-Type": "application/json"})
    engine.state.close()
    assert answer.status_code == 422
    assert "content is not text" in answer.json()["detail"]
