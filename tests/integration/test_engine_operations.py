"""Operating a running engine: mail by HTTP, accounting on disk, events as they come, reloads that hold."""

import asyncio
import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from engine_lab import TOKENS, Rig, offer, settings_for

from core.clock import SystemClock
from core.errors import ConfigError
from engine.accounting.settings import RecordKind
from engine.reload import Configuration
from engine.service import Running, running
from engine.settings import EngineSettings
from lab.judge import Temper
from lab.manners import OUTLANDISH, with_temper
from lab.traffic import Stream
from lab.world import Lab

BLOCKING = with_temper(OUTLANDISH, Temper(blocking=101.0))
CHIEF = {"Authorization": f"Bearer {TOKENS['chief']}"}
QUEUE = f"/v1/queues/{OUTLANDISH.domain}/marketing"
HELD = {"domains": {"*": {"source-ip-max-msg-rate": "1/h"}}}


class File:
    """What a configuration file says now; a mistake is raised as the loader raises it."""

    def __init__(self, lab: Lab, folder: Path, more: Mapping[str, Any] | None = None) -> None:
        self._lab, self._folder = lab, folder
        self.mistake: ConfigError | None = None
        self.settings = self.says(more or {})

    def says(self, more: Mapping[str, Any]) -> EngineSettings:
        self.settings = settings_for(self._lab, self._folder, more)
        return self.settings

    def __call__(self) -> Configuration:
        if self.mistake:
            raise self.mistake
        return Configuration(self.settings, {})


def delivered_in(lab: Lab) -> int:
    return sum(entry.accepted and not entry.is_attempt for entry in lab.ledger.entries)


def accounted(run: Running, kind: RecordKind, count: int) -> Callable[[], bool]:
    return lambda: run.engine.accounting.records[kind] >= count


async def events(api: httpx.AsyncClient, count: int, last_id: str | None = None) -> list[dict[str, Any]]:
    """The next events, and no more than that."""
    headers = {**CHIEF, **({"Last-Event-ID": last_id} if last_id else {})}
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(10), api.stream("GET", "/v1/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        said: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                said[name] = value
            elif "data" in said:
                found.append({"id": said["id"], "event": said["event"], **json.loads(said["data"])})
                said = {}
                if len(found) == count:
                    return found
    return found


async def test_a_message_handed_over_by_http_is_delivered_and_accounted(tmp_path: Path) -> None:
    files = [
        {"path": str(tmp_path / "a.jsonl")},
        {"path": str(tmp_path / "a.csv"), "format": "csv", "records": ["delivered", "bounced"]},
    ]
    async with Lab(SystemClock()) as lab:
        settings = settings_for(lab, tmp_path, {"accounting-files": files})
        async with (
            running(settings, SystemClock()) as run,
            httpx.AsyncClient(base_url=run.api, headers=CHIEF, timeout=30) as api,
        ):
            body = {
                "sender": "news@example.com",
                "recipients": [f"ann@{OUTLANDISH.domain}"],
                "fields": {"from": {"address": "news@example.com"}, "subject": "Hi", "text": "Hello\n"},
                "job": "spring",
            }
            taken = await api.post("/v1/messages", json=body)
            assert taken.status_code == 202
            engine = Rig(lab, run, api)
            await engine.until(lambda: delivered_in(lab) == 1)
            text = (await api.get("/metrics")).text
        rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
        received, delivered = (next(r for r in rows if r["type"] == t) for t in ("received", "delivered"))
        assert received["id"] == delivered["id"] == taken.json()["id"]
        assert received["rcvSourceIp"] == "127.0.0.1"
        assert delivered["dlvSourceIp"].startswith("203.0.113.")
        assert delivered["jobId"] == "spring"
        assert delivered["dlvSize"] > 100
        assert delivered["timeFirstAttempt"] >= delivered["timeQueued"]
        (row,) = csv.DictReader((tmp_path / "a.csv").read_text().splitlines())
        assert (row["type"], row["dlvSourceIp"]) == ("d", delivered["dlvSourceIp"])
        assert row["dlvDestinationIp"].startswith("127.0.")
        assert "tidegate_delivery_latency_seconds_count" in text


async def test_a_bounce_names_the_source_ip_it_happened_on(tmp_path: Path) -> None:
    async with Lab(SystemClock(), providers=[BLOCKING]) as lab:
        settings = settings_for(lab, tmp_path)
        async with (
            running(settings, SystemClock()) as run,
            httpx.AsyncClient(base_url=run.api, headers=CHIEF, timeout=30) as api,
        ):
            for bounces in (1, 2):  # a block suspends its IP, so that the second goes by the other one
                await offer(lab, Stream(BLOCKING.domain, "marketing"), 1)
                await Rig(lab, run, api).until(accounted(run, RecordKind.BOUNCED, bounces))
        rows = [json.loads(line) for line in (tmp_path / "accounting.jsonl").read_text().splitlines()]
    bounced = [row for row in rows if row["type"] == "bounced"]
    assert {row["bounceCat"] for row in bounced} == {"spam-related"}
    sources = {
        str(source.address) for pool in lab.pools if pool.name == "marketing" for source in pool.sources
    }
    assert len(bounced) == len(sources) == 2
    assert {row["dlvSourceIp"] for row in bounced} == sources
    assert all(row["dlvSourceIp"] in row["dsnDiag"] for row in bounced)  # the block names its IP


async def test_followers_hear_events_and_go_on_where_they_stopped(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab:
        settings = settings_for(lab, tmp_path, HELD)
        async with (
            running(settings, SystemClock()) as run,
            httpx.AsyncClient(base_url=run.api, headers=CHIEF, timeout=30) as api,
        ):
            await offer(lab, Stream(OUTLANDISH.domain, "marketing"), 6)
            following = asyncio.create_task(events(api, 1))
            await Rig(lab, run, api).until(lambda: run.engine.events.followers == 1)
            await api.post(f"{QUEUE}/mode", json={"mode": "backoff", "reason": "VIP call"})
            (first,) = await following
            assert (first["event"], first["queue"]) == ("queue.mode", f"{OUTLANDISH.domain}/marketing")
            await api.post(f"{QUEUE}/sources/203.0.113.7/disable", json={"reason": "noisy"})
            await api.post(f"{QUEUE}/sources/203.0.113.7/enable")
            rest = await events(api, 5, first["id"])
            assert [event["event"] for event in rest] == [
                "audit", "source.disabled", "audit", "source.enabled", "audit",
            ]  # fmt: skip


async def test_stopping_does_not_wait_for_those_who_follow(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab:
        settings = settings_for(lab, tmp_path)
        async with httpx.AsyncClient(headers=CHIEF, timeout=30) as api:
            async with running(settings, SystemClock()) as run:
                api.base_url = httpx.URL(run.api)
                following = asyncio.create_task(events(api, 99))
                await Rig(lab, run, api).until(lambda: run.engine.events.followers == 1)
            assert await following == []


async def test_a_reload_takes_limits_routes_and_tokens_and_names_what_waits(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab:
        file = File(lab, tmp_path, HELD)
        async with (
            running(file.settings, SystemClock(), reload=file) as run,
            httpx.AsyncClient(base_url=run.api, headers=CHIEF, timeout=30) as api,
        ):
            engine = Rig(lab, run, api)
            await offer(lab, Stream(OUTLANDISH.domain, "marketing"), 12)
            await engine.until(lambda: len(lab.ledger.entries) >= 2)
            file.says({"domains": {"*": {"source-ip-max-msg-rate": "1000/s"}}, "hostname": "other.test"})
            planned = (await api.post("/-/reload?dry_run=true")).json()
            assert planned["changes"] == ["domains * source-ip-max-msg-rate: without 1/h → with 1000/s"]
            assert planned["needs_restart"] == ["hostname: mta.lab.test → other.test"]
            assert delivered_in(lab) <= 4
            done = (await api.post("/-/reload")).json()
            assert done["changes"] == planned["changes"]
            # what waited for the old limit goes out under the new one
            await engine.until(lambda: delivered_in(lab) >= 12)
            assert run.engine.settings.hostname == "mta.lab.test"
            shown = (await api.get(f"/v1/settings/{OUTLANDISH.domain}/marketing")).json()["directives"]
            assert {"1000/s"} == {r["value"][0] for r in shown if r["name"] == "source-ip-max-msg-rate"}


async def test_a_mistake_keeps_the_old_configuration_and_is_told(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab:
        file = File(lab, tmp_path)
        async with (
            running(file.settings, SystemClock(), reload=file) as run,
            httpx.AsyncClient(base_url=run.api, headers=CHIEF, timeout=30) as api,
        ):
            before = run.engine.settings
            file.mistake = ConfigError(
                "'20x' is not a rate", file="config.yaml", line=7, key="engine.domains"
            )
            refused = await api.post("/-/reload")
            assert refused.status_code == 422
            assert "config.yaml:7" in refused.json()["detail"]
            assert run.engine.settings is before
            assert "tidegate_config_last_reload_successful 0\n" in (await api.get("/metrics")).text
            assert "config.yaml:7" in (await api.get("/-/ready")).json()["warnings"][-1]
            file.mistake = None
            file.says({"default-virtual-mta": "nobody"})
            assert "nobody" in (await api.post("/-/reload")).json()["detail"]
            assert run.engine.settings is before
            file.says({"smtp-pattern-lists": {"x": [{"reply": "/(/", "actions": "mode=backoff"}]}})
            assert (await api.post("/-/reload")).status_code == 422
            assert run.engine.settings is before
            file.says({})
            assert (await api.post("/-/reload")).json()["changes"] == []
            assert "tidegate_config_last_reload_successful 1\n" in (await api.get("/metrics")).text


async def test_source_ips_and_tokens_change_at_run_time(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab:
        file = File(lab, tmp_path, HELD)
        async with (
            running(file.settings, SystemClock(), reload=file) as run,
            httpx.AsyncClient(base_url=run.api, headers=CHIEF, timeout=30) as api,
        ):
            engine = Rig(lab, run, api)
            await offer(lab, Stream(OUTLANDISH.domain, "marketing"), 8)
            await engine.until(lambda: len(lab.ledger.entries) >= 2)
            pools = file.settings.model_dump(mode="json", by_alias=True)["virtual-mtas"]
            kept = [s for s in pools["marketing"]["source-ips"] if s["address"] != "203.0.113.7"]
            api_settings = {
                "listen": file.settings.control_api.listen,
                "tokens": [{"name": "fresh", "token": "fresh-sesame", "scope": "admin"}],
            }
            file.says(
                {"virtual-mtas": {**pools, "marketing": {"source-ips": kept}}, "control-api": api_settings}
            )
            done = (await api.post("/-/reload")).json()
            assert any("without 203.0.113.7" in change for change in done["changes"])
            assert "sesame" not in json.dumps(done)
            assert (await api.get("/v1/status")).status_code == 401
            fresh = {"Authorization": "Bearer fresh-sesame"}
            sources = (await api.get(QUEUE, headers=fresh)).json()["sources"]
            assert [source["address"] for source in sources] == [s["address"] for s in kept]
            seen = len(lab.ledger.entries)
            await offer(lab, Stream(OUTLANDISH.domain, "marketing"), 4)
            await engine.until(lambda: run.engine.queues.find(OUTLANDISH.domain, "marketing").recipients == 0)
            assert {entry.address for entry in lab.ledger.entries[seen:]} <= {s["address"] for s in kept}


async def test_an_engine_without_a_file_says_so(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab:
        settings = settings_for(lab, tmp_path)
        async with (
            running(settings, SystemClock()) as run,
            httpx.AsyncClient(base_url=run.api, headers=CHIEF, timeout=30) as api,
        ):
            answer = await api.post("/-/reload")
    assert answer.status_code == 409
    assert "without a configuration file" in answer.json()["detail"]
