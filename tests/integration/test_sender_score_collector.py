"""Sender Score over a real DNS server."""

import asyncio
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import scripted_dns
from scripted_dns import Reply

from core.reading import Quality, Status
from monitor.collectors.sender_score import SenderScoreCollector
from monitor.collectors.settings import ResolverSettings, SenderScoreSettings
from monitor.health import OutcomeKind

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ZONE = "score.senderscore.com"
FLEET = [ip_address(f"203.0.113.{n}") for n in range(1, 61)]


def collector(port: int, concurrency: int = 8) -> SenderScoreCollector:
    resolver = ResolverSettings(
        nameservers=[f"127.0.0.1:{port}"], timeout=timedelta(milliseconds=300), tries=2
    )
    return SenderScoreCollector(SenderScoreSettings(concurrency=concurrency), resolver)


async def test_scores_refusals_and_silence_over_the_wire() -> None:
    async with scripted_dns.serving() as dns:
        dns.list("203.0.113.1", ZONE, "127.0.4.97")
        dns.list("203.0.113.2", ZONE, "127.0.4.42")
        dns.names[f"3.113.0.203.{ZONE}"] = Reply.SERVFAIL
        dns.list("203.0.113.6", ZONE, "127.255.255.255")
        collected = await collector(dns.port, concurrency=1).collect(FLEET[:8], NOW)
    found = [(r.status, r.quality, r.value) for r in collected.readings]
    assert found == [
        (Status.GOOD, Quality.OK, 97),
        (Status.BAD, Quality.OK, 42),
        (Status.UNKNOWN, Quality.ERROR, None),
        (Status.UNKNOWN, Quality.NO_DATA, None),
        (Status.UNKNOWN, Quality.NO_DATA, None),
        *[(Status.UNKNOWN, Quality.ERROR, None)] * 3,
    ]
    assert collected.outcomes[0].kind is OutcomeKind.ANSWERED
    assert not {f"{n}.113.0.203.{ZONE}" for n in (7, 8)} & set(dns.asked), "who refuses us is left alone"


async def test_an_unregistered_resolver_is_a_failure_with_advice() -> None:
    async with scripted_dns.serving() as dns:
        dns.suffixes[ZONE] = ("127.255.255.255",)
        collected = await collector(dns.port).collect(FLEET, NOW)
    assert {r.status for r in collected.readings} == {Status.UNKNOWN}
    assert collected.outcomes[0].kind is OutcomeKind.FAILED
    assert "my.validity.com" in collected.outcomes[0].reason


async def test_a_dead_resolver_is_given_up_soon() -> None:
    async with scripted_dns.serving() as dns:
        dns.suffixes[ZONE] = Reply.SILENCE
        started = asyncio.get_running_loop().time()
        collected = await collector(dns.port).collect(FLEET, NOW)
        assert asyncio.get_running_loop().time() - started < 5
    assert len(collected.readings) == 60
    assert len(set(dns.asked)) < 20
    assert collected.outcomes[0].kind is OutcomeKind.FAILED
