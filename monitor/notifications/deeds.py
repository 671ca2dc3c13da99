"""What the automation did about an incident, what that means, and how the rate rises again. Pure."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from core.lease import Scope
from core.rate import UNLIMITED, Rate
from core.text import printable
from monitor.notifications import wording
from monitor.notifications.facts import Facts, is_about_ips
from monitor.notifications.views import Deed, Resolution
from storage.leases import LeaseChange

ENFORCED: Final = "enforce"
RAMP_FACTOR: Final = 1.5
RAMP_STEP: Final = timedelta(hours=2)
"""Control.md 2.2: times 1.5 every two hours; the controller may go slower, never faster."""
SHOWN: Final = 12


def of(facts: Facts, zone: ZoneInfo) -> tuple[Deed, ...]:
    """The changes, oldest first; the newest ones where there are many."""
    return tuple(_deed(change, zone) for change in facts.changes[-SHOWN:])


def consequence(facts: Facts) -> str:
    """One sentence beside the verdict: what it means for the mail."""
    if not is_about_ips(facts):
        return "No limit changes because of this."
    standing = [c for c in _latest(facts.changes) if c.after is not None]
    done = [c for c in standing if c.mode == ENFORCED]
    if not done:
        return "The controller would limit it, but it does not act in this mode." if standing else ""
    lowest = min(done, key=lambda c: c.after.per_hour if c.after else 0)
    where = ", ".join(dict.fromkeys(wording.provider(c.scope.provider) for c in done))
    verb = "lowered" if _is_cut(facts, lowest.scope) else "set"
    return f"Sending to {where} was {verb} to {lowest.after} automatically."


def note(facts: Facts) -> str:
    """What stands in place of the list when there is nothing in it, or what to know about it."""
    if not facts.changes:
        return (
            "Nothing. No limit was changed." if is_about_ips(facts) else "Nothing: silence changes no limit."
        )
    if any(c.mode != ENFORCED for c in facts.changes):
        return "Changes not marked “enforce” were not applied: the controller only says what it would do."
    return "A limit expires by itself and then rises in steps; it never snaps back."


def standing_keys(facts: Facts) -> tuple[str, ...]:
    """Keys of leases that still hold."""
    return tuple(
        printable(c.lease_key, 200)
        for c in _latest(facts.changes)
        if c.after is not None and c.mode == ENFORCED
    )


def resolution(facts: Facts, zone: ZoneInfo) -> Resolution:
    """What the incident came to."""
    members = [m.incident for m in facts.mailing.members]
    opened = min(i.opened_at for i in members)
    ended = max(i.resolved_at or facts.now for i in members)
    ramps = tuple(ramp for c in _latest(facts.changes) for ramp in _ramp(c, facts, zone))
    return Resolution(
        duration=wording.span(ended - opened),
        cost=_cost(facts),
        ramps=ramps,
        ramp_note="The earliest it can go; every step needs two hours without new trouble."
        if ramps
        else "No limit of ours stands, so nothing has to rise.",
    )


def rates_up(start: Rate, goal: Rate) -> list[Rate]:
    """The steps from a limit to the one that held before: times 1.5 each. Empty without a goal."""
    steps: list[Rate] = []
    level = start.per_hour
    while not goal.is_unlimited and level < goal.per_hour and len(steps) < 20:
        level = min(level * RAMP_FACTOR, goal.per_hour)
        steps.append(goal if level >= goal.per_hour else Rate.from_per_hour(level))
    return steps


def _ramp(change: LeaseChange, facts: Facts, zone: ZoneInfo) -> list[tuple[str, str]]:
    if change.after is None or change.mode != ENFORCED:
        return []
    where = wording.provider(change.scope.provider)
    goal = _origin(facts.changes, change.scope)
    if goal.is_unlimited:
        return [
            (where, f"{change.after} now; times {RAMP_FACTOR:g} every 2 h until no limit of ours is left")
        ]
    steps = rates_up(change.after, goal)
    return [(_at(facts, n, zone), f"{where}: {rate}") for n, rate in enumerate(steps)]


def _at(facts: Facts, step: int, zone: ZoneInfo) -> str:
    return wording.moment(facts.now + RAMP_STEP * (step + 1), zone)


def _cost(facts: Facts) -> tuple[str, ...]:
    lines = []
    cut = [c for c in facts.changes if c.after is not None and c.mode == ENFORCED]
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


def _origin(changes: Iterable[LeaseChange], scope: Scope) -> Rate:
    """What held on the scope before the first change."""
    first = next((c for c in changes if c.scope == scope), None)
    return first.before or UNLIMITED if first else UNLIMITED


def _is_cut(facts: Facts, scope: Scope) -> bool:
    mine = [c for c in facts.changes if c.scope == scope and c.after is not None]
    last = mine[-1]
    return last.before is None or (last.after is not None and last.after.per_hour < last.before.per_hour)


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
    )
