"""Who is to be told what, when: one mail per group of incidents, then updates in its thread.

Reads accounts (incident, notice, untold lines) and `now`; says which mails are due. Sends nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from core.incident import Incident, IncidentState
from core.reading import Source
from monitor.incidents.lifecycle import Mutes
from monitor.notifications.settings import NotificationSettings
from storage.incidents import EventKind, IncidentEvent
from storage.notices import Notice

Cause = tuple[str, str]


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
    acknowledged: Callable[[Incident], bool] = lambda _: False,
) -> Plan:
    """Decide about all standing accounts at once."""
    over = [a for a in accounts if not a.is_open and a.notice.first_at is None]
    told = [a for a in accounts if a.notice.first_at is not None]
    untold = [a for a in accounts if a.is_open and a.notice.first_at is None]
    mutes = Mutes(a.incident for a in accounts)

    def speaks(account: Account) -> bool:
        return not silenced(account.incident) and _is_worth_mail(account, mutes, settings)

    threads, fresh = _adopt(told, [a for a in untold if speaks(a)], settings)
    heard = {lead: group for lead, group in threads.items() if any(map(speaks, group))}
    due = [m for lead, members in heard.items() if (m := _thread(lead, members, now, settings, acknowledged))]
    return Plan([*due, *_first_mails(fresh, now, settings)], over)


def _is_worth_mail(account: Account, mutes: Mutes, settings: NotificationSettings) -> bool:
    if not account.is_open:
        return bool(account.untold)  # who heard of it hears that it is over
    loud = account.incident.severity.rank >= settings.minimum_severity.rank
    if account.notice.baseline and account.notice.first_at is None:
        return loud  # one mail has room for all of them
    return loud and mutes.muted_by(account.incident) is None


def _adopt(
    told: list[Account], untold: list[Account], settings: NotificationSettings
) -> tuple[dict[int, list[Account]], list[Account]]:
    """Known threads with their members. A new incident on the series of a told one is the same story.

    So is one more of a storm that is still going on.
    """
    threads: dict[int, list[Account]] = {}
    for account in told:
        threads.setdefault(account.notice.lead, []).append(account)
    stories = {_series(a): lead for lead, members in threads.items() for a in members if a.is_open}
    storms = _storms(threads, settings)
    fresh = []
    for account in untold:
        lead = stories.get(_series(account)) or storms.get(_cause(account))
        if lead is None or account.incident.ip is None:
            fresh.append(account)
        else:
            adopted = replace(account, notice=account.notice.model_copy(update={"lead": lead}))
            threads[lead].append(adopted)
    return threads, fresh


def _storms(threads: dict[int, list[Account]], settings: NotificationSettings) -> dict[Cause, int]:
    """The causes that a thread of very many open incidents has in common, with that thread."""
    found: dict[Cause, int] = {}
    for lead, members in threads.items():
        causes = Counter(_cause(m) for m in members if m.is_open)
        found.update({cause: lead for cause, count in causes.items() if count > settings.storm_after})
    return found


def _series(account: Account) -> tuple[str, str, str]:
    incident = account.incident
    return (str(incident.ip), incident.source, incident.metric)


def _cause(account: Account) -> Cause:
    """What many IPs can suffer from at once: one list, one rule at one provider."""
    incident = account.incident
    return (incident.rule, incident.metric if incident.source is Source.DNSBL else incident.provider)


def _thread(
    lead: int,
    members: list[Account],
    now: datetime,
    settings: NotificationSettings,
    acknowledged: Callable[[Incident], bool],
) -> Mailing | None:
    leader = next((m for m in members if m.incident.number == lead), members[0])
    news = [m for m in members if m.untold]
    last = max((m.notice.last_at for m in members if m.notice.last_at), default=now)
    if not news:
        still = [m for m in members if m.is_open and not acknowledged(m.incident)]
        repeat = last + settings.repeat_interval <= now and leader.notice.repeats < settings.repeat_cap
        return Mailing(leader, tuple(members), Why.REMINDER) if repeat and still else None
    ready = min(m.oldest for m in news) + settings.group_wait
    if not _is_urgent(members, news, settings):
        ready = max(ready, last + _update_wait(leader.notice, settings))
    return Mailing(leader, tuple(members), _why(members, news)) if ready <= now else None


def _is_urgent(members: list[Account], news: list[Account], settings: NotificationSettings) -> bool:
    if len(members) > settings.storm_after:  # its parts come and go by the minute
        return not any(m.is_open for m in members)
    return any(m.is_urgent for m in news)


def _update_wait(notice: Notice, settings: NotificationSettings) -> timedelta:
    """Twice as long after every update of the thread: what changes all day long is no news."""
    updates = min(max(0, notice.mails - notice.repeats - 1), 16)
    return min(settings.update_interval * (1 << updates), settings.repeat_interval)


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
    if ready and len(groups) > settings.storm_after:
        # what is not due yet is of the same storm: it would be the next mails
        ready = [[account for group in groups.values() for account in group]]
    mails = [_led(group, Why.NEW) for group in ready]
    if known and min(a.oldest for a in known) + settings.baseline_wait <= now:
        mails.append(_led(known, Why.BASELINE))
    return mails


def _led(group: Iterable[Account], why: Why) -> Mailing:
    worst_first = sorted(group, key=lambda a: (-a.incident.severity.rank, a.incident.number))
    return Mailing(worst_first[0], tuple(worst_first), why)
