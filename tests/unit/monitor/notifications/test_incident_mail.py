"""Whole mails as their readers get them."""

import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from core.lease import Directive, Scope
from core.rate import Rate
from monitor.notifications import render
from monitor.notifications.ramp import Ramp, climb
from monitor.notifications.render import CHART
from storage import database, incidents, leases, outbox, scopes
from storage.incidents import EventKind, IncidentEvent
from storage.leases import LeaseChange
from tests.unit.monitor.watching import (
    IP,
    START,
    Rig,
    clean,
    html_of,
    listed,
    message,
    monitor_settings,
    rig,
    text_of,
    unknown,
)  # fmt: skip

HOSTILE = 'blocked \x1b[31m\u202egnp.exe <script>alert("x")</script>\r\nBcc: evil@example.net ' + "A" * 700


def story(monitor: Rig, *, reason: str = "SBL1", mode: str = "enforce") -> list[EmailMessage]:
    """Clean, listed, cut, an update, delisted: all the mails of one incident."""
    monitor.take(clean(monitor.clock.now()))
    for wait in (3600, 30):
        monitor.clock.advance(wait)
        monitor.take(listed(monitor.clock.now(), reason=reason))
    _cut(monitor, "1200/h", "300/h", mode)
    monitor.later(seconds=61)
    monitor.clock.advance(1200)
    _cut(monitor, "300/h", "100/h", mode)
    monitor.later(seconds=61)
    for _ in range(7):
        monitor.clock.advance(3600)
        monitor.take(clean(monitor.clock.now()))
    monitor.later(seconds=61)
    return monitor.mails()


def _cut(
    monitor: Rig, before: str, after: str, mode: str, began: timedelta = timedelta(0), *labels: str
) -> None:
    now = monitor.clock.now() - began
    change = LeaseChange(
        lease_key="ctl:203.0.113.7:all", scope=Scope(source_ip=IP), directive=Directive.SOURCE_IP_MAX_MSG_RATE,
        before=Rate.parse(before), after=Rate.parse(after), rule="dnsbl-listed", reason="tier 1 list caps at 25 %",
        actor="controller", at=now, mode=mode, expires_at=now + timedelta(hours=6), evidence=labels, undo='tidegate release ctl:203.0.113.7:all --reason "…"',
    )  # fmt: skip
    with database.session(monitor.engine) as session:
        leases.record_change(session, change)
        text = f"203.0.113.7 to all providers: {before} to {after}"
        incidents.append_event(session, IncidentEvent(number=1, at=now, kind=EventKind.ACTION, text=text))


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_first_mail_says_what_happened_what_was_done_and_how_to_undo_it() -> None:
    with rig(monitor_settings(time_zone=ZoneInfo("Europe/Amsterdam"))) as monitor:
        first = story(monitor)[0]
    for said in (flat(text_of(first)), flat(re.sub(r"<[^>]+>", " ", html_of(first)))):
        assert "203.0.113.7 is listed on Spamhaus ZEN (SBL)." in said
        assert "Sending is held back automatically: to all providers at most 300/h." in said
        assert "tier 1 list caps at 25 %" in said
        assert "tidegate release ctl:203.0.113.7:all" in said
        assert re.search(r"until \d+ Nov \d\d:\d\d CET \(\d\d:\d\dZ\) unless renewed", said)
        assert "tidegate pin 203.0.113.7 --rate 2000/h" in said
        assert "https://check.spamhaus.org/" in said
        assert "CET" in said
        assert "Z)" in said


def test_a_look_that_began_before_the_incident_and_acted_on_it_is_in_the_mail() -> None:
    with rig() as monitor:
        monitor.take(clean(monitor.clock.now()))
        for wait in (3600, 30):
            monitor.clock.advance(wait)
            monitor.take(listed(monitor.clock.now()))
        _cut(monitor, "1200/h", "300/h", "enforce", timedelta(seconds=2), "INC-1")
        _cut(monitor, "1300/h", "1200/h", "enforce", timedelta(seconds=5), "INC-99")
        monitor.later(seconds=61)
        said = flat(text_of(monitor.mails()[0]))
    assert "1200/h -> 300/h" in said
    assert "1300/h" not in said


def test_an_update_tells_what_was_recorded_after_the_mail_though_it_began_before() -> None:
    with rig() as monitor:
        monitor.take(clean(monitor.clock.now()))
        for wait in (3600, 30):
            monitor.clock.advance(wait)
            monitor.take(listed(monitor.clock.now()))
        monitor.later(seconds=61)
        monitor.clock.advance(2)
        _cut(monitor, "1200/h", "300/h", "enforce", timedelta(seconds=70), "INC-1")
        monitor.later(minutes=20)
        _first, update = monitor.mails()
    said = flat(text_of(update))
    assert "1200/h -> 300/h" in said
    assert "controller: 203.0.113.7 to all providers: 1200/h to 300/h" in said
    assert "opened:" not in said


def test_all_mails_of_one_incident_are_one_thread() -> None:
    with rig() as monitor:
        first, update, resolved = story(monitor)
    assert {update["References"], resolved["References"]} == {first["Message-ID"]}
    assert {update["In-Reply-To"], resolved["In-Reply-To"]} == {first["Message-ID"]}
    assert {update["Subject"], resolved["Subject"]} == {f"Re: {first['Subject']}"}
    assert len({mail["Message-ID"] for mail in (first, update, resolved)}) == 3
    assert [m["X-Tidegate-State"] for m in (first, update, resolved)] == ["firing", "update", "resolved"]


def test_long_names_are_neither_folded_nor_encoded() -> None:
    host = "a-rather-long-host-name.of-a-department.in-a-large-organisation.example.com"
    with rig(monitor_settings(sender=f"Tidegate <tidegate@{host}>")) as monitor:
        first, update, _ = story(monitor)
        with database.reading(monitor.engine) as session:
            raw = outbox.pending(session)[1].mime
    header = raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert f"References: {first['Message-ID']}" in header
    assert f"In-Reply-To: {first['Message-ID']}" in header
    assert f"Subject: {update['Subject']}" in header
    assert len(first["Message-ID"]) > 78


def test_headers_keep_robots_quiet_and_filters_happy() -> None:
    with rig() as monitor:
        first = story(monitor)[0]
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["X-Auto-Response-Suppress"] == "All"
    assert first["List-Id"] == "Tidegate alerts <alerts.tidegate.mta.example>"
    assert first["List-Unsubscribe"] == "<mailto:tidegate@mta.example?subject=unsubscribe%20alerts>"
    assert first["X-Tidegate-Incident"] == "INC-1"
    assert first["X-Tidegate-Severity"] == "critical"


def test_who_wants_no_more_mail_writes_to_a_person_where_one_is_named() -> None:
    with rig(monitor_settings(reply_to="Postmaster <postmaster@example.com>")) as monitor:
        first = story(monitor)[0]
    assert first["List-Unsubscribe"] == "<mailto:postmaster@example.com?subject=unsubscribe%20alerts>"


def test_an_update_prints_the_news_and_not_everything_again() -> None:
    with rig() as monitor:
        update = flat(text_of(story(monitor)[1]))
    assert "300/h -> 100/h" in update
    assert "1200/h -> 300/h" not in update
    assert "DO NEXT" not in update


def test_the_resolved_mail_has_the_duration_the_cost_and_the_timetable() -> None:
    with rig() as monitor:
        resolved = flat(text_of(story(monitor)[-1]))
    assert "Over after 7h 22min" in resolved
    assert "Lowest limit: 100/h to all providers." in resolved
    assert re.findall(r"(?<!to )all providers: (\d+/h)", resolved) == [
        "150/h", "225/h", "337/h", "759/h", "903/h", "1200/h",
    ]  # fmt: skip


def test_the_timetable_of_who_relapsed_begins_later() -> None:
    begins = []
    for relapses in (0, 2):
        with rig() as monitor:
            with database.session(monitor.engine) as session:
                scopes.save_states(session, {Scope(source_ip=IP): {"relapses": relapses}}, START)
            resolved = flat(text_of(story(monitor)[-1]))
        [begin] = re.findall(r"(\d+ Nov \d\d:\d\d) UTC all providers: 150/h", resolved)
        begins.append(datetime.strptime(f"2026 {begin}", "%Y %d %b %H:%M").replace(tzinfo=UTC))
    assert begins[1] - begins[0] == timedelta(hours=8 - 2)


def test_in_advise_mode_the_mail_says_that_nothing_was_done() -> None:
    with rig() as monitor:
        first = flat(text_of(story(monitor, mode="advise")[0]))
    assert "it does not act in this mode" in first
    assert "controller (advise only)" in first


def test_text_of_strangers_can_do_nothing() -> None:
    with rig() as monitor:
        first = story(monitor, reason=HOSTILE)[0]
    assert "<script" not in html_of(first)
    assert first["Bcc"] is None
    for part in (text_of(first), html_of(first)):
        assert not set(part) & {"\x1b", "\u202e", "\r"}
        assert "A" * 600 not in part


@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_text_part_fits_78_columns(which: int) -> None:
    with rig() as monitor:
        mail = story(monitor)[which]
    assert max(len(line) for line in text_of(mail).splitlines()) <= 78


def test_the_html_is_small_and_asks_nobody_for_anything() -> None:
    with rig() as monitor:
        mails = story(monitor)
    for mail in mails:
        html = html_of(mail)
        assert len(mail.as_bytes()) < 80_000
        assert not re.search(r"<(link|script|iframe|form)\b|url\(|@import", html)
        assert set(re.findall(r'<img src="([^"]*)"', html)) == {f"cid:{CHART}"}
        assert 'lang="en"' in html
        assert "prefers-color-scheme: dark" in html


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_tag_is_closed() -> None:
    with rig() as monitor:
        for mail in story(monitor):
            balance = _Balance()
            balance.feed(html_of(mail))
            assert balance.open == []


def test_the_same_state_gives_the_same_message_id_and_another_database_does_not() -> None:
    with rig() as one, rig() as same, rig(start=START + timedelta(seconds=1)) as other:
        ids = [story(monitor)[0]["Message-ID"] for monitor in (one, same, other)]
    assert ids[0] == ids[1] != ids[2]


def test_everything_else_is_said_in_a_line() -> None:
    with rig() as monitor:
        monitor.take(*(clean(START, IP + n) for n in range(1, 24)))
        monitor.take(unknown(START, zone="bl.spamcop.net"))
        first = flat(text_of(story(monitor)[0]))
    assert "23 other IPs OK, every source answers." in first


def test_each_recipient_has_a_mail_of_their_own_with_one_message_id() -> None:
    with rig(monitor_settings(recipients=["a@example.com", "b@example.com"])) as monitor:
        monitor.take(clean(START))
        for wait in (3600, 30, 61):
            monitor.clock.advance(wait)
            monitor.take(listed(monitor.clock.now()))
        first, second = monitor.mails()
    assert first["Message-ID"] == second["Message-ID"]


def test_the_timetable_ends_at_what_the_controller_remembers_as_usual() -> None:
    with rig() as monitor:
        with database.session(monitor.engine) as session:
            scopes.save_states(session, {Scope(source_ip=IP): {"base": 400.0}}, START)
        resolved = flat(text_of(story(monitor)[-1]))
    assert re.findall(r"(?<!to )all providers: (\d+/h)", resolved)[-1] == "400/h"


def test_connection_rates_are_shown_and_do_not_pass_for_mail_rates() -> None:
    with rig() as monitor:
        change = LeaseChange(
            lease_key="c", scope=Scope(source_ip=IP), directive=Directive.SOURCE_IP_MAX_CONNECT_RATE, before=None,
            after=Rate.parse("1/m"), rule="r", reason="goes along", actor="controller", at=START, mode="enforce",
        )  # fmt: skip
        monitor.take(clean(START))
        monitor.clock.advance(3600)
        monitor.take(listed(monitor.clock.now()))
        monitor.clock.advance(30)
        monitor.take(listed(monitor.clock.now()))
        with database.session(monitor.engine) as session:
            leases.record_change(session, change.model_copy(update={"at": monitor.clock.now()}))
        monitor.later(seconds=61)
        said = flat(text_of(monitor.mails()[0]))
    assert "at most 1/m" not in said
    assert "source-ip-max-connect-rate" in said


@pytest.mark.parametrize(
    ("start", "goal", "steps"),
    [
        ("300/h", "1000/h", ["450/h", "675/h", "875/h", "1000/h"]),
        ("1200/h", "1200/h", []),
        ("10/h", "unlimited", []),
    ],
)
def test_the_timetable_is_quick_up_to_the_threshold_and_slow_above(
    start: str, goal: str, steps: list[str]
) -> None:
    ramp = Ramp(increment=0.2, slow_factor=2)
    assert [str(rate) for rate in climb(Rate.parse(start), Rate.parse(goal), ramp)] == steps


def test_links_in_advice_are_links_and_the_rest_is_escaped() -> None:
    shown = str(render.linked("a <b> https://example.com/x?y=1&z=2."))
    assert shown == (
        'a &lt;b&gt; <a href="https://example.com/x?y=1&amp;z=2">https://example.com/x?y=1&amp;z=2</a>.'
    )


def test_messages_survive_a_round_trip_as_bytes() -> None:
    with rig() as monitor:
        mail = story(monitor)[0]
    assert message(mail.as_bytes())["Subject"] == mail["Subject"]
