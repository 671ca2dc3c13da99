"""Moves queues between modes and takes source IPs out of them, and tells whoever must know."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.clock import NANOSECONDS, Clock
from core.text import printable
from engine.events import EventKind
from engine.queue.insight import BackoffCause, DisabledSource, ModeChange
from engine.queue.modes import ModeEvent, QueueMode, after
from engine.queue.queue import NEVER, Queue


def _unheard(_kind: str, **_fields: object) -> None:
    """For those whom events do not interest."""


@dataclass(slots=True)
class Conduct:
    """`changed` is called when a queue's mode or sources have changed; `tell` mails a few words to people."""

    clock: Clock
    changed: Callable[[Queue], None]
    tell: Callable[[tuple[str, ...], str, str], None]
    happened: Callable[..., object] = _unheard

    def set_mode(self, queue: Queue, event: ModeEvent, cause: BackoffCause | None = None) -> None:
        """Move a queue between modes; nothing happens if the event means nothing in its mode."""
        mode = after(queue.mode, event)
        if mode is queue.mode:
            return
        text = f"{event}: {cause.pattern} ← {cause.reply}" if cause and cause.pattern else str(event)
        queue.insight.changed(ModeChange(self.clock.now(), queue.mode, mode, text))
        self._told(EventKind.QUEUE_MODE, queue, before=queue.mode, after=mode, cause=text)
        queue.mode = mode
        queue.backoff = cause if mode is QueueMode.BACKOFF else None
        queue.backoff_until = NEVER
        if mode is QueueMode.BACKOFF and cause and cause.until:
            queue.backoff_until = self._ns_at(cause.until, cause.since)
        self.changed(queue)
        people = queue.settings.backoff_notify or ()
        self.tell(people, f"{queue.name} is in {mode} mode", text)

    def cause(
        self,
        queue: Queue,
        pattern: str,
        reply: str,
        peer: str = "",
        source: str = "",
        lasts: timedelta | None = None,
    ) -> BackoffCause:
        """Why a queue enters backoff now, and until when (`lasts` beats backoff-to-normal-after)."""
        now = self.clock.now()
        lasts = lasts or queue.settings.backoff_to_normal_after
        return BackoffCause(now, pattern, printable(reply), peer, source, now + lasts if lasts else None)

    def disable_source(
        self, queue: Queue, address: str, pattern: str, reply: str, lasts: timedelta | None = None
    ) -> None:
        """Take one source IP out of one queue, until its time is over or it is enabled by hand."""
        now = self.clock.now()
        lasts = lasts or queue.settings.reenable_source_ip_after
        until = now + lasts if lasts else None
        queue.disabled[address] = DisabledSource(address, now, pattern, printable(reply), until)
        queue.disabled_until[address] = self._ns_at(until, now) if until else NEVER
        self._told(EventKind.SOURCE_DISABLED, queue, source_ip=address, cause=pattern, until=until)
        people = queue.settings.disabled_source_ip_notify or ()
        self.tell(people, f"{address} is disabled for {queue.name}", f"{pattern} ← {printable(reply)}")
        if queue.settings.backoff_upon_all_sources_disabled and self._none_left(queue):
            cause = self.cause(queue, "every source IP is disabled", reply, "", address)
            self.set_mode(queue, ModeEvent.ALL_SOURCES_DISABLED, cause)
        self.changed(queue)

    def enable_source(self, queue: Queue, address: str) -> None:
        """Let a source IP back in. The queue's mode stays as it is (PowerMTA's rule)."""
        if queue.disabled.pop(address, None) is None:
            return
        queue.disabled_until.pop(address, None)
        self._told(EventKind.SOURCE_ENABLED, queue, source_ip=address)
        people = queue.settings.disabled_source_ip_notify or ()
        self.tell(
            people, f"{address} is enabled again for {queue.name}", "its time is over or it was asked for"
        )
        self.changed(queue)

    def _told(self, kind: EventKind, queue: Queue, **fields: object) -> None:
        self.happened(kind, queue=queue.name, provider=queue.provider, **fields)

    @staticmethod
    def _none_left(queue: Queue) -> bool:
        return all(lane.parent.address in queue.disabled for lane in queue.lanes)

    def _ns_at(self, until: datetime, since: datetime) -> int:
        return self.clock.monotonic_ns() + int((until - since).total_seconds() * NANOSECONDS)
