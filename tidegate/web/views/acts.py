"""What may be done by hand: each act's form, what it says it does, and who may do it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from controller.settings import Mode
from core.text import printable
from tidegate.acts.deeds import SIGNALS
from tidegate.acts.plan import Line, Plan
from tidegate.web.settings import WebScope
from tidegate.web.views.parts import provider


class ActKind(StrEnum):
    """The acts, as addresses name them."""

    HOLD = "hold"
    RELEASE = "release"
    EXTEND = "extend"
    PIN = "pin"
    OVERRIDE = "override"
    WITHDRAW = "withdraw"
    APPROVE = "approve"
    DENY = "deny"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    BACKOFF = "backoff"
    NORMAL = "normal"
    FREEZE = "freeze"
    THAW = "thaw"
    STOP = "stop"
    START = "start"
    MODE = "mode"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. `fixed` ones came with the link and are shown, not asked for."""

    name: str
    label: str
    hint: str = ""
    value: str = ""
    options: tuple[str, ...] = ()
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """One act: what it does in a sentence, what must be known, who may do it."""

    title: str
    does: str
    button: str
    fields: tuple[Field, ...]
    scope: WebScope = WebScope.OPERATE


@dataclass(frozen=True, slots=True)
class ActForm:
    """A form as it is shown; `problem` is what was wrong with the last try."""

    kind: str
    title: str
    does: str
    button: str
    fields: tuple[Field, ...]
    back: str
    problem: str = ""
    about: str = ""
    plan: Plan | None = None


_IP = Field("ip", "IP")
_PROVIDER = Field("provider", "provider", "* is every provider", "*")
_KEY = Field("key", "lease")
_ORDER = Field("order", "order")
_QUEUE = Field("queue", "queue")
_REASON = Field("reason", "reason", "required; kept in the audit and shown wherever the limit is")


def _lasts(value: str) -> Field:
    return Field("for", "for how long", "like 90m, 2h or 1d12h", value)


def _of_queue(title: str, does: str, button: str) -> Act:
    return Act(title, does, button, (_QUEUE, _REASON))


ACTS: Final[dict[ActKind, Act]] = {
    ActKind.HOLD: Act(
        "Hold",
        "The controller changes nothing on this scope for a while: its limits stay as they are.",
        "Hold",
        (_IP, _PROVIDER, _lasts("2h"), _REASON),
    ),
    ActKind.RELEASE: Act(
        "Release",
        "Lifts this limit at once. The controller leaves the scope alone for a while.",
        "Release",
        (_KEY, _lasts("24h"), _REASON),
    ),
    ActKind.EXTEND: Act(
        "Extend",
        "Keeps this limit at its present rate, by hand, for so long from now on.",
        "Extend",
        (_KEY, _lasts("6h"), _REASON),
    ),
    ActKind.PIN: Act(
        "Set a rate",
        "Sets the rate of an IP by hand, for a while. The configured limit still holds above it.",
        "Set the rate",
        (_IP, _PROVIDER, Field("rate", "rate", "like 500/h or 10/m"), _lasts("2h"), _REASON),
    ),
    ActKind.OVERRIDE: Act(
        "Ignore a signal",
        "The controller ignores one signal about this scope for a while; everything else still counts.",
        "Ignore it",
        (
            _IP,
            _PROVIDER,
            Field("signal", "signal", "a rule, dnsbl:ZONE or INC-12", options=tuple(SIGNALS)),
            _lasts("24h"),
            _REASON,
        ),
    ),
    ActKind.WITHDRAW: Act("Take back", "Takes this order back.", "Take it back", (_ORDER, _REASON)),
    ActKind.APPROVE: Act(
        "Believe",
        "Believes the source that the guard holds back, although it names so much of the fleet.",
        "Believe it",
        (_ORDER, _lasts("6h"), _REASON),
    ),
    ActKind.DENY: Act(
        "Ignore a source",
        "Ignores the source that the guard holds back, for every IP.",
        "Ignore it",
        (_ORDER, _lasts("24h"), _REASON),
    ),
    ActKind.PAUSE: _of_queue("Pause", "Nothing leaves this queue until it is resumed.", "Pause"),
    ActKind.RESUME: _of_queue("Resume", "The queue sends again.", "Resume"),
    ActKind.RETRY: _of_queue("Retry now", "Whatever waits in this queue is tried at once.", "Retry"),
    ActKind.BACKOFF: _of_queue(
        "Put into backoff", "The queue goes slower until it is set to normal.", "Slow down"
    ),
    ActKind.NORMAL: _of_queue("Set to normal", "The queue leaves backoff at once.", "Set to normal"),
    ActKind.FREEZE: Act(
        "Freeze the fleet",
        "Every IP stays where it is: no cut, no step up. What is held stays held, and is renewed.",
        "Freeze",
        (_lasts("2h"), _REASON),
        WebScope.ADMIN,
    ),
    ActKind.THAW: Act(
        "Thaw the fleet", "Ends every freeze of the whole fleet.", "Thaw", (_REASON,), WebScope.ADMIN
    ),
    ActKind.STOP: Act(
        "Switch the controller off",
        "Nothing is decided, sent or renewed any more: its limits run out by themselves, in steps.",
        "Switch off",
        (_REASON,),
        WebScope.ADMIN,
    ),
    ActKind.START: Act(
        "Switch the controller on", "The controller works again.", "Switch on", (_REASON,), WebScope.ADMIN
    ),
    ActKind.MODE: Act(
        "Set the mode",
        "The controller goes further, or less far, on the whole fleet than it is configured to.",
        "Set the mode",
        (Field("mode", "mode", options=tuple(map(str, Mode))), _lasts("24h"), _REASON),
        WebScope.ADMIN,
    ),
}


def form(
    kind: ActKind,
    given: Mapping[str, str],
    back: str,
    problem: str = "",
    about: str = "",
    plan: Plan | None = None,
) -> ActForm:
    """The form of an act, filled with what the link or the last try gave; `about` says what holds now."""
    act = ACTS[kind]
    came_with_link = {"ip", "key", "order", "queue"}
    fields = tuple(
        replace(
            field,
            value=printable(given.get(field.name, field.value), 500),
            fixed=field.name in came_with_link and bool(given.get(field.name)) and not problem,
        )
        for field in act.fields
    )
    return ActForm(
        str(kind), act.title, act.does, act.button, fields, back, problem, about, plan and _shown(plan)
    )


def _shown(plan: Plan) -> Plan:
    """A plan names what strangers wrote: reasons of leases and orders."""
    lines = tuple(Line(one.label, printable(one.value, 2_000), one.exact) for one in plan.lines)
    text = "\n".join(printable(line, 500) for line in plan.text.splitlines())
    return replace(plan, text=text, lines=lines)


def about(lease: Mapping[str, Any]) -> str:
    """What a lease holds now, before something is done about it."""
    scope, base = lease["scope"], lease.get("base")
    before = f" of {base}" if base else ""
    place = f"{scope['source_ip']} × {provider(scope['provider'])}"
    said = f"{place} is held at {lease['value']}{before} by {lease.get('set_by')}: {lease.get('reason')}"
    return printable(said, 500)
