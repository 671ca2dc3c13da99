"""The chart of an incident: what is drawn, what is said beside it, and that it is a PNG."""

import struct
import zlib
from datetime import timedelta
from ipaddress import ip_address
from zoneinfo import ZoneInfo

from core.incident import Incident, IncidentKind, IncidentState, Rule, Severity
from core.lease import Directive, Scope
from core.rate import Rate
from core.reading import Quality, Reading, Source, Status
from monitor.incidents.telling import Account, Mailing, Why
from monitor.notifications.chart import COLUMNS, Chart, chart
from monitor.notifications.chart_png import WIDTH, draw, height_of
from monitor.notifications.facts import Facts
from storage.leases import LeaseChange
from storage.notices import Notice
from tests.unit.monitor.watching import IP, START, clean, listed, score, unknown

UTC = ZoneInfo("UTC")
HOUR = timedelta(hours=1)


def drawn(
    trail: list[Reading], *changes: LeaseChange, opened: timedelta = 2 * HOUR, over: bool = False
) -> Chart | None:
    now = max(r.period_end for r in trail) + timedelta(minutes=1) if trail else START
    newest = trail[-1] if trail else clean(START)
    incident = Incident(
        number=1, fingerprint="f", kind=IncidentKind.IP, ip=IP, source=newest.source, metric=newest.metric,
        rule=Rule.DNSBL_LISTED, severity=Severity.CRITICAL, state=IncidentState.OPEN, title="t", evidence_end=START,
        opened_at=now - opened, updated_at=now, resolved_at=now if over else None,
    )  # fmt: skip
    account = Account(incident, Notice(incident=1, lead=1))
    facts = Facts(Mailing(account, (account,), Why.NEW), now, trail=tuple(trail), changes=changes)
    return chart(facts, incident, UTC)


def cut(at: timedelta, before: str, after: str | None, provider: str = "microsoft") -> LeaseChange:
    return LeaseChange(
        lease_key=f"k:{provider}", scope=Scope(source_ip=IP, provider=provider), rule="r", reason="r", actor="controller",
        directive=Directive.SOURCE_IP_MAX_MSG_RATE, before=Rate.parse(before), mode="enforce",
        after=Rate.parse(after) if after else None, at=START + at,
    )  # fmt: skip


def hourly(*answers: str) -> list[Reading]:
    made = {"c": clean, "l": listed, "u": unknown}
    return [made[letter](START + n * HOUR) for n, letter in enumerate("".join(answers))]


def test_a_listing_is_a_step_that_is_told_in_words_too() -> None:
    found = drawn(hourly("cccc", "ll"), opened=HOUR)
    assert found is not None
    assert [block.tone for block in found.signal][-2:] == [Status.BAD, Status.BAD]
    assert found.words == "Spamhaus ZEN over 6h: clean, listed from 23 Nov 12:00."
    assert found.spark.strip("·").strip("▃").strip("█") == ""
    assert found.spark.endswith("█")
    assert len(found.spark) == COLUMNS


def test_what_is_not_known_is_neither_good_nor_bad() -> None:
    found = drawn(hourly("cc", "uuu", "cc"))
    assert found is not None
    assert "·" in found.spark
    assert Status.UNKNOWN in dict(found.tones)


def test_a_long_silence_is_not_taken_for_the_last_answer() -> None:
    trail = [clean(START + n * HOUR) for n in (*range(12), 30, 31, 32, 33)]
    found = drawn(trail, opened=12 * HOUR)
    assert found is not None
    silent = [b for b in found.signal if b.tone is Status.UNKNOWN]
    assert any(0.3 < b.right - b.left < 0.9 for b in silent)


def test_blocks_follow_each_other_within_the_picture() -> None:
    found = drawn(hourly("ccccllllcc"), over=True, opened=6 * HOUR)
    assert found is not None
    for one, following in zip(found.signal, found.signal[1:], strict=False):
        assert 0 <= one.left < one.right <= following.left + 1e-9 <= 1 + 1e-9


def test_a_score_is_drawn_by_its_value_over_two_weeks() -> None:
    found = drawn(
        [score(day, value) for day, value in enumerate([95, 94, 95, 70, 52])], opened=timedelta(hours=30)
    )
    assert found is not None
    assert found.span == "14d"
    assert found.words == "Sender Score over 14d: 95 at first, 52 at the end."
    assert [round(b.height, 2) for b in found.signal if b.tone is not Status.UNKNOWN] == [
        0.95,
        0.94,
        0.95,
        0.7,
        0.52,
    ]


def test_the_limit_is_drawn_for_the_scope_that_went_lowest() -> None:
    found = drawn(
        hourly("cccclll"), cut(4 * HOUR, "1200/h", "300/h"), cut(5 * HOUR, "1200/h", "900/h", "yahoo"),
        cut(5 * HOUR, "300/h", "60/h"),
    )  # fmt: skip
    assert found is not None
    assert found.limit_name == "limit to Microsoft"
    assert [round(b.height, 2) for b in found.limit] == [1, 0.25, 0.05]
    assert found.words.endswith("The limit to Microsoft: 1200/h, then 300/h, 60/h.")
    assert len(found.limit_spark) == COLUMNS


def test_marks_stand_where_it_opened_and_where_it_ended() -> None:
    found = drawn(hourly("ccllllcc"), over=True, opened=5 * HOUR)
    assert found is not None
    assert [(mark.words, mark.is_end) for mark in found.marks] == [("INC-1 opened", False), ("over", True)]
    assert found.pointer.count("^") == 2


def test_there_is_no_chart_without_a_history() -> None:
    assert drawn(hourly("l")) is None
    assert drawn([]) is None


def test_equal_moments_are_no_division_by_zero() -> None:
    assert drawn([clean(START), listed(START)]) is not None


def test_the_picture_is_a_png_of_its_size_and_small() -> None:
    found = drawn(hourly("cccclll"), cut(4 * HOUR, "1200/h", "300/h"))
    assert found is not None
    png = draw(found)
    width, height = struct.unpack(">II", png[16:24])
    assert (width, height) == (WIDTH, height_of(found))
    assert len(png) < 8_000
    start = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[start - 4 : start])
    assert len(zlib.decompress(png[start + 4 : start + 4 + length])) == height * (width + 1)


def test_a_series_of_another_size_is_drawn_against_its_own_top() -> None:
    trail = [
        Reading(
            ip=ip_address("203.0.113.7"), source=Source.SNDS_DATA, metric="trap-hits", period_start=START + timedelta(days=n),
            period_end=START + timedelta(days=n + 1), observed_at=START, status=Status.BAD if hits else Status.GOOD,
            quality=Quality.OK, value=float(hits),
        )
        for n, hits in enumerate([0, 0, 8, 4])
    ]  # fmt: skip
    found = drawn(trail)
    assert found is not None
    assert [b.height for b in found.signal if b.tone is Status.BAD] == [1.0, 0.5]
