"""The listing of queues: what is asked of the engine, and a row for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from core.text import printable
from tidegate.web.views.parts import (
    PER_PAGE,
    Badge,
    Heading,
    Paging,
    Tone,
    When,
    address,
    page_number,
    paging,
    sorting,
    when_told,
)

PATH: Final = "/queues"
_SORTS = {"rcpt": "#rcpt", "size": "kbytes", "name": "queue"}
_STATES = ("backoff", "paused", "errors")


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody wants to see, as the address says it; a word that is not known counts as none."""

    text: str = ""
    state: str = ""
    provider: str = ""
    sort: str = ""
    page: int = 1

    @property
    def words(self) -> dict[str, str]:
        """The query as an address has it, without the page."""
        return {"q": self.text, "state": self.state, "provider": self.provider, "sort": self.sort}

    @property
    def filters(self) -> dict[str, Any]:
        """The query as the engine's API has it."""
        return {
            "name": _pattern(self.text),
            "mode": "backoff" if self.state == "backoff" else None,
            "paused": True if self.state == "paused" else None,
            "errors": True if self.state == "errors" else None,
            "provider": self.provider or None,
            "sort": self.sort or "rcpt",
            "limit": PER_PAGE,
            "offset": (self.page - 1) * PER_PAGE,
        }


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue: as PowerMTA prints it."""

    name: str
    address: str
    recipients: str
    kbytes: str
    connections: str
    states: tuple[Badge, ...]
    retry: When | None
    error: str


@dataclass(frozen=True, slots=True)
class Queues:
    """A page of queues."""

    query: Query
    address: str
    headings: tuple[Heading, ...]
    rows: tuple[QueueRow, ...]
    paging: Paging
    providers: tuple[str, ...]
    states: tuple[str, ...] = _STATES


def query(asked: Mapping[str, str]) -> Query:
    """Read an address."""
    state, sort = asked.get("state", ""), asked.get("sort", "")
    return Query(
        text=printable(asked.get("q", ""), 200),
        state=state if state in _STATES else "",
        provider=printable(asked.get("provider", ""), 60),
        sort=sort if sort in _SORTS else "",
        page=page_number(asked.get("page", "")),
    )


def queues(
    asked: Query, found: Sequence[Mapping[str, Any]], matching: int, providers: Sequence[str], now: datetime
) -> Queues:
    """A page of what the engine answered."""
    return Queues(
        query=asked,
        address=address(PATH, asked.words, page=str(asked.page) if asked.page > 1 else ""),
        headings=_headings(asked),
        rows=tuple(queue_row(one, now) for one in found),
        paging=paging(PATH, asked.words, asked.page, matching, "queues"),
        providers=tuple(providers),
    )


def queue_row(one: Mapping[str, Any], now: datetime) -> QueueRow:
    """One line of the listing."""
    return QueueRow(
        name=one["name"],
        address=f"{PATH}/{one['name']}",
        recipients=f"{one['recipients']:,}",
        kbytes=f"{float(one.get('kbytes') or 0):,.1f}",
        connections=str(one["connections"]),
        states=states(one),
        retry=when_told(one.get("next_retry_at"), now),
        error=printable(str(one.get("last_error") or ""), 300),
    )


def states(one: Mapping[str, Any]) -> tuple[Badge, ...]:
    """Backoff and paused; nothing for a queue that simply works."""
    found = [Badge("backoff", Tone.WARN)] if one.get("mode") == "backoff" else []
    return (*found, Badge("paused", Tone.INFO)) if one.get("paused") else tuple(found)


def _pattern(text: str) -> str | None:
    """`gmail` finds every queue with gmail in its domain; a pattern with * or / is taken as it is."""
    if not text:
        return None
    return text if "*" in text or "/" in text else f"*{text}*"


def _headings(asked: Query) -> tuple[Heading, ...]:
    heading = partial(sorting, PATH, asked.words, _SORTS, asked.sort or "rcpt")
    plain = (Heading("conn", is_number=True), Heading("state"), Heading("retry"), Heading("last error"))
    return (heading("name"), heading("rcpt", number=True), heading("size", number=True), *plain)
