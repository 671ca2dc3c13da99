"""The digest's page: the mail's view of a week, with links, sorted and paged; weeks as far as records reach."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from ipaddress import ip_address
from zoneinfo import ZoneInfo

import pytest

from core.incident import IncidentKind, Rule, Severity
from core.lease import Scope
from core.reading import Source
from monitor.digest import mail as digest_mail
from monitor.digest.views import DigestView, IpLine
from monitor.digest.week import Week, week_of
from storage import coverage, database, incidents, scopes
from storage.incidents import NewIncident
from storage.scopes import ScopeHour
from tests.unit.tidegate.web.site_world import IP, World
from tidegate.web.views import digest as digest_view
from tidegate.web.views.digest import Query
from tidegate.web.views.parts import Tone

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OTHER = "203.0.113.8"


def trouble(world: World, ip: str, ago: timedelta, severity: Severity = Severity.CRITICAL) -> int:
    at = world.clock.now() - ago
    new = NewIncident(
        fingerprint=f"ip:{ip}:{ago}", kind=IncidentKind.IP, ip=ip_address(ip), source=Source.DNSBL, metric="bl.test",
        rule=Rule.DNSBL_LISTED, severity=severity, title=f"{ip} is listed on bl.test", evidence_end=at, opened_at=at,
    )  # fmt: skip
    with database.session(world.records) as session:
        return incidents.open_incident(session, new).number


def mail(world: World, ip: str, ago: timedelta, attempted: int, blocked: int = 0) -> None:
    hour = (world.clock.now() - ago).replace(minute=0, second=0, microsecond=0)
    one = ScopeHour(
        Scope(source_ip=ip_address(ip), provider="google"),
        hour,
        attempted,
        attempted - blocked,
        blocked=blocked,
    )
    with database.session(world.records) as session:
        scopes.record_hours(session, [one])


def watch(world: World, ago: timedelta) -> None:
    with database.session(world.records) as session:
        coverage.watch(session, [ip_address(IP), ip_address(OTHER)], world.clock.now() - ago)


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.partition("<main")[2])).split())


async def test_the_page_says_what_the_mail_says_and_leads_to_ips_and_incidents(world: World) -> None:
    watch(world, 20 * DAY)
    number = trouble(world, IP, 3 * DAY)
    mail(world, IP, 3 * DAY, 200, blocked=200)
    await world.sign_in("guest")
    page = (await world.browser.get("/digest?week=2026-W47")).text
    with database.reading(world.records) as session:
        settings = world.site.config.monitor.digest
        week = Week(datetime(2026, 11, 16, tzinfo=UTC).date(), settings.time_zone)
        said = digest_mail.view(session, world.clock.now(), settings, week)
    assert said.verdict == "1 clean, 1 in trouble now."
    for text in (said.verdict, said.automation, said.quality, said.period, said.attention[0].title):
        assert text in words(page)
    assert f'<a href="/incidents/{number}">INC-{number}</a>' in page
    assert f'<a href="/ips/{IP}">{IP}</a>' in page
    assert "style=" not in page
    assert "100 %" in words(page)


async def test_of_a_week_that_is_not_over_only_days_that_have_begun_are_told(world: World) -> None:
    watch(world, 20 * DAY)
    trouble(world, IP, 2 * HOUR)
    mail(world, IP, HOUR, 150)
    mail(world, IP, 7 * DAY + HOUR, 100)
    mail(world, IP, 7 * DAY - 2 * HOUR, 1_000)
    await world.sign_in("guest")
    page = words((await world.browser.get("/digest?week=2026-W48")).text)
    assert "Week 48, 2026, so far: 2026-11-23 to 2026-11-29, UTC" in page
    assert "IPs in trouble per day 11-23 1 " in page
    assert "11-24" not in page
    assert "Recipients attempted 150 100 +50 %" in page


async def test_the_last_full_week_is_shown_unless_another_is_chosen_and_this_one_before_there_was_any(
    world: World,
) -> None:
    await world.sign_in("guest")
    assert "Week 48, 2026, so far" in (await world.browser.get("/digest")).text
    watch(world, 15 * DAY)
    page = (await world.browser.get("/digest")).text
    assert "Week 47, 2026: 2026-11-16 to 2026-11-22" in words(page)
    offered = re.findall(r'<option value="([^"]+)"( selected)?', page)
    assert offered == [("2026-W48", ""), ("2026-W47", " selected"), ("2026-W46", ""), ("2026-W45", "")]
    older = (await world.browser.get("/digest?week=2026-W20")).text
    assert '<option value="2026-W20" selected' in older


@pytest.mark.parametrize(
    ("week", "said"),
    [
        ("2026-11-16", "is not a week; write it like 2026-W47"),
        ("0001-W01", "is not a week; write it like 2026-W47"),
        ("<script>", "is not a week; write it like 2026-W47"),
        ("2026-W49", "week 49, 2026 has not begun; the present one is 2026-W48"),
    ],
)
async def test_what_is_no_week_is_refused_in_a_sentence(world: World, week: str, said: str) -> None:
    await world.sign_in("guest")
    answer = await world.browser.get("/digest", params={"week": week})
    assert answer.status_code == 400
    assert said in answer.text
    assert "<script>" not in answer.text


async def test_a_week_of_which_counts_are_forgotten_in_part_is_not_summed_up(world: World) -> None:
    watch(world, 60 * DAY)
    mail(world, IP, 27 * DAY, 5)
    mail(world, IP, 18 * DAY, 7)
    await world.sign_in("guest")
    page = words((await world.browser.get("/digest?week=2026-W45")).text)
    assert "Recipients attempted 7 no data no data" in page
    assert "Counts of mail are kept for 22 days: the week before's are forgotten." in page
    assert "this week's are forgotten." in words((await world.browser.get("/digest?week=2026-W44")).text)
    assert "forgotten" not in words((await world.browser.get("/digest?week=2026-W46")).text)


def line(ip: str, state: str, attempted: str, turned_away: str, count: int = 1) -> IpLine:
    return IpLine(ip, state, count, (0, 3, 1), "▁▇▃", "on no list", attempted, turned_away)


def view(*ips: IpLine) -> DigestView:
    return DigestView(
        week="2026-W47", title="week 47, 2026", period="", verdict="2 clean.", is_clean=False, attention=(), figures=(),
        providers=(), has_figures=False, incidents=(), automation="", scopes=(), ips=ips, clean_ips=0, left_out=0,
        quality="", sources=(), doors=(), upcoming=(), day_names=("11-16",), troubled_per_day=(0,), spark="▁",
        chart_words="", zone="UTC",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", ["203.0.113.30", "203.0.113.4", "2001:db8::1"]),
        ("ip", ["203.0.113.4", "203.0.113.30", "2001:db8::1"]),
        ("mail", ["203.0.113.4", "203.0.113.30", "2001:db8::1"]),
        ("away", ["203.0.113.30", "203.0.113.4", "2001:db8::1"]),
        ("incidents", ["2001:db8::1", "203.0.113.30", "203.0.113.4"]),
    ],
)
def test_the_table_is_sorted_by_numbers_and_what_is_not_known_stands_last(
    sort: str, order: list[str]
) -> None:
    said = view(
        line("203.0.113.30", "critical", "900", "3 %"),
        line("203.0.113.4", "warning", "1,200", "0.5 %"),
        line("2001:db8::1", "recovered", "no data", "no data", 3),
    )
    asked = Query(sort=sort)
    page = digest_view.digest(replace(said, ips=tuple(digest_view.page_of(asked)(said.ips))), asked, ())
    assert [one.line.ip for one in page.rows] == order
    assert page.tone is Tone.OK
    assert page.rows[0].strip.words == "worst of each day: clean, critical, notice"
    assert page.rows[0].strip.width == 24


def test_a_page_of_the_table_holds_fifty_and_keeps_week_and_order_in_its_addresses() -> None:
    said = view(*(line(f"10.0.0.{n}", "warning", "1", "1 %") for n in range(120)))
    asked = Query("2026-W47", "ip", 2)
    shown = tuple(digest_view.page_of(asked)(said.ips))
    page = digest_view.digest(replace(said, ips=shown, left_out=70), asked, ())
    assert (len(page.rows), page.rows[0].line.ip) == (50, "10.0.0.50")
    assert page.paging.text == "51 to 100 of 120 IPs in trouble"
    assert page.paging.on == "/digest?week=2026-W47&sort=ip&page=3"
    assert page.headings[0].address == "/digest?week=2026-W47&sort=worst"


def test_at_most_half_a_year_is_offered_and_what_is_shown_beside_it() -> None:
    now, zone = datetime(2026, 11, 26, tzinfo=UTC), ZoneInfo("UTC")
    found = digest_view.choices(now - 900 * DAY, now, week_of(now - 400 * DAY, zone))
    assert (len(found), found[0].name, found[-1].is_shown) == (28, "2026-W48", True)
    assert found[1].label == "week 47, 2026 (16 Nov to 22 Nov)"
