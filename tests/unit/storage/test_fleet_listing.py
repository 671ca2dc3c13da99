"""The fleet at a glance: the worst of each IP, the hours of all, pages of incidents and of the audit, marks."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from sqlmodel import Session

from core.incident import IncidentKind, IncidentState, Rule, Severity
from core.lease import Directive, Scope
from core.rate import Rate
from core.reading import Quality, Reading, Source, Status
from storage import audit, coverage, fleet, incidents, leases, orders, pulse, readings, scopes
from storage.audit import AuditEntry
from storage.coverage import Coverage
from storage.incidents import NewIncident
from storage.leases import LeaseChange
from storage.orders import NewOrder, OrderKind
from storage.scopes import ScopeHour

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE, TWO, THREE = (ip_address(f"203.0.113.{n}") for n in (1, 2, 3))


def reading(ip: str, status: Status, at: datetime = NOON, metric: str = "a.test") -> Reading:
    return Reading(
        ip=ip_address(ip),
        source=Source.DNSBL,
        metric=metric,
        period_start=at,
        period_end=at,
        observed_at=at,
        status=status,
    )


def test_the_worst_is_of_the_newest_readings_and_unknown_hides_nothing(session: Session) -> None:
    for one in (
        reading("203.0.113.1", Status.BAD, NOON - HOUR),
        reading("203.0.113.1", Status.GOOD),
        reading("203.0.113.2", Status.WARN),
        reading("203.0.113.2", Status.UNKNOWN, metric="b.test"),
        reading("203.0.113.3", Status.UNKNOWN),
    ):
        readings.record(session, one)
    assert fleet.worst(session) == {str(ONE): Status.GOOD, str(TWO): Status.WARN, str(THREE): Status.UNKNOWN}


def test_a_list_that_speaks_for_everybody_makes_a_watched_ip_good_unless_it_is_doubted(
    session: Session,
) -> None:
    coverage.watch(session, [ONE, TWO], NOON - HOUR)
    readings.record(session, reading("203.0.113.2", Status.BAD, metric="b.test"))
    row = Coverage(
        source=Source.DNSBL, metric="a.test", families=(4,), first_at=NOON, last_at=NOON, whole_at=NOON
    )
    coverage.save(session, row)
    assert fleet.worst(session) == {str(ONE): Status.GOOD, str(TWO): Status.BAD}
    coverage.save(session, row.model_copy(update={"doubt": "it lists everybody"}))
    assert fleet.worst(session) == {str(ONE): Status.UNKNOWN, str(TWO): Status.BAD}


def test_an_hour_of_an_ip_is_the_sum_of_its_providers(session: Session) -> None:
    for provider in ("google", "yahoo"):
        for back in (1, 9):
            at = NOON - back * HOUR
            hour = ScopeHour(
                Scope(source_ip=ONE, provider=provider), at, attempted=10, delivered=9, bounced=1
            )
            scopes.record_hours(session, [hour])
    assert fleet.hours(session, NOON - 3 * HOUR) == [(NOON - HOUR, str(ONE), (20, 18, 0, 2))]


def test_the_newest_readings_of_some_ips_are_those_of_each(session: Session) -> None:
    coverage.watch(session, [ONE, TWO], NOON - HOUR)
    row = Coverage(
        source=Source.DNSBL, metric="a.test", families=(4,), first_at=NOON, last_at=NOON, whole_at=NOON
    )
    coverage.save(session, row)
    readings.record(session, reading("203.0.113.2", Status.BAD, metric="b.test"))
    readings.record(session, reading("203.0.113.3", Status.BAD, metric="b.test"))
    assert fleet.latest_of(session, [ONE, TWO]) == {ip: readings.latest_for(session, ip) for ip in (ONE, TWO)}


def opened(session: Session, number: int, ip: str = "203.0.113.1") -> None:
    new = NewIncident(
        fingerprint=f"f{number}", kind=IncidentKind.IP, ip=ip_address(ip), source=Source.DNSBL, rule=Rule.DNSBL_LISTED,
        severity=Severity.WARNING, title=f"t{number}", evidence_end=NOON, opened_at=NOON + number * HOUR,
    )  # fmt: skip
    incidents.open_incident(session, new)


def test_incidents_come_by_page_newest_first_and_by_state(session: Session) -> None:
    for number in range(5):
        opened(session, number)
    incidents.resolve_incident(session, 2, NOON + 9 * HOUR, "gone")
    found, count = incidents.newest(session, None, 2, 1)
    assert ([one.number for one in found], count) == ([4, 3], 5)
    assert [one.number for one in incidents.newest(session, IncidentState.RESOLVED, 9)[0]] == [2]
    assert incidents.newest(session, IncidentState.OPEN, 9)[1] == 4
    newest = incidents.latest_events(session, 2)
    assert [(one.number, event.text) for one, event in newest] == [(2, "gone"), (5, "t4")]


def test_incidents_of_some_ips_alone(session: Session) -> None:
    opened(session, 1, "203.0.113.1")
    opened(session, 2, "203.0.113.2")
    found = incidents.between(session, NOON, NOON + 9 * HOUR, [TWO])
    assert [str(one.ip) for one in found] == ["203.0.113.2"]
    assert incidents.between(session, NOON, NOON + 9 * HOUR, []) == []


def test_the_audit_is_searched_by_any_word_and_comes_by_page(session: Session) -> None:
    for number in range(4):
        entry = AuditEntry(
            at=NOON + number * HOUR, actor="ada", action="x", subject=f"s{number}", reason="50 % less_"
        )
        audit.append(session, entry)
    assert [one.subject for one in audit.entries(session, limit=2, offset=1)] == ["s2", "s1"]
    assert [one.subject for one in audit.entries(session, about="S3")] == ["s3"]
    assert len(audit.entries(session, about="50 % less_")) == 4
    assert audit.entries(session, about="5%less") == []


def test_every_kind_of_record_leaves_its_own_mark(session: Session) -> None:
    before = pulse.marks(session)
    opened(session, 1)
    assert {kind for kind, mark in pulse.marks(session).items() if mark != before[kind]} == {"incidents"}
    before = pulse.marks(session)
    order = NewOrder(kind=OrderKind.STOP, author="ada", reason="x", created_at=NOON)
    number = orders.give(session, order).id
    given = pulse.marks(session)
    assert {kind for kind, mark in given.items() if mark != before[kind]} == {"orders"}
    orders.withdraw(session, number, NOON + HOUR)
    assert pulse.marks(session)["orders"] != given["orders"]
    change = LeaseChange(
        lease_key="k", scope=Scope(source_ip=ONE), directive=Directive.SOURCE_IP_MAX_MSG_RATE, before=None,
        after=Rate.parse("5/h"), rule="r", reason="x", actor="controller", at=NOON, mode="enforce",
    )  # fmt: skip
    leases.record_change(session, change)
    assert pulse.marks(session)["changes"] != given["changes"]
    assert [one.lease_key for one in leases.latest_changes(session, 5)] == ["k"]


def test_answers_are_counted_by_metric_and_no_data_is_none(session: Session) -> None:
    for one in (
        reading("203.0.113.1", Status.UNKNOWN, NOON - HOUR),
        reading("203.0.113.1", Status.GOOD),
        reading("203.0.113.2", Status.GOOD, NOON - HOUR),
        reading("203.0.113.2", Status.UNKNOWN),
        reading("203.0.113.3", Status.BAD),
        reading("203.0.113.3", Status.GOOD, metric="b.test"),
        reading("203.0.113.4", Status.UNKNOWN, metric="c.test").model_copy(
            update={"quality": Quality.NO_DATA}
        ),
    ):
        readings.record(session, one)
    assert sorted(readings.answers(session)) == [
        (Source.DNSBL, "a.test", 3, 1),
        (Source.DNSBL, "b.test", 1, 0),
    ]
    assert readings.known_ips(session) == {ip_address(f"203.0.113.{n}") for n in range(1, 5)}


def test_hours_are_summed_by_scope_from_the_first_to_before_the_last(session: Session) -> None:
    here, there = (Scope(source_ip=ip_address("203.0.113.1"), provider=name) for name in ("google", "yahoo"))
    counted = [ScopeHour(here, NOON + n * HOUR, 10 + n, 9, 1, complaints=n) for n in range(5)]
    scopes.record_hours(session, [*counted, ScopeHour(there, NOON + HOUR, 3)])
    found = scopes.sums(session, NOON + HOUR, NOON + 3 * HOUR)
    assert sorted(found, key=lambda one: one.scope.provider) == [
        ScopeHour(here, NOON + HOUR, 23, 18, 2, complaints=3),
        ScopeHour(there, NOON + HOUR, 3),
    ]
    assert scopes.sums(session, NOON + 5 * HOUR, NOON + 9 * HOUR) == []


def test_where_records_begin_is_known(session: Session) -> None:
    assert (incidents.first_opened(session), coverage.first_watched(session)) == (None, None)
    opened(session, 1)
    opened(session, 2)
    coverage.watch(session, [ip_address("203.0.113.1")], NOON)
    coverage.watch(session, [ip_address(f"203.0.113.{n}") for n in (1, 2)], NOON + HOUR)
    assert coverage.first_watched(session) == NOON
    assert incidents.first_opened(session) == min(one.opened_at for one in incidents.open_incidents(session))
