"""The work behind `pin` and `release`: words to values, and what is printed."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.duration import parse_duration
from core.errors import ConfigError, OperatorError
from core.rate import Rate
from tidegate.acts import limit_plans, limits
from tidegate.acts.deeds import Terms
from tidegate.acts.plan import Plan
from tidegate.acts.records import Records
from tidegate.cli import known, orders
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import block, emit, emit_json, note


@dataclass(frozen=True, slots=True)
class Pin:
    """A rate that an operator wants, as typed."""

    ip: str
    provider: str | None
    rate: str
    reason: str
    lasts: str


def pin(asked: Invocation, wish: Pin, *, dry_run: bool) -> None:
    """Put an operator's lease on the engine, and tell the controller to keep to the rate."""
    scope, time = known.scope_of(wish.ip, wish.provider), duration(wish.lasts)
    value, terms = Rate.parse(wish.rate), Terms(said_why(wish.reason), time)
    with asked.client() as client:
        known.refuse_strangers(client, scope)
        lease = limits.lease_for(scope, value, terms, orders.author(), limits.engine_time(client))
        if dry_run:
            show_plan(asked, limit_plans.pin(client, _records(asked), lease, terms))
            return
        done = limits.pin(client, _records(asked), lease, terms)
    report(asked, done.text, done.undo, {"lease": lease.model_dump(mode="json"), "order": done.order})


def release(
    asked: Invocation, target: str, provider: str | None, reason: str, lasts: str, *, dry_run: bool
) -> None:
    """Delete leases, withdraw orders, and keep the controller away for a while."""
    terms = Terms(said_why(reason), duration(lasts))
    with asked.client() as client:
        if dry_run:
            show_plan(asked, limit_plans.release(client, _records(asked), target, provider, terms))
            return
        done = limits.release(client, _records(asked), target, provider, terms)
    report(asked, done.text, done.undo, {"released": list(done.leases), "orders": list(done.orders)})


def _records(asked: Invocation) -> Records | None:
    try:
        return orders.records(asked)
    except (ConfigError, OperatorError) as error:
        note(f"tidegate: the controller was not told, only the engine: {error}")
        return None


def duration(text: str) -> timedelta:
    found = parse_duration(text)
    if not found:
        raise UsageError("--for must be longer than nothing, like 2h")
    return found


def said_why(reason: str) -> str:
    if not reason.strip():
        raise UsageError("--reason must say why")
    return reason.strip()


def show_plan(asked: Invocation, plan: Plan) -> None:
    """What an act would do. Pages show the same lines."""
    if asked.as_json:
        emit_json({"schema": "change/v1", **plan.document, "undo": plan.undo or None})
        return
    emit(plan.text)
    emit(block([(line.label, line.value) for line in plan.lines]))


def report(asked: Invocation, text: str, undo: str, document: dict[str, Any]) -> None:
    if asked.as_json:
        emit_json({"schema": "change/v1", **document, "undo": undo or None})
        return
    emit(text)
    if undo:
        emit(block([("undo", undo)]))
