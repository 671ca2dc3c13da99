"""What whoever rests on SNDS and Sender Score must be able to rely on, point by point.

The points are those of the reference on signals (sections 1, 2 and 7), each over real HTTP or DNS.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import scripted_dns
from snds_lab import IP, KEY, row, serving, visited
from sqlalchemy import Engine

from controller import evidence
from core.address import IpAddress, parse_ip
from core.clock import ManualClock
from core.incident import Rule
from core.reading import Reading, Source, Status
from lab.snds import FilterResult, SndsStatus
from lab.snds_faults import SndsBehaviour
from lab.snds_server import SndsServer
from monitor.collectors import snds_sign_in
from monitor.collectors.collected import Collected
from monitor.collectors.sender_score import SenderScoreCollector
from monitor.collectors.settings import ResolverSettings, SenderScoreSettings
from monitor.collectors.snds import SndsCollector
from monitor.collectors.snds_access import Standing
from monitor.collectors.snds_fetch import keeper_of
from monitor.collectors.snds_settings import FetchMode, SndsSettings
from monitor.collectors.snds_sign_in import Attempt
from monitor.health import OutcomeKind
from monitor.watcher import Watcher
from storage import database, incidents, readings, snds
from tests.unit.monitor.watching import monitor_settings

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
YESTERDAY = date(2026, 11, 22)
NEIGHBOUR = parse_ip("203.0.113.8")
ZONE = "score.senderscore.com"
JUNKED = "Junked due to user complaints or other evidence of spamming"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def server(clock: ManualClock) -> Iterator[SndsServer]:
    with serving(clock) as running:
        yield running


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = database.open_database(f"sqlite:///{tmp_path}/tidegate.db")
    database.upgrade(opened)
    yield opened
    opened.dispose()


def account(server: SndsServer, mode: FetchMode, folder: Path) -> dict[str, Any]:
    match mode:
        case FetchMode.KEY:
            return {"key": KEY, "base-url": server.url}
        case FetchMode.LINK:
            links = {"data-link": server.data_link, "status-link": server.status_link}
            return {**links, "links-issued": server.clock.now().date()}
        case FetchMode.OAUTH:
            file = folder / "sign-in.json"
            given = SndsSettings.model_validate(
                {"accounts": [{"sign-in-file": str(file)}], "oauth": server.oauth}
            )
            keeper, attempt = (
                keeper_of(given.accounts[0], given),
                Attempt("s", "v" * 64, "http://localhost:1"),
            )
            place = visited(snds_sign_in.page(given.oauth, attempt))
            assert keeper is not None
            keeper.begin(attempt, snds_sign_in.code_of(place, attempt), server.clock.now())
            return {"sign-in-file": str(file)}


async def ask(
    server: SndsServer, *accounts: dict[str, Any], ips: tuple[IpAddress, ...] = (IP, NEIGHBOUR)
) -> Collected:
    named = [{"name": f"a{n}", **one} for n, one in enumerate(accounts)]
    collector = SndsCollector(SndsSettings.model_validate({"accounts": named, "oauth": server.oauth}))
    try:
        return await collector.collect(ips, server.clock.now())
    finally:
        await collector.aclose()


def told(collected: Collected, ip: IpAddress = IP) -> dict[str, Reading]:
    """The newest reading of each series."""
    mine = sorted((r for r in collected.readings if r.ip == ip), key=lambda r: r.period_end)
    return {r.metric: r for r in mine}


@pytest.mark.parametrize("mode", list(FetchMode))
async def test_three_fetch_modes_and_one_parser_give_one_account_of_the_same_day(
    server: SndsServer, tmp_path: Path, mode: FetchMode
) -> None:
    server.book.publish(YESTERDAY, [row(YESTERDAY, FilterResult.RED, complaint_rate=0.004, trap_hits=6)])
    server.book.set_status(SndsStatus(IP, IP, False, JUNKED))
    way = await asyncio.to_thread(account, server, mode, tmp_path)
    collected = await ask(server, way)
    assert [o.kind for o in collected.outcomes] == [OutcomeKind.ANSWERED]
    assert {m: (r.status, r.detail) for m, r in told(collected).items()} == {
        "filter-result": (Status.BAD, "RED"),
        "complaint-rate": (Status.WARN, "0.4%"),
        "trap-hits": (Status.BAD, "6 trap hits"),
        "ip-status": (Status.WARN, JUNKED),
    }
    newest = next(a for a in collected.activity if a.day == YESTERDAY)
    assert (newest.sample_helo, newest.sample_mail_from) == ("mx22.mail.example", "news22@mail.example")
    assert (newest.rcpt_commands, newest.data_commands, newest.message_recipients) == (2_410, 2_388, 2_402)


async def test_a_report_that_is_revised_is_one_day_and_not_two(server: SndsServer, engine: Engine) -> None:
    watcher = Watcher(engine, server.clock, monitor_settings())
    for end, colour in ((20, FilterResult.YELLOW), (32, FilterResult.RED)):
        begin = datetime(2026, 11, 22, 8, 0)
        changed = row(YESTERDAY, colour)
        object.__setattr__(changed, "end", begin + timedelta(hours=end - 8))
        server.book.publish(YESTERDAY, [changed])
        watcher.take(await ask(server, {"key": KEY, "base-url": server.url}))
        server.clock.advance(3_600)  # type: ignore[attr-defined]
    with database.reading(engine) as session:
        days = snds.days_of(session, IP, YESTERDAY)
        opened = {i.rule for i in incidents.open_incidents(session)}
    assert [(d.day, d.filter_result) for d in days] == [(YESTERDAY, "RED")]
    assert Rule.SNDS_RED in opened
    assert Rule.SNDS_NON_GREEN not in opened, "one day that was RED in the end is not two bad days"


async def test_what_is_blank_is_null_and_neither_zero_nor_good(server: SndsServer, engine: Engine) -> None:
    server.book.publish(YESTERDAY, [row(YESTERDAY, trap_hits=None, helo="", mail_from="@mail.example")])
    Watcher(engine, server.clock, monitor_settings()).take(
        await ask(server, {"key": KEY, "base-url": server.url})
    )
    with database.reading(engine) as session:
        (day,) = snds.days_of(session, IP, YESTERDAY)
        traps = readings.history(session, IP, Source.SNDS_DATA, "trap-hits")
    assert (day.trap_hits, day.sample_helo, day.sample_mail_from) == (None, None, "@mail.example")
    assert max(r.period_start.date() for r in traps) < YESTERDAY


async def test_a_complaint_rate_below_a_bound_is_kept_as_a_bound(server: SndsServer) -> None:
    collected = await ask(server, {"key": KEY, "base-url": server.url})
    assert {(a.complaint_rate, a.complaint_operator) for a in collected.activity} == {(0.001, "<")}
    assert told(collected)["complaint-rate"].status is Status.GOOD


async def test_an_ip_without_a_row_has_no_verdict_and_is_normal_only_by_a_list_that_was_read(
    server: SndsServer,
) -> None:
    collected = await ask(server, {"key": KEY, "base-url": server.url})
    assert {m: r.status for m, r in told(collected, NEIGHBOUR).items()} == {"ip-status": Status.GOOD}


@pytest.mark.parametrize(
    ("first", "last", "inside"),
    [
        ("198.18.255.255", "198.19.0.0", ["198.18.255.255", "198.19.0.0"]),
        ("198.255.255.255", "199.0.0.0", ["198.255.255.255", "199.0.0.0"]),
        ("203.0.113.0", "203.0.113.31", ["203.0.113.7"]),
    ],
)
async def test_ranges_hold_both_ends_and_cross_octets(
    server: SndsServer, first: str, last: str, inside: list[str]
) -> None:
    server.book.set_status(
        SndsStatus(parse_ip(first), parse_ip(last), True, "Blocked due to user complaints")
    )
    ips = tuple(parse_ip(ip) for ip in [*inside, "203.0.113.32"])
    collected = await ask(server, {"key": KEY, "base-url": server.url}, ips=ips)
    blocked = [str(r.ip) for r in collected.readings if r.metric == "ip-status" and r.status is Status.BAD]
    assert blocked == inside


async def test_junked_stands_with_no_in_the_blocked_column_and_is_still_trouble(server: SndsServer) -> None:
    server.book.set_status(SndsStatus(IP, IP, False, JUNKED))
    assert told(await ask(server, {"key": KEY, "base-url": server.url}))["ip-status"].status is Status.WARN


async def test_accounts_are_merged_by_ip_and_the_worse_stands(server: SndsServer, clock: ManualClock) -> None:
    with serving(clock) as other:
        other.book.publish(YESTERDAY, [row(YESTERDAY, FilterResult.RED)])
        other.book.set_status(SndsStatus(IP, IP, True, "Blocked due to user complaints"))
        ways = [{"key": KEY, "base-url": one.url} for one in (server, other)]
        both = told(await ask(server, *ways))
        other.behaviour = SndsBehaviour.SIGN_IN
        half = await ask(server, *ways)
    assert (both["filter-result"].status, both["ip-status"].status) == (Status.BAD, Status.BAD)
    assert told(half)["ip-status"].status is Status.UNKNOWN, "the other account may know worse"
    assert [o.kind for o in half.outcomes] == [OutcomeKind.ANSWERED, OutcomeKind.FAILED]


@pytest.mark.parametrize(
    "silence", [SndsBehaviour.MISSING, SndsBehaviour.SIGN_IN, SndsBehaviour.EMPTY, SndsBehaviour.NO_CONTENT]
)
async def test_a_silent_answer_is_trouble_with_the_source_and_never_the_end_of_an_incident(
    server: SndsServer, engine: Engine, silence: SndsBehaviour
) -> None:
    watcher = Watcher(engine, server.clock, monitor_settings())
    server.book.set_status(SndsStatus(IP, IP, True, "Blocked due to user complaints"))
    watcher.take(await ask(server, {"key": KEY, "base-url": server.url}))
    server.behaviour = silence
    for _ in range(4):
        server.clock.advance(6 * 3_600)  # type: ignore[attr-defined]
        collected = await ask(server, {"key": KEY, "base-url": server.url})
        assert collected.outcomes[0].kind is OutcomeKind.FAILED
        watcher.take(collected)
    with database.reading(engine) as session:
        assert Rule.SNDS_BLOCKED in {i.rule for i in incidents.open_incidents(session)}


async def test_links_are_known_to_expire_before_they_do(server: SndsServer, tmp_path: Path) -> None:
    made = NOW.date() - timedelta(days=24)
    way = {**account(server, FetchMode.LINK, tmp_path), "links-issued": made}
    collected = await ask(server, way)
    assert [a.standing for a in collected.access] == [Standing.CLOSING]
    assert collected.outcomes[0].kind is OutcomeKind.ANSWERED


async def scores(dns: scripted_dns.ScriptedDns, now: datetime = NOW, **settings: Any) -> Collected:
    resolver = ResolverSettings(nameservers=[f"127.0.0.1:{dns.port}"], timeout=timedelta(seconds=1), tries=1)
    collector = SenderScoreCollector(SenderScoreSettings.model_validate(settings), resolver)
    return await collector.collect([IP, NEIGHBOUR], now)


@pytest.mark.parametrize("refusal", ["127.255.255.255", "127.255.255.254", "127.255.255.252"])
async def test_a_refusal_is_neither_the_score_255_nor_any_other(refusal: str) -> None:
    async with scripted_dns.serving() as dns:
        dns.suffixes[ZONE] = (refusal,)
        collected = await scores(dns)
    assert {(r.status, r.value) for r in collected.readings} == {(Status.UNKNOWN, None)}
    assert collected.outcomes[0].kind is OutcomeKind.FAILED
    assert "my.validity.com" in collected.outcomes[0].reason


async def test_no_score_is_not_the_score_zero_and_no_trouble() -> None:
    async with scripted_dns.serving() as dns:
        dns.list(str(NEIGHBOUR), ZONE, "127.0.4.0")
        collected = await scores(dns)
    assert [(r.status, r.value) for r in collected.readings] == [(Status.UNKNOWN, None), (Status.BAD, 0.0)]
    assert collected.outcomes[0].kind is OutcomeKind.ANSWERED


@pytest.mark.parametrize("answer", ["127.0.0.2", "127.4.0.90", "203.0.113.80", "127.0.4.101"])
async def test_only_127_0_4_n_is_a_score(answer: str) -> None:
    async with scripted_dns.serving() as dns:
        dns.suffixes[ZONE] = (answer,)
        collected = await scores(dns)
    assert {(r.status, r.value) for r in collected.readings} == {(Status.UNKNOWN, None)}
    assert collected.outcomes[0].kind is OutcomeKind.UNTRUSTED


async def test_nobody_is_scored_until_an_ip_known_to_be_scored_is() -> None:
    async with scripted_dns.serving() as dns:
        dns.list(str(IP), ZONE, "127.0.4.20")
        before = await scores(dns, probe_ip="192.0.2.1")
        dns.list("192.0.2.1", ZONE, "127.0.4.97")
        after = await scores(dns, probe_ip="192.0.2.1")
    assert {r.status for r in before.readings} == {Status.UNKNOWN}
    assert [r.value for r in after.readings] == [20.0, None]


async def test_a_score_belongs_to_its_day_and_a_later_refusal_does_not_take_it_back(engine: Engine) -> None:
    clock = ManualClock(NOW)
    watcher = Watcher(engine, clock, monitor_settings())
    async with scripted_dns.serving() as dns:
        for answer in ("127.0.4.88", "127.0.4.91", "127.255.255.255"):
            dns.suffixes[ZONE] = (answer,)
            watcher.take(await scores(dns, clock.now()))
            clock.advance(3 * 3_600)
    with database.reading(engine) as session:
        history = readings.history(session, IP, Source.SENDER_SCORE, "")
    assert [(r.value, r.period_start) for r in history] == [(91.0, datetime(2026, 11, 23, tzinfo=UTC))]


async def test_a_blind_source_freezes_recovery_and_throttles_nobody(
    server: SndsServer, engine: Engine
) -> None:
    enabled = {"snds": SndsSettings.model_validate({"enabled": True, "accounts": [{"key": KEY}]})}
    watcher = Watcher(engine, server.clock, monitor_settings().model_copy(update=enabled))
    server.behaviour = SndsBehaviour.ERROR
    for _ in range(14):
        watcher.take(await ask(server, {"key": KEY, "base-url": server.url}))
        server.clock.advance(6 * 3_600)  # type: ignore[attr-defined]
        watcher.tick()
    with database.reading(engine) as session:
        opened = incidents.open_incidents(session)
    assert [(i.rule, i.ip) for i in opened] == [(Rule.BLIND, None)]
    assert evidence.is_blind(evidence.SNDS, evidence.blind_sources(opened))
