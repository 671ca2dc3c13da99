"""The engine on loopback: what it accepts arrives, from the right address, once, and no faster than allowed."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from engine_lab import offer, rig

from core.clock import SystemClock
from lab import ledger
from lab.manners import GEEMAIL, OUTLANDISH, YAHOOLIGAN
from lab.traffic import Stream
from lab.world import Lab

EVERYBODY = (OUTLANDISH, GEEMAIL, YAHOOLIGAN)
MARKETING = ("203.0.113.7", "203.0.113.8")


def lease_on(address: str, rate: str, now: datetime) -> dict[str, object]:
    return {
        "key": f"auto:{address}:microsoft:source-ip-max-msg-rate",
        "scope": {"source_ip": address, "provider": "microsoft"},
        "directive": "source-ip-max-msg-rate",
        "value": rate,
        "origin": "controller",
        "reason": "a drill",
        "set_by": "controller",
        "set_at": now.isoformat(),
        "expires_at": (now + timedelta(hours=1)).isoformat(),
    }


async def test_what_is_accepted_arrives_once_from_every_source_ip_of_its_virtual_mta(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path) as engine:
        promised = set()
        for who in EVERYBODY:
            promised |= (await offer(lab, Stream(who.domain, "marketing"), 60, recipients=2)).promised
        assert len(promised) == 360
        await engine.until(lambda: not ledger.missing(lab.ledger.entries, promised))
        assert ledger.duplicated(lab.ledger.entries) == {}
        per_address = Counter(e.address for e in ledger.attempts(lab.ledger.entries))
        assert set(per_address) == set(MARKETING)
        await engine.until(lambda: engine.run.engine.spool.size().messages == 0)


async def test_x_virtual_mta_chooses_the_source_ips(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path) as engine:
        sent = await offer(lab, Stream(OUTLANDISH.domain, "transactional"), 20)
        await engine.until(lambda: not ledger.missing(lab.ledger.entries, sent.promised))
        assert {e.address for e in lab.ledger.entries} == {"203.0.113.16", "203.0.113.17"}


async def test_an_unknown_virtual_mta_is_refused_with_its_name(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path):
        sent = await offer(lab, Stream(OUTLANDISH.domain, "nowhere"), 1)
        assert "there is no VirtualMTA 'nowhere'" in next(iter(sent.refused.values()))


@pytest.mark.slow
async def test_limits_are_exact_in_every_minute_that_the_providers_saw(tmp_path: Path) -> None:
    """100/m for two IPs, 600/m for two others that send messages to several recipients; all saturated."""
    lines = ["203.0.113.7 100/m", "203.0.113.8 100/m", "203.0.113.16/31 600/m"]
    limit = {"domains": {"*": {"source-ip-max-msg-rate": lines}}}
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path, limit):
        await offer(lab, Stream(OUTLANDISH.domain, "marketing"), 400)
        await offer(lab, Stream(GEEMAIL.domain, "transactional"), 250, recipients=7)
        await asyncio.sleep(75)
        attempts = ledger.attempts(lab.ledger.entries)
    most = ledger.most_by_address(attempts, timedelta(minutes=1))
    assert set(most) == {"203.0.113.7", "203.0.113.8", "203.0.113.16", "203.0.113.17"}
    assert all(98 <= most[address] <= 100 for address in MARKETING)
    assert all(588 <= most[address] <= 600 for address in ("203.0.113.16", "203.0.113.17"))


async def test_a_rate_lowered_under_load_holds_within_100_ms(tmp_path: Path) -> None:
    base = {"providers": {"microsoft": {"mx": [f"*.{OUTLANDISH.domain}"], "source-ip-max-msg-rate": "50/s"}}}
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path, base) as engine:
        await offer(lab, Stream(OUTLANDISH.domain, "marketing"), 1_500)  # a quarter of a minute's work
        await engine.until(lambda: len(lab.ledger.entries) > 100)
        for address in MARKETING:
            key = f"auto:{address}:microsoft:source-ip-max-msg-rate"
            answer = await engine.api.put(
                f"/v1/leases/{key}", json=lease_on(address, "2/s", SystemClock().now())
            )
            assert answer.status_code == 201
        cut = SystemClock().now()
        await asyncio.sleep(3)
        late = ledger.attempts(lab.ledger.since(cut + timedelta(milliseconds=100)))
        assert 4 <= len(late) <= 2 * (2 * 3 + 1)
        assert max(ledger.most_by_address(late, timedelta(seconds=1)).values()) <= 2


async def test_a_limit_counts_recipients_not_messages(tmp_path: Path) -> None:
    limit = {"domains": {"*": {"source-ip-max-msg-rate": "1200/m"}}}
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path, limit):
        await offer(lab, Stream(OUTLANDISH.domain, "marketing"), 20, recipients=50)
        await asyncio.sleep(3)
        per_address = Counter(e.address for e in ledger.attempts(lab.ledger.entries))
        assert all(50 <= per_address[address] <= 12 + 3.2 * 20 for address in MARKETING)


async def test_connections_open_no_faster_than_source_ip_max_connect_rate(tmp_path: Path) -> None:
    limit = {"domains": {"*": {"source-ip-max-connect-rate": "60/m", "max-msg-per-connection": 1}}}
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path, limit):
        await offer(lab, Stream(OUTLANDISH.domain, "marketing"), 40)
        await asyncio.sleep(3.5)
        per_address = Counter(e.address for e in ledger.attempts(lab.ledger.entries))
        assert all(3 <= per_address[address] <= 4 for address in MARKETING)


async def test_mail_to_a_domain_that_does_not_exist_is_given_up_with_the_reason(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, rig(lab, tmp_path) as engine:
        await offer(lab, Stream(f"no.{OUTLANDISH.domain}", "marketing"), 1)
        await engine.until(lambda: engine.run.engine.spool.size().messages == 0)
        shown = (await engine.api.get("/v1/queues/no.outlandish.test/marketing")).json()
        assert "no.outlandish.test does not exist" in shown["last_error"]
        assert shown["recipient_events"][0]["kind"] == "bounced"


async def test_a_stopped_engine_keeps_what_it_could_not_send(tmp_path: Path) -> None:
    slow = {"domains": {"*": {"source-ip-max-msg-rate": "10/h"}}}
    async with Lab(SystemClock()) as lab:
        async with rig(lab, tmp_path, slow):
            sent = await offer(lab, Stream(OUTLANDISH.domain, "marketing"), 30)
        assert ledger.missing(lab.ledger.entries, sent.promised)
        async with rig(lab, tmp_path) as engine:
            await engine.until(lambda: not ledger.missing(lab.ledger.entries, sent.promised))
            assert ledger.duplicated(lab.ledger.entries) == {}
