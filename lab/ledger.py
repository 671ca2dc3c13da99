"""What the providers saw: an entry for each attempt and delivered recipient, and pure questions on them.

The ledger is the independent witness: it is written on the receiving side of real sockets, so it proves
rates and losses whatever the engine says of itself.
"""

import json
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

from core.clock import NANOSECONDS
from lab.judge import Stage


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a provider's log.

    A refused MAIL and each RCPT are attempts; a DATA entry, one for each recipient accepted before, says what
    became of the message. `at` and `monotonic_ns` are the lab clock's; `peer` is the address on the socket,
    `address` the one that the provider knows it by; `message` is the lab's id header, known at DATA alone.
    """

    at: datetime
    monotonic_ns: int
    provider: str
    peer: str
    address: str
    stage: Stage
    domain: str
    recipient: str
    reply: str
    message: str = ""

    @property
    def is_attempt(self) -> bool:
        return self.stage is not Stage.DATA

    @property
    def accepted(self) -> bool:
        return self.reply.startswith("2")


class Ledger:
    """An append-only list of entries, in memory and, with `path`, as JSON lines."""

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[Entry] = []
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None

    def append(self, entry: Entry) -> None:
        self.entries.append(entry)
        if self._file is not None:
            self._file.write(json.dumps(asdict(entry), default=str) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def since(self, moment: datetime) -> list[Entry]:
        """Entries from `moment` on. Entries are in order of time."""
        return self.entries[bisect_left(self.entries, moment, key=lambda entry: entry.at) :]


def attempts(
    entries: Iterable[Entry], *, address: str | None = None, provider: str | None = None
) -> list[Entry]:
    """The attempted recipients among the entries, of one address and provider if given."""
    return [
        e
        for e in entries
        if e.is_attempt
        and (address is None or e.address == address)
        and (provider is None or e.provider == provider)
    ]


def most_in_any_window(attempted: Iterable[Entry], window: timedelta) -> int:
    """The largest number of attempts in any half-open window of that length, wherever it starts."""
    times = sorted(e.monotonic_ns for e in attempted)
    span = round(window.total_seconds() * NANOSECONDS)
    # a fullest window can always be slid until it begins at an attempt
    return max((bisect_left(times, start + span) - place for place, start in enumerate(times)), default=0)


def most_by_address(entries: Iterable[Entry], window: timedelta) -> dict[str, int]:
    """`most_in_any_window` for each address that attempted anything."""
    grouped: dict[str, list[Entry]] = {}
    for entry in attempts(entries):
        grouped.setdefault(entry.address, []).append(entry)
    return {address: most_in_any_window(group, window) for address, group in grouped.items()}


def per_minute(attempted: Iterable[Entry]) -> dict[datetime, int]:
    """Attempts in each minute that had any, by the minute's start."""
    counts = Counter(e.at.replace(second=0, microsecond=0) for e in attempted)
    return dict(sorted(counts.items()))


def per_hour(attempted: Sequence[Entry], start: datetime, end: datetime) -> float:
    """Attempts an hour between two moments (the end excluded). Raises ValueError when start is not before."""
    if start >= end:
        raise ValueError("a rate needs a stretch of time: start must be before end")
    return sum(start <= e.at < end for e in attempted) * 3600 / (end - start).total_seconds()


def acceptance(entries: Iterable[Entry]) -> float | None:
    """The share of attempts answered 2xx at MAIL or RCPT; None when there were none."""
    answered = [e.accepted for e in entries if e.is_attempt]
    return sum(answered) / len(answered) if answered else None


def deliveries(entries: Iterable[Entry]) -> Counter[tuple[str, str]]:
    """How often each (message id, recipient) was accepted after DATA."""
    return Counter((e.message, e.recipient) for e in entries if e.stage is Stage.DATA and e.accepted)


def missing(entries: Iterable[Entry], promised: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those (message id, recipient) of `promised` that never arrived."""
    return set(promised) - set(deliveries(entries))


def duplicated(entries: Iterable[Entry]) -> dict[tuple[str, str], int]:
    """Those (message id, recipient) that arrived more than once, with how often."""
    return {key: count for key, count in deliveries(entries).items() if count > 1}


class SlidingCount:
    """How many events fell into the last `window`, kept as they come; events may arrive out of order."""

    def __init__(self, window: timedelta = timedelta(hours=1)) -> None:
        self._window = window
        self._times: list[datetime] = []

    def add(self, at: datetime) -> None:
        insort(self._times, at)

    def at(self, now: datetime) -> int:
        """Events later than `now - window`; forgets older ones."""
        del self._times[: bisect_left(self._times, now - self._window)]
        return len(self._times)
