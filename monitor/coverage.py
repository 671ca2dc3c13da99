"""From what lists say about the many to the records: readings of their own for the few, a row for the rest.

A series gets readings of its own when a list says something else than "not listed" about it; the clean time
before is put in front, so that a first hit is news and not the way it has always been. It keeps getting them
until it is settled, and while an incident about it is open.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlmodel import Session

from core.address import IpAddress
from core.reading import Quality, Reading, Source, Status
from monitor.collectors.collected import Collected
from monitor.collectors.collected import Coverage as Round
from monitor.detection.settings import DnsblRules
from storage import coverage as stored
from storage.coverage import Coverage, Settled

_POLLS = 8
_SPAN = timedelta(hours=24)


def settled_when(rules: DnsblRules) -> Settled:
    """Well after detection has made up its mind, whatever its settings."""
    return Settled(max(_POLLS, 2 * rules.clean_polls), max(_SPAN, 2 * rules.clean_for))


def before(session: Session, readings: Sequence[Reading], settled: Settled) -> list[Reading]:
    """The clean readings that were not written down, for series of which something else is said now."""
    news = [r for r in readings if r.source is Source.DNSBL and r.status is not Status.GOOD]
    rows = stored.load(session) if news else {}
    found = []
    for reading in news:
        row = rows.get((reading.source, reading.metric))
        since = stored.watched_since(session, reading.ip) if row else None
        if row is None or since is None or row.whole_at is None:
            continue
        was_clean = since <= row.whole_at < reading.period_end
        if was_clean and not stored.needs_own(session, *_series(reading), settled):
            found.append(row.clean(reading.ip, row.whole_at))
    return found


def readings_of(
    session: Session,
    collected: Collected,
    settled: Settled,
    open_series: Iterable[tuple[IpAddress | None, Source, str]],
) -> list[Reading]:
    """Readings for those series that need their own, from a round that sums up."""
    if not collected.coverage:
        return []
    wanted = stored.unsettled(session, Source.DNSBL, settled)
    for ip, source, metric in open_series:
        if source is Source.DNSBL and ip is not None:
            wanted.setdefault(metric, set()).add(ip)
    return [r for one in collected.coverage for r in _own(one, wanted.get(one.metric, set()))]


def watch(session: Session, collected: Collected) -> None:
    """Write down who is watched since this round; needed when the fleet may be another than it was."""
    begun = min(one.at for one in collected.coverage)
    # rotas keep whole seconds
    stored.watch(session, collected.fleet, begun.replace(microsecond=0))


def note(session: Session, collected: Collected) -> None:
    """Write the rows of the lists that were asked."""
    known = stored.load(session)
    for one in collected.coverage:
        row = known.get((Source.DNSBL, one.metric))
        stored.save(
            session,
            Coverage(
                source=Source.DNSBL,
                metric=one.metric,
                families=one.families,
                first_at=row.first_at if row else one.at,
                last_at=one.at,
                whole_at=one.whole_at or (row.whole_at if row else None),
                rounds=row.rounds + 1 if row else 1,
                cadence=one.cadence,
                doubt=one.doubt.detail if one.doubt else "",
            ),
        )


def _own(one: Round, wanted: set[IpAddress]) -> list[Reading]:
    found = []
    for ip, is_clean in one.said() if wanted else ():
        if ip not in wanted:
            continue
        if is_clean:
            found.append(_reading(one, ip, Status.GOOD, Quality.OK, stored.CLEAN))
        elif one.doubt is not None:
            found.append(_reading(one, ip, Status.UNKNOWN, one.doubt.quality, one.doubt.detail))
        elif ip in one.unknown:
            found.append(_reading(one, ip, Status.UNKNOWN, Quality.ERROR, one.unknown[ip]))
    return found


def _reading(one: Round, ip: IpAddress, status: Status, quality: Quality, detail: str) -> Reading:
    return Reading(
        ip=ip, source=Source.DNSBL, metric=one.metric, period_start=one.at, period_end=one.at,
        observed_at=one.at, status=status, quality=quality, detail=detail, evidence={"zone": one.metric},
    )  # fmt: skip


def _series(reading: Reading) -> tuple[IpAddress, Source, str]:
    return (reading.ip, reading.source, reading.metric)
