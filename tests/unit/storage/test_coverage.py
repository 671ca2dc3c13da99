"""One row a list speaks for the many, and for nobody whom it does not know."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from sqlmodel import Session

from core.address import IpAddress
from core.reading import Quality, Reading, Source, Status
from storage import coverage, readings
from storage.coverage import Coverage, Settled

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
IP, OTHER, SIX = ip_address("203.0.113.7"), ip_address("203.0.113.8"), ip_address("2001:db8::7")
ZEN = "zen.spamhaus.org"
SETTLED = Settled(polls=3, span=6 * HOUR)


def row(**more: object) -> Coverage:
    fields = {
        "source": Source.DNSBL, "metric": ZEN, "families": (4,), "first_at": NOON, "last_at": NOON + 2 * HOUR,
        "whole_at": NOON + HOUR, "rounds": 3, "cadence": HOUR,
    }  # fmt: skip
    return Coverage.model_validate(fields | more)


def said(at: datetime, status: Status = Status.GOOD, ip: IpAddress = IP) -> Reading:
    return Reading(
        ip=ip, source=Source.DNSBL, metric=ZEN, period_start=at, period_end=at, observed_at=at,
        status=status, detail=coverage.CLEAN if status is Status.GOOD else "listed",
    )  # fmt: skip


def test_what_goes_in_comes_out(session: Session) -> None:
    whole = row(doubt="refused", families=(4, 6))
    coverage.save(session, whole)
    coverage.save(session, whole)
    assert coverage.load(session) == {(Source.DNSBL, ZEN): whole}
    coverage.keep_only(session, Source.DNSBL, ["another"])
    assert coverage.load(session) == {}


def test_who_joins_is_watched_from_then_on_and_who_leaves_is_forgotten(session: Session) -> None:
    coverage.watch(session, [IP], NOON)
    coverage.watch(session, [IP, SIX], NOON + HOUR)
    assert coverage.watched(session) == {IP: NOON, SIX: NOON + HOUR}
    coverage.watch(session, [SIX], NOON + 2 * HOUR)
    coverage.watch(session, [IP, SIX], NOON + 3 * HOUR)
    assert coverage.watched_since(session, IP) == NOON + 3 * HOUR
    assert coverage.watched_since(session, OTHER) is None


def test_a_large_fleet_is_watched_in_batches(session: Session) -> None:
    fleet = [ip_address("10.0.0.0") + n for n in range(12_001)]
    coverage.watch(session, fleet, NOON)
    coverage.watch(session, fleet[:3], NOON)
    assert len(coverage.watched(session)) == 3


@pytest.mark.parametrize(
    ("ip", "since", "fields", "expected"),
    [
        (IP, NOON, {}, (Status.GOOD, NOON + HOUR)),
        (IP, NOON + HOUR, {}, (Status.GOOD, NOON + HOUR)),
        (IP, NOON + 2 * HOUR, {}, None),
        (SIX, NOON, {}, None),
        (SIX, NOON, {"families": (4, 6)}, (Status.GOOD, NOON + HOUR)),
        (IP, NOON, {"whole_at": None}, None),
        (IP, NOON, {"doubt": "refused"}, (Status.UNKNOWN, NOON + 2 * HOUR)),
        (IP, NOON, {"doubt": "refused", "whole_at": None}, (Status.UNKNOWN, NOON + 2 * HOUR)),
    ],
)
def test_a_row_speaks_for_those_who_were_there(
    ip: IpAddress, since: datetime, fields: dict[str, object], expected: tuple[Status, datetime] | None
) -> None:
    found = row(**fields).implied(ip, since)
    assert (None if found is None else (found.status, found.observed_at)) == expected


def test_own_readings_come_before_the_rows_except_old_clean_ones(session: Session) -> None:
    coverage.watch(session, [IP, OTHER], NOON)
    coverage.save(session, row())
    assert [r.observed_at for r in readings.latest_for(session, IP)] == [NOON + HOUR]
    readings.record(session, said(NOON, Status.BAD))
    assert [r.status for r in readings.latest_for(session, IP)] == [Status.BAD]
    readings.record(session, said(NOON + HOUR / 2))
    assert [(r.status, r.observed_at) for r in readings.latest_for(session, IP)] == [
        (Status.GOOD, NOON + HOUR)
    ]
    readings.record(session, said(NOON + 2 * HOUR))
    assert [r.observed_at for r in readings.latest_for(session, IP)] == [NOON + 2 * HOUR]
    assert [r.ip for r in readings.latest(session)] == [IP]


def test_a_series_is_settled_after_clean_readings_that_are_many_and_span_long(session: Session) -> None:
    def own() -> bool:
        found = coverage.unsettled(session, Source.DNSBL, SETTLED)
        needs = coverage.needs_own(session, IP, Source.DNSBL, ZEN, SETTLED)
        assert needs == (IP in found.get(ZEN, set()))
        return needs

    assert not own()
    readings.record(session, said(NOON, Status.BAD))
    assert own()
    for hours in (1, 2):
        readings.record(session, said(NOON + hours * HOUR))
    assert own()
    readings.record(session, said(NOON + 4 * HOUR))
    assert own()
    readings.record(session, said(NOON + 7 * HOUR))
    assert not own()
    unknown = said(NOON + 8 * HOUR).model_copy(update={"status": Status.UNKNOWN, "quality": Quality.ERROR})
    readings.record(session, unknown)
    assert own()
