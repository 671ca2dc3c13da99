"""The work behind `silence` and `ack`: orders to whoever tells people, not to the controller."""

import re
from dataclasses import dataclass
from typing import Any

from core.duration import format_duration
from core.incident import Rule
from core.provider import EVERY
from monitor.incidents import operators
from monitor.incidents.operators import Word
from storage import incidents
from storage.orders import OrderKind
from tidegate.acts import records
from tidegate.cli import known, orders
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.hand import duration, report, said_why
from tidegate.cli.helm import Terms
from tidegate.cli.invocation import Invocation
from tidegate.config.problems import did_you_mean

__all__ = ["Target", "Terms", "acknowledge", "silence"]

EVERYTHING = "all"
_LABEL = re.compile(r"(?:INC-)?(\d{1,15})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """What to be silent about, as typed: an incident's problem, an IP, or `all`."""

    name: str
    provider: str | None = None
    rule: str | None = None


def silence(asked: Invocation, target: Target, terms: Terms) -> None:
    """Write a silence down; the monitor obeys from its next look on. It always ends."""
    time, why = duration(terms.lasts), said_why(terms.reason)
    _check(target)
    kept = orders.records(asked)
    wish = records.Wish(OrderKind.SILENCE, why, time, **_about(asked, kept, target))
    what = f"no mail about {_named(wish)} for {format_duration(time)}. Limits are set all the same."
    if terms.dry_run:
        would = wish.order(kept.now, kept.author).model_dump(mode="json")
        report(asked, f"Would order: {what}", "", {"would": would})
        return
    order = records.write_down(kept, wish)
    report(asked, f"Order {order.id}: {what}", _undo(order.id), {"order": order.model_dump(mode="json")})


def acknowledge(asked: Invocation, label: str, reason: str, lasts: str) -> None:
    """Say who looks after an incident."""
    number, time = _number(label), duration(lasts)
    if number is None:
        raise UsageError(f"{label!r} is no incident; write it like INC-4")
    kept = orders.records(asked)
    with kept.open() as session:
        word = Word(orders.author(), reason.strip(), kept.now, time)
        incident, order = operators.acknowledge(session, number, word)
    report(
        asked,
        f"{incident.label} {incident.title}: {order.author} looks after it. No reminders for "
        f"{format_duration(time)}; what is new is told.",
        _undo(order.id),
        {"order": order.model_dump(mode="json"), "incident": incident.model_dump(mode="json")},
    )


def _about(asked: Invocation, kept: records.Records, target: Target) -> dict[str, Any]:
    """What the target names. A problem stays silenced when it comes back as another incident."""
    number = _number(target.name)
    if number is not None:
        with kept.look() as session:
            incident = incidents.find(session, number)
        return {"source_ip": incident.ip, "subject": incident.fingerprint}
    everywhere = target.name == EVERYTHING
    ip = None if everywhere else known.scope_of(target.name, None).source_ip
    provider = target.provider or EVERY
    orders.refuse_strangers(asked, ip, provider)
    return {"source_ip": ip, "provider": provider, "subject": target.rule or "*"}


def _check(target: Target) -> None:
    rules = [str(rule) for rule in Rule]
    if target.rule is not None and target.rule not in rules:
        meant = did_you_mean(target.rule, rules) or f"write one of {', '.join(rules)}"
        raise UsageError(f"--rule {target.rule!r} is not known; {meant}")
    if _number(target.name) is not None and (target.rule or target.provider):
        raise UsageError("an incident has its rule and its provider already: leave them out")


def _named(wish: records.Wish) -> str:
    if wish.subject.startswith(("ip:", "source:")):
        return wish.subject
    return f"{'everything' if wish.subject == '*' else wish.subject} on {wish.where}"


def _number(text: str) -> int | None:
    found = _LABEL.fullmatch(text.strip())
    return int(found[1]) if found else None


def _undo(number: int) -> str:
    return f'tidegate withdraw {number} --reason "…"'
