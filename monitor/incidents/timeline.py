"""Everything that happened to an IP, in order: answers, incidents, limits, operators, mails."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from core.address import IpAddress
from core.incident import Incident
from core.provider import EVERY
from core.reading import Quality, Reading, Source, Status
from core.text import printable
from monitor.detection.wording import metric_name, said
from storage import incidents, leases, notices, orders, outbox, readings
from storage.incidents import EventKind, IncidentEvent
from storage.leases import LeaseChange
from storage.orders import Order
from storage.outbox import StoredMail
from storage.readings import Stretch


class EntryKind(StrEnum):
    """Whose doing it was. At one moment the cause comes before what followed from it."""

    READING = "reading"
    INCIDENT = "incident"
    LIMIT = "limit"
    OPERATOR = "operator"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: when, whose doing, what, in words."""

    at: datetime
    kind: EntryKind
    text: str


@dataclass(frozen=True, slots=True)
class Records:
    """What storage knows about one IP."""

    stretches: Iterable[Stretch] = ()
    incidents: Iterable[Incident] = ()
    events: Iterable[IncidentEvent] = ()
    changes: Iterable[LeaseChange] = ()
    orders: Iterable[Order] = ()
    mails: Iterable[StoredMail] = ()


_TOLD_BY_OTHERS = {EventKind.NOTIFIED, EventKind.ACTION, EventKind.ACKNOWLEDGED}
"""Lines of incidents whose fact is here by itself: mails, limits, orders."""


def gather(session: Session, ip: IpAddress, since: datetime) -> Records:
    """Read what there is since then."""
    mine = incidents.about_ip(session, ip, since)
    numbers = [incident.number for incident in mine]
    leads = {notice.lead for n in numbers if (notice := notices.find(session, n))}
    lines = incidents.events_of(session, numbers)
    return Records(
        stretches=readings.stretches(session, ip, since),
        incidents=mine,
        events=[line for number in numbers for line in lines[number]],
        changes=leases.lease_history(session, since, ip),
        orders=[o for o in orders.given(session, since) if _is_about(o, ip, mine)],
        mails=outbox.about(session, leads | set(numbers)),
    )


def timeline(records: Records, now: datetime, since: datetime) -> list[Entry]:
    """The lines, oldest first."""
    first = min((i.opened_at for i in records.incidents), default=now)
    found = [
        *_readings(records.stretches),
        *(_event(event) for event in records.events if event.kind not in _TOLD_BY_OTHERS),
        *map(_change, records.changes),
        *(entry for order in records.orders for entry in _order(order, now)),
        # in a thread of several IPs mails from before this one joined it are not about this one
        *(_mail(mail) for mail in records.mails if mail.created_at >= first),
    ]
    kinds = list(EntryKind)
    return sorted((e for e in found if e.at >= since), key=lambda e: (e.at, kinds.index(e.kind)))


def _is_about(order: Order, ip: IpAddress, mine: list[Incident]) -> bool:
    names = {name for i in mine for name in (i.label, i.fingerprint)}
    return order.source_ip == ip or order.subject in names


def _readings(stretches: Iterable[Stretch]) -> Iterable[Entry]:
    """Every answer that differs from the one before; of hourly counts only what changes their verdict."""
    before: dict[tuple[str, Source, str], Reading] = {}
    for reading, first_seen, _, _ in stretches:
        known = before.get(reading.series)
        before[reading.series] = reading
        if known is not None and _is_same(known, reading):
            continue
        was = "" if known is None else f", was {_words(known)}"
        yield Entry(first_seen, EntryKind.READING, f"{_name(reading)}: {_words(reading)}{was}")


def _is_same(one: Reading, other: Reading) -> bool:
    if one.source is Source.REPLIES:
        return one.status is other.status
    return _words(one) == _words(other)


def _name(reading: Reading) -> str:
    zone = reading.evidence.get("zone_name") if reading.source is Source.DNSBL else None
    name = printable(str(zone), 60).split(" (")[0] if zone else metric_name(reading.source, reading.metric)
    return printable(name, 80)


def _words(reading: Reading) -> str:
    if reading.status is Status.UNKNOWN:
        why = "no data" if reading.quality is Quality.NO_DATA else printable(reading.detail, 100)
        return f"unknown ({why})" if why else "unknown"
    words = said(reading)
    return (
        words if reading.status is Status.GOOD or words == reading.status else f"{words} ({reading.status})"
    )


def _event(event: IncidentEvent) -> Entry:
    return Entry(
        event.at, EntryKind.INCIDENT, f"INC-{event.number} {event.kind}: {printable(event.text, 300)}"
    )


def _change(change: LeaseChange) -> Entry:
    before, after = change.before or "no limit", change.after or "no limit"
    where = "all providers" if change.scope.provider == EVERY else change.scope.provider
    mode = "" if change.mode == "enforce" else f" ({change.mode} only)"
    text = (
        f"{where} {change.directive} {before} → {after}, by {printable(change.actor, 60)}{mode}: "
        f"{printable(change.reason, 300)}"
    )
    return Entry(change.at, EntryKind.LIMIT, text)


def _order(order: Order, now: datetime) -> Iterable[Entry]:
    what = f"order {order.id}, {order.kind}"
    about = "" if order.subject == "*" else f" [{order.subject}]"
    value = f" ({order.value})" if order.value else ""
    words = f"{what}{value}{about}, by {printable(order.author, 60)}: {printable(order.reason, 200)}"
    yield Entry(order.created_at, EntryKind.OPERATOR, words)
    if order.withdrawn_at is not None:
        yield Entry(order.withdrawn_at, EntryKind.OPERATOR, f"{what}, was withdrawn")
    elif order.expires_at is not None and order.expires_at <= now:
        yield Entry(order.expires_at, EntryKind.OPERATOR, f"{what}, ran out")


def _mail(mail: StoredMail) -> Entry:
    to = ", ".join(mail.recipients)
    return Entry(
        mail.created_at,
        EntryKind.MAIL,
        f"“{printable(mail.subject, 160)}” to {printable(to, 120)}: {mail.state}",
    )
