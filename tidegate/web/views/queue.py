"""One queue in full: Backoff Insight, and every limit on it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.limit import LimitChain
from core.text import printable
from tidegate.web.views.chains import Chain, chains
from tidegate.web.views.parts import Badge, Row, Tone, When, when_told
from tidegate.web.views.queues import states

_CHAINS = TypeAdapter(tuple[LimitChain, ...])
_FEW, _MOSTLY = 10, 0.9
"""PowerMTA's Show button: grey up to ten events, green from 90 % deliveries on, red below."""

_KINDS = {
    "delivered": Tone.OK,
    "deferred": Tone.WARN,
    "bounced": Tone.BAD,
    "complaint": Tone.BAD,
}


@dataclass(frozen=True, slots=True)
class Backoff:
    """Why the queue is in backoff: what matched, and the remote server's own words."""

    since: When | None
    pattern: str
    reply: str
    peer: str
    source_ip: str
    until: When | None


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that happened to the queue: an error, or a change of mode."""

    at: When | None
    text: str
    source_ip: str = ""
    peer: str = ""


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source IP of the queue, and why it rests, if it does."""

    address: str
    connections: str
    state: Badge
    why: str
    until: When | None


@dataclass(frozen=True, slots=True)
class RecipientEvent:
    """One delivery, deferral or bounce."""

    at: When | None
    kind: Badge
    source_ip: str
    recipient: str
    job: str
    peer: str
    reply: str


@dataclass(frozen=True, slots=True)
class QueueView:
    """The page of one queue."""

    name: str
    address: str
    verdict: str
    tone: Tone
    states: tuple[Badge, ...]
    facts: tuple[Row, ...]
    retry: When | None
    backoff: Backoff | None
    chains: tuple[Chain, ...]
    sources: tuple[SourceLine, ...]
    errors: tuple[Remark, ...]
    changes: tuple[Remark, ...]
    events: tuple[RecipientEvent, ...]
    success: Badge
    is_paused: bool
    in_backoff: bool


def queue(found: Mapping[str, Any], now: datetime) -> QueueView:
    """The page from the engine's answer."""
    backoff = _backoff(found.get("backoff"), now)
    limits = chains(_chains(found), now)
    events = tuple(_event(one, now) for one in found.get("recipient_events", ()))
    verdict, tone = _verdict(found, backoff, limits)
    return QueueView(
        name=found["name"],
        address=f"/queues/{found['name']}",
        verdict=verdict,
        tone=tone,
        states=states(found),
        facts=(
            Row("provider", str(found.get("provider") or "other")),
            Row("#rcpt", f"{found['recipients']:,}"),
            Row("kbytes", f"{float(found.get('kbytes') or 0):,.1f}"),
            Row("connections", str(found["connections"])),
        ),
        retry=when_told(found.get("next_retry_at"), now),
        backoff=backoff,
        chains=limits,
        sources=_sources(found, now),
        errors=tuple(_error(one, now) for one in found.get("last_errors", ())),
        changes=tuple(_change(one, now) for one in found.get("mode_changes", ())),
        events=events,
        success=_success(found.get("recipient_events", ())),
        is_paused=bool(found.get("paused")),
        in_backoff=found.get("mode") == "backoff",
    )


def _verdict(found: Mapping[str, Any], backoff: Backoff | None, limits: Sequence[Chain]) -> tuple[str, Tone]:
    """Why it is slow, in one sentence."""
    count = found["recipients"]
    waiting = "1 recipient waits" if count == 1 else f"{count:,} recipients wait"
    if found.get("paused"):
        return f"Paused by hand: nothing leaves until it is resumed. {waiting}.", Tone.INFO
    if backoff:
        where = f" to {backoff.source_ip}" if backoff.source_ip else ""
        told = "an operator set it" if not backoff.peer else f"{backoff.peer} answered{where} as below"
        return f"In backoff, which is slower and not stopped: {told}. {waiting}.", Tone.WARN
    if limits:
        first = min(limits, key=lambda chain: chain.terms[0].origin == "configuration")
        term = first.terms[0]
        return f"Held at {first.effective} by {term.set_by}: {term.reason}. {waiting}.", (
            Tone.OK if term.origin == "configuration" else Tone.WARN
        )
    return f"Nothing holds it. {waiting}.", Tone.OK


def _backoff(told: Mapping[str, Any] | None, now: datetime) -> Backoff | None:
    if not told:
        return None
    return Backoff(
        since=when_told(told.get("since"), now),
        pattern=printable(str(told.get("pattern") or "set by hand")),
        reply=printable(str(told.get("reply") or ""), 2_000),
        peer=printable(str(told.get("peer") or "")),
        source_ip=str(told.get("source_ip") or ""),
        until=when_told(told.get("until"), now),
    )


def _chains(found: Mapping[str, Any]) -> tuple[LimitChain, ...]:
    try:
        return _CHAINS.validate_python(found.get("chains", ()))
    except ValidationError:
        return ()


def _sources(found: Mapping[str, Any], now: datetime) -> tuple[SourceLine, ...]:
    disabled = {one["address"]: one for one in found.get("disabled_sources", ())}
    return tuple(_source(one, disabled.get(one["address"]), now) for one in found.get("sources", ()))


def _source(one: Mapping[str, Any], out: Mapping[str, Any] | None, now: datetime) -> SourceLine:
    if out is not None:
        why = " ".join(filter(None, (str(out.get("pattern") or ""), str(out.get("reply") or ""))))
        state, until = Badge("disabled", Tone.BAD), out.get("until")
    elif one.get("retry_at"):
        failed = one.get("failures", 0)
        why = f"failed {failed} time{'' if failed == 1 else 's'} in a row"
        state, until = Badge("waits", Tone.WARN), one.get("retry_at")
    else:
        why, state, until = "", Badge("in use", Tone.OK), None
    return SourceLine(
        one["address"], str(one["connections"]), state, printable(why, 500), when_told(until, now)
    )


def _error(one: Mapping[str, Any], now: datetime) -> Remark:
    peer, ip = printable(str(one.get("peer") or "")), str(one.get("source_ip") or "")
    return Remark(when_told(one.get("at"), now), printable(str(one.get("text") or ""), 1_000), ip, peer)


def _change(one: Mapping[str, Any], now: datetime) -> Remark:
    modes = f"{one.get('before')} → {one.get('after')}"
    return Remark(when_told(one.get("at"), now), printable(f"{modes}: {one.get('cause', '')}", 1_000))


def _event(one: Mapping[str, Any], now: datetime) -> RecipientEvent:
    kind = str(one.get("kind"))
    return RecipientEvent(
        at=when_told(one.get("at"), now),
        kind=Badge(kind, _KINDS.get(kind, Tone.INFO)),
        source_ip=str(one.get("source_ip") or ""),
        recipient=printable(str(one.get("recipient") or ""), 200),
        job=printable(str(one.get("job") or ""), 80),
        peer=printable(str(one.get("peer") or ""), 200),
        reply=printable(str(one.get("reply") or ""), 1_000),
    )


def _success(events: Sequence[Mapping[str, Any]]) -> Badge:
    counts = Counter(str(one.get("kind")) for one in events)
    said = ", ".join(f"{count} {kind}" for kind, count in counts.most_common()) or "none yet"
    if len(events) <= _FEW:
        return Badge(said, Tone.UNKNOWN)
    share = counts["delivered"] / len(events)
    return Badge(f"{said} ({share:.0%})", Tone.OK if share >= _MOSTLY else Tone.BAD)
