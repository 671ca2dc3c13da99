"""What single routes answer, over an engine that does not run."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine_app import TOKENS, app_of, assembled, client, queued

from core.clock import ManualClock
from engine.accounting.settings import RecordKind
from engine.settings import TokenScope


async def test_a_filter_is_mandatory_and_everything_must_be_said(tmp_path: Path) -> None:
    engine = assembled(tmp_path)
    queued(engine, "example.com", "a@example.com", "b@example.com")
    async with client(app_of(engine)) as asking:
        for body in ({}, {"everything": False}, {"everything": True, "job": "x"}):
            refused = await asking.post("/v1/messages/delete", json={"reason": "tidy", **body})
            assert refused.status_code == 422
        assert (await asking.get("/v1/messages")).json()["matching"] == 2
        gone = await asking.post("/v1/messages/delete", json={"reason": "tidy", "everything": True})
        assert gone.json()["recipients"] == 2
        await asyncio.sleep(0)  # a notice to the sender would be under way
        assert (await asking.get("/v1/messages")).json()["matching"] == 0
    engine.state.close()


async def test_a_dry_run_counts_and_shows_and_changes_nothing(tmp_path: Path) -> None:
    engine = assembled(tmp_path)
    queued(engine, "example.com", "a@example.com", job="spring")
    queued(engine, "example.net", "b@example.net", job="autumn", id=8)
    async with client(app_of(engine)) as asking:
        order = {"reason": "wrong text", "job": "spr*"}
        plan = (await asking.post("/v1/messages/bounce?dry_run=true", json=order)).json()
        assert (plan["dry_run"], plan["recipients"], plan["queues"]) == (True, 1, {"example.com/default": 1})
        assert plan["sample"][0]["rcpt"] == "a@example.com"
        assert (await asking.get("/v1/messages")).json()["matching"] == 2
        assert (await asking.get("/v1/audit")).json()["entries"] == []
        done = (await asking.post("/v1/messages/bounce", json=order)).json()
        assert (done["dry_run"], done["recipients"]) == (False, 1)
        left = (await asking.get("/v1/messages", params={"orig": "news@*"})).json()["messages"]
        assert [row["rcpt"] for row in left] == ["b@example.net"]
        (entry,) = (await asking.get("/v1/audit")).json()["entries"]
    assert (entry["actor"], entry["action"], entry["reason"]) == ("admin", "messages.bounce", "wrong text")
    assert entry["after"]["recipients"] == 1
    assert engine.accounting.records[RecordKind.BOUNCED] == 1
    queue = engine.queues.find("example.com", "default")
    assert queue.insight.events[-1].reply == "550 5.0.0 returned by admin: wrong text"
    assert queue.size == 0
    engine.state.close()


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"queue": "example.com"}, 2),
        ({"queue": "example.com/def*"}, 2),
        ({"queue": "*/other"}, 0),
        ({"rcpt": "ann@*"}, 1),
        ({"rcpt": "ANN@EXAMPLE.COM"}, 1),
        ({"rcpt": "a[nx]n@*"}, 0),
        ({"orig": "<>"}, 1),
        ({"id": "000007"}, 1),
        ({"older_than": "1h"}, 1),
        ({"queue": "example.com", "orig": "<>"}, 1),
        ({}, 2),
    ],
)
async def test_messages_are_found_by_every_part_of_the_filter(
    tmp_path: Path, params: dict[str, str], found: int
) -> None:
    engine = assembled(tmp_path)
    queued(engine, "example.com", "ann@example.com", age=7200)
    queued(engine, "example.com", "bob@example.com", orig="", id=9)
    async with client(app_of(engine)) as asking:
        assert (await asking.get("/v1/messages", params=params)).json()["matching"] == found
    engine.state.close()


async def test_recipients_that_wait_for_their_retry_are_deleted_too(tmp_path: Path) -> None:
    engine = assembled(tmp_path)
    queued(engine, "example.com", "a@example.com", "b@example.com", "c@example.com")
    queue = engine.queues.find("example.com", "default")
    for minutes in (30, 10, 20):
        queue.postpone(queue.ready.popleft(), minutes * 60 * 10**9)
    async with client(app_of(engine)) as asking:
        gone = await asking.post("/v1/messages/delete", json={"rcpt": "b@*", "reason": "asked for"})
    assert gone.json()["recipients"] == 1
    assert queue.waiting[0][0] == 20 * 60 * 10**9
    assert sorted(entry[2].address for entry in queue.waiting) == ["a@example.com", "c@example.com"]
    engine.state.close()


async def test_every_change_is_audited_with_who_what_and_why(tmp_path: Path) -> None:
    engine = assembled(tmp_path)
    queued(engine, "example.com", "a@example.com")
    path = "/v1/queues/example.com/default"
    async with client(app_of(engine), TOKENS[TokenScope.OPERATE]) as asking:
        await asking.post(f"{path}/pause?reason=maintenance", headers={"X-Request-Id": "req-1"})
        await asking.post(f"{path}/mode", json={"mode": "backoff", "reason": "too fast"})
        await asking.post(f"{path}/pause", headers={"X-Request-Id": "bad id\u00e9".encode("latin-1")})
        entries = (await asking.get("/v1/audit")).json()["entries"][::-1]
    assert [(e["actor"], e["action"], e["subject"]) for e in entries] == [
        ("operate", "queue.pause", "example.com/default"),
        ("operate", "queue.mode", "example.com/default"),
        ("operate", "queue.pause", "example.com/default"),
    ]
    assert (entries[0]["before"], entries[0]["after"]) == ({"paused": False}, {"paused": True})
    assert (entries[0]["request_id"], entries[0]["reason"]) == ("req-1", "maintenance")
    assert (entries[1]["before"], entries[1]["after"]) == ("normal", "backoff")
    assert len(entries[2]["request_id"]) == 32
    assert (tmp_path / "spool" / "audit.jsonl").read_text().count("\n") == 3
    kinds = [event.kind for event in engine.events.after("x")]
    assert kinds.count("audit") == 3
    assert "queue.mode" in kinds
    engine.state.close()


async def test_the_newest_events_come_with_the_id_to_go_on_from(tmp_path: Path) -> None:
    engine = assembled(tmp_path)
    for number in range(3):
        engine.events.add("config.reloaded", summary=f"{number}", at_once=engine.clock.now())
    async with client(app_of(engine)) as asking:
        shown = (await asking.get("/v1/events/recent", params={"limit": 2})).json()
        assert (await asking.get("/v1/events/recent", params={"limit": 0})).status_code == 422
    assert (shown["schema"], shown["kept"], shown["last_id"]) == ("events/v1", 3, engine.events.last_id)
    assert [one["fields"]["summary"] for one in shown["events"]] == ["1", "2"]
    assert shown["events"][-1]["id"] == engine.events.last_id
    assert engine.events.after(shown["events"][0]["id"]) == engine.events.newest(1)
    engine.state.close()


async def test_the_effective_settings_name_the_block_they_come_from(tmp_path: Path) -> None:
    domains = {"*": {"max-smtp-out": 20}, "[*.]example.com": {"max-smtp-out": 5}}
    engine = assembled(tmp_path, domains=domains)
    async with client(app_of(engine)) as asking:
        shown = (await asking.get("/v1/settings/Mail.Example.com/default")).json()
        assert (await asking.get("/v1/settings/example.com/nobody")).status_code == 404
    rows = {row["name"]: row for row in shown["directives"]}
    assert rows["max-smtp-out"]["value"] == 5
    assert rows["max-smtp-out"]["origin"].endswith("domain [*.]example.com")
    assert rows["retry-after"]["origin"] == "default"
    engine.state.close()


async def test_a_token_may_not_ask_more_often_than_its_rate(tmp_path: Path) -> None:
    clock = ManualClock()
    tokens = [{"name": "eager", "token": "t", "scope": "admin", "rate": "10/m"}]
    api = {"listen": "127.0.0.1:0", "tokens": tokens}
    engine = assembled(tmp_path, clock, **{"control-api": api})
    async with client(app_of(engine), "t") as asking:
        answers = [await asking.get("/v1/status") for _ in range(7)]
        assert [a.status_code for a in answers] == [200] * 5 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) >= 1
        clock.advance(60)
        (row,) = (await asking.get("/v1/tokens")).json()["tokens"]
    assert (row["name"], row["requests"], row["refused"]) == ("eager", 8, 2)
    assert row["last_used_at"] is not None
    assert "t" not in {str(value) for value in row.values()}
    engine.state.close()


async def test_readiness_tells_what_is_wrong_without_a_token(tmp_path: Path) -> None:
    engine = assembled(tmp_path)
    engine.scheduler.stopping = False
    engine.audit.problem = "the audit cannot be written: No space left on device"
    async with client(app_of(engine), None) as asking:
        warned = await asking.get("/-/ready")
        assert warned.status_code == 200
        assert warned.json()["warnings"] == [engine.audit.problem]
        engine.scheduler.stop()
        stopping = await asking.get("/-/ready")
    assert stopping.status_code == 503
    assert stopping.json()["detail"] == "the engine is stopping"
    engine.state.close()


async def test_a_body_beyond_the_bound_is_refused_while_it_comes(tmp_path: Path) -> None:
    engine = assembled(tmp_path, **{"max-message-size": 1024})
    async with client(app_of(engine)) as asking:
        answer = await asking.post("/v1/messages", content=b'{"content": "' + b"x" * 1_100_000)
    assert answer.status_code == 413
    engine.state.close()


async def test_an_unknown_source_ip_cannot_be_disabled(tmp_path: Path) -> None:
    engine = assembled(tmp_path)
    queued(engine, "example.com", "a@example.com")
    path = "/v1/queues/example.com/default/sources/198.51.100.1/disable"
    async with client(app_of(engine)) as asking:
        answer = await asking.post(path, json={"reason": "noisy", "reenable_after": "2h"})
    assert answer.status_code == 404
    engine.state.close()


def body(**more: Any) -> dict[str, Any]:
    fields = {
        "from": {"address": "news@example.com", "name": "News"},
        "to": [{"address": "ann@example.net"}],
        "subject": "Hello",
        "text": "Good day\n",
    }
    return {"sender": "bounce@example.com", "recipients": ["ann@example.net"], "fields": {**fields, **more}}


@pytest.mark.parametrize(
    "wrong",
    [
        body(subject="Hello\r\nBcc: eve@example.org"),
        body(subject="Hello\nBcc: eve@example.org"),
        body(subject="Hello\u2028Bcc: eve@example.org"),
        body(subject="Hello\u0085Bcc: eve@example.org"),
        body(subject="nul\u0000"),
        body(**{"from": {"address": "news@example.com", "name": "N\r\nBcc: eve@example.org"}}),
        body(to=[{"address": "ann@example.net>\r\nRCPT TO:<eve@example.org"}]),
        body(headers={"X-Thing\r\nBcc": "eve@example.org"}),
        body(headers={"X-Thing": "a\r\nBcc: eve@example.org"}),
        body(headers={"x-virtual-mta": "other"}),
        {**body(), "job": "j\r\nBcc: eve@example.org"},
        {**body(), "virtual_mta": "v\r\nBcc: eve@example.org"},
        {**body(), "sender": "a@b>\r\nRCPT TO:<eve@example.org"},
        {**body(), "recipients": []},
        {**body(), "content": "Subject: two contents\n\nx"},
        {**body(), "virtual_mta": "unknown"},
        {"sender": None, "recipients": ["ann@example.net"], "content_base64": "no base64!"},
    ],
)
async def test_nothing_is_smuggled_into_a_header_or_an_envelope(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    engine = assembled(tmp_path)
    async with client(app_of(engine)) as asking:
        answer = await asking.post("/v1/messages", json=wrong)
    assert answer.status_code == 422
    assert engine.spool.size().messages == 0
    engine.state.close()


async def test_mail_may_be_handed_over_as_parts_as_text_or_as_octets(tmp_path: Path) -> None:
    engine = assembled(tmp_path)
    given = [
        {**body(html="<p>Good day", headers={"List-Id": "news"}), "job": "spring"},
        {"sender": None, "recipients": ["ann@example.net"], "content": "Subject: gr\u00fc\u00df\n\nbare\nends\n"},
        {"sender": "a@example.com", "recipients": ["ann@example.net"], "content_base64": "U3ViamVjdDogeA0KDQr/DQo="},
    ]  # fmt: skip
    async with client(app_of(engine)) as asking:
        answers = [await asking.post("/v1/messages", json=one) for one in given]
    assert [answer.status_code for answer in answers] == [202] * 3
    recipients = list(engine.queues.find("example.net", "default").ready)
    contents = [engine.spool.content(r.message.id) for r in recipients]  # type: ignore[arg-type]
    assert b"multipart/alternative" in contents[0]
    assert b"List-Id: news\r\n" in contents[0]
    assert (recipients[0].message.job, recipients[1].message.sender) == ("spring", "")
    assert "grüß".encode() in contents[1]
    assert contents[1].endswith(b"\r\nbare\r\nends\r\n")
    assert b"\xff" in contents[2]
    engine.state.close()


async def test_a_misspelt_name_in_the_query_is_refused_and_nothing_is_done(tmp_path: Path) -> None:
    engine = assembled(tmp_path)
    queued(engine, "example.net", "a@example.net")
    asked = {"queue": "example.net/default", "reason": "a rehearsal"}
    async with client(app_of(engine)) as asking:
        answer = await asking.post("/v1/messages/delete", params={"dryrun": "true"}, json=asked)
        nothing = await asking.get("/v1/status", params={"verbose": "yes"})
    assert (answer.status_code, nothing.status_code) == (422, 422)
    assert "unknown in the query: 'dryrun'; /v1/messages/delete takes dry_run" in answer.json()["detail"]
    assert [r.address for r in engine.queues.find("example.net", "default").ready] == ["a@example.net"]
    engine.state.close()


async def test_metrics_are_of_configured_labels_alone(tmp_path: Path) -> None:
    engine = assembled(tmp_path)
    queued(engine, "secret-customer.example", "a@secret-customer.example")
    at = engine.clock.now().timestamp()
    source = engine.sources()[0].address
    engine.statistics.attempted(source, "microsoft", 3, at)
    async with client(app_of(engine)) as asking:
        answer = await asking.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'tidegate_smtp_attempts_total{ip="203.0.113.7",provider="microsoft"} 3\n' in answer.text
        assert "secret-customer" not in answer.text
        assert "tidegate_config_last_reload_successful 1\n" in answer.text
        for _ in range(5):
            engine.clock.advance(timedelta(hours=1).total_seconds())  # type: ignore[attr-defined]
            engine.statistics.attempted(source, "microsoft", 1, engine.clock.now().timestamp())
        text = (await asking.get("/metrics")).text
    assert 'tidegate_smtp_attempts_total{ip="203.0.113.7",provider="microsoft"} 8\n' in text
    engine.state.close()
