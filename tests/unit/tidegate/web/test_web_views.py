"""What pages say is decided before any template: verdicts, thirty days, pages of a listing, origins of settings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from controller.settings import Mode
from core.address import SourceIp
from core.incident import Incident, IncidentKind, IncidentState, Rule, Severity
from core.reading import Reading, Source, Status
from monitor.health import SourceHealth, SourceState
from storage.orders import Order, OrderKind
from tests.unit.tidegate.web.site_world import IP, LEASE
from tidegate.config.load import parse
from tidegate.web.views import charts, ips, overview, parts, queue, queues, settings, strips
from tidegate.web.views.glance import Glance
from tidegate.web.views.parts import Badge, Tone

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FLEET = ips.listed({"marketing": [SourceIp.model_validate(f"203.0.113.{n}") for n in (7, 8, 9)]})


def incident(
    severity: Severity = Severity.CRITICAL, ip: str = IP, opened: float = 0.1, resolved: float | None = None
) -> Incident:
    return Incident(
        number=1, fingerprint="f", kind=IncidentKind.IP, ip=ip_address(ip), source=Source.DNSBL, rule=Rule.DNSBL_LISTED,
        severity=severity, state=IncidentState.OPEN if resolved is None else IncidentState.RESOLVED,
        title=f"{ip} is listed", evidence_end=NOW, opened_at=NOW - opened * DAY, updated_at=NOW,
        resolved_at=None if resolved is None else NOW - resolved * DAY,
    )  # fmt: skip


def glance(**more: Any) -> Glance:
    fleet = ips.Fleet(FLEET, incidents=more.pop("incidents", ()))
    return Glance(now=NOW, fleet=fleet, **({"mode": Mode.ENFORCE} | more))


def order(kind: OrderKind) -> Order:
    return Order(id=3, kind=kind, author="ada", reason="night shift", created_at=NOW)


@pytest.mark.parametrize(
    ("facts", "tone", "sentence"),
    [
        (glance(), Tone.OK, "All 3 IPs are well, and nothing is held back."),
        (glance(incidents=[incident()]), Tone.BAD, f"{IP} is in trouble; nothing is held back."),
        (glance(incidents=[incident(Severity.WARNING)], mode=Mode.ADVISE), Tone.WARN,
         f"{IP} is in trouble; nothing is held back, for the mode is advise."),
        (glance(incidents=[incident()], leases=[LEASE]), Tone.BAD,
         f"{IP} is held back at microsoft to 50/h; the other 2 send freely."),
        (glance(leases=[LEASE, LEASE | {"scope": {"source_ip": "203.0.113.8", "provider": "*"}}]), Tone.WARN,
         "203.0.113.7 and 203.0.113.8 are held back; the other 1 send freely."),
        (glance(trouble="no engine answers"), Tone.BAD, "The engine does not answer: whether mail flows is unknown."),
    ],
)  # fmt: skip
def test_the_verdict_is_one_sentence_with_the_worst_first(facts: Glance, tone: Tone, sentence: str) -> None:
    found = overview.verdict(facts)
    assert (found.tone, found.sentence) == (tone, sentence)


def test_unknown_is_said_beside_the_verdict_and_makes_it_neither_good_nor_bad() -> None:
    sources = [SourceHealth(name="dnsbl:a.test", state=SourceState.BLIND), SourceHealth(name="b")]
    found = overview.verdict(glance(sources=sources))
    assert found.tone is Tone.UNKNOWN
    assert found.also == (
        ("dnsbl:a.test cannot be relied on now: what they would say is unknown", "/sources"),
    )


def test_a_kill_switch_and_the_guards_question_are_said() -> None:
    said = [
        text
        for text, _ in overview.verdict(glance(orders=[order(OrderKind.STOP), order(OrderKind.GUARD)])).also
    ]
    assert said == ["The controller is switched off by ada: night shift", "The guard asks 1 question"]


def test_figures_that_only_the_engine_knows_are_dashes_while_it_is_away() -> None:
    away = {one.label: one.value for one in overview.figures(glance(trouble="away"))}
    assert away["recipients waiting"] == away["limits at run time"] == "–"
    there = overview.figures(glance(engine={"queues": {"recipients": 46, "backoff": 1}}, leases=[LEASE]))
    assert [(one.value, one.note) for one in there[2:4]] == [
        ("46", "1 queue in backoff"),
        ("1", "1 automatic"),
    ]


def days_of(strip: strips.Strip) -> dict[str, int]:
    return {tone: path.count("M") for tone, path in strip.paths}


def test_thirty_days_show_the_worst_of_each_and_nothing_before_the_ip_was_watched() -> None:
    found = strips.of_incidents(
        [incident(Severity.WARNING, opened=2.2, resolved=1.2), incident()], NOW - 9 * DAY, NOW
    )
    assert days_of(found) == {"none": 20, "ok": 7, "warn": 2, "bad": 1}
    assert found.words == "last 30 days: 1 bad, 2 warning, 7 well"


def reading(status: Status, back: float) -> Reading:
    at = NOW - back * DAY
    return Reading(
        ip=ip_address(IP),
        source=Source.DNSBL,
        metric="a",
        period_start=at,
        period_end=at,
        observed_at=at,
        status=status,
    )


def test_a_day_between_two_equal_readings_is_as_they_are_and_unknown_is_its_own_shade() -> None:
    found = strips.of_readings(
        [reading(Status.GOOD, 5), reading(Status.GOOD, 3), reading(Status.UNKNOWN, 1)], NOW
    )
    assert days_of(found) == {"none": 25, "ok": 4, "unknown": 1}


@pytest.mark.parametrize(
    ("page", "total", "text", "back", "on"),
    [
        (1, 0, "no queues", "", ""),
        (1, 12, "12 queues", "", ""),
        (1, 120, "1 to 50 of 120 queues", "", "/queues?q=a&page=2"),
        (2, 120, "51 to 100 of 120 queues", "/queues?q=a", "/queues?q=a&page=3"),
        (3, 120, "101 to 120 of 120 queues", "/queues?q=a&page=2", ""),
        (9, 120, "nothing on this page; 120 queues in all", "/queues?q=a&page=8", ""),
    ],
)
def test_a_listing_says_where_one_is_and_keeps_the_filter(
    page: int, total: int, text: str, back: str, on: str
) -> None:
    found = parts.paging("/queues", {"q": "a", "sort": ""}, page, total, "queues")
    assert (found.text, found.back, found.on) == (text, back, on)


@pytest.mark.parametrize(
    ("asked", "name"), [("gmail", "*gmail*"), ("a*/m", "a*/m"), ("a.b/m", "a.b/m"), ("", None)]
)
def test_a_word_finds_queues_that_contain_it_and_a_pattern_is_taken_as_it_is(
    asked: str, name: str | None
) -> None:
    found = queues.query({"q": asked, "state": "errors", "sort": "bogus", "page": "3"}).filters
    assert (found["name"], found["errors"], found["mode"], found["sort"]) == (name, True, None, "rcpt")
    assert (found["limit"], found["offset"]) == (50, 100)


@pytest.mark.parametrize("page", ["", "0", "-1", "x", "9" * 40, "٣"])
def test_a_page_that_is_none_is_the_first(page: str) -> None:
    assert queues.query({"page": page}).page == 1


def test_ips_come_worst_first_then_gravest_then_busiest() -> None:
    addresses = [one.text for one in FLEET]
    fleet = ips.Fleet(
        FLEET, worst=dict(zip(addresses, (Status.GOOD, Status.UNKNOWN, Status.BAD), strict=True)),
        attempted={addresses[0]: 10},
    )  # fmt: skip

    def order_of(fleet: ips.Fleet, **asked: str) -> list[str]:
        return [one.text[-1] for one in ips.matching(ips.query(asked), fleet)]

    assert order_of(fleet) == ["9", "8", "7"]
    assert order_of(fleet, sort="ip") == order_of(fleet, sort="volume") == ["7", "8", "9"]
    assert order_of(fleet, status="bad") == ["9"]
    assert order_of(fleet, q="113.8") == ["8"]
    equal = replace(
        fleet, worst={}, incidents=[incident(Severity.INFO, "203.0.113.9"), incident(ip="203.0.113.8")]
    )
    assert order_of(equal) == ["8", "9", "7"]


QUEUE: dict[str, Any] = {
    "name": "a.test/m",
    "recipients": 1,
    "connections": 0,
    "mode": "normal",
    "paused": False,
}


def test_a_queue_says_why_it_is_slow_in_one_sentence() -> None:
    assert queue.queue(QUEUE, NOW).verdict == "Nothing holds it. 1 recipient waits."
    paused = queue.queue(QUEUE | {"paused": True, "recipients": 2_000}, NOW)
    assert paused.verdict == "Paused by hand: nothing leaves until it is resumed. 2,000 recipients wait."
    why = {
        "since": NOW.isoformat(),
        "pattern": "/TSS/",
        "reply": "421 \x1b[31mno",
        "peer": "mx.a.test",
        "source_ip": IP,
    }
    slow = queue.queue(QUEUE | {"mode": "backoff", "backoff": why}, NOW)
    assert slow.verdict.startswith(
        f"In backoff, which is slower and not stopped: mx.a.test answered to {IP} as below."
    )
    assert slow.backoff is not None
    assert slow.backoff.reply == "421 [31mno"


@pytest.mark.parametrize(
    ("delivered", "deferred", "tone"),
    [(5, 5, Tone.UNKNOWN), (10, 1, Tone.OK), (9, 2, Tone.BAD), (0, 0, Tone.UNKNOWN)],
)
def test_recipient_events_are_judged_as_powermta_judges_them(
    delivered: int, deferred: int, tone: Tone
) -> None:
    events = [{"kind": "delivered"}] * delivered + [{"kind": "deferred"}] * deferred
    assert queue.queue(QUEUE | {"recipient_events": events}, NOW).success.tone is tone


def test_a_chart_has_an_hour_for_each_hour_and_numbers_what_happened() -> None:
    counts = {"delivered": 90, "deferred": 9, "bounced": 1}
    marks = [
        charts.Happening(NOW - HOUR, Badge("lease", Tone.WARN), "later"),
        charts.Happening(NOW - 3 * HOUR, Badge("incident", Tone.BAD), "first"),
        charts.Happening(NOW - 99 * HOUR, Badge("incident", Tone.BAD), "before the chart"),
    ]
    found = charts.delivery("Mail", [(NOW - 2 * HOUR, counts)], marks, NOW - 4 * HOUR, NOW)
    assert '"values":[0,0,90,0,0]' in found.data
    assert [(mark.number, mark.text) for mark in found.marks] == [(1, "first"), (2, "later")]
    assert found.words.endswith("90 accepted, 9 deferred, 1 refused")
    assert [row[1] for row in found.rows] == ["0", "0", "90", "0", "0"]


CONFIG = """\
ip-lists:
  marketing: [203.0.113.7]
monitor:
  dnsbl: {interval: 2h}
web:
  tokens:
    - name: ada
      token: ada-may-operate-0001
"""


def test_each_setting_names_the_line_that_sets_it_or_is_a_default_and_no_secret_is_shown() -> None:
    loaded = parse(CONFIG, "config.yaml", {})
    view = settings.settings(loaded.config, loaded.places, "", written_only=False)
    found = {one.name: one for section in view.sections for one in section.settings}
    assert (found["monitor.dnsbl.interval"].value, found["monitor.dnsbl.interval"].origin) == (
        "2h",
        "config.yaml:4",
    )
    assert found["ip-lists.marketing"].origin == "config.yaml:2"
    assert found["controller.mode"].origin == settings.DEFAULT
    assert found["web.tokens[0].name"].origin == "config.yaml:7"
    assert found["web.tokens[0].rate"].origin == settings.DEFAULT
    assert found["web.tokens[0].token"].value == "set, and not shown"
    assert found["controller.engine.token"].value == "unset"
    assert "ada-may-operate-0001" not in repr(view)
    written = settings.settings(loaded.config, loaded.places, "", written_only=True)
    assert {one.name for section in written.sections for one in section.settings} == {
        "ip-lists.marketing", "monitor.dnsbl.interval", "web.tokens[0].name", "web.tokens[0].token",
    }  # fmt: skip
    assert settings.settings(loaded.config, loaded.places, "no such word", written_only=False).sections == ()
