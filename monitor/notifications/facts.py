"""Everything that a mail about incidents rests on, read from storage at one moment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session

from core.address import IpAddress
from core.incident import Incident, IncidentKind
from core.lease import Scope
from core.rate import Rate
from core.reading import Quality, Reading, Source, Status
from monitor.detection.detect import HISTORY
from monitor.incidents.telling import Mailing
from monitor.notifications.ramp import STANDARD, Ramp
from storage import coverage, incidents, leases, readings, scopes
from storage.leases import LeaseChange

SHOWN_IPS = 5
"""A mail about more IPs than this shows the readings of the first ones only: it must fit a screen."""

TRAIL = 400
"""So many answers of one series are drawn: more than two weeks of hourly ones."""

ONE_LOOK = timedelta(minutes=10)
"""Longer than any look of the controller lasts."""

_TROUBLE = {Status.WARN, Status.BAD}


@dataclass(frozen=True, slots=True)
class Move:
    """A series now and before: the last usable reading that said something else, and since when it holds."""

    now: Reading
    before: Reading | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Cost:
    """What providers did to the mail of the IPs since the incidents opened, in recipients."""

    attempted: int = 0
    deferred: int = 0
    blocked: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known. `news` are the changes that were recorded since the last mail.

    `moves` holds troubled series; `clean` and `unknown` count the ones left out. `trail` is the series of the
    `topic`, for its chart.
    """

    mailing: Mailing
    now: datetime
    moves: tuple[Move, ...] = ()
    clean: int = 0
    unknown: int = 0
    changes: tuple[LeaseChange, ...] = ()
    news: tuple[LeaseChange, ...] = ()
    elsewhere: tuple[Incident, ...] = ()
    watched: int = 0
    cost: Cost = Cost()
    bases: Mapping[Scope, Rate] = field(default_factory=dict)
    thresholds: Mapping[Scope, float] = field(default_factory=dict)
    relapses: Mapping[Scope, float] = field(default_factory=dict)
    ramp: Ramp = STANDARD
    trail: tuple[Reading, ...] = ()

    @property
    def topic(self) -> Incident:
        """The worst of those that are still open: what is to be done is done about it."""
        return topic_of(self.mailing)


def gather(session: Session, mailing: Mailing, now: datetime, ramp: Ramp = STANDARD) -> Facts:
    """Read what the mail needs."""
    members = [account.incident for account in mailing.members]
    ips = list(dict.fromkeys(i.ip for i in members if i.ip is not None))
    since = min(i.opened_at for i in members)
    shown = [r for ip in ips[:SHOWN_IPS] for r in readings.latest_for(session, ip)]
    about = {(i.ip, i.source, i.metric) for i in members}
    troubled = [r for r in shown if r.status in _TROUBLE or (r.ip, r.source, r.metric) in about]
    troubled.sort(key=lambda r: (r.ip, r.source, r.metric) not in about)
    mine = {i.number for i in members}
    told = mailing.lead.notice.told_changes
    return Facts(
        mailing=mailing,
        now=now,
        moves=tuple(_move(session, reading) for reading in troubled),
        clean=sum(r.status is Status.GOOD for r in shown if r not in troubled),
        unknown=sum(r.status is Status.UNKNOWN for r in shown if r not in troubled),
        changes=tuple(c for ip in ips for c in _changes(session, ip, since, members)),
        news=tuple(c for ip in ips for c in _changes(session, ip, since, members, told)),
        elsewhere=tuple(i for i in incidents.open_incidents(session) if i.number not in mine),
        watched=len({r.ip for r in readings.latest(session)} | coverage.watched(session).keys()),
        cost=_cost(session, ips, since),
        bases={scope: Rate.from_per_hour(base) for scope, base in _remembered(session, ips, "base")},
        thresholds=dict(_remembered(session, ips, "threshold")),
        relapses=dict(_remembered(session, ips, "relapses")),
        ramp=ramp,
        trail=tuple(_trail(session, topic_of(mailing))),
    )


def topic_of(mailing: Mailing) -> Incident:
    """The worst open member; the one that leads when all is over."""
    still = [m.incident for m in mailing.members if m.is_open]
    return max(still, key=lambda i: (i.severity.rank, -i.number), default=mailing.lead.incident)


def _trail(session: Session, topic: Incident) -> list[Reading]:
    if topic.ip is None:
        return []
    return readings.history(session, topic.ip, topic.source, topic.metric, TRAIL)


def _changes(
    session: Session, ip: IpAddress, since: datetime, members: list[Incident], after: int = 0
) -> list[LeaseChange]:
    """Changes on an IP since its incidents opened, and those made because of them.

    A look of the controller carries the time at which it began: it may begin before an incident opens, see
    the incident, and act on it. What the engine counted it judges by itself, in the look that brings the
    counts to the monitor.
    """
    labels = {incident.label for incident in members}
    counted = {i.provider for i in members if i.source is Source.REPLIES}
    found = leases.lease_history(session, since - ONE_LOOK, ip, after)
    return [
        c for c in found if c.at >= since or labels.intersection(c.evidence) or c.scope.provider in counted
    ]


def _move(session: Session, newest: Reading) -> Move:
    past = readings.history(session, newest.ip, newest.source, newest.metric, HISTORY)
    usable = [r for r in past if r.status is not Status.UNKNOWN and r.quality is Quality.OK]
    same = (newest.status, newest.value, newest.detail)
    others = [r for r in usable if (r.status, r.value, r.detail) != same]
    before = others[-1] if others else None
    held = [r for r in past if before is None or r.period_end > before.period_end]
    return Move(newest, before, min((r.period_end for r in held), default=newest.period_end))


def _cost(session: Session, ips: list[IpAddress], since: datetime) -> Cost:
    hours = [h for ip in ips for h in scopes.hours(session, since, ip)]
    return Cost(
        attempted=sum(h.attempted for h in hours),
        deferred=sum(h.reputation_deferred for h in hours),
        blocked=sum(h.blocked for h in hours),
    )


def _remembered(session: Session, ips: list[IpAddress], name: str) -> Iterator[tuple[Scope, float]]:
    """A number of the controller's memory (controller.state): `base`, `threshold`, `relapses`; not 0."""
    for scope, document in scopes.load_states(session).items():
        number = document.get(name)
        if scope.source_ip in ips and isinstance(number, int | float) and number > 0:
            yield scope, number


def is_about_ips(facts: Facts) -> bool:
    """Whether the mail is about IPs, not about monitoring."""
    return facts.mailing.lead.incident.kind is IncidentKind.IP
