"""What the lab's DNS knows: zones that a story can change while they are being asked.

Decides what a zone answers to a question; refuses to know sockets and wire format.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address

from core.address import IpAddress, reversed_labels

TEST_LISTED = ip_address("127.0.0.2")
"""RFC 5782 section 5: always listed, so that a client can tell a working list from a dead one."""

LISTING = "127.0.0.2"
REFUSAL = "127.255.255.254"
"""What Spamhaus says to a public resolver: an error, never a listing."""

PARKED = "203.0.113.80"
"""What the new owner of an abandoned list's domain answers to everything: a web server."""


class Behaviour(StrEnum):
    """How a zone treats whoever asks."""

    NORMAL = "answers by its records"
    REFUSES = "answers 127.255.255.254 to everything: the resolver may not ask"
    WILDCARD = "answers one address to everything: parked, or lists the world"
    SERVFAIL = "answers SERVFAIL"
    SILENT = "never answers: dead"
    NODATA = "answers that the name exists and has no such record"


class Outcome(StrEnum):
    """What kind of answer a question gets."""

    ANSWERED = "records"
    NODATA = "the name exists, the type does not"
    NXDOMAIN = "no such name"
    SERVFAIL = "server failure"
    REFUSED = "not our zone"
    SILENT = "no answer at all"


_BROKEN = {
    Behaviour.SILENT: Outcome.SILENT,
    Behaviour.SERVFAIL: Outcome.SERVFAIL,
    Behaviour.NODATA: Outcome.NODATA,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What to put on the wire. `zone` is empty when no zone of ours holds the name."""

    outcome: Outcome
    zone: str = ""
    records: tuple[str, ...] = ()
    ttl: int = 0
    negative_ttl: int = 0


@dataclass(slots=True)
class Zone:
    """One zone: `records` maps (name relative to the zone, type) to values in presentation form.

    TTLs are in real seconds, as on the wire. They are 0 by default: at a rehearsal's speed one cached
    second would be hours, and would hide a listing or a delisting.
    """

    name: str
    behaviour: Behaviour = Behaviour.NORMAL
    wildcard: str = PARKED
    ttl: int = 0
    negative_ttl: int = 0
    records: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def answer(self, label: str, kind: str) -> Answer:
        """Answer for `label` (relative, lower case, empty at the apex) and a record type such as `A`."""
        if self.behaviour in _BROKEN:
            return self._said(_BROKEN[self.behaviour])
        if self.behaviour is Behaviour.REFUSES:
            return self._everything(REFUSAL, kind)
        if self.behaviour is Behaviour.WILDCARD:
            return self._everything(self.wildcard, kind)
        found = self.records.get((label, kind))
        if found:
            return self._said(Outcome.ANSWERED, found)
        exists = not label or any(name == label or name.endswith(f".{label}") for name, _ in self.records)
        return self._said(Outcome.NODATA if exists else Outcome.NXDOMAIN)

    def _everything(self, address: str, kind: str) -> Answer:
        return self._said(Outcome.ANSWERED, (address,)) if kind == "A" else self._said(Outcome.NODATA)

    def _said(self, outcome: Outcome, records: tuple[str, ...] = ()) -> Answer:
        return Answer(outcome, self.name, records, self.ttl, self.negative_ttl)


class Zones:
    """All zones of the lab. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._zones: dict[str, Zone] = {}
        self._queries: Counter[str] = Counter()

    def add(self, name: str, *, behaviour: Behaviour = Behaviour.NORMAL, wildcard: str = PARKED) -> Zone:
        """Make a zone, or replace the one of that name."""
        zone = Zone(name.lower(), behaviour, wildcard)
        with self._lock:
            self._zones[zone.name] = zone
        return zone

    def add_blocklist(
        self, name: str, *, behaviour: Behaviour = Behaviour.NORMAL, wildcard: str = PARKED
    ) -> Zone:
        """Make a DNS list with the test points of RFC 5782 section 5: 127.0.0.2 listed, 127.0.0.1 not."""
        zone = self.add(name, behaviour=behaviour, wildcard=wildcard)
        self.enlist(name, TEST_LISTED, text="test point")
        return zone

    def add_mail_domain(self, domain: str, exchangers: Mapping[str, IpAddress]) -> None:
        """A domain whose MX records name `exchangers` in order of preference, each with its address."""
        zone = self.add(domain)
        with self._lock:
            zone.records["", "MX"] = tuple(f"{10 * n} {host}." for n, host in enumerate(exchangers, 1))
        for host, address in exchangers.items():
            self.set_address(host, address)

    def set_address(self, host: str, address: IpAddress) -> None:
        """An A record for `host`, in the zone that holds it or in one of its own."""
        with self._lock:
            found = self._find(host.lower())
            zone, label = found or (self.add(host), "")
            zone.records[label, "A"] = (str(address),)

    def enlist(
        self, zone: str, address: IpAddress, code: str | Iterable[str] = LISTING, text: str = ""
    ) -> None:
        """List an address: A record(s) `code` and a TXT that gives the reason."""
        codes = (code,) if isinstance(code, str) else tuple(code)
        label = reversed_labels(address)
        with self._lock:
            records = self._zones[zone].records
            records[label, "A"] = codes
            if text:
                records[label, "TXT"] = (text,)

    def delist(self, zone: str, address: IpAddress) -> None:
        """Take an address off a list; nothing happens when it is not on it."""
        label = reversed_labels(address)
        with self._lock:
            for kind in ("A", "TXT"):
                self._zones[zone].records.pop((label, kind), None)

    def score(self, zone: str, address: IpAddress, score: int | None) -> None:
        """Publish a score 0..100 as 127.0.4.N; None takes it away (too little mail seen)."""
        self.delist(zone, address)
        if score is not None:
            self.enlist(zone, address, f"127.0.4.{score}")

    def behave(self, zone: str, behaviour: Behaviour, wildcard: str | None = None) -> None:
        """Change how a zone treats whoever asks."""
        with self._lock:
            self._zones[zone].behaviour = behaviour
            if wildcard is not None:
                self._zones[zone].wildcard = wildcard

    def queries(self, zone: str) -> int:
        """How often a zone has been asked."""
        with self._lock:
            return self._queries[zone]

    def ask(self, name: str, kind: str) -> Answer:
        """Answer one question and count it. Names are compared without case and final dot."""
        wanted = name.lower().rstrip(".")
        with self._lock:
            found = self._find(wanted)
            if found is None:
                return Answer(Outcome.REFUSED)
            zone, label = found
            self._queries[zone.name] += 1
            return zone.answer(label, kind)

    def _find(self, name: str) -> tuple[Zone, str] | None:
        labels = name.split(".")
        for place in range(len(labels)):
            zone = self._zones.get(".".join(labels[place:]))
            if zone is not None:
                return zone, ".".join(labels[:place])
        return None
