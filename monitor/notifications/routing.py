"""Who is told: readers and channels by IP list, severity and hours. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from core.address import IpAddress
from core.incident import Incident, Severity
from monitor.incidents.telling import Account, Mailing, Why
from monitor.notifications.ramp import STANDARD, Ramp
from monitor.notifications.settings import (
    NotificationRoute,
    NotificationSettings,
    OutsideHours,
    Recipient,
)

MAIL = ""
"""The channel of those who read mail."""

Told = frozenset[tuple[str, str]]
"""Channel and address of everybody who heard of a thread before."""


@dataclass(frozen=True, slots=True)
class Background:
    """What notifications know of the rest of the house: in which lists an IP is, how a rate comes back."""

    lists: Mapping[IpAddress, frozenset[str]] = field(default_factory=dict)
    ramp: Ramp = STANDARD

    def lists_of(self, ip: IpAddress | None) -> frozenset[str]:
        return self.lists.get(ip, frozenset()) if ip is not None else frozenset()


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who is told: a mail address (`channel` empty), or a channel by its name."""

    channel: str
    address: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Due:
    """A reader, and when the message may go out."""

    reader: Reader
    not_before: datetime


def routes(settings: NotificationSettings) -> list[NotificationRoute]:
    """Every route; the recipients that are named directly have one of their own for everything."""
    direct = NotificationRoute(recipients=settings.recipients)
    return [*([direct] if settings.recipients else []), *settings.routes.values()]


def split(mailing: Mailing, settings: NotificationSettings, background: Background) -> list[Mailing]:
    """A first mail about IPs of several lists becomes one for each circle of readers.

    Nobody reads about the IPs of others; threads begun this way stay apart.
    """
    if mailing.why not in {Why.NEW, Why.BASELINE}:
        return [mailing]
    circles: dict[tuple[bool, ...], list[Account]] = {}
    for member in mailing.members:
        circle = tuple(_covers(route, member.incident, background) for route in routes(settings))
        circles.setdefault(circle, []).append(member)
    return [Mailing(members[0], tuple(members), mailing.why) for members in circles.values()]


def audience(
    mailing: Mailing, told: Told, now: datetime, settings: NotificationSettings, background: Background
) -> list[Due]:
    """Everybody who is told, each once. Who heard of a thread hears how it goes on."""
    found: dict[tuple[str, str], Due] = {}
    incidents = [m.incident for m in mailing.members if m.is_open] or [m.incident for m in mailing.members]
    loudest = max((i.severity for i in incidents), key=lambda s: s.rank)
    for route in routes(settings):
        joins = mailing.why is not Why.RESOLVED and is_for(route, incidents, background)
        for reader in readers(route, settings):
            known = (reader.channel, reader.address)
            at = _moment(route, reader.zone, loudest, now, is_told=known in told)
            if at is None or not (joins or known in told):
                continue
            before = found.get(known)
            if before is None or at < before.not_before:
                found[known] = Due(reader, at)
    return list(found.values())


def is_for(route: NotificationRoute, incidents: Iterable[Incident], background: Background) -> bool:
    """Whether a route takes one of these, by list and severity."""
    return any(
        _covers(route, one, background) and one.severity.rank >= route.minimum_severity.rank
        for one in incidents
    )


def readers(route: NotificationRoute, settings: NotificationSettings) -> list[Reader]:
    """Whom a route leads to. Alertmanagers are not among them: they are told all the time."""
    default = route.time_zone or settings.time_zone
    people = [
        Reader(MAIL, one.address, one.time_zone or default)
        if isinstance(one, Recipient)
        else Reader(MAIL, one, default)
        for one in route.recipients
    ]
    told_always = settings.channels.alertmanager
    return [*people, *(Reader(name, name, default) for name in route.channels if name not in told_always)]


def everybody(settings: NotificationSettings) -> list[Reader]:
    """All readers of all routes, each once; for tests of the way to them."""
    found = [reader for route in routes(settings) for reader in readers(route, settings)]
    return list({(one.channel, one.address): one for one in found}.values())


def mail_readers(settings: NotificationSettings) -> list[Reader]:
    """Who gets mail about everything: plans and digests are theirs, too."""
    whole = [route for route in routes(settings) if not route.ip_lists]
    found = [one for route in whole for one in readers(route, settings) if one.channel == MAIL]
    return list({one.address: one for one in found}.values())


def names(due: Sequence[Due]) -> str:
    """Who was told, for a timeline."""
    return ", ".join(one.reader.address for one in due)


def _covers(route: NotificationRoute, incident: Incident, background: Background) -> bool:
    return not route.ip_lists or not background.lists_of(incident.ip).isdisjoint(route.ip_lists)


def _moment(
    route: NotificationRoute, zone: ZoneInfo, loudest: Severity, now: datetime, *, is_told: bool
) -> datetime | None:
    """When a route may be used: now, when its hours begin, or not at all."""
    if route.hours is None or route.hours.contain(now, zone):
        return now
    if route.outside_hours is OutsideHours.SKIP:
        return now if is_told else None
    if loudest is Severity.CRITICAL:
        return now
    return route.hours.opening(now, zone)
