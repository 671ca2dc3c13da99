"""What the engine tells, in words: which kind, about what, and the text."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from core.provider import EVERY
from tidegate.cli.columns import Column, Sheet
from tidegate.cli.output import read_time

MISSED: Final = "events.missed"
BAD, GOOD, HELD = "31", "32", "33"
WORDS: Final = {
    "queue.mode": "mode",
    "lease.created": "limit set",
    "lease.changed": "limit changed",
    "lease.deleted": "limit lifted",
    "lease.ramping": "limit ramps back",
    "lease.ended": "limit ended",
    "source.disabled": "IP taken out",
    "source.enabled": "IP back in",
    "config.reloaded": "config reloaded",
    "config.refused": "config refused",
    "spool.low": "disk low",
    "spool.recovered": "disk has room",
    "replies.reputation": "replies about IP",
    "audit": "by hand",
    MISSED: "events missed",
}
_TONES: Final = {
    "lease.created": HELD,
    "lease.changed": HELD,
    "lease.deleted": GOOD,
    "lease.ended": GOOD,
    "source.disabled": BAD,
    "source.enabled": GOOD,
    "config.refused": BAD,
    "spool.low": BAD,
    "spool.recovered": GOOD,
    "replies.reputation": BAD,
    MISSED: BAD,
}
SHEET: Final = Sheet(
    Column("time", also=("at",)),
    Column("event", also=("what",)),
    Column("about", also=("subject",)),
    Column("text"),
    Column("kind", hidden=True),
    Column("IP", hidden=True, also=("source-ip",)),
    Column("provider", hidden=True),
    Column("queue", hidden=True),
    Column("id", hidden=True),
)
_MEGA: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of the engine. `fields` depend on its kind."""

    id: str
    at: str
    kind: str
    fields: Mapping[str, Any]

    @classmethod
    def listed(cls, told: Mapping[str, Any]) -> Self:
        """Out of a listing."""
        return cls(str(told["id"]), str(told["at"]), str(told["kind"]), told["fields"])

    @classmethod
    def streamed(cls, told: Mapping[str, Any]) -> Self:
        """Out of the stream, where name and fields stand side by side."""
        fields = {key: value for key, value in told.items() if key not in {"id", "at", "event"}}
        return cls(str(told.get("id", "")), str(told.get("at", "")), str(told["event"]), fields)

    @property
    def document(self) -> dict[str, Any]:
        return {"schema": "event/v1", "id": self.id, "at": self.at, "kind": self.kind, "fields": self.fields}

    @property
    def tone(self) -> str:
        """A colour's code, or nothing."""
        if self.kind == "queue.mode":
            return BAD if self.fields.get("after") == "backoff" else GOOD
        return _TONES.get(self.kind, "")

    @property
    def row(self) -> tuple[str, ...]:
        """Its cells in SHEET."""
        at = read_time(self.at)
        when = at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else self.at
        provider = self._word("provider")
        return (
            when,
            self._named(),
            about(self),
            text(self),
            self.kind,
            self._word("source_ip") or "-",
            "all" if provider == EVERY else provider or "-",
            self._word("queue") or "-",
            self.id,
        )

    def _named(self) -> str:
        if self.kind == "queue.mode":
            return "backoff" if self.fields.get("after") == "backoff" else "back to normal"
        return WORDS.get(self.kind, self.kind)

    def _word(self, key: str) -> str:
        return said(self.fields.get(key))


def about(one: Happening) -> str:
    """What it is about: a queue, a scope, an IP, or what was changed by hand."""
    fields = one.fields
    if "queue" in fields:
        source = said(fields.get("source_ip"))
        return f"{source} in {fields['queue']}" if source else str(fields["queue"])
    if "source_ip" in fields and "scope" not in fields:
        return f"{fields['source_ip']} × {fields.get('provider', '')}"
    area = one.kind.partition(".")[0]
    return said(fields.get("scope") or fields.get("subject")) or {"config": "configuration"}.get(area, area)


def text(one: Happening) -> str:
    """The rest of it in a sentence."""
    fields = {key: said(value) for key, value in one.fields.items()}
    tell = _TEXTS.get(one.kind, _every_field)
    return tell(defaultdict(str, fields))


Fields = Mapping[str, str]


def _lease(fields: Fields) -> str:
    limit = f"{fields['directive']} {fields['value']} by {fields['set_by']}"
    return f"{limit}: {fields['reason']}{_until(fields)}"


def _replies(fields: Fields) -> str:
    return f"{fields['replies']} within a minute, the newest: {fields['reply']}"


def _space(fields: Fields) -> str:
    return f"{_mega(fields['free_bytes'])} free, low below {_mega(fields['spool_low'])}"


def _act(fields: Fields) -> str:
    return f"{fields['actor']} {fields['action']}" + (f": {fields['reason']}" if fields["reason"] else "")


def _every_field(fields: Fields) -> str:
    return ", ".join(f"{key} {value}" for key, value in fields.items())


_TEXTS: Final[Mapping[str, Callable[[Fields], str]]] = {
    "queue.mode": lambda fields: fields["cause"],
    "lease.created": _lease,
    "lease.changed": _lease,
    "lease.deleted": _lease,
    "lease.ramping": lambda fields: f"nobody renewed it, it rises step by step ({fields['lease']})",
    "lease.ended": lambda fields: f"it is over ({fields['lease']})",
    "source.disabled": lambda fields: f"{fields['cause']}{_until(fields)}",
    "source.enabled": lambda _: "its time is over or it was asked for",
    "config.reloaded": lambda fields: fields["changes"] or fields["summary"],
    "config.refused": lambda fields: fields["reason"],
    "spool.low": _space,
    "spool.recovered": _space,
    "replies.reputation": _replies,
    "audit": _act,
    MISSED: lambda fields: fields["reason"],
}


def said(value: object) -> str:
    """A field's value in a line."""
    if value is None:
        return ""
    return "; ".join(str(one) for one in value) if isinstance(value, list | tuple) else str(value)


def _until(fields: Fields) -> str:
    written = fields["until"]
    at = read_time(written)
    return f", until {at.astimezone():%Y-%m-%d %H:%M:%S}" if at else ""


def _mega(octets: str) -> str:
    return f"{int(octets) / _MEGA:,.0f} MB" if octets.isdecimal() else "?"
