"""The work behind `silence`, `unsilence`, `ack` and `show silences`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from core.duration import format_duration, parse_duration
from core.incident import Rule
from core.provider import EVERY
from monitor.incidents import operators
from monitor.incidents.operators import Word
from storage import incidents
from storage import orders as stored_orders
from storage.orders import NewOrder, OrderKind
from tidegate.cli import known, orders
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.hand import duration, report, said_why
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import ago, read_time, table
from tidegate.config.problems import did_you_mean

EVERYTHING = "all"
_LABEL = re.compile(r"(?:INC-)?(\d{1,15})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wish:
    """A silence, as typed."""

    target: str
    provider: str | None
    rule: str | None
    reason: str
    lasts: str


def silence(asked: Invocation, wish: Wish) -> None:
    """Write a silence down; the monitor obeys from its next look on."""
    time, why = duration(wish.lasts), said_why(wish.reason)
    _check_rule(wish)
    kept = orders.records(asked)
    with kept.open() as session:
        order = operators.silence(
            session,
            NewOrder(
                kind=OrderKind.SILENCE,
                author=orders.author(),
                reason=why,
                created_at=kept.now,
                expires_at=kept.now + time,
                **_about(asked, session, wish),
            ),
        )
    report(
        asked,
        f"Order {order.id}: no mail about {_named(order)} for {format_duration(time)}. "
        "Limits are set all the same.",
        f'tidegate unsilence {order.id} --reason "…"',
        {"order": order.model_dump(mode="json")},
    )


def take_back(asked: Invocation, number: int, reason: str) -> None:
    """End a silence or an acknowledgement."""
    kept, why = orders.records(asked), said_why(reason)
    with kept.open() as session:
        order = operators.take_back(session, number, _word(kept, why, "0s"))
    report(asked, f"Order {number} is withdrawn: {order.kind}.", "", {"order": order.model_dump(mode="json")})


def acknowledge(asked: Invocation, label: str, reason: str, lasts: str) -> None:
    """Say who looks after an incident."""
    number, time = _number(label), duration(lasts)
    if number is None:
        raise UsageError(f"{label!r} is no incident; write it like INC-4")
    kept = orders.records(asked)
    with kept.open() as session:
        incident, order = operators.acknowledge(session, number, _word(kept, reason.strip(), lasts))
    report(
        asked,
        f"{incident.label} {incident.title}: {order.author} looks after it. No reminders for "
        f"{format_duration(time)}; what is new is told.",
        f'tidegate unsilence {order.id} --reason "…"',
        {"order": order.model_dump(mode="json"), "incident": incident.model_dump(mode="json")},
    )


def hushes(asked: Invocation) -> dict[str, Any]:
    """The silences and acknowledgements in force."""
    kept = orders.records(asked)
    with kept.look() as session:
        standing = stored_orders.standing(session, kept.now)
    mine = [
        {**order.model_dump(mode="json"), "about": _named(order)}
        for order in standing
        if order.kind in operators.HUSHES
    ]
    return {"schema": "silences/v1", "now": kept.now.isoformat(), "silences": mine}


def hushes_text(document: Mapping[str, Any]) -> str:
    """One line each."""
    now = read_time(document["now"])
    if not document["silences"] or now is None:
        return "No silences, and nothing is acknowledged."
    kinds = {str(OrderKind.SILENCE): "silence", str(OrderKind.ACKNOWLEDGE): "acknowledged"}
    rows = [
        (
            o["id"],
            kinds[o["kind"]],
            o["about"],
            o["author"],
            ago(read_time(o["expires_at"]), now),
            o["reason"],
        )
        for o in document["silences"]
    ]
    return table(("order", "kind", "about", "by", "ends", "reason"), rows, right=(0,))


def _about(asked: Invocation, session: Session, wish: Wish) -> dict[str, Any]:
    """What the target names. A problem stays silenced when it comes back as another incident."""
    number = _number(wish.target)
    if number is not None:
        incident = incidents.find(session, number)
        return {"source_ip": incident.ip, "subject": incident.fingerprint}
    provider, subject = wish.provider or EVERY, wish.rule or "*"
    if wish.target == EVERYTHING:
        return {"provider": provider, "subject": subject}
    scope = known.scope_of(wish.target, wish.provider)
    orders.refuse_strangers(asked, scope)
    return {"source_ip": scope.source_ip, "provider": provider, "subject": subject}


def _check_rule(wish: Wish) -> None:
    rules = [str(rule) for rule in Rule]
    if wish.rule is not None and wish.rule not in rules:
        meant = did_you_mean(wish.rule, rules) or f"write one of {', '.join(rules)}"
        raise UsageError(f"--rule {wish.rule!r} is not known; {meant}")
    if _number(wish.target) is not None and (wish.rule or wish.provider):
        raise UsageError("an incident has its rule and its provider already: leave them out")


def _named(order: stored_orders.Order) -> str:
    if order.subject.startswith(("ip:", "source:", "INC-")):
        return order.subject
    what = "everything" if order.subject == "*" else order.subject
    where = "every IP" if order.source_ip is None else str(order.source_ip)
    return f"{what} on {where}{'' if order.provider == EVERY else f' at {order.provider}'}"


def _number(text: str) -> int | None:
    found = _LABEL.fullmatch(text.strip())
    return int(found[1]) if found else None


def _word(kept: orders.Records, reason: str, lasts: str) -> Word:
    return Word(orders.author(), reason, kept.now, parse_duration(lasts))
