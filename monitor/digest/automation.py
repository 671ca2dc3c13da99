"""What the automation, and people beside it, did to limits in a week. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from core.lease import Directive, Scope
from core.text import printable
from monitor.digest.facts import Facts
from monitor.digest.views import ScopeLine
from monitor.notifications import wording
from storage.leases import LeaseChange

_ENFORCED = "enforce"


def summary(facts: Facts) -> str:
    """One sentence: how often, by whom, for how long."""
    if not facts.changes:
        return "The automation changed nothing."
    done = [c for c in facts.changes if c.mode == _ENFORCED]
    cuts, lifted = sum(_is_cut(c) for c in done), sum(c.after is None for c in done)
    parts = [f"{wording.count(cuts, 'cut')}, {len(done) - cuts - lifted} raised, {lifted} lifted"]
    stood = sum((_in_force(facts, scope) for scope in _by_scope(facts.changes)), timedelta(0))
    if stood:
        parts.append(f"limits stood for {wording.span(stood)} in all")
    hands = list(dict.fromkeys(printable(c.actor, 60) for c in done if not _is_automatic(c)))
    if hands:
        count = sum(not _is_automatic(c) for c in done)
        parts.append(f"{wording.count(count, 'change')} by hand ({', '.join(hands[:5])})")
    if len(done) < len(facts.changes):
        parts.append(f"{wording.count(len(facts.changes) - len(done), 'change')} advised and not applied")
    return "; ".join(parts) + "."


def scope_lines(facts: Facts) -> list[ScopeLine]:
    """One line for each scope that was touched, the one with most changes first."""
    lines = [_line(facts, scope, changes) for scope, changes in _by_scope(facts.changes).items()]
    return sorted(lines, key=lambda line: (-line.changes, line.scope))


def expiring(facts: Facts, until: datetime) -> list[tuple[datetime, str]]:
    """Limits in force that end before a moment unless they are renewed, and when."""
    newest = {c.lease_key: c for c in (*facts.earlier, *facts.changes) if c.mode == _ENFORCED}
    return [
        (c.expires_at, f"the limit {c.after} of {_named(c.scope)} ends unless renewed")
        for c in newest.values()
        if c.after is not None and c.expires_at is not None and facts.now <= c.expires_at < until
    ]


def _line(facts: Facts, scope: Scope, changes: list[LeaseChange]) -> ScopeLine:
    done = [c for c in changes if c.mode == _ENFORCED]
    rates = [c.after for c in done if c.after is not None]
    now = done[-1].after if done else None
    return ScopeLine(
        ip=str(scope.source_ip),
        scope=_named(scope),
        changes=len(changes),
        lowest=str(min(rates, key=lambda rate: rate.per_hour)) if rates else "none",
        now=("lifted" if now is None else str(now)) if done else "not applied",
        stood=wording.span(_in_force(facts, scope)) if done else "never",
        by=", ".join(dict.fromkeys(printable(c.actor, 60) for c in changes)),
    )


def _in_force(facts: Facts, scope: Scope) -> timedelta:
    """How long a limit of ours stood on a scope within the week."""
    mine = [
        c
        for c in (*facts.earlier, *facts.changes)
        if c.scope == scope and c.mode == _ENFORCED and c.directive is Directive.SOURCE_IP_MAX_MSG_RATE
    ]
    end = min(facts.now, facts.week.end)
    ends = [*(c.at for c in mine[1:]), end]
    spans = (
        min(until, end) - max(c.at, facts.week.start)
        for c, until in zip(mine, ends, strict=True)
        if c.after is not None and until > facts.week.start
    )
    return sum(spans, timedelta(0))


def _by_scope(changes: Iterable[LeaseChange]) -> dict[Scope, list[LeaseChange]]:
    groups: dict[Scope, list[LeaseChange]] = {}
    for change in changes:
        groups.setdefault(change.scope, []).append(change)
    return groups


def _named(scope: Scope) -> str:
    return f"{scope.source_ip} to {wording.provider(scope.provider)}"


def _is_automatic(change: LeaseChange) -> bool:
    return change.actor.startswith("controller")


def _is_cut(change: LeaseChange) -> bool:
    if change.after is None:
        return False
    return change.before is None or change.after.per_hour < change.before.per_hour
