"""The collector against a real DNS server on loopback: every kind of answer of signals.md sections 4 and 7."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
import scripted_dns
from scripted_dns import Reply, ScriptedDns

from core.errors import NotFoundError
from core.reading import Quality, Reading, Status
from monitor.catalogue import Catalogue, ListingSeverity, Zone, ZoneKind, shipped
from monitor.collectors.dnsbl import DnsblCollector
from monitor.collectors.settings import DnsblSettings, ResolverClient, ResolverSettings
from monitor.health import OutcomeKind

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FLEET = [ip_address(f"203.0.113.{n}") for n in range(1, 41)]
IP = FLEET[6]
KEY = "canarykey0123456789"
ZEN = "zen.spamhaus.org"
COP = "bl.spamcop.net"
KARMA = "hostkarma.junkemailfilter.com"


@pytest.fixture
async def dns() -> AsyncIterator[ScriptedDns]:
    async with scripted_dns.serving() as server:
        server.healthy(ZEN, COP, KARMA)
        yield server


def settings_for(dns: ScriptedDns, **more: Any) -> ResolverSettings:
    return ResolverSettings(
        nameservers=[f"127.0.0.1:{dns.port}"], timeout=timedelta(milliseconds=300), tries=2, **more
    )


def collector(dns: ScriptedDns, *zones: str, **more: Any) -> DnsblCollector:
    return DnsblCollector(DnsblSettings(zones=list(zones or [ZEN]), **more), settings_for(dns), shipped())


async def readings(asked: DnsblCollector, ips: list[Any] | None = None, now: datetime = NOW) -> list[Reading]:
    try:
        return (await asked.collect(ips or [IP], now)).readings
    finally:
        await asked.aclose()


@pytest.mark.parametrize(
    ("answer", "status", "quality", "words"),
    [
        (Reply.NXDOMAIN, Status.GOOD, Quality.OK, "not listed"),
        (("127.0.0.3",), Status.BAD, Quality.OK, "SBL CSS"),
        (("127.0.0.9", "127.0.0.2"), Status.BAD, Quality.OK, "SBL [127.0.0.2], SBL DROP"),
        (("127.255.255.254",), Status.UNKNOWN, Quality.ERROR, "query refused: public resolver"),
        (("127.255.255.255",), Status.UNKNOWN, Quality.ERROR, "too many queries"),
        (("127.255.255.252",), Status.UNKNOWN, Quality.ERROR, "typing error"),
        (("203.0.113.80",), Status.UNKNOWN, Quality.INVALID_SOURCE, "outside 127.0.0.0/8"),
        (("127.0.0.77",), Status.UNKNOWN, Quality.ERROR, "does not know"),
        (Reply.NODATA, Status.UNKNOWN, Quality.ERROR, "no address"),
        (Reply.SERVFAIL, Status.UNKNOWN, Quality.ERROR, "SERVFAIL"),
        (Reply.REFUSED, Status.UNKNOWN, Quality.ERROR, "REFUSED"),
        (Reply.SILENCE, Status.UNKNOWN, Quality.ERROR, "no answer in time"),
    ],
)
@pytest.mark.parametrize("client", list(ResolverClient))
async def test_every_kind_of_answer_has_its_meaning(
    dns: ScriptedDns,
    client: ResolverClient,
    answer: tuple[str, ...] | Reply,
    status: Status,
    quality: Quality,
    words: str,
) -> None:
    dns.names[f"7.113.0.203.{ZEN}"] = answer
    lists = DnsblCollector(DnsblSettings(zones=[ZEN]), settings_for(dns, client=client), shipped())
    (reading,) = await readings(lists)
    assert (reading.status, reading.quality) == (status, quality)
    assert words in reading.detail
    assert reading.metric == ZEN


async def test_a_listing_carries_its_reason_its_weight_and_the_way_out(dns: ScriptedDns) -> None:
    dns.list("203.0.113.7", ZEN, "127.0.0.3", "127.0.0.10")
    dns.texts[f"7.113.0.203.{ZEN}"] = "https://check.spamhaus.org/\x1b[31msbl/query/SBLCSS"
    (reading,) = await readings(collector(dns))
    evidence = reading.evidence
    assert evidence["codes"] == {
        "127.0.0.3": "SBL CSS (automated)",
        "127.0.0.10": "PBL, entry kept by the ISP",
    }
    assert (evidence["tier"], evidence["severity"]) == (1, "critical")
    assert evidence["delist_url"] == "https://check.spamhaus.org/"
    assert evidence["reason"] == "https://check.spamhaus.org/ [31msbl/query/SBLCSS"
    assert evidence["ttl"] == 300


async def test_white_and_yellow_answers_are_good_news(dns: ScriptedDns) -> None:
    dns.list("203.0.113.7", KARMA, "127.0.0.1")
    dns.list("203.0.113.8", KARMA, "127.0.0.3", "127.0.0.2")
    white, black = await readings(collector(dns, KARMA), [IP, ip_address("203.0.113.8")])
    assert white.status is Status.GOOD
    assert black.status is Status.WARN


async def test_a_wildcard_zone_is_quarantined_and_nobody_is_listed(dns: ScriptedDns) -> None:
    dns.suffixes[COP] = ("127.0.0.2",)
    asked = collector(dns, ZEN, COP)
    collected = await asked.collect([IP], NOW)
    await asked.aclose()
    by_zone = {r.metric: r for r in collected.readings}
    assert by_zone[ZEN].status is Status.GOOD
    assert by_zone[COP].status is Status.UNKNOWN
    assert by_zone[COP].quality is Quality.INVALID_SOURCE
    outcomes = {o.name: o.kind for o in collected.outcomes}
    assert outcomes[f"dnsbl:{COP}"] is OutcomeKind.UNTRUSTED
    assert outcomes[f"dnsbl:{ZEN}"] is OutcomeKind.ANSWERED
    assert outcomes["resolver"] is OutcomeKind.ANSWERED


@pytest.mark.parametrize("parked", ["203.0.113.80", "198.51.100.1"])
async def test_a_parked_zone_is_quarantined(dns: ScriptedDns, parked: str) -> None:
    dns.names.clear()
    dns.suffixes[ZEN] = (parked,)
    (reading,) = await readings(collector(dns))
    assert (reading.status, reading.quality) == (Status.UNKNOWN, Quality.INVALID_SOURCE)


async def test_an_emptied_zone_does_not_pass_for_clean(dns: ScriptedDns) -> None:
    dns.names.clear()
    (reading,) = await readings(collector(dns))
    assert reading.status is Status.UNKNOWN
    assert "does not list its own test entry" in reading.detail


async def test_a_zone_that_refuses_us_is_a_failure_of_monitoring(dns: ScriptedDns) -> None:
    dns.names.clear()
    dns.suffixes[ZEN] = ("127.255.255.254",)
    asked = collector(dns)
    collected = await asked.collect([IP], NOW)
    await asked.aclose()
    assert collected.readings[0].quality is Quality.ERROR
    assert [o.kind for o in collected.outcomes] == [OutcomeKind.FAILED, OutcomeKind.FAILED]
    assert "public resolver" in collected.outcomes[0].reason


async def test_a_dead_resolver_is_given_up_soon_and_everything_is_unknown(dns: ScriptedDns) -> None:
    dns.names.clear()
    dns.suffixes["org"] = dns.suffixes["net"] = dns.suffixes["com"] = Reply.SILENCE
    asked = DnsblCollector(DnsblSettings(zones=[ZEN, COP]), settings_for(dns), shipped())
    started = asyncio.get_running_loop().time()
    collected = await asked.collect(FLEET, NOW)
    assert asyncio.get_running_loop().time() - started < 5
    assert len(collected.readings) == 80
    assert {r.status for r in collected.readings} == {Status.UNKNOWN}
    resolver = next(o for o in collected.outcomes if o.name == "resolver")
    assert resolver.kind is OutcomeKind.FAILED
    await asked.aclose()


async def test_a_resolver_that_dies_between_sweeps_is_given_up_soon(dns: ScriptedDns) -> None:
    asked = collector(dns, ZEN, COP, concurrency=16)
    await asked.collect(FLEET, NOW)
    dns.names.clear()
    dns.suffixes["org"] = dns.suffixes["net"] = Reply.SILENCE
    dns.asked.clear()
    collected = await asked.collect(FLEET, NOW + HOUR)
    await asked.aclose()
    assert {r.status for r in collected.readings} == {Status.UNKNOWN}
    assert len(set(dns.asked)) < 60


async def test_one_silent_zone_does_not_hold_up_the_others(dns: ScriptedDns) -> None:
    asked = collector(dns, ZEN, COP, concurrency=4)
    await asked.collect([IP], NOW)
    dns.names.clear()
    dns.healthy(ZEN)
    dns.suffixes[COP] = Reply.SILENCE
    collected = await asked.collect(FLEET, NOW + HOUR)
    await asked.aclose()
    assert {r.status for r in collected.readings if r.metric == ZEN} == {Status.GOOD}
    assert {r.status for r in collected.readings if r.metric == COP} == {Status.UNKNOWN}
    assert len({name for name in dns.asked if name.endswith(COP)}) < 20


async def test_a_zone_that_suddenly_lists_much_of_the_fleet_is_not_believed(dns: ScriptedDns) -> None:
    asked = collector(dns)
    await asked.collect(FLEET, NOW)
    for ip in FLEET[:6]:
        dns.list(str(ip), ZEN, "127.0.0.2")
    collected = await asked.collect(FLEET, NOW + HOUR)
    assert {r.status for r in collected.readings} == {Status.UNKNOWN}
    assert collected.outcomes[0].kind is OutcomeKind.UNTRUSTED
    assert "newly lists 6 of 40" in collected.outcomes[0].reason
    again = await asked.look_again(FLEET[0], ZEN, NOW + HOUR)
    assert again.status is Status.UNKNOWN

    asked.approve(ZEN)
    approved = await asked.collect(FLEET, NOW + 2 * HOUR)
    assert sum(r.status is Status.BAD for r in approved.readings) == 6
    later = await asked.collect(FLEET, NOW + 3 * HOUR)
    assert sum(r.status is Status.BAD for r in later.readings) == 6
    await asked.aclose()


async def test_what_was_listed_before_a_restart_is_no_news(dns: ScriptedDns) -> None:
    for ip in FLEET[:6]:
        dns.list(str(ip), ZEN, "127.0.0.2")
    before = collector(dns, fleet_minimum=40)
    known = await readings(before, list(FLEET))
    after = collector(dns)
    after.remember(known)
    assert sum(r.status is Status.BAD for r in await readings(after, list(FLEET))) == 6


async def test_a_zone_that_breaks_between_self_tests_is_caught_before_its_news_is_believed(
    dns: ScriptedDns,
) -> None:
    asked = collector(dns)
    await asked.collect([IP], NOW)
    dns.suffixes[ZEN] = ("127.0.0.2",)
    collected = await asked.collect([IP], NOW + HOUR)
    assert collected.readings[0].status is Status.UNKNOWN
    assert collected.outcomes[0].kind is OutcomeKind.UNTRUSTED
    del dns.suffixes[ZEN]
    healed = await asked.collect([IP], NOW + 2 * HOUR)
    assert healed.readings[0].status is Status.GOOD
    await asked.aclose()


async def test_self_tests_are_repeated_only_when_due(dns: ScriptedDns) -> None:
    asked = collector(dns, self_test_interval=timedelta(hours=4))
    for hours in range(6):
        await asked.collect([IP], NOW + hours * HOUR)
    await asked.aclose()
    assert dns.asked.count(f"2.0.0.127.{ZEN}") == 2


async def test_a_sweep_sees_a_delisting_that_a_cache_would_hide(dns: ScriptedDns) -> None:
    dns.list("203.0.113.7", ZEN, "127.0.0.2")
    dns.soa_seconds = 900
    asked = collector(dns)
    first = await asked.collect([IP], NOW)
    dns.names[f"7.113.0.203.{ZEN}"] = Reply.NXDOMAIN
    second = await asked.collect([IP], NOW + HOUR)
    dns.list("203.0.113.7", ZEN, "127.0.0.2")
    third = await asked.look_again(IP, ZEN, NOW + HOUR)
    await asked.aclose()
    seen = [first.readings[0].status, second.readings[0].status, third.status]
    assert seen == [Status.BAD, Status.GOOD, Status.BAD]


async def test_a_second_look_asks_the_second_resolver(dns: ScriptedDns) -> None:
    dns.list("203.0.113.7", ZEN, "127.0.0.2")
    async with scripted_dns.serving() as other:
        other.healthy(ZEN)
        resolver = settings_for(dns, second_nameservers=[f"127.0.0.1:{other.port}"])
        asked = DnsblCollector(DnsblSettings(zones=[ZEN]), resolver, shipped())
        first = await asked.collect([IP], NOW)
        again = await asked.look_again(IP, ZEN, NOW)
        await asked.aclose()
    assert (first.readings[0].status, again.status) == (Status.BAD, Status.GOOD)
    assert other.asked == [f"7.113.0.203.{ZEN}"]


async def test_a_zone_that_nobody_asks_cannot_be_looked_at_again(dns: ScriptedDns) -> None:
    with pytest.raises(NotFoundError):
        await collector(dns).look_again(IP, "nowhere.example", NOW)


async def test_ipv6_is_asked_only_where_the_zone_has_it(dns: ScriptedDns) -> None:
    six = ip_address("2001:db8:17::7")
    nibbles = six.reverse_pointer.removesuffix(".ip6.arpa")
    dns.names[f"{nibbles}.{ZEN}"] = ("127.0.0.4",)
    asked = await readings(collector(dns, ZEN, COP), [IP, six])
    assert [(r.ip, r.metric) for r in asked if r.ip == six] == [(six, ZEN)]
    assert next(r for r in asked if r.ip == six).status is Status.BAD
    assert not any(nibbles in name and name.endswith(COP) for name in dns.asked)


async def test_truncated_answers_are_fetched_over_tcp(dns: ScriptedDns) -> None:
    name = f"7.113.0.203.{ZEN}"
    dns.list("203.0.113.7", ZEN, "127.0.0.2")
    dns.truncate.add(name)
    (reading,) = await readings(collector(dns))
    assert reading.status is Status.BAD
    assert name in dns.over_tcp


async def test_a_private_zone_with_its_own_codes(dns: ScriptedDns) -> None:
    dns.healthy("bl.corp.test")
    dns.list("203.0.113.7", "bl.corp.test", "127.0.0.44")
    extra = {"zone": "bl.corp.test", "any-code": True, "severity": "critical", "delist-url": "https://d.test"}
    asked = collector(dns, ZEN, extra_zones=[extra])
    found = {r.metric: r for r in await readings(asked)}
    assert found["bl.corp.test"].evidence["tier"] == 1
    assert found["bl.corp.test"].evidence["delist_url"] == "https://d.test"


async def test_the_key_in_a_zone_name_is_seen_by_the_resolver_alone(
    dns: ScriptedDns, caplog: pytest.LogCaptureFixture
) -> None:
    zone, host = "{key}.zen.dq.spamhaus.net", f"{KEY}.zen.dq.spamhaus.net"
    dns.healthy(host)
    dns.list("203.0.113.7", host, "127.0.0.2")
    dns.texts[f"7.113.0.203.{host}"] = f"see https://check.test/?zone={host}"
    asked = collector(dns, zone, keys={"dq.spamhaus.net": KEY})
    with caplog.at_level(logging.DEBUG):
        collected = await asked.collect([IP], NOW)
        dns.suffixes[host] = ("127.0.0.2",)
        broken = await asked.collect([IP], NOW + 5 * HOUR)
    await asked.aclose()
    assert any(KEY in name for name in dns.asked)
    assert collected.readings[0].metric == zone
    assert collected.readings[0].status is Status.BAD
    assert broken.readings[0].status is Status.UNKNOWN
    shown = "".join([repr(collected), repr(broken), caplog.text, repr(asked.zones), str(vars(asked))])
    assert KEY not in shown
    assert "check.test/?zone=***" in collected.readings[0].evidence["reason"]


async def test_sweeps_leave_no_sockets_behind(dns: ScriptedDns) -> None:
    asked = collector(dns)
    await asked.collect([IP], NOW)
    before = _open_files()
    for hours in range(1, 21):
        await asked.collect([IP], NOW + hours * 5 * HOUR)
    await asked.aclose()
    # c-ares gives sockets back from a thread of its own, a little later
    for _ in range(100):
        if _open_files() <= before:
            break
        await asyncio.sleep(0.1)
    assert _open_files() <= before


async def test_a_scored_zone_tells_neutral_words_from_bad_ones(dns: ScriptedDns) -> None:
    zone = Zone(
        zone="rep.test",
        name="Rep",
        kind=ZoneKind.SCORE,
        codes={"127.0.0.10": "worst", "127.0.0.15": "neutral"},
        severity=ListingSeverity.INFORMATIONAL,
        code_severity={"127.0.0.10": ListingSeverity.MEDIUM, "127.0.0.15": ListingSeverity.NONE},
        test_listed=None,
        test_not_listed=None,
    )
    dns.list("192.0.2.1", "rep.test", "127.0.0.15")
    dns.list("203.0.113.7", "rep.test", "127.0.0.15")
    dns.list("203.0.113.8", "rep.test", "127.0.0.10")
    asked = DnsblCollector(DnsblSettings(zones=["rep.test"]), settings_for(dns), Catalogue(zones=(zone,)))
    neutral, worst = await readings(asked, [IP, ip_address("203.0.113.8")])
    assert (neutral.status, worst.status) == (Status.GOOD, Status.BAD)


def _open_files() -> int:
    from pathlib import Path  # noqa: PLC0415 - only here

    return len(list(Path("/proc/self/fd").iterdir()))
