"""Watching a fleet for months: what is asked, what is written down, and what is only summed up."""

from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import ip_address

import pytest
import scripted_dns
from patrolling import patrolling
from scripted_dns import Reply, ScriptedDns

from core.clock import ManualClock
from core.reading import Quality, Status
from storage import database

ZEN, COP = "zen.spamhaus.org", "bl.spamcop.net"
FLEET = [ip_address(f"203.0.113.{n}") for n in range(1, 61)]
IP = FLEET[6]
NAME = f"7.113.0.203.{ZEN}"


@pytest.fixture
async def dns() -> AsyncIterator[ScriptedDns]:
    async with scripted_dns.serving() as server:
        server.healthy(ZEN, COP)
        yield server


async def test_a_clean_fleet_is_one_row_a_list_however_often_it_is_asked_about(dns: ScriptedDns) -> None:
    async with patrolling(dns, FLEET, ZEN, COP) as watch:
        for _ in range(5):
            asked = {name for name in await watch.round() if name.endswith(f"113.0.203.{ZEN}")}
            assert len(asked) == 60
        assert watch.rows() == []
        covered = watch.covered(ZEN)
        assert covered.rounds == 5
        assert covered.whole_at == watch.clock.now()
        spoken_for = watch.latest_for(IP)
        assert {(r.metric, r.status, r.observed_at) for r in spoken_for} == {
            (zone, Status.GOOD, watch.clock.now()) for zone in (ZEN, COP)
        }


async def test_a_first_hit_is_news_because_the_clean_time_before_is_put_in_front(dns: ScriptedDns) -> None:
    async with patrolling(dns, FLEET, ZEN) as watch:
        await watch.round()
        await watch.round()
        clean_at = watch.clock.now()
        dns.list("203.0.113.7", ZEN, "127.0.0.2")
        await watch.round()
        assert [(r.status, r.observed_at) for r in watch.history(IP, ZEN)] == [
            (Status.GOOD, clean_at),
            (Status.BAD, watch.clock.now()),
        ]
        assert [look.ip for look in watch.results[-2].look_again] == [IP]
        await watch.look_again(IP, ZEN, 30)
        (incident,) = watch.open_incidents()
        assert (incident.ip, incident.metric) == (IP, ZEN)
        assert "baseline" not in incident.evidence
        assert len(watch.rows()) == 2


async def test_what_is_listed_from_the_start_has_no_clean_time(dns: ScriptedDns) -> None:
    dns.list("203.0.113.7", ZEN, "127.0.0.2")
    async with patrolling(dns, FLEET, ZEN) as watch:
        await watch.round()
        assert [r.status for r in watch.history(IP, ZEN)] == [Status.BAD]


async def test_an_ip_that_joins_has_no_clean_time_of_others(dns: ScriptedDns) -> None:
    async with patrolling(dns, FLEET[:5], ZEN) as watch:
        await watch.round()
        dns.list("203.0.113.7", ZEN, "127.0.0.2")
        async with patrolling(dns, FLEET, ZEN, engine=watch.engine, clock=watch.clock) as larger:
            await larger.round()
            assert [r.status for r in larger.history(IP, ZEN)] == [Status.BAD]


async def test_a_restart_forgets_neither_the_clean_time_nor_the_listings(dns: ScriptedDns) -> None:
    async with patrolling(dns, FLEET, ZEN) as watch:
        await watch.round()
        await watch.round()
        dns.list("203.0.113.7", ZEN, "127.0.0.2")
        async with patrolling(dns, FLEET, ZEN, engine=watch.engine, clock=watch.clock) as again:
            await again.round()
            assert [r.status for r in again.history(IP, ZEN)] == [Status.GOOD, Status.BAD]


async def test_a_series_that_was_listed_is_written_down_until_it_has_been_clean_for_long(
    dns: ScriptedDns,
) -> None:
    async with patrolling(dns, FLEET, ZEN) as watch:
        await watch.round()
        dns.list("203.0.113.7", ZEN, "127.0.0.2")
        await watch.round()
        await watch.look_again(IP, ZEN, 30)
        dns.names[NAME] = Reply.NXDOMAIN
        for _ in range(30):
            await watch.round()
        assert watch.open_incidents() == []
        assert [row.status for row in watch.rows()] == ["good", "bad", "good"]
        settled = watch.rows()[-1]
        assert settled.last_period - settled.first_period >= timedelta(hours=24)
        assert settled.last_period < watch.clock.now() - timedelta(hours=3)
        # the list's row speaks for it again
        (newest,) = watch.latest_for(IP)
        assert (newest.status, newest.observed_at) == (Status.GOOD, watch.clock.now())


async def test_the_reason_of_a_listing_is_asked_for_once(dns: ScriptedDns) -> None:
    dns.list("203.0.113.7", ZEN, "127.0.0.2")
    dns.texts[NAME] = "spam seen"
    async with patrolling(dns, FLEET, ZEN) as watch:
        first, second = await watch.round(), await watch.round()
        assert (first.count(NAME), second.count(NAME)) == (2, 1)
        dns.list("203.0.113.7", ZEN, "127.0.0.3")
        assert (await watch.round()).count(NAME) == 2
        assert watch.history(IP, ZEN)[-1].evidence["reason"] == "spam seen"


async def test_one_unanswered_question_is_no_record_and_two_in_a_row_are(dns: ScriptedDns) -> None:
    async with patrolling(dns, FLEET, ZEN) as watch:
        await watch.round()
        whole_at = watch.covered(ZEN).whole_at
        dns.names[NAME] = Reply.SERVFAIL
        await watch.round()
        assert watch.rows() == []
        assert watch.covered(ZEN).whole_at == whole_at
        await watch.round()
        assert [(r.status, r.quality) for r in watch.history(IP, ZEN)] == [
            (Status.GOOD, Quality.OK),
            (Status.UNKNOWN, Quality.ERROR),
        ]


@pytest.mark.parametrize("broken", [Reply.SERVFAIL, ("127.255.255.254",), ("203.0.113.80",)])
async def test_a_zone_in_doubt_says_unknown_about_everybody_in_one_row(
    dns: ScriptedDns, broken: Reply | tuple[str, ...]
) -> None:
    async with patrolling(dns, FLEET, ZEN, zone_concurrency=4) as watch:
        await watch.round()
        clean_at = watch.covered(ZEN).whole_at
        dns.suffixes[ZEN] = broken
        dns.names.clear()
        asked = await watch.round()
        assert len(asked) < 30
        assert watch.rows() == []
        assert watch.covered(ZEN).whole_at == clean_at
        (newest,) = watch.latest_for(IP)
        assert newest.status is Status.UNKNOWN
        dns.suffixes.clear()
        dns.healthy(ZEN)
        await watch.round(hours=0.1)
        (newest,) = watch.latest_for(IP)
        assert newest.status is Status.GOOD


async def test_a_zone_that_begins_to_list_everybody_is_not_asked_to_the_end(dns: ScriptedDns) -> None:
    fleet = [ip_address("198.18.0.1") + n for n in range(2_000)]
    async with patrolling(dns, fleet, ZEN, zone_concurrency=8) as watch:
        await watch.round()
        dns.suffixes["18.198." + ZEN] = ("127.0.0.2",)
        asked = await watch.round()
        assert len(asked) < 300
        assert watch.rows() == []
        assert "newly lists" in watch.covered(ZEN).doubt


async def test_a_list_that_refuses_us_in_the_middle_is_left_alone(dns: ScriptedDns) -> None:
    fleet = [ip_address("198.18.0.1") + n for n in range(500)]
    async with patrolling(dns, fleet, ZEN, zone_concurrency=4) as watch:
        await watch.round()
        dns.suffixes["18.198." + ZEN] = ("127.255.255.255",)
        asked = await watch.round()
        assert len(asked) < 50
        assert watch.rows() == []


async def test_pieces_are_bounded_however_many_are_listed(
    dns: ScriptedDns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.collectors.reports.PIECE", 10)
    dns.suffixes["113.0.203." + ZEN] = ("127.0.0.2",)
    async with patrolling(dns, FLEET, ZEN, fleet_share=1.0) as watch:
        await watch.round()
        assert [len(piece.readings) for piece in watch.brought] == [10, 10, 10, 10, 10, 10, 0]
        assert len(watch.rows()) == 60


async def test_lists_that_are_not_asked_any_more_speak_for_nobody(dns: ScriptedDns) -> None:
    async with patrolling(dns, FLEET, ZEN, COP) as watch:
        await watch.round()
        async with patrolling(dns, FLEET, ZEN, engine=watch.engine, clock=watch.clock) as fewer:
            assert [r.metric for r in fewer.latest_for(IP)] == [ZEN]


async def test_ipv6_is_summed_up_only_by_lists_that_have_it(dns: ScriptedDns) -> None:
    six = ip_address("2001:db8:17::7")
    async with patrolling(dns, [IP, six], ZEN, COP) as watch:
        await watch.round()
        assert [r.metric for r in watch.latest_for(six)] == [ZEN]
        assert [r.metric for r in watch.latest_for(IP)] == [COP, ZEN]


async def test_the_clock_of_a_database_file_goes_on(dns: ScriptedDns) -> None:
    engine = database.open_database("sqlite://")
    database.upgrade(engine)
    clock = ManualClock()
    for _ in range(2):
        async with patrolling(dns, FLEET, ZEN, engine=engine, clock=clock) as watch:
            await watch.round()
            assert watch.covered(ZEN).whole_at == clock.now()
    engine.dispose()
