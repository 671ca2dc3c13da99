"""Writes down what was decided: states, lease changes, audit, timelines; in the caller's transaction."""

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from re import compile as regex

from sqlmodel import Session

from controller import reconcile
from controller.fleet import Verdict
from controller.policy import Decision, Move
from controller.settings import ControllerSettings, LeaseSettings, Mode
from controller.state import REST, ScopeState
from core.address import IpAddress
from core.errors import NotFoundError
from core.lease import Directive, Scope, automatic_key
from core.rate import Rate
from storage import audit, incidents, leases, orders, scopes
from storage.audit import AuditEntry
from storage.incidents import EventKind, IncidentEvent
from storage.leases import LeaseChange
from storage.orders import NewOrder, Order, OrderKind

log = logging.getLogger(__name__)

_INCIDENT = regex(r"INC-(\d+)\Z")


def write(
    session: Session,
    verdict: Verdict,
    before: Mapping[Scope, ScopeState],
    now: datetime,
    settings: ControllerSettings,
) -> list[LeaseChange]:
    """Keep the states that changed, and record each change worth a line. Returns those changes."""
    found = []
    states: dict[Scope, ScopeState] = {}
    for scope, decision in verdict.loud():
        mode = verdict.hands[scope].mode or settings.mode
        changes, state = _changes(scope, decision, verdict, mode, now, settings)
        for change in changes:
            _record(session, change, decision)
        advice, state = _advised(scope, state, verdict, now, settings)
        for change in advice:
            _record(session, change, verdict.advice[scope])
        found += [*changes, *advice]
        states[scope] = state
    _keep(session, states, before, now)
    return found


def _advised(
    scope: Scope, state: ScopeState, verdict: Verdict, now: datetime, settings: ControllerSettings
) -> tuple[list[LeaseChange], ScopeState]:
    """What slow signals would do to a protected scope, where that differs from what was advised last."""
    advice = verdict.advice.get(scope)
    lower = advice is not None and advice.state.level < verdict.decisions[scope].state.level
    new = advice.want if advice and lower else None
    if advice is None or not reconcile.differs(state.advised, new, settings.leases.hysteresis):
        return [], state
    directive = Directive.SOURCE_IP_MAX_MSG_RATE
    change = _change(scope, directive, (state.advised, new), advice, Mode.ADVISE, now, settings.leases)
    reason = f"protected, so this is advice alone: {change.reason}" if new else "no longer advised"
    told = change.model_copy(update={"reason": reason, "undo": "", "expires_at": None})
    return [told], state.model_copy(update={"advised": new})


def _changes(
    scope: Scope,
    decision: Decision,
    verdict: Verdict,
    mode: Mode,
    now: datetime,
    settings: ControllerSettings,
) -> tuple[list[LeaseChange], ScopeState]:
    """What differs from what was announced last, and the state that remembers the new announcement."""
    terms = reconcile.terms(decision, verdict.reports[scope], verdict.bases[scope])
    wanted = {term.directive: term.value for term in terms}
    announced = {
        Directive.SOURCE_IP_MAX_MSG_RATE: decision.state.announced,
        Directive.SOURCE_IP_MAX_CONNECT_RATE: decision.state.announced_connect,
    }
    changes = []
    for directive, old in announced.items():
        new = wanted.get(directive)
        if not reconcile.differs(old, new, settings.leases.hysteresis):
            continue
        changes.append(_change(scope, directive, (old, new), decision, mode, now, settings.leases))
        announced[directive] = new
    state = decision.state.model_copy(
        update={
            "announced": announced[Directive.SOURCE_IP_MAX_MSG_RATE],
            "announced_connect": announced[Directive.SOURCE_IP_MAX_CONNECT_RATE],
        }
    )
    return changes, state


def _change(
    scope: Scope,
    directive: Directive,
    rates: tuple[Rate | None, Rate | None],
    decision: Decision,
    mode: Mode,
    now: datetime,
    life: LeaseSettings,
) -> LeaseChange:
    key = automatic_key(scope, directive)
    expires_at = now + reconcile.time_to_live(decision.state.sources, life)
    return LeaseChange(
        lease_key=key,
        scope=scope,
        directive=directive,
        before=rates[0],
        after=rates[1],
        rule=decision.rule,
        reason=decision.reason or str(decision.move),
        evidence=decision.evidence,
        actor=reconcile.ACTOR,
        at=now,
        mode=str(mode),
        undo=f"tidegate release {key} --reason TEXT" if rates[1] is not None else "",
        expires_at=expires_at if rates[1] is not None else None,
    )


def _record(session: Session, change: LeaseChange, decision: Decision) -> None:
    leases.record_change(session, change)
    verb = {Mode.OBSERVE: "would change", Mode.ADVISE: "advises", Mode.ENFORCE: "changes"}[Mode(change.mode)]
    audit.append(
        session,
        AuditEntry(
            at=change.at,
            actor=change.actor,
            action=f"{change.mode} {change.directive}",
            subject=str(change.scope),
            before=None if change.before is None else str(change.before),
            after=None if change.after is None else str(change.after),
            reason=change.reason,
        ),
    )
    if change.directive is Directive.SOURCE_IP_MAX_MSG_RATE:
        _tell(session, change, f"{reconcile.ACTOR} {verb}: {line(change, decision)}")


def ask(session: Session, verdict: Verdict, standing: Iterable[Order], now: datetime) -> list[Order]:
    """Put before a person, once, what the guards hold back; take back what nothing waits for any more.

    An order that stands is what holds a suspect's word back until somebody approves or denies it.
    """
    known = {order.subject: order for order in standing if order.kind is OrderKind.GUARD}
    asked = []
    for subject, ips in sorted(verdict.held_back.items()):
        if subject in known:
            continue
        order = orders.give(session, _question(subject, ips, verdict, now))
        log.warning(
            "The guard holds back caps: %s %s", subject, order.reason, extra={"event": "controller.withheld"}
        )
        _note_order(session, order, "guard.asks", now)
        asked.append(order)
    for subject, order in known.items():
        if subject not in verdict.held_back:
            orders.withdraw(session, order.id, now)
            _note_order(session, order, "guard.over", now)
    return asked


def _question(subject: str, ips: Collection[IpAddress], verdict: Verdict, now: datetime) -> NewOrder:
    why = verdict.why.get(subject, "would take away more of the fleet than the bounds allow")
    few = ", ".join(sorted(map(str, ips))[:3])
    more = f" and {len(ips) - 3} more" if len(ips) > 3 else ""
    reason = f"{why}; waiting: {few}{more}"
    return NewOrder(
        kind=OrderKind.GUARD, subject=subject, author=reconcile.ACTOR, reason=reason, created_at=now
    )


def _note_order(session: Session, order: Order, action: str, now: datetime) -> None:
    entry = AuditEntry(
        at=now, actor=reconcile.ACTOR, action=action, subject=f"order {order.id}: {order.subject}",
        reason=order.reason,
    )  # fmt: skip
    audit.append(session, entry)


def line(change: LeaseChange, decision: Decision) -> str:
    """One change in a line: `203.0.113.7 × microsoft unlimited → 240/h (cut), next step 24 Nov 10:00 UTC`."""
    old, new = change.before or "no limit", change.after or "no limit"
    step = decision.next_step_at
    until = f", next step {step:%d %b %H:%M} UTC" if step else ""
    if not until and change.after is not None and decision.move is not Move.PINNED:
        until = ", until the cause ends"
    return f"{change.scope} {old} → {new} ({decision.move}{until})"


def _tell(session: Session, change: LeaseChange, text: str) -> None:
    for number in _numbers(change.evidence):
        try:
            incidents.append_event(
                session, IncidentEvent(number=number, at=change.at, kind=EventKind.ACTION, text=text)
            )
        except NotFoundError:
            continue  # somebody emptied the incidents under us; the audit has it all


def _numbers(evidence: Iterable[str]) -> list[int]:
    return [int(match[1]) for match in map(_INCIDENT.match, evidence) if match]


def _keep(
    session: Session, after: Mapping[Scope, ScopeState], before: Mapping[Scope, ScopeState], now: datetime
) -> None:
    """Write down the states that changed, and forget those that are at rest."""
    changed = {scope: state for scope, state in after.items() if state != before.get(scope, REST)}
    for scope in [scope for scope, state in changed.items() if state == REST]:
        scopes.delete_state(session, scope)
        del changed[scope]
    scopes.save_states(session, {scope: state.document() for scope, state in changed.items()}, now)
