"""What the automation did about an incident, what that means, and how the rate rises again. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from core.duration import format_duration
from core.lease import Directive, Scope
from core.provider import EVERY
from core.rate import UNLIMITED, Rate
from core.text import printable
from monitor.incidents.telling import Why
from monitor.notifications import wording
from monitor.notifications.facts import Facts, is_about_ips
from monitor.notifications.ramp import timetable
from monitor.notifications.views import Deed, Resolution
from storage.leases import LeaseChange

ENFORCED: Final = "enforce"
SHOWN: Final = 12


def of(facts: Facts, zone: ZoneInfo) -> tuple[Deed, ...]:
    """The changes to show: in an update those since the last mail, at the end those that stand."""
    changes = facts.changes
    if facts.mailing.why is Why.UPDATE:
        changes = facts.news
    elif facts.mailing.why is Why.RESOLVED:
        changes = tuple(c for c in _latest(changes) if c.after is not None)
    return tuple(_deed(change, zone) for change in changes[-SHOWN:])


def consequence(facts: Facts) -> str:
    """One sentence beside the verdict: what it means for the mail."""
    if not is_about_ips(facts):
        return ""
    standing = [c for c in _latest(_message_rates(facts)) if c.after is not None]
    done = [c for c in standing if c.mode == ENFORCED]
    if not done:
        return "The controller would limit it, but it does not act in this mode." if standing else ""
    done.sort(key=lambda c: (c.scope.provider != EVERY, c.at))
    parts = [f"to {wording.provider(c.scope.provider)} at most {c.after}" for c in done[:3]]
    more = f" and {len(done) - 3} more" if len(done) > 3 else ""
    return f"Sending is held back automatically: {', '.join(parts)}{more}."


def note(facts: Facts, shown: tuple[Deed, ...]) -> str:
    """What stands in place of the list when there is nothing in it, or what to know about it."""
    if not is_about_ips(facts):
        return "Nothing: silence of a source changes no limit."
    if not shown and facts.mailing.why is Why.RESOLVED:
        return "None."
    if not shown:
        since = " since the last mail" if facts.mailing.why is Why.UPDATE else ""
        return f"Nothing. No limit was changed{since}."
    if any(c.mode != ENFORCED for c in facts.changes):
        return "What is marked “only” was not applied: the controller says what it would do."
    return "A limit expires by itself and then rises in steps; it never snaps back."


def standing_keys(facts: Facts, shown: tuple[Deed, ...]) -> tuple[str, ...]:
    """Keys of leases that still hold and whose undo command the mail does not show already."""
    undone = {deed.key for deed in shown if deed.undo}
    return tuple(
        printable(c.lease_key, 200)
        for c in _latest(facts.changes)
        if c.after is not None and c.mode == ENFORCED and printable(c.lease_key, 200) not in undone
    )


def resolution(facts: Facts, zone: ZoneInfo) -> Resolution:
    """What the incident came to."""
    members = [m.incident for m in facts.mailing.members]
    opened = min(i.opened_at for i in members)
    ended = max(i.resolved_at or facts.now for i in members)
    steps = [step for c in _latest(_message_rates(facts)) for step in _ramp(c, facts)]
    ramps = tuple((wording.moment(at, zone), rate) for at, rate in sorted(steps))
    return Resolution(
        duration=wording.span(ended - opened),
        cost=_cost(facts),
        ramps=ramps,
        ramp_note="The earliest it can go; every step needs "
        f"{format_duration(facts.ramp.step)} without new trouble, and mail that proves it."
        if ramps
        else "No limit of ours stands, so nothing has to rise.",
    )


def _ramp(change: LeaseChange, facts: Facts) -> list[tuple[datetime, str]]:
    if change.after is None or change.mode != ENFORCED:
        return []
    where = wording.provider(change.scope.provider)
    goal = _origin(facts, change.scope)
    if goal.is_unlimited:
        every = f"times {facts.ramp.factor:g} every {format_duration(facts.ramp.step)}"
        return [(facts.now, f"{where}: {change.after}, {every} until it is not needed")]
    threshold = facts.thresholds.get(change.scope)
    relapses = int(facts.relapses.get(change.scope, 0))
    steps = timetable(change.after, goal, facts.now, facts.ramp, threshold, relapses)
    return [(step.at, f"{where}: {step.rate}") for step in steps]


def _cost(facts: Facts) -> tuple[str, ...]:
    lines = []
    cut = [c for c in _message_rates(facts) if c.after is not None and c.mode == ENFORCED]
    if cut:
        lowest = min(cut, key=lambda c: c.after.per_hour if c.after else 0)
        lines.append(f"Lowest limit: {lowest.after} to {wording.provider(lowest.scope.provider)}.")
    cost = facts.cost
    if cost.attempted:
        asked = wording.count(cost.attempted, "recipient")
        lines.append(
            f"{asked} attempted meanwhile; providers put off {cost.deferred:,} and refused {cost.blocked:,} "
            "because of the IP's reputation."
        )
    return tuple(lines) or ("No limit was set, and no mail is known to have been put off.",)


def _latest(changes: Iterable[LeaseChange]) -> list[LeaseChange]:
    newest = {c.lease_key: c for c in changes}
    return list(newest.values())


def _message_rates(facts: Facts) -> list[LeaseChange]:
    """The changes that bound mail itself; those of connections only go along with them."""
    return [c for c in facts.changes if c.directive is Directive.SOURCE_IP_MAX_MSG_RATE]


def _origin(facts: Facts, scope: Scope) -> Rate:
    """What flowed on the scope before the first change."""
    if scope in facts.bases:
        return facts.bases[scope]
    first = next((c for c in _message_rates(facts) if c.scope == scope), None)
    return first.before or UNLIMITED if first else UNLIMITED


def _deed(change: LeaseChange, zone: ZoneInfo) -> Deed:
    return Deed(
        at=wording.moment(change.at, zone),
        scope=f"{change.scope.source_ip} to {wording.provider(change.scope.provider)}",
        directive=str(change.directive),
        before="no limit of ours" if change.before is None else str(change.before),
        after="lifted" if change.after is None else str(change.after),
        rule=printable(change.rule, 80),
        reason=printable(change.reason, 300),
        actor=printable(change.actor, 60) + ("" if change.mode == ENFORCED else f" ({change.mode} only)"),
        undo=printable(change.undo, 200),
        key=printable(change.lease_key, 200),
        until=f"until {wording.moment(change.expires_at, zone)} unless renewed" if change.expires_at else "",
    )
