"""The control API over a real socket: Backoff Insight, leases that hold at once, chains that say why."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from engine_lab import TOKENS, Rig, offer, rig

from core.clock import SystemClock
from lab.judge import Temper
from lab.manners import OUTLANDISH, YAHOOLIGAN, with_temper
from lab.traffic import Stream
from lab.world import Lab

HOSTILE = with_temper(YAHOOLIGAN, Temper(hourly_allowance=1))
KEY = "auto:203.0.113.7:microsoft:source-ip-max-msg-rate"


def lease(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "key": KEY,
        "scope": {"source_ip": "203.0.113.7", "provider": "microsoft"},
        "directive": "source-ip-max-msg-rate",
        "value": "20/h",
        "origin": "controller",
        "rule": "dnsbl-listed",
        "reason": "listed on sbl.lab.test (INC-1)",
        "evidence": ["INC-1"],
        "set_by": "controller",
        "set_at": now.isoformat(),
        "expires_at": (now + timedelta(hours=6)).isoformat(),
        "base": "1200/h",
        "epoch": 3,
        **changes,
    }


async def in_backoff(engine: Rig) -> dict[str, Any]:
    """Send until the hostile provider answers 421, and return the queue as the API shows it."""
    stream = Stream(HOSTILE.domain, "marketing")
    await offer(engine.lab, stream, 4)
    # the provider counts what it has accepted: only then does it turn the next ones away
    await engine.until(lambda: len(engine.lab.ledger.entries) >= 2)
    await offer(engine.lab, stream, 8)
    book = engine.run.engine.queues
    await engine.until(lambda: any(q.in_backoff for q in book))
    return (await engine.api.get(f"/v1/queues/{HOSTILE.domain}/marketing")).json()


async def test_a_421_puts_the_queue_in_backoff_and_the_api_says_why(tmp_path: Path) -> None:
    async with Lab(SystemClock(), providers=[HOSTILE]) as lab, rig(lab, tmp_path) as engine:
        shown = await in_backoff(engine)
        assert shown["mode"] == "backoff"
        assert "TSS04" in shown["backoff"]["pattern"]
        assert shown["backoff"]["reply"].startswith("421 4.7.0 [TSS04] Messages from 203.0.113.")
        assert shown["backoff"]["source_ip"] in {"203.0.113.7", "203.0.113.8"}
        assert HOSTILE.exchanger in shown["backoff"]["peer"]
        assert datetime.fromisoformat(shown["backoff"]["until"]) > datetime.fromisoformat(
            shown["backoff"]["since"]
        )
        assert shown["mode_changes"][0]["after"] == "backoff"
        assert {e["kind"] for e in shown["recipient_events"]} >= {"deferred"}
        assert all(e["source_ip"] for e in shown["recipient_events"])
        assert any(s["retry_at"] for s in shown["sources"])


async def test_backoff_and_its_reason_survive_a_restart(tmp_path: Path) -> None:
    async with Lab(SystemClock(), providers=[HOSTILE]) as lab:
        async with rig(lab, tmp_path) as engine:
            before = await in_backoff(engine)
        async with rig(lab, tmp_path) as engine:
            after = (await engine.api.get(f"/v1/queues/{HOSTILE.domain}/marketing")).json()
    assert after["mode"] == "backoff"
    assert after["backoff"] == before["backoff"]
    assert after["mode_changes"] == before["mode_changes"]


async def test_the_statistics_tell_reputation_deferrals_apart_per_source_ip(tmp_path: Path) -> None:
    async with Lab(SystemClock(), providers=[HOSTILE]) as lab, rig(lab, tmp_path) as engine:
        await in_backoff(engine)
        rows = (await engine.api.get("/v1/statistics", params={"since": "2026-01-01T00:00:00Z"})).json()[
            "minutes"
        ]
        assert {row["provider"] for row in rows} == {"yahoo"}
        assert sum(row["reputation_deferred"] for row in rows) >= 1
        assert any("TSS04" in row["last_reply"] for row in rows)


async def test_a_lease_holds_one_ip_at_one_provider_and_explain_names_it(tmp_path: Path) -> None:
    base = {
        "providers": {"microsoft": {"mx": [f"*.{OUTLANDISH.domain}"], "source-ip-max-msg-rate": "1200/h"}}
    }
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path, base) as engine:
        created = await engine.api.put(f"/v1/leases/{KEY}", json=lease())
        assert created.status_code == 201
        again = await engine.api.put(
            f"/v1/leases/{KEY}",
            json=created.json() | {"state": None}
            if False
            else {k: v for k, v in created.json().items() if k != "state"},
        )
        assert again.status_code == 200
        assert again.headers["etag"] == created.headers["etag"]
        chains = (
            await engine.api.get("/v1/explain", params={"ip": "203.0.113.7", "provider": "microsoft"})
        ).json()
        terms = chains["chains"][0]["terms"]
        assert [(t["value"], t["origin"], t["binding"]) for t in terms] == [
            ("20/h", "controller", True),
            ("1200/h", "configuration", False),
        ]
        assert terms[0]["reason"] == "listed on sbl.lab.test (INC-1)"
        assert terms[0]["until"] is not None
        sibling = (
            await engine.api.get("/v1/explain", params={"ip": "203.0.113.8", "provider": "microsoft"})
        ).json()
        assert sibling["chains"][0]["terms"][0]["value"] == "1200/h"
        await offer(lab, Stream(OUTLANDISH.domain, "marketing"), 60)
        await engine.until(
            lambda: sum(e.address == "203.0.113.8" for e in lab.ledger.entries if e.is_attempt) >= 12
        )
        assert not any(e.address == "203.0.113.7" for e in lab.ledger.entries)


async def test_leases_and_the_epoch_survive_a_restart(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab:
        async with rig(lab, tmp_path) as engine:
            await engine.api.put(f"/v1/leases/{KEY}", json=lease(epoch=9))
        async with rig(lab, tmp_path) as engine:
            held = (await engine.api.get("/v1/leases")).json()
            assert (held["epoch"], [x["key"] for x in held["leases"]]) == (9, [KEY])
            stale = await engine.api.put(f"/v1/leases/{KEY}", json=lease(epoch=8))
            assert stale.status_code == 409
            assert stale.json()["type"] == "urn:tidegate:conflict"


async def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path) as engine:
        planned = await engine.api.put(f"/v1/leases/{KEY}?dry_run=true", json=lease())
        assert planned.json()["binding"] is True
        assert (await engine.api.get("/v1/leases")).json()["leases"] == []


async def test_if_match_protects_against_lost_updates(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path) as engine:
        created = await engine.api.put(f"/v1/leases/{KEY}", json=lease(), headers={"If-None-Match": "*"})
        assert (
            await engine.api.put(f"/v1/leases/{KEY}", json=lease(), headers={"If-None-Match": "*"})
        ).status_code == 409
        wrong = await engine.api.put(
            f"/v1/leases/{KEY}", json=lease(value="5/h"), headers={"If-Match": '"x"'}
        )
        assert wrong.status_code == 412
        right = await engine.api.put(
            f"/v1/leases/{KEY}", json=lease(value="30/h"), headers={"If-Match": created.headers["etag"]}
        )
        assert right.status_code == 200
        assert (
            await engine.api.delete(f"/v1/leases/{KEY}", headers={"Tidegate-Epoch": "2"})
        ).status_code == 409
        assert (
            await engine.api.delete(f"/v1/leases/{KEY}", headers={"Tidegate-Epoch": "3"})
        ).status_code == 204
        assert (await engine.api.delete(f"/v1/leases/{KEY}")).status_code == 204


@pytest.mark.parametrize(
    ("token", "method", "path", "status"),
    [
        (None, "GET", "/v1/status", 401),
        ("wrong", "GET", "/v1/status", 401),
        (TOKENS["reader"], "GET", "/v1/status", 200),
        (TOKENS["reader"], "DELETE", f"/v1/leases/{KEY}", 403),
        (TOKENS["operator"], "DELETE", f"/v1/leases/{KEY}", 204),
        (TOKENS["chief"], "DELETE", f"/v1/leases/{KEY}", 204),
        (None, "GET", "/-/healthy", 200),
        (None, "GET", "/-/ready", 200),
        (TOKENS["reader"], "GET", "/v1/queues/no.test/marketing", 404),
        (TOKENS["reader"], "GET", "/v1/explain?ip=198.51.100.1", 404),
        (TOKENS["reader"], "GET", "/v1/statistics?since=yesterday", 422),
    ],
)
async def test_each_door_opens_to_its_scope_alone(
    tmp_path: Path, token: str | None, method: str, path: str, status: int
) -> None:
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path) as engine:
        headers = {"Authorization": f"Bearer {token}"} if token else {"Authorization": ""}
        answer = await engine.api.request(method, path, headers=headers)
        assert answer.status_code == status
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["detail"]


async def test_a_queue_can_be_paused_resumed_and_set_by_hand(tmp_path: Path) -> None:
    slow = {"domains": {"*": {"source-ip-max-msg-rate": "10/h"}}}
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path, slow) as engine:
        await offer(lab, Stream(OUTLANDISH.domain, "marketing"), 9)
        path = f"/v1/queues/{OUTLANDISH.domain}/marketing"
        assert (await engine.api.post(f"{path}/pause")).json()["paused"] is True
        assert (await engine.api.post(f"{path}/resume")).json()["paused"] is False
        held = await engine.api.post(f"{path}/mode", json={"mode": "backoff", "reason": "VIP call"})
        assert held.json()["backoff"]["reply"] == "VIP call"
        assert held.json()["backoff"]["pattern"] == "by operator"
        assert (await engine.api.post(f"{path}/mode", json={"mode": "normal", "reason": "over"})).json()[
            "mode"
        ] == "normal"


async def test_a_listing_is_narrowed_sorted_and_paged_by_the_engine(tmp_path: Path) -> None:
    slow = {"domains": {"*": {"source-ip-max-msg-rate": "10/h"}}}
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path, slow) as engine:
        book = engine.run.engine.queues
        for number in range(12):
            book.queue(f"d{number:02}.example", "marketing")
        book.find("d03.example", "marketing").paused = True

        async def names(**query: Any) -> tuple[int, list[str]]:
            found = (await engine.api.get("/v1/queues", params={"sort": "name", **query})).json()
            return found["matching"], [q["domain"].removesuffix(".example") for q in found["queues"]]

        assert await names(limit=3, offset=9) == (12, ["d09", "d10", "d11"])
        assert await names(limit=3, offset=12) == (12, [])
        assert await names(paused=True) == (1, ["d03"])
        assert await names(errors=True) == (0, [])
        assert await names(provider="microsoft") == (0, [])
        assert await names(name="d1*") == (2, ["d10", "d11"])


async def test_a_lease_by_hand_names_the_person_and_the_token_that_vouches_for_the_name(
    tmp_path: Path,
) -> None:
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path) as engine:
        by_hand = {"key": "operator:203.0.113.7:*", "origin": "operator", "epoch": 0}

        async def signature(person: str) -> str:
            body = lease(**by_hand, set_by=person)
            return (await engine.api.put(f"/v1/leases/{body['key']}", json=body)).json()["set_by"]

        assert await signature("ada") == "ada via operator"
        assert await signature("ada via operator") == "ada via operator"
        assert await signature("operator") == "operator"


async def test_scopes_and_statistics_of_one_ip_alone(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path) as engine:
        await offer(lab, Stream(OUTLANDISH.domain, "marketing"), 12)
        await engine.until(lambda: len({e.address for e in lab.ledger.entries}) > 1)
        for path, name in (
            ("/v1/scopes", "scopes"),
            ("/v1/statistics?since=2020-01-01T00:00:00Z", "minutes"),
        ):
            every = (await engine.api.get(path)).json()[name]
            assert {row["source_ip"] for row in every} >= {"203.0.113.7", "203.0.113.8"}
            mine = (
                await engine.api.get(path + ("&" if "?" in path else "?") + "source_ip=203.0.113.8")
            ).json()[name]
            assert {row["source_ip"] for row in mine} == {"203.0.113.8"}
