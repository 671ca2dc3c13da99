"""Real name servers: lists served by rbldnsd, asked directly and through unbound, by both clients."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from name_servers import ListServer, free_udp_port, rbldnsd, unbound

from core.reading import Quality, Reading, Status
from monitor.catalogue import Catalogue
from monitor.collectors.dnsbl import DnsblCollector
from monitor.collectors.settings import DnsblSettings, ExtraZone, ResolverClient, ResolverSettings
from monitor.dns.opening import open_resolver
from monitor.health import OutcomeKind
from monitor.resolver import Answer, AnswerKind

pytestmark = pytest.mark.system

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FOUR, SIX, CLEAN = ip_address("203.0.113.7"), ip_address("2001:db8:17::7"), ip_address("203.0.113.8")
FLEET = [ip_address(f"198.18.{n // 250}.{n % 250}") for n in range(1_000)]
LISTED = ("127.0.0.2", "203.0.113.7:3:https://corp.test/why?ip=$", "203.0.113.9:9:two", "203.0.113.9:2:one")
ZONES = {
    "bl.corp.test": ("ip4set", "four"),
    "six.corp.test": ("ip6trie", "six"),
    "world.corp.test": ("ip4set", "world"),
    "empty.corp.test": ("ip4set", "empty"),
    "parked.corp.test": ("ip4set", "parked"),
    "refusing.corp.test": ("ip4set", "refusing"),
}
DATA = {
    "four": LISTED,
    "six": ("::ffff:7f00:2 :127.0.0.2:test", "2001:db8:17::7 :127.0.0.4:botnet"),
    "world": ("0.0.0.0/1", "128.0.0.0/1"),
    "empty": ("192.0.2.77",),
    "parked": ("0.0.0.0/1:203.0.113.80:for sale", "128.0.0.0/1:203.0.113.80:for sale"),
    "refusing": ("0.0.0.0/1:127.255.255.254:no", "128.0.0.0/1:127.255.255.254:no"),
}


@pytest.fixture(scope="module")
def lists() -> Iterator[ListServer]:
    with rbldnsd(ZONES, DATA) as server:
        yield server


@pytest.fixture(scope="module")
def resolver(lists: ListServer) -> Iterator[int]:
    long = [f"local-data: 'long.local.test. TXT \"{n:03}{'x' * 200}\"'" for n in range(20)]
    with unbound(lists.port, 'local-zone: "local.test." static', *long) as port:
        yield port


@pytest.fixture(params=list(ResolverClient))
def client(request: pytest.FixtureRequest) -> ResolverClient:
    found: ResolverClient = request.param
    return found


def settings(port: int, client: ResolverClient = ResolverClient.BUILTIN) -> ResolverSettings:
    return ResolverSettings(client=client, nameservers=[f"127.0.0.1:{port}"], timeout=timedelta(seconds=2))


def collector(resolver: ResolverSettings, *zones: str, **more: Any) -> DnsblCollector:
    codes = {"127.0.0.2": "spam", "127.0.0.3": "trap", "127.0.0.4": "botnet", "127.0.0.9": "drop"}
    extra = [ExtraZone(zone=z, codes=codes, ipv4=z[:3] != "six", ipv6=z[:3] == "six", **more) for z in zones]
    return DnsblCollector(DnsblSettings(extra_zones=extra), resolver, Catalogue(zones=()))


async def swept(lists: DnsblCollector, *ips: Any) -> dict[tuple[str, str], Reading]:
    collected = await lists.collect(list(ips), NOW)
    await lists.aclose()
    return {(str(r.ip), r.metric): r for r in collected.readings}


async def test_a_list_asked_through_a_resolver_tells_who_is_listed_and_why(
    resolver: int, client: ResolverClient
) -> None:
    several = ip_address("203.0.113.9")
    found = await swept(collector(settings(resolver, client), "bl.corp.test"), FOUR, CLEAN, several)
    listed = found["203.0.113.7", "bl.corp.test"]
    assert listed.status is Status.BAD
    assert listed.evidence["codes"] == {"127.0.0.3": "trap"}
    assert listed.evidence["reason"] == "https://corp.test/why?ip=203.0.113.7"
    assert found["203.0.113.8", "bl.corp.test"].status is Status.GOOD
    assert set(found["203.0.113.9", "bl.corp.test"].evidence["codes"]) == {"127.0.0.2", "127.0.0.9"}


async def test_an_ipv6_list_is_asked_about_ipv6_alone(resolver: int, client: ResolverClient) -> None:
    lists = collector(settings(resolver, client), "six.corp.test", test_listed="::ffff:7f00:2")
    found = await swept(lists, FOUR, SIX, ip_address("2001:db8:17::8"))
    assert {key: r.status for key, r in found.items()} == {
        ("2001:db8:17::7", "six.corp.test"): Status.BAD,
        ("2001:db8:17::8", "six.corp.test"): Status.GOOD,
    }


@pytest.mark.parametrize(
    ("zone", "quality", "words"),
    [
        ("world.corp.test", Quality.INVALID_SOURCE, "may be listing the world"),
        ("empty.corp.test", Quality.INVALID_SOURCE, "does not list its own test entry"),
        ("parked.corp.test", Quality.INVALID_SOURCE, "outside 127.0.0.0/8"),
        ("refusing.corp.test", Quality.ERROR, "public resolver"),
        ("nowhere.corp.test", Quality.ERROR, "REFUSED"),
    ],
)
async def test_lists_that_cannot_be_believed_list_nobody(
    resolver: int, lists: ListServer, client: ResolverClient, zone: str, quality: Quality, words: str
) -> None:
    # rbldnsd itself refuses what it does not serve; a resolver makes SERVFAIL of it
    port = lists.port if zone.startswith("nowhere") else resolver
    found = await swept(collector(settings(port, client), zone), FOUR, CLEAN)
    assert {r.status for r in found.values()} == {Status.UNKNOWN}
    assert {r.quality for r in found.values()} == {quality}
    assert all(words in r.detail for r in found.values())


async def test_a_resolver_whose_upstream_is_dead_says_nothing_about_anybody(client: ResolverClient) -> None:
    # of rbldnsd nothing is here but the port that it would have
    with unbound(free_udp_port()) as port:
        lists = collector(settings(port, client), "bl.corp.test", "six.corp.test")
        collected = await lists.collect([FOUR, SIX], NOW)
        await lists.aclose()
    assert {r.status for r in collected.readings} == {Status.UNKNOWN}
    assert {o.kind for o in collected.outcomes} == {OutcomeKind.FAILED}
    assert collected.outcomes[-1].name == "resolver"


async def test_not_listed_comes_with_the_time_for_which_it_holds(resolver: int) -> None:
    asked = open_resolver(settings(resolver))
    answer = await asked.addresses("8.113.0.203.bl.corp.test")
    await asked.aclose()
    assert answer.kind is AnswerKind.NXDOMAIN
    assert answer.ttl is not None
    assert 0 < answer.ttl <= 150


async def test_what_a_resolver_cuts_short_is_fetched_over_tcp(resolver: int, client: ResolverClient) -> None:
    asked = open_resolver(settings(resolver, client))
    texts = await asked.texts("long.local.test")
    await asked.aclose()
    assert sorted(texts) == [f"{n:03}{'x' * 200}" for n in range(20)]


async def test_a_listing_that_appears_in_the_servers_data_is_seen_by_the_next_sweep(
    lists: ListServer,
) -> None:
    asked = collector(settings(lists.port), "bl.corp.test")
    before = await asked.collect([CLEAN], NOW)
    lists.write("four", *LISTED, "203.0.113.8:2:new")
    try:
        lists.reload()
        direct = open_resolver(settings(lists.port))
        while await direct.addresses("8.113.0.203.bl.corp.test") != Answer(
            AnswerKind.ADDRESSES, ("127.0.0.2",), 600
        ):
            await asyncio.sleep(0.05)
        await direct.aclose()
        after = await asked.collect([CLEAN], NOW + HOUR)
    finally:
        lists.write("four", *LISTED)
        lists.reload()
        await asked.aclose()
    assert [before.readings[0].status, after.readings[0].status] == [Status.GOOD, Status.BAD]


async def test_a_large_fleet_loses_no_answer(lists: ListServer, resolver: int) -> None:
    for port in (lists.port, resolver):
        found = await swept(collector(settings(port), "bl.corp.test"), *FLEET, FOUR)
        assert [r.ip for r in found.values() if r.status is not Status.GOOD] == [FOUR]
        assert len(found) == 1_001
