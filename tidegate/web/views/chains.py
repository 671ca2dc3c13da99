"""Limit chains on a page: every term, strictest first, the binding one marked, who, why, since, until."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.lease import Origin
from core.limit import LimitChain, LimitTerm
from core.text import printable
from tidegate.web.views.parts import Tone, When, when


@dataclass(frozen=True, slots=True)
class Term:
    """One bound. `key` is the lease behind it, if one is."""

    binds: bool
    tone: Tone
    value: str
    origin: str
    set_by: str
    reason: str
    where: str
    since: When | None
    until: When | None
    key: str


@dataclass(frozen=True, slots=True)
class Chain:
    """All bounds of one directive on one subject; `effective` is what holds."""

    subject: str
    directive: str
    effective: str
    terms: tuple[Term, ...]


def chains(found: Iterable[LimitChain], now: datetime) -> tuple[Chain, ...]:
    """Those that bound anything."""
    return tuple(_chain(one, now) for one in found if not one.effective.is_unlimited)


def _chain(found: LimitChain, now: datetime) -> Chain:
    terms = tuple(_term(term, now) for term in found.terms)
    return Chain(printable(found.subject), str(found.directive), str(found.effective), terms)


def _term(term: LimitTerm, now: datetime) -> Term:
    return Term(
        binds=term.binding,
        tone=Tone.OK if term.origin is Origin.CONFIGURATION else Tone.WARN,
        value=str(term.value),
        origin=str(term.origin),
        set_by=term.set_by,
        reason=printable(term.reason, 1_000),
        where=term.where,
        since=when(term.since, now),
        until=when(term.until, now),
        key=term.lease_key or "",
    )
