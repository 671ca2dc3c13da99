"""What the engine tells is put into words, a stranger's text stays inert, and filters take what they name."""

from typing import Any

import pytest

from engine.events import EventKind
from tidegate.cli.event_filter import Wanted
from tidegate.cli.event_words import SHEET, WORDS, Happening
from tidegate.cli.exit_codes import UsageError

IP = "203.0.113.7"
KEY = f"auto:{IP}:yahoo:source-ip-max-msg-rate"
LEASE = {
    "lease": KEY, "scope": f"{IP} × yahoo", "source_ip": IP, "provider": "yahoo", "set_by": "controller",
    "directive": "source-ip-max-msg-rate", "value": "10/h", "reason": "INC-4 listed", "until": "2026-11-23T14:00:00Z",
}  # fmt: skip
MODE = {
    "queue": "a.test/news",
    "provider": "yahoo",
    "before": "normal",
    "after": "backoff",
    "cause": "/TSS04/ ← 421",
}
OUT = {"queue": "a.test/news", "provider": "yahoo", "source_ip": IP, "cause": "/block/", "until": None}
REPLIES = {"source_ip": IP, "provider": "google", "replies": 5, "reply": "550 5.7.1 blocked"}
ACT = {"actor": "ann", "action": "queue.pause", "subject": "a.test/news", "reason": "call"}


def happening(kind: str, fields: dict[str, Any] | None = None, **more: Any) -> Happening:
    return Happening("1f.3", "2026-11-23T08:00:00Z", kind, {**(fields or {}), **more})


def cells(one: Happening) -> dict[str, str]:
    return dict(zip(SHEET.names, one.row, strict=True))


def test_every_kind_that_the_engine_knows_has_its_words() -> None:
    assert set(WORDS) == set(EventKind)


@pytest.mark.parametrize(
    ("one", "event", "about", "text"),
    [
        (happening("queue.mode", MODE), "backoff", "a.test/news", "/TSS04/ ← 421"),
        (happening("queue.mode", MODE, after="normal", cause="a timer"), "back to normal", "a.test/news", "a timer"),
        (
            happening("lease.created", LEASE),
            "limit set",
            f"{IP} × yahoo",
            "source-ip-max-msg-rate 10/h by controller: INC-4 listed, until 2026-11-23 14:00:00",
        ),
        (
            happening("lease.ramping", lease="k", scope=f"{IP} × yahoo"),
            "limit ramps back",
            f"{IP} × yahoo",
            "nobody renewed it, it rises step by step (k)",
        ),
        (happening("source.disabled", OUT), "IP taken out", f"{IP} in a.test/news", "/block/"),
        (
            happening("replies.reputation", REPLIES),
            "replies about IP",
            f"{IP} × google",
            "5 within a minute, the newest: 550 5.7.1 blocked",
        ),
        (happening("audit", ACT), "by hand", "a.test/news", "ann queue.pause: call"),
        (happening("audit", ACT, reason=""), "by hand", "a.test/news", "ann queue.pause"),
        (
            happening("config.reloaded", summary="2 changes", changes=["a: 1 → 2", "b: 3 → 4"]),
            "config reloaded",
            "configuration",
            "a: 1 → 2; b: 3 → 4",
        ),
        (
            happening("spool.low", free_bytes=900_000_000, spool_low=1_000_000_000),
            "disk low",
            "spool",
            "900 MB free, low below 1,000 MB",
        ),
        (happening("tide.turned", height=3), "tide.turned", "tide", "height 3"),
        (happening("lease.created"), "limit set", "lease", "  by : "),
    ],
)  # fmt: skip
def test_an_event_is_told_in_words(
    one: Happening, event: str, about: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    found = cells(one)
    assert (found["event"], found["about"], found["text"]) == (event, about, text)


def test_a_listed_and_a_streamed_event_are_the_same() -> None:
    head = {"id": "1f.3", "at": "2026-11-23T08:00:00Z"}
    listed = Happening.listed({**head, "kind": "queue.mode", "fields": MODE})
    assert Happening.streamed({**head, "event": "queue.mode", **MODE}) == listed
    assert listed.document == {"schema": "event/v1", **head, "kind": "queue.mode", "fields": MODE}


EVENTS = {
    "mode": happening("queue.mode", MODE),
    "lease": happening("lease.created", LEASE),
    "everywhere": happening("lease.created", LEASE, provider="*", scope=f"{IP} × all providers"),
    "out": happening("source.disabled", OUT),
    "replies": happening("replies.reputation", REPLIES),
    "act": happening("audit", ACT),
    "act on a lease": happening("audit", actor="lab", action="lease.created", subject=KEY),
    "act on an IP": happening("audit", actor="ann", action="source.enabled", subject=f"{IP} in a.test/news"),
    "config": happening("config.reloaded", summary="x"),
}
ALL = set(EVENTS) - {"act on a lease"}


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (Wanted.typed(None, None, None, ()), ALL),
        (Wanted.typed(IP, None, None, ()), {"lease", "everywhere", "out", "replies", "act on an IP"}),
        (Wanted.typed("203.0.113.70", None, None, ()), set()),
        (Wanted.typed("3.0.113.7", None, None, ()), set()),
        (Wanted.typed(None, "A.test", None, ()), {"mode", "out", "act", "act on an IP"}),
        (Wanted.typed(None, "*.test", None, ()), {"mode", "out", "act", "act on an IP"}),
        (Wanted.typed(None, "test", None, ()), set()),
        (Wanted.typed(None, None, "Yahoo", ()), {"mode", "lease", "everywhere", "out"}),
        (Wanted.typed(None, None, "google", ()), {"everywhere", "replies"}),
        (Wanted.typed(None, None, None, ("lease", "queue.mode")), {"lease", "everywhere", "mode"}),
        (Wanted.typed(None, None, "yahoo", ("audit",)), {"act on a lease"}),
        (Wanted.typed(IP, None, None, ("audit",)), {"act on a lease", "act on an IP"}),
    ],
)
def test_a_filter_takes_what_it_names(wanted: Wanted, taken: set[str]) -> None:
    assert {name for name, one in EVENTS.items() if wanted.takes(one)} == taken


def test_that_something_was_missed_is_told_whatever_is_wanted() -> None:
    assert Wanted.typed(IP, "a.test", "yahoo", ["lease"]).takes(happening("events.missed", reason="gone"))


@pytest.mark.parametrize(
    ("ip", "kind", "said"),
    [
        ("mine", "lease", "--ip 'mine' is not an address"),
        (None, "lease.create", r"'lease.create' is not known \(did you mean lease.created\?\)"),
        (None, "zebra", r"'zebra' is not known; there are queue.mode, lease.created"),
    ],
)
def test_what_cannot_be_filtered_by_is_told(ip: str | None, kind: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Wanted.typed(ip, None, None, [kind])
