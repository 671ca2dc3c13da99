"""Who is to be told what, when: one mail per group of incidents, then updates in its thread.

Reads accounts (incident, notice, untold lines) and `now`; says which mails are due. Sends nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from core.incident import Incident, IncidentState
from monitor.incidents.lifecycle import muted_by
from monitor.notifications.settings import NotificationSettings
from storage.incidents import EventKind, IncidentEvent
from storage.notices import Notice


class Why(StrEnum):
    """Why a mail is sent; it is written in the mail."""

    NEW = "a new incident"
    BASELINE = "the state found at the first look"
    UPDATE = "something changed"
    ESCALATED = "it got worse"
    REMINDER = "it is still open"
    RESOLVED = "it is over"


@dataclass(frozen=True, slots=True)
class Account:
    """One incident, what people know of it, and the lines of its timeline that they do not."""

    incident: Incident
    notice: Notice
    untold: tuple[IncidentEvent, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.incident.state is IncidentState.OPEN

    @property
    def oldest(self) -> datetime:
        return min(event.at for event in self.untold)

    @property
    def is_urgent(self) -> bool:
        return any(event.kind in _URGENT for event in self.untold)


_URGENT = {EventKind.OPENED, EventKind.ESCALATED, EventKind.RESOLVED}


@dataclass(frozen=True, slots=True)
class Mailing:
    """One mail that is due: in whose thread, about whom, why."""

    lead: Account
    members: tuple[Account, ...]
    why: Why


@dataclass(frozen=True, slots=True)
class Plan:
    """The mails that are due now, and accounts to close without a word: over before anybody was told."""

    mailings: list[Mailing] = field(default_factory=list)
    closed: list[Account] = field(default_factory=list)


def plan(
    accounts: Sequence[Account],
    now: datetime,
    settings: NotificationSettings,
    silenced: Callable[[Incident], bool] = lambda _: False,
) -> Plan:
    """Decide about all standing accounts at once."""
    over = [a for a in accounts if not a.is_open and a.notice.first_at is None]
    rest = [a for a in accounts if a not in over]
    open_ones = [a.incident for a in rest if a.is_open]

    def speaks(account: Account) -> bool:
        return not silenced(account.incident) and _is_worth_mail(account, open_ones, settings)

    told = [a for a in rest if a.notice.first_at is not None]
    threads, fresh = _adopt(told, [a for a in rest if a not in told and speaks(a)])
    heard = {lead: group for lead, group in threads.items() if any(map(speaks, group))}
    due = [m for lead, members in heard.items() if (m := _thread(lead, members, now, settings))]
    return Plan([*due, *_first_mails(fresh, now, settings)], over)


def _is_worth_mail(account: Account, open_ones: list[Incident], settings: NotificationSettings) -> bool:
    if not account.is_open:
        return bool(account.untold)  # who heard of it hears that it is over
    loud = account.incident.severity.rank >= settings.minimum_severity.rank
    if account.notice.baseline and account.notice.first_at is None:
        return loud  # one mail has room for all of them
    return loud and muted_by(account.incident, open_ones) is None


def _adopt(told: list[Account], untold: list[Account]) -> tuple[dict[int, list[Account]], list[Account]]:
    """Known threads with their members. A new incident on the series of a told one is the same story."""
    threads: dict[int, list[Account]] = {}
    for account in told:
        threads.setdefault(account.notice.lead, []).append(account)
    stories = {_series(a): lead for lead, members in threads.items() for a in members if a.is_open}
    fresh = []
    for account in untold:
        lead = stories.get(_series(account))
        if lead is None or account.incident.ip is None:
            fresh.append(account)
        else:
            adopted = replace(account, notice=account.notice.model_copy(update={"lead": lead}))
            threads[lead].append(adopted)
    return threads, fresh


def _series(account: Account) -> tuple[str, str, str]:
    incident = account.incident
    return (str(incident.ip), incident.source, incident.metric)


def _thread(
    lead: int, members: list[Account], now: datetime, settings: NotificationSettings
) -> Mailing | None:
    leader = next((m for m in members if m.incident.number == lead), members[0])
    news = [m for m in members if m.untold]
    last = max((m.notice.last_at for m in members if m.notice.last_at), default=now)
    if not news:
        repeat = last + settings.repeat_interval <= now and leader.notice.repeats < settings.repeat_cap
        still = any(m.is_open for m in members)
        return Mailing(leader, tuple(members), Why.REMINDER) if repeat and still else None
    ready = min(m.oldest for m in news) + settings.group_wait
    if not any(m.is_urgent for m in news):
        ready = max(ready, last + settings.update_interval)
    return Mailing(leader, tuple(members), _why(members, news)) if ready <= now else None


def _why(members: list[Account], news: list[Account]) -> Why:
    if not any(m.is_open for m in members):
        return Why.RESOLVED
    kinds = {event.kind for m in news for event in m.untold}
    return Why.ESCALATED if kinds & {EventKind.ESCALATED, EventKind.OPENED} else Why.UPDATE


def _first_mails(fresh: list[Account], now: datetime, settings: NotificationSettings) -> list[Mailing]:
    known = [a for a in fresh if a.notice.baseline and a.untold]
    groups: dict[str, list[Account]] = {}
    for account in fresh:
        if account.untold and not account.notice.baseline:
            groups.setdefault(str(account.incident.ip or account.incident.fingerprint), []).append(account)
    ready = [g for g in groups.values() if min(a.oldest for a in g) + settings.group_wait <= now]
    if len(ready) > settings.storm_after:
        ready = [[account for group in ready for account in group]]
    mails = [_led(group, Why.NEW) for group in ready]
    if known and min(a.oldest for a in known) + settings.baseline_wait <= now:
        mails.append(_led(known, Why.BASELINE))
    return mails


def _led(group: Iterable[Account], why: Why) -> Mailing:
    worst_first = sorted(group, key=lambda a: (-a.incident.severity.rank, a.incident.number))
    return Mailing(worst_first[0], tuple(worst_first), why)
