"""Who did what: the monitor's and controller's audit, and the engine's own beside it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.text import printable
from storage.audit import AuditEntry
from tidegate.cli.output import read_time
from tidegate.web.views.parts import PER_PAGE, Paging, When, address, page_number, when

PATH: Final = "/audit"


@dataclass(frozen=True, slots=True)
class Query:
    """A part of any word of an entry, and the page."""

    text: str = ""
    page: int = 1

    @property
    def words(self) -> dict[str, str]:
        return {"q": self.text}

    @property
    def offset(self) -> int:
        return (self.page - 1) * PER_PAGE


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One act."""

    at: When | None
    actor: str
    action: str
    subject: str
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class Audit:
    """The page; `engine` are acts that the engine itself wrote down, from whoever they came."""

    query: Query
    address: str
    rows: tuple[AuditRow, ...]
    paging: Paging
    engine: tuple[AuditRow, ...]


def query(asked: Mapping[str, str]) -> Query:
    """Read an address."""
    return Query(printable(asked.get("q", ""), 200), page_number(asked.get("page", "")))


def audit(
    asked: Query, found: Sequence[AuditEntry], engine: Iterable[Mapping[str, Any]], now: datetime
) -> Audit:
    """A page of the newest acts; `found` has one more than a page where there is another page."""
    more = len(found) > PER_PAGE
    first = asked.offset + 1
    shown = found[:PER_PAGE]
    text = f"{first:,} to {asked.offset + len(shown):,}, newest first" if shown else "nothing"
    back = address(PATH, asked.words, page="" if asked.page <= 2 else str(asked.page - 1))
    return Audit(
        query=asked,
        address=address(PATH, asked.words, page=str(asked.page) if asked.page > 1 else ""),
        rows=tuple(_row(one, now) for one in shown),
        paging=Paging(
            text,
            back if asked.page > 1 else "",
            address(PATH, asked.words, page=str(asked.page + 1)) if more else "",
        ),
        engine=tuple(_engine_row(one, now) for one in engine if _fits(one, asked.text)),
    )


def _row(one: AuditEntry, now: datetime) -> AuditRow:
    before, after = one.before or "", one.after or ""
    change = f"{before or 'nothing'} → {after or 'nothing'}" if before and after else before or after
    return AuditRow(
        when(one.at, now),
        one.actor,
        one.action,
        printable(one.subject, 300),
        printable(change, 300),
        printable(one.reason, 1_000),
    )


def _engine_row(one: Mapping[str, Any], now: datetime) -> AuditRow:
    told = [_short(one.get(key)) for key in ("before", "after")]
    return AuditRow(
        when(read_time(one.get("at")), now),
        str(one.get("actor", "")),
        str(one.get("action", "")),
        printable(str(one.get("subject", "")), 300),
        " → ".join(part for part in told if part),
        printable(str(one.get("reason", "")), 1_000),
    )


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return printable(str(value.get("value") or json.dumps(value, default=str)), 200)
    return "" if value is None else printable(str(value), 200)


def _fits(one: Mapping[str, Any], text: str) -> bool:
    return not text or text.lower() in json.dumps(one, default=str).lower()
