"""Saves the engine's running state and takes it back, after a clean stop, a crash or a clock jump."""

from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from core.clock import NANOSECONDS, Clock
from core.lease import Lease
from core.statistics import ScopeMinute
from engine.queue.book import QueueBook
from engine.queue.insight import BackoffCause, DisabledSource, ModeChange, QueueError, RecipientEvent
from engine.queue.modes import QueueMode
from engine.queue.queue import NEVER, Queue
from engine.shaping.leases import LeaseBook
from engine.shaping.limiters import Limiters, Start
from engine.state import Section, StateStore
from engine.statistics import Statistics


def load_limiters(state: StateStore, clock: Clock) -> Limiters:
    """The limiters as the last run left them. From now on this run is a crash until it stops cleanly."""
    meta, debts = state.load(Section.META), state.load(Section.LIMITERS)
    state.save(Section.META, {"clean_stop_at": None, "started": True})
    now = clock.monotonic_ns()
    if not meta.get("started"):
        return Limiters(now)
    stopped = meta.get("clean_stop_at")
    away = clock.now().timestamp() - stopped if stopped is not None else -1.0
    if away < 0:  # a crash, or a clock that went back: take every window to be full
        return Limiters(now, Start.CRASHED)
    saved = {key: debt - int(away * NANOSECONDS) for key, debt in debts.items()}
    return Limiters(now, Start.RESTORED, saved)


def save_limiters(state: StateStore, limiters: Limiters, clock: Clock) -> None:
    """At a clean stop."""
    state.save(Section.LIMITERS, limiters.debts(clock.monotonic_ns()), replace=True)
    state.save(Section.META, {"clean_stop_at": clock.now().timestamp()})


def load_leases(state: StateStore) -> LeaseBook:
    """Every lease that was held, and the highest epoch seen."""
    book = LeaseBook()
    for value in state.load(Section.LEASES).values():
        book.put(Lease.model_validate(value))
    book.epoch = max(book.epoch, int(state.load(Section.META).get("epoch", 0)))
    return book


def save_lease(state: StateStore, book: LeaseBook, key: str) -> None:
    """Write one lease, or its absence, and the epoch; returns when it is on disk."""
    lease = book.get(key)
    state.save(Section.LEASES, {key: lease.model_dump(mode="json") if lease else None})
    state.save(Section.META, {"epoch": book.epoch})


def save_queues(state: StateStore, queues: Collection[Queue] | QueueBook) -> None:
    """Write mode, pause and insight of some queues."""
    written = {queue.name: _dump(queue) for queue in queues}
    state.save(Section.QUEUES, written)
    for queue in queues:
        queue.saved_errors = queue.insight.errors


def load_queues(state: StateStore, book: QueueBook, vmtas: Iterable[str], clock: Clock) -> None:
    """Take back the queues of VirtualMTAs that still exist."""
    known = set(vmtas)
    for name, value in state.load(Section.QUEUES).items():
        domain, _, vmta = name.rpartition("/")
        if vmta in known:
            _restore(book.queue(domain, vmta), value, clock)


def save_statistics(state: StateStore, statistics: Statistics, since: datetime) -> None:
    """Write the minutes from `since` on."""
    rows = statistics.since(since)
    state.save(
        Section.STATISTICS,
        {f"{r.minute.isoformat()} {r.source_ip} {r.provider}": r.model_dump(mode="json") for r in rows},
    )


def load_statistics(state: StateStore, statistics: Statistics, since: datetime) -> None:
    """Take back the minutes from `since` on and drop older ones."""
    rows = state.load(Section.STATISTICS)
    fresh = {k: ScopeMinute.model_validate(v) for k, v in rows.items()}
    statistics.restore(row for row in fresh.values() if row.minute >= since)
    state.save(Section.STATISTICS, {k: None for k, row in fresh.items() if row.minute < since})


def _dump(queue: Queue) -> dict[str, Any]:
    return {
        "mode": queue.mode,
        "paused": queue.paused,
        "backoff": _plain(queue.backoff) if queue.backoff else None,
        "disabled": [_plain(one) for one in queue.disabled.values()],
        "errors": [_plain(e) for e in queue.insight.errors],
        "mode_changes": [_plain(e) for e in queue.insight.mode_changes],
        "events": [_plain(e) for e in queue.insight.events],
    }


def _restore(queue: Queue, value: dict[str, Any], clock: Clock) -> None:
    queue.mode, queue.paused = QueueMode(value["mode"]), value["paused"]
    queue.insight.errors = tuple(QueueError(**_times(e)) for e in value["errors"])
    queue.insight.mode_changes = tuple(ModeChange(**_times(e)) for e in value["mode_changes"])
    for event in value["events"]:
        queue.insight.happened(RecipientEvent(**_times(event)))
    if value["backoff"]:
        queue.backoff = BackoffCause(**_times(value["backoff"]))
        queue.backoff_until = _ns_until(queue.backoff.until, clock)
    for one in value.get("disabled", ()):
        disabled = DisabledSource(**_times(one))
        queue.disabled[disabled.address] = disabled
        queue.disabled_until[disabled.address] = _ns_until(disabled.until, clock)
    if queue.mode is QueueMode.NORMAL:
        queue.backoff_until = NEVER


def _ns_until(until: datetime | None, clock: Clock) -> int:
    if until is None:
        return NEVER
    return clock.monotonic_ns() + max(0, int((until - clock.now()).total_seconds() * NANOSECONDS))


def _plain(record: Any) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(record).items()}


def _times(value: dict[str, Any]) -> dict[str, Any]:
    return {
        k: datetime.fromisoformat(v) if k in {"at", "since", "until"} and v else v for k, v in value.items()
    }
