"""Conversations as they happen: seen from the API of an engine that delivers into the lab."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import small_engine
from certificates import pair
from engine_lab import TOKENS, Rig, offer, rig
from smtp_scripts import scripted

from core.clock import SystemClock
from core.errors import NotFoundError
from engine import outbound
from engine.smtp.client import ClientSession
from engine.tls import Certificate
from engine.wire import Wire
from lab.judge import Temper
from lab.manners import OUTLANDISH, with_temper
from lab.ports import free_port
from lab.traffic import Stream
from lab.world import Lab
from tidegate.client import EngineClient

QUEUE = {"domain": OUTLANDISH.domain, "vmta": "marketing"}
STREAM = Stream(OUTLANDISH.domain, "marketing")
# a connection that idles is closed at once, so that a trace need not wait for its end
BRISK = {"connection-idle-timeout": "0s"}
SURLY = with_temper(OUTLANDISH, Temper(good=1e12, blocking=0.0))
"""Defers whatever comes."""


class Trace:
    """Reads /v1/trace until it ends."""

    def __init__(self, api: httpx.AsyncClient, wanted: Mapping[str, Any]) -> None:
        self.steps: list[dict[str, Any]] = []
        self._task = asyncio.create_task(self._read(api, wanted))

    async def _read(self, api: httpx.AsyncClient, wanted: Mapping[str, Any]) -> None:
        async with api.stream("GET", "/v1/trace", params=dict(wanted)) as answer:
            assert answer.status_code == 200, await answer.aread()
            kind = ""
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    self.steps.append({"event": kind, **json.loads(value)})

    async def begun(self) -> "Trace":
        async with asyncio.timeout(10):
            while not self.steps:
                assert not self._task.done(), self._task.exception()
                await asyncio.sleep(0.01)
        return self

    async def ended(self) -> list[dict[str, Any]]:
        async with asyncio.timeout(20):
            await self._task
        return self.steps

    async def leave(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def lines(self, kind: str) -> list[str]:
        return [step["line"] for step in self.steps if step["event"] == kind]

    def one(self, kind: str) -> dict[str, Any]:
        (found,) = (step for step in self.steps if step["event"] == kind)
        return found


@asynccontextmanager
async def engine(lab: Lab, folder: Path, **directives: str) -> AsyncIterator[Rig]:
    async with rig(lab, folder, {"domains": {"*": {**BRISK, **directives}}}) as running:
        yield running


async def test_a_delivery_is_seen_from_the_first_step_to_the_last_without_its_content(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, engine(lab, tmp_path) as run:
        trace = await Trace(run.api, QUEUE).begun()
        await offer(lab, STREAM, 1, recipients=2)
        steps = await trace.ended()
    kinds = list(dict.fromkeys(step["event"] for step in steps))
    assert kinds == [
        "waiting", "begun", "resolved", "connecting", "connected", "heard", "said", "content", "written",
        "result", "closed",
    ]  # fmt: skip
    begun, connected = trace.one("begun"), trace.one("connected")
    assert begun["queue"] == f"{OUTLANDISH.domain}/marketing"
    assert begun["source_ip"] in {"203.0.113.7", "203.0.113.8"}
    assert connected["local"].startswith(f"{begun['bind']}:")
    assert trace.one("resolved")["hosts"][0].startswith(f"mx1.{OUTLANDISH.domain}:")
    assert trace.lines("heard")[0].startswith(f"220 mx1.{OUTLANDISH.domain}")
    assert trace.lines("said")[0] == "EHLO mta.lab.test"
    assert [line[:5] for line in trace.lines("said")[1:]] == ["MAIL ", "RCPT ", "RCPT ", "DATA", "QUIT"]
    results = [step for step in steps if step["event"] == "result"]
    assert [(r["result"], r["by"]) for r in results] == [("delivered", "the peer")] * 2
    assert set(trace.one("content")) == {"event", "connection", "ms", "octets"}
    assert trace.one("content")["octets"] > 100
    assert "Subject:" not in json.dumps(steps)
    times = [step["ms"] for step in steps]
    assert times == sorted(times)
    assert trace.one("closed")["why"] == "we said QUIT"


async def test_with_log_data_the_content_is_seen_and_the_audit_tells_who_looked(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, engine(lab, tmp_path) as run:
        trace = await Trace(run.api, {**QUEUE, "log_data": "true"}).begun()
        await offer(lab, STREAM, 1)
        await trace.ended()
        entries = (await run.api.get("/v1/audit")).json()["entries"]
    content = trace.one("content")
    assert "Subject: This week at the harbour" in content["lines"]
    assert content["lines"][-1] == "."
    assert not content["cut"]
    (entry,) = (e for e in entries if e["action"] == "trace.content")
    assert (entry["actor"], entry["subject"]) == ("operator", f"{OUTLANDISH.domain}/marketing")


async def test_a_deferral_is_seen_with_the_words_of_the_peer(tmp_path: Path) -> None:
    async with Lab(SystemClock(), providers=[SURLY]) as lab, engine(lab, tmp_path) as run:
        trace = await Trace(run.api, {"provider": OUTLANDISH.ident}).begun()
        await offer(lab, STREAM, 1)
        await trace.ended()
    deferred = trace.one("result")
    assert (deferred["result"], deferred["by"]) == ("deferred", "the peer")
    assert deferred["reply"].startswith("451 4.7.650 The mail server [203.0.113.")
    assert deferred["reply"] in trace.lines("heard")


async def test_another_source_ip_is_not_seen(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, engine(lab, tmp_path) as run:
        other = await Trace(run.api, {"source_ip": "203.0.113.16"}).begun()
        seen = [await Trace(run.api, {"source_ip": f"203.0.113.{last}"}).begun() for last in (7, 8)]
        await offer(lab, STREAM, 20)
        for last, trace in zip((7, 8), seen, strict=True):
            await trace.ended()
            assert trace.one("begun")["source_ip"] == f"203.0.113.{last}"
            assert trace.one("connected")["local"].startswith(f"{trace.one('begun')['bind']}:")
        assert [step["event"] for step in other.steps] == ["waiting"]
        await other.leave()


async def test_who_goes_away_is_forgotten_and_the_mail_goes_on(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path) as run:
        traces = run.run.engine.traces
        trace = await Trace(run.api, QUEUE).begun()
        await offer(lab, STREAM, 1)
        await run.until(lambda: "result" in {step["event"] for step in trace.steps})
        await trace.leave()  # its connection is open still
        await run.until(lambda: len(traces) == 0)
        await offer(lab, STREAM, 20)
        await run.until(lambda: run.run.engine.spool.size().messages == 0)


async def test_what_nobody_looks_at_goes_over_the_plain_wire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[type[ClientSession], type[Wire]]] = []
    opened = outbound.OutboundConnection.__init__

    def noting(self: outbound.OutboundConnection, session: ClientSession, wire: Wire) -> None:
        made.append((type(session), type(wire)))
        opened(self, session, wire)

    monkeypatch.setattr(outbound.OutboundConnection, "__init__", noting)
    async with Lab(SystemClock()) as lab, engine(lab, tmp_path) as run:
        trace = await Trace(run.api, {"vmta": "transactional"}).begun()
        await offer(lab, STREAM, 10)
        await run.until(lambda: run.run.engine.spool.size().messages == 0)
        assert set(made) == {(ClientSession, Wire)}
        await offer(lab, Stream(OUTLANDISH.domain, "transactional"), 1)
        await trace.ended()
    assert [wire.__name__ for _, wire in made if wire is not Wire] == ["TracedWire"]


async def test_tls_is_seen_and_what_is_said_inside(tmp_path: Path) -> None:
    files = pair(tmp_path, "mx.d.example")
    async with (
        small_engine.mailbox(Certificate(files.certificate, files.key)) as (port, taken),
        small_engine.engine(tmp_path, {"d.example": port}, domains={"*": BRISK}) as run,
        operator(run.api) as api,
    ):
        trace = await Trace(api, {"domain": "d.example"}).begun()
        await small_engine.send(run, "ann@d.example")
        steps = await trace.ended()
        assert len(taken) == 1
    assert trace.one("secured")["protocol"] == "TLSv1.3"
    assert trace.one("secured")["cipher"].startswith("TLS_")
    said = [step.get("line") for step in steps if step["event"] in {"said", "secured"}]
    assert said[:4] == ["EHLO mta.example", "STARTTLS", None, "EHLO mta.example"]


async def test_a_peer_that_is_not_there_is_seen_too(tmp_path: Path) -> None:
    async with (
        small_engine.engine(tmp_path, {"d.example": free_port()}) as run,
        operator(run.api) as api,
    ):
        trace = await Trace(api, {"domain": "D.EXAMPLE"}).begun()
        await small_engine.send(run, "ann@d.example")
        steps = await trace.ended()
    assert [step["event"] for step in steps] == [
        "waiting", "begun", "resolved", "connecting", "failed", "closed",
    ]  # fmt: skip
    assert "connection refused" in trace.one("closed")["why"]


async def test_a_domain_that_cannot_be_resolved_is_seen_too(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path) as run:
        trace = await Trace(run.api, {"domain": "nowhere.test"}).begun()
        await offer(lab, Stream("nowhere.test", "marketing"), 1)
        steps = await trace.ended()
    assert [step["event"] for step in steps] == ["waiting", "begun", "failed", "closed"]
    assert "DNS did not answer for nowhere.test" in trace.one("closed")["why"]
    assert trace.one("begun")["source_ip"] is None


async def test_a_reply_that_a_terminal_would_obey_comes_as_it_is_in_json_and_splits_no_event(
    tmp_path: Path,
) -> None:
    async def evil(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 \x1b[2J\revent: closed\ndata: {}\xe2\x80\xae\n\n\r\n")
        await reader.read()

    async with (
        scripted(evil) as port,
        small_engine.engine(tmp_path, {"d.example": port}) as run,
        operator(run.api) as api,
    ):
        trace = await Trace(api, {"domain": "d.example"}).begun()
        await small_engine.send(run, "ann@d.example")
        steps = await trace.ended()
    assert trace.lines("heard")[0] == "554 \x1b[2J\revent: closed"
    assert [step["event"] for step in steps][-1] == "closed"
    assert [step["event"] for step in steps].count("closed") == 1


async def test_the_command_lines_client_follows_over_a_real_socket(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, engine(lab, tmp_path) as run:
        traces = run.run.engine.traces
        client = EngineClient(run.run.api, TOKENS["operator"])
        following = asyncio.create_task(asyncio.to_thread(lambda: list(client.trace(**QUEUE, connections=2))))
        await run.until(lambda: len(traces) == 1)
        await offer(lab, STREAM, 4)
        steps = await following
        assert [step["event"] for step in steps].count("closed") == 2
        assert {step["connection"] for step in steps} == {0, 1, 2}
        await run.until(lambda: len(traces) == 0)
        with pytest.raises(NotFoundError, match="there is no VirtualMTA nobody"):
            await asyncio.to_thread(lambda: list(client.trace(vmta="nobody")))


async def test_stopping_does_not_wait_for_those_who_trace(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, httpx.AsyncClient(timeout=30) as api:
        async with rig(lab, tmp_path) as run:
            api.base_url, api.headers = run.api.base_url, run.api.headers
            trace = await Trace(api, QUEUE).begun()
        assert [step["event"] for step in await trace.ended()] == ["waiting"]


@asynccontextmanager
async def operator(base: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {'t' * 20}"}
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as api:
        yield api


@pytest.mark.parametrize(
    ("wanted", "status", "said"),
    [
        ({"vmta": "marketin"}, 404, "there are marketing, transactional"),
        ({"source_ip": "203.0.113.99"}, 404, "203.0.113.99 is no source IP"),
        ({"provider": "microsft"}, 404, "there is no provider microsft"),
        ({"connections": 0}, 422, "not valid"),
        ({"connections": 101}, 422, "not valid"),
        ({"log-data": "true"}, 422, "unknown in the query: 'log-data'"),
    ],
)
async def test_what_could_wait_for_ever_is_refused(
    tmp_path: Path, wanted: dict[str, Any], status: int, said: str
) -> None:
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path) as run:
        answer = await run.api.get("/v1/trace", params=wanted)
        assert answer.status_code == status
        assert said in answer.json()["detail"]
        assert len(run.run.engine.traces) == 0
