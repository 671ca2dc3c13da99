"""What every collector hands back, and how a collector looks from outside."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol

from core.address import IpAddress
from core.reading import Quality, Reading
from monitor.collectors.snds_access import Access
from monitor.health import SourceOutcome
from storage.snds import Activity


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a source is not believed."""

    quality: Quality
    detail: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one DNS list said about everybody who has no reading of his own in this round.

    `clean` marks, place by place, the `ips` that it called clean; `unknown` says of others why nothing is
    known. `doubt`, when there is one, stands for all. Each IP of the fleet was called clean at `whole_at` or
    later, or has readings of his own; None while some have not been asked yet.
    """

    metric: str
    at: datetime
    families: tuple[int, ...]
    ips: Sequence[IpAddress] = ()
    clean: bytes | bytearray = b""
    unknown: Mapping[IpAddress, str] = field(default_factory=dict)
    doubt: Doubt | None = None
    whole_at: datetime | None = None
    cadence: timedelta = timedelta(0)

    def said(self) -> Iterator[tuple[IpAddress, bool]]:
        """Each IP that was asked about, and whether it was called clean."""
        for place, ip in enumerate(self.ips):
            yield ip, self.doubt is None and bool(self.clean[place])


@dataclass(frozen=True, slots=True)
class Collected:
    """One round of one collector, or a part of it: readings to store, and how each of its sources did.

    SNDS alone brings `activity`, `read_through` by account, and how its doors stand. `fleet` goes with
    `coverage`: everybody the round might have asked about.
    """

    source: str
    readings: list[Reading] = field(default_factory=list)
    outcomes: list[SourceOutcome] = field(default_factory=list)
    activity: list[Activity] = field(default_factory=list)
    read_through: dict[str, date] = field(default_factory=dict)
    access: list[Access] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    fleet: Sequence[IpAddress] = ()


class Collector(Protocol):
    """Asks one kind of source about IPs. It never raises for what a source did: that is an outcome."""

    @property
    def name(self) -> str:
        """`dnsbl`, `sender-score` or `snds`."""
        ...

    async def collect(self, ips: Sequence[IpAddress], now: datetime) -> Collected:
        """Ask about all of these; `now` is the readings' time."""
        ...

    async def aclose(self) -> None:
        """Give back sockets."""
        ...


class ScriptedCollector:
    """Hands back what it was given, round by round; the last round repeats. For tests and rehearsals."""

    def __init__(self, name: str, rounds: Iterable[Collected]) -> None:
        self._name = name
        self._rounds = list(rounds)
        self.asked: list[tuple[tuple[IpAddress, ...], datetime]] = []

    @property
    def name(self) -> str:
        return self._name

    async def collect(self, ips: Sequence[IpAddress], now: datetime) -> Collected:
        self.asked.append((tuple(ips), now))
        if not self._rounds:
            return Collected(self._name)
        return self._rounds.pop(0) if len(self._rounds) > 1 else self._rounds[0]

    async def aclose(self) -> None:
        self._rounds.clear()
